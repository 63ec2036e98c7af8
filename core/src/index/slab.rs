//! A slab in chunks: ids stay valid while their cell is occupied, growing never moves what is
//! there (no stall on a large index), and a chunk whose cells are all vacant is given back.

/// Bytes per chunk, about: small enough that a few tags don't cost much, large enough that a
/// million do not need many chunks.
const CHUNK_BYTES: usize = 4_096;
const NIL: u32 = u32::MAX;

/// What a slab is made of: a value, or the link to the next vacant cell of its chunk.
pub(crate) trait Cell {
    fn vacant(next: u32) -> Self;
    /// The link, if this cell is vacant.
    fn next_vacant(&self) -> Option<u32>;
}

/// A cell for any type.
#[derive(Debug)]
pub(crate) enum Slot<T> {
    Vacant(u32),
    Occupied(T),
}

impl<T> Cell for Slot<T> {
    fn vacant(next: u32) -> Self {
        Self::Vacant(next)
    }

    fn next_vacant(&self) -> Option<u32> {
        match self {
            Self::Vacant(next) => Some(*next),
            Self::Occupied(_) => None,
        }
    }
}

#[derive(Debug)]
struct Chunk<C> {
    cells: Box<[C]>,
    occupied: usize,
    /// First vacant cell, `NIL` if none.
    head: u32,
    /// Where this chunk stands in `Slab::open` while it has vacant cells.
    open_at: usize,
}

#[derive(Debug)]
pub(crate) struct Slab<C> {
    chunks: Vec<Option<Chunk<C>>>,
    /// Chunks with vacant cells.
    open: Vec<u32>,
    /// Numbers of chunks that were given back.
    gone: Vec<u32>,
    len: usize,
}

impl<C> Default for Slab<C> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            open: Vec::new(),
            gone: Vec::new(),
            len: 0,
        }
    }
}

impl<C: Cell> Slab<C> {
    /// Cells per chunk, a power of two.
    const CHUNK: usize = (CHUNK_BYTES / size_of::<C>() + 1).next_power_of_two() / 2;

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Ids are below this bound.
    pub(crate) fn bound(&self) -> u32 {
        (self.chunks.len() * Self::CHUNK) as u32
    }

    /// Bytes of heap held by the cells and their tables.
    pub(crate) fn heap_bytes(&self) -> usize {
        let live = self.chunks.len() - self.gone.len();
        live * Self::CHUNK * size_of::<C>()
            + self.chunks.capacity() * size_of::<Option<Chunk<C>>>()
            + (self.open.capacity() + self.gone.capacity()) * size_of::<u32>()
    }

    pub(crate) fn insert(&mut self, cell: C) -> u32 {
        let number = match self.open.last() {
            Some(number) => *number,
            None => self.add_chunk(),
        };
        let Some(chunk) = self.chunks[number as usize].as_mut() else {
            unreachable!("an open chunk exists");
        };
        let at = chunk.head;
        chunk.head = chunk.cells[at as usize].next_vacant().unwrap_or(NIL);
        chunk.cells[at as usize] = cell;
        chunk.occupied += 1;
        if chunk.head == NIL {
            self.open.pop();
        }
        self.len += 1;
        number * Self::CHUNK as u32 + at
    }

