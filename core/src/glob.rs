//! Patterns as Redis has them in `SCAN MATCH`: `*`, `?`, `[abc]`, `[a-z]`, `[^a]`, and `\` before a
//! character that is meant as it is. Over bytes, case-sensitive.

/// Whether the whole of `text` matches `pattern`.
///
/// Goes back to the last `*` only, which suffices for globs; so it takes time in proportion to the
/// product of the lengths at worst, never more.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    // Where to go on if this way fails: behind the last star, which then swallows one byte more.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            retry = Some((at, read));
            continue;
        }
        let step = match (pattern.get(at), text.get(read)) {
            (None, None) => return true,
            (Some(_), Some(byte)) => one(&pattern[at..], *byte),
            _ => None,
        };
        match (step, retry) {
            (Some(used), _) => {
                at += used;
                read += 1;
            }
            (None, Some((star, from))) if from < text.len() => {
                at = star;
                read = from + 1;
                retry = Some((star, read));
            }
            (None, _) => return false,
        }
    }
}

/// If the first element of `pattern`, which is no star, matches `byte`: its length.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', rest @ ..] => {
            let (matched, used) = class(rest, byte);
            matched.then_some(used + 1)
        }
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [literal, ..] => (*literal == byte).then_some(1),
        [] => None,
    }
}

/// A class behind its `[`: whether `byte` is in it, and its length. One that is not closed ends
/// with the pattern.
fn class(body: &[u8], byte: u8) -> (bool, usize) {
    let negated = body.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut found = false;
    loop {
        match &body[at..] {
            [] => return (found != negated, at),
            [b']', ..] => return (found != negated, at + 1),
            [b'\\', escaped, ..] => {
                found |= *escaped == byte;
                at += 2;
            }
            [from, b'-', to, ..] => {
                let (from, to) = (from.min(to), from.max(to));
                found |= (from..=to).contains(&&byte);
                at += 3;
            }
            [literal, ..] => {
                found |= *literal == byte;
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_of_redis() {
        let rows = [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbb", false),
            ("*a*b*", "xxaxxbxx", true),
            ("**a", "a", true),
            ("?", "", false),
            ("h?llo", "hello", true),
            ("h[ae]llo", "hallo", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("h[c-a]llo", "hbllo", true),
            ("h[a-c]llo", "hdllo", false),
            ("[\\]]", "]", true),
            ("[a", "a", true),
            ("[^a", "a", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("\\", "\\", true),
            ("user:*:tag", "user:1:x:tag", true),
            ("A", "a", false),
        ];
        for (pattern, text, expected) in rows {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern:?} on {text:?}"
            );
        }
        assert!(
            matches(b"\xff?\x00", b"\xff\xfe\x00"),
            "bytes that are no text"
        );
    }

    #[test]
    fn many_stars_do_not_blow_up() {
        let pattern = b"*a".repeat(50);
        let text = [b"a".repeat(5_000), b"b".to_vec()].concat();
        assert!(!matches(&pattern, &text));
    }
}
