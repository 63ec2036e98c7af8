//! What the command line and the environment say.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use hyper::Uri;
use larder_client::Cache;
use larder_client::http::CacheLayer;

pub(crate) const USAGE: &str = "\
Usage: larder-proxy [ORIGIN] [PORT] [--listen ADDRESS] [--redis URL] [--careful]
  ORIGIN     what is cached, as http://127.0.0.1:8000 (or the variable ORIGIN)
  PORT       where it is served on 127.0.0.1: 8080 (PORT)
  --listen   the same as a whole address, as 0.0.0.0:8080 (LISTEN)
  --redis    where Larder is: redis://127.0.0.1:6379 (REDIS_URL)
  --careful  only what the layer caches unless it is told otherwise";

/// For how long stale responses stand in for a failing origin.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) origin: Uri,
    pub(crate) listen: SocketAddr,
    pub(crate) redis: String,
    careful: bool,
}

/// What was said, not understood yet.
#[derive(Default)]
struct Words {
    origin: Option<String>,
    port: Option<String>,
    listen: Option<String>,
    redis: Option<String>,
    careful: bool,
}

impl Settings {
    /// Arguments go before variables of the environment.
    pub(crate) fn new(
        arguments: impl Iterator<Item = String>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let said = Words::of(arguments)?;
        let (port, listen) = match (said.port, said.listen) {
            (None, None) => (variable("PORT"), variable("LISTEN")),
            argued => argued,
        };
        let origin = said.origin.or_else(|| variable("ORIGIN"));
        let redis = said.redis.or_else(|| variable("REDIS_URL"));
        Ok(Self {
            origin: parse_origin(&origin.ok_or("which origin is to be cached?")?)?,
            listen: parse_address(listen, port)?,
            redis: redis.unwrap_or_else(|| "redis://127.0.0.1:6379".to_owned()),
            careful: said.careful,
        })
    }

    pub(crate) fn layer(&self, cache: &Cache) -> CacheLayer {
        let layer = CacheLayer::new(cache);
        if self.careful {
            return layer;
        }
        layer
            .heuristic_freshness(true)
            .share_cookies(true)
            .stale_if_error(A_DAY)
    }
}

impl Words {
    fn of(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut words = Self::default();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| format!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--listen" => words.listen = Some(value()?),
                "--redis" => words.redis = Some(value()?),
                "--careful" => words.careful = true,
                option if option.starts_with('-') => return Err(format!("what is {option}?")),
                _ if words.origin.is_none() => words.origin = Some(argument),
                _ if words.port.is_none() => words.port = Some(argument),
                _ => return Err(format!("what is {argument}?")),
            }
        }
        Ok(words)
    }
}

fn parse_origin(address: &str) -> Result<Uri, String> {
    let origin: Uri = address
        .parse()
        .map_err(|error| format!("{address}: {error}"))?;
    if origin.scheme_str() != Some("http") || origin.authority().is_none() {
        return Err(format!("{address} is not of the form http://host:port"));
    }
    Ok(origin)
}

fn parse_address(listen: Option<String>, port: Option<String>) -> Result<SocketAddr, String> {
    if let Some(listen) = listen {
        return listen
            .parse()
            .map_err(|_| format!("{listen} is not of the form address:port"));
    }
    let port = port.unwrap_or_else(|| "8080".to_owned());
    let port: u16 = port.parse().map_err(|_| format!("{port} is no port"))?;
    Ok((Ipv4Addr::LOCALHOST, port).into())
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;

    fn settings(line: &str, environment: &[(&str, &str)]) -> Result<Settings, String> {
        let variable = |wanted: &str| {
            let found = environment.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        };
        Settings::new(line.split_whitespace().map(str::to_owned), variable)
    }

    #[track_caller]
    fn check(line: &str, environment: &[(&str, &str)], origin: &str, listen: &str) {
        let settings = settings(line, environment).expect("settings");
        assert_eq!(settings.origin.to_string(), origin);
        assert_eq!(settings.listen.to_string(), listen);
    }

    #[test]
    fn only_the_origin_is_needed() {
        check("http://a:1", &[], "http://a:1/", "127.0.0.1:8080");
        check(
            "",
            &[("ORIGIN", "http://a:1")],
            "http://a:1/",
            "127.0.0.1:8080",
        );
    }

    #[test]
    fn arguments_go_before_the_environment() {
        let environment = [("ORIGIN", "http://b:2"), ("LISTEN", "0.0.0.0:3")];
        check("", &environment, "http://b:2/", "0.0.0.0:3");
        check("http://a:1 4", &environment, "http://a:1/", "127.0.0.1:4");
        check(
            "--listen 0.0.0.0:5",
            &[("ORIGIN", "http://b:2"), ("PORT", "6")],
            "http://b:2/",
            "0.0.0.0:5",
        );
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for (line, part) in [
            ("", "which origin"),
            ("host", "is not of the form"),
            ("https://host", "is not of the form"),
            ("http://host --listen", "--listen needs a value"),
            (
                "http://host --listen here",
                "is not of the form address:port",
            ),
            ("http://host here", "here is no port"),
            ("http://host 1 http://other", "what is http://other?"),
            ("--bold", "what is --bold?"),
        ] {
            let message = settings(line, &[]).err().unwrap_or_default();
            assert!(message.contains(part), "{line}: {message}");
        }
    }
}
