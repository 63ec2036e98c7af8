//! §4.1: resources with variants.

use std::time::Instant;

use larder_client::http::CacheLayer;
use tokio::task::JoinSet;
use tower_layer::Layer;

use crate::support::{Answered, Lines, Site, call, millis, page, read};

fn language(request: &http::Request<crate::support::Sent>) -> String {
    let value = request.headers().get("accept-language");
    value.map_or("", |value| value.to_str().unwrap()).to_owned()
}

fn varying(request: &http::Request<crate::support::Sent>) -> Answered {
    let fields = [("cache-control", "max-age=60"), ("vary", "accept-language")];
    page(&fields, language(request))
}

fn multilingual() -> Site {
    Site::answering(|layer| layer, async |request, _| Ok(varying(&request)))
}

const LANGUAGES: [Lines<'static>; 3] = [
    &[("accept-language", "de")],
    &[("accept-language", "en")],
    &[],
];

#[tokio::test]
async fn section_4_1_clients_get_the_variant_they_ask_for() {
    let site = multilingual();
    for _ in 0..2 {
        for fields in LANGUAGES {
            let wanted = fields.first().map_or("", |(_, value)| value);
            assert_eq!(site.get("/", fields).await.body, wanted);
            site.settled().await;
        }
    }
    assert_eq!(site.calls(), 3);
}

#[tokio::test]
async fn section_4_1_requests_that_mean_the_same_share_a_variant() {
    let site = multilingual();
    site.get("/", &[("accept-language", "de, en")]).await;
    site.settled().await;
    assert!(
        site.get("/", &[("accept-language", "EN,de")])
            .await
            .is_hit()
    );
}

#[tokio::test]
async fn section_4_1_what_may_mean_something_else_is_another_variant() {
    let site = Site::answering(
        |layer| layer,
        async |request, _| {
            let cookie = request.headers()["cookie"].to_str().unwrap();
            let fields = [("cache-control", "max-age=60"), ("vary", "cookie")];
            Ok(page(&fields, cookie.to_owned()))
        },
    );
    for _ in 0..2 {
        for cookie in ["cart=1,2", "cart=1,,2", "cart=1, 2"] {
            assert_eq!(site.get("/", &[("cookie", cookie)]).await.body, cookie);
            site.settled().await;
        }
    }
    assert_eq!(site.calls(), 3);
}

#[tokio::test]
async fn section_4_1_a_resource_may_come_to_vary_by_more() {
    let site = Site::answering(
        |layer| layer,
        async |request, call| {
            let more = ("vary", "accept-language, b");
            let vary = match call {
                1 => ("vary", "accept-language"),
                2 => more,
                _ => ("c", "nothing"),
            };
            let fields = [("cache-control", "max-age=60"), vary];
            Ok(page(&fields, format!("{}{call}", language(&request))))
        },
    );
    let mut bodies = Vec::new();
    for n in 0..2 {
        for b in ["1", "2"] {
            for fields in LANGUAGES {
                let fields = [fields, &[("b", b)]].concat();
                let body = site.get("/", &fields).await.body;
                site.settled().await;
                if n == 0 {
                    bodies.push(body);
                } else {
                    assert_eq!(body, bodies.remove(0));
                }
            }
        }
    }
    assert!(site.calls() <= 6, "{}", site.calls());
}

#[tokio::test]
async fn a_cold_page_that_varies_is_fetched_once_for_each_variant() {
    let site = Site::answering(
        |layer| layer,
        async |request, _| {
            tokio::time::sleep(millis(300)).await;
            Ok(varying(&request))
        },
    );
    let started = Instant::now();
    let mut clients = JoinSet::new();
    for n in 0..500 {
        let (service, fields) = (site.service.clone(), LANGUAGES[n % 2]);
        clients.spawn(async move {
            let reply = read(call(&service, "GET", "/", fields).await.unwrap()).await;
            assert_eq!(reply.body, fields[0].1);
        });
    }
    clients.join_all().await;
    assert_eq!(site.calls(), 2);
    assert!(started.elapsed() < millis(3000), "{:?}", started.elapsed());
}

#[tokio::test]
async fn variants_that_are_known_are_fetched_side_by_side() {
    let site = Site::answering(
        |layer| layer,
        async |request, _| {
            tokio::time::sleep(millis(100)).await;
            Ok(varying(&request))
        },
    );
    site.get("/", &[("accept-language", "first")]).await;
    site.settled().await;
    let started = Instant::now();
    let mut clients = JoinSet::new();
    for n in 0..30_usize {
        let service = site.service.clone();
        let language: &'static str = Box::leak(n.to_string().into_boxed_str());
        clients.spawn(async move {
            let fields = [("accept-language", language)];
            read(call(&service, "GET", "/", &fields).await.unwrap()).await;
        });
    }
    clients.join_all().await;
    assert_eq!(site.calls(), 31);
    assert!(started.elapsed() < millis(1500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn two_processes_share_a_variant() {
    let site = multilingual();
    let other = crate::support::cache(&site.server);
    let other = CacheLayer::new(&other).layer(site.origin());
    site.get("/", LANGUAGES[0]).await;
    site.settled().await;
    let reply = read(call(&other, "GET", "/", LANGUAGES[0]).await.unwrap()).await;
    assert!(reply.is_hit(), "{reply:?}");
    assert_eq!(site.calls(), 1);
}
