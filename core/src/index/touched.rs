//! Which lists were touched since when, roughly: a table small enough to stay in the processor's
//! nearest cache, where the lists themselves may not be.

/// Cells of the table. The more, the less often an untouched list is taken for a touched one.
const CELLS: usize = 512;

/// For each list the count of changes at which it was last invalidated or marked, or one of the lists
/// it shares a cell with. So it may be wrong about a list that was not touched, never about one that
/// was.
#[derive(Debug)]
pub(crate) struct Touched([u64; CELLS]);

impl Touched {
    pub(crate) fn none() -> Self {
        Self([0; CELLS])
    }

    /// Notes that `list` is touched, which is change number `change`.
    pub(crate) fn note(&mut self, list: u32, change: u64) {
        self.0[list as usize % CELLS] = change;
    }

    /// Whether `list` may have been touched after change number `change`.
    pub(crate) fn since(&self, list: u32, change: u64) -> bool {
        self.0[list as usize % CELLS] > change
    }
}
