use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
    friends: Vec<Friend>,
    balance: Option<i64>,
    notes: BTreeMap<String, bool>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Friend {
    Nobody,
    Known(u64),
    Called { name: String },
}

fn user() -> impl Strategy<Value = User> {
    let friend = prop_oneof![
        Just(Friend::Nobody),
        any::<u64>().prop_map(Friend::Known),
        any::<String>().prop_map(|name| Friend::Called { name }),
    ];
    (
        any::<u64>(),
        any::<String>(),
        prop::collection::vec(friend, 0..20),
        any::<Option<i64>>(),
        prop::collection::btree_map(any::<String>(), any::<bool>(), 0..5),
    )
        .prop_map(|(id, name, friends, balance, notes)| User {
            id,
            name,
            friends,
            balance,
            notes,
        })
}

/// Every way to write a value that is compiled in.
fn encodings() -> Vec<Encoding> {
    let codecs = [
        Codec::Json,
        #[cfg(feature = "msgpack")]
        Codec::MessagePack,
    ];
    let plain = codecs.map(|codec| Encoding {
        codec,
        #[cfg(feature = "lz4")]
        compress_above: None,
    });
    #[cfg(feature = "lz4")]
    let compressed = plain.map(|plain| Encoding {
        compress_above: Some(0),
        ..plain
    });
    #[cfg(not(feature = "lz4"))]
    let compressed = [];
    plain.into_iter().chain(compressed).collect()
}

fn json(value: &(impl Serialize + ?Sized)) -> Encoded {
    value.encode(Encoding::default()).unwrap()
}

fn decode<T: Decode>(stored: &[u8]) -> Result<T> {
    T::decode(Bytes::copy_from_slice(stored))
}

fn complaint<T: Decode + std::fmt::Debug>(stored: &[u8]) -> String {
    let error = decode::<T>(stored).unwrap_err();
    assert!(matches!(error, Error::Decode(_)), "{error:?}");
    error.to_string()
}

