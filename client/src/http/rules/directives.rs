//! Directives of requests and responses.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// `Cache-Control` as one response or request gives it, or `CDN-Cache-Control` in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directives {
    list: Vec<Directive>,
    is_targeted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Directive {
    name: String,
    argument: Argument,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Argument {
    Missing,
    Token(String),
    Quoted(String),
}

/// What a line means that can't be read: it may have said anything, and the second holds although
/// `must-understand` overrides the first.
const UNREADABLE: [&str; 2] = ["no-store", "private"];

/// The largest number of seconds that is told apart: RFC 9111 §1.2.2 allows 2^31.
pub(crate) const MOST: u64 = 1 << 31;

impl Directives {
    /// Those of a request. `Pragma: no-cache` counts if there is no `Cache-Control` (RFC 9111 §5.4).
    pub(crate) fn of_request(headers: &HeaderMap) -> Self {
        let directives = Self::lenient(headers, &header::CACHE_CONTROL);
        if directives.list.is_empty() && Self::lenient(headers, &header::PRAGMA).has("no-cache") {
            return Self {
                list: vec![Directive::plain("no-cache")],
                is_targeted: false,
            };
        }
        directives
    }

    /// Those of a response. The field that is meant for caches like this one goes before the general
    /// one, as a whole, if it is well-formed and says anything (RFC 9213 §2).
    pub(crate) fn of_response(headers: &HeaderMap) -> Self {
        let targeted = HeaderName::from_static("cdn-cache-control");
        Self::structured(headers, &targeted)
            .unwrap_or_else(|| Self::lenient(headers, &header::CACHE_CONTROL))
    }

    /// Whether they come from the field for caches like this one. Then `Expires` does not count either.
    pub(crate) fn are_targeted(&self) -> bool {
        self.is_targeted
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    /// Whether a directive is there, once at least, without naming fields that it is restricted to.
    pub(crate) fn has_plain(&self, name: &str) -> bool {
        self.named(name).any(|argument| argument.fields().is_none())
    }

    /// The field names that a directive is restricted to.
    pub(crate) fn fields(&self, name: &str) -> impl Iterator<Item = HeaderName> {
        self.named(name).filter_map(Argument::fields).flatten()
    }

    /// The seconds of a directive. None if it is not there; 0, which is safe, if it is there but makes
    /// no sense. Of several the shortest counts, for the same reason.
    pub(crate) fn seconds(&self, name: &str) -> Option<u64> {
        self.named(name)
            .map(|argument| argument.seconds().unwrap_or(0))
            .min()
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &Argument> {
        let named = self.list.iter().filter(move |there| there.name == name);
        named.map(|directive| &directive.argument)
    }

    /// Takes a field line by line, whatever its directives may be.
    fn lenient(headers: &HeaderMap, name: &HeaderName) -> Self {
        let lines = headers.get_all(name).iter();
        let list = lines.flat_map(|line| directives(line).unwrap_or_else(unreadable));
        Self {
            list: list.collect(),
            is_targeted: false,
        }
    }

    /// Takes a field only if it is a dictionary of Structured Fields (RFC 9651) whose members have
    /// types that fit.
    fn structured(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let lines = headers.get_all(name).iter();
        let lines: Vec<&str> = lines
            .map(|line| line.to_str().ok())
            .collect::<Option<_>>()?;
        let dictionary: sfv::Dictionary = sfv::Parser::new(&lines.join(",")).parse().ok()?;
        if dictionary.is_empty() {
            return None;
        }
        let list = dictionary.iter().map(|(key, member)| {
            Some(Directive {
                name: key.as_str().to_owned(),
                argument: item(key.as_str(), member)?,
            })
        });
        Some(Self {
            list: list.collect::<Option<_>>()?,
            is_targeted: true,
        })
    }
}

impl Directive {
    fn plain(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            argument: Argument::Missing,
        }
    }
}

impl Argument {
    /// A list of field names, all of them readable.
    fn fields(&self) -> Option<Vec<HeaderName>> {
        // What is not quoted is hardly meant as a name: `private=1`, `private=true`.
        let Self::Quoted(list) = self else {
            return None;
        };
        let names = list.split(',').map(str::trim);
        let names = names.map(|name| HeaderName::try_from(name).ok());
        names.collect()
    }

    fn seconds(&self) -> Option<u64> {
        match self {
            Self::Missing => None,
            Self::Token(text) | Self::Quoted(text) => delta_seconds(text),
        }
    }
}

/// A digit string (RFC 9111 §1.2.2), however large.
pub(crate) fn delta_seconds(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(MOST).min(MOST))
}

/// Those whose value is a number.
const NUMBERS: [&str; 4] = [
    "max-age",
    "s-maxage",
    "stale-while-revalidate",
    "stale-if-error",
];

/// The argument of a member, or none if it is of a type that this directive can't have.
fn item(name: &str, member: &sfv::ListEntry) -> Option<Argument> {
    let sfv::ListEntry::Item(item) = member else {
        return Some(Argument::Missing);
    };
    match (&item.bare_item, NUMBERS.contains(&name)) {
        (sfv::BareItem::Integer(n), _) => Some(Argument::Token(i64::from(*n).max(0).to_string())),
        (_, true) => None,
        (_, false) => Some(Argument::Missing),
    }
}

fn unreadable() -> Vec<Directive> {
    UNREADABLE.map(Directive::plain).into()
}

/// The directives of a line. None if there is anything else in it: where one of them ends is a guess then.
fn directives(line: &HeaderValue) -> Option<Vec<Directive>> {
    let members = members(line.to_str().ok()?).map(str::trim);
    let members = members.filter(|member| !member.is_empty());
    members.map(directive).collect()
}

/// What stands between commas that are not quoted.
fn members(line: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    line.split(move |letter| {
        let separates = letter == ',' && !quoted;
        if letter == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && letter == '\\' && !escaped;
        separates
    })
}

fn directive(member: &str) -> Option<Directive> {
    let (name, argument) = match member.split_once('=') {
        Some((name, argument)) => (name, argument_of(argument.trim())?),
        None => (member, Argument::Missing),
    };
    // Names of directives are tokens, as those of fields are.
    let name = HeaderName::try_from(name.trim()).ok()?.as_str().to_owned();
    Some(Directive { name, argument })
}

/// None if the quotes don't add up.
fn argument_of(text: &str) -> Option<Argument> {
    let Some(quoted) = text.strip_prefix('"') else {
        return (!text.contains('"')).then(|| Argument::Token(text.to_owned()));
    };
    let mut letters = quoted.strip_suffix('"')?.chars();
    let mut content = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => content.push(letters.next()?),
            '"' => return None,
            _ => content.push(letter),
        }
    }
    Some(Argument::Quoted(content))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn response(fields: &[(&'static str, &str)]) -> Directives {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        Directives::of_response(&headers)
    }

    fn max_age(value: &str) -> Option<u64> {
        response(&[("cache-control", value)]).seconds("max-age")
    }

    #[test]
    fn numbers_are_digits_and_what_makes_no_sense_is_nothing() {
        assert_eq!(max_age("MaX-AgE=60, ext"), Some(60));
        assert_eq!(max_age("max-age=003600"), Some(3600));
        assert_eq!(max_age("max-age=\"60\""), Some(60));
        assert_eq!(max_age("max-age=99999999999999999999999"), Some(MOST));
        for wrong in [
            "max-age=-1",
            "max-age=60.0",
            "max-age='60'",
            "max-age=a60",
            "max-age",
            "max-age= ,",
        ] {
            assert_eq!(max_age(wrong), Some(0), "{wrong}");
        }
        assert_eq!(max_age("public"), None);
    }

    #[test]
    fn what_is_quoted_is_no_directive() {
        assert_eq!(max_age(r#"extension="max-age=3600", max-age=1"#), Some(1));
        assert_eq!(
            max_age(r#"max-age=1, extension="a\", max-age=3600""#),
            Some(1)
        );
    }

    #[test]
    fn of_two_the_shorter_counts() {
        assert_eq!(max_age("max-age=60, max-age=1"), Some(1));
        assert_eq!(
            response(&[
                ("cache-control", "max-age=1"),
                ("cache-control", "max-age=60")
            ])
            .seconds("max-age"),
            Some(1)
        );
    }

    #[test]
    fn fields_can_be_named() {
        let directives = response(&[("cache-control", r#"no-cache="A, b", private"#)]);
        assert_eq!(
            directives.fields("no-cache").collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert!(directives.has("no-cache") && !directives.has_plain("no-cache"));
        assert!(directives.has_plain("private"));
    }

    #[test]
    fn a_restriction_counts_only_if_it_is_always_there_and_names_fields() {
        for lines in [
            &[r#"private="""#][..],
            &["private=1"],
            &["private=true"],
            &["private=x-user"],
            &[r#"private="x-user, a b""#],
            &["max-age=60, private", r#"private="x-user""#],
            &[r#"private="x-user", private"#],
        ] {
            let fields: Vec<_> = lines.iter().map(|line| ("cache-control", *line)).collect();
            assert!(response(&fields).has_plain("private"), "{lines:?}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_forbids_to_store() {
        for line in [
            "no-store, ext=\"\u{e9}\"",
            r#"max-age=60, a="x, private"#,
            r#"max-age=60, a="x\", private"#,
            r#"max-age=60, a=b"c, private, d="e"#,
            r#"max-age=60, a="x"y", private""#,
            r#"max-age=60, "a, private""#,
            "private; max-age=60",
        ] {
            let fields = [("cache-control", line), ("cache-control", "max-age=60")];
            let directives = response(&fields);
            assert!(directives.has("no-store"), "{line}");
            assert!(directives.has_plain("private"), "{line}");
            assert_eq!(directives.seconds("max-age"), Some(60));
            let mut request = HeaderMap::new();
            request.insert("cache-control", line.parse().unwrap());
            assert!(Directives::of_request(&request).has("no-store"), "{line}");
        }
        for line in ["", ", max-age=60 ,,", r#"a="\"", b = "c" , d="#] {
            assert!(
                !response(&[("cache-control", line)]).has("no-store"),
                "{line}"
            );
        }
    }

    #[test]
    fn the_targeted_field_goes_first_if_it_is_well_formed() {
        let general = ("cache-control", "no-store");
        let targeted = response(&[general, ("cdn-cache-control", "max-age=60")]);
        assert!(targeted.are_targeted() && !targeted.has("no-store"));
        for wrong in [
            "",
            " ",
            "max-age=60, &&&",
            "max-age=\"60\"",
            "max-age = 60",
            "MAX-AGE=60",
        ] {
            let directives = response(&[general, ("cdn-cache-control", wrong)]);
            assert!(directives.has("no-store"), "{wrong}");
            assert!(!directives.are_targeted(), "{wrong}");
        }
    }

    #[test]
    fn pragma_is_for_those_who_know_nothing_else() {
        let mut headers = HeaderMap::new();
        headers.insert("pragma", "no-cache".parse().unwrap());
        assert!(Directives::of_request(&headers).has("no-cache"));
        headers.insert("cache-control", "max-age=5".parse().unwrap());
        assert!(!Directives::of_request(&headers).has("no-cache"));
    }
}
