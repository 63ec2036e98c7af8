//! §4.2: how long a response is served, and what it says about its age (§5.1).

use crate::support::{Site, until};

#[tokio::test]
async fn section_4_2_a_response_is_served_until_it_is_as_old_as_it_may_become() {
    let site = Site::with(&[("cache-control", "max-age=60"), ("age", "59")]);
    site.get("/", &[]).await;
    site.settled().await;
    let reply = site.get("/", &[]).await;
    assert!(reply.is_hit() && reply.field("age") == "59", "{reply:?}");
    until("it is asked for anew", async || {
        site.get("/", &[]).await.body == "2"
    })
    .await;
}

#[tokio::test]
async fn section_5_1_a_response_that_passes_keeps_its_age() {
    let site = Site::with(&[("cache-control", "no-store"), ("age", "7")]);
    assert_eq!(site.get("/", &[]).await.field("age"), "7");
}

#[tokio::test]
async fn section_4_2_1_the_lifetime_for_shared_caches_goes_first() {
    let site = Site::with(&[("cache-control", "max-age=1, s-maxage=60"), ("age", "30")]);
    assert_eq!(site.twice(&[], &[]).await.1, "1");
}

#[tokio::test]
async fn rfc_9213_2_2_a_date_does_not_count_beside_the_targeted_field() {
    const EXPIRES: (&str, &str) = ("expires", "Fri, 01 Jan 2100 00:00:00 GMT");
    let site = Site::with(&[EXPIRES]);
    assert_eq!(site.twice(&[], &[]).await.1, "1");
    let site = Site::with(&[EXPIRES, ("cdn-cache-control", "public")]);
    assert_eq!(site.twice(&[], &[]).await.1, "2");
}

#[tokio::test]
async fn section_4_2_2_a_lifetime_is_guessed_if_that_is_wanted() {
    let site = Site::set_up(
        |layer| layer.heuristic_freshness(true),
        &[("last-modified", "Thu, 18 Aug 2005 02:01:40 GMT")],
    );
    assert_eq!(site.twice(&[], &[]).await.1, "1");
}

#[tokio::test]
async fn rfc_9211_the_answer_says_where_it_comes_from() {
    let site = Site::set_up(
        |layer| layer.name("edge"),
        &[("cache-control", "max-age=60"), ("age", "10")],
    );
    let status = async || {
        let status = site.get("/", &[]).await.cache_status().to_owned();
        site.settled().await;
        status
    };
    assert_eq!(status().await, "edge; fwd=uri-miss; fwd-status=200; stored");
    assert!(["edge; hit; ttl=50", "edge; hit; ttl=49"].contains(&status().await.as_str()));
}
