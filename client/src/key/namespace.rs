//! What the keys and tags of one application begin with.

/// A prefix of keys and tags; without one, they are as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Namespace {
    /// With the separator; empty if there is none.
    prefix: String,
}

impl Namespace {
    pub(crate) fn new(name: &str) -> Self {
        let prefix = if name.is_empty() {
            String::new()
        } else {
            format!("{name}:")
        };
        Self { prefix }
    }

    /// The key in Redis for what the application calls `key`.
    pub(crate) fn key(&self, key: &str) -> String {
        [&self.prefix, key].concat()
    }

    /// The tag in Redis for what the application calls `tag`.
    pub(crate) fn tag(&self, tag: &str) -> String {
        [&self.prefix, tag].concat()
    }

    /// A pattern for `SCAN MATCH` that matches the keys which begin with `prefix`, and no others.
    pub(crate) fn glob(&self, prefix: &str) -> String {
        let mut pattern = String::with_capacity(self.prefix.len() + prefix.len() + 1);
        for character in self.prefix.chars().chain(prefix.chars()) {
            // `]`, `^` and `-` mean something within brackets only, and none are open here.
            if matches!(character, '*' | '?' | '[' | '\\') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern.push('*');
        pattern
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What `stringmatchlen` in Redis's `util.c` does with a pattern that has no classes and only
    /// unescaped stars at its end. An unescaped `?` or `[` would be no such pattern.
    fn matches(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([b'*'], _) => true,
            ([b'*' | b'?' | b'[', ..], _) => panic!("not escaped: {pattern:?}"),
            ([b'\\', literal, rest @ ..] | [literal, rest @ ..], [first, text @ ..]) => {
                literal == first && matches(rest, text)
            }
            _ => false,
        }
    }

    fn hard() -> impl Strategy<Value = String> {
        prop_oneof![r"[*?\[\]\\^a-]{0,6}", any::<String>()]
    }

    #[test]
    fn keys_and_tags_are_prefixed() {
        let shop = Namespace::new("shop");
        assert_eq!(
            (shop.key("user:1").as_str(), shop.tag("users").as_str()),
            ("shop:user:1", "shop:users")
        );
    }

    #[test]
    fn without_a_name_they_are_as_they_are() {
        let none = Namespace::new("");
        assert_eq!(
            (none.key("user:1").as_str(), none.tag("users").as_str()),
            ("user:1", "users")
        );
        assert_eq!(none.glob(""), "*");
    }

    #[test]
    fn a_pattern_takes_every_character_literally() {
        assert_eq!(Namespace::new("a*").glob(r"b[1-2]?\"), r"a\*:b\[1-2]\?\\*");
    }

    proptest! {
        #[test]
        fn a_pattern_matches_the_keys_with_the_prefix(name in hard(), prefix in hard(), rest in hard()) {
            let namespace = Namespace::new(&name);
            let pattern = namespace.glob(&prefix);
            prop_assert!(matches(pattern.as_bytes(), namespace.key(&(prefix + &rest)).as_bytes()));
        }

        #[test]
        fn a_pattern_matches_no_other_keys(name in hard(), prefix in hard(), other in hard()) {
            let namespace = Namespace::new(&name);
            let pattern = namespace.glob(&prefix);
            let expected = other.starts_with(&namespace.key(&prefix));
            prop_assert_eq!(matches(pattern.as_bytes(), other.as_bytes()), expected);
        }
    }
}
