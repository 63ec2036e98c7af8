//! A connection for one caller.

use std::net::Ipv4Addr;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

pub(super) struct Wire {
    stream: BufStream<TcpStream>,
    /// Whether a message came that nobody has asked for yet.
    pushed: bool,
}

/// A reply: its strings and numbers one after the other, nil as none.
pub(super) struct Reply {
    is_push: bool,
    items: Vec<Option<String>>,
}

impl Reply {
    pub(super) fn text(&self, n: usize) -> Option<&str> {
        self.items.get(n)?.as_deref()
    }
}

impl Wire {
    pub(super) async fn connect(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
        let stream = stream.expect("a connection");
        stream.set_nodelay(true).expect("a socket of TCP");
        Self {
            stream: BufStream::new(stream),
            pushed: false,
        }
    }

    /// Runs a command. Messages that come before its reply are noted.
    pub(super) async fn call(&mut self, words: &[&str]) -> Reply {
        self.send(words).await;
        loop {
            let reply = self.read().await;
            if !reply.is_push {
                return reply;
            }
            self.pushed = true;
        }
    }

    /// Subscribes to a channel. The confirmation is a message of its own.
    pub(super) async fn subscribe(&mut self, channel: &str) {
        self.send(&["SUBSCRIBE", channel]).await;
        self.message().await;
    }

    /// Waits for a message, unless one has come since this was last asked.
    pub(super) async fn message(&mut self) {
        while !std::mem::take(&mut self.pushed) {
            self.pushed = self.read().await.is_push;
        }
    }

    async fn send(&mut self, words: &[&str]) {
        let mut bytes = format!("*{}\r\n", words.len());
        for word in words {
            bytes += &format!("${}\r\n{word}\r\n", word.len());
        }
        let sent = self.stream.write_all(bytes.as_bytes()).await;
        sent.expect("the server listens");
        self.stream.flush().await.expect("the server listens");
    }

    async fn read(&mut self) -> Reply {
        let mut reply = Reply {
            is_push: false,
            items: Vec::new(),
        };
        let mut left = 1;
        while left > 0 {
            let line = self.line().await;
            let (kind, rest) = line.split_at(1);
            let count = rest.parse::<usize>();
            left -= 1;
            match (kind, count) {
                (">", Ok(count)) => {
                    reply.is_push = true;
                    left += count;
                }
                ("*", Ok(count)) => left += count,
                ("%", Ok(count)) => left += 2 * count,
                ("$", Ok(len)) => reply.items.push(Some(self.string(len).await)),
                ("$" | "*" | "_", Err(_)) => reply.items.push(None),
                ("-", _) => panic!("the server answers {line}"),
                _ => reply.items.push(Some(rest.to_owned())),
            }
        }
        reply
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await;
        assert!(read.expect("the server answers") > 1, "the server hung up");
        line.trim_end().to_owned()
    }

    async fn string(&mut self, len: usize) -> String {
        let mut bytes = vec![0; len + 2];
        let read = self.stream.read_exact(&mut bytes).await;
        read.expect("the server answers");
        bytes.truncate(len);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
