//! A server whose instructions are counted by callgrind.

use crate::interruption;
use larder_test_support::{Client, wait_until};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs, process};

pub(crate) struct Callgrind {
    server: Child,
    dir: PathBuf,
    /// How often the counts were written so far.
    dumps: usize,
}

impl Callgrind {
    pub(crate) fn is_installed() -> bool {
        let version = Command::new("valgrind").arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    }

    pub(crate) fn start() -> Self {
        let dir = env::temp_dir().join(format!("larder-bench-{}", process::id()));
        fs::create_dir_all(&dir).expect("a directory for the server");
        interruption::takes_along(&dir);
        let callgrind = Self {
            server: spawn(&dir),
            dir,
            dumps: 0,
        };
        wait_until("the server starts", || {
            Client::connect(&callgrind.socket()).is_ok_and(|mut c| c.is_served())
        });
        callgrind
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.socket()).expect("the server takes a connection")
    }

    /// Instructions in the server's `processCommand` and what it calls, while `work` is done.
    pub(crate) fn count(&mut self, work: impl FnOnce()) -> f64 {
        self.control("--zero");
        work();
        self.control("--dump");
        self.dumps += 1;
        let file = self.dir.join(format!("counts.{}", self.dumps));
        let annotate = Command::new("callgrind_annotate")
            .args(["--inclusive=yes", "--threshold=100"])
            .arg(file)
            .output()
            .expect("callgrind_annotate comes with valgrind");
        in_process_command(&String::from_utf8_lossy(&annotate.stdout))
    }

    fn socket(&self) -> PathBuf {
        self.dir.join("socket")
    }

    fn control(&self, what: &str) {
        let output = Command::new("callgrind_control")
            .arg(what)
            .arg(self.server.id().to_string())
            .output()
            .expect("callgrind_control comes with valgrind");
        assert!(output.status.success(), "callgrind_control {what}");
    }
}

impl Drop for Callgrind {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
        fs::remove_dir_all(&self.dir).ok();
    }
}

fn spawn(dir: &Path) -> Child {
    let server = env::var_os("LARDER_SERVER").unwrap_or_else(|| "redis-server".into());
    let module = env::var_os("LARDER_MODULE").map_or_else(
        || {
            let own = env::current_exe().expect("the path of this program");
            own.with_file_name("liblarder.so")
        },
        PathBuf::from,
    );
    let counts = dir.join("counts");
    Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(server)
        .args(["--port", "0", "--save", "", "--unixsocket"])
        .arg(dir.join("socket"))
        .arg("--loadmodule")
        .arg(module)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("valgrind starts the server")
}

/// The number on the line of the function, as in `12,345 (67.8%)  server.c:processCommand`.
fn in_process_command(annotated: &str) -> f64 {
    let line = annotated.lines().find(|line| {
        let function = line.split_once(":processCommand");
        function.is_some_and(|(_, rest)| !rest.starts_with(char::is_alphanumeric))
    });
    let line = line.unwrap_or_else(|| panic!("no processCommand in\n{annotated}"));
    let count = line.trim_start().split(' ').next().unwrap_or_default();
    count.replace(',', "").parse().expect("a number")
}
