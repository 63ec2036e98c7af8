//! The server under test.

use crate::host;
use crate::interruption;
use crate::load::{Achieved, Load};
use larder_test_support::{Client, Server};
use redis::Connection;
use std::thread;
use std::time::{Duration, Instant};

/// How long a command or the freeing of ten million entries may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// A server on a processor of its own, with the module, and a connection to ask it things.
pub(crate) struct Bed {
    server: Server,
    control: Client,
    connection: Connection,
}

/// How often a command was called, and for how long all calls together kept the server, in µs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Calls {
    pub(crate) count: f64,
    pub(crate) us: f64,
}

/// A load, and what it cost the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) achieved: Achieved,
    /// Processor time of the server's main thread, in µs.
    pub(crate) cpu_us: f64,
}

impl Bed {
    /// Starts a server with these lines in its configuration file.
    pub(crate) fn start(lines: &str) -> Self {
        let pins = host::processors().map_or_else(String::new, |(server, others)| {
            format!(
                "server_cpulist {server}\nbio_cpulist {others}\nbgsave_cpulist {others}\n\
                 aof_rewrite_cpulist {others}\n"
            )
        });
        let server = Server::with(&format!("{pins}{lines}"));
        interruption::takes_along(server.dir());
        Self {
            control: server.client(),
            connection: connect(server.port()),
            server,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.port()
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// For short questions.
    pub(crate) fn control(&mut self) -> &mut Client {
        &mut self.control
    }

    /// For what may take its time.
    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Empties the server, and waits until that is done in the background as well.
    pub(crate) fn clear(&mut self) {
        self.control.check("FLUSHALL ASYNC", "OK");
        let start = Instant::now();
        while !self.is_clear() {
            assert!(start.elapsed() < PATIENCE, "the server is not emptied");
            thread::sleep(Duration::from_millis(1));
        }
        self.control.check("CONFIG RESETSTAT", "OK");
    }

    fn is_clear(&mut self) -> bool {
        self.info("memory", "lazyfree_pending_objects") == 0.0
            && self.control.stats().int("index-bytes") < 1 << 20
    }

    /// Bytes that the server has allocated.
    pub(crate) fn memory(&mut self) -> f64 {
        self.info("memory", "used_memory")
    }

    /// Calls of these commands since the statistics were last reset.
    pub(crate) fn calls(&mut self, commands: &[&str]) -> Vec<Calls> {
        let text = self.control.bytes("INFO commandstats");
        let text = String::from_utf8_lossy(&text);
        let calls_of = |command: &&str| {
            let prefix = format!("cmdstat_{command}:");
            let line = text.lines().find_map(|line| line.strip_prefix(&prefix))?;
            let field = |name| line.split(',').find_map(|field| field.strip_prefix(name));
            Some(Calls {
                count: field("calls=")?.parse().ok()?,
                us: field("usec=")?.parse().ok()?,
            })
        };
        commands.iter().filter_map(calls_of).collect()
    }

    /// Runs a load and takes the server's time.
    pub(crate) fn time(
        &mut self,
        load: &mut Load,
        run: impl FnOnce(&mut Load) -> Achieved,
    ) -> Turn {
        let before = self.cpu_us();
        let achieved = run(load);
        Turn {
            achieved,
            cpu_us: self.cpu_us() - before,
        }
    }

    fn cpu_us(&mut self) -> f64 {
        let user = self.info("cpu", "used_cpu_user_main_thread");
        (user + self.info("cpu", "used_cpu_sys_main_thread")) * 1e6
    }

    fn info(&mut self, section: &str, field: &str) -> f64 {
        let value = self.control.server_info(section, field);
        value.parse().expect("a number")
    }
}

fn connect(port: u16) -> Connection {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}"));
    let connection = client.and_then(|client| client.get_connection());
    let connection = connection.expect("the server takes a connection");
    let patience = Some(PATIENCE);
    connection.set_read_timeout(patience).expect("a socket");
    connection
}
