//! Larder at work on real input: a server of its own caches the package catalogue of this machine.
//! Every number shown is measured, and where the server does not do what is said, the demo ends
//! with exit code 1.
//!
//! # Layout
//! [`scenes`] is the play, a file for each scene; [`caller`] its clients; [`server`] and
//! [`catalogue`] what they work on; [`screen`], [`transcript`] and [`quantity`] how it is shown.

mod caller;
mod catalogue;
mod failure;
mod quantity;
mod scenes;
mod screen;
mod server;
mod transcript;

use std::process::ExitCode;
use std::time::Instant;

use catalogue::{Catalogue, Source};
use failure::Failure;
use scenes::Stage;
use screen::Screen;
use server::Server;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let sample = match arguments.as_slice() {
        [] => false,
        [only] if only == "--sample" => true,
        _ => {
            eprintln!("usage: larder-demo [--sample]");
            return ExitCode::from(2);
        }
    };
    let screen = Screen::new();
    match perform(&screen, sample) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen.failure(&failure);
            ExitCode::FAILURE
        }
    }
}

fn perform(screen: &Screen, sample: bool) -> Result<(), Failure> {
    let started = Instant::now();
    screen.title("Larder: response caching inside Redis");
    screen.gap();
    let catalogue = if sample {
        Catalogue::sample()
    } else {
        Catalogue::of_this_machine()
    };
    let server = Server::start()?;
    introduce(screen, &catalogue, &server)?;
    scenes::play(&Stage {
        screen,
        server: &server,
        catalogue: &catalogue,
    })
    .map_err(|failure| with_log(failure, &server))?;
    screen.scene("The end");
    screen.check(
        server.stop()?,
        "the server has stopped in good order, and its directory is removed",
    )?;
    let took = quantity::duration(started.elapsed());
    screen.fact(format!(
        "{} promises checked, all kept, in {took}.",
        screen.kept()
    ));
    screen.gap();
    Ok(())
}

/// Where the server broke the connection, its log says why.
fn with_log(failure: Failure, server: &Server) -> Failure {
    match &failure {
        Failure::Redis(error) if error.is_io_error() => {
            let log = server::wait_for(|| server.last_words()).unwrap_or_default();
            Failure::Machine(format!("{failure}\n\n{log}"))
        }
        _ => failure,
    }
}

fn introduce(screen: &Screen, catalogue: &Catalogue, server: &Server) -> Result<(), Failure> {
    let packages = quantity::count(catalogue.records.len());
    screen.prose(&match catalogue.source {
        Source::Apt => format!("{packages} packages, as apt-cache dumpavail lists them on this machine."),
        Source::Sample => format!(
            "{packages} packages of Debian, from the sample kept with the demo. (On Debian and Ubuntu \
             it shows the machine's own catalogue of tens of thousands, once apt-get update has fetched it.)"
        ),
    });
    let info: String = redis::cmd("INFO")
        .arg("server")
        .query(&mut server.connect()?)?;
    let version = info
        .lines()
        .find_map(|line| line.strip_prefix("redis_version:"))
        .unwrap_or("?");
    screen.prose(&format!(
        "A server {version} of its own: redis-cli -s {}",
        server.socket().display()
    ));
    Ok(())
}
