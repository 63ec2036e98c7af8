//! The test program once more, in a process of its own.

use std::env;
use std::process::{Child, Command, Stdio};

/// A process in which one test runs, which is ignored otherwise. A test that fails leaves none behind.
pub struct SameProgram(Child);

impl SameProgram {
    /// `test` is its full name.
    pub fn run(test: &str, environment: &[(&str, String)]) -> Self {
        let program = env::current_exe().expect("this program");
        let process = Command::new(program)
            .args(["--ignored", "--exact", test])
            .envs(environment.iter().cloned())
            .stdout(Stdio::null())
            .spawn();
        Self(process.expect("a process"))
    }

    /// Waits until its test has passed.
    #[track_caller]
    pub fn end(mut self) {
        assert!(self.0.wait().expect("its end").success());
    }

    pub fn kill(mut self) {
        self.0.kill().expect("it can be killed");
        self.0.wait().expect("its end");
    }
}

impl Drop for SameProgram {
    fn drop(&mut self) {
        // Most have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
