//! A disk that fills up: the server refuses writes or ends, as its settings say. When there is
//! space again, nothing is lost that was acknowledged.

use larder_test_support::{Client, Server, SmallDisk, wait_until};
use std::time::Instant;

use super::journal::{Journal, Sent};
use super::options::Options;

const ROUNDS: u64 = 20;

/// Operations before and after the disk is full.
const STEPS: usize = 300;
/// What the server can still write is used up after fewer.
const STEPS_AT_MOST: usize = 10_000;

/// Fills the disk of servers that append to a file, save, and rewrite.
pub(crate) fn run(options: Options) -> String {
    let rounds = options.rounds.unwrap_or(ROUNDS);
    let mut operations = 0;
    for seed in options.seed..options.seed + rounds {
        let Some(disk) = SmallDisk::mount("disk") else {
            return "skipped".into();
        };
        operations += appending(&disk, seed, "always");
        operations += appending(&disk, seed, "everysec");
        operations += saving(&disk, seed);
        operations += rewriting(&disk, seed);
        eprintln!("disk: seed {seed}, {operations} operations");
    }
    format!(
        "{rounds} disks full four times each, {operations} operations, no acknowledged one lost"
    )
}

/// A server in a fresh directory of the disk.
fn server(disk: &SmallDisk, name: &str, lines: &str) -> Server {
    let dir = disk.path().join(name);
    std::fs::create_dir(&dir).expect("a directory");
    Server::with(&format!("dir {}\n{lines}", dir.display()))
}

fn appending(disk: &SmallDisk, seed: u64, fsync: &str) -> usize {
    let mut server = server(disk, fsync, &format!("appendonly yes\nappendfsync {fsync}"));
    let mut c = server.client();
    let mut journal = Journal::new(0, seed);
    work(&mut journal, &mut c, STEPS);
    disk.fill(0);
    let stopped = (0..STEPS_AT_MOST)
        .map(|_| journal.step(&mut c))
        .find(|sent| *sent != Sent::Done);
    match stopped.expect("a full disk stops the server") {
        // It must not acknowledge what it cannot write, so it ends.
        Sent::Lost if fsync == "always" => {
            server.wait_for_end();
            disk.clear();
            server.start_again();
        }
        Sent::Refused(error) if fsync == "everysec" && error.starts_with("-MISCONF ") => {
            check_refusing(&mut c);
            disk.clear();
            wait_until("it writes again", || journal.step(&mut c) == Sent::Done);
            work(&mut journal, &mut c, STEPS);
            server.restart("NOSAVE");
        }
        other => panic!("{fsync}: {other:?}"),
    }
    check(&server, &mut journal)
}

/// Reads are answered by a server that can't write; what would write is refused.
fn check_refusing(c: &mut Client) {
    c.check("CACHE.EXISTS nothing", ":0");
    c.check("CACHE.MGET nothing", "[nil]");
    for command in [
        "CACHE.GETORLOCK nothing",
        "CACHE.INVALIDATE tag",
        "CACHE.SET k v",
    ] {
        let reply = c.text(command);
        assert!(reply.starts_with("-MISCONF "), "{command}: {reply}");
    }
    assert_eq!(c.complaints(), None);
}

fn saving(disk: &SmallDisk, seed: u64) -> usize {
    let mut server = server(disk, "saving", "");
    let mut c = server.client();
    let mut journal = Journal::new(0, seed);
    work(&mut journal, &mut c, STEPS);
    c.check("SAVE", "OK");
    work(&mut journal, &mut c, STEPS);
    disk.fill(0);
    c.check("SAVE", "-ERR");
    c.run("BGSAVE");
    let state = |c: &mut Client, field| c.server_info("persistence", field);
    wait_until("saving fails", || {
        state(&mut c, "rdb_last_bgsave_status") == "err"
    });
    work(&mut journal, &mut c, STEPS);
    disk.clear();
    server.restart("SAVE");
    check(&server, &mut journal)
}

fn rewriting(disk: &SmallDisk, seed: u64) -> usize {
    let lines = "appendonly yes\nappendfsync always\naof-use-rdb-preamble no";
    let mut server = server(disk, "rewriting", lines);
    let mut c = server.client();
    let mut journal = Journal::new(0, seed);
    let large = "x".repeat(1 << 20);
    c.check(format!("CACHE.SET large {large} TAGS 1 large"), "OK");
    // Enough to append, not to write the large one again.
    disk.fill(1 << 19);
    c.run("BGREWRITEAOF");
    let state = |c: &mut Client, field| c.server_info("persistence", field);
    wait_until("rewriting fails", || {
        state(&mut c, "aof_last_bgrewrite_status") == "err"
    });
    work(&mut journal, &mut c, STEPS);
    disk.clear();
    work(&mut journal, &mut c, STEPS);
    c.rewrite_aof();
    server.kill();
    server.start_again();
    c = server.client();
    assert_eq!(c.bytes("CACHE.GET large"), large.as_bytes());
    check(&server, &mut journal)
}

fn work(journal: &mut Journal, c: &mut Client, steps: usize) {
    for _ in 0..steps {
        let sent = journal.step(c);
        assert_eq!(sent, Sent::Done);
    }
}

/// After the restart all that was acknowledged is there. How many operations there were.
fn check(server: &Server, journal: &mut Journal) -> usize {
    let (mut c, operations) = (server.client(), journal.len());
    assert_eq!(journal.recover(&mut c, Instant::now()), 0);
    assert_eq!(c.complaints(), None);
    operations
}
