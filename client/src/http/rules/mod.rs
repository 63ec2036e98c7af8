//! What HTTP says about caching, as pure functions: messages and the time go in, decisions come out.
//!
//! | file | about | where it is written |
//! | --- | --- | --- |
//! | `directives` | `Cache-Control`, `CDN-Cache-Control`, `Pragma` | RFC 9111 §5.2, RFC 9213 |
//! | `date` | dates in header fields | RFC 9110 §5.6.7 |
//! | `freshness` | how old a response is, and how old it may become | RFC 9111 §4.2 |
//! | `storing` | what may be stored, and which fields of it | RFC 9111 §3 |
//! | `reuse` | what may be answered with what is stored | RFC 9111 §4, RFC 5861 |
//! | `validation` | conditional requests, received and sent | RFC 9111 §4.3, RFC 9110 §13 |
//! | `range` | parts of a stored response | RFC 9110 §14 |
//! | `vary` | which requests a response is an answer to | RFC 9111 §4.1 |

pub(crate) mod date;
pub(crate) mod directives;
pub(crate) mod freshness;
pub(crate) mod range;
pub(crate) mod reuse;
pub(crate) mod storing;
pub(crate) mod validation;
pub(crate) mod vary;
