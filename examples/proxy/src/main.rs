//! A caching reverse proxy in a few small files: larder-client's HTTP layer before any origin.
//!
//! ```sh
//! larder-proxy http://127.0.0.1:8000            # serves on port 8080, with Redis on 6379
//! larder-proxy http://127.0.0.1:8000 9000 --redis redis://127.0.0.1:7000
//! ```
//!
//! It does all that the RFCs leave to a cache to decide; `--careful` makes it as reserved as the layer
//! is by default.

mod hop_by_hop;
mod origin;
mod request;
mod settings;

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, body::Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use larder_client::Cache;
use larder_client::http::{CacheBody, CacheService};
use tokio::net::{TcpListener, TcpStream};
use tower_layer::Layer;
use tower_service::Service;

use crate::origin::Origin;
use crate::settings::Settings;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let variable = |name: &str| std::env::var(name).ok();
    let settings = match Settings::new(std::env::args().skip(1), variable) {
        Ok(settings) => settings,
        Err(message) => {
            eprintln!("larder-proxy: {message}\n\n{}", settings::USAGE);
            std::process::exit(2);
        }
    };
    let cache = Cache::builder(&settings.redis).namespace("proxy").build()?;
    let service = settings
        .layer(&cache)
        .layer(Origin::new(settings.origin.clone()));
    let listener = TcpListener::bind(settings.listen).await?;
    println!(
        "http://{} caches {}",
        listener.local_addr()?,
        settings.origin
    );
    loop {
        match listener.accept().await {
            Ok((connection, _)) => drop(tokio::spawn(serve(connection, service.clone()))),
            // Too many connections, say. Those that are open go on, and make room.
            Err(error) => {
                eprintln!("larder-proxy: no connection was accepted: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// How long no connection is accepted after one that could not be.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves one connection until the client closes it.
async fn serve(connection: TcpStream, service: CacheService<Origin>) {
    // Without it, answers of two packets wait for the client's acknowledgement of the first.
    let _ = connection.set_nodelay(true);
    let answer = service_fn(move |request| {
        let service = service.clone();
        async move { Ok::<_, Infallible>(answered(service, request).await) }
    });
    let served = http1::Builder::new()
        // With it, whoever sends no request is let go after half a minute.
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(connection), answer)
        .await;
    if let Err(error) = served {
        eprintln!("larder-proxy: a connection ended: {error}");
    }
}

async fn answered(
    mut service: CacheService<Origin>,
    request: Request<Incoming>,
) -> Response<CacheBody> {
    let Some(request) = request::normalized(request) else {
        return empty(StatusCode::BAD_REQUEST);
    };
    let response = service.call(request.map(BodyExt::boxed_unsync)).await;
    // The origin can't be reached, and nothing is stored.
    response.unwrap_or_else(|_| empty(StatusCode::BAD_GATEWAY))
}

fn empty(status: StatusCode) -> Response<CacheBody> {
    let mut response = Response::new(CacheBody::default());
    *response.status_mut() = status;
    response
}
