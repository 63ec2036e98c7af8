//! Every command in every outcome, and exactly what a replica is sent.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::common::{Client, Server, show};
use crate::replication_rows::{Row, TABLE};

/// A primary, and what its replica is told to do.
struct Stage {
    c: Client,
    replica: Client,
    token: String,
    _servers: [Server; 2],
}

impl Stage {
    fn set() -> Self {
        let primary = Server::start();
        let other = primary.replica("");
        let mut replica = other.client();
        replica.check("MONITOR", "OK");
        Self {
            c: primary.client(),
            replica,
            token: String::new(),
            _servers: [primary, other],
        }
    }

    /// Runs commands, gives the last reply, and keeps the token if one was granted.
    fn run(&mut self, commands: &str) -> String {
        let mut reply = String::new();
        for command in commands.split("; ").filter(|command| !command.is_empty()) {
            reply = self.c.text(command.replace("<token>", &self.token));
            if let Some(at) = reply.rfind(" :1") {
                self.token = reply[at + 2..].trim_end_matches(']').into();
            }
        }
        if self.token.is_empty() {
            return reply;
        }
        reply.replace(&format!(":{}", self.token), "<token>")
    }

    /// What the replica has been told since it was asked last.
    fn arrived(&mut self) -> Vec<String> {
        self.c.check("PUBLISH end-of-row x", ":0");
        let mut commands = Vec::new();
        loop {
            let line = self.replica.reply_text();
            let (_, words) = line.split_once("] ").expect("a line of MONITOR");
            let command = words.replace(['"', '\''], "");
            match command.split(' ').next() {
                Some("PUBLISH") => return commands,
                Some("SELECT") => {}
                _ => commands.push(command),
            }
        }
    }
}

#[test]
fn replicas_are_sent_exactly_this() {
    let mut stage = Stage::set();
    for Row(before, called, reply, expected) in TABLE.into_iter().flatten() {
        stage.run("FLUSHALL; CONFIG SET maxmemory 0; CONFIG SET cache.reclaim-inline 128");
        stage.run("CONFIG SET cache.max-tag-length 1024");
        stage.run(before);
        stage.arrived();
        assert_eq!(stage.run(called), *reply, "{before} | {called}");
        let arrived = stage.arrived();
        let same = arrived.len() == expected.len()
            && arrived.iter().zip(*expected).all(|(a, e)| fits(a, e));
        assert!(
            same,
            "{before} | {called}\nsent {arrived:#?}\ninstead of {expected:#?}"
        );
    }
}

#[test]
fn the_table_is_complete() {
    let s = Server::start();
    let called: Vec<String> = TABLE
        .into_iter()
        .flatten()
        .map(|Row(_, called, ..)| called.to_lowercase())
        .collect();
    for command in s.client().array("COMMAND LIST FILTERBY MODULE cache") {
        let name = show(&command);
        let calls = |line: &String| {
            line.split("; ")
                .any(|call| call.split(' ').next() == Some(&name))
        };
        assert!(called.iter().any(calls), "no row for {name}");
    }
}

fn fits(sent: &str, expected: &str) -> bool {
    let [sent, expected] = [sent, expected].map(|line| line.split([' ', ',']).collect::<Vec<_>>());
    let first = expected.iter().position(|word| *word == "T");
    let zero: i64 = first.and_then(|at| sent.get(at)?.parse().ok()).unwrap_or(0);
    let word_fits = |(sent, expected): (&&str, &&str)| match expected.strip_prefix('T') {
        _ if *expected == "*" => true,
        Some("") => is_about_now(sent),
        Some(later) => *sent == (zero + later.parse::<i64>().expect("T+ms")).to_string(),
        None => sent == expected,
    };
    sent.len() == expected.len() && sent.iter().zip(&expected).all(word_fits)
}

fn is_about_now(ms: &str) -> bool {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let ms: u64 = ms.parse().expect("a time");
    now.as_millis().abs_diff(ms.into()) <= 60_000
}
