//! A Redis server of the demo's own: on a Unix socket in a directory that goes away with it.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use redis::{Connection, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo};

use crate::failure::Failure;

/// How long the server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a reply may take; longer than any `WAIT` of the demo.
const REPLY_TIMEOUT: Duration = Duration::from_secs(40);
/// Lines of the log that are shown.
const LAST_WORDS: usize = 40;
/// What a process ended by Ctrl-C exits with.
const INTERRUPTED: i32 = 130;

/// A running server. It ends, and its directory is removed, when this is dropped or the demo is
/// interrupted.
pub(crate) struct Server {
    process: Arc<Process>,
    socket: PathBuf,
}

struct Process {
    child: Mutex<Option<Child>>,
    directory: PathBuf,
}

impl Server {
    /// Starts a server with the module that was built beside this executable (or `LARDER_MODULE`).
    /// `LARDER_SERVER` names another `redis-server`.
    ///
    /// # Errors
    /// If there is no module or no server, or the server does not come up.
    pub(crate) fn start() -> Result<Self, Failure> {
        let module = module()?;
        let directory = std::env::temp_dir().join(format!("larder-demo-{}", std::process::id()));
        DirBuilder::new()
            .mode(0o700)
            .create(&directory)
            .map_err(Failure::while_doing(directory.display()))?;
        let socket = directory.join("redis.sock");
        let process = Arc::new(Process {
            child: Mutex::new(None),
            directory,
        });
        let server = Self { process, socket };
        server.end_when_interrupted()?;
        server.process.spawn(&server.socket, &module)?;
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Where other clients can reach it.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Opens a connection that speaks RESP3.
    ///
    /// # Errors
    /// If the server does not accept it.
    pub(crate) fn connect(&self) -> Result<Connection, Failure> {
        let protocol = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
        let address = ConnectionAddr::Unix(self.socket.clone()).into_connection_info()?;
        let client = redis::Client::open(address.set_redis_settings(protocol))?;
        let connection = client.get_connection()?;
        connection.set_read_timeout(Some(REPLY_TIMEOUT))?;
        Ok(connection)
    }

    /// Shuts the server down as an administrator would, and says whether it ended in good order.
    ///
    /// # Errors
    /// If it cannot be told to, or does not end in time.
    pub(crate) fn stop(self) -> Result<bool, Failure> {
        let mut connection = self.connect()?;
        // The server closes the connection instead of answering.
        let _: Result<(), _> = redis::cmd("SHUTDOWN").arg("NOSAVE").query(&mut connection);
        let ended = wait_for(|| self.process.exit_status());
        let directory = self.process.directory.clone();
        drop(self);
        match ended {
            Some(status) => Ok(status.success() && !directory.exists()),
            None => Err(Failure::Machine("the server did not shut down".into())),
        }
    }

    /// What the server wrote last, if it has ended by itself.
    pub(crate) fn last_words(&self) -> Option<String> {
        self.process.exit_status()?;
        let log = fs::read_to_string(self.process.log()).ok()?;
        let lines: Vec<&str> = log.lines().collect();
        Some(lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n"))
    }

    fn end_when_interrupted(&self) -> Result<(), Failure> {
        let process = Arc::clone(&self.process);
        ctrlc::set_handler(move || {
            // Held until the exit, so that the main thread cannot report the server's end as a failure.
            let mut child = process.lock();
            process.end(&mut child);
            std::process::exit(INTERRUPTED);
        })
        .map_err(|error| Failure::Machine(format!("cannot handle Ctrl-C: {error}")))
    }

    fn wait_until_ready(&self) -> Result<(), Failure> {
        let ready = wait_for(|| match self.connect() {
            Ok(mut connection) => redis::cmd("PING")
                .query::<()>(&mut connection)
                .is_ok()
                .then_some(Ok(())),
            Err(_) => self.last_words().map(Err),
        });
        match ready {
            Some(Ok(())) => Ok(()),
            Some(Err(log)) => Err(Failure::Machine(format!(
                "the server ended at once; its log:\n{log}"
            ))),
            None => Err(Failure::Machine(format!(
                "the server did not answer within {PATIENCE:?}"
            ))),
        }
    }
}

impl Process {
    fn log(&self) -> PathBuf {
        self.directory.join("redis.log")
    }

    fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self, socket: &Path, module: &Path) -> Result<(), Failure> {
        let program = std::env::var("LARDER_SERVER").unwrap_or_else(|_| "redis-server".into());
        let mut child = self.lock();
        let spawned = Command::new(&program)
            .args([
                "--port",
                "0",
                "--save",
                "",
                "--appendonly",
                "no",
                "--daemonize",
                "no",
            ])
            .arg("--unixsocket")
            .arg(socket)
            .arg("--dir")
            .arg(&self.directory)
            .arg("--logfile")
            .arg(self.log())
            .arg("--loadmodule")
            .arg(module)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Failure::while_doing(program))?;
        *child = Some(spawned);
        Ok(())
    }

    fn exit_status(&self) -> Option<ExitStatus> {
        self.lock()
            .as_mut()
            .and_then(|child| child.try_wait().ok().flatten())
    }

    /// Nothing in the server is worth keeping, so it need not be asked. Errors are of no interest:
    /// whatever is gone already is what this is about.
    fn end(&self, child: &mut Option<Child>) {
        if let Some(mut child) = child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut child = self.process.lock();
        self.process.end(&mut child);
    }
}

/// Asks again and again, a few milliseconds apart, until there is an answer or no patience left.
pub(crate) fn wait_for<T>(mut answer: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = answer();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn module() -> Result<PathBuf, Failure> {
    let built = || -> Option<PathBuf> {
        Some(std::env::current_exe().ok()?.with_file_name("liblarder.so"))
    };
    let module = std::env::var_os("LARDER_MODULE")
        .map(PathBuf::from)
        .or_else(built);
    let module = module.and_then(|path| path.canonicalize().ok());
    module.ok_or_else(|| {
        Failure::Machine("liblarder.so is not there; build it: cargo build --release".into())
    })
}
