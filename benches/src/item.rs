//! What is cached: pages of a shop.

/// An entry to be stored, with a key of 17 bytes.
pub(crate) struct Item<'a> {
    pub(crate) key: String,
    pub(crate) value: &'a [u8],
    pub(crate) tags: Vec<String>,
}

/// How many tags there are of each of the three kinds.
const TAGS: usize = 1_000;

/// Values live for an hour, longer than any measurement.
pub(crate) const TTL_S: &str = "3600";

impl<'a> Item<'a> {
    /// Page `n`, with three of 3,000 tags.
    pub(crate) fn tagged(n: usize, value: &'a [u8]) -> Self {
        let tags = vec![
            format!("brand:{:03}", n % TAGS),
            format!("shelf:{:03}", n / 7 % TAGS),
            format!("store:{:03}", n / 49 % TAGS),
        ];
        Self {
            key: key(n),
            value,
            tags,
        }
    }

    pub(crate) fn untagged(n: usize, value: &'a [u8]) -> Self {
        Self::under(&[], n, value)
    }

    /// Page `n` with exactly these tags.
    pub(crate) fn under(tags: &[&str], n: usize, value: &'a [u8]) -> Self {
        Self {
            key: key(n),
            value,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        }
    }
}

fn key(n: usize) -> String {
    format!("page:{n:012}")
}

/// A value of so many bytes.
pub(crate) fn value(bytes: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(bytes).collect()
}
