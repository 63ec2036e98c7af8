//! Entries in memory: one allocation each, known by its address.

use larder_core::entry::{Arena, Entry, EntryMut, Handle, Header, Parts};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::os::raw::c_void;
use std::ptr::NonNull;

/// An entry that we own: not, or no longer, a key's value.
pub(crate) struct Block(NonNull<Header>);

impl Block {
    pub(crate) fn new(parts: Parts<'_>) -> Self {
        let layout = layout(parts.tail_len());
        debug_assert_eq!(parts.tail_len(), parts.header.tail_len());
        // SAFETY: the layout is not empty, and what is written fits it: the header, then the three
        // pieces whose lengths it was made from, none of which overlaps fresh memory.
        unsafe {
            let start = alloc(layout);
            let Some(block) = NonNull::new(start.cast::<Header>()) else {
                handle_alloc_error(layout)
            };
            block.write(parts.header);
            let mut to = start.add(size_of::<Header>());
            for piece in [&parts.fixed[..], parts.key, parts.value] {
                std::ptr::copy_nonoverlapping(piece.as_ptr(), to, piece.len());
                to = to.add(piece.len());
            }
            Self(block)
        }
    }

    pub(crate) fn handle(&self) -> Handle {
        handle_of(self.0)
    }

    /// Gives the entry to the server, as a value of our type.
    pub(crate) fn into_value(self) -> *mut c_void {
        let value = self.0.as_ptr().cast();
        std::mem::forget(self);
        value
    }

    /// Takes an entry back from the server.
    ///
    /// # Safety
    /// `value` must come from [`into_value`](Self::into_value), and nobody may use it from now on.
    pub(crate) unsafe fn from_value(value: *mut c_void) -> Option<Self> {
        NonNull::new(value.cast()).map(Self)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: ours, made by `new`, not used after this. May run on any thread: it touches
        // nothing but its own memory.
        unsafe {
            let tail_len = self.0.as_ref().tail_len();
            self.0.drop_in_place();
            dealloc(self.0.as_ptr().cast(), layout(tail_len));
        }
    }
}

/// The handle of a value that the server holds for us.
///
/// # Safety
/// `value` must come from [`Block::into_value`] and not have been freed.
pub(crate) unsafe fn handle_of_value(value: *mut c_void) -> Option<Handle> {
    NonNull::new(value.cast()).map(handle_of)
}

/// Has the processor fetch the blocks' second to fourth line of cache, where a short value is: a hit
/// needs them right after the first, and large caches are in no cache of the processor's.
#[inline]
pub(super) fn fetch_ahead(value: *const c_void) {
    #[cfg(target_arch = "x86_64")]
    for line in 1..4 {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint, which may name any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(value.wrapping_byte_add(64 * line).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// The heap, as the place where entries live.
#[derive(Clone, Copy)]
pub(crate) struct Heap;

impl Arena for Heap {
    fn entry(&self, handle: Handle) -> Entry<'_> {
        let header = header_of(handle);
        // SAFETY: handles in use are addresses of live blocks: the index holds an entry from when
        // it becomes a key's value until the server announces its removal (`unlink`, the flush
        // event), both on this thread and before the memory is freed; everybody else gets the
        // handle from an open key and uses it before the next call into the server.
        unsafe {
            let tail = std::slice::from_raw_parts(header.add(1).cast::<u8>(), (*header).tail_len());
            Entry::new(&*header, tail)
        }
    }

    fn entry_mut(&mut self, handle: Handle) -> EntryMut<'_> {
        let header = header_of(handle);
        // SAFETY: as above; header and tail don't overlap, and nobody else looks at them meanwhile,
        // since all of this happens on one thread inside one borrow of the state.
        unsafe {
            let tail =
                std::slice::from_raw_parts_mut(header.add(1).cast::<u8>(), (*header).tail_len());
            EntryMut::new(&mut *header, tail)
        }
    }
}

/// Bytes of heap an entry's block takes, extras included.
pub(crate) fn heap_bytes(handle: Handle) -> usize {
    let entry = Heap;
    let header = entry.entry(handle).header;
    let rare = header.rare.as_ref().map_or(0, |rare| size_of_val(&**rare));
    layout(header.tail_len()).size() + rare
}

fn layout(tail_len: usize) -> Layout {
    match Layout::from_size_align(size_of::<Header>() + tail_len, align_of::<Header>()) {
        Ok(layout) => layout,
        Err(_) => unreachable!("lengths are below 4 GiB each"),
    }
}

fn handle_of(block: NonNull<Header>) -> Handle {
    match Handle::from_address(block.as_ptr().expose_provenance() as u64) {
        Some(handle) => handle,
        None => unreachable!("not null"),
    }
}

fn header_of(handle: Handle) -> *mut Header {
    std::ptr::with_exposed_provenance_mut(handle.0.get() as usize)
}
