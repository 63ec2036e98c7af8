//! Within routers of axum.

use axum::Router;
use axum::body::Body;
use axum::extract::OriginalUri;
use axum::http::Request;
use axum::routing::get;
use larder_client::http::CacheLayer;
use larder_test_support::Server;
use tower_service::Service;

use crate::support::{Reply, cache, read, until};

fn page(uri: &str) -> ([(&'static str, &'static str); 1], String) {
    ([("cache-control", "max-age=60")], uri.to_owned())
}

fn pages(layer: CacheLayer) -> Router {
    let answer = async |OriginalUri(uri): OriginalUri| page(&uri.to_string());
    Router::new().route("/a", get(answer)).layer(layer)
}

async fn visit(router: &Router, path: &str) -> Reply {
    send(router, "GET", path).await
}

async fn send(router: &Router, method: &str, path: &str) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "site")
        .body(Body::empty());
    let response = router.clone().call(request.unwrap()).await.unwrap();
    read(response).await
}

#[tokio::test]
async fn nested_routes_with_the_same_ending_are_told_apart() {
    let server = Server::start();
    let layer = CacheLayer::new(&cache(&server));
    let router = Router::new()
        .nest("/one", pages(layer.clone()))
        .nest("/two", pages(layer));
    for path in ["/one/a", "/two/a"] {
        until("it is stored", async || {
            let reply = visit(&router, path).await;
            assert_eq!(reply.body, path);
            reply.is_hit()
        })
        .await;
    }
    assert_eq!(visit(&router, "/one/a").await.body, "/one/a");
}

#[tokio::test]
async fn rfc_9110_8_6_head_says_how_long_the_page_is() {
    let server = Server::start();
    let router = pages(CacheLayer::new(&cache(&server)));
    until("it is stored", async || visit(&router, "/a").await.is_hit()).await;
    let reply = send(&router, "HEAD", "/a").await;
    assert!(reply.is_hit(), "{reply:?}");
    assert_eq!(
        (reply.field("content-length"), reply.body.as_str()),
        ("2", "")
    );
}
