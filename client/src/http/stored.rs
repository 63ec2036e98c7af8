//! The stored form of responses, in one piece with the body, so that a hit copies nothing but its
//! header fields.
//!
//! | bytes | of a response | of an index of variants |
//! | --- | --- | --- |
//! | 1 | 1 | 2 |
//! | 2 | status | number of field names |
//! | 1 | flags | - |
//! | 8 | when it was received, ms since 1970 | - |
//! | 4 each | age then, lifetime, `stale-while-revalidate`, `stale-if-error`, in s | - |
//! | 2 | number of fields | - |
//! | for each field | 2 + name, 4 + value | 2 + name |
//! | the rest | body | - |
//!
//! Numbers are little endian.

use bytes::{Buf, BufMut, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::rules::freshness::Freshness;
use super::rules::reuse::Terms;

const RESPONSE: u8 = 1;
const INDEX: u8 = 2;
const ALWAYS_VALIDATE: u8 = 1;

/// What is stored under a key.
#[derive(Clone, Debug)]
pub(crate) enum Stored {
    Response(Box<Response>),
    /// Requests are told apart by these fields: what is stored is under another key.
    Index(Vec<HeaderName>),
}

#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) terms: Terms,
    pub(crate) body: Bytes,
}

impl Stored {
    /// None if these bytes were not written by this version of this crate.
    pub(crate) fn parse(mut bytes: Bytes) -> Option<Self> {
        match bytes.try_get_u8().ok()? {
            RESPONSE => Response::parse(bytes).map(|response| Self::Response(Box::new(response))),
            INDEX => parse_names(bytes).map(Self::Index),
            _ => None,
        }
    }

    /// The names of an index; none if it is something else, which costs no more than a look.
    pub(crate) fn parse_index(bytes: &Bytes) -> Option<Vec<HeaderName>> {
        let is_index = bytes.first() == Some(&INDEX);
        is_index.then(|| parse_names(bytes.slice(1..))).flatten()
    }
}

fn parse_names(mut bytes: Bytes) -> Option<Vec<HeaderName>> {
    let count = bytes.try_get_u16_le().ok()?;
    (0..count).map(|_| name(&mut bytes)).collect()
}

impl Response {
    fn parse(mut bytes: Bytes) -> Option<Self> {
        let status = StatusCode::from_u16(bytes.try_get_u16_le().ok()?).ok()?;
        let flags = bytes.try_get_u8().ok()?;
        let received_ms = bytes.try_get_u64_le().ok()?;
        let mut seconds = || bytes.try_get_u32_le().ok().map(u64::from);
        let freshness = Freshness {
            received_ms,
            initial_age: seconds()?,
            lifetime: seconds()?,
        };
        let terms = Terms {
            freshness,
            stale_while_revalidate: seconds()?,
            stale_if_error: seconds()?,
            always_validate: flags & ALWAYS_VALIDATE != 0,
        };
        let count = bytes.try_get_u16_le().ok()?;
        let mut headers = HeaderMap::with_capacity(usize::from(count) + 2);
        for _ in 0..count {
            let name = name(&mut bytes)?;
            let length = usize::try_from(bytes.try_get_u32_le().ok()?).ok()?;
            headers.append(
                name,
                HeaderValue::from_maybe_shared(taken(&mut bytes, length)?).ok()?,
            );
        }
        Some(Self {
            status,
            headers,
            terms,
            body: bytes,
        })
    }

    /// None if a field is longer or there are more of them than the form has room for.
    pub(crate) fn encode(&self) -> Option<Bytes> {
        let mut out = Vec::with_capacity(512 + self.body.len());
        out.put_u8(RESPONSE);
        out.put_u16_le(self.status.as_u16());
        out.put_u8(if self.terms.always_validate {
            ALWAYS_VALIDATE
        } else {
            0
        });
        out.put_u64_le(self.terms.freshness.received_ms);
        let (terms, freshness) = (&self.terms, &self.terms.freshness);
        for seconds in [
            freshness.initial_age,
            freshness.lifetime,
            terms.stale_while_revalidate,
            terms.stale_if_error,
        ] {
            out.put_u32_le(u32::try_from(seconds).unwrap_or(u32::MAX));
        }
        out.put_u16_le(u16::try_from(self.headers.len()).ok()?);
        for (name, value) in &self.headers {
            put_name(&mut out, name)?;
            out.put_u32_le(u32::try_from(value.len()).ok()?);
            out.put_slice(value.as_bytes());
        }
        out.put_slice(&self.body);
        Some(Bytes::from(out))
    }
}

pub(crate) fn encode_index(names: &[HeaderName]) -> Option<Bytes> {
    let mut out = Vec::with_capacity(64);
    out.put_u8(INDEX);
    out.put_u16_le(u16::try_from(names.len()).ok()?);
    names.iter().try_for_each(|name| put_name(&mut out, name))?;
    Some(Bytes::from(out))
}

fn put_name(out: &mut Vec<u8>, name: &HeaderName) -> Option<()> {
    out.put_u16_le(u16::try_from(name.as_str().len()).ok()?);
    out.put_slice(name.as_str().as_bytes());
    Some(())
}

fn name(bytes: &mut Bytes) -> Option<HeaderName> {
    let length = usize::from(bytes.try_get_u16_le().ok()?);
    HeaderName::from_bytes(&taken(bytes, length)?).ok()
}

fn taken(bytes: &mut Bytes, length: usize) -> Option<Bytes> {
    (bytes.len() >= length).then(|| bytes.split_to(length))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn response() -> Response {
        let mut headers = HeaderMap::new();
        headers.append("a", "1".parse().unwrap());
        headers.append("set-cookie", "x=1".parse().unwrap());
        headers.append("set-cookie", "y=2".parse().unwrap());
        let freshness = Freshness {
            received_ms: 1_800_000_000_123,
            initial_age: 4,
            lifetime: 60,
        };
        let terms = Terms {
            freshness,
            stale_while_revalidate: 5,
            stale_if_error: 6,
            always_validate: true,
        };
        Response {
            status: StatusCode::NOT_FOUND,
            headers,
            terms,
            body: Bytes::from_static(b"body"),
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        let Some(Stored::Response(read)) = Stored::parse(response().encode().unwrap()) else {
            panic!("no response")
        };
        let written = response();
        assert_eq!(
            (read.status, read.headers, read.terms, read.body),
            (written.status, written.headers, written.terms, written.body)
        );
        let names: Vec<HeaderName> = vec!["accept".parse().unwrap(), "foo".parse().unwrap()];
        let Some(Stored::Index(read)) = Stored::parse(encode_index(&names).unwrap()) else {
            panic!("no index")
        };
        assert_eq!(read, names);
    }

    #[test]
    fn what_is_cut_off_or_foreign_is_nothing() {
        let whole = response().encode().unwrap();
        let head = whole.len() - 4;
        for length in 0..head {
            assert!(
                Stored::parse(whole.slice(..length)).is_none(),
                "{length} bytes"
            );
        }
        assert!(Stored::parse(Bytes::from_static(b"{\"json\":1}")).is_none());
    }
}
