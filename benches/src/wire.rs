//! A connection that reads replies no further than it must to tell where they end.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// Longer than any command of any rival takes.
const PATIENCE: Duration = Duration::from_secs(120);
const BUFFER: usize = 1 << 18;

pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// What is read and not yet looked at.
    start: usize,
    end: usize,
}

/// What came back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) operations: usize,
    /// Payload of all strings.
    pub(crate) bytes: usize,
}

impl Wire {
    pub(crate) fn connect(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
        stream.set_nodelay(true).expect("a socket of TCP");
        let patience = Some(PATIENCE);
        stream.set_read_timeout(patience).expect("a socket");
        Self {
            stream,
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server listens");
    }

    /// Reads so many replies. None of them may be an error.
    pub(crate) fn skip_replies(&mut self, count: usize, tally: &mut Tally) {
        let mut left = count;
        while left > 0 {
            let line = self.line();
            left -= 1;
            match (line.kind, line.number) {
                (b'$', Some(len)) => {
                    tally.bytes += len;
                    self.skip(len + 2);
                }
                (b'*', Some(len)) => left += len,
                _ => {}
            }
        }
    }

    fn line(&mut self) -> Line {
        loop {
            let unseen = &self.buffer[self.start..self.end];
            if let Some(len) = unseen.iter().position(|byte| *byte == b'\n') {
                self.start += len + 1;
                return Line::of(&unseen[..len - 1]);
            }
            self.fill();
        }
    }

    fn skip(&mut self, count: usize) {
        let mut left = count;
        while self.end - self.start < left {
            left -= self.end - self.start;
            self.start = self.end;
            self.fill();
        }
        self.start += left;
    }

    fn fill(&mut self) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let read = self.stream.read(&mut self.buffer[self.end..]);
        let read = read.expect("the server answers in time");
        assert!(read > 0, "the server hung up");
        self.end += read;
    }
}

/// The first line of a reply.
struct Line {
    kind: u8,
    /// Length or value; none for nil and for text.
    number: Option<usize>,
}

impl Line {
    fn of(bytes: &[u8]) -> Self {
        let (kind, rest) = bytes.split_first().expect("a reply has a type");
        assert_ne!(*kind, b'-', "the server answers {}", bytes.escape_ascii());
        let number = str::from_utf8(rest).ok().and_then(|rest| rest.parse().ok());
        Self {
            kind: *kind,
            number,
        }
    }
}
