//! The one list of what is reported, so that `CACHE.STATS` and `INFO cache` cannot drift apart.

use super::Counters;

/// What is measured rather than counted; the index knows it at the moment of asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Entries with or without a value.
    pub entries: u64,
    /// Tags that are carried or remembered.
    pub tags: u64,
    /// Dead entries whose memory is not yet given back.
    pub entries_dead: u64,
    /// Memory of the tag index, in bytes.
    pub index_bytes: u64,
}

/// A reported number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A count, a time in ms or a size in bytes.
    Integer(u64),
    /// A share, 0 to 1.
    Ratio(f64),
}

/// A name and its number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field {
    /// The name as in `CACHE.STATS`, with hyphens.
    pub name: &'static str,
    /// The number.
    pub value: Value,
}

impl Field {
    /// The name as in `INFO`, where exporters expect underscores.
    #[must_use]
    pub fn info_name(&self) -> String {
        self.name.replace('-', "_")
    }
}

/// Where a number comes from.
enum Source {
    Count(fn(&Counters) -> u64),
    Ratio(fn(&Counters) -> f64),
    Gauge(fn(&Gauges) -> u64),
}

use Source::{Count, Gauge, Ratio};

const FIELDS: [(&str, Source); 25] = [
    ("hits", Count(|c| c.hits)),
    ("stale-hits", Count(|c| c.stale_hits)),
    ("misses", Count(|c| c.misses)),
    ("busy", Count(|c| c.busy)),
    ("hit-rate", Ratio(Counters::hit_rate)),
    ("sets", Count(|c| c.sets)),
    ("leases-granted", Count(|c| c.leases_granted)),
    ("leases-expired", Count(|c| c.leases_expired)),
    ("fills", Count(|c| c.fills)),
    ("fills-refused", Count(|c| c.fills_refused)),
    ("waits", Count(|c| c.waits)),
    ("waits-filled", Count(|c| c.waits_filled)),
    ("waits-timed-out", Count(|c| c.waits_timed_out)),
    ("early-refreshes", Count(|c| c.early_refreshes)),
    ("invalidations", Count(|c| c.invalidations)),
    ("entries-invalidated", Count(|c| c.entries_invalidated)),
    ("entries", Gauge(|g| g.entries)),
    ("tags", Gauge(|g| g.tags)),
    ("entries-dead", Gauge(|g| g.entries_dead)),
    ("entries-reclaimed", Count(|c| c.entries_reclaimed)),
    ("index-bytes", Gauge(|g| g.index_bytes)),
    ("compute-ms-total", Count(|c| c.compute.total_ms())),
    (
        "compute-ms-p50",
        Count(|c| c.compute.percentile_ms(50).into()),
    ),
    (
        "compute-ms-p99",
        Count(|c| c.compute.percentile_ms(99).into()),
    ),
    ("compute-ms-max", Count(|c| c.compute.max_ms().into())),
];

/// All fields in their fixed order.
///
/// Gauges are known for the whole server only: without them (a key prefix) their fields are left
/// out, everything else is the same. Invalidations are by tag, not by key, so a prefix has none.
#[must_use]
pub fn fields(counters: &Counters, gauges: Option<&Gauges>) -> Vec<Field> {
    let field = |(name, source): &(&'static str, Source)| {
        let value = match source {
            Count(count) => Value::Integer(count(counters)),
            Ratio(ratio) => Value::Ratio(ratio(counters)),
            Gauge(gauge) => Value::Integer(gauge(gauges?)),
        };
        Some(Field { name, value })
    };
    FIELDS.iter().filter_map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Histogram;
    use std::collections::BTreeSet;

    /// Each counter another number. Names every one, so a new counter stops this from compiling
    /// until it is added here and, for the test to pass, to the list.
    fn numbered() -> Counters {
        let mut counters = Counters {
            hits: 1,
            stale_hits: 2,
            misses: 3,
            busy: 4,
            sets: 5,
            leases_granted: 6,
            leases_expired: 7,
            fills: 8,
            fills_refused: 9,
            waits: 10,
            waits_filled: 11,
            waits_timed_out: 12,
            early_refreshes: 13,
            invalidations: 14,
            entries_invalidated: 15,
            entries_reclaimed: 16,
            compute: Histogram::default(),
        };
        counters.compute.record(1000);
        counters.compute.record(3000);
        counters
    }

    const GAUGES: Gauges = Gauges {
        entries: 101,
        tags: 102,
        entries_dead: 103,
        index_bytes: 104,
    };

    fn integer(fields: &[Field], name: &str) -> u64 {
        let field = fields.iter().find(|field| field.name == name);
        match field.expect("a field of that name").value {
            Value::Integer(n) => n,
            Value::Ratio(_) => panic!("{name} is a ratio"),
        }
    }

    #[test]
    fn every_counter_and_gauge_is_reported_under_a_name_of_its_own() {
        let fields = fields(&numbered(), Some(&GAUGES));
        let names: BTreeSet<_> = fields.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), FIELDS.len());
        let values = fields.iter().filter_map(|field| match field.value {
            Value::Integer(n) if n < 500 => Some(n),
            _ => None,
        });
        assert_eq!(
            values.collect::<BTreeSet<_>>(),
            (1..=16).chain(101..=104).collect()
        );
    }

    #[test]
    fn names_say_what_they_hold() {
        let fields = fields(&numbered(), Some(&GAUGES));
        for (name, expected) in [
            ("stale-hits", 2),
            ("leases-expired", 7),
            ("fills-refused", 9),
            ("waits-timed-out", 12),
            ("entries-invalidated", 15),
            ("entries-dead", 103),
            ("entries-reclaimed", 16),
            ("compute-ms-total", 4000),
            ("compute-ms-max", 3000),
        ] {
            assert_eq!(integer(&fields, name), expected, "{name}");
        }
        assert!(integer(&fields, "compute-ms-p50").abs_diff(1000) < 63);
        assert!(fields.contains(&Field {
            name: "hit-rate",
            value: Value::Ratio(0.3)
        }));
    }

    #[test]
    fn a_prefix_has_the_same_fields_without_the_gauges() {
        let mut global = fields(&numbered(), Some(&GAUGES));
        let gauges = ["entries", "tags", "entries-dead", "index-bytes"];
        global.retain(|field| !gauges.contains(&field.name));
        assert_eq!(fields(&numbered(), None), global);
    }

    #[test]
    fn info_names_have_underscores() {
        let names = fields(&Counters::default(), None)
            .iter()
            .map(Field::info_name)
            .collect::<Vec<_>>();
        assert!(names.contains(&"waits_timed_out".to_owned()));
        assert!(names.iter().all(|name| !name.contains('-')));
    }
}
