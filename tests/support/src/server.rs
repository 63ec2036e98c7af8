//! A real server with the module, for the life of a test.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use rustix::process::{Pid, Signal, kill_process};

use super::client::Client;
use super::wait::{DEADLINE, wait_until};

/// How a server is to be started.
#[derive(Clone, Default)]
pub struct Setup<'a> {
    /// Words behind the module's path on the `loadmodule` line.
    pub arguments: &'a str,
    /// Further lines of the configuration file.
    pub lines: &'a str,
    pub without_module: bool,
    /// Watches over other servers instead of serving.
    pub sentinel: bool,
    /// A node of a cluster, with a bus port of its own.
    pub cluster: bool,
    /// Variables of the process's environment.
    pub environment: &'a [(&'a str, &'a str)],
}

/// A running server in a directory of its own; both go away with the value. Before it goes, the
/// index is recounted, so each test proves it exact after all that the test did.
pub struct Server {
    process: Child,
    dir: PathBuf,
    port: u16,
    sentinel: bool,
    environment: Environment,
}

type Environment = Vec<(String, String)>;

impl Server {
    pub fn start() -> Self {
        Self::with("")
    }

    /// Starts a server with these lines in its configuration file.
    pub fn with(lines: &str) -> Self {
        Self::set_up(&Setup {
            lines,
            ..Setup::default()
        })
    }

    pub fn set_up(setup: &Setup<'_>) -> Self {
        Self::try_set_up(setup).unwrap_or_else(|log| panic!("no server:\n{log}"))
    }

    /// Starts a server, or gives the log of one that ended instead.
    pub fn try_set_up(setup: &Setup<'_>) -> Result<Self, String> {
        loop {
            let (dir, port) = (fresh_dir(), free_port());
            write_config(&dir, port, setup);
            let owned = |(name, value): &(&str, &str)| ((*name).into(), (*value).into());
            let environment = setup.environment.iter().map(owned).collect();
            let mut server = Self {
                process: spawn(&dir, setup.sentinel, &environment),
                dir,
                port,
                sentinel: setup.sentinel,
                environment,
            };
            if server.comes_up() {
                return Ok(server);
            }
            let log = server.log();
            // Another process was quicker to take the port.
            if !log.contains("Address already in use") {
                return Err(log);
            }
        }
    }

    /// Starts a replica of this server and waits until it is in sync.
    pub fn replica(&self, lines: &str) -> Self {
        let lines = format!("replicaof 127.0.0.1 {}\n{lines}", self.port);
        let replica = Self::with(&lines);
        let mut c = replica.client();
        wait_until("the replica is in sync", || {
            c.server_info("replication", "master_link_status") == "up"
        });
        replica
    }

