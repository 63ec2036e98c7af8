//! The page: a few files, no build.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;

const SCRIPT: &str = "text/javascript; charset=utf-8";

pub(crate) fn router() -> Router {
    let file = |content_type, text| get(move || async move { answer(content_type, text) });
    let script = |text| file(SCRIPT, text);
    Router::new()
        .route(
            "/",
            file("text/html; charset=utf-8", include_str!("page/index.html")),
        )
        .route(
            "/style.css",
            file("text/css; charset=utf-8", include_str!("page/style.css")),
        )
        .route(
            "/icon.svg",
            file("image/svg+xml", include_str!("page/icon.svg")),
        )
        .route("/script.js", script(include_str!("page/script.js")))
        .route("/common.js", script(include_str!("page/common.js")))
        .route("/charts.js", script(include_str!("page/charts.js")))
        .route("/figures.js", script(include_str!("page/figures.js")))
        .route("/controls.js", script(include_str!("page/controls.js")))
        .route("/tags.js", script(include_str!("page/tags.js")))
        .route("/catalogue.js", script(include_str!("page/catalogue.js")))
}

fn answer(content_type: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        ("content-type", content_type),
        ("content-security-policy", "default-src 'self'"),
        ("cache-control", "no-cache"),
    ];
    (headers, text)
}
