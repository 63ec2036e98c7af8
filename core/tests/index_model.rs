//! Random operations on the index, compared with a naive model, and what the index promises beyond.

#![allow(clippy::expect_used)]

#[path = "properties/index/mod.rs"]
mod property;
#[path = "properties/seeds.rs"]
mod seeds;

use larder_core::clock::Epoch;
use larder_core::entry::Arena;
use larder_core::index::Retention;
use property::op::{Op, TagSet, key_of_name, tag_name};
use property::world::World;
use proptest::prelude::*;
use std::collections::BTreeSet;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_a_naive_model(ops in proptest::collection::vec(any::<[u8; 3]>().prop_map(Op::of), 1..120)) {
        property::run(ops, 1);
    }
}

#[test]
fn agrees_with_it_on_what_the_fuzzer_starts_from() {
    seeds::each("operations", |bytes| {
        property::run(property::ops(bytes).inspect(|op| println!("{op:?}")), 1);
    });
}

#[test]
fn a_scan_returns_what_is_there_from_beginning_to_end() {
    let mut world = World::new();
    let one = TagSet::chosen(1, 0);
    for key in 0..3_000 {
        world.store(0, key, one);
    }
    let (mut seen, mut cursor, mut round) = (BTreeSet::new(), 0, 0);
    loop {
        let page = world.databases[0]
            .index
            .scan_members(tag_name(0), cursor, 50);
        let keys = page.handles.iter();
        seen.extend(keys.map(|handle| key_of_name(world.blocks.entry(*handle).key())));
        cursor = page.cursor;
        if cursor == 0 {
            break;
        }
        // Others leave and join between the pages: every third key, from both ends.
        for key in [round * 3 % 3_000, 2_999 - round * 3 % 3_000] {
            world.remove(0, key);
            world.store(0, 10_000 + key, one);
        }
        round += 1;
    }
    for key in (0..3_000).filter(|key| world.databases[0].known(*key).is_some()) {
        assert!(seen.contains(&key), "key {key} was there all the time");
    }
}

#[test]
fn what_is_remembered_of_a_tag_nothing_carries_lasts_as_long_as_an_older_lease() {
    let mut world = World::new();
    let lease = world.stamp().epoch;
    let stamp = world.stamp();
    let keep = Retention {
        oldest_lease: Some(lease),
        since: None,
    };
    let index = &mut world.databases[0].index;
    assert_eq!(index.invalidate(b"nobody's", stamp, keep), 0);
    index.sweep(keep, 10);
    assert!(index.touched_since(b"nobody's", lease));
    assert!(!index.touched_since(b"nobody's", Epoch(stamp.epoch.0 + 1)));
    index.sweep(Retention::default(), 10);
    assert!(
        !index.touched_since(b"nobody's", lease),
        "forgotten once no lease needs it"
    );
    assert_eq!(index.heap_bytes(), 0);
}

#[test]
fn forgetting_too_much_refuses_old_fills_rather_than_letting_one_through() {
    let mut world = World::new();
    let lease = world.stamp().epoch;
    let keep = Retention {
        oldest_lease: Some(lease),
        since: None,
    };
    for n in 0..40_000 {
        let stamp = world.stamp();
        world.databases[0]
            .index
            .invalidate(format!("t{n}").as_bytes(), stamp, keep);
        world.databases[0].index.sweep(keep, 2);
    }
    let index = &world.databases[0].index;
    assert!(
        index.touched_since(b"t0", lease),
        "the oldest tombstone was dropped, its epoch was not"
    );
    assert!(index.touched_since(b"t39999", lease));
    let now = world.stamp().epoch;
    assert!(
        !world.databases[0].index.touched_since(b"t0", now),
        "younger leases are not concerned"
    );
}
