//! Redis frozen, dead or without the module: requests go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_client::Cache;
use larder_client::http::CacheLayer;
use larder_test_support::{Server, Setup};
use tower_layer::Layer;

use crate::support::{Site, cache, call, millis, page, read, until};

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
async fn a_server_that_freezes_while_the_origin_answers_delays_nobody() {
    for fields in [
        &[("cache-control", "max-age=60")],
        &[("cache-control", "private")],
    ] {
        let server = Arc::new(Server::start());
        let to_freeze = Arc::clone(&server);
        let site = Site::answering(
            |layer| layer,
            move |_, _| {
                to_freeze.freeze();
                async move { Ok(page(fields, "")) }
            },
        );
        // Whoever waited for what becomes of the lease would wait for five seconds.
        let service = CacheLayer::new(&cache(&server)).layer(site.origin());
        let started = Instant::now();
        read(call(&service, "GET", "/", &[]).await.unwrap()).await;
        assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
        server.thaw();
    }
}

#[tokio::test]
async fn a_change_waits_for_a_frozen_server_no_longer_than_a_read() {
    let site = Site::with(&[]);
    let service = impatient(&site.server).layer(site.origin());
    call(&service, "POST", "/", &[]).await.unwrap();
    site.server.freeze();
    let started = Instant::now();
    call(&service, "POST", "/", &[]).await.unwrap();
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    site.server.thaw();
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
    let send = async |method| read(call(&service, method, "/", &[]).await.unwrap()).await;
    send("GET").await;
    site.settled().await;
    assert!(send("GET").await.is_hit());
    site.server.freeze();
    until("the server is given up", async || {
        let started = Instant::now();
        let reply = send("GET").await;
        reply.cache_status().starts_with("larder; fwd=bypass") && started.elapsed() < millis(20)
    })
    .await;
    // Nothing of it is sent now, to be executed when the server goes on.
    send("POST").await;
    site.server.thaw();
    until("a newer page is served from the cache", async || {
        let reply = send("GET").await;
        reply.is_hit() && reply.body != "1"
    })
    .await;
}

#[tokio::test]
async fn requests_that_do_not_wait_say_that_the_server_is_gone() {
    let mut site = Site::with(&[("cache-control", "max-age=60")]);
    site.server.kill();
    for fields in [[("authorization", "me")], [("range", "bytes=0-0")]] {
        let reply = site.get("/", &fields).await;
        assert_eq!(reply.cache_status(), "larder; fwd=bypass; fwd-status=200");
    }
    assert_eq!(site.cache.stats().bypasses, 2);
}

#[tokio::test]
async fn what_is_yet_to_be_invalidated_is_not_served() {
    let site = Site::with(&[("cache-control", "max-age=60")]);
    let mut client = site.server.client();
    assert_eq!(site.twice(&[], &[]).await.1, "1");
    client.check("ACL SETUSER default -cache.invalidate", "OK");
    site.send("POST", "/", &[]).await;
    let reply = site.get("/", &[]).await;
    assert_eq!(reply.cache_status(), "larder; fwd=bypass; fwd-status=200");
    assert_ne!(reply.body, "1");
    client.check("ACL SETUSER default +cache.invalidate", "OK");
    until("it is served from the cache again", async || {
        let reply = site.get("/", &[]).await;
        assert_ne!(reply.body, "1");
        reply.is_hit()
    })
    .await;
}
