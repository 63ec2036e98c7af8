//! The way to Redis: connections that heal by themselves, a deadline for everything, and a circuit
//! breaker that leaves a dead server alone.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use redis::{Cmd, Value};
use tokio::sync::Mutex;

use super::asked::Asked;
use super::connection::Connection;
use crate::error::{Error, Result};
use crate::health::{Health, was_cut};
use crate::protocol::command;
use crate::servers::Servers;
use crate::settings::Settings;
use crate::stats::Metrics;

pub(crate) struct Link {
    pub(crate) servers: Servers,
    pub(crate) settings: Arc<Settings>,
    health: Health,
    lanes: Box<[Lane]>,
    next: AtomicUsize,
}

/// A place for one connection, which may be lost and found again.
#[derive(Default)]
struct Lane {
    current: RwLock<Option<Live>>,
    /// Whoever holds it connects; the others wait for the result.
    connecting: Mutex<()>,
    connected: AtomicU32,
    /// How many attempts to connect have failed.
    failed: AtomicU32,
    /// How many stalls in a row: the calls that one of them lets time out together count once.
    stalls: AtomicU32,
    stalled: std::sync::Mutex<Option<Instant>>,
}

#[derive(Clone)]
struct Live {
    connection: Connection,
    /// Which of the lane's connections this is, so that the error of an old one doesn't end a new one.
    number: u32,
}

/// Whether a command may be sent once more when its connection breaks before it is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    Once,
    Never,
}

impl Link {
    /// A server that is frozen does not close its connections. After so many stalls in a row of one of
    /// them, a new one is tried.
    const STALLS_TO_DROP: u32 = 3;

    pub(crate) fn new(servers: Servers, settings: Arc<Settings>, metrics: Arc<Metrics>) -> Self {
        let lanes = (0..settings.connections.unwrap_or(1).max(1))
            .map(|_| Lane::default())
            .collect();
        let health = Health::new(&settings, metrics);
        Self {
            servers,
            settings,
            health,
            lanes,
            next: AtomicUsize::new(0),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.health.is_open()
    }

    /// Sends a command that only reads, or that does no harm if it is executed twice.
    pub(crate) async fn read(self: &Arc<Self>, command: &Cmd) -> Result<Value> {
        self.run(command, Repeat::Once).await
    }

    /// Sends a command that changes something, at most once.
    pub(crate) async fn write(self: &Arc<Self>, command: &Cmd) -> Result<Value> {
        self.run(command, Repeat::Never).await
    }

    async fn run(self: &Arc<Self>, command: &Cmd, repeat: Repeat) -> Result<Value> {
        self.admit()?;
        let lane = self.lane();
        let mut outcome = self.attempt(lane, command).await;
        if repeat == Repeat::Once && was_cut(&outcome) {
            outcome = self.attempt(lane, command).await;
        }
        self.judge(outcome)
    }

    /// As [`read`](Self::read), several commands in one go. An error of one of them is no error of the
    /// others.
    pub(crate) async fn read_all(self: &Arc<Self>, commands: &[Cmd]) -> Result<Vec<Result<Value>>> {
        self.run_all(commands, Repeat::Once).await
    }

    /// The same for [`write`](Self::write).
    pub(crate) async fn write_all(
        self: &Arc<Self>,
        commands: &[Cmd],
    ) -> Result<Vec<Result<Value>>> {
        self.run_all(commands, Repeat::Never).await
    }

    async fn run_all(
        self: &Arc<Self>,
        commands: &[Cmd],
        repeat: Repeat,
    ) -> Result<Vec<Result<Value>>> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        self.admit()?;
        let lane = self.lane();
        let mut outcome = self.attempt_all(lane, commands).await;
        if repeat == Repeat::Once && was_cut(&outcome) {
            outcome = self.attempt_all(lane, commands).await;
        }
        self.health.judge_all(outcome)
    }

    async fn attempt_all(&self, lane: &Lane, commands: &[Cmd]) -> Result<Vec<Result<Value>>> {
        let mut live = self.live(lane).await?;
        let sent = Instant::now();
        let outcome = live.connection.send_all(commands).await;
        self.look_after(lane, live.number, sent, outcome.as_ref().err());
        outcome
    }

    /// Sends a command that may grant a lease. The connection that it is bound to comes with the reply.
    /// If the caller goes away before, or its time is over, `late` is given the reply: a lease that
    /// nobody knows of would keep everybody waiting. (In a cluster, whose connections have one time for
    /// all, only if the caller goes away. A lease that comes later has to run out.)
    pub(crate) async fn ask<L>(
        self: &Arc<Self>,
        command: Cmd,
        late: L,
    ) -> Result<(Value, Connection)>
    where
        L: Fn(Value) + Clone + Send + 'static,
    {
        self.admit()?;
        let lane = self.lane();
        let mut outcome = self.ask_once(lane, command.clone(), late.clone()).await;
        if was_cut(&outcome) {
            // The lease, if there was one, has ended with the connection.
            outcome = self.ask_once(lane, command, late).await;
        }
        self.judge(outcome)
    }

    async fn ask_once<L>(&self, lane: &Lane, command: Cmd, late: L) -> Result<(Value, Connection)>
    where
        L: FnOnce(Value) + Send + 'static,
    {
        let Live {
            mut connection,
            number,
        } = self.live(lane).await?;
        let (bond, sent) = (connection.clone(), Instant::now());
        connection.wait_longer();
        let reply = async move { connection.send(&command).await };
        let outcome = Asked::new(reply, late).within(self.settings.timeout).await;
        self.look_after(lane, number, sent, outcome.as_ref().err());
        Ok((outcome?, bond))
    }

