//! Where Redis is.

#[cfg(any(feature = "cluster", feature = "sentinel", feature = "tls"))]
use redis::ConnectionAddr;
#[cfg(feature = "blocking")]
use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionInfo, IntoConnectionInfo};
#[cfg(feature = "sentinel")]
use redis::{Cmd, ErrorKind, Value, cmd, from_redis_value};

use crate::error::{Error, Result};
#[cfg(feature = "cluster")]
use crate::topology::Address;

/// The server or servers a cache talks to.
#[derive(Clone)]
pub(crate) enum Servers {
    One(Client),
    #[cfg(feature = "sentinel")]
    Sentinel(Watched),
    #[cfg(feature = "cluster")]
    Cluster(Vec<ConnectionInfo>),
}

/// A primary that sentinels watch.
#[cfg(feature = "sentinel")]
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) sentinels: Vec<ConnectionInfo>,
    pub(crate) service: String,
    pub(crate) node: redis::RedisConnectionInfo,
}

impl Servers {
    pub(crate) fn one(url: &str) -> Result<Self> {
        Ok(Self::One(Client::open(info(url)?)?))
    }

    #[cfg(feature = "sentinel")]
    pub(crate) fn sentinel(
        urls: &[String],
        service: &str,
        node: redis::RedisConnectionInfo,
    ) -> Result<Self> {
        let sentinels = infos(urls)?;
        Ok(Self::Sentinel(Watched {
            sentinels,
            service: service.to_owned(),
            node,
        }))
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn cluster(urls: &[String]) -> Result<Self> {
        Ok(Self::Cluster(infos(urls)?))
    }

    /// A client for one server: the primary, or any node of a cluster.
    #[cfg(feature = "tokio")]
    pub(crate) async fn client(&self) -> Result<Client> {
        match self {
            Self::One(client) => Ok(client.clone()),
            #[cfg(feature = "sentinel")]
            Self::Sentinel(watched) => crate::aio::sentinel::primary(watched).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(nodes) => any_of(nodes),
        }
    }

    /// Clients for servers of which any will do: the only one, or those of the cluster that the
    /// application has named, and some of these may be gone.
    #[cfg(feature = "tokio")]
    pub(crate) async fn candidates(&self) -> Result<Vec<Client>> {
        match self {
            #[cfg(feature = "cluster")]
            Self::Cluster(nodes) => nodes
                .iter()
                .map(|node| Ok(Client::open(node.clone())?))
                .collect(),
            server => Ok(vec![server.client().await?]),
        }
    }

    /// The same as [`client`](Self::client) for threads. Sentinels are asked `within` that time.
    #[cfg(feature = "blocking")]
    #[cfg_attr(
        not(feature = "sentinel"),
        expect(unused_variables, reason = "for sentinels")
    )]
    pub(crate) fn client_blocking(&self, within: Duration) -> Result<Client> {
        match self {
            Self::One(client) => Ok(client.clone()),
            #[cfg(feature = "sentinel")]
            Self::Sentinel(watched) => crate::blocking::sentinel::primary(watched, within),
            #[cfg(feature = "cluster")]
            Self::Cluster(nodes) => any_of(nodes),
        }
    }

    /// The addresses of the cluster that the application has named.
    #[cfg(feature = "cluster")]
    pub(crate) fn seeds(&self) -> Vec<Address> {
        let Self::Cluster(nodes) = self else {
            return Vec::new();
        };
        let address = |node: &ConnectionInfo| {
            place(node).map(|(host, port)| Address {
                host: host.to_owned(),
                port,
            })
        };
        nodes.iter().filter_map(address).collect()
    }

    /// Whether the nodes of the cluster are spoken to by TLS.
    #[cfg(feature = "cluster")]
    pub(crate) fn are_secured(&self) -> bool {
        let secured = |node: &ConnectionInfo| matches!(node.addr(), ConnectionAddr::TcpTls { .. });
        matches!(self, Self::Cluster(nodes) if nodes.iter().any(secured))
    }

    /// A client for the node of the cluster at this address, with the credentials of the others.
    #[cfg(feature = "cluster")]
    pub(crate) fn node(&self, at: &Address) -> Result<Client> {
        let Self::Cluster(nodes) = self else {
            return Err(Error::Config(
                "a server without a cluster has redirected a command".to_owned(),
            ));
        };
        let like = nodes.first().ok_or(Error::Unavailable)?;
        let addr = beside(like.addr(), at.host.clone(), at.port);
        Ok(Client::open(like.clone().set_addr(addr))?)
    }
}

