//! The allocator: the server's, so that what Larder holds counts against `maxmemory`.
//!
//! `redis_module::alloc::RedisAlloc` does the same without `realloc` and `alloc_zeroed`, with which
//! every growing `Vec` would be copied by hand.

use redis_module::alloc::RedisAlloc;
use std::alloc::{GlobalAlloc, Layout};
use std::os::raw::c_void;

/// The strictest alignment the server's allocator promises (that of malloc).
const MAX_ALIGN: usize = 16;

/// See the module's documentation.
pub(crate) struct ServerAlloc;

// SAFETY: forwards to malloc, calloc, realloc and free of the server, which obey the contract for
// alignments up to 16; nothing in this crate is aligned more strictly, and what were is copied
// through `RedisAlloc`.
unsafe impl GlobalAlloc for ServerAlloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: same contract.
        unsafe { RedisAlloc.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: same contract.
        unsafe { RedisAlloc.dealloc(ptr, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: calloc returns zeroed memory or null.
        unsafe { call!(RedisModule_Calloc(1, layout.pad_to_align().size())).cast() }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if layout.align() <= MAX_ALIGN {
            // SAFETY: `ptr` came from the server's malloc, whose realloc keeps the contents.
            return unsafe { call!(RedisModule_Realloc(ptr.cast::<c_void>(), new_size)).cast() };
        }
        // SAFETY: the caller guarantees that `new_size` rounded up does not overflow; old and new
        // blocks don't overlap and are as long as what is copied.
        unsafe {
            let fresh = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !fresh.is_null() {
                std::ptr::copy_nonoverlapping(ptr, fresh, layout.size().min(new_size));
                self.dealloc(ptr, layout);
            }
            fresh
        }
    }
}