#[test]
fn json_is_stored_as_it_is() {
    let friend = Friend::Called {
        name: "Zoë".into()
    };
    assert_eq!(
        &json(&friend).bytes[..],
        r#"{"Called":{"name":"Zoë"}}"#.as_bytes()
    );
    assert_eq!(&json("text").bytes[..], br#""text""#);
    assert_eq!(
        decode::<[u8; 3]>(b" \n[1, 2,\t3] ").unwrap(),
        [1, 2, 3],
        "written by hand"
    );
}

#[test]
fn unsized_values_can_be_stored() {
    assert_eq!(&json(&[1, 2][..]).bytes[..], b"[1,2]");
}

#[test]
fn raw_bytes_are_neither_encoded_nor_looked_at() {
    for bytes in [&b""[..], b"null", b"\x01", b"\x02\xff", b"\x08", b"{"] {
        for encoding in encodings() {
            let encoded = Raw(Bytes::copy_from_slice(bytes)).encode(encoding).unwrap();
            assert!(encoded.bytes == bytes && !encoded.is_none);
        }
        assert_eq!(decode::<Raw>(bytes).unwrap().0, bytes);
    }
}

#[test]
fn none_is_recognised_in_every_form() {
    for encoding in encodings() {
        let is_none = |value: &dyn Fn() -> Result<Encoded>| value().unwrap().is_none;
        assert!(is_none(&|| None::<User>.encode(encoding)), "{encoding:?}");
        assert!(
            is_none(&|| Some(None::<u8>).encode(encoding)),
            "{encoding:?}"
        );
        assert!(!is_none(&|| Some(0).encode(encoding)), "{encoding:?}");
        assert!(!is_none(&|| "null".encode(encoding)), "{encoding:?}");
        assert!(!is_none(&|| [None::<u8>].encode(encoding)), "{encoding:?}");
    }
}

#[test]
fn an_option_of_an_option_loses_its_outer_layer() {
    for encoding in encodings() {
        let stored = Some(None::<u8>).encode(encoding).unwrap().bytes;
        assert_eq!(Option::<Option<u8>>::decode(stored).unwrap(), None);
    }
}

#[test]
fn json_has_no_nan() {
    let stored = json(&f64::NAN);
    assert!(stored.bytes == "null" && stored.is_none);
    assert!(f64::decode(stored.bytes).is_err());
}

#[test]
fn what_json_cannot_say_is_an_error() {
    let error = BTreeMap::from([((1, 2), 3)])
        .encode(Encoding::default())
        .unwrap_err();
    assert!(matches!(error, Error::Encode(_)), "{error:?}");
}

#[test]
fn what_is_no_value_is_an_error() {
    complaint::<User>(b"");
    complaint::<User>(b"[]");
    complaint::<u8>(b"1 2");
    complaint::<u8>(b"256");
    assert!(complaint::<User>(b"{").contains("EOF"));
}

#[test]
fn a_form_of_a_later_version_is_said_to_be_one() {
    for first in 0x04..=0x08 {
        assert!(complaint::<u8>(&[first, b'1']).contains("later version"));
    }
}

#[cfg(not(feature = "msgpack"))]
#[test]
fn the_missing_feature_is_named_for_messagepack() {
    assert!(complaint::<u8>(&[MESSAGE_PACK, 1]).contains("`msgpack`"));
}

#[cfg(not(feature = "lz4"))]
#[test]
fn the_missing_feature_is_named_for_compression() {
    assert!(complaint::<u8>(&[LZ4_JSON, 1, 0, 0, 0, 0x10, b'1']).contains("`lz4`"));
    assert!(complaint::<u8>(&[LZ4_MESSAGE_PACK]).contains("`lz4`"));
}

#[cfg(feature = "msgpack")]
mod msgpack {
    use super::*;

    pub(super) const ENCODING: Encoding = Encoding {
        codec: Codec::MessagePack,
        #[cfg(feature = "lz4")]
        compress_above: None,
    };

    #[test]
    fn golden_bytes() {
        let friend = Friend::Called { name: "Zoe".into() };
        let stored = friend.encode(ENCODING).unwrap();
        assert_eq!(&stored.bytes[..], b"\x01\x81\xa6Called\x81\xa4name\xa3Zoe");
        assert_eq!(&None::<u8>.encode(ENCODING).unwrap().bytes[..], b"\x01\xc0");
    }

    #[test]
    fn a_field_can_be_added() {
        #[derive(Serialize)]
        struct Before {
            id: u8,
        }
        #[derive(Debug, PartialEq, Deserialize)]
        struct After {
            #[serde(default)]
            name: String,
            id: u8,
        }
        let stored = Before { id: 1 }.encode(ENCODING).unwrap().bytes;
        assert_eq!(
            After::decode(stored).unwrap(),
            After {
                id: 1,
                name: String::new()
            }
        );
    }

    #[test]
    fn floats_that_are_not_finite_are_kept() {
        let stored = f64::NAN.encode(ENCODING).unwrap();
        assert!(!stored.is_none && f64::decode(stored.bytes).unwrap().is_nan());
    }

    #[test]
    fn nothing_may_follow_the_value() {
        assert_eq!(decode::<u8>(b"\x01\x07").unwrap(), 7);
        assert!(complaint::<u8>(b"\x01\x07\x07").contains("after the value"));
    }

    /// Arrays of one array each. Without a limit this ends the process.
    #[test]
    fn deep_nesting_does_not_exhaust_the_stack() {
        #[derive(Debug, Deserialize)]
        struct Nested(#[expect(dead_code, reason = "only its depth matters")] Vec<Nested>);

        let mut stored = vec![0x91; 1_000_000];
        stored[0] = MESSAGE_PACK;
        assert!(complaint::<Nested>(&stored).contains("depth"));
    }
}

#[cfg(feature = "lz4")]
mod lz4 {
    use super::*;
    use crate::codec::lz4::decompressed;

    const ENCODING: Encoding = Encoding {
        codec: Codec::Json,
        compress_above: Some(16),
    };

    /// Two literals, a match of 94 bytes one byte back, six literals. A later compressor may find
    /// something else, but this has to be understood for ever.
    #[test]
    fn golden_bytes() {
        let golden = b"\x02\x66\0\0\0\x2f\"a\x01\0\x4b\x60aaaaa\"";
        let text = "a".repeat(100);
        assert_eq!(decode::<String>(golden).unwrap(), text);
        assert_eq!(text.encode(ENCODING).unwrap().bytes[..5], golden[..5]);
    }

    #[cfg(feature = "msgpack")]
    #[test]
    fn golden_bytes_of_messagepack() {
        let golden = b"\x03\x66\0\0\0\x3f\xd9\x64a\x01\0\x4a\x60aaaaaa";
        let text = "a".repeat(100);
        assert_eq!(decode::<String>(golden).unwrap(), text);
        let encoding = Encoding {
            compress_above: Some(16),
            ..msgpack::ENCODING
        };
        assert_eq!(text.encode(encoding).unwrap().bytes[..5], golden[..5]);
    }

    #[test]
    fn only_what_is_longer_than_the_limit_is_compressed() {
        let stored = |letters: usize| {
            "a".repeat(letters).encode(Encoding {
                compress_above: Some(102),
                ..ENCODING
            })
        };
        assert_eq!(stored(100).unwrap().bytes[0], b'"');
        assert_eq!(stored(101).unwrap().bytes[0], LZ4_JSON);
    }

    #[test]
    fn what_would_not_get_smaller_stays_as_it_is() {
        let text = "The quick brown fox jumps";
        assert_eq!(text.encode(ENCODING).unwrap().bytes, format!("\"{text}\""));
    }

    #[test]
    fn the_densest_block_is_accepted() {
        let zeros = " ".repeat(10_000_000);
        let stored = zeros.encode(ENCODING).unwrap().bytes;
        assert!(zeros.len() / stored.len() >= 254);
        assert!(String::decode(stored).unwrap() == zeros);
    }

    #[test]
    fn a_claim_beyond_what_the_bytes_can_stand_for_is_refused() {
        let claiming = |length: u32, block: usize| {
            let bytes = [length.to_le_bytes().as_slice(), &vec![0; block]].concat();
            decompressed(&bytes).unwrap_err().to_string()
        };
        assert!(claiming(u32::MAX, 10).contains("impossible length"));
        assert!(claiming(2_551, 10).contains("impossible length"));
        assert!(!claiming(2_550, 10).contains("impossible length"));
    }

    #[test]
    fn a_false_length_is_noticed() {
        let stored = "a".repeat(100).encode(ENCODING).unwrap().bytes;
        for length in [101u32, 103] {
            let mut other = stored.to_vec();
            other[1..5].copy_from_slice(&length.to_le_bytes());
            complaint::<String>(&other);
        }
    }

    #[test]
    fn every_cut_is_noticed() {
        let stored = "a".repeat(100).encode(ENCODING).unwrap().bytes;
        for end in 1..stored.len() {
            complaint::<String>(&stored[..end]);
        }
    }

    proptest! {
        #[test]
        fn any_block_is_survived(claim in 0..10_000u32, block in prop::collection::vec(any::<u8>(), 0..200)) {
            let bytes = [claim.to_le_bytes().as_slice(), &block].concat();
            if let Ok(data) = decompressed(&bytes) {
                prop_assert_eq!(data.len(), claim as usize);
            }
        }
    }
}

proptest! {
    #[test]
    fn values_come_back_whole(user in user()) {
        for encoding in encodings() {
            let stored = user.encode(encoding).unwrap();
            prop_assert!(!stored.is_none);
            prop_assert_eq!(User::decode(stored.bytes).unwrap(), user.clone());
        }
    }

    #[test]
    fn any_bytes_are_survived(first in 0..12u8, rest in prop::collection::vec(any::<u8>(), 0..200)) {
        let stored = Bytes::from([&[first], rest.as_slice()].concat());
        let _ = User::decode(stored.clone());
        let _ = serde_json::Value::decode(stored.clone());
        let _ = BTreeMap::<String, Vec<Option<Friend>>>::decode(stored);
    }

    #[test]
    fn a_flipped_byte_is_survived(user in user(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        for encoding in encodings() {
            let mut stored = user.encode(encoding).unwrap().bytes.to_vec();
            let at = at.index(stored.len());
            stored[at] = to;
            let _ = User::decode(stored.into());
        }
    }
}
proptest! {
    #[test]
    fn floats_come_back_exactly(float in any::<f64>()) {
        for encoding in encodings() {
            prop_assert_eq!(f64::decode(float.encode(encoding).unwrap().bytes).unwrap(), float);
        }
    }
}
