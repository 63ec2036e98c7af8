use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use serde::Serialize;
use serde::ser::{Error as _, SerializeMap as _, Serializer};

use super::function::{DIGEST, LONGEST};
use super::{canonical, key_of};
use crate::error::{Error, Result};

fn text(value: impl Serialize) -> String {
    let mut out = String::new();
    canonical::write(&mut out, &value).unwrap();
    out
}

#[derive(Clone, Debug, PartialEq, Serialize)]
enum Shape {
    Unit,
    Newtype(Option<Box<Shape>>),
    Tuple(String, Option<Option<u8>>),
    Struct { b: Vec<Shape>, a: Option<String> },
    Map(BTreeMap<String, Option<Shape>>),
    Keys(BTreeMap<(bool, String), ()>),
    Float(f64),
    Nothing(Option<Option<Option<()>>>),
}

#[derive(Serialize)]
struct Newtype<T>(T);

#[derive(Serialize)]
struct Marker;

#[derive(Serialize)]
struct Point {
    y: i32,
    x: i32,
}

/// These are in use: a change of any of them makes all that is stored unreachable.
#[test]
fn golden_keys() {
    assert_eq!(
        key_of("shop::price", 1, &()).unwrap(),
        "f:shop::price:v1:()"
    );
    assert_eq!(
        key_of("shop::price", 2, &(7, "EUR")).unwrap(),
        r#"f:shop::price:v2:[7,"EUR"]"#
    );
    assert_eq!(
        key_of("shop::price", 1, &("x".repeat(300),)).unwrap(),
        "f:shop::price:v1:4bea428154f2f50757761cd9f0789eb7c1ee4408d4aaab5bf801dddcf23ea13e"
    );
}

