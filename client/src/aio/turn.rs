//! How a caller gets its turn: it asks, and waits as long as somebody else computes.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::connection::Connection;
use super::core::Core;
use super::flights::{Outcome, Route, Seat, Ticket};
use super::lease::Lease;
use super::owed;
use super::waiting::Waiter;
use crate::computed::Source;
use crate::error::{Error, Result};
use crate::failure::{Failure, failure_of};
use crate::health::was_cut;
use crate::policy::Policy;
use crate::protocol::command::{self, Asking, Token};
use crate::protocol::reply::{self, Answer};
use crate::turn::{kept, told, unanswered};

pub(crate) type Turn = crate::turn::Turn<Lease, Ticket>;
pub(crate) type Bypass = crate::turn::Bypass<Ticket>;

/// One caller's way to its turn.
struct Call<'a> {
    core: &'a Arc<Core>,
    key: &'a str,
    asking: Asking,
    lease: Duration,
}

/// A fresh value, or what [`decide`] comes to.
pub(crate) async fn take(core: &Arc<Core>, key: &str, policy: &Policy) -> Turn {
    // Who is to recompute early is drawn from those who ask for a lease.
    let draws = core.settings.early(policy).is_some();
    if draws || core.has_near() || owed::is_owed(core, key) {
        return decide(core, key, policy).await;
    }
    match fresh(core, key).await {
        Ok(Some(value)) => Turn::Serve {
            value,
            source: Source::Hit,
        },
        Ok(None) => Box::pin(decide(core, key, policy)).await,
        // It may still grant leases: to a user who may not read, say.
        Err(error) if failure_of(&error) == Failure::OfCommand => {
            Box::pin(decide(core, key, policy)).await
        }
        Err(_) => Turn::Bypass(Bypass::Unavailable(None)),
    }
}

/// The fresh value of a key, by the command that costs least: a hit grants no lease that would have to
/// be looked after, and its reply is a single string. A server that grants none is found out: it refuses.
pub(crate) async fn fresh(core: &Arc<Core>, key: &str) -> Result<Option<Bytes>> {
    let reply = core.link.read(&command::get_first(key)).await?;
    reply::optional_bytes(reply, "CACHE.GET")
}

/// Asks the server, and waits as long as the policy allows while somebody else computes.
pub(crate) async fn decide(core: &Arc<Core>, key: &str, policy: &Policy) -> Turn {
    let deadline = Instant::now() + core.settings.patience(policy);
    decide_until(core, key, policy, deadline).await
}

/// The same for a caller who has waited for something else already.
pub(crate) async fn decide_until(
    core: &Arc<Core>,
    key: &str,
    policy: &Policy,
    deadline: Instant,
) -> Turn {
    decide_as(core, key, policy, core.settings.asking(policy), deadline).await
}

/// The same with a value that is stale counting as none.
#[cfg(feature = "http")]
pub(crate) async fn decide_fresh(core: &Arc<Core>, key: &str, policy: &Policy) -> Turn {
    let asking = Asking {
        fresh: true,
        ..core.settings.asking(policy)
    };
    let deadline = Instant::now() + core.settings.patience(policy);
    decide_as(core, key, policy, asking, deadline).await
}

async fn decide_as(
    core: &Arc<Core>,
    key: &str,
    policy: &Policy,
    asking: Asking,
    deadline: Instant,
) -> Turn {
    let settings = &core.settings;
    let call = Call {
        core,
        key,
        asking,
        lease: settings.lease(policy),
    };
    if owed::is_owed(core, key) {
        return Turn::Bypass(Bypass::Unavailable(None));
    }
    match call.ask().await {
        // Whoever is served at once does not carry the room for waiting.
        Ok((Answer::Busy, _)) => Box::pin(call.wait(deadline)).await,
        Ok((answer, bond)) => told(answer, kept, |token| call.granted(token, None).on(bond)),
        Err(error) => unanswered(&error, None),
    }
}

