//! The machine: its processors are shared out between server and load, and it is described.

use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use std::fs;
use std::process::{Command, Stdio};

/// Moves this program off the server's processor and lets it open as many connections as it may.
pub(crate) fn prepare() {
    let limits = getrlimit(Resource::Nofile);
    let all = rustix::process::Rlimit {
        current: limits.maximum,
        maximum: limits.maximum,
    };
    setrlimit(Resource::Nofile, all).expect("more open files");
    if let Some((_, ours)) = processors() {
        let mut set = CpuSet::new();
        set.set(ours);
        sched_setaffinity(None, &set).expect("a processor of its own");
    }
}

/// Lets the calling thread run before all that do not belong to the system. Without the right to do
/// so, or without `chrt`, nothing changes.
pub(crate) fn run_first() {
    let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
    let mut chrt = Command::new("chrt");
    chrt.args(["--fifo", "--pid", "1", &thread])
        .stderr(Stdio::null());
    chrt.status().ok();
}

/// One processor for the server and one for everybody else, if there are two.
pub(crate) fn processors() -> Option<(usize, usize)> {
    let online = fs::read_to_string("/sys/devices/system/cpu/online").ok()?;
    let last = online.trim().rsplit(['-', ',']).next()?.parse().ok()?;
    (last > 0).then_some((0, last))
}

/// Processor, memory and kernel, in a line.
pub(crate) fn description() -> String {
    let threads = processors().map_or(1, |(_, last)| last + 1);
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
    let kernel = rustix::system::uname();
    format!(
        "{} x {}, {} GiB, {} {}",
        threads,
        field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into()),
        kib / (1 << 20),
        kernel.sysname().to_string_lossy(),
        kernel.release().to_string_lossy(),
    )
}

/// Tasks that wanted to run in the last minute, on average: what else the machine was doing.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