    /// Waits until a replica has applied all that this server has written.
    pub fn wait_for(&self, replica: &Self) {
        let offset = |server: &Self, field| server.client().server_info("replication", field);
        wait_until("the replica has caught up", || {
            offset(self, "master_repl_offset") == offset(replica, "slave_repl_offset")
        });
    }

    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(&self.socket()).expect("the server takes a connection")
    }

    /// Starts callers of a command that blocks, one after the other.
    #[track_caller]
    pub fn waiters<const N: usize>(&self, words: &str) -> [Client; N] {
        let before = self.blocked();
        std::array::from_fn(|i| {
            let mut waiter = self.client();
            waiter.send(format!("CACHE.GETORLOCK {words}"));
            wait_until("the caller blocks", || self.blocked() > before + i);
            waiter
        })
    }

    /// How many clients are blocked.
    #[track_caller]
    pub fn blocked(&self) -> usize {
        let blocked = self.client().server_info("clients", "blocked_clients");
        blocked.parse().expect("a number of clients")
    }

    /// How many other clients are connected.
    pub fn clients(&self) -> usize {
        let clients = self.client().bytes("CLIENT LIST TYPE normal");
        String::from_utf8_lossy(&clients).lines().count() - 1
    }

    /// How often a command was executed since the start.
    pub fn calls(&self, command: &str) -> u32 {
        let stats = self.client().bytes("INFO commandstats");
        let line = format!("cmdstat_{command}:calls=");
        let stats = String::from_utf8_lossy(&stats).to_lowercase();
        let calls = stats.lines().find_map(|stat| stat.strip_prefix(&line));
        let number = calls.and_then(|calls| calls.split(',').next());
        number.map_or(0, |number| number.parse().expect("a number"))
    }

    /// Ends the server by `SHUTDOWN` with this word (`SAVE`, `NOSAVE`) and starts it again.
    #[track_caller]
    pub fn restart(&mut self, how: &str) {
        self.shut_down(how);
        self.start_again();
    }

    /// Ends the server without warning and starts it again.
    #[track_caller]
    pub fn crash(&mut self) {
        self.kill();
        self.start_again();
    }

    /// Ends the server without warning (`SIGKILL`).
    #[track_caller]
    pub fn kill(&mut self) {
        self.process.kill().expect("a running server");
        self.process.wait().expect("an ended server");
    }

    /// Waits for the end of a server that ends by itself.
    #[track_caller]
    pub fn wait_for_end(&mut self) {
        wait_until("the server ends", || self.has_ended());
    }

    /// Stops the process where it is; its connections stay open, unanswered.
    #[track_caller]
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a frozen server go on.
    #[track_caller]
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    #[track_caller]
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).expect("a running server");
    }

    /// Ends the server and starts it again with another setup, in the same directory.
    #[track_caller]
    pub fn restart_with(&mut self, how: &str, setup: &Setup<'_>) {
        self.shut_down(how);
        write_config(&self.dir, self.port, setup);
        self.start_again();
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.join("socket")
    }

    /// Where the server keeps its files.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Starts a server again that has ended, with the files it left.
    #[track_caller]
    pub fn start_again(&mut self) {
        if let Err(log) = self.try_start_again() {
            panic!("the server does not come up again:\n{log}");
        }
    }

    /// Starts a server again, or gives the log of one that ended instead.
    pub fn try_start_again(&mut self) -> Result<(), String> {
        self.process = spawn(&self.dir, self.sentinel, &self.environment);
        if self.comes_up() {
            return Ok(());
        }
        self.end();
        Err(self.log())
    }

    fn shut_down(&mut self, how: &str) {
        if let Ok(mut c) = Client::connect(&self.socket()) {
            c.send(format!("SHUTDOWN {how} NOW"));
            let ended = c.try_reply().is_err();
            assert!(ended, "the server refuses to shut down:\n{}", self.log());
        }
        self.end();
    }

    /// Whether the server answers before it ends by itself; a loading server does not yet.
    fn comes_up(&mut self) -> bool {
        let mut up = false;
        wait_until("the server starts or gives up", || {
            up = Client::connect(&self.socket()).is_ok_and(|mut c| c.is_served());
            up || self.has_ended() || self.is_lost_in_its_file()
        });
        up
    }

    /// Whether the server has refused a snapshot. It then checks the file for details, and if the
    /// file ends within the value of a module, that never ends (`rdbLoadCheckModuleValue`).
    fn is_lost_in_its_file(&mut self) -> bool {
        let lost = self.log().contains("Internal error in RDB");
        if lost {
            self.process.kill().ok();
        }
        lost
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(Some(_)))
    }

    /// Waits for the end of a server that was told to go, and makes an end if it does not.
    fn end(&mut self) {
        let start = Instant::now();
        while !self.has_ended() && start.elapsed() < DEADLINE {
            thread::sleep(Duration::from_millis(1));
        }
        if !self.has_ended() {
            self.process.kill().ok();
            self.process.wait().ok();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.has_ended() {
            // A frozen server would not hear.
            self.thaw();
        }
        let mut complaints = None;
        if let Ok(mut c) = Client::connect(&self.socket()) {
            complaints = c.complaints();
            c.try_send("SHUTDOWN NOSAVE NOW").ok();
        }
        self.end();
        let log = self.log();
        fs::remove_dir_all(&self.dir).ok();
        if thread::panicking() {
            eprintln!("--- log of the server on port {} ---\n{log}", self.port);
        } else {
            assert!(!log.contains("BUG REPORT"), "the server crashed:\n{log}");
            let bug = log.contains("Larder has run into a bug");
            assert!(!bug, "the module panicked:\n{log}");
            assert_eq!(complaints, None, "the index is not what the keys are");
        }
    }
}

pub(crate) fn fresh_dir() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // Not below the target directory: the path of a socket has to be short.
    let dir = env::temp_dir().join(format!("larder-suite-{}-{count}", process::id()));
    fs::create_dir_all(&dir).expect("a directory for the server");
    dir
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// `LARDER_MODULE`, or what cargo built: beside the test itself, or, for an example of the
/// documentation, which rustdoc runs in a directory of its own, where cargo has it look for libraries.
fn module() -> PathBuf {
    const NAME: &str = "liblarder.so";
    if let Some(path) = env::var_os("LARDER_MODULE") {
        return path.into();
    }
    let beside = env::current_exe()
        .expect("the path of the test")
        .with_file_name(NAME);
    if beside.is_file() {
        return beside;
    }
    let libraries = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    env::split_paths(&libraries)
        .map(|directory| directory.join(NAME))
        .find(|path| path.is_file())
        .expect("the module: build it, or name it with LARDER_MODULE")
}

/// Settings that a sentinel does not know.
const SERVED: &str = "save \"\"\nenable-debug-command yes\nrepl-diskless-sync-delay 0\n\
                      repl-ping-replica-period 3600";

fn write_config(dir: &Path, port: u16, setup: &Setup<'_>) {
    let Setup {
        arguments,
        lines,
        without_module,
        sentinel,
        cluster,
        environment: _,
    } = setup;
    let module = match without_module | sentinel {
        true => String::new(),
        false => format!("loadmodule {} {arguments}", module().display()),
    };
    let served = match sentinel {
        true => String::new(),
        false => SERVED.into(),
    };
    // By default the bus is 10000 ports higher, where there may be no port any more.
    let bus = match cluster {
        true => format!("cluster-enabled yes\ncluster-port {}", free_port()),
        false => String::new(),
    };
    let dir_name = dir.display();
    let config = format!(
        "bind 127.0.0.1\nport {port}\nunixsocket {dir_name}/socket\ndir {dir_name}\n\
         logfile {dir_name}/log\n{served}\n{bus}\n{module}\n{lines}\n"
    );
    fs::write(dir.join("redis.conf"), config).expect("a configuration file");
}

fn spawn(dir: &Path, sentinel: bool, environment: &Environment) -> Child {
    let server = env::var_os("LARDER_SERVER").unwrap_or_else(|| "redis-server".into());
    // What a server said in an earlier life must not be taken for its reason to end now.
    fs::remove_file(dir.join("log")).ok();
    let mut command = Command::new(&server);
    command
        .arg(dir.join("redis.conf"))
        .args(sentinel.then_some("--sentinel"))
        .envs(environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {server:?}: {error}"))
}
