//! What can go wrong, and what a client is told about it.

use std::fmt;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// Why a request, or the start of the shop, failed. The cache is not among the reasons.
#[derive(Debug)]
pub enum Failure {
    /// There is no such product.
    NotFound,
    /// The product has changed since the client read it.
    Conflict,
    /// The request makes no sense; this is why.
    Invalid(String),
    /// The database failed.
    Database(rusqlite::Error),
    /// Redis could not be told something that nobody but Redis can do.
    Cache(String),
    /// The machine refused something.
    Machine(String),
}

impl Failure {
    pub(crate) fn machine(what: impl fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::Machine(format!("{what}: {error}"))
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Cache(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Database(_) | Self::Machine(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no such product"),
            Self::Conflict => f.write_str("the product has changed meanwhile"),
            Self::Invalid(why) | Self::Cache(why) | Self::Machine(why) => f.write_str(why),
            Self::Database(error) => write!(f, "the database: {error}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Machine(error.to_string())
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<larder_client::Error> for Failure {
    fn from(error: larder_client::Error) -> Self {
        Self::Cache(error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let told = serde_json::json!({ "error": self.to_string() });
        (self.status(), Json(told)).into_response()
    }
}
