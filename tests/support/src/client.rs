//! One connection to a server. A line of a test reads as it would be typed into `redis-cli`.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use redis::{Parser, RedisResult, Value};

use super::reply::{Fields, show};
use super::wait::DEADLINE;
use super::wait::wait_until;

/// A connection that fails the test when the server does not answer in time.
pub struct Client {
    stream: UnixStream,
    parser: Parser,
}

/// Arguments of a command: a line of plain words (`''` is the empty one), or exact bytes.
pub trait Words {
    fn packed(self) -> Vec<u8>;
}

impl Words for &str {
    fn packed(self) -> Vec<u8> {
        let unquote = |word: &str| {
            if word == "''" {
                vec![]
            } else {
                word.as_bytes().to_vec()
            }
        };
        redis::pack_command(&self.split_whitespace().map(unquote).collect::<Vec<_>>())
    }
}

impl Words for String {
    fn packed(self) -> Vec<u8> {
        self.as_str().packed()
    }
}

impl Words for &[&[u8]] {
    fn packed(self) -> Vec<u8> {
        redis::pack_command(&self.iter().map(|word| word.to_vec()).collect::<Vec<_>>())
    }
}

impl Words for &[Vec<u8>] {
    fn packed(self) -> Vec<u8> {
        redis::pack_command(self)
    }
}

impl<const N: usize> Words for [&[u8]; N] {
    fn packed(self) -> Vec<u8> {
        self.as_slice().packed()
    }
}

impl Client {
    pub fn connect(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        Ok(Self {
            stream,
            parser: Parser::new(),
        })
    }

    /// Sends a command without reading its reply, as one does with a command that blocks.
    #[track_caller]
    pub fn send(&mut self, words: impl Words) {
        self.write(&words.packed());
    }

    #[track_caller]
    fn write(&mut self, packed: &[u8]) {
        self.stream
            .write_all(packed)
            .expect("the server takes a command");
    }

    pub fn try_send(&mut self, words: impl Words) -> io::Result<()> {
        self.stream.write_all(&words.packed())
    }

    pub fn try_reply(&mut self) -> RedisResult<Value> {
        self.parser.parse_value(&mut self.stream)
    }

    /// Whether the server answers (be it that it wants a password), and is not loading.
    pub fn is_served(&mut self) -> bool {
        let answers = |text: String| text == "PONG" || text.starts_with("-NOAUTH ");
        self.try_send("PING").is_ok() && self.try_reply().is_ok_and(|reply| answers(show(&reply)))
    }

    /// The next reply, or the next pushed message.
    #[track_caller]
    pub fn reply(&mut self) -> Value {
        self.try_reply().expect("the server answers")
    }

    #[track_caller]
    pub fn reply_text(&mut self) -> String {
        show(&self.reply())
    }

    /// Sends a command and gives its reply, which may be an error.
    #[track_caller]
    pub fn run(&mut self, words: impl Words) -> Value {
        self.send(words);
        self.reply()
    }

    #[track_caller]
    pub fn text(&mut self, words: impl Words) -> String {
        show(&self.run(words))
    }

    /// Runs a command and compares its reply, written as [`show`] does.
    #[track_caller]
    pub fn check(&mut self, words: impl Words, expected: &str) {
        let sent = words.packed();
        self.write(&sent);
        let reply = self.reply_text();
        assert_eq!(reply, expected, "\n in answer to {}", sent.escape_ascii());
    }

    #[track_caller]
    pub fn check_reply(&mut self, expected: &str) {
        assert_eq!(self.reply_text(), expected);
    }

    #[track_caller]
    pub fn int(&mut self, words: impl Words) -> i64 {
        match self.run(words) {
            Value::Int(n) => n,
            other => panic!("not an integer: {}", show(&other)),
        }
    }

    #[track_caller]
    pub fn bytes(&mut self, words: impl Words) -> Vec<u8> {
        match self.run(words) {
            Value::BulkString(bytes) => bytes,
            other => panic!("not a string: {}", show(&other)),
        }
    }

    #[track_caller]
    pub fn array(&mut self, words: impl Words) -> Vec<Value> {
        match self.run(words) {
            Value::Array(items) => items,
            other => panic!("not an array: {}", show(&other)),
        }
    }