    pub(crate) fn get(&self, id: u32) -> Option<&C> {
        let chunk = self.chunks.get(id as usize / Self::CHUNK)?.as_ref()?;
        let cell = &chunk.cells[id as usize % Self::CHUNK];
        cell.next_vacant().is_none().then_some(cell)
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut C> {
        let chunk = self.chunks.get_mut(id as usize / Self::CHUNK)?.as_mut()?;
        let cell = &mut chunk.cells[id as usize % Self::CHUNK];
        cell.next_vacant().is_none().then_some(cell)
    }

    pub(crate) fn remove(&mut self, id: u32) -> Option<C> {
        self.get(id)?;
        let (number, at) = (id as usize / Self::CHUNK, id as usize % Self::CHUNK);
        let chunk = self.chunks[number].as_mut()?;
        let was_full = chunk.head == NIL;
        let cell = std::mem::replace(&mut chunk.cells[at], C::vacant(chunk.head));
        chunk.head = at as u32;
        chunk.occupied -= 1;
        self.len -= 1;
        if was_full {
            chunk.open_at = self.open.len();
            self.open.push(number as u32);
        }
        self.give_back(number);
        Some(cell)
    }

    fn add_chunk(&mut self) -> u32 {
        let cells = (1..=Self::CHUNK as u32)
            .map(|next| {
                C::vacant(if next == Self::CHUNK as u32 {
                    NIL
                } else {
                    next
                })
            })
            .collect();
        let chunk = Chunk {
            cells,
            occupied: 0,
            head: 0,
            open_at: self.open.len(),
        };
        let number = match self.gone.pop() {
            Some(number) => {
                self.chunks[number as usize] = Some(chunk);
                number
            }
            None => {
                self.chunks.push(Some(chunk));
                (self.chunks.len() - 1) as u32
            }
        };
        self.open.push(number);
        number
    }

    /// Frees chunk `number` if it is empty and not the only one with room (so that a slab that
    /// breathes around a chunk's border does not allocate each time), and everything when the
    /// slab is empty.
    fn give_back(&mut self, number: usize) {
        if self.len == 0 {
            *self = Self::default();
            return;
        }
        let Some(chunk) = &self.chunks[number] else {
            return;
        };
        if chunk.occupied > 0 || self.open.len() == 1 {
            return;
        }
        let at = chunk.open_at;
        self.chunks[number] = None;
        self.gone.push(number as u32);
        self.open.swap_remove(at);
        if let Some(moved) = self.open.get(at).copied()
            && let Some(moved) = self.chunks[moved as usize].as_mut()
        {
            moved.open_at = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(slab: &Slab<Slot<u64>>, id: u32) -> Option<u64> {
        match slab.get(id)? {
            Slot::Occupied(value) => Some(*value),
            Slot::Vacant(_) => None,
        }
    }

    #[test]
    fn ids_stay_valid_while_others_come_and_go() {
        let mut slab = Slab::default();
        let ids: Vec<u32> = (0..2_000u64)
            .map(|n| slab.insert(Slot::Occupied(n)))
            .collect();
        for id in ids.iter().step_by(2) {
            slab.remove(*id);
        }
        for (n, id) in ids.iter().enumerate() {
            let expected = (n % 2 == 1).then_some(n as u64);
            assert_eq!(value(&slab, *id), expected);
        }
        assert_eq!(slab.len(), 1_000);
        assert!(slab.remove(ids[0]).is_none(), "removed twice");
    }

    #[test]
    fn memory_follows_the_contents() {
        let mut slab: Slab<Slot<u64>> = Slab::default();
        let ids: Vec<u32> = (0..100_000u64)
            .map(|n| slab.insert(Slot::Occupied(n)))
            .collect();
        let full = slab.heap_bytes();
        for id in &ids[1_000..] {
            slab.remove(*id);
        }
        assert!(
            slab.heap_bytes() < full / 20,
            "{} of {full}",
            slab.heap_bytes()
        );
        for id in &ids[..1_000] {
            assert!(slab.remove(*id).is_some());
        }
        assert_eq!(slab.heap_bytes(), 0);
    }

    #[test]
    fn vacant_cells_are_used_before_new_chunks() {
        let mut slab: Slab<Slot<u64>> = Slab::default();
        let ids: Vec<u32> = (0..5_000u64)
            .map(|n| slab.insert(Slot::Occupied(n)))
            .collect();
        let bound = slab.bound();
        for id in ids.iter().step_by(3) {
            slab.remove(*id);
        }
        for n in 0..ids.len().div_ceil(3) as u64 {
            slab.insert(Slot::Occupied(n));
        }
        assert_eq!(slab.bound(), bound);
        assert_eq!(slab.len(), ids.len());
    }
}
