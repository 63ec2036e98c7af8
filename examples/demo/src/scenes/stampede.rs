//! Two hundred clients want the same cold key at the same moment.

use std::thread;
use std::time::{Duration, Instant};

use redis::{Cmd, Connection, Value};

use super::{Stage, command, store};
use crate::caller::Answer;
use crate::catalogue::{Catalogue, Record};
use crate::failure::Failure;
use crate::quantity::{duration, percentile};
use crate::server::wait_for;

const CALLERS: usize = 200;
/// A caller does little, and there are many.
const STACK: usize = 128 * 1024;

/// What became of one caller.
enum Outcome {
    /// It was given the token, so it computed.
    Computed(Fill),
    /// It was answered with a value.
    Served { at: Instant, text: String },
    /// It was told to go away.
    Busy,
}

/// The value one caller computed and stored.
struct Fill {
    text: String,
    computing: Duration,
    /// When it was sent.
    at: Instant,
}

pub(super) fn play(stage: &Stage<'_>) -> Result<(), Failure> {
    let screen = stage.screen;
    screen.scene("A stampede");
    screen.prose(&format!(
        "The key is cold now, and {CALLERS} clients want it at the same moment, each over a \
         connection of its own. The one that has to compute starts when all others wait."
    ));
    let hero = stage.catalogue.hero()?;
    let ask = command(&format!(
        "CACHE.GETORLOCK {} LEASE 30000 WAIT 30000",
        hero.key()
    ));
    screen.command(&format!("{CALLERS} callers "), &ask);
    let connections = (0..CALLERS)
        .map(|_| stage.server.connect())
        .collect::<Result<Vec<_>, _>>()?;
    let outcomes = stampede(stage.catalogue, hero, &ask, connections)?;
    report(stage, hero, &outcomes)
}

/// Lets everyone ask at once; what became of each, when all have ended.
fn stampede(
    catalogue: &Catalogue,
    hero: &Record,
    ask: &Cmd,
    connections: Vec<Connection>,
) -> Result<Vec<Outcome>, Failure> {
    thread::scope(|scope| {
        let mut callers = Vec::with_capacity(connections.len());
        for connection in connections {
            let caller = thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, move || call(catalogue, hero, ask, connection))
                .map_err(Failure::while_doing("starting a thread"))?;
            callers.push(caller);
        }
        let ended = callers.into_iter().map(|caller| caller.join());
        ended
            .map(|result| {
                result.unwrap_or_else(|_| Err(Failure::Machine("a caller panicked".into())))
            })
            .collect()
    })
}

/// What an application does: ask; if given a token, compute and store.
fn call(
    catalogue: &Catalogue,
    hero: &Record,
    ask: &Cmd,
    mut connection: Connection,
) -> Result<Outcome, Failure> {
    let answer: Answer = ask.query(&mut connection)?;
    let at = Instant::now();
    match (answer.value, answer.token) {
        (Some(text), _) => Ok(Outcome::Served { at, text }),
        (None, None) => Ok(Outcome::Busy),
        (None, Some(token)) => {
            // The worst case: nobody comes late, everyone has to wait.
            wait_for_waiters(hero, &mut connection)?;
            let started = Instant::now();
            let text = catalogue.look_up(&hero.name)?;
            let computing = started.elapsed();
            let at = Instant::now();
            store(hero, &text, Some(token)).exec(&mut connection)?;
            Ok(Outcome::Computed(Fill {
                text,
                computing,
                at,
            }))
        }
    }
}

/// Waits until the server has all other callers waiting for the key.
fn wait_for_waiters(hero: &Record, connection: &mut Connection) -> Result<(), Failure> {
    let all = wait_for(|| match waiters(hero, connection) {
        Ok(waiters) => (waiters == CALLERS - 1).then_some(Ok(())),
        Err(failure) => Some(Err(failure)),
    });
    all.unwrap_or_else(|| {
        Err(Failure::Machine(
            "CACHE.INFO never showed all callers waiting".into(),
        ))
    })
}

fn waiters(hero: &Record, connection: &mut Connection) -> Result<usize, Failure> {
    let info: Value = redis::cmd("CACHE.INFO").arg(hero.key()).query(connection)?;
    let fields = info
        .as_map_iter()
        .ok_or_else(|| Failure::unexpected(&info))?;
    let named = |name: &Value| matches!(name, Value::BulkString(bytes) if bytes == b"waiters");
    let mut waiters = fields
        .filter(|(name, _)| named(name))
        .map(|(_, value)| value);
    match waiters.next() {
        Some(Value::Int(number)) => Ok(usize::try_from(*number).unwrap_or_default()),
        _ => Err(Failure::unexpected(&info)),
    }
}

fn report(stage: &Stage<'_>, hero: &Record, outcomes: &[Outcome]) -> Result<(), Failure> {
    let screen = stage.screen;
    let fills: Vec<&Fill> = outcomes.iter().filter_map(Outcome::fill).collect();
    let &[fill] = fills.as_slice() else {
        return screen.check(
            false,
            format!("{CALLERS} callers, {} computations", fills.len()),
        );
    };
    let mut woken: Vec<Duration> = outcomes
        .iter()
        .filter_map(|outcome| outcome.woken_by(fill))
        .collect();
    woken.sort_unstable();

    let source = stage.catalogue.source.look_up_shown(&hero.name);
    let computing = duration(fill.computing);
    screen.fact(format!(
        "1 got \"miss\" and a token and ran {source} ({computing})."
    ));
    screen.fact(format!(
        "{} waited and got \"fresh\" and the new value.",
        woken.len()
    ));
    screen.fact(format!(
        "From its CACHE.SET on, half of them had it within {}, the last after {}.",
        duration(percentile(&woken, 50)),
        duration(percentile(&woken, 100)),
    ));
    screen.check(true, format!("{CALLERS} callers, 1 computation"))?;
    screen.check(
        woken.len() == CALLERS - 1,
        "all others waited in the server and were given its result",
    )
}

impl Outcome {
    fn fill(&self) -> Option<&Fill> {
        match self {
            Self::Computed(fill) => Some(fill),
            _ => None,
        }
    }

    /// From the fill until this caller had its value.
    fn woken_by(&self, fill: &Fill) -> Option<Duration> {
        match self {
            Self::Served { at, text } if *text == fill.text => {
                Some(at.saturating_duration_since(fill.at))
            }
            _ => None,
        }
    }
}
