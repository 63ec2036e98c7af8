//! How much memory a piece of code takes and gives back.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static TAKEN: Cell<usize> = const { Cell::new(0) };
    static RETURNED: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, with a count for each thread.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(&TAKEN, layout.size());
        // SAFETY: as for this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        add(&RETURNED, layout.size());
        // SAFETY: as for this function.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        add(&TAKEN, new_size);
        add(&RETURNED, layout.size());
        // SAFETY: as for this function.
        unsafe { System.realloc(block, layout, new_size) }
    }
}

fn add(count: &'static std::thread::LocalKey<Cell<usize>>, bytes: usize) {
    count.set(count.get().wrapping_add(bytes));
}

/// Runs `f`. Returns its result, and how many bytes it took and returned altogether, not just at
/// its peak.
pub(crate) fn measure<R>(f: impl FnOnce() -> R) -> (R, usize, usize) {
    let (taken, returned) = (TAKEN.get(), RETURNED.get());
    let result = f();
    (
        result,
        TAKEN.get().wrapping_sub(taken),
        RETURNED.get().wrapping_sub(returned),
    )
}