impl Call<'_> {
    /// The answer, and the connection on which it was given.
    async fn ask(&self) -> Result<(Answer, Connection)> {
        let command = command::get_or_lock(self.key, &self.asking);
        let late = {
            let (core, key, length) = (Arc::clone(self.core), self.key.to_owned(), self.lease);
            move |reply| give_back(&core, key.clone(), length, reply)
        };
        let (reply, bond) = self.core.link.ask(command, late).await?;
        Ok((reply::answer(reply)?, bond))
    }

    /// A lease. Callers of this process who come now follow.
    fn granted(&self, token: Token, ticket: Option<Ticket>) -> Lease {
        let ticket = ticket.or_else(|| self.core.flights.lead(self.key));
        Lease::new(self.core, self.key.to_owned(), token, self.lease).for_followers_of(ticket)
    }

    async fn wait(&self, deadline: Instant) -> Turn {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let answer = match self.core.flights.board(Route::ByServer, self.key) {
                Seat::Leader(ticket) => return self.wait_in_server(ticket, deadline).await,
                Seat::Follower(follower) => match follower.outcome(left).await {
                    Outcome::Shared(value) => {
                        return Turn::Serve {
                            value,
                            source: Source::Shared,
                        };
                    }
                    Outcome::Alone => return Turn::Bypass(Bypass::Alone),
                    Outcome::Again => self.ask().await,
                },
            };
            match answer {
                Ok((Answer::Busy, _)) => {}
                Ok((answer, bond)) => {
                    return told(answer, waited, |token| self.granted(token, None).on(bond));
                }
                Err(error) => return unanswered(&error, None),
            }
        }
    }

    /// The only caller of this process who waits in the server for this key.
    async fn wait_in_server(&self, mut ticket: Ticket, deadline: Instant) -> Turn {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // Only this caller's patience is over: another one takes its place.
                return Turn::Bypass(Bypass::Alone);
            }
            match self.core.waiting.waiter(pause().min(left)).await {
                Ok(Some(waiter)) => match self.wait_on(waiter, ticket, deadline).await {
                    Ok(turn) => return turn,
                    Err(again) => ticket = again,
                },
                // All connections for waiting are taken: look again from time to time.
                Ok(None) => match self.ask().await {
                    Ok((Answer::Busy, _)) => {}
                    Ok((answer, bond)) => {
                        return told(answer, waited, |token| {
                            self.granted(token, Some(ticket)).on(bond)
                        });
                    }
                    Err(error) => return unanswered(&error, Some(ticket)),
                },
                Err(error) => {
                    let turn = unanswered(&error, Some(ticket));
                    let _ = self.core.link.judge(Err::<(), _>(error));
                    return turn;
                }
            }
        }
    }

    /// What follows from waiting, or the ticket, if the connection was an old one that is closed.
    async fn wait_on(
        &self,
        mut waiter: Waiter,
        ticket: Ticket,
        deadline: Instant,
    ) -> Result<Turn, Ticket> {
        let answer = self.patiently(&mut waiter, deadline).await;
        if waiter.is_used() && was_cut(&answer) {
            self.core.waiting.forget_idle();
            return Err(ticket);
        }
        Ok(match answer {
            // Nobody is to compute for now, or as many as the server allows are waiting.
            Ok(Answer::Busy) if Instant::now() < deadline => {
                waiter.park();
                ticket.alone();
                Turn::Bypass(Bypass::Alone)
            }
            Ok(answer @ (Answer::Miss(_) | Answer::Value { token: Some(_), .. })) => {
                told(answer, waited, |token| {
                    self.granted(token, Some(ticket)).bound_to(waiter)
                })
            }
            // Followers ask for themselves: they may have begun after this value was invalidated.
            Ok(answer) => {
                waiter.park();
                told(answer, waited, |token| self.granted(token, None))
            }
            Err(error) => unanswered(&error, Some(ticket)),
        })
    }

    /// Waits in the server, and makes sure meanwhile that the server is alive. What comes of it has been
    /// judged, but for an old connection that is closed.
    async fn patiently(&self, waiter: &mut Waiter, deadline: Instant) -> Result<Answer> {
        let wait = deadline.saturating_duration_since(Instant::now());
        let asking = Asking {
            wait: Some(wait),
            ..self.asking
        };
        let command = command::get_or_lock(self.key, &asking);
        let is_used = waiter.is_used();
        let mut reply = pin!(waiter.send(&command, wait));
        let sign_of_life = command::exists(self.key);
        loop {
            match tokio::time::timeout(self.core.settings.timeout, &mut reply).await {
                Ok(reply) if is_used && was_cut(&reply) => return reply::answer(reply?),
                Ok(reply) => return reply::answer(self.core.link.judge(reply)?),
                Err(_) => match self.core.link.read(&sign_of_life).await {
                    Err(error @ (Error::Timeout(_) | Error::Unavailable)) => return Err(error),
                    Err(Error::Redis(error)) if error.is_io_error() => return Err(error.into()),
                    _ => {}
                },
            }
        }
    }
}

/// Gives a lease back that was granted to a caller who is gone.
pub(crate) fn give_back(core: &Arc<Core>, key: String, length: Duration, reply: redis::Value) {
    if let Ok(
        Answer::Miss(token)
        | Answer::Value {
            token: Some(token), ..
        },
    ) = reply::answer(reply)
    {
        drop(Lease::new(core, key, token, length));
    }
}

fn waited(stale: bool) -> Source {
    if stale { Source::Stale } else { Source::Shared }
}

/// How long to wait for a connection before looking whether the value has come meanwhile: not the
/// same for all, so that they do not look together.
fn pause() -> Duration {
    Duration::from_millis(50).mul_f64(1.0 + crate::chance::fraction())
}