#[test]
fn golden_texts() {
    assert_eq!(
        text((true, 'é', "a\"\\\n/")),
        r#"[true,"é","a\"\\\u000a/"]"#
    );
    assert_eq!(
        text((u128::MAX, i128::MIN, -1i8)),
        format!("[{},{},-1]", u128::MAX, i128::MIN)
    );
    assert_eq!(text((None::<u8>, Some(1), (), Marker)), "[null,1,(),()]");
    assert_eq!(text(Point { y: 2, x: 1 }), r#"{"x":1,"y":2}"#);
    assert_eq!(text(Newtype(Newtype("in"))), r#""in""#);
    assert_eq!(
        text(BTreeMap::from([(10, 'a'), (9, 'b')])),
        r#"{10:"a",9:"b"}"#
    );
    assert_eq!(text([Vec::<u8>::new(), vec![1]]), "[[],[1]]");
    assert_eq!(text(Bytes(&[0, 255])), "h'00ff'");
    assert_eq!(text(HashMap::<u8, u8>::new()), "{}");
}

#[test]
fn golden_variants() {
    assert_eq!(text(Shape::Unit), r#""Unit""#);
    assert_eq!(text(Shape::Newtype(None)), r#"{"Newtype":null}"#);
    assert_eq!(
        text(Shape::Tuple("t".into(), Some(None))),
        r#"{"Tuple":["t",some(null)]}"#
    );
    assert_eq!(
        text(Shape::Struct { b: vec![], a: None }),
        r#"{"Struct":{"a":null,"b":[]}}"#
    );
}

#[test]
fn golden_floats() {
    let floats = [1.0, -0.0, 0.1, 1e-5, 9.99e-6, 1e15, 1e16, f64::MAX, 5e-324];
    assert_eq!(
        text(floats),
        "[1.0,-0.0,0.1,0.00001,9.99e-6,1000000000000000.0,1e16,1.7976931348623157e308,5e-324]"
    );
    assert_eq!(
        text([f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
        "[NaN,NaN,Infinity,-Infinity]"
    );
    assert_eq!(
        text((0.1f32, 16_777_216f32, f32::MAX)),
        "[0.1,16777216.0,3.4028235e38]"
    );
}

#[test]
fn options_of_options_are_told_apart() {
    let all: [Option<Option<Option<()>>>; 4] =
        [None, Some(None), Some(Some(None)), Some(Some(Some(())))];
    assert_eq!(
        all.map(text),
        ["null", "some(null)", "some(some(null))", "()"]
    );
}

#[test]
fn numbers_of_json_are_told_apart() {
    let values = serde_json::json!([1, 1.0, "1", null, "null", [], {}, [null], [[]]]);
    assert_eq!(text(values), r#"[1,1.0,"1",(),"null",[],{},[()],[[]]]"#);
}

#[test]
fn the_order_of_a_json_object_does_not_matter() {
    let one: serde_json::Value = serde_json::from_str(r#"{"a":{"y":1,"x":2},"b":0}"#).unwrap();
    let other: serde_json::Value = serde_json::from_str(r#"{"b":0,"a":{"x":2,"y":1}}"#).unwrap();
    assert_eq!(text(&one), r#"{"a":{"x":2,"y":1},"b":0}"#);
    assert_eq!(text(one), text(other));
}

#[test]
fn a_key_that_comes_twice_keeps_the_order_of_its_values() {
    let pairs = |values: [u8; 2]| Pairs([("b", 0), ("a", values[0]), ("a", values[1])]);
    assert_eq!(text(pairs([2, 1])), r#"{"a":2,"a":1,"b":0}"#);
    assert_eq!(text(pairs([1, 2])), r#"{"a":1,"a":2,"b":0}"#);
}

#[test]
fn only_what_is_too_long_is_hashed() {
    let length = |arguments: usize| key_of("p", 1, &"x".repeat(arguments - 2)).unwrap().len();
    let prefix = "f:p:v1:".len();
    assert_eq!(length(LONGEST - prefix), LONGEST);
    assert_eq!(length(LONGEST - prefix + 1), prefix + DIGEST);

    let path = "p".repeat(300);
    assert_eq!(
        key_of(&path, 1, &1).unwrap(),
        format!("f:{path}:v1:1"),
        "a digest would be longer"
    );
}

#[test]
fn versions_and_paths_have_keys_of_their_own() {
    let long = "x".repeat(300);
    for arguments in ["", &long] {
        let keys = [("a", 1), ("a", 2), ("b", 1)]
            .map(|(path, version)| key_of(path, version, arguments).unwrap());
        assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2]);
    }
}

#[test]
fn what_refuses_to_be_serialized_has_no_key() {
    struct Refusing;
    impl Serialize for Refusing {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom("the lock is poisoned"))
        }
    }
    let error = key_of("p", 1, &[Some(Refusing)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no key can be made of these arguments: the lock is poisoned"
    );
}

#[test]
fn a_value_without_a_key_is_refused() {
    struct Broken;
    impl Serialize for Broken {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            map.serialize_value(&1)?;
            map.end()
        }
    }
    assert!(matches!(key_of("p", 1, &Broken), Err(Error::Key(_))));
}

struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// A map in the order in which it is given.
struct Pairs<const N: usize>([(&'static str, u8); N]);

impl<const N: usize> Serialize for Pairs<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pairs = self.0.iter().map(|(key, value)| (key, value));
        serializer.collect_map(pairs)
    }
}

/// Few of them, and the characters of the notation: so that collisions come up if there are any.
fn string() -> impl Strategy<Value = String> {
    let hard = [
        "",
        "a",
        "b",
        "null",
        "some(null)",
        "()",
        "\"",
        "\\",
        ",",
        "[",
        "]}",
        "\":",
        "\u{0}",
        "é",
    ];
    prop_oneof![
        prop::sample::select(hard.to_vec()).prop_map(str::to_owned),
        any::<String>()
    ]
}

fn float() -> impl Strategy<Value = f64> {
    let hard = [
        0.0,
        -0.0,
        1.0,
        10.0,
        0.1,
        1e15,
        1e16,
        1e-5,
        f64::MAX,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    prop_oneof![prop::sample::select(hard.to_vec()), any::<f64>()]
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Unit),
        float().prop_map(Shape::Float),
        any::<Option<Option<Option<()>>>>().prop_map(Shape::Nothing),
        (string(), any::<Option<Option<u8>>>())
            .prop_map(|(text, number)| Shape::Tuple(text, number)),
        prop::collection::btree_map((any::<bool>(), string()), Just(()), 0..3)
            .prop_map(Shape::Keys),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::option::of(inner.clone()).prop_map(|shape| Shape::Newtype(shape.map(Box::new))),
            (
                prop::collection::vec(inner.clone(), 0..3),
                prop::option::of(string())
            )
                .prop_map(|(b, a)| Shape::Struct { b, a }),
            prop::collection::btree_map(string(), prop::option::of(inner), 0..3)
                .prop_map(Shape::Map),
        ]
    })
}

/// As `==`, but `0.0` is not `-0.0`.
fn same(one: &Shape, other: &Shape) -> bool {
    format!("{one:?}") == format!("{other:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_same_arguments_make_the_same_key_and_others_another(one in shape(), other in shape()) {
        prop_assert_eq!(text(&one), text(one.clone()));
        prop_assert_eq!(text(&one) == text(&other), same(&one, &other));
        prop_assert_eq!(
            key_of("p", 1, &(&one, 1)).unwrap() == key_of("p", 1, &(&other, 1)).unwrap(),
            same(&one, &other)
        );
    }

    #[test]
    fn arguments_do_not_run_into_one_another(one in [string(), string()], other in [string(), string()]) {
        prop_assert_eq!(text(&one) == text(&other), one == other);
    }

    #[test]
    fn floats_are_told_apart_and_read_back(one in float(), other in float()) {
        prop_assert_eq!(text(one) == text(other), one.to_bits() == other.to_bits());
        prop_assert_eq!(text(one).replace("Infinity", "inf").parse::<f64>().unwrap().to_bits(), one.to_bits());
    }

    #[test]
    fn narrow_floats_are_told_apart_and_read_back(one in any::<f32>(), other in any::<f32>()) {
        prop_assert_eq!(text(one) == text(other), one.to_bits() == other.to_bits());
        prop_assert_eq!(text(one).parse::<f32>().unwrap().to_bits(), one.to_bits());
    }

    #[test]
    fn the_order_of_a_hash_map_does_not_matter(entries in prop::collection::btree_map(string(), shape(), 0..8)) {
        let shuffled: HashMap<_, _> = entries.clone().into_iter().collect();
        prop_assert_eq!(text(shuffled), text(entries));
    }

    #[test]
    fn strings_are_json(string in string()) {
        prop_assert_eq!(serde_json::from_str::<String>(&text(&string)).unwrap(), string);
    }

    #[test]
    fn what_json_can_say_is_json(map in prop::collection::hash_map(string(), (any::<i64>(), any::<Option<bool>>()), 0..5)) {
        let read: serde_json::Value = serde_json::from_str(&text(&map)).unwrap();
        prop_assert_eq!(read, serde_json::to_value(map).unwrap());
    }
}
