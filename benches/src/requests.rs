//! Commands encoded beforehand, so that sending them costs the load generator next to nothing.

/// Operations, each of one or more commands, one behind the other.
#[derive(Default)]
pub(crate) struct Requests {
    bytes: Vec<u8>,
    /// Where each operation ends, in bytes and in replies.
    ends: Vec<End>,
    replies: usize,
}

#[derive(Clone, Copy, Default)]
struct End {
    bytes: usize,
    replies: usize,
}

/// Operations that are sent at once.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) operations: usize,
    pub(crate) replies: usize,
}

impl Requests {
    /// Adds a command to the operation at hand.
    pub(crate) fn command(&mut self, words: &[&[u8]]) {
        self.header(b'*', words.len());
        for word in words {
            self.header(b'$', word.len());
            self.bytes.extend_from_slice(word);
            self.bytes.extend_from_slice(b"\r\n");
        }
        self.replies += 1;
    }

    /// Ends the operation at hand.
    pub(crate) fn end(&mut self) {
        self.ends.push(End {
            bytes: self.bytes.len(),
            replies: self.replies,
        });
    }

    /// The operations in batches of `pipeline`.
    pub(crate) fn batches(&self, pipeline: usize) -> impl Iterator<Item = Batch<'_>> + Clone {
        let mut start = End::default();
        self.ends.chunks(pipeline).map(move |chunk| {
            let end = chunk.last().copied().unwrap_or(start);
            let batch = Batch {
                bytes: &self.bytes[start.bytes..end.bytes],
                operations: chunk.len(),
                replies: end.replies - start.replies,
            };
            start = end;
            batch
        })
    }

    fn header(&mut self, kind: u8, count: usize) {
        self.bytes.push(kind);
        self.bytes.extend_from_slice(count.to_string().as_bytes());
        self.bytes.extend_from_slice(b"\r\n");
    }
}
