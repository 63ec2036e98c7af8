//! One call for all who want the same, and nothing for anybody that is somebody else's.

use std::time::Instant;

use larder_client::Policy;
use larder_client::http::{CacheLayer, CacheService};
use tokio::task::JoinSet;
use tower_layer::Layer;

use crate::support::{Lines, Origin, Reply, Site, cache, call, millis, page, read, until};

/// The layer as two processes have it.
fn two_processes(site: &Site) -> [CacheService<Origin>; 2] {
    let other = cache(&site.server);
    [
        site.service.clone(),
        CacheLayer::new(&other).layer(site.origin()),
    ]
}

/// What so many clients get, who come at the same time, each with a name.
async fn crowd(site: &Site, clients: usize, fields: Lines<'static>) -> Vec<(String, Reply)> {
    let services = two_processes(site);
    let mut crowd = JoinSet::new();
    for n in 0..clients {
        let service = services[n % 2].clone();
        crowd.spawn(async move {
            let name: &'static str = Box::leak(format!("user-{n}").into_boxed_str());
            let fields = [fields, &[("cookie", name), ("authorization", name)]].concat();
            let fields = match fields.first() {
                Some(("plain", _)) => &fields[..2],
                _ => &fields,
            };
            let response = call(&service, "GET", "/", fields).await.unwrap();
            (name.to_owned(), read(response).await)
        });
    }
    crowd.join_all().await
}

/// Says who has asked, after a while.
fn personal(answer: Lines<'static>) -> Site {
    Site::answering(
        |layer| layer,
        move |request, _| async move {
            tokio::time::sleep(millis(100)).await;
            let cookie = request.headers()["cookie"].to_str().unwrap();
            Ok(page(answer, cookie.to_owned()))
        },
    )
}

#[tokio::test]
async fn five_hundred_clients_of_two_processes_make_one_call() {
    let site = Site::answering(
        |layer| layer,
        async |_, call| {
            tokio::time::sleep(millis(300)).await;
            Ok(page(&[("cache-control", "max-age=60")], call.to_string()))
        },
    );
    for (_, reply) in crowd(&site, 500, &[("plain", "yes")]).await {
        assert_eq!(reply.body, "1");
    }
    assert_eq!(site.calls(), 1);
}

#[tokio::test]
async fn nobody_gets_what_is_somebody_elses() {
    for answer in [
        &[("cache-control", "private, max-age=60")][..],
        &[("cache-control", "no-store")],
        &[("cache-control", "max-age=60"), ("set-cookie", "session=1")],
        &[("cache-control", "max-age=60"), ("vary", "*")],
        &[("cache-control", "max-age=60"), ("vary", "cookie")],
        &[("cache-control", "no-cache"), ("etag", "\"a\"")],
        &[],
    ] {
        let site = personal(answer);
        let started = Instant::now();
        for _ in 0..2 {
            for (name, reply) in crowd(&site, 40, &[("plain", "yes")]).await {
                assert_eq!(reply.body, name, "{answer:?}");
            }
        }
        // They have not waited for one another, one by one.
        assert!(
            started.elapsed() < millis(2500),
            "{answer:?}: {:?}",
            started.elapsed()
        );
    }
}

