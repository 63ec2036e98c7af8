//! A stretch of road between two servers on which a parcel can be held up.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use super::wait::DEADLINE;

/// Listens for one connection (that of a `MIGRATE`, say), holds what comes until it is told to let
/// it through, and then passes on everything in both directions.
pub struct Relay {
    port: u16,
    arrived: Receiver<()>,
    release: Sender<()>,
}

impl Relay {
    /// A road to a port of this machine.
    pub fn to(port: u16) -> Self {
        Self::start(port, None, true)
    }

    /// One on which answers get lost: the connection just ends.
    pub fn without_answers(port: u16) -> Self {
        Self::start(port, None, false)
    }

    /// One that holds what comes up for that long, and not until it is told.
    pub fn slow(port: u16, delay: Duration) -> Self {
        Self::start(port, Some(delay), true)
    }

    fn start(to: u16, delay: Option<Duration>, answers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let ((tell, arrived), (release, gate)) = (channel(), channel());
        thread::spawn(move || {
            let (source, _) = listener.accept().expect("a connection");
            drop(listener);
            let target = TcpStream::connect(("127.0.0.1", to)).expect("the target");
            let (back, forth) = (target.try_clone(), source.try_clone());
            let (back, forth) = (back.expect("the target"), forth.expect("the source"));
            thread::spawn(move || pass_back(back, source, answers));
            // Whoever sent this may have given up long ago; that is no reason not to deliver.
            pass_on(forth, target, || {
                tell.send(()).ok();
                match delay {
                    Some(delay) => thread::sleep(delay),
                    None => gate.recv().unwrap_or(()),
                }
            });
        });
        Self {
            port,
            arrived,
            release,
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until there is something to hold.
    #[track_caller]
    pub fn wait_for_parcel(&self) {
        let arrived = self.arrived.recv_timeout(DEADLINE);
        arrived.expect("something comes along the road");
    }

    /// Lets it through.
    pub fn release(&self) {
        self.release.send(()).ok();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Nobody may have come along; then nobody is waited for any longer.
        TcpStream::connect(("127.0.0.1", self.port)).ok();
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, hold: impl FnOnce()) {
    let mut parcel = vec![0; 1 << 16];
    let mut hold = Some(hold);
    while let Ok(len @ 1..) = from.read(&mut parcel) {
        if let Some(hold) = hold.take() {
            hold();
        }
        if to.write_all(&parcel[..len]).is_err() {
            return;
        }
    }
    to.shutdown(Shutdown::Write).ok();
}

fn pass_back(mut from: TcpStream, mut to: TcpStream, answers: bool) {
    let mut answer = [0; 1 << 12];
    while let Ok(len @ 1..) = from.read(&mut answer) {
        if !answers || to.write_all(&answer[..len]).is_err() {
            break;
        }
    }
    to.shutdown(Shutdown::Both).ok();
}
