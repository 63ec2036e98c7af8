//! The pure heart of Larder, a cache inside Redis.
//!
//! Everything that can be decided without a server is decided here: what an entry is and whether it
//! lives, who may compute a value, what the bytes of a command and of a snapshot mean. Time is an
//! argument, memory belongs to somebody else ([`entry::Arena`]), and nothing is unsafe.
//!
//! ```
//! use larder_core::command::set::Set;
//! use larder_core::config::Config;
//!
//! let argv: [&[u8]; 8] = [b"CACHE.SET", b"user:1", b"{}", b"EX", b"60", b"TAGS", b"1", b"users"];
//! let set = Set::parse(&argv[..], &Config::default())?;
//! assert_eq!(set.tags.iter().collect::<Vec<_>>(), [b"users"]);
//! assert_eq!(set.encode().0[3], b"PX", "clients send milliseconds");
//! # Ok::<(), larder_core::error::Error>(())
//! ```
//!
//! # Map
//! | module | what |
//! | --- | --- |
//! | [`clock`] | the hybrid logical clock that orders everything |
//! | [`entry`] | an entry's block of memory, and the times it lives by |
//! | [`index`] | tags and who carries them: invalidation, marks, reclaiming, scans |
//! | [`lease`], [`waiting`] | who may compute a value, and who waits for it |
//! | [`look`] | what a key holds at a moment, and the table of `CACHE.GETORLOCK` |
//! | [`command`], [`args`], [`error`], [`glob`] | the grammar of the commands, both directions |
//! | [`config`] | the settings |
//! | [`codec`] | the bytes of a snapshot |
//! | [`stats`] | what is counted |
//!
//! # Invariants
//! - No function reads a clock, draws a random number or does I/O.
//! - Whether an entry lives follows from the entry and its tags alone.
//! - Whatever bytes come in, nothing panics, and nothing is allocated for what they only claim.

#![forbid(unsafe_code)]

pub mod args;
pub mod clock;
pub mod codec;
pub mod command;
pub mod config;
pub mod entry;
pub mod error;
pub mod glob;
pub mod index;
pub mod lease;
pub mod look;
pub mod stats;
pub mod waiting;
