//! Clients that read one page again and again.

use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const REQUEST: &[u8] = b"GET /page HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\n\r\n";

/// So many visitors with a connection each, for as long as `slice`: pages of `size` bytes per second.
pub(crate) async fn visit(port: u16, visitors: usize, size: usize, slice: Duration) -> f64 {
    let mut connections = Vec::new();
    for _ in 0..visitors {
        connections.push(Visitor::connect(port).await);
    }
    let started = Instant::now();
    let reading = connections.into_iter().map(|mut visitor| {
        tokio::spawn(async move {
            let mut pages = 0_u32;
            while started.elapsed() < slice {
                visitor.read_page(size).await;
                pages += 1;
            }
            pages
        })
    });
    let mut pages = 0;
    for reading in reading.collect::<Vec<_>>() {
        pages += reading.await.expect("a visitor does not panic");
    }
    f64::from(pages) / started.elapsed().as_secs_f64()
}

struct Visitor {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Visitor {
    async fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await;
        let stream = stream.expect("the site takes a connection");
        stream.set_nodelay(true).expect("a socket");
        Self {
            stream,
            received: Vec::new(),
        }
    }

    async fn read_page(&mut self, size: usize) {
        self.stream.write_all(REQUEST).await.expect("a request");
        self.received.clear();
        let body = loop {
            self.receive().await;
            if let Some(head) = head_length(&self.received) {
                break head;
            }
        };
        self.check_head(body, size);
        while self.received.len() < body + size {
            self.receive().await;
        }
        assert_eq!(self.received.len(), body + size, "a page and no more");
    }

    async fn receive(&mut self) {
        let received = self.stream.read_buf(&mut self.received).await;
        assert_ne!(received.expect("an answer"), 0, "the site hangs up");
    }

    fn check_head(&self, length: usize, size: usize) {
        let head = String::from_utf8_lossy(&self.received[..length]);
        let is_whole = head.contains(&format!("content-length: {size}\r\n"));
        assert!(head.starts_with("HTTP/1.1 200 ") && is_whole, "{head}");
    }
}

/// Where the body begins.
fn head_length(received: &[u8]) -> Option<usize> {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}