#[tokio::test]
async fn clients_with_credentials_get_their_own_and_do_not_wait() {
    let site = personal(&[("cache-control", "max-age=60")]);
    let started = Instant::now();
    for (name, reply) in crowd(&site, 40, &[]).await {
        assert_eq!(reply.body, name);
    }
    assert_eq!(site.calls(), 40);
    assert!(started.elapsed() < millis(1500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn what_fails_is_tried_by_the_next() {
    let site = Site::answering(
        |layer| layer,
        async |_, call| {
            tokio::time::sleep(millis(50)).await;
            if call <= 2 {
                return Err("unreachable");
            }
            Ok(page(&[("cache-control", "max-age=60")], call.to_string()))
        },
    );
    let mut clients = JoinSet::new();
    for _ in 0..20 {
        let service = site.service.clone();
        clients.spawn(async move { call(&service, "GET", "/", &[]).await.is_ok() });
    }
    let served = clients.join_all().await;
    assert_eq!(served.iter().filter(|served| !**served).count(), 2);
    assert_eq!(site.calls(), 3);
}

#[tokio::test]
async fn a_page_that_cannot_be_stored_is_let_through() {
    let site = Site::answering(
        |layer| layer.pass_for(millis(60_000)),
        async |_, call| {
            tokio::time::sleep(millis(100)).await;
            Ok(page(&[("cache-control", "private")], call.to_string()))
        },
    );
    site.get("/", &[]).await;
    site.settled_but_for_backoff().await;
    let started = Instant::now();
    crowd(&site, 60, &[("plain", "yes")]).await;
    assert_eq!(site.calls(), 61);
    assert!(started.elapsed() < millis(1500), "{:?}", started.elapsed());
}

const PART: Lines<'static> = &[("range", "bytes=0-0")];

/// Whose leases are long.
fn patient(layer: CacheLayer) -> CacheLayer {
    layer.policy(Policy::default().lease(millis(60_000)))
}

#[tokio::test]
async fn a_client_that_goes_away_before_its_turn_leaves_no_lease_behind() {
    let site = Site::set_up(patient, &[("cache-control", "max-age=60")]);
    let mut client = site.server.client();
    client.text("CLIENT PAUSE 60000 WRITE");
    tokio::select! {
        _ = site.get("/", PART) => panic!("no lease can be granted"),
        () = until("it asks for a lease", async || site.server.blocked() == 1) => {}
    }
    client.text("CLIENT UNPAUSE");
    let started = Instant::now();
    assert_eq!(site.twice(&[], &[]).await, ("1".into(), "1".into()));
    assert!(started.elapsed() < millis(1500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_client_that_does_not_wait_has_a_lease_as_long_as_others() {
    let site = Site::answering(patient, async |_, _| std::future::pending().await);
    let left = || site.server.client().int("PTTL t:http:{site/}");
    tokio::select! {
        _ = site.get("/", PART) => panic!("the origin does not answer"),
        () = until("there is a long lease", async || left() > 30_000) => {}
    }
}

#[tokio::test]
async fn when_a_page_cannot_be_stored_any_more_its_clients_ask_side_by_side() {
    let site = Site::answering(
        |layer| layer,
        async |_, call| {
            if call == 1 {
                let fields = [
                    ("cache-control", "max-age=60"),
                    ("age", "59"),
                    ("etag", "\"a\""),
                ];
                return Ok(page(&fields, "old"));
            }
            tokio::time::sleep(millis(200)).await;
            Ok(page(&[("cache-control", "private")], "own"))
        },
    );
    site.get("/", &[]).await;
    until("it is stored, and stale", async || {
        let info = site.server.client().text("CACHE.INFO t:http:{site/}");
        info.contains("stale")
    })
    .await;
    let started = Instant::now();
    for (_, reply) in crowd(&site, 40, &[("plain", "yes")]).await {
        assert_eq!(reply.body, "own");
    }
    assert!(started.elapsed() < millis(2500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_call_that_hangs_does_not_keep_others_from_storing_the_page() {
    let site = Site::answering(
        |layer| {
            let policy = Policy::default().lease(millis(200)).patience(millis(50));
            layer.policy(policy).fetch_limit(millis(300))
        },
        async |_, call| {
            if call == 1 {
                std::future::pending::<()>().await;
            }
            Ok(page(&[("cache-control", "max-age=60")], call.to_string()))
        },
    );
    let hangs = call(&site.service, "GET", "/", &[]);
    assert!(tokio::time::timeout(millis(50), hangs).await.is_err());
    until("another answer is stored", async || {
        site.get("/", &[]).await.is_hit()
    })
    .await;
}
