//! Settings: by `loadmodule` arguments, in the configuration file, by `CONFIG SET`.

use crate::state;
use larder_core::config::{Config, KNOBS, Kind, Knob, LoadPolicy};

/// A setting's value; the name comes with or without the module's prefix.
pub(crate) fn get(name: &[u8]) -> i64 {
    state::with(|state| {
        plain(name)
            .and_then(|name| state.config.get(name))
            .unwrap_or(0)
    })
}

/// Changes a setting, whose range the server has checked.
pub(crate) fn set(name: &[u8], value: i64) -> bool {
    state::with(|state| {
        let done = plain(name).is_some_and(|name| state.config.set(name, value));
        let config = &state.config;
        state
            .stats
            .configure(config.stats_depth, config.stats_prefixes);
        done
    })
}

fn plain(name: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(name).ok()?;
    Some(name.strip_prefix("cache.").unwrap_or(name))
}

/// What the arguments of `loadmodule` say.
pub(crate) struct Settings(Config);

impl Settings {
    /// Takes pairs of name and value.
    ///
    /// # Errors
    /// A sentence about the first that is wrong.
    pub(crate) fn from_args(args: &[&[u8]]) -> Result<Self, String> {
        let mut config = Config::default();
        for pair in args.chunks(2) {
            let text = |i: usize| String::from_utf8_lossy(pair.get(i).copied().unwrap_or_default());
            let name = text(0).to_ascii_lowercase();
            let name = name.strip_prefix("cache.").unwrap_or(&name);
            let Some(knob) = KNOBS.iter().find(|knob| knob.name == name) else {
                return Err(format!("there is no setting called {name}"));
            };
            let value = read(knob, &text(1)).ok_or_else(|| complaint(knob, &text(1)))?;
            config.set(knob.name, value);
        }
        Ok(Self(config))
    }

    /// The value of a setting.
    pub(crate) fn get(&self, knob: &Knob) -> i64 {
        self.0.get(knob.name).unwrap_or(0)
    }
}

fn read(knob: &Knob, text: &str) -> Option<i64> {
    let text = text.to_ascii_lowercase();
    match knob.kind {
        Kind::Integer { least, most, .. } => text
            .parse()
            .ok()
            .filter(|value| (least..=most).contains(value)),
        Kind::Bool { .. } => match text.as_str() {
            "yes" => Some(1),
            "no" => Some(0),
            _ => None,
        },
        Kind::Policy => LoadPolicy::ALL
            .iter()
            .position(|(name, _)| *name == text)
            .and_then(|at| i64::try_from(at).ok()),
    }
}

fn complaint(knob: &Knob, text: &str) -> String {
    let allowed = match knob.kind {
        Kind::Integer { least, most, .. } => format!("a number from {least} to {most}"),
        Kind::Bool { .. } => "yes or no".to_owned(),
        Kind::Policy => LoadPolicy::ALL.map(|(name, _)| name).join(", "),
    };
    format!("{} can't be \"{text}\"; it takes {allowed}", knob.name)
}
