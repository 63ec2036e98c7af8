//! What the counters of several servers amount to.

use std::collections::BTreeMap;

type Counters = BTreeMap<String, f64>;

/// What can't be added.
const GREATEST: [&str; 3] = ["compute-ms-p50", "compute-ms-p99", "compute-ms-max"];

/// Adds them up. Of percentiles and maximums of times it takes the greatest; the hit rate is that of the sums.
pub(crate) fn together(servers: impl IntoIterator<Item = Counters>) -> Counters {
    let mut all = Counters::new();
    for (name, value) in servers.into_iter().flatten() {
        let is_greatest = GREATEST.contains(&name.as_str());
        let sum = all.entry(name).or_default();
        *sum = if is_greatest {
            sum.max(value)
        } else {
            *sum + value
        };
    }
    let of = |name| all.get(name).copied().unwrap_or_default();
    let hits = of("hits") + of("stale-hits");
    let reads = hits + of("misses") + of("busy");
    if let Some(rate) = all.get_mut("hit-rate") {
        *rate = if reads > 0.0 { hits / reads } else { 0.0 };
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(of: &[(&str, f64)]) -> Counters {
        let owned = of.iter().map(|(name, value)| ((*name).to_owned(), *value));
        owned.collect()
    }

    #[test]
    fn counts_are_added_and_rates_formed_anew() {
        let one = [
            ("hits", 1.0),
            ("misses", 0.0),
            ("busy", 0.0),
            ("stale-hits", 0.0),
            ("hit-rate", 1.0),
            ("compute-ms-max", 9.0),
        ];
        let other = [
            ("hits", 1.0),
            ("misses", 4.0),
            ("busy", 1.0),
            ("stale-hits", 1.0),
            ("hit-rate", 0.3),
            ("compute-ms-max", 7.0),
        ];
        let both = [
            ("hits", 2.0),
            ("misses", 4.0),
            ("busy", 1.0),
            ("stale-hits", 1.0),
            ("hit-rate", 0.375),
            ("compute-ms-max", 9.0),
        ];
        assert_eq!(
            together([counters(&one), counters(&other)]),
            counters(&both)
        );
        assert_eq!(together([counters(&one)]), counters(&one));
        assert_eq!(together([counters(&[("hit-rate", 0.0)])])["hit-rate"], 0.0);
    }
}
