//! Several processes, which share nothing but the server. Each is this test program once more, in
//! which only [`a_process_of_callers`] runs.

use std::convert::Infallible;
use std::env;
use std::time::{Duration, Instant};

use larder_client::{Cache, Policy};
use larder_test_support::{SameProgram, Server};
use tokio::task::JoinSet;

use crate::support::{millis, until};

const CALLERS: usize = 50;

/// What another process has to know; it is a test that is run on request only.
const PORT: &str = "LARDER_CALLERS_PORT";
const SLOW: &str = "LARDER_CALLERS_COMPUTE_MS";

fn start(server: &Server, compute: Duration) -> SameProgram {
    let environment = [
        (PORT, server.port().to_string()),
        (SLOW, compute.as_millis().to_string()),
    ];
    SameProgram::run("processes::a_process_of_callers", &environment)
}

/// The source is a counter in the server, so that all processes can be seen to ask it.
#[tokio::test]
#[ignore = "started by the other tests"]
async fn a_process_of_callers() {
    let url = format!("redis://127.0.0.1:{}", env::var(PORT).unwrap());
    let compute = millis(env::var(SLOW).unwrap().parse().unwrap());
    let source = redis::Client::open(url.as_str()).unwrap();
    let source = source.get_multiplexed_async_connection().await.unwrap();
    let cache = Cache::builder(url)
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    let policy = Policy::ttl(Duration::from_secs(60)).patience(Duration::from_secs(60));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (cache, mut source, policy) = (cache.clone(), source.clone(), policy.clone());
        callers.spawn(async move {
            let computed = cache.get_or_compute("k", &policy, || async move {
                let calls: usize = redis::cmd("INCR")
                    .arg("calls")
                    .query_async(&mut source)
                    .await
                    .unwrap();
                tokio::time::sleep(compute).await;
                Ok::<_, Infallible>(calls)
            });
            computed.await.unwrap()
        });
    }
    let answers = callers.join_all().await;
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
}

fn calls(server: &Server) -> String {
    server.client().text("GET calls")
}

fn stampede(processes: usize, compute: Duration) {
    let server = Server::start();
    let all: Vec<_> = (0..processes).map(|_| start(&server, compute)).collect();
    all.into_iter().for_each(SameProgram::end);
    assert_eq!(calls(&server), "1");
}

#[test]
fn six_hundred_callers_of_twelve_processes_make_one_computation() {
    stampede(12, millis(250));
}

#[test]
fn a_computation_may_take_longer_than_its_lease() {
    stampede(12, millis(7000));
}

#[tokio::test]
async fn a_process_that_is_killed_has_exactly_one_successor_at_once() {
    let server = Server::start();
    let first = start(&server, Duration::from_secs(600));
    until("it computes", async || calls(&server) == "1").await;
    let others: Vec<_> = (0..3).map(|_| start(&server, millis(500))).collect();
    // One caller of the first process may wait in the server as well.
    until("the others wait", async || server.blocked() >= 3).await;
    let before = Instant::now();
    first.kill();
    until("one of them computes", async || calls(&server) == "2").await;
    // The lease would have run for seconds.
    assert!(before.elapsed() < millis(1000), "{:?}", before.elapsed());
    others.into_iter().for_each(SameProgram::end);
    assert_eq!(calls(&server), "2");
}
