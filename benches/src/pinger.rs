//! A client that pings every millisecond and notes how long each answer takes.

use crate::figures::Sample;
use crate::host;
use larder_test_support::Running;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(1);
const PONG: &[u8] = b"+PONG\r\n";

/// The answer times in µs while `work` is done, and what the work gave.
pub(crate) fn while_pinging<T>(port: u16, work: impl FnOnce() -> T) -> (Sample, T) {
    let running = Running::default();
    thread::scope(|scope| {
        let pinger = scope.spawn(|| ping(port, &running));
        let result = running.during(work);
        (pinger.join().expect("the server answers"), result)
    })
}

fn ping(port: u16, running: &Running) -> Sample {
    // Where that is not allowed, times spent waiting for a processor count as the server's.
    host::run_first();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
    stream.set_nodelay(true).expect("a socket of TCP");
    let mut answer = [0; PONG.len()];
    let mut times = Vec::new();
    while running.goes_on() {
        let sent = Instant::now();
        stream.write_all(b"PING\r\n").expect("the server listens");
        stream.read_exact(&mut answer).expect("the server answers");
        assert_eq!(answer, PONG);
        times.push(sent.elapsed().as_secs_f64() * 1e6);
        thread::sleep(PAUSE);
    }
    Sample(times)
}
