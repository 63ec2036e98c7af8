//! The list of entries that carry a tag: slot numbers, in chunks, so that a list of ten million
//! grows and shrinks without ever moving more than one chunk.

/// Slot numbers per full chunk (4 KiB).
const CHUNK: usize = 1_024;

#[derive(Debug, Default)]
pub(crate) struct Members {
    full: Vec<Box<[u32]>>,
    /// The last, growing chunk; empty only if the list is.
    tail: Vec<u32>,
}

impl Members {
    pub(crate) fn len(&self) -> usize {
        self.full.len() * CHUNK + self.tail.len()
    }

    pub(crate) fn get(&self, position: usize) -> Option<u32> {
        match self.full.get(position / CHUNK) {
            Some(chunk) => chunk.get(position % CHUNK).copied(),
            None => self
                .tail
                .get(position.checked_sub(self.full.len() * CHUNK)?)
                .copied(),
        }
    }

    pub(crate) fn last(&self) -> Option<u32> {
        self.tail.last().copied()
    }

    /// Appends and returns the position.
    pub(crate) fn push(&mut self, slot: u32) -> u32 {
        if self.tail.len() == CHUNK {
            let chunk = std::mem::take(&mut self.tail);
            self.full.push(chunk.into_boxed_slice());
        }
        self.tail.push(slot);
        (self.len() - 1) as u32
    }

    /// Removes `position` by putting the last member there. Returns the member that moved, if any.
    pub(crate) fn swap_remove(&mut self, position: usize) -> Option<u32> {
        let last = self.tail.pop()?;
        if self.tail.is_empty()
            && let Some(chunk) = self.full.pop()
        {
            self.tail = chunk.into_vec();
        } else if self.tail.len() < self.tail.capacity() / 4 {
            self.tail.shrink_to(self.tail.len() * 2);
        }
        if position >= self.len() {
            return None;
        }
        let place = match self.full.get_mut(position / CHUNK) {
            Some(chunk) => &mut chunk[position % CHUNK],
            None => &mut self.tail[position - self.full.len() * CHUNK],
        };
        *place = last;
        Some(last)
    }

    /// Bytes of heap held.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.full.len() * CHUNK * size_of::<u32>()
            + self.full.capacity() * size_of::<Box<[u32]>>()
            + self.tail.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaves_as_a_vector_with_swap_remove() {
        let mut members = Members::default();
        let mut model: Vec<u32> = Vec::new();
        let mut seed = 7u64;
        for step in 0..60_000u32 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let growing = step < 20_000;
            if growing || seed >> 62 == 0 || model.is_empty() {
                assert_eq!(members.push(step) as usize, model.len());
                model.push(step);
            } else {
                let at = (seed >> 16) as usize % model.len();
                let last = model.len() - 1;
                model.swap_remove(at);
                let moved = (at != last).then(|| model[at]);
                assert_eq!(members.swap_remove(at), moved);
            }
            assert_eq!(members.len(), model.len());
            assert_eq!(members.last(), model.last().copied());
        }
        for (at, slot) in model.iter().enumerate() {
            assert_eq!(members.get(at), Some(*slot));
        }
        assert_eq!(members.get(model.len()), None);
    }

    #[test]
    fn an_emptied_list_holds_next_to_nothing() {
        let mut members = Members::default();
        for slot in 0..100_000 {
            members.push(slot);
        }
        while members.len() > 0 {
            members.swap_remove(0);
        }
        assert!(members.heap_bytes() < 4 * CHUNK, "{}", members.heap_bytes());
    }
}
