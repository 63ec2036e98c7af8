//! Random callers who come, wait and go, compared with a plain list of them.

#![allow(clippy::expect_used)]

#[path = "properties/waiting.rs"]
mod property;
#[path = "properties/seeds.rs"]
mod seeds;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agree_with_a_plain_list(ops in proptest::collection::vec(any::<[u8; 3]>(), 1..60)) {
        property::check(&ops.concat());
    }
}

#[test]
fn agree_with_it_on_what_the_fuzzer_starts_from() {
    seeds::each("waiting", property::check);
}
