//! Numbers that were measured several times.

use std::fmt;

/// The same thing, measured repeatedly.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample(pub(crate) Vec<f64>);

impl Sample {
    /// Of an even number, the middle between the two in the middle: one of them would be the better or
    /// the worse half.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let above = sorted.len() / 2;
        let below = sorted.len().saturating_sub(1) / 2;
        let at = |index: usize| *sorted.get(index).expect("something was measured");
        f64::midpoint(at(below), at(above))
    }

    pub(crate) fn min(&self) -> f64 {
        self.quantile(0)
    }

    pub(crate) fn max(&self) -> f64 {
        self.quantile(1_000)
    }

    /// The value that so many of a thousand do not exceed.
    pub(crate) fn quantile(&self, per_mille: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = (sorted.len().saturating_sub(1) * per_mille + 500) / 1_000;
        *sorted.get(at).expect("something was measured")
    }

    /// Round by round, how many times the other's it is.
    pub(crate) fn ratio_to(&self, other: &Self) -> Self {
        assert_eq!(self.0.len(), other.0.len(), "measured in the same rounds");
        let pairs = self.0.iter().zip(&other.0);
        Self(pairs.map(|(own, other)| own / other).collect())
    }
}

impl FromIterator<f64> for Sample {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// A ratio with its spread: `0.91 (0.88 to 0.93)`.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.median())?;
        if self.min() < self.max() {
            write!(f, " ({:.2} to {:.2})", self.min(), self.max())?;
        }
        Ok(())
    }
}

/// Three significant digits, and thousands apart.
pub(crate) fn number(value: f64) -> String {
    if value >= 99.95 {
        return grouped(value);
    }
    let decimals = if value >= 9.995 { 1 } else { 2 };
    format!("{value:.decimals$}")
}

/// Microseconds in the unit that suits them.
pub(crate) fn time(us: f64) -> String {
    let (value, unit) = in_unit(us);
    format!("{} {unit}", number(value))
}

/// The same for a round number.
pub(crate) fn round_time(us: f64) -> String {
    let (value, unit) = in_unit(us);
    format!("{value:.0} {unit}")
}

fn in_unit(us: f64) -> (f64, &'static str) {
    match us {
        _ if us < 1e3 => (us, "µs"),
        _ if us < 1e6 => (us / 1e3, "ms"),
        _ => (us / 1e6, "s"),
    }
}

/// Times in µs with their spread: `12.3 ms (11.9 ms to 14.0 ms)`.
pub(crate) fn times(sample: &Sample) -> String {
    let [median, min, max] = [sample.median(), sample.min(), sample.max()].map(time);
    if sample.min() < sample.max() {
        format!("{median} ({min} to {max})")
    } else {
        median
    }
}

/// A whole number, as in `1,234,567`.
pub(crate) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let median = |values: &[f64]| values.iter().copied().collect::<Sample>().median();
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0]) - 2.5).abs() < 1e-9);
    }
}
