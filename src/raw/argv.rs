//! The arguments of a call.

use super::string::{OwnStr, Str};
use larder_core::args::Argv as CoreArgv;
use redis_module::raw;
use std::marker::PhantomData;
use std::os::raw::c_int;

/// The arguments of a call, the command's name being number 0.
#[derive(Clone, Copy)]
pub(crate) struct Argv<'a> {
    argv: *mut *mut raw::RedisModuleString,
    argc: usize,
    borrow: PhantomData<&'a ()>,
}

impl<'a> Argv<'a> {
    /// # Safety
    /// `argv` must hold `argc` strings that live for `'a`.
    pub(crate) unsafe fn new(argv: *mut *mut raw::RedisModuleString, argc: c_int) -> Self {
        Self {
            argv,
            argc: usize::try_from(argc).unwrap_or(0),
            borrow: PhantomData,
        }
    }

    /// Argument `i` as the server's string.
    pub(crate) fn string(self, i: usize) -> Option<Str<'a>> {
        if i >= self.argc {
            return None;
        }
        // SAFETY: in range, and the strings live for 'a.
        unsafe { Str::from_ptr(*self.argv.add(i)) }
    }

    pub(crate) fn strings(self) -> Strings<'a> {
        Strings {
            argv: self,
            next: 1,
        }
    }

    /// All of them, for functions of the server.
    pub(super) fn raw(self) -> (*mut *mut raw::RedisModuleString, c_int) {
        (self.argv, c_int::try_from(self.argc).unwrap_or(c_int::MAX))
    }
}

/// Finds the server's strings behind arguments, so that they need not be copied to be passed on.
/// For arguments that are asked for in the order in which they stand.
pub(crate) struct Strings<'a> {
    argv: Argv<'a>,
    next: usize,
}

impl<'a> Strings<'a> {
    /// The string that holds these bytes, and no others that read the same; a copy if there is none
    /// from here on.
    pub(crate) fn lend(&mut self, bytes: &[u8]) -> Lent<'a> {
        while let Some(string) = self.argv.string(self.next) {
            self.next += 1;
            if std::ptr::eq(string.bytes(), bytes) {
                return Lent::Argument(string);
            }
        }
        Lent::Copy(OwnStr::new(bytes))
    }
}

/// A string, whosever it is.
pub(crate) enum Lent<'a> {
    Argument(Str<'a>),
    Copy(OwnStr),
}

impl Lent<'_> {
    pub(crate) fn get(&self) -> Str<'_> {
        match self {
            Self::Argument(string) => *string,
            Self::Copy(string) => string.get(),
        }
    }
}

impl CoreArgv for Argv<'_> {
    fn len(&self) -> usize {
        self.argc
    }

    fn get(&self, i: usize) -> &[u8] {
        self.string(i).map_or(&[], Str::bytes)
    }
}
