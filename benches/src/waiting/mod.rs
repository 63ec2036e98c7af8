//! Ways to survive a stampede: many callers find nothing under one key, and one computes.

mod caller;
mod larder;
mod polling;
mod pubsub;
mod tracking;
mod wire;

use caller::{Caller, Scene};
use larder::Larder;
use polling::Polling;
use pubsub::PubSub;
use std::rc::Rc;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tracking::Tracking;
use wire::Wire;

/// The key everybody wants.
const KEY: &str = "page:000000000001";
const LOCK: &str = "lock:page:000000000001";
/// How long a lock lasts whose holder crashes, and so how long others wait for it at most.
const LOCK_MS: &str = "10000";
const TTL_S: &str = "60";

/// A way of getting a value.
trait Way {
    const NAME: &'static str;

    /// What a connection says once, before anything is wanted.
    async fn prepare(_wire: &mut Wire) {}

    /// Gets the value, by reading, computing or waiting.
    async fn fetch(caller: &mut Caller);
}

/// How a stampede went.
#[derive(Debug)]
pub(crate) struct Stampede {
    pub(crate) computations: usize,
    /// How long after the fill was sent each caller had the value, in µs.
    pub(crate) answers_us: Vec<f64>,
    /// How long the first fill's own reply took, in µs.
    pub(crate) fill_us: f64,
}

/// A way under its name, to be tried.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// Lets so many callers of the server at a port want the same value, which takes so long.
    pub(crate) run: fn(u16, usize, Duration) -> Stampede,
}

pub(crate) const ALL: [Contender; 4] = [
    contender::<Larder>(),
    contender::<Polling>(),
    contender::<PubSub>(),
    contender::<Tracking>(),
];

const fn contender<W: Way + 'static>() -> Contender {
    Contender {
        name: W::NAME,
        run: run::<W>,
    }
}

fn run<W: Way + 'static>(port: u16, callers: usize, computation: Duration) -> Stampede {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    LocalSet::new().block_on(&runtime, stampede::<W>(port, callers, computation))
}

/// All connections are open and prepared before the first caller asks.
async fn stampede<W: Way + 'static>(port: u16, callers: usize, computation: Duration) -> Stampede {
    let scene = Rc::new(Scene::new(computation));
    let mut ready = Vec::with_capacity(callers);
    for _ in 0..callers {
        let mut wire = Wire::connect(port).await;
        W::prepare(&mut wire).await;
        ready.push(Caller::new(wire, Rc::clone(&scene)));
    }
    let tasks: Vec<_> = ready
        .into_iter()
        .map(|mut caller| {
            tokio::task::spawn_local(async move {
                W::fetch(&mut caller).await;
                caller.scene.answered();
                // Kept open until all are done, as pools do.
                caller
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a caller that came to an end");
    }
    scene.result()
}
