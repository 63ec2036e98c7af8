//! Bodies: out of the cache, or through it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What the body of an origin's response may fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a response that has come through the cache.
pub struct CacheBody(Kind);

enum Kind {
    /// From the cache.
    Whole(Option<Bytes>),
    /// From the origin, and not stored.
    Through(UnsyncBoxBody<Bytes, BoxError>),
    /// From the origin, while it is stored.
    Copied {
        pieces: UnboundedReceiver<Piece>,
        /// What is still to come.
        size: SizeHint,
    },
}

enum Piece {
    Frame(Result<Frame<Bytes>, BoxError>),
    /// It has become too large to be stored: the rest is read as the client reads it.
    Rest(UnsyncBoxBody<Bytes, BoxError>),
    /// It is complete. A channel that just closes has lost its body on the way.
    End,
}

/// What has become of a body that was to be stored.
pub(crate) enum Copied {
    Whole(Bytes),
    TooLarge,
    Broken,
}

impl CacheBody {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self(Kind::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }

    pub(crate) fn through<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Kind::Through(boxed(body)))
    }

    /// Passes a body on while it is copied. The copy is finished even if the client goes away.
    pub(crate) fn copied<B, F, Fut>(body: B, limit: usize, then: F) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
        F: FnOnce(Copied) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send,
    {
        let (sender, pieces) = unbounded_channel();
        let size = body.size_hint();
        let body = boxed(body);
        tokio::spawn(async move {
            let copied = copy(body, limit, &sender).await;
            // The client is done, whatever is done with the copy.
            drop(sender);
            then(copied).await;
        });
        Self(Kind::Copied { pieces, size })
    }
}

fn boxed<B>(body: B) -> UnsyncBoxBody<Bytes, BoxError>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// What is still to come of a body after this frame.
fn less(size: &SizeHint, frame: &Result<Frame<Bytes>, BoxError>) -> SizeHint {
    let data = frame.as_ref().ok().and_then(Frame::data_ref);
    let length = data.map_or(0, |data| data.len() as u64);
    let mut left = SizeHint::new();
    left.set_lower(size.lower().saturating_sub(length));
    if let Some(upper) = size.upper() {
        left.set_upper(upper.saturating_sub(length));
    }
    left
}

/// The channel is not bounded, but what goes through it is.
async fn copy(
    mut body: UnsyncBoxBody<Bytes, BoxError>,
    limit: usize,
    client: &UnboundedSender<Piece>,
) -> Copied {
    let mut copy = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Some(length) = frame
            .as_ref()
            .ok()
            .map(|frame| frame.data_ref().map_or(0, Bytes::len))
        else {
            let _ = client.send(Piece::Frame(frame));
            return Copied::Broken;
        };
        let is_too_large = copy.len() + length > limit;
        if !is_too_large && let Some(data) = frame.as_ref().ok().and_then(Frame::data_ref) {
            copy.extend_from_slice(data);
        }
        // The client may have gone away: others want the copy.
        let _ = client.send(Piece::Frame(frame));
        if is_too_large {
            let _ = client.send(Piece::Rest(body));
            return Copied::TooLarge;
        }
    }
    let _ = client.send(Piece::End);
    Copied::Whole(copy.freeze())
}

impl Body for CacheBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        match &mut this.0 {
            Kind::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Through(body) => Pin::new(body).poll_frame(cx),
            Kind::Copied { pieces, size } => match std::task::ready!(pieces.poll_recv(cx)) {
                Some(Piece::Frame(frame)) => {
                    *size = less(size, &frame);
                    Poll::Ready(Some(frame))
                }
                Some(Piece::Rest(body)) => {
                    this.0 = Kind::Through(body);
                    Pin::new(this).poll_frame(cx)
                }
                Some(Piece::End) => {
                    this.0 = Kind::Whole(None);
                    Poll::Ready(None)
                }
                None => Poll::Ready(Some(Err("the body was lost on its way".into()))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(bytes) => bytes.is_none(),
            Kind::Through(body) => body.is_end_stream(),
            Kind::Copied { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Kind::Through(body) => body.size_hint(),
            Kind::Copied { size, .. } => *size,
        }
    }
}

/// No body.
impl Default for CacheBody {
    fn default() -> Self {
        Self(Kind::Whole(None))
    }
}

impl std::fmt::Debug for CacheBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CacheBody").finish_non_exhaustive()
    }
}

/// Whether a body is as long as its header says.
pub(crate) fn is_complete(headers: &HeaderMap, body: &Bytes) -> bool {
    let stated = headers
        .get(http::header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    stated.is_none_or(|length| length.parse() == Ok(body.len()))
}
