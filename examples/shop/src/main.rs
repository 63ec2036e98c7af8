//! `cargo run -p larder-shop`: the shop, on port 3000 or the next one that is free.

use std::process::ExitCode;

use larder_shop::{App, Failure, Settings};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

const FIRST_PORT: u16 = 3000;
/// How many ports are tried.
const PORTS: u16 = 50;
/// Visitors per second, until the page says otherwise.
const VISITORS: u32 = 40;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("larder-shop: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    // Before anything is started that has to be ended.
    let mut signals = Signals::listen()?;
    let app = tokio::select! {
        started = App::start(Settings::default()) => started?,
        () = signals.told_to_end() => return Ok(()),
    };
    let listener = listen().await?;
    let address = listener.local_addr()?;
    app.open(VISITORS, &address.to_string());
    println!("The shop is open:  http://{address}");
    println!("Its Redis:         redis-cli -p {}", app.redis().port());
    println!("Ctrl-C closes both.");
    tokio::select! {
        served = axum::serve(listener, app.router()) => served?,
        () = signals.told_to_end() => {}
    }
    app.redis().kill().await
}

/// `PORT`, or the first port from 3000 on that is free.
async fn listen() -> Result<TcpListener, Failure> {
    if let Ok(port) = std::env::var("PORT") {
        let port: u16 = port
            .parse()
            .map_err(|_| Failure::Machine(format!("PORT is not a port: {port}")))?;
        return bind(port).await;
    }
    for port in FIRST_PORT..FIRST_PORT + PORTS {
        if let Ok(listener) = bind(port).await {
            return Ok(listener);
        }
    }
    bind(0).await
}

async fn bind(port: u16) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(("127.0.0.1", port)).await;
    bound.map_err(|error| Failure::Machine(format!("port {port}: {error}")))
}

/// What a terminal or an administrator ends a process by.
struct Signals([Signal; 3]);

impl Signals {
    fn listen() -> Result<Self, Failure> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn told_to_end(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
