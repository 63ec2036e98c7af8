//! The settings: what each is called, means, and may be.

/// What becomes of entries that are found in a snapshot or AOF at start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadPolicy {
    /// They are as they were.
    #[default]
    Keep,
    /// They are stale, and gone if they have no grace.
    Stale,
    /// They are dropped.
    Drop,
}

impl LoadPolicy {
    /// All of them with their names, in order.
    pub const ALL: [(&'static str, Self); 3] = [
        ("keep", Self::Keep),
        ("stale", Self::Stale),
        ("drop", Self::Drop),
    ];
}

/// What a setting holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number from `least` to `most`.
    Integer {
        /// The default.
        default: i64,
        /// The least allowed.
        least: i64,
        /// The most allowed.
        most: i64,
    },
    /// Yes or no.
    Bool {
        /// The default.
        default: bool,
    },
    /// A [`LoadPolicy`].
    Policy,
}

/// A setting, known to the server as `cache.<name>`.
#[derive(Clone, Copy, Debug)]
pub struct Knob {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Its unit, or nothing.
    pub unit: &'static str,
    /// What it is for, in a sentence.
    pub doc: &'static str,
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $name:literal $kind:tt $args:tt $unit:literal;)*) => {
        /// The settings in force.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $field: $type,)*
        }

        /// Every setting, in the order in which they are documented.
        pub const KNOBS: &[Knob] = &[
            $(Knob { name: $name, kind: settings!(@kind $kind $args), unit: $unit, doc: concat!($($doc),+) },)*
        ];

        impl Default for Config {
            fn default() -> Self {
                Self { $($field: settings!(@default $kind $args),)* }
            }
        }

        impl Config {
            /// A setting as the number the server keeps it as: itself, 0 or 1, or a position in
            /// [`LoadPolicy::ALL`].
            #[must_use]
            pub fn get(&self, name: &str) -> Option<i64> {
                match name {
                    $($name => Some(settings!(@get $kind, self.$field)),)*
                    _ => None,
                }
            }

            /// Changes a setting. Whether there is one of that name that can hold the value; its
            /// range is checked by whoever accepts it.
            pub fn set(&mut self, name: &str, value: i64) -> bool {
                match name {
                    $($name => match settings!(@set $kind, value) {
                        Some(value) => {
                            self.$field = value;
                            true
                        }
                        None => false,
                    },)*
                    _ => false,
                }
            }
        }
    };
    (@kind integer($default:literal, $least:literal, $most:literal)) => {
        Kind::Integer { default: $default, least: $least, most: $most }
    };
    (@kind bool($default:literal)) => { Kind::Bool { default: $default } };
    (@kind policy()) => { Kind::Policy };
    (@default integer($default:literal, $least:literal, $most:literal)) => { $default };
    (@default bool($default:literal)) => { $default };
    (@default policy()) => { LoadPolicy::Keep };
    (@get integer, $value:expr) => { i64::try_from($value).unwrap_or(i64::MAX) };
    (@get bool, $value:expr) => { i64::from($value) };
    (@get policy, $value:expr) => { $value as i64 };
    (@set integer, $value:expr) => { $value.try_into().ok() };
    (@set bool, $value:expr) => { Some($value != 0) };
    (@set policy, $value:expr) => {
        usize::try_from($value).ok().and_then(|at| LoadPolicy::ALL.get(at)).map(|(_, policy)| *policy)
    };
}

settings! {
    /// TTL of entries that are stored without one; 0 for none.
    default_ttl_ms: u64 = "default-ttl" integer(0, 0, 9_007_199_254_740_991) "ms";
    /// How long a lease lasts unless the caller says otherwise.
    lease_time_ms: u64 = "lease-time" integer(5_000, 1, 86_400_000) "ms";
    /// How long a lease or backoff may last at most. Clocks of a primary and its replicas must not differ by more.
    max_lease_time_ms: u64 = "max-lease-time" integer(60_000, 1, 86_400_000) "ms";
    /// How many callers may wait at once; each costs the server 35 to 60 KB.
    max_waiters: usize = "max-waiters" integer(1_000, 0, 1_000_000) "";
    /// What becomes of entries found in a snapshot or AOF at start: keep, stale or drop.
    load_policy: LoadPolicy = "load-policy" policy() "";
    /// How much the clocks of a cluster's servers may differ.
    max_clock_skew_ms: u64 = "max-clock-skew" integer(1_000, 0, 3_600_000) "ms";
    /// At which ':' a key's prefix ends, for the statistics.
    stats_depth: u32 = "stats-depth" integer(1, 1, 64) "";
    /// How many key prefixes have statistics of their own; the busiest stay.
    stats_prefixes: u16 = "stats-prefixes" integer(128, 0, 10_000) "";
    /// How many tags an entry may have.
    max_tags_per_entry: usize = "max-tags-per-entry" integer(128, 0, 65_535) "";
    /// How long a tag may be.
    max_tag_length: usize = "max-tag-length" integer(1_024, 1, 1_048_576) "bytes";
    /// How many dead entries CACHE.INVALIDATE removes before it replies.
    reclaim_inline: usize = "reclaim-inline" integer(128, 0, 1_000) "";
    /// How long a slice of background reclaiming may take.
    reclaim_slice_us: u64 = "reclaim-slice-us" integer(500, 10, 10_000) "microseconds";
    /// Whether invalidations are published, on the channels `__cache@N__:invalidate` and `:markstale` of database N.
    publish_invalidations: bool = "publish-invalidations" bool(true) "";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_knob_reads_back_what_it_was_set_to() {
        for knob in KNOBS {
            let mut config = Config::default();
            let (default, other) = match knob.kind {
                Kind::Integer {
                    default,
                    least,
                    most,
                } => {
                    assert!((least..=most).contains(&default), "{}", knob.name);
                    (default, most)
                }
                Kind::Bool { default } => (i64::from(default), i64::from(!default)),
                Kind::Policy => (0, 2),
            };
            assert_eq!(config.get(knob.name), Some(default), "{}", knob.name);
            assert!(config.set(knob.name, other));
            assert_eq!(config.get(knob.name), Some(other), "{}", knob.name);
            assert!(!knob.doc.is_empty());
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut config = Config::default();
        assert!(!config.set("load-policy", 3) && !config.set("max-waiters", -1));
        assert!(!config.set("no-such-knob", 1) && config.get("no-such-knob").is_none());
        assert_eq!(config, Config::default());
    }
}
