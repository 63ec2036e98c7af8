//! `Cache-Status` (RFC 9211): what the cache has done about a request.

use std::fmt::Write;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Why a request went to the origin, in the words of RFC 9211 §2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forward {
    /// The cache does not handle such requests, or could not be reached.
    Bypass,
    /// Its method is not cached.
    Method,
    /// Nothing is stored for the address.
    UriMiss,
    /// Nothing is stored for these fields.
    VaryMiss,
    /// The client wanted it so.
    Request,
    /// What is stored is stale.
    Stale,
}

/// What is told about one request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Report {
    pub(crate) forward: Option<Forward>,
    pub(crate) forward_status: Option<StatusCode>,
    /// Seconds it stays fresh; negative: for which it has been stale.
    pub(crate) ttl: Option<i64>,
    pub(crate) stored: bool,
    /// Whether it was answered by somebody else's request.
    pub(crate) collapsed: bool,
    pub(crate) detail: Option<&'static str>,
}

impl Report {
    pub(crate) fn forwarded(why: Forward) -> Self {
        Self {
            forward: Some(why),
            ..Self::default()
        }
    }

    /// Adds itself to what caches nearer to the origin have said.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap, name: &str) {
        if let Ok(value) = HeaderValue::try_from(self.text(name)) {
            headers.append(HeaderName::from_static("cache-status"), value);
        }
    }

    fn text(&self, name: &str) -> String {
        let mut text = name.to_owned();
        match self.forward {
            None => text.push_str("; hit"),
            Some(why) => text.push_str(match why {
                Forward::Bypass => "; fwd=bypass",
                Forward::Method => "; fwd=method",
                Forward::UriMiss => "; fwd=uri-miss",
                Forward::VaryMiss => "; fwd=vary-miss",
                Forward::Request => "; fwd=request",
                Forward::Stale => "; fwd=stale",
            }),
        }
        if let Some(status) = self.forward_status {
            let _ = write!(text, "; fwd-status={}", status.as_u16());
        }
        if let Some(ttl) = self.ttl {
            let _ = write!(text, "; ttl={ttl}");
        }
        for (flag, word) in [(self.stored, "; stored"), (self.collapsed, "; collapsed")] {
            text.push_str(if flag { word } else { "" });
        }
        if let Some(detail) = self.detail {
            let _ = write!(text, "; detail={detail}");
        }
        text
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_an_item_with_parameters() {
        let hit = Report {
            ttl: Some(-3),
            ..Report::default()
        };
        assert_eq!(hit.text("larder"), "larder; hit; ttl=-3");
        let miss = Report {
            forward_status: Some(StatusCode::OK),
            stored: true,
            ..Report::forwarded(Forward::UriMiss)
        };
        assert_eq!(
            miss.text("larder"),
            "larder; fwd=uri-miss; fwd-status=200; stored"
        );
    }
}
