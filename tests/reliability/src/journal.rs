//! What one writer does to keys of its own, in order. Nobody else touches them, so after a crash
//! they must be as some number of its operations left them.

use larder_test_support::{Client, Fields, Random, show};
use redis::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

const KEYS: usize = 12;
const TAGS: usize = 4;

/// What a reader can see of an entry.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    value: String,
    grace_ms: i64,
    tags: BTreeSet<String>,
    /// When the key ends, if the value is fresh: the end of a marked one is the server's to say.
    fresh_end_ms: Option<i64>,
}

/// The servable entries of a writer, by key.
type State = BTreeMap<String, Seen>;

/// A change that was asked for.
enum Change {
    Set {
        key: String,
        seen: Seen,
        token: Option<i64>,
    },
    Retag {
        key: String,
        tags: BTreeSet<String>,
    },
    Expire {
        key: String,
        end_ms: i64,
    },
    Rename {
        from: String,
        to: String,
    },
    Copy {
        from: String,
        to: String,
    },
    Delete {
        key: String,
    },
    Invalidate {
        tag: String,
    },
    Mark {
        tag: String,
    },
}

/// A change and when it was acknowledged.
struct Line {
    change: Change,
    acknowledged: Option<Instant>,
}

/// The operations of one writer since the last crash, and what was there before.
pub(crate) struct Journal {
    writer: usize,
    random: Random,
    before: State,
    now: State,
    lines: Vec<Line>,
    last_value: u64,
    /// The largest token that was granted.
    pub(crate) token: i64,
}

/// What came of a change that was sent.
#[derive(Debug, PartialEq)]
pub(crate) enum Sent {
    Done,
    /// The server refused, and changed nothing.
    Refused(String),
    /// The connection is gone, and nobody knows.
    Lost,
}

impl Journal {
    pub(crate) fn new(writer: usize, seed: u64) -> Self {
        Self {
            writer,
            random: Random::new(seed * 1_000 + writer as u64),
            before: State::new(),
            now: State::new(),
            lines: Vec::new(),
            last_value: 0,
            token: 0,
        }
    }

    /// How many changes were made since the last crash.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Makes one change.
    pub(crate) fn step(&mut self, c: &mut Client) -> Sent {
        let change = match self.choose(c) {
            Ok(change) => change,
            Err(sent) => return sent,
        };
        let words = change.words();
        self.lines.push(Line {
            change,
            acknowledged: None,
        });
        let sent = send(c, &words);
        let line = self.lines.last_mut().expect("just pushed");
        match &sent {
            Ok(_) => {
                line.acknowledged = Some(Instant::now());
                line.change.apply(&mut self.now);
                Sent::Done
            }
            Err(Sent::Refused(error)) => {
                self.lines.pop();
                Sent::Refused(error.clone())
            }
            Err(_) => Sent::Lost,
        }
    }

    fn choose(&mut self, c: &mut Client) -> Result<Change, Sent> {
        let [key, to] = [(); 2].map(|()| self.name("k", KEYS));
        let tag = self.name("t", TAGS);
        let held = self.now.contains_key(&key) && key != to;
        let fresh = self
            .now
            .get(&key)
            .is_some_and(|seen| seen.fresh_end_ms.is_some());
        Ok(match self.random.below(20) {
            0 => Change::Invalidate { tag },
            1 => Change::Mark { tag },
            2 => Change::Delete { key },
            3 if held => Change::Rename { from: key, to },
            4 if held => Change::Copy { from: key, to },
            5..7 if held => Change::Retag {
                key,
                tags: self.tags(),
            },
            7..9 if fresh => Change::Expire {
                key,
                end_ms: end_ms(&mut self.random),
            },
            9..15 => {
                let token = self.lease(c, &key)?;
                Change::Set {
                    key,
                    seen: self.draw(),
                    token,
                }
            }
            _ => Change::Set {
                key,
                seen: self.draw(),
                token: None,
            },
        })
    }

    /// Takes the lease on a key, if it can be had.
    fn lease(&mut self, c: &mut Client, key: &str) -> Result<Option<i64>, Sent> {
        let reply = send(c, &format!("CACHE.GETORLOCK {key} FRESH LEASE 60000"))?;
        let Value::Array(items) = reply else {
            return Err(Sent::Refused(show(&reply)));
        };
        let token = match items.get(2) {
            Some(Value::Int(token)) => Some(*token),
            _ => None,
        };
        if let Some(token) = token {
            assert!(token > self.token, "token {token} after {}", self.token);
            self.token = token;
        }
        Ok(token)
    }

    fn draw(&mut self) -> Seen {
        self.last_value += 1;
        let filler = "x".repeat(self.random.below(200));
        Seen {
            value: format!("{}-{}{filler}", self.writer, self.last_value),
            grace_ms: *self.random.pick(&[0, 300_000, 500_000]),
            tags: self.tags(),
            fresh_end_ms: Some(end_ms(&mut self.random)),
        }
    }

    fn tags(&mut self) -> BTreeSet<String> {
        (0..self.random.below(4))
            .map(|_| self.name("t", TAGS))
            .collect()
    }

    fn name(&mut self, kind: &str, count: usize) -> String {
        format!("{}:{kind}{}", self.writer, self.random.below(count))
    }