/// The address of a server that is spoken to as another one is, by TLS or without.
#[cfg(any(feature = "cluster", feature = "sentinel"))]
fn beside(other: &ConnectionAddr, host: String, port: u16) -> ConnectionAddr {
    match other.clone() {
        ConnectionAddr::TcpTls {
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure,
            tls_params,
        },
        _ => ConnectionAddr::Tcp(host, port),
    }
}

#[cfg(feature = "cluster")]
fn place(node: &ConnectionInfo) -> Option<(&str, u16)> {
    match node.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            Some((host, *port))
        }
        _ => None,
    }
}

/// The host that a client leads to.
#[cfg(feature = "cluster")]
pub(crate) fn host_of(client: &Client) -> String {
    place(client.get_connection_info())
        .map(|(host, _)| host.to_owned())
        .unwrap_or_default()
}

/// A node drawn by lot, so that one that is down does not stand in the way for long.
#[cfg(feature = "cluster")]
fn any_of(nodes: &[ConnectionInfo]) -> Result<Client> {
    let node = nodes
        .get(crate::chance::below(nodes.len()))
        .ok_or(Error::Unavailable)?;
    Ok(Client::open(node.clone())?)
}

#[cfg(feature = "sentinel")]
impl Watched {
    /// What to ask a sentinel.
    pub(crate) fn question(&self) -> Cmd {
        let mut question = cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.service);
        question
    }

    /// The server that a sentinel has named.
    pub(crate) fn named(&self, answer: Value) -> Result<Client> {
        let answer = answer.extract_error()?;
        if answer == Value::Nil {
            return Err(self.not_found("the sentinels know no such primary"));
        }
        let (host, port) = from_redis_value(answer)
            .map_err(|_| Error::Reply("SENTINEL GET-MASTER-ADDR-BY-NAME"))?;
        let sentinel = self.sentinels.first().ok_or(Error::Unavailable)?;
        let info = beside(sentinel.addr(), host, port)
            .into_connection_info()?
            .set_redis_settings(self.node.clone())
            .set_tcp_settings(without_delay());
        Ok(Client::open(info)?)
    }

    /// The same server, by its answer to [`ROLE`]. A sentinel that was cut off may name one that is a
    /// replica by now. Where applications may not ask for it, the sentinel is trusted.
    pub(crate) fn confirmed(&self, named: Client, role: &Value) -> Result<Client> {
        match role {
            Value::Array(role) if role.first() == Some(&Value::BulkString(b"slave".to_vec())) => {
                Err(self.not_found("a sentinel has named a replica"))
            }
            _ => Ok(named),
        }
    }

    fn not_found(&self, why: &'static str) -> Error {
        let service = format!("`{}`", self.service);
        redis::RedisError::from((ErrorKind::MasterNameNotFoundBySentinel, why, service)).into()
    }
}

/// What to ask a server that a sentinel has named.
#[cfg(feature = "sentinel")]
pub(crate) const ROLE: &str = "ROLE";

/// Requests are small and waited for: Nagle's algorithm would hold them back.
pub(crate) fn without_delay() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn info(url: &str) -> Result<ConnectionInfo> {
    let info = url.into_connection_info().map_err(|error| {
        Error::Config(format!(
            "`{url}` is not the address of a Redis server: {error}"
        ))
    })?;
    #[cfg(feature = "tls")]
    if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        choose_cryptography();
    }
    Ok(info.set_tcp_settings(without_delay()))
}

/// rustls panics in a process that has chosen no provider of cryptography, or has two of them compiled
/// in. A choice of the application's comes first.
#[cfg(feature = "tls")]
fn choose_cryptography() {
    use rustls::crypto::{CryptoProvider, ring};
    if CryptoProvider::get_default().is_none() {
        // Fails if another thread has chosen meanwhile, which is as good.
        let _ = ring::default_provider().install_default();
    }
}

#[cfg(any(feature = "cluster", feature = "sentinel"))]
fn infos(urls: &[String]) -> Result<Vec<ConnectionInfo>> {
    if urls.is_empty() {
        return Err(Error::Config("at least one address is needed".to_owned()));
    }
    urls.iter().map(|url| info(url)).collect()
}
