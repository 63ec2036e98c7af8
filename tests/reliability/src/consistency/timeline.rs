//! Spans in order of time, and two questions about them, each answered in logarithmic time.

use super::history::{Span, Time};

/// Spans sorted by their beginning.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    spans: Vec<Span>,
    /// Of the first n + 1 spans, the latest end.
    latest_end: Vec<Time>,
    /// Of the spans from n on, the one that ended first.
    first_over: Vec<Span>,
}

impl Timeline {
    /// Sorts the spans of a kind of operation.
    pub(crate) fn new(spans: impl IntoIterator<Item = Span>) -> Self {
        let mut spans: Vec<_> = spans.into_iter().collect();
        spans.sort_unstable_by_key(|span| span.began);
        let ends = spans.iter().scan(0, |latest, span| {
            *latest = span.ended.max(*latest);
            Some(*latest)
        });
        let latest_end = ends.collect();
        let mut first_over = spans.clone();
        for i in (1..spans.len()).rev() {
            if first_over[i].ended < first_over[i - 1].ended {
                first_over[i - 1] = first_over[i];
            }
        }
        Self {
            spans,
            latest_end,
            first_over,
        }
    }

    /// Whether any of them may have taken effect in that time.
    pub(crate) fn may_touch(&self, time: Span) -> bool {
        let begun = self.spans.partition_point(|span| span.began <= time.ended);
        begun > 0 && self.latest_end[begun - 1] >= time.began
    }

    /// Of those that began later than that, the one that ended first.
    pub(crate) fn first_after(&self, time: Time) -> Option<Span> {
        let earlier = self.spans.partition_point(|span| span.began <= time);
        self.first_over.get(earlier).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(began: Time, ended: Time) -> Span {
        Span { began, ended }
    }

    #[test]
    fn a_long_span_that_began_early_may_touch_what_comes_late() {
        let timeline = Timeline::new([span(50, 60), span(1, 100), span(70, 80)]);
        assert!(timeline.may_touch(span(90, 95)));
        assert!(!timeline.may_touch(span(101, 110)));
        assert!(!Timeline::default().may_touch(span(0, 1)));
    }

    #[test]
    fn the_first_that_is_over_need_not_be_the_first_that_began() {
        let timeline = Timeline::new([span(20, 90), span(30, 40), span(5, 7)]);
        assert_eq!(timeline.first_after(10), Some(span(30, 40)));
        assert_eq!(timeline.first_after(4), Some(span(5, 7)));
        assert_eq!(timeline.first_after(30), None);
    }
}
