//! Numbers as a person reads them. A no-break space keeps a number and its unit on one line.

use std::time::Duration;

/// `63,666`.
pub(crate) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `41 µs`, `3.2 ms`, `1.25 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        s if s < 1e-3 => format!("{:.0}\u{a0}µs", s * 1e6),
        s if s < 1e-2 => format!("{:.1}\u{a0}ms", s * 1e3),
        s if s < 1.0 => format!("{:.0}\u{a0}ms", s * 1e3),
        s => format!("{s:.2}\u{a0}s"),
    }
}

/// `602 bytes`, `14.2 KB`, `71.4 MB`.
pub(crate) fn bytes(number: usize) -> String {
    if number < 10_000 {
        return format!("{}\u{a0}bytes", count(number));
    }
    let kilobytes = number as f64 / 1e3;
    if kilobytes < 1e3 {
        format!("{kilobytes:.1}\u{a0}KB")
    } else {
        format!("{:.1}\u{a0}MB", kilobytes / 1e3)
    }
}

/// The smallest of the measured times that `percent` of them do not exceed. `sorted` is in ascending
/// order.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(
            [0, 999, 1_000, 63_666, 1_234_567].map(count),
            ["0", "999", "1,000", "63,666", "1,234,567"]
        );
    }

    #[test]
    fn durations_take_the_unit_that_fits() {
        let shown = [41, 3_210, 84_000, 1_254_000].map(|us| duration(Duration::from_micros(us)));
        assert_eq!(
            shown,
            ["41\u{a0}µs", "3.2\u{a0}ms", "84\u{a0}ms", "1.25\u{a0}s"]
        );
    }

    #[test]
    fn sizes_take_the_unit_that_fits() {
        assert_eq!(
            [602, 14_200, 71_400_000].map(bytes),
            ["602\u{a0}bytes", "14.2\u{a0}KB", "71.4\u{a0}MB"]
        );
    }

    #[test]
    fn a_percentile_is_one_of_the_measured_times() {
        let times: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(50));
        assert_eq!(percentile(&times, 99), Duration::from_millis(99));
        assert_eq!(percentile(&times, 100), Duration::from_millis(100));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}
