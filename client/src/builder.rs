//! How a cache is made.

use std::time::Duration;

use crate::codec::Codec;
use crate::error::Result;
use crate::key::Namespace;
use crate::policy::Policy;
use crate::servers::Servers;
use crate::settings::Settings;

/// Settings of a cache to be. Only the address is needed.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    place: Place,
    settings: Settings,
    is_named: bool,
}

#[derive(Clone, Debug)]
enum Place {
    Server(String),
    #[cfg(feature = "sentinel")]
    Sentinel {
        urls: Vec<String>,
        service: String,
        node: redis::RedisConnectionInfo,
    },
    #[cfg(feature = "cluster")]
    Cluster(Vec<String>),
}

impl Builder {
    pub(crate) fn server(url: String) -> Self {
        Self::at(Place::Server(url))
    }

    #[cfg(feature = "sentinel")]
    pub(crate) fn sentinel(urls: Vec<String>, service: String) -> Self {
        let node = redis::RedisConnectionInfo::default();
        Self::at(Place::Sentinel {
            urls,
            service,
            node,
        })
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn cluster(urls: Vec<String>) -> Self {
        Self::at(Place::Cluster(urls))
    }

    fn at(place: Place) -> Self {
        Self {
            place,
            settings: Settings::default(),
            is_named: false,
        }
    }

    /// Begins every key and tag with `namespace` and a colon, so that applications can share a server.
    /// It is the cache's [`name`](Self::name) too, unless that is given. Of two namespaces, neither may be
    /// the other with a colon and more behind it: `shop` and `shop:test` would share keys.
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.settings.namespace = Namespace::new(namespace);
        if !namespace.is_empty() && !self.is_named {
            self.settings.name = namespace.to_owned();
        }
        self
    }

    /// Who the cache is to the servers that sentinels name. (What a sentinel's address says is for the
    /// sentinel.) No effect without sentinels.
    #[cfg(feature = "sentinel")]
    pub fn sentinel_login(mut self, username: &str, password: &str) -> Self {
        if let Place::Sentinel { node, .. } = &mut self.place {
            *node = std::mem::take(node)
                .set_username(username)
                .set_password(password);
        }
        self
    }

    /// Which database of the servers that sentinels name is used: 0 by default. No effect without
    /// sentinels.
    #[cfg(feature = "sentinel")]
    pub fn sentinel_database(mut self, number: i64) -> Self {
        if let Place::Sentinel { node, .. } = &mut self.place {
            *node = std::mem::take(node).set_db(number);
        }
        self
    }

    /// What this cache is called in metrics and logs.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self.is_named = true;
        self
    }

    /// How long values are fresh if a policy does not say. Otherwise they have no end.
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.settings.defaults.ttl = Policy::ttl(ttl).ttl;
        self
    }

    /// What policies leave open. Its tags are added to theirs.
    pub fn defaults(mut self, policy: Policy) -> Self {
        let ttl = policy.ttl.or(self.settings.defaults.ttl);
        self.settings.defaults = Policy { ttl, ..policy };
        self
    }

    /// How values are stored. Values stored otherwise can still be read.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.settings.encoding.codec = codec;
        self
    }

    /// Compresses values that are encoded in more than `bytes` bytes.
    #[cfg(feature = "lz4")]
    pub fn compress_above(mut self, bytes: usize) -> Self {
        self.settings.encoding.compress_above = Some(bytes);
        self
    }

    /// How long Redis may take to answer. 250 ms by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// How long connecting may take. 250 ms by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// How many connections share the traffic (of the blocking cache: at most, one per thread that is
    /// at it). 1 by default, 16 for the blocking cache.
    pub fn connections(mut self, connections: usize) -> Self {
        self.settings.connections = Some(connections);
        self
    }

    /// How many keys of other processes' computations can be waited for at once without looking for
    /// them again and again: each takes a connection. 8 by default.
    pub fn waiting_connections(mut self, connections: usize) -> Self {
        self.settings.waiting_connections = connections;
        self
    }

    /// After so many failures in a row Redis is left alone (5 by default), but for a probe every
    /// `probe_every` (a second) that tells when it is back.
    pub fn circuit_breaker(mut self, failures: u32, probe_every: Duration) -> Self {
        self.settings.failures_to_open = failures;
        self.settings.probe_every = probe_every;
        self
    }

    /// Keeps what is read in the process itself, in up to `bytes` bytes, and drops what changes: see
    /// [the guide](crate::guide::near_cache). Not in front of a cluster.
    #[cfg(feature = "near-cache")]
    pub fn near_cache(mut self, bytes: u64) -> Self {
        self.settings.near.bytes = bytes;
        self
    }

    /// How long the near cache keeps a value at most: 60 s by default, and never longer than the value
    /// is fresh.
    #[cfg(feature = "near-cache")]
    pub fn near_cache_ttl(mut self, longest: Duration) -> Self {
        self.settings.near.set_ttl(longest);
        self
    }

    /// How long after a change the near cache may serve the older value at the very most: while the
    /// connection is well it takes a fraction of a millisecond, but one may hang. 500 ms by default.
    /// The server is asked for a sign of life four times in this time, which is at least 10 ms.
    #[cfg(feature = "near-cache")]
    pub fn near_cache_max_lag(mut self, lag: Duration) -> Self {
        self.settings.near.set_lag(lag);
        self
    }

    /// A cache. Redis need not be there yet.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) if an address makes no sense, or a near cache is asked
    /// for in front of a cluster.
    #[cfg(feature = "tokio")]
    pub fn build(self) -> Result<crate::Cache> {
        #[cfg(all(feature = "near-cache", feature = "cluster"))]
        if self.settings.near.bytes > 0 && matches!(self.place, Place::Cluster(_)) {
            return Err(no_near_cache("a cluster does not publish invalidations"));
        }
        Ok(crate::Cache::new(self.servers()?, self.settings))
    }

    /// A cache for threads. Redis need not be there yet.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) if an address makes no sense.
    #[cfg(feature = "blocking")]
    pub fn build_blocking(self) -> Result<crate::blocking::Cache> {
        #[cfg(feature = "near-cache")]
        if self.settings.near.bytes > 0 {
            return Err(no_near_cache(
                "the blocking cache does not listen to the server",
            ));
        }
        Ok(crate::blocking::Cache::new(self.servers()?, self.settings))
    }

    fn servers(&self) -> Result<Servers> {
        match &self.place {
            Place::Server(url) => Servers::one(url),
            #[cfg(feature = "sentinel")]
            Place::Sentinel {
                urls,
                service,
                node,
            } => Servers::sentinel(urls, service, node.clone()),
            #[cfg(feature = "cluster")]
            Place::Cluster(urls) => Servers::cluster(urls),
        }
    }
}

#[cfg(all(feature = "near-cache", any(feature = "cluster", feature = "blocking")))]
fn no_near_cache(why: &str) -> crate::Error {
    crate::Error::Config(format!("no near cache: {why}"))
}