    /// Compares what is there with what the operations left. All that were acknowledged before `safe`
    /// must be there; of those after, the first few. How many acknowledged ones are lost.
    pub(crate) fn recover(&mut self, c: &mut Client, safe: Instant) -> usize {
        let seen: State = (0..KEYS)
            .map(|i| format!("{}:k{i}", self.writer))
            .filter_map(|key| look(c, &key).map(|seen| (key, seen)))
            .collect();
        let mut state = std::mem::take(&mut self.before);
        let (mut kept, mut expected) = (None, String::new());
        for done in 0..=self.lines.len() {
            let next = self.lines.get(done);
            let must = next.is_some_and(|line| line.acknowledged.is_some_and(|at| at < safe));
            if !must && state == seen {
                kept = Some(done);
            }
            expected = difference(&state, &seen);
            if let Some(line) = next {
                line.change.apply(&mut state);
            }
        }
        let kept =
            kept.unwrap_or_else(|| panic!("not what any number of operations left: {expected}"));
        let lost = self.lines[kept..]
            .iter()
            .filter(|line| line.acknowledged.is_some())
            .count();
        self.lines.clear();
        self.before.clone_from(&seen);
        self.now = seen;
        lost
    }
}

impl Change {
    fn words(&self) -> String {
        let join =
            |tags: &BTreeSet<String>| tags.iter().map(|tag| format!(" {tag}")).collect::<String>();
        match self {
            Self::Set { key, seen, token } => {
                let (end, grace) = (seen.fresh_end_ms.unwrap_or(0), seen.grace_ms);
                let ttl_end = end - grace;
                let grace = if grace > 0 {
                    format!("PGRACE {grace}")
                } else {
                    String::new()
                };
                let token = token.map_or(String::new(), |token| format!("TOKEN {token}"));
                let (value, count, tags) = (&seen.value, seen.tags.len(), join(&seen.tags));
                format!("CACHE.SET {key} {value} PXAT {ttl_end} {grace} {token} TAGS {count}{tags}")
            }
            Self::Retag { key, tags } => format!("CACHE.SETTAGS {key}{}", join(tags)),
            Self::Expire { key, end_ms } => format!("PEXPIREAT {key} {end_ms}"),
            Self::Rename { from, to } => format!("RENAME {from} {to}"),
            Self::Copy { from, to } => format!("COPY {from} {to} REPLACE"),
            Self::Delete { key } => format!("DEL {key}"),
            Self::Invalidate { tag } => format!("CACHE.INVALIDATE {tag}"),
            Self::Mark { tag } => format!("CACHE.MARKSTALE {tag}"),
        }
    }

    fn apply(&self, state: &mut State) {
        match self {
            Self::Set { key, seen, .. } => {
                state.insert(key.clone(), seen.clone());
            }
            Self::Retag { key, tags } => {
                state
                    .entry(key.clone())
                    .and_modify(|seen| seen.tags.clone_from(tags));
            }
            Self::Expire { key, end_ms } => {
                state
                    .entry(key.clone())
                    .and_modify(|seen| seen.fresh_end_ms = Some(*end_ms));
            }
            Self::Rename { from, to } => {
                if let Some(seen) = state.remove(from) {
                    state.insert(to.clone(), seen);
                }
            }
            Self::Copy { from, to } => {
                if let Some(seen) = state.get(from).cloned() {
                    state.insert(to.clone(), seen);
                }
            }
            Self::Delete { key } => drop(state.remove(key)),
            Self::Invalidate { tag } => state.retain(|_, seen| !seen.tags.contains(tag)),
            Self::Mark { tag } => {
                state.retain(|_, seen| seen.grace_ms > 0 || !seen.tags.contains(tag));
                let marked = state.values_mut().filter(|seen| seen.tags.contains(tag));
                marked.for_each(|seen| seen.fresh_end_ms = None);
            }
        }
    }
}

/// Ends so far away that neither a lease nor the length of the run matters.
fn end_ms(random: &mut Random) -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let now = i64::try_from(now.as_millis()).expect("a time");
    now + 5_000_000 + i64::try_from(random.below(1_000_000)).expect("ms")
}

fn send(c: &mut Client, words: &str) -> Result<Value, Sent> {
    c.try_send(words).map_err(|_| Sent::Lost)?;
    match c.try_reply() {
        Ok(Value::ServerError(error)) => Err(Sent::Refused(show(&Value::ServerError(error)))),
        Ok(reply) => Ok(reply),
        Err(_) => Err(Sent::Lost),
    }
}

/// What there is to be seen of a key that nobody computes.
fn look(c: &mut Client, key: &str) -> Option<Seen> {
    let value = match c.run(format!("CACHE.GET {key} STALE")) {
        Value::Nil => return None,
        value => show(&value),
    };
    let info: Fields = c.info(key);
    assert_eq!(info.text("lease"), "nil", "a lease outlived its server");
    let Value::Array(tags) = info.get("tags") else {
        panic!("no tags of {key}");
    };
    let end_ms = c.int(format!("PEXPIRETIME {key}"));
    Some(Seen {
        value,
        grace_ms: info.int("grace-ms"),
        tags: tags.iter().map(show).collect(),
        fresh_end_ms: (info.text("state") == "fresh").then_some(end_ms),
    })
}

/// The first few keys on which two states differ.
fn difference(expected: &State, seen: &State) -> String {
    let keys: BTreeSet<_> = expected.keys().chain(seen.keys()).collect();
    let different = keys
        .into_iter()
        .filter(|key| expected.get(*key) != seen.get(*key));
    let lines =
        different.map(|key| format!("\n{key}: {:?} is {:?}", expected.get(key), seen.get(key)));
    lines.take(3).collect()
}
