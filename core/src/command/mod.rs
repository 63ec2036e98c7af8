//! The grammar of the commands: one file per command, each with what the server reads (`parse`)
//! beside what a client writes (`encode`), so that the two cannot drift apart.
//!
//! `spec` says what the server is told about each command.

pub mod apply;
pub mod get;
pub mod getex;
pub mod getorlock;
pub mod invalidate;
pub mod keys;
pub mod renew;
pub mod set;
pub mod settags;
pub mod spec;
pub mod stats;
pub mod tagged;
pub mod taginfo;
pub mod taglist;
pub mod tagscan;
pub mod unlock;

pub use tagged::Tags;

use crate::args::Keyword;
use crate::error::Error;

/// A command as a client sends it, the name first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded(pub Vec<Vec<u8>>);

impl Encoded {
    fn new(name: &str) -> Self {
        Self(vec![name.as_bytes().to_vec()])
    }

    fn arg(mut self, argument: impl AsRef<[u8]>) -> Self {
        self.0.push(argument.as_ref().to_vec());
        self
    }

    fn number(self, number: impl std::fmt::Display) -> Self {
        self.arg(number.to_string())
    }

    fn flag(self, name: &str, given: bool) -> Self {
        if given { self.arg(name) } else { self }
    }

    fn option(self, name: &str, value: Option<impl std::fmt::Display>) -> Self {
        match value {
            Some(value) => self.arg(name).number(value),
            None => self,
        }
    }

    fn args<T: AsRef<[u8]>>(self, arguments: impl IntoIterator<Item = T>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }
}

/// Options of which only one may be given. The same one may be repeated, and then the last counts,
/// as in the `SET` of Redis.
struct Choice<T>(Option<(Keyword, T)>);

impl<T> Choice<T> {
    fn take(&mut self, option: Keyword, value: T) -> Result<(), Error> {
        match &self.0 {
            Some((chosen, _)) if chosen.name() != option.name() => Err(Error::Syntax),
            _ => {
                self.0 = Some((option, value));
                Ok(())
            }
        }
    }

    fn chosen(self) -> Option<T> {
        self.0.map(|(_, value)| value)
    }
}