    /// The replies as texts, in order of the alphabet, for what has no order of its own.
    #[track_caller]
    pub fn sorted(&mut self, words: impl Words) -> Vec<String> {
        let mut texts: Vec<_> = self.array(words).iter().map(show).collect();
        texts.sort();
        texts
    }

    /// Sends all commands before it reads the first reply.
    #[track_caller]
    pub fn pipeline(&mut self, commands: impl IntoIterator<Item: Words>) -> Vec<Value> {
        let packed: Vec<_> = commands.into_iter().map(Words::packed).collect();
        let mut replies = Vec::with_capacity(packed.len());
        for batch in packed.chunks(500) {
            self.stream
                .write_all(&batch.concat())
                .expect("the server takes commands");
            replies.extend(batch.iter().map(|_| self.reply()));
        }
        replies
    }

    #[track_caller]
    pub fn info(&mut self, key: &str) -> Fields {
        Fields::of(self.run(format!("CACHE.INFO {key}")))
    }

    #[track_caller]
    pub fn stats(&mut self) -> Fields {
        Fields::of(self.run("CACHE.STATS"))
    }

    /// Whether the connection stays in its database when it copies a string to another one. With
    /// Valkey 8.1 and a module that listens to key events it does not, and replicas and AOF are told
    /// of the wrong database.
    #[track_caller]
    pub fn stays_when_it_copies(&mut self) -> bool {
        self.check("SET probe v", "OK");
        self.check("COPY probe probe DB 1", ":1");
        let stays = self.text("CLIENT INFO").contains(" db=0 ");
        for db in [1, 0] {
            self.check(format!("SELECT {db}"), "OK");
            self.run("DEL probe");
        }
        stays
    }

    /// What `CACHE.VERIFY` has to say, if the server answers and anything is wrong.
    pub fn complaints(&mut self) -> Option<String> {
        self.try_send("CACHE.VERIFY").ok()?;
        match self.try_reply().ok()? {
            Value::Array(found) if !found.is_empty() => Some(show(&Value::Array(found))),
            _ => None,
        }
    }

    /// A field of the server's own `INFO`.
    #[track_caller]
    pub fn server_info(&mut self, section: &str, field: &str) -> String {
        let info = self.bytes(format!("INFO {section}"));
        let info = String::from_utf8_lossy(&info);
        let value = info
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value
            .unwrap_or_else(|| panic!("no {field} in {info}"))
            .to_owned()
    }

    /// What a setting is at present.
    #[track_caller]
    pub fn setting(&mut self, name: &str) -> String {
        match self.array(format!("CONFIG GET {name}")).get(1) {
            Some(value) => show(value),
            None => panic!("no setting {name}"),
        }
    }

    /// Has the append-only file rewritten.
    pub fn rewrite_aof(&mut self) {
        self.run("BGREWRITEAOF");
        wait_until("the file is rewritten", || {
            self.server_info("persistence", "aof_rewrite_in_progress") == "0"
                && self.server_info("persistence", "aof_rewrite_scheduled") == "0"
        });
        assert_eq!(
            self.server_info("persistence", "aof_last_bgrewrite_status"),
            "ok"
        );
    }

    /// Takes the lease on a key that holds nothing servable: `CACHE.GETORLOCK` and these words.
    #[track_caller]
    pub fn lease(&mut self, words: &str) -> i64 {
        token_of(&self.run(format!("CACHE.GETORLOCK {words}")), "miss nil")
    }

    /// Takes the lease on a key whose value is served meanwhile.
    #[track_caller]
    pub fn refresh(&mut self, words: &str, served: &str) -> i64 {
        token_of(&self.run(format!("CACHE.GETORLOCK {words}")), served)
    }

    /// Reads the reply of a waiter that was granted the lease.
    #[track_caller]
    pub fn promoted(&mut self) -> i64 {
        token_of(&self.reply(), "miss nil")
    }
}

#[track_caller]
fn token_of(reply: &Value, before: &str) -> i64 {
    let text = show(reply);
    let token = text
        .strip_prefix(&format!("[{before} :"))
        .and_then(|rest| rest.strip_suffix(']'));
    let token = token.and_then(|token| token.parse().ok());
    token.unwrap_or_else(|| panic!("expected [{before} :token], got {text}"))
}
