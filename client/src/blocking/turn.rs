//! How a caller gets its turn: it asks, and waits as long as somebody else computes.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::connection::{Reply, SHORTEST};
use super::core::Core;
use super::flights::{Outcome, Route, Seat, Ticket};
use super::lease::{Bond, Lease};
use super::pool::Place;
use crate::computed::Source;
use crate::error::{Error, Result};
use crate::health::was_cut;
use crate::policy::Policy;
use crate::protocol::command::{self, Asking, Token};
use crate::protocol::reply::{self, Answer};
use crate::settings::Settings;
use crate::turn::{kept, told, unanswered};

pub(crate) type Turn = crate::turn::Turn<Lease, Ticket>;
pub(crate) type Bypass = crate::turn::Bypass<Ticket>;

/// One caller's way to its turn.
struct Call<'a> {
    core: &'a Arc<Core>,
    key: &'a str,
    asking: Asking,
    lease: Duration,
    /// When this caller is out of patience.
    deadline: Instant,
}

/// An answer, and what keeps a lease alive that it may have granted.
type Answered = Result<(Answer, Bond)>;

/// How much later than its `WAIT` the server may answer: it notices timeouts ten times a second.
const SLACK: Duration = Duration::from_millis(250);

/// Asks the server, and waits until `deadline` while somebody else computes.
pub(crate) fn take(core: &Arc<Core>, key: &str, policy: &Policy, deadline: Instant) -> Turn {
    let settings = &core.settings;
    let call = Call {
        core,
        key,
        asking: settings.asking(policy),
        lease: settings.lease(policy),
        deadline,
    };
    match call.ask() {
        Ok((Answer::Busy, _)) => call.wait(),
        Ok((answer, bond)) => told(answer, kept, |token| call.granted(token, bond, None)),
        Err(error) => unanswered(&error, None),
    }
}