    /// The same with several commands in one go.
    pub(crate) async fn ask_all<L>(
        self: &Arc<Self>,
        commands: Vec<Cmd>,
        late: L,
    ) -> Result<(Vec<Result<Value>>, Connection)>
    where
        L: FnOnce(Vec<Result<Value>>) + Clone + Send + 'static,
    {
        self.admit()?;
        let lane = self.lane();
        let mut outcome = self
            .ask_all_once(lane, commands.clone(), late.clone())
            .await;
        if was_cut(&outcome) {
            outcome = self.ask_all_once(lane, commands, late).await;
        }
        self.judge(outcome)
            .inspect(|(replies, _)| self.health.count_errors(replies))
    }

    async fn ask_all_once<L>(
        &self,
        lane: &Lane,
        commands: Vec<Cmd>,
        late: L,
    ) -> Result<(Vec<Result<Value>>, Connection)>
    where
        L: FnOnce(Vec<Result<Value>>) + Send + 'static,
    {
        let Live {
            mut connection,
            number,
        } = self.live(lane).await?;
        let (bond, sent) = (connection.clone(), Instant::now());
        connection.wait_longer();
        let replies = async move { connection.send_all(&commands).await };
        let outcome = Asked::new(replies, late)
            .within(self.settings.timeout)
            .await;
        self.look_after(lane, number, sent, outcome.as_ref().err());
        Ok((outcome?, bond))
    }

    /// Refuses at once while the breaker is open. From time to time a probe goes out in the
    /// background: no caller has to wait for it.
    fn admit(self: &Arc<Self>) -> Result<()> {
        if !self.health.is_open() {
            return Ok(());
        }
        if self.health.is_probe_due() {
            let link = Arc::clone(self);
            tokio::spawn(async move { link.probe().await });
        }
        Err(Error::Unavailable)
    }

    async fn probe(&self) {
        let command = command::exists(&self.settings.namespace.key("probe"));
        let outcome = self.attempt(self.lane(), &command).await;
        let closes = self.judge(outcome).is_ok();
        tracing::debug!(cache = %self.settings.name, closes, "probed Redis");
    }

    /// What an outcome says about the server is for the breaker.
    pub(crate) fn judge<T>(&self, outcome: Result<T>) -> Result<T> {
        self.health.judge(outcome)
    }

    fn lane(&self) -> &Lane {
        match &*self.lanes {
            [only] => only,
            many => &many[self.next.fetch_add(1, Ordering::Relaxed) % many.len()],
        }
    }

    async fn attempt(&self, lane: &Lane, command: &Cmd) -> Result<Value> {
        let mut live = self.live(lane).await?;
        let sent = Instant::now();
        let outcome = live.connection.send(command).await;
        self.look_after(lane, live.number, sent, outcome.as_ref().err());
        outcome
    }

    async fn live(&self, lane: &Lane) -> Result<Live> {
        if let Some(live) = lane.current() {
            return Ok(live);
        }
        // Rarely taken, and large: it is kept out of every caller's future.
        Box::pin(self.connected(lane)).await
    }

    async fn connected(&self, lane: &Lane) -> Result<Live> {
        let failed = lane.failed.load(Ordering::Relaxed);
        let _turn = lane.connecting.lock().await;
        if let Some(live) = lane.current() {
            return Ok(live);
        }
        // Whoever has waited for an attempt that failed does not make another one: as many as wait
        // here would have to wait for each other's.
        if lane.failed.load(Ordering::Relaxed) != failed {
            return Err(Error::Unavailable);
        }
        let opened = Connection::open(&self.servers, &self.settings).await;
        let connection = opened.inspect_err(|_| {
            lane.failed.fetch_add(1, Ordering::Relaxed);
        })?;
        let number = lane.connected.fetch_add(1, Ordering::Relaxed);
        let live = Live { connection, number };
        lane.stalls.store(0, Ordering::Relaxed);
        lane.replace(Some(live.clone()));
        Ok(live)
    }

    /// Gives up a connection that is broken, hangs, or leads to a server that is no primary any more.
    fn look_after(&self, lane: &Lane, number: u32, sent: Instant, error: Option<&Error>) {
        let gives_up = match error {
            None => {
                if lane.stalls.load(Ordering::Relaxed) != 0 {
                    lane.stalls.store(0, Ordering::Relaxed);
                }
                false
            }
            Some(Error::Timeout(_)) => lane.stall(sent) >= Self::STALLS_TO_DROP,
            Some(Error::Redis(error)) if error.is_timeout() => {
                lane.stall(sent) >= Self::STALLS_TO_DROP
            }
            Some(Error::Redis(error)) => {
                error.is_unrecoverable_error()
                    || matches!(error.code(), Some("READONLY" | "MASTERDOWN"))
            }
            Some(_) => false,
        };
        if gives_up {
            lane.give_up(number);
        }
    }
}

impl Lane {
    fn current(&self) -> Option<Live> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn replace(&self, live: Option<Live>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = live;
    }

    /// Notes that a call has timed out which was sent at `sent`, and tells the number of stalls.
    fn stall(&self, sent: Instant) -> u32 {
        let mut stalled = self.stalled.lock().unwrap_or_else(PoisonError::into_inner);
        if stalled.is_some_and(|before| sent < before) {
            return self.stalls.load(Ordering::Relaxed);
        }
        *stalled = Some(Instant::now());
        self.stalls.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn give_up(&self, number: u32) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|live| live.number == number) {
            *current = None;
        }
    }
}
