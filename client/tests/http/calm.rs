//! Redis frozen, dead or without the module: requests go on.

use std::time::{Duration, Instant};

use larder_client::Cache;
use larder_client::http::CacheLayer;
use larder_test_support::{Server, Setup};
use tower_layer::Layer;

use crate::support::{Site, call, millis, read, until};

/// Three operations at most: one to look, one for the variant, and room for a busy machine.
const SOON: Duration = Duration::from_millis(1500);

fn impatient(server: &Server) -> CacheLayer {
    let cache = Cache::builder(format!("redis://127.0.0.1:{}", server.port()))
        .namespace("t")
        .timeout(millis(150))
        .circuit_breaker(3, millis(50))
        .build()
        .unwrap();
    CacheLayer::new(&cache)
}

#[tokio::test]
async fn a_frozen_server_costs_a_request_its_timeout() {
    let site = Site::with(&[("cache-control", "max-age=60")]);
    let service = impatient(&site.server).layer(site.origin());
    read(call(&service, "GET", "/", &[]).await.unwrap()).await;
    site.server.freeze();
    for n in 0..10 {
        let started = Instant::now();
        let reply = read(call(&service, "GET", "/", &[]).await.unwrap()).await;
        assert_eq!(reply.body, (n + 2).to_string());
        assert_eq!(reply.cache_status(), "larder; fwd=bypass; fwd-status=200");
        assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    }
    site.server.thaw();
    until("it is used again", async || {
        read(call(&service, "GET", "/", &[]).await.unwrap())
            .await
            .is_hit()
    })
    .await;
}

#[tokio::test]
async fn a_server_that_freezes_during_a_miss_delays_nobody() {
    let site = Site::with(&[("cache-control", "private")]);
    let server = Server::start();
    let service = impatient(&server).layer(site.origin());
    for path in ["/a", "/b"] {
        call(&service, "GET", path, &[]).await.unwrap();
    }
    server.freeze();
    let started = Instant::now();
    read(call(&service, "GET", "/c", &[]).await.unwrap()).await;
    read(call(&service, "POST", "/c", &[]).await.unwrap()).await;
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    server.thaw();
}

#[tokio::test]
async fn a_dead_server_or_one_without_the_module_is_done_without() {
    let bare = Server::set_up(&Setup {
        without_module: true,
        ..Setup::default()
    });
    let mut dead = Server::start();
    dead.kill();
    for server in [&bare, &dead] {
        let site = Site::with(&[("cache-control", "max-age=60")]);
        let service = impatient(server).layer(site.origin());
        for n in 1..=5 {
            let reply = read(call(&service, "GET", "/", &[]).await.unwrap()).await;
            assert_eq!(reply.body, n.to_string());
        }
        for method in ["HEAD", "POST", "DELETE"] {
            call(&service, method, "/", &[]).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_a_request_has_changed_is_invalidated_when_the_server_is_back() {
    let site = Site::with(&[("cache-control", "max-age=60")]);
    let service = impatient(&site.server).layer(site.origin());
    let get = async || read(call(&service, "GET", "/", &[]).await.unwrap()).await;
    get().await;
    site.settled().await;
    assert!(get().await.is_hit());
    site.server.freeze();
    call(&service, "POST", "/", &[]).await.unwrap();
    site.server.thaw();
    until("the change has been heard of", async || {
        get().await.body != "1"
    })
    .await;
}
