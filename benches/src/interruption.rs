//! A run that is interrupted takes its servers along.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{fs, process};

/// Directories of all servers that were started, each with a socket while its server runs.
static SERVERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// How long a server may take to end.
const PATIENCE: Duration = Duration::from_secs(20);
/// What shells report for a program ended by Ctrl-C.
const INTERRUPTED: i32 = 130;

/// From now on, SIGINT and SIGTERM end all servers before they end this program.
pub(crate) fn prepare() {
    let handler = || {
        let servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
        for dir in servers.iter() {
            end(dir);
        }
        process::exit(INTERRUPTED);
    };
    ctrlc::set_handler(handler).expect("signals can be handled");
}

/// Has the server in this directory end with the program.
pub(crate) fn takes_along(dir: &Path) {
    let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
    servers.push(dir.to_owned());
}

/// Ends a server, unless it has ended, and removes what it leaves.
fn end(dir: &Path) {
    if let Ok(mut stream) = UnixStream::connect(dir.join("socket")) {
        stream.set_read_timeout(Some(PATIENCE)).ok();
        stream.write_all(b"SHUTDOWN NOSAVE NOW\r\n").ok();
        stream.read_to_end(&mut Vec::new()).ok();
    }
    fs::remove_dir_all(dir).ok();
}
