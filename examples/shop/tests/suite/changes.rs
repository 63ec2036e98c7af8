//! Reads are kept, and changes are seen at once, wherever the product is shown.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Shop, VIEWS, until};

async fn read_all(shop: &Shop) {
    for view in VIEWS {
        shop.json(view).await;
    }
    shop.json("/facets").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_is_read_from_the_database_once() {
    let shop = Shop::open().await;
    // The basket finds product 3 where the repository has put it; the facets take two queries.
    assert_eq!(shop.queries(read_all(&shop)).await, 7);
    assert_eq!(shop.queries(read_all(&shop)).await, 0);
    let listed = shop.get("/products?page=1").await.cache_status;
    assert!(listed.starts_with("larder; hit; ttl="), "{listed}");
    assert_eq!(
        shop.get("/categories/tables").await.cache_status,
        "larder; hit"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_seen_at_once_in_every_view() {
    let shop = Shop::open().await;
    read_all(&shop).await;
    shop.json("/categories/lighting").await;
    assert_eq!(shop.reprice(3, 4_242).await.status, StatusCode::OK);
    for view in VIEWS {
        assert_eq!(shop.price(view, 3).await, Some(4_242), "{view}");
    }
    // What does not show it is left alone, and the product itself was written through.
    let others = async {
        shop.json("/categories/lighting").await;
        shop.json("/products/3").await;
        shop.json("/facets").await;
    };
    assert_eq!(shop.queries(others).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_comes_and_goes_at_once_in_every_view() {
    let shop = Shop::open().await;
    read_all(&shop).await;
    shop.json("/products?page=11").await;
    let views = ["/products?page=11", "/categories/tables", "/brands/kestrel"];
    // First in its brand and category, of which only the first are shown.
    let draft = json!({
        "name": "Aspen Table", "brand": "kestrel", "category": "tables", "price_cents": 1, "stock": 1
    });
    let created = shop.send(Method::POST, "/products", &draft).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    for view in views {
        assert_eq!(shop.price(view, 241).await, Some(1), "{view}");
    }
    let tables = |facets: Value| {
        let categories = facets["categories"].as_array().unwrap().clone();
        categories
            .into_iter()
            .find(|category| category["name"] == "tables")
            .unwrap()["products"]
            .clone()
    };
    assert_eq!(tables(shop.json("/facets").await), 31);

    let removed = shop
        .send(Method::DELETE, "/products/241", &Value::Null)
        .await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    for view in views {
        assert_eq!(shop.price(view, 241).await, None, "{view}");
    }
    assert_eq!(
        shop.get("/products/241").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(tables(shop.json("/facets").await), 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_overwrites_what_he_has_not_seen() {
    let shop = Shop::open().await;
    let seen = shop.json("/products/3").await;
    shop.reprice(3, 4_242).await;
    let late = shop.send(Method::PUT, "/products/3", &seen).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    for view in VIEWS {
        assert_eq!(shop.price(view, 3).await, Some(4_242), "{view}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused() {
    let shop = Shop::open().await;
    assert_eq!(
        shop.reprice(3, -1).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    for path in ["/basket?ids=1,two", "/basket"] {
        assert!(shop.get(path).await.status.is_client_error(), "{path}");
    }
    let draft = json!({
        "name": " ", "brand": "kestrel", "category": "tables", "price_cents": 1, "stock": 1
    });
    let refused = shop.send(Method::POST, "/products", &draft).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("name"), "{}", refused.text);
    assert_eq!(
        shop.get("/products/999").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalidation_that_fails_is_made_up_for() {
    let shop = Shop::open().await;
    shop.json("/categories/tables").await;
    shop.redis::<()>("ACL SETUSER default -cache.invalidate")
        .await;
    assert_eq!(shop.reprice(3, 4_242).await.status, StatusCode::OK);
    assert_ne!(shop.price("/categories/tables", 3).await, Some(4_242));
    shop.redis::<()>("ACL SETUSER default +cache.invalidate")
        .await;
    until("the category shows the change", async || {
        shop.price("/categories/tables", 3).await == Some(4_242)
    })
    .await;
}
