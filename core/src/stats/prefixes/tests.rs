use super::*;
use proptest::prelude::*;

/// Looks a key up without a slot and counts a hit.
fn hit(prefixes: &mut Prefixes, key: &[u8]) -> Slot {
    let slot = prefixes.resolve(Slot::NONE, key);
    prefixes.at(slot).hits += 1;
    slot
}

fn hits(prefixes: &Prefixes, prefix: &[u8]) -> Option<u64> {
    prefixes.get(prefix).map(|counters| counters.hits)
}

#[test]
fn a_prefix_ends_before_the_nth_colon() {
    for (key, depth, expected) in [
        (&b"user:1"[..], 1, &b"user"[..]),
        (b"user:1:name", 1, b"user"),
        (b"user:1:name", 2, b"user:1"),
        (b"user:1:name", 9, b"user:1"),
        (b"user:", 1, b"user"),
        (b"user", 1, b""),
        (b":user", 1, b""),
        (b"::", 2, b":"),
        (b"", 1, b""),
        (b"\xff\0:x", 1, b"\xff\0"),
        (b"user:1", 0, b""),
    ] {
        assert_eq!(
            prefix_of(key, depth),
            Some(expected),
            "{key:?} at depth {depth}"
        );
    }
}

#[test]
fn a_prefix_of_65_bytes_is_too_long() {
    let key = |len: usize| [&vec![b'x'; len][..], b":1"].concat();
    assert_eq!(prefix_of(&key(64), 1), Some(&[b'x'; 64][..]));
    assert_eq!(prefix_of(&key(65), 1), None);
    assert_eq!(prefix_of(&[b"a:", &key(63)[..]].concat(), 2), None);
    assert_eq!(prefix_of(&[b'x'; 1000], 1), Some(&b""[..]));
}

#[test]
fn a_current_slot_is_kept_without_a_look_at_the_key() {
    let mut prefixes = Prefixes::new(1, 4);
    let slot = hit(&mut prefixes, b"user:1");
    assert_eq!(prefixes.resolve(slot, b"page:1"), slot);
    assert_eq!(hits(&prefixes, b"page"), None);
}

#[test]
fn keys_of_a_prefix_share_a_row() {
    let mut prefixes = Prefixes::new(1, 4);
    assert_eq!(hit(&mut prefixes, b"user:1"), hit(&mut prefixes, b"user:2"));
    assert_ne!(hit(&mut prefixes, b"user:1"), hit(&mut prefixes, b"user"));
    assert_eq!(
        (hits(&prefixes, b"user"), hits(&prefixes, b"")),
        (Some(3), Some(1))
    );
}

#[test]
fn a_slot_that_is_none_or_stale_counts_in_other() {
    let mut prefixes = Prefixes::new(1, 4);
    prefixes.at(Slot::NONE).hits += 1;
    let old = hit(&mut prefixes, b"user:1");
    prefixes.reset();
    prefixes.at(old).misses += 1;
    assert_eq!((prefixes.other().hits, prefixes.other().misses), (0, 1));
    assert_eq!(hits(&prefixes, b"user"), None);
}

#[test]
fn without_capacity_or_with_a_long_prefix_other_is_a_slot_like_any() {
    let mut prefixes = Prefixes::new(1, 0);
    let slot = hit(&mut prefixes, b"user:1");
    assert_ne!(slot, Slot::NONE);
    assert_eq!(prefixes.resolve(slot, b"user:1"), slot);
    assert_eq!((prefixes.other().hits, prefixes.by_reads().len()), (1, 0));

    prefixes.configure(1, 4);
    assert_ne!(prefixes.resolve(slot, b"user:1"), slot);
    let long = [&[b'x'; 65][..], b":1"].concat();
    assert_ne!(hit(&mut prefixes, &long), Slot::NONE);
    assert_eq!(prefixes.other().hits, 2);
}

#[test]
fn the_busiest_survive_a_flood_of_others() {
    let mut prefixes = Prefixes::new(1, 8);
    for round in 0..2_000 {
        hit(&mut prefixes, b"home:1");
        hit(&mut prefixes, b"user:1");
        for n in 0..4 {
            hit(&mut prefixes, format!("session-{round}-{n}:x").as_bytes());
        }
    }
    assert_eq!(
        (hits(&prefixes, b"home"), hits(&prefixes, b"user")),
        (Some(2_000), Some(2_000))
    );
    assert_eq!(prefixes.by_reads()[..2], [b"home", b"user"]);
}

