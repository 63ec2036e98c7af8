//! Without Redis everything goes on.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Shop, VIEWS, until};

async fn turn_redis(shop: &Shop, running: bool) {
    let switch = json!({ "running": running });
    let turned = shop.send(Method::PUT, "/redis", &switch).await;
    assert_eq!(turned.status, StatusCode::NO_CONTENT, "{}", turned.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_killed_every_route_answers_and_changes_are_seen() {
    let shop = Shop::open().await;
    for view in VIEWS {
        shop.json(view).await;
    }
    turn_redis(&shop, false).await;
    assert!(!shop.app.redis().is_running().await);
    assert_eq!(shop.reprice(3, 4_242).await.status, StatusCode::OK);
    for view in VIEWS {
        assert_eq!(shop.price(view, 3).await, Some(4_242), "{view}");
    }
    assert_eq!(
        shop.get("/categories/tables").await.cache_status,
        "larder; fwd=bypass"
    );
    let figures = shop.json("/cache/stats").await;
    assert_eq!(figures["server"], Value::Null);
    assert!(shop.get("/metrics").await.text.contains("\nlarder_up 0\n"));
    let tag = json!({ "tag": "products" });
    let refused = shop.send(Method::POST, "/cache/invalidate", &tag).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_back_the_cache_is_used_again() {
    let shop = Shop::open().await;
    turn_redis(&shop, false).await;
    for view in VIEWS {
        shop.json(view).await;
    }
    turn_redis(&shop, true).await;
    until("the category is kept again", async || {
        shop.get("/categories/tables").await.cache_status == "larder; hit"
    })
    .await;
    assert_eq!(shop.queries(shop.json("/categories/tables")).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_behind() {
    let shop = Shop::open().await;
    let (port, directory) = (
        shop.app.redis().port(),
        shop.redis::<Vec<String>>("CONFIG GET dir").await,
    );
    assert!(std::fs::exists(&directory[1]).unwrap());
    drop(shop);
    until("its server is gone", async || {
        tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_err()
    })
    .await;
    until("its files are gone", async || {
        !std::fs::exists(&directory[1]).unwrap()
    })
    .await;
}
