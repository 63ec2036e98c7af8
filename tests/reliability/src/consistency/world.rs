//! What all who take part in a storm share: the time, where the servers are, how far it has come.

use super::history::{Span, Time};
use larder_test_support::{Client, wait_until};
use redis::Value;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Where the servers are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) primary: PathBuf,
    pub(crate) replica: Option<PathBuf>,
}

/// What all share.
pub(crate) struct World {
    clock: Instant,
    /// None while there is no primary.
    place: Mutex<Option<Place>>,
    numbers: AtomicUsize,
    operations: AtomicU64,
    target: u64,
}

impl World {
    /// A storm of that many operations begins.
    pub(crate) fn new(place: Place, target: u64) -> Self {
        Self {
            clock: Instant::now(),
            place: Mutex::new(Some(place)),
            numbers: AtomicUsize::new(0),
            operations: AtomicU64::new(0),
            target,
        }
    }

    pub(crate) fn now(&self) -> Time {
        u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(Time::MAX)
    }

    /// A number that no value has had.
    pub(crate) fn number(&self) -> usize {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts one more operation. Whether it is still to be done.
    pub(crate) fn goes_on(&self) -> bool {
        self.operations.fetch_add(1, Ordering::Relaxed) < self.target
    }

    /// Whether so many of a hundred parts of the storm are over.
    pub(crate) fn has_reached(&self, percent: u64) -> bool {
        self.operations.load(Ordering::Relaxed) * 100 >= self.target * percent
    }

    pub(crate) fn set_place(&self, place: Option<Place>) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }

    /// A connection to the primary, as soon as there is one.
    fn connect(&self) -> Client {
        let mut found = None;
        wait_until("there is a primary", || {
            let place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
            let client = place
                .as_ref()
                .and_then(|it| Client::connect(&it.primary).ok());
            found = client.and_then(|mut client| client.is_served().then_some(client));
            found.is_some()
        });
        found.unwrap()
    }

    /// A connection to the replica, if there is one at present.
    pub(crate) fn connect_replica(&self) -> Option<Client> {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let replica = place.as_ref()?.replica.as_ref()?;
        Client::connect(replica).ok()
    }
}

/// A connection to the primary, whichever that is.
pub(crate) struct Link<'w> {
    world: &'w World,
    client: Client,
}

impl<'w> Link<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        let client = world.connect();
        Self { world, client }
    }

    /// Runs a command; no reply if the connection broke. Then the span ends when there is a primary
    /// again.
    pub(crate) fn run(&mut self, line: &str) -> (Span, Option<Value>) {
        let began = self.world.now();
        let sent = self.client.try_send(line).is_ok();
        let reply = sent.then(|| self.client.try_reply());
        let reply = reply.and_then(|reply| {
            reply
                .inspect_err(|error| assert!(!error.is_timeout(), "no reply to {line}"))
                .ok()
        });
        if reply.is_none() {
            *self = Self::new(self.world);
        }
        let ended = self.world.now();
        (Span { began, ended }, reply)
    }

    /// Closes the connection and makes another.
    pub(crate) fn hang_up(&mut self) {
        *self = Self::new(self.world);
    }
}
