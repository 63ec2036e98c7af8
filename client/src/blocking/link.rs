//! The way to Redis: connections that heal by themselves, a deadline for everything, and a circuit
//! breaker that leaves a dead server alone.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value};

#[cfg(feature = "cluster")]
use super::cluster::Cluster;
use super::connection::Reply;
use super::node::Node;
use super::pool::Place;
use super::threads;
use crate::error::{Error, Result};
use crate::health::{Health, was_cut};
use crate::protocol::command;
use crate::servers::Servers;
use crate::settings::Settings;

pub(crate) struct Link {
    pub(crate) settings: Arc<Settings>,
    pub(crate) health: Arc<Health>,
    pub(crate) servers: Nodes,
}

pub(crate) enum Nodes {
    One(Node),
    #[cfg(feature = "cluster")]
    Cluster(Arc<Cluster>),
}

/// How commands get to where they are executed.
enum Way {
    One(Place),
    #[cfg(feature = "cluster")]
    Cluster(Arc<Cluster>),
}

/// Whether a command may be sent once more when its connection breaks before it is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    Once,
    Never,
}

impl Link {
    pub(crate) fn new(servers: Servers, settings: Arc<Settings>, health: Arc<Health>) -> Self {
        Self {
            servers: Nodes::new(servers, &settings),
            settings,
            health,
        }
    }

    /// Sends a command that only reads, or that does no harm if it is executed twice.
    pub(crate) fn read(self: &Arc<Self>, command: &Cmd) -> Result<Value> {
        Ok(self.run(command, Repeat::Once)?.value)
    }

    /// Sends a command that changes something, at most once.
    pub(crate) fn write(self: &Arc<Self>, command: &Cmd) -> Result<Value> {
        Ok(self.run(command, Repeat::Never)?.value)
    }

    /// Sends a command that may grant a lease, which is bound to the connection. If that breaks before
    /// the answer, the lease has ended with it, so the command can be repeated.
    pub(crate) fn ask(self: &Arc<Self>, command: &Cmd) -> Result<Reply> {
        self.run(command, Repeat::Once)
    }

    /// As [`read`](Self::read), several commands in one go. An error of one of them is no error of the
    /// others.
    pub(crate) fn read_all(self: &Arc<Self>, commands: &[Cmd]) -> Result<Vec<Result<Reply>>> {
        self.run_all(commands, Repeat::Once)
    }

    /// The same for [`write`](Self::write).
    pub(crate) fn write_all(self: &Arc<Self>, commands: &[Cmd]) -> Result<Vec<Result<Reply>>> {
        self.run_all(commands, Repeat::Never)
    }

    fn run_all(self: &Arc<Self>, commands: &[Cmd], repeat: Repeat) -> Result<Vec<Result<Reply>>> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        self.admit()?;
        let mut way = self.servers.way()?;
        let mut outcome = way.send_all(commands);
        if repeat == Repeat::Once && was_cut(&outcome) {
            outcome = way.send_all(commands);
        }
        self.health.judge_all(outcome)
    }

    /// A place for a command about `key` that blocks, or none: all are still taken after `patience`.
    #[cfg_attr(
        not(feature = "cluster"),
        expect(unused_variables, reason = "it tells which node")
    )]
    pub(crate) fn waiting_place(&self, key: &str, patience: Duration) -> Result<Option<Place>> {
        match &self.servers {
            Nodes::One(node) => Ok(node.waiting_place(patience)),
            #[cfg(feature = "cluster")]
            Nodes::Cluster(cluster) => cluster.waiting_place(key, patience),
        }
    }

    fn run(self: &Arc<Self>, command: &Cmd, repeat: Repeat) -> Result<Reply> {
        self.admit()?;
        let mut way = self.servers.way()?;
        let mut outcome = way.send(command);
        if repeat == Repeat::Once && was_cut(&outcome) {
            outcome = way.send(command);
        }
        self.health.judge(outcome)
    }

    /// Refuses at once while the breaker is open. From time to time a probe goes out in the
    /// background: no caller has to wait for it.
    fn admit(self: &Arc<Self>) -> Result<()> {
        if !self.health.is_open() {
            return Ok(());
        }
        if self.health.is_probe_due() {
            let link = Arc::clone(self);
            threads::detach("larder-probe", move || link.probe());
        }
        Err(Error::Unavailable)
    }

    fn probe(&self) {
        let command = command::exists(&self.settings.namespace.key("probe"));
        let asked = self.servers.way().map(|mut way| way.send(&command));
        let closes = asked.is_ok_and(|outcome| self.health.judge(outcome).is_ok());
        tracing::debug!(cache = %self.settings.name, closes, "probed Redis");
    }
}

impl Nodes {
    fn new(servers: Servers, settings: &Arc<Settings>) -> Self {
        #[cfg(feature = "cluster")]
        if matches!(servers, Servers::Cluster(_)) {
            return Self::Cluster(Arc::new(Cluster::new(servers, settings)));
        }
        let within = settings.connect_timeout;
        Self::One(Node::new(settings, move || servers.client_blocking(within)))
    }

    /// Who gets no connection has learnt nothing about the server: that is not to be judged.
    fn way(&self) -> Result<Way> {
        match self {
            Self::One(node) => Ok(Way::One(node.place()?)),
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => Ok(Way::Cluster(Arc::clone(cluster))),
        }
    }
}

impl Way {
    fn send(&mut self, command: &Cmd) -> Result<Reply> {
        match self {
            Self::One(place) => place.send(command),
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.send(command),
        }
    }

    fn send_all(&mut self, commands: &[Cmd]) -> Result<Vec<Result<Reply>>> {
        match self {
            Self::One(place) => place.send_all(commands),
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.send_all(commands),
        }
    }
}
