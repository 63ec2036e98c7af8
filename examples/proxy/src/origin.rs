//! The origin, as a service that the layer can be put before.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue, VIA};
use hyper::http::uri::Authority;
use hyper::{Error as BodyError, Request, Response, Uri, Version};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use tower_service::Service;

use crate::hop_by_hop;

/// The body of a request: that of the client, or an empty one where the cache asks by itself.
pub(crate) type Sent = UnsyncBoxBody<Bytes, BodyError>;

/// Connections to one origin.
#[derive(Clone)]
pub(crate) struct Origin {
    client: Client<HttpConnector, Sent>,
    address: Uri,
}

impl Origin {
    pub(crate) fn new(address: Uri) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            address,
        }
    }
}

impl Service<Request<Sent>> for Origin {
    type Response = Response<Incoming>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Sent>) -> Self::Future {
        hop_by_hop::strip(request.headers_mut(), &[]);
        request
            .headers_mut()
            .append(VIA, HeaderValue::from_static("1.1 larder"));
        *request.version_mut() = Version::HTTP_11;
        redirect(&mut request, &self.address);
        let response = self.client.request(request);
        Box::pin(async move {
            let mut response = response.await?;
            hop_by_hop::strip(response.headers_mut(), &[]);
            // That of the origin is for its own connection.
            *response.version_mut() = Version::HTTP_11;
            Ok(response)
        })
    }
}

/// Points a request at the origin. The origin is told the host that the client has asked for, if there
/// is one: clients of HTTP/1.0 need not name any.
fn redirect(request: &mut Request<Sent>, origin: &Uri) {
    if !request.headers().contains_key(HOST) {
        let host = origin.authority().map(Authority::as_str);
        if let Some(host) = host.and_then(|host| HeaderValue::from_str(host).ok()) {
            request.headers_mut().insert(HOST, host);
        }
    }
    let mut parts = origin.clone().into_parts();
    parts.path_and_query = request.uri().path_and_query().cloned();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}
