use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn store() -> Store {
    Store::new(1 << 20, MINUTE)
}

fn reading(value: &'static str, tags: &[&str]) -> Reading {
    Reading {
        value: Bytes::from_static(value.as_bytes()),
        ttl: None,
        tags: tags.iter().map(|tag| tag.as_bytes().to_vec()).collect(),
    }
}

/// What is served of a key now.
fn served(store: &Store, key: &str) -> Option<Bytes> {
    store.get(key, Instant::now())
}

#[test]
fn what_is_kept_is_served_until_it_ends() {
    let store = store();
    let asked = store.asking();
    let ttl = Some(Duration::from_secs(7));
    store.keep(
        "k",
        asked,
        Reading {
            ttl,
            ..reading("v", &[])
        },
    );
    let after = |seconds| store.get("k", asked.at + Duration::from_secs(seconds));
    assert_eq!(after(6).unwrap(), "v");
    assert_eq!(after(7), None);
}

#[test]
fn without_an_end_it_is_served_for_as_long_as_the_cache_allows() {
    let store = store();
    let asked = store.asking();
    store.keep("k", asked, reading("v", &[]));
    let almost = MINUTE - Duration::from_millis(1);
    assert_eq!(store.get("k", asked.at + almost).unwrap(), "v");
    assert_eq!(store.get("k", asked.at + MINUTE), None);
}

#[test]
fn a_change_of_a_key_or_one_of_its_tags_or_everything_ends_it() {
    let changes: [&dyn Fn(&Store); 3] = [
        &|store| store.forget("k"),
        &|store| store.forget_tag(b"y"),
        &Store::clear,
    ];
    for change in changes {
        let store = store();
        store.keep("k", store.asking(), reading("v", &["x", "y"]));
        store.keep("other", store.asking(), reading("v", &["z"]));
        assert!(served(&store, "k").is_some());
        change(&store);
        assert_eq!(served(&store, "k"), None);
        store.keep("k", store.asking(), reading("new", &["x", "y"]));
        assert_eq!(served(&store, "k").unwrap(), "new");
    }
}

#[test]
fn others_stay() {
    let store = store();
    store.keep("k", store.asking(), reading("v", &["x"]));
    store.forget("other");
    store.forget_tag(b"other");
    assert_eq!(served(&store, "k").unwrap(), "v");
}

#[test]
fn an_answer_that_was_overtaken_by_a_change_is_not_kept() {
    let changes: [&dyn Fn(&Store); 3] = [
        &|store| store.forget("k"),
        &|store| store.forget_tag(b"x"),
        &Store::clear,
    ];
    for change in changes {
        let store = store();
        let asked = store.asking();
        change(&store);
        store.keep("k", asked, reading("old", &["x"]));
        assert_eq!(served(&store, "k"), None);
    }
}

#[test]
fn it_tells_which_tags_were_forgotten() {
    let store = store();
    store.forget_tag(b"before");
    let since = store.asking();
    assert!(!store.has_forgotten_tag(b"before", since));
    store.forget_tag(b"after");
    assert!(store.has_forgotten_tag(b"after", since));
}

#[test]
fn its_size_is_bounded_at_any_time() {
    let store = store();
    let page: &'static str = Box::leak("x".repeat(10_000).into_boxed_str());
    for n in 0..1000 {
        store.keep(&format!("page:{n}"), store.asking(), reading(page, &[]));
        assert!(store.entries.weighted_size() <= 1 << 20);
    }
    let held = (0..1000).filter(|n| served(&store, &format!("page:{n}")).is_some());
    assert!(held.count() > 80);
}
