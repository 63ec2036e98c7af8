//! A value that only the server's main thread touches.

use std::cell::RefCell;

/// A global that is used by whoever holds the server's lock, one at a time.
pub(crate) struct MainThread<T>(RefCell<Option<T>>);

// SAFETY: every function of a module is called with the server's lock held, except the data type's
// `free`, which does not use this. So no two threads are ever in here at once.
unsafe impl<T> Sync for MainThread<T> {}

impl<T> MainThread<T> {
    pub(crate) const fn empty() -> Self {
        Self(RefCell::new(None))
    }

    /// Uses the value, which is made on first use.
    ///
    /// Must not be nested: `f` must not call into the server, which might call us back. Nesting is
    /// found out and panics, which the guard turns into an error reply.
    #[inline]
    pub(crate) fn with<R>(&self, make: impl FnOnce() -> T, f: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.0.borrow_mut();
        match &mut *value {
            Some(value) => f(value),
            none => f(none.insert(make())),
        }
    }
}