impl Call<'_> {
    fn ask(&self) -> Answered {
        if self.core.owed.includes(self.key) {
            return Err(Error::Unavailable);
        }
        let asked = self
            .core
            .link
            .ask(&command::get_or_lock(self.key, &self.asking))?;
        Ok((reply::answer(asked.value)?, Bond::shared(asked.from)))
    }

    /// Callers of this process who come now follow.
    fn granted(&self, token: Token, bond: Bond, ticket: Option<Ticket>) -> Lease {
        let ticket = ticket.or_else(|| self.core.flights.lead(self.key));
        Lease::new(self.core, self.key.to_owned(), token, self.lease, bond).for_followers_of(ticket)
    }

    fn wait(&self) -> Turn {
        loop {
            let follower = match self.core.flights.board(Route::ByServer, self.key) {
                Seat::Leader(ticket) => return self.wait_in_server(ticket),
                Seat::Follower(follower) => follower,
            };
            let answered = match follower.outcome(until(self.deadline)) {
                Outcome::Shared(value) => {
                    let source = Source::Shared;
                    return Turn::Serve { value, source };
                }
                Outcome::Alone => return Turn::Bypass(Bypass::Alone),
                Outcome::Again => self.ask(),
            };
            if !matches!(answered, Ok((Answer::Busy, _))) {
                return self.turn(answered, None);
            }
        }
    }

    /// What follows from an answer that came after some waiting.
    fn turn(&self, answered: Answered, ticket: Option<Ticket>) -> Turn {
        match answered {
            Ok((Answer::Busy, _)) => {
                // Before the deadline it means that the value can't be kept. After it, the others may
                // have more patience: they ask again.
                if let Some(ticket) = ticket.filter(|_| Instant::now() < self.deadline) {
                    ticket.alone();
                }
                Turn::Bypass(Bypass::Alone)
            }
            Ok((answer, bond)) => {
                match told(answer, kept, |token| self.granted(token, bond, ticket)) {
                    // Followers ask for themselves: they may have begun after this value was invalidated.
                    Turn::Serve {
                        value,
                        source: Source::Hit,
                    } => Turn::Serve {
                        value,
                        source: Source::Shared,
                    },
                    turn => turn,
                }
            }
            Err(error) => unanswered(&error, ticket),
        }
    }

    /// The only caller of this process who waits in the server for this key.
    fn wait_in_server(&self, ticket: Ticket) -> Turn {
        let deadline = self.deadline;
        loop {
            let place = self
                .core
                .link
                .waiting_place(self.key, pause().min(until(deadline)));
            let answered = match place {
                Ok(Some(place)) => match self.patiently(place, deadline) {
                    // Asking leads to where the slot has moved.
                    Err(error) if is_moved(&error) => self.ask(),
                    Ok((Answer::Busy, _)) if Instant::now() >= deadline => self.ask(),
                    answered => return self.turn(answered, Some(ticket)),
                },
                // All connections for waiting are taken: look again from time to time.
                Ok(None) => self.ask(),
                Err(error) => Err(error),
            };
            if !matches!(answered, Ok((Answer::Busy, _))) || Instant::now() >= deadline {
                return self.turn(answered, Some(ticket));
            }
        }
    }

    /// Waits in the server, and makes sure meanwhile that the server is alive.
    fn patiently(&self, place: Place, deadline: Instant) -> Answered {
        let replies = self.send_waiting(place, deadline)?;
        let sign_of_life = command::exists(self.key);
        loop {
            match replies.recv_timeout(self.core.settings.timeout) {
                Ok((reply, place)) => {
                    let Reply { value, from } = self.core.link.health.judge(reply)?;
                    return Ok((reply::answer(value)?, Bond::own(from, place)));
                }
                Err(RecvTimeoutError::Timeout) => match self.core.link.read(&sign_of_life) {
                    Err(error @ (Error::Timeout(_) | Error::Unavailable)) => return Err(error),
                    Err(Error::Redis(error)) if error.is_io_error() => return Err(error.into()),
                    _ => {}
                },
                Err(RecvTimeoutError::Disconnected) => return Err(Error::Unavailable),
            }
        }
    }

    /// A thread of its own reads the reply: redis-rs counts a reply that has not come within the read
    /// timeout as lost, so the wait can't be cut into slices on one connection. If nobody is interested
    /// any more, the connection is closed with the reply, and a lease with the connection.
    fn send_waiting(
        &self,
        mut place: Place,
        deadline: Instant,
    ) -> Result<Receiver<(Result<Reply>, Place)>> {
        let (key, asking) = (self.key.to_owned(), self.asking);
        let ask = move |place: &mut Place| {
            // The server counts whole milliseconds, and must not be done before the deadline.
            let wait = (until(deadline) + SHORTEST).min(Settings::MOST_PATIENCE);
            let asking = Asking {
                wait: Some(wait),
                ..asking
            };
            place.send_patiently(&command::get_or_lock(&key, &asking), wait + SLACK)
        };
        let (replied, replies) = mpsc::sync_channel(0);
        let work = move || {
            let mut reply = ask(&mut place);
            // The server may have closed it while it was idle.
            if was_cut(&reply) {
                reply = ask(&mut place);
            }
            if let Err(mpsc::SendError((_, place))) = replied.send((reply, place)) {
                place.close();
            }
        };
        thread::Builder::new()
            .name("larder-wait".to_owned())
            .spawn(work)
            .map_err(|error| Error::Redis(error.into()))?;
        Ok(replies)
    }
}

fn is_moved(error: &Error) -> bool {
    matches!(error, Error::Redis(error) if error.code() == Some("MOVED"))
}

/// Far in the future instead of beyond what can be told.
pub(crate) fn after(patience: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    Instant::now() + patience.min(YEAR)
}

fn until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// How long to wait for a connection before looking whether the value has come meanwhile: not the
/// same for all, so that they do not look together.
fn pause() -> Duration {
    Duration::from_millis(50).mul_f64(1.0 + crate::chance::fraction())
}
