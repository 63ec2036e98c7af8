//! The shop's own Redis: a child process with the module, on a free port of this machine.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use std::{env, fs};

use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use crate::failure::Failure;

/// How long the server may take to start.
const PATIENCE: Duration = Duration::from_secs(15);
/// How many ports are tried if others are quicker to take them.
const PORTS: usize = 5;

/// A Redis server that can be stopped and started again. It ends with this value.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    directory: PathBuf,
    module: PathBuf,
    child: Mutex<Option<Child>>,
}

impl RedisServer {
    /// Starts `LARDER_SERVER` (`redis-server`) with `LARDER_MODULE`, or else the module that was built
    /// with this executable.
    pub(crate) async fn start(directory: &Path) -> Result<Self, Failure> {
        let module = module()?;
        let mut attempts = 1..=PORTS;
        loop {
            let server = Self {
                port: free_port()?,
                directory: directory.to_owned(),
                module: module.clone(),
                child: Mutex::default(),
            };
            match server.resume().await {
                Ok(()) => return Ok(server),
                Err(failure) if !server.lost_its_port() || attempts.next().is_none() => {
                    return Err(failure);
                }
                Err(_) => {}
            }
        }
    }

    /// Starts the server, unless it runs. Whatever it held is gone.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn resume(&self) -> Result<(), Failure> {
        let mut child = self.child.lock().await;
        if is_running(&mut child) {
            return Ok(());
        }
        *child = Some(self.spawn()?);
        let deadline = Instant::now() + PATIENCE;
        while !self.answers().await {
            if !is_running(&mut child) || Instant::now() > deadline {
                let log = self.log();
                return Err(Failure::Machine(format!("Redis does not start:\n{log}")));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Kills the server, as a crash would.
    ///
    /// # Errors
    /// If the system refuses to.
    pub async fn kill(&self) -> Result<(), Failure> {
        if let Some(mut child) = self.child.lock().await.take() {
            child.kill().await.map_err(Failure::machine("Redis"))?;
        }
        Ok(())
    }

    /// Whether the process is there.
    pub async fn is_running(&self) -> bool {
        is_running(&mut *self.child.lock().await)
    }

    /// Where clients reach it on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same as an address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn spawn(&self) -> Result<Child, Failure> {
        let program = env::var("LARDER_SERVER").unwrap_or_else(|_| "redis-server".into());
        let port = self.port.to_string();
        // The log of the process before must not be taken for this one's.
        let _ = fs::remove_file(self.log_file());
        Command::new(&program)
            .args(["--bind", "127.0.0.1", "--port", &port])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .arg("--dir")
            .arg(&self.directory)
            .arg("--logfile")
            .arg(self.log_file())
            .arg("--loadmodule")
            .arg(&self.module)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is for the shop, which ends the server in its turn.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(Failure::machine(program))
    }

    async fn answers(&self) -> bool {
        let Ok(client) = redis::Client::open(self.url()) else {
            return false;
        };
        let Ok(mut connection) = client.get_multiplexed_async_connection().await else {
            return false;
        };
        // A command of the module: another server on this port would not do.
        let asked: redis::RedisResult<redis::Value> =
            redis::cmd("CACHE.STATS").query_async(&mut connection).await;
        asked.is_ok()
    }

    /// Whether somebody else took the port between its choice and its use.
    fn lost_its_port(&self) -> bool {
        self.log().contains("Address already in use")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.directory.join("redis.log")
    }
}

fn is_running(child: &mut Option<Child>) -> bool {
    let running = child.as_mut().map(Child::try_wait);
    matches!(running, Some(Ok(None)))
}

fn free_port() -> Result<u16, Failure> {
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    Ok(address.map_err(Failure::machine("a port"))?.port())
}

fn module() -> Result<PathBuf, Failure> {
    let named = env::var_os("LARDER_MODULE").map(PathBuf::from);
    let module = named
        .or_else(built)
        .and_then(|path| path.canonicalize().ok());
    module.ok_or_else(|| {
        Failure::Machine("liblarder.so is not there; build it: cargo build -p larder".into())
    })
}

/// Where cargo puts the module: beside this executable, or among its dependencies.
fn built() -> Option<PathBuf> {
    let beside = env::current_exe().ok()?.with_file_name("liblarder.so");
    let below = beside.parent()?.join("deps/liblarder.so");
    [beside, below].into_iter().find(|path| path.exists())
}
