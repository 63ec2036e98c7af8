//! The arguments of a call.

use super::string::Str;
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
}

impl CoreArgv for Argv<'_> {
    fn len(&self) -> usize {
        self.argc
    }

    fn get(&self, i: usize) -> &[u8] {
        self.string(i).map_or(&[], Str::bytes)
    }
}
