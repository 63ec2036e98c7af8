//! What one client sends must not change what others get for another address.

use http::request::Builder;
use http::{Request, StatusCode};
use larder_client::http::CacheLayer;
use tower_service::Service;

use crate::support::{Reply, Sent, Site, page, read};

/// Answers with what it was asked for.
fn echoing(layer: impl FnOnce(CacheLayer) -> CacheLayer) -> Site {
    Site::answering(layer, async |request, _| {
        let host = request.headers().get("host");
        let host = host.map_or("", |host| host.to_str().unwrap_or("unreadable"));
        let asked = format!("{host} {}", request.uri());
        Ok(page(&[("cache-control", "max-age=60")], asked))
    })
}

async fn send(site: &Site, request: Builder) -> Reply {
    let request = request.body(Sent::default()).unwrap();
    let reply = read(site.service.clone().call(request).await.unwrap()).await;
    site.settled().await;
    reply
}

async fn get(site: &Site, uri: &str, hosts: &[&[u8]]) -> Reply {
    let request = Request::get(uri);
    let add = |request: Builder, host: &&[u8]| request.header("host", *host);
    send(site, hosts.iter().fold(request, add)).await
}

/// Neither stored nor served.
#[track_caller]
fn assert_bypassed(reply: &Reply) {
    let status = reply.cache_status();
    assert_eq!(status, "larder; fwd=bypass; fwd-status=200", "{reply:?}");
}

#[tokio::test]
async fn a_host_that_contains_a_path_is_not_the_address_it_looks_like() {
    let site = echoing(|layer| layer);
    let long = format!("/{}", "x".repeat(300));
    for (host, uri, victim) in [
        ("site/products", "/", "/products/"),
        ("site?products=", "/", "/?products=/"),
        (&*format!("site{long}"), "/", &*format!("{long}/")),
    ] {
        assert_bypassed(&get(&site, uri, &[host.as_bytes()]).await);
        let asked = format!("site {victim}");
        for _ in 0..2 {
            assert_eq!(get(&site, victim, &[b"site"]).await.body, asked);
        }
        assert_bypassed(&get(&site, uri, &[host.as_bytes()]).await);
    }
}

#[tokio::test]
async fn a_change_of_a_host_in_doubt_invalidates_nothing() {
    let site = echoing(|layer| layer);
    get(&site, "/products/", &[b"site"]).await;
    for (uri, hosts) in [
        ("/", &["site/products"][..]),
        ("/products/", &["site", "site"]),
        ("/products/", &["me@site"]),
        ("http://site/products/", &["other"]),
        ("http://other/products/", &["site"]),
    ] {
        let post = Request::post(uri);
        send(
            &site,
            hosts
                .iter()
                .fold(post, |post, host| post.header("host", *host)),
        )
        .await;
    }
    assert!(get(&site, "/products/", &[b"site"]).await.is_hit());
}

#[tokio::test]
async fn a_host_that_nobody_can_read_is_not_no_host() {
    let site = echoing(|layer| layer);
    assert_bypassed(&get(&site, "/", &[b"\xe9vil"]).await);
    assert_eq!(get(&site, "/", &[]).await.body, " /");
    assert!(get(&site, "/", &[]).await.is_hit());
    assert_bypassed(&get(&site, "/", &[b"\xe9vil"]).await);
}

#[tokio::test]
async fn of_two_hosts_neither_counts() {
    let site = echoing(|layer| layer);
    assert_bypassed(&get(&site, "/", &[b"site", b"evil"]).await);
    assert_bypassed(&get(&site, "/", &[b"site", b"site"]).await);
    assert_bypassed(&get(&site, "http://site/", &[b"evil"]).await);
    let first = get(&site, "/", &[b"site"]).await;
    assert!(!first.is_hit(), "{first:?}");
    assert!(get(&site, "http://SITE/", &[b"Site"]).await.is_hit());
    assert_bypassed(&get(&site, "http://site/", &[b"evil"]).await);
    assert_bypassed(&get(&site, "http://me@site/", &[b"site"]).await);
}

#[tokio::test]
async fn what_is_in_doubt_is_not_purged() {
    let site = echoing(|layer| layer.purge(|_| true));
    get(&site, "/products/", &[b"site"]).await;
    let doubtful = Request::builder().method("PURGE").uri("/");
    let doubtful = doubtful.header("host", "site/products");
    assert_eq!(send(&site, doubtful).await.status, StatusCode::BAD_REQUEST);
    assert!(get(&site, "/products/", &[b"site"]).await.is_hit());
}
