//! Pages out of the cache, over HTTP.

use crate::bed::Bed;
use crate::contest::by_turns;
use crate::figures::{Sample, grouped};
use crate::options::Options;
use crate::report::Report;
use crate::table::Table;
use crate::web::{self, Site};
use tokio::runtime::{Builder, Runtime};

/// Bytes of a page.
const SIZES: [usize; 2] = [1_000, 20_000];

pub(crate) fn measure(options: &Options, report: &mut Report) {
    report.heading("Pages");
    report.paragraph(
        "One page of axum's that is in Redis, fetched again and again by clients with a connection each, \
         without pipelining. Web servers and clients share one thread, the server has a processor of its \
         own. Ratios are to the handler that does one `GET` and returns what it finds: above 1 is faster.",
    );
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    for size in SIZES {
        let bed = Bed::start("");
        let sites = runtime.block_on(web::open_all(bed.port(), size));
        for visitors in options.scale.visitors {
            report.step(&format!("pages of {size} bytes, {visitors} at a time"));
            let rates = tournament(&runtime, &sites, options, visitors, size);
            report.paragraph(&format!(
                "**{} bytes, clients at a time: {visitors}**\n",
                grouped(size as f64)
            ));
            report.table(&compare(&sites, &rates));
        }
        for site in &sites {
            site.check();
        }
    }
}

/// Everybody's pages per second, round by round.
fn tournament(
    runtime: &Runtime,
    sites: &[Site],
    options: &Options,
    visitors: usize,
    size: usize,
) -> Vec<Sample> {
    let scale = &options.scale;
    let rates = by_turns(scale.rounds, sites.len(), |n| {
        runtime.block_on(web::visit(sites[n].port, visitors, size, scale.slice))
    });
    rates.into_iter().map(Sample).collect()
}

fn compare(sites: &[Site], rates: &[Sample]) -> Table {
    let to = |name| sites.iter().position(|site| site.name == name);
    let one_get = &rates[to(web::ONE_GET).expect("it is one of them")];
    let mut table = Table::new(["", "pages/s", "ratio"]);
    for (site, rate) in sites.iter().zip(rates) {
        table.row([
            site.name.to_owned(),
            grouped(rate.median()),
            rate.ratio_to(one_get).to_string(),
        ]);
    }
    let [.., layer, rival] = rates else {
        panic!("the layer and its rival come last");
    };
    table.row([
        "Larder's layer against tower-http-cache".to_owned(),
        "-".to_owned(),
        layer.ratio_to(rival).to_string(),
    ]);
    table
}
