//! What an error says about the server.

use crate::error::Error;
#[cfg(feature = "tokio")]
use crate::error::Result;

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The server could not serve this command, but it serves others.
    OfCommand,
    /// The server is gone, hangs, or can't serve a cache at all.
    OfServer,
}

pub(crate) fn failure_of(error: &Error) -> Failure {
    match error {
        Error::Timeout(_) | Error::Unavailable => Failure::OfServer,
        Error::Redis(error) => match error.code() {
            Some(code) => of_reply(code, error.detail().unwrap_or_default()),
            None => Failure::OfServer,
        },
        _ => Failure::OfCommand,
    }
}

fn of_reply(code: &str, detail: &str) -> Failure {
    match code {
        "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "READONLY" | "NOAUTH" | "MISCONF"
        | "NOREPLICAS" | "BUSY" => Failure::OfServer,
        // The module is not loaded.
        "ERR" if detail.starts_with("unknown command") => Failure::OfServer,
        _ => Failure::OfCommand,
    }
}

#[cfg(feature = "tokio")]
/// The replies to several commands.
///
/// # Errors
///
/// The first reply, if no server was able to serve any of the commands.
pub(crate) fn unless_all_failed<T>(replies: Vec<Result<T>>) -> Result<Vec<Result<T>>> {
    let of_server =
        |reply: &Result<T>| matches!(reply, Err(error) if failure_of(error) == Failure::OfServer);
    if !replies.iter().all(of_server) {
        return Ok(replies);
    }
    replies
        .into_iter()
        .next()
        .map_or_else(|| Ok(Vec::new()), |first| first.map(|_| Vec::new()))
}

#[cfg(all(test, feature = "tokio"))]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn replies_are_an_error_if_no_server_could_serve_any() {
        let gone = || Err(Error::Unavailable);
        let first = unless_all_failed(vec![Err(Error::Timeout(Duration::ZERO)), gone()]);
        assert!(matches!(first, Err(Error::Timeout(_))), "{first:?}");
        for served in [Ok(1), Err(Error::Reply("GET"))] {
            assert_eq!(unless_all_failed(vec![gone(), served]).unwrap().len(), 2);
        }
        assert!(unless_all_failed::<u8>(Vec::new()).unwrap().is_empty());
    }
}
