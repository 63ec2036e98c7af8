//! What the server is told about each command: for `COMMAND DOCS`, access control, routing.

/// A command as the server knows it.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// In lower case, as the server lists it.
    pub name: &'static str,
    /// A sentence.
    pub summary: &'static str,
    /// How its time grows.
    pub complexity: &'static str,
    /// The number of arguments, the name included; negative: at least that many.
    pub arity: i32,
    /// Words the server understands, such as `write` and `fast`.
    pub flags: &'static str,
    /// Access control categories (Redis 7.2 and newer).
    pub categories: &'static str,
    /// Tips for clients of a cluster.
    pub tips: &'static str,
    /// Where its keys are, and what becomes of them.
    pub keys: Option<Keys>,
    /// Its arguments.
    pub args: &'static [Arg],
}

/// Where the keys of a command are: from the first argument on.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// All arguments are keys, not just the first.
    pub all: bool,
    /// What becomes of them.
    pub access: Access,
}

/// What a command does with its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Looks whether they exist.
    Look,
    /// Returns what they hold.
    Read,
    /// Changes them.
    Update,
    /// Returns what they hold, and changes them.
    ReadUpdate,
    /// Overwrites them.
    Overwrite,
}

/// An argument.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The word before it, or that it is.
    pub token: Option<&'static str>,
    /// May be left out.
    pub optional: bool,
    /// May be given several times.
    pub multiple: bool,
}

