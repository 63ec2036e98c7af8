//! The same numbers for the `metrics` facade.

use std::time::Duration;

use metrics::{Counter, Histogram, Label, counter, histogram};

use super::event::Event;

/// The handles of one cache, so that nothing is looked up by name when something happens.
#[derive(Debug)]
pub(crate) struct Facade {
    events: [Counter; Event::ALL.len()],
    lookup: Histogram,
    compute: Histogram,
}

impl Facade {
    pub(crate) fn new(cache: &str) -> Self {
        let cache = Label::new("cache", cache.to_owned());
        let only_cache = vec![cache.clone()];
        Self {
            events: Event::ALL.map(|event| {
                let (name, result) = series(event);
                let result = result.map(|result| Label::from_static_parts("result", result));
                let labels: Vec<_> = [cache.clone()].into_iter().chain(result).collect();
                counter!(name, labels)
            }),
            lookup: histogram!("larder_client_lookup_seconds", only_cache.clone()),
            compute: histogram!("larder_client_compute_seconds", only_cache),
        }
    }

    pub(crate) fn record(&self, event: Event) {
        self.events[event as usize].increment(1);
    }

    pub(crate) fn record_lookup(&self, took: Duration) {
        self.lookup.record(took);
    }

    pub(crate) fn record_compute(&self, took: Duration) {
        self.compute.record(took);
    }
}

/// The counter of an event, and its label `result` if it has one.
fn series(event: Event) -> (&'static str, Option<&'static str>) {
    const READS: &str = "larder_client_reads_total";
    const COMPUTATIONS: &str = "larder_client_computations_total";
    match event {
        Event::Hit => (READS, Some("hit")),
        Event::StaleHit => (READS, Some("stale")),
        Event::NearHit => (READS, Some("near")),
        Event::Miss => (READS, Some("miss")),
        Event::Shared => (READS, Some("shared")),
        Event::Bypassed => (READS, Some("bypassed")),
        Event::Computed => (COMPUTATIONS, Some("ok")),
        Event::ComputeFailed => (COMPUTATIONS, Some("failed")),
        Event::Error => ("larder_client_errors_total", None),
        Event::FillRefused => ("larder_client_fills_refused_total", None),
        Event::Undecodable => ("larder_client_undecodable_total", None),
        Event::Set => ("larder_client_sets_total", None),
        Event::Delete => ("larder_client_deletes_total", None),
        Event::Invalidate => ("larder_client_invalidations_total", None),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::{Arc, Mutex};

    use metrics::{
        CounterFn, Gauge, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };

    use super::*;

    /// Writes down every call as `<metric>{<labels>} <value>`.
    #[derive(Default)]
    struct Log(Arc<Mutex<Vec<String>>>);

    struct Handle(Arc<Mutex<Vec<String>>>, String);

    impl Handle {
        fn log(&self, value: impl std::fmt::Display) {
            self.0.lock().unwrap().push(format!("{} {value}", self.1));
        }
    }

    impl CounterFn for Handle {
        fn increment(&self, value: u64) {
            self.log(value);
        }

        fn absolute(&self, value: u64) {
            panic!("set to {value}");
        }
    }

    impl HistogramFn for Handle {
        fn record(&self, value: f64) {
            self.log(value);
        }
    }

    impl Log {
        fn handle(&self, key: &Key) -> Arc<Handle> {
            let labels: Vec<_> = key
                .labels()
                .map(|label| format!("{}={}", label.key(), label.value()))
                .collect();
            Arc::new(Handle(
                Arc::clone(&self.0),
                format!("{}{{{}}}", key.name(), labels.join(",")),
            ))
        }
    }

    impl Recorder for Log {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.handle(key))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::from_arc(self.handle(key))
        }
    }

    fn logged(act: impl Fn(&Facade)) -> Vec<String> {
        let log = Log::default();
        let facade = metrics::with_local_recorder(&log, || Facade::new("shop"));
        act(&facade);
        log.0.lock().unwrap().clone()
    }

    #[test]
    fn events_are_counted_under_the_name_of_their_cache() {
        let calls = logged(|facade| {
            facade.record(Event::StaleHit);
            facade.record(Event::ComputeFailed);
            facade.record(Event::Error);
            facade.record_lookup(Duration::from_millis(250));
            facade.record_compute(Duration::from_millis(1500));
        });
        assert_eq!(
            calls,
            [
                "larder_client_reads_total{cache=shop,result=stale} 1",
                "larder_client_computations_total{cache=shop,result=failed} 1",
                "larder_client_errors_total{cache=shop} 1",
                "larder_client_lookup_seconds{cache=shop} 0.25",
                "larder_client_compute_seconds{cache=shop} 1.5",
            ]
        );
    }

    #[test]
    fn no_two_events_share_a_counter() {
        let calls = logged(|facade| {
            for event in Event::ALL {
                facade.record(event);
            }
        });
        assert_eq!(calls.iter().collect::<HashSet<_>>().len(), Event::ALL.len());
    }
}