#[test]
fn an_idle_prefix_gives_way() {
    let mut prefixes = Prefixes::new(1, 1);
    let old = hit(&mut prefixes, b"user:1");
    for _ in 0..1_000 {
        prefixes.resolve(old, b"user:1");
    }
    let attempts = (0..1_000)
        .take_while(|_| hit(&mut prefixes, b"page:1") == Slot::NONE)
        .count();
    assert_eq!(attempts, usize::from(u8::MAX));
    assert_eq!(
        (hits(&prefixes, b"user"), hits(&prefixes, b"page")),
        (None, Some(1))
    );
    assert_eq!(prefixes.other().hits, 256);
    assert_ne!(prefixes.resolve(old, b"user:1"), old);
}

#[test]
fn changed_settings_begin_a_new_table() {
    for (depth, capacity) in [(2, 4), (1, 8), (1, 2), (1, 0)] {
        let mut prefixes = Prefixes::new(1, 4);
        let old = hit(&mut prefixes, b"user:1:name");
        prefixes.configure(1, 4);
        assert_eq!(prefixes.resolve(old, b"user:1:name"), old);

        prefixes.configure(depth, capacity);
        assert_eq!(prefixes.other().hits, 1);
        assert!(prefixes.by_reads().is_empty());
        assert_ne!(prefixes.resolve(old, b"user:1:name"), old);
    }
}

#[test]
fn a_slot_outlives_the_wrap_of_its_generation() {
    let mut prefixes = Prefixes::new(1, 4);
    let old = hit(&mut prefixes, b"user:1");
    for _ in 0..=u16::MAX {
        prefixes.reset();
    }
    prefixes.at(old).hits += 1;
    assert_eq!(prefixes.other().hits, 1);
}

#[test]
fn capacity_is_bounded_so_that_none_stays_none() {
    let prefixes = Prefixes::new(1, u16::MAX);
    assert_eq!(prefixes.capacity, u16::MAX - 1);
}

#[test]
fn prefixes_are_listed_by_reads_then_by_name() {
    let mut prefixes = Prefixes::new(1, 8);
    for key in [&b"b:1"[..], b"c:1", b"a:1", b"c:1"] {
        hit(&mut prefixes, key);
    }
    assert_eq!(prefixes.by_reads(), [b"c", b"a", b"b"]);
}

#[test]
fn memory_of_a_row_is_as_documented() {
    assert_eq!(size_of::<Slot>(), 4);
    assert!(size_of::<Row>() <= 1_136, "{}", size_of::<Row>());
}

#[derive(Clone, Debug)]
enum Step {
    Hit(usize),
    Configure(u32, u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let hit = (0..40_usize).prop_map(Step::Hit);
    let configure = (0..3_u32, 0..6_u16).prop_map(|(depth, rows)| Step::Configure(depth, rows));
    prop::collection::vec(prop_oneof![30 => hit, 1 => configure], 0..400)
}

proptest! {
    /// Every hit is in exactly one row, and a row has hits of its own prefix only.
    #[test]
    fn rows_add_up(steps in steps()) {
        let keys: Vec<_> = (0..40).map(|n| format!("p{}:{}", n % 20, n)).collect();
        let mut slots = vec![Slot::NONE; keys.len()];
        let mut prefixes = Prefixes::new(1, 4);
        let mut counted = 0;
        for step in steps {
            match step {
                Step::Configure(depth, rows) => prefixes.configure(depth, rows),
                Step::Hit(n) => {
                    slots[n] = prefixes.resolve(slots[n], keys[n].as_bytes());
                    prefixes.at(slots[n]).hits += 1;
                    counted += 1;
                    let row = &prefixes.rows[usize::from(prefixes.current(slots[n]).unwrap_or(OTHER))];
                    let own = prefix_of(keys[n].as_bytes(), prefixes.depth).expect("short keys");
                    prop_assert!(slots[n] == Slot::NONE || prefixes.capacity == 0 || *row.prefix == *own);
                }
            }
            let listed = prefixes.by_reads();
            prop_assert!(listed.len() <= usize::from(prefixes.capacity));
            prop_assert_eq!(prefixes.by_prefix.len(), listed.len());
            let rows = listed.iter().filter_map(|prefix| hits(&prefixes, prefix)).sum::<u64>();
            prop_assert_eq!(rows + prefixes.other().hits, counted);
        }
    }
}