/// What an argument is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A key.
    Key,
    /// Bytes.
    String,
    /// A glob.
    Pattern,
    /// An integer.
    Integer,
    /// A floating point number.
    Double,
    /// A unix time.
    UnixTime,
    /// Nothing but its word.
    Token,
    /// One of these.
    OneOf(&'static [Arg]),
    /// All of these, in order.
    Block(&'static [Arg]),
}

const fn arg(name: &'static str, kind: Kind) -> Arg {
    Arg {
        name,
        kind,
        token: None,
        optional: false,
        multiple: false,
    }
}

const fn after(token: &'static str, name: &'static str, kind: Kind) -> Arg {
    Arg {
        token: Some(token),
        ..arg(name, kind)
    }
}

const fn word(token: &'static str, name: &'static str) -> Arg {
    after(token, name, Kind::Token)
}

const fn optional(of: Arg) -> Arg {
    Arg {
        optional: true,
        ..of
    }
}

const fn several(of: Arg) -> Arg {
    Arg {
        multiple: true,
        ..of
    }
}

const KEY: Arg = arg("key", Kind::Key);
const KEYS: Arg = several(KEY);
const TAG: Arg = arg("tag", Kind::String);
const TAGS: Arg = several(TAG);
const TOKEN: Arg = arg("token", Kind::Integer);
const CURSOR: Arg = arg("cursor", Kind::Integer);
const COUNT: Arg = optional(after("COUNT", "count", Kind::Integer));

const EX: Arg = after("EX", "seconds", Kind::Integer);
const PX: Arg = after("PX", "milliseconds", Kind::Integer);
const EXAT: Arg = after("EXAT", "unix-time-seconds", Kind::UnixTime);
const PXAT: Arg = after("PXAT", "unix-time-milliseconds", Kind::UnixTime);

const SET: &[Arg] = &[
    KEY,
    arg("value", Kind::String),
    optional(arg(
        "condition",
        Kind::OneOf(&[
            word("NX", "nx"),
            word("XX", "xx"),
            after("TOKEN", "token", Kind::Integer),
        ]),
    )),
    optional(arg(
        "expiration",
        Kind::OneOf(&[EX, PX, EXAT, PXAT, word("KEEPTTL", "keepttl")]),
    )),
    optional(arg(
        "grace",
        Kind::OneOf(&[
            after("GRACE", "seconds", Kind::Integer),
            after("PGRACE", "milliseconds", Kind::Integer),
        ]),
    )),
    optional(after(
        "TAGS",
        "tags",
        Kind::Block(&[arg("numtags", Kind::Integer), optional(TAGS)]),
    )),
];

const GETORLOCK: &[Arg] = &[
    KEY,
    optional(after("LEASE", "lease-ms", Kind::Integer)),
    optional(after("WAIT", "wait-ms", Kind::Integer)),
    optional(after("EARLY", "beta", Kind::Double)),
    optional(word("FRESH", "fresh")),
    optional(word("BOUND", "bound")),
];

const STATS: &[Arg] = &[optional(arg(
    "subject",
    Kind::OneOf(&[
        after("PREFIX", "prefix", Kind::String),
        word("PREFIXES", "prefixes"),
        word("RESET", "reset"),
    ]),
))];

const APPLYSET: &[Arg] = &[
    KEY,
    arg("value", Kind::String),
    arg("times", Kind::String),
    optional(TAGS),
];

const EVERY_PRIMARY: &str = "request_policy:all_shards response_policy:agg_sum";

const fn on_key(access: Access) -> Option<Keys> {
    Some(Keys { all: false, access })
}

const fn on_keys(access: Access) -> Option<Keys> {
    Some(Keys { all: true, access })
}

macro_rules! specs {
    ($($name:literal $arity:literal $flags:literal $categories:literal $tips:tt $keys:expr, $args:expr;
        $summary:literal $complexity:literal)*) => {
        /// All commands.
        pub const SPECS: &[Spec] = &[$(Spec {
            name: $name,
            summary: $summary,
            complexity: $complexity,
            arity: $arity,
            flags: $flags,
            categories: $categories,
            tips: $tips,
            keys: $keys,
            args: $args,
        },)*];
    };
}

specs! {
    "cache.set" -3 "write deny-oom" "write slow" "" on_key(Access::Overwrite), SET;
    "Stores a value with its TTL, grace and tags, or fills a lease." "O(T) with T tags"

    "cache.get" -2 "readonly fast" "read fast" "" on_key(Access::Read),
    &[
        KEY,
        optional(word("STALE", "stale")),
        optional(word("WITHMETA", "withmeta")),
        optional(word("NOMISS", "nomiss")),
    ];
    "Returns a value if it is fresh." "O(1)"

    "cache.mget" -2 "readonly fast" "read fast" "request_policy:multi_shard" on_keys(Access::Read), &[KEYS];
    "Returns the values of several keys, those that are fresh." "O(N) with N keys"

    "cache.getex" -2 "write fast" "write fast" "" on_key(Access::ReadUpdate),
    &[KEY, optional(arg("expiration", Kind::OneOf(&[EX, PX, EXAT, PXAT, word("PERSIST", "persist")])))];
    "Returns a value if it is fresh, and moves its TTL." "O(1)"

    "cache.exists" -2 "readonly fast" "read fast" "request_policy:multi_shard response_policy:agg_sum" on_keys(Access::Look), &[KEYS];
    "Counts the keys that have a fresh or stale value." "O(N) with N keys"

    "cache.getorlock" -2 "write blocking" "write blocking slow" "" on_key(Access::ReadUpdate), GETORLOCK;
    "Returns a value, or the lease to compute it, or waits for whoever computes it." "O(1)"

    "cache.renew" 4 "write fast" "write fast" "" on_key(Access::Update),
    &[KEY, TOKEN, arg("milliseconds", Kind::Integer)];
    "Moves the end of a lease." "O(1)"

    "cache.unlock" -3 "write fast" "write fast" "" on_key(Access::Update),
    &[KEY, TOKEN, optional(after("BACKOFF", "milliseconds", Kind::Integer))];
    "Gives a lease up without a value." "O(1)"

    "cache.settags" -2 "write deny-oom" "write slow" "" on_key(Access::Update), &[KEY, optional(TAGS)];
    "Replaces the tags of an entry." "O(T+V) with T tags and V bytes of value"

    "cache.tags" 2 "readonly fast" "read fast" "" on_key(Access::Read), &[KEY];
    "Returns the tags of an entry." "O(T) with T tags"

    "cache.invalidate" -2 "write" "write slow" EVERY_PRIMARY None, &[TAGS];
    "Declares all entries that carry a tag dead." "O(T) with T tags, however many entries carry them"

    "cache.markstale" -2 "write" "write slow" EVERY_PRIMARY None, &[TAGS];
    "Declares all entries that carry a tag stale." "O(T) with T tags, however many entries carry them"

    "cache.info" 2 "readonly fast" "read fast" "" on_key(Access::Read), &[KEY];
    "Describes what a key holds." "O(T) with T tags"

    "cache.taginfo" 2 "readonly fast" "read fast" "" None, &[TAG];
    "Describes a tag." "O(1)"

    "cache.tagscan" -3 "readonly" "read slow" "nondeterministic_output" None, &[TAG, CURSOR, COUNT];
    "Lists the keys that carry a tag, page by page." "O(1) per element"

    "cache.taglist" -2 "readonly" "read slow" "nondeterministic_output" None,
    &[CURSOR, optional(after("MATCH", "pattern", Kind::Pattern)), COUNT];
    "Lists the tags, page by page." "O(1) per element"

    "cache.stats" -1 "readonly allow-loading allow-stale" "read slow"
    "request_policy:all_shards response_policy:special" None, STATS;
    "Returns what was counted since start, or resets it." "O(P) with P prefixes"

    "cache.verify" 1 "readonly admin" "read admin dangerous slow" "" None, &[];
    "Internal: compares the index with the keyspace and lists what is wrong." "O(N) with N keys"

    "cache.applyset" -4 "write" "write admin dangerous slow" "" on_key(Access::Overwrite), APPLYSET;
    "Internal: the effect of CACHE.SET, for replicas and the AOF." "O(T) with T tags"

    "cache.applytags" -2 "write" "write admin dangerous slow" "" on_key(Access::Update), &[KEY, optional(TAGS)];
    "Internal: the effect of CACHE.SETTAGS, for replicas and the AOF." "O(T+V) with T tags and V bytes of value"

    "cache.applyinvalidate" -3 "write" "write admin dangerous slow" "" None, &[arg("at-ms", Kind::UnixTime), TAGS];
    "Internal: the effect of CACHE.INVALIDATE, for replicas and the AOF." "O(T) with T tags"

    "cache.applymarkstale" -3 "write" "write admin dangerous slow" "" None, &[arg("at-ms", Kind::UnixTime), TAGS];
    "Internal: the effect of CACHE.MARKSTALE, for replicas and the AOF." "O(T) with T tags"
}

/// What the server is told about a command.
#[must_use]
pub fn spec(name: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::invalidate::Touch;
    use crate::command::{
        apply, get, getex, getorlock, invalidate, renew, set, settags, stats, taginfo, taglist,
        tagscan, unlock,
    };
    use crate::config::Config;
    use crate::error::Error;

    /// What the parser of a command says of these arguments; `None` if it has no parser of its own.
    fn parse(name: &str, argv: &[&[u8]]) -> Option<Result<(), Error>> {
        let config = Config::default();
        Some(match name {
            "cache.set" => set::Set::parse(argv, &config).map(drop),
            "cache.get" => get::Get::parse(argv).map(drop),
            "cache.getex" => getex::GetEx::parse(argv).map(drop),
            "cache.getorlock" => getorlock::GetOrLock::parse(argv, &config).map(drop),
            "cache.renew" => renew::Renew::parse(argv, &config).map(drop),
            "cache.unlock" => unlock::Unlock::parse(argv, &config).map(drop),
            "cache.settags" => settags::SetTags::parse(argv, &config).map(drop),
            "cache.invalidate" => invalidate::TouchTags::parse(argv, Touch::Invalidate).map(drop),
            "cache.markstale" => invalidate::TouchTags::parse(argv, Touch::MarkStale).map(drop),
            "cache.taginfo" => taginfo::TagInfo::parse(argv).map(drop),
            "cache.tagscan" => tagscan::TagScan::parse(argv).map(drop),
            "cache.taglist" => taglist::TagList::parse(argv).map(drop),
            "cache.stats" => stats::Stats::parse(argv).map(drop),
            "cache.applyset" => apply::ApplySet::parse(argv).map(drop),
            "cache.applytags" => apply::ApplyTags::parse(argv).map(drop),
            "cache.applyinvalidate" => apply::ApplyTouch::parse(argv, Touch::Invalidate).map(drop),
            "cache.applymarkstale" => apply::ApplyTouch::parse(argv, Touch::MarkStale).map(drop),
            _ => return None,
        })
    }

    #[test]
    fn the_server_and_the_parsers_agree_on_the_number_of_arguments() {
        for spec in SPECS {
            let least = spec.arity.unsigned_abs() as usize;
            for len in 0..=least + 1 {
                let argv = vec![&b"1"[..]; len];
                let Some(parsed) = parse(spec.name, &argv) else {
                    continue;
                };
                let allowed = if spec.arity < 0 {
                    len >= least
                } else {
                    len == least
                };
                let refused = parsed == Err(Error::Arity(spec.name));
                assert_eq!(
                    refused,
                    !allowed,
                    "{} with {} arguments: {parsed:?}",
                    spec.name,
                    argv[..].len()
                );
            }
        }
    }

    #[test]
    fn names_are_unique_and_everything_is_described() {
        for (at, spec) in SPECS.iter().enumerate() {
            assert!(
                SPECS[at + 1..].iter().all(|other| other.name != spec.name),
                "{}",
                spec.name
            );
            assert!(
                spec.summary.ends_with('.') && spec.complexity.starts_with("O("),
                "{}",
                spec.name
            );
            let reads = spec.flags.contains("readonly");
            assert_ne!(reads, spec.flags.contains("write"), "{}", spec.name);
            assert_eq!(reads, spec.categories.contains("read"), "{}", spec.name);
            let keyed = spec
                .args
                .first()
                .is_some_and(|arg| matches!(arg.kind, Kind::Key));
            assert_eq!(keyed, spec.keys.is_some(), "{}", spec.name);
        }
    }
}
