//! `GET /metrics`: the same in Prometheus' text format, without a library for it. The names are those
//! that `larder-client` uses with the `metrics` facade.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use larder_client::stats::{Latency, Stats};

use crate::app::App;
use crate::figures::stats::{Figures, figures};

const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";
/// What goes up and down in `CACHE.STATS`. The rest only grows.
const GAUGES: [&str; 8] = [
    "compute-ms-max",
    "compute-ms-p50",
    "compute-ms-p99",
    "entries",
    "entries-dead",
    "hit-rate",
    "index-bytes",
    "tags",
];

pub(crate) async fn read(State(app): State<Arc<App>>) -> impl IntoResponse {
    let content_type = [("content-type", "text/plain; version=0.0.4; charset=utf-8")];
    (content_type, text(&figures(&app).await))
}

fn text(figures: &Figures) -> String {
    let mut out = String::new();
    client(&mut out, &figures.client);
    let queries = figures.source.queries as f64;
    let help = "Queries of the database.";
    single(
        &mut out,
        "shop_source_queries_total",
        COUNTER,
        help,
        queries,
    );
    let up = f64::from(u8::from(figures.server.is_some()));
    single(&mut out, "larder_up", GAUGE, "Whether Redis answers.", up);
    if let Some(counters) = &figures.server {
        server(&mut out, counters);
    }
    out
}

fn client(out: &mut String, stats: &Stats) {
    let reads = [
        ("hit", stats.hits),
        ("stale", stats.stale_hits),
        ("near", stats.near_hits),
        ("miss", stats.misses),
        ("shared", stats.waits),
        ("bypassed", stats.bypasses),
    ];
    by_result(out, "reads", "Reads, by what answered them.", &reads);
    let ok = stats.computations - stats.computations_failed;
    let computations = [("ok", ok), ("failed", stats.computations_failed)];
    let help = "Computations that have ended.";
    by_result(out, "computations", help, &computations);
    totals(out, stats);
    let help = "Reads that the cache answered.";
    latency(out, "lookup", help, &stats.lookup);
    latency(out, "compute", "Computations.", &stats.compute);
}

fn totals(out: &mut String, stats: &Stats) {
    let mut total = |what, help, count: u64| {
        let name = format!("larder_client_{what}_total");
        single(out, &name, COUNTER, help, count as f64);
    };
    total("sets", "Values stored.", stats.sets);
    total("deletes", "Keys deleted.", stats.deletes);
    total(
        "invalidations",
        "Calls that invalidated tags.",
        stats.invalidations,
    );
    total("errors", "Failures of Redis.", stats.errors);
    total(
        "fills_refused",
        "Computed values that came too late.",
        stats.fills_refused,
    );
    total(
        "undecodable",
        "Stored values of another type.",
        stats.undecodable,
    );
}

fn by_result(out: &mut String, what: &str, help: &str, counts: &[(&str, u64)]) {
    let name = format!("larder_client_{what}_total");
    family(out, &name, COUNTER, help);
    for (result, count) in counts {
        let labels = format!("{{result=\"{result}\"}}");
        sample(out, &name, &labels, *count as f64);
    }
}

fn latency(out: &mut String, what: &str, help: &str, latency: &Latency) {
    const US_PER_S: f64 = 1_000_000.0;
    let name = format!("larder_client_{what}_seconds");
    family(out, &name, "summary", help);
    for (quantile, us) in [
        ("0.5", latency.p50_us),
        ("0.9", latency.p90_us),
        ("0.99", latency.p99_us),
    ] {
        let labels = format!("{{quantile=\"{quantile}\"}}");
        sample(out, &name, &labels, us / US_PER_S);
    }
    let sum = latency.mean_us / US_PER_S * latency.count as f64;
    sample(out, &format!("{name}_sum"), "", sum);
    sample(out, &format!("{name}_count"), "", latency.count as f64);
}

fn server(out: &mut String, counters: &BTreeMap<String, f64>) {
    for (counter, value) in counters {
        let (kind, ending) = match GAUGES.contains(&counter.as_str()) {
            true => (GAUGE, ""),
            false => (COUNTER, "_total"),
        };
        let stem = counter.strip_suffix("-total").unwrap_or(counter);
        let name = format!("larder_server_{}{ending}", stem.replace('-', "_"));
        let help = format!("{counter} of CACHE.STATS.");
        single(out, &name, kind, &help, *value);
    }
}

fn single(out: &mut String, name: &str, kind: &str, help: &str, value: f64) {
    family(out, name, kind, help);
    sample(out, name, "", value);
}

/// Writing to a string can't fail.
fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(out: &mut String, name: &str, labels: &str, value: f64) {
    let _ = writeln!(out, "{name}{labels} {value}");
}
