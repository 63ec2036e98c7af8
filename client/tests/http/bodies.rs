//! Bodies that stream, break, are too large, or lose their reader.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use larder_client::http::{BoxError, CacheBody};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::support::{Answered, Lines, Site, call, millis, page, read, until};

type Pieces = mpsc::Sender<Result<Bytes, &'static str>>;

/// A body that comes in pieces.
struct Streamed(mpsc::Receiver<Result<Bytes, &'static str>>);

impl Body for Streamed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let piece = ready!(self.0.poll_recv(cx));
        Poll::Ready(piece.map(|piece| piece.map(Frame::data).map_err(Into::into)))
    }
}

/// A response, and where to put the pieces of its body.
fn streamed(fields: Lines<'_>) -> (Pieces, Answered) {
    let (sender, pieces) = mpsc::channel(1);
    let mut response = http::Response::builder().header("cache-control", "max-age=60");
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    (
        sender,
        response.body(Streamed(pieces).boxed_unsync()).unwrap(),
    )
}

/// Whose first answer is a body in these pieces, the others are `whole`.
fn site(pieces: &'static [Result<&'static str, &'static str>]) -> Site {
    Site::answering(
        |layer| layer.max_body(100),
        move |_, call| async move {
            let (sender, response) = streamed(&[]);
            tokio::spawn(async move {
                if call > 1 {
                    return sender.send(Ok(Bytes::from("whole"))).await;
                }
                for piece in pieces {
                    tokio::time::sleep(millis(50)).await;
                    sender.send(piece.map(Bytes::from)).await?;
                }
                Ok(())
            });
            Ok(response)
        },
    )
}

#[tokio::test]
async fn a_body_is_stored_as_it_passes() {
    let site = site(&[Ok("a"), Ok("b"), Ok("c")]);
    assert_eq!(
        site.twice(&[], &[]).await,
        ("abc".to_owned(), "abc".to_owned())
    );
    assert_eq!(site.calls(), 1);
}

#[tokio::test]
async fn the_copy_is_finished_when_the_client_goes_away() {
    let site = site(&[Ok("a"), Ok("b"), Ok("c")]);
    let mut response = call(&site.service, "GET", "/", &[]).await.unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    let waiting = call(&site.service, "GET", "/", &[]);
    drop(response);
    assert_eq!(read(waiting.await.unwrap()).await.body, "abc");
    assert_eq!(site.calls(), 1);
}

#[tokio::test]
async fn the_call_is_finished_when_the_client_goes_away_before_its_answer() {
    let site = Site::answering(
        |layer| layer,
        async |_, call| {
            tokio::time::sleep(millis(300)).await;
            let fields = [("cache-control", "max-age=60")];
            Ok(page(&fields, call.to_string()))
        },
    );
    let impatient = call(&site.service, "GET", "/", &[]);
    assert!(tokio::time::timeout(millis(100), impatient).await.is_err());
    assert_eq!(site.get("/", &[]).await.body, "1");
    assert_eq!(site.calls(), 1);
}

#[tokio::test]
async fn a_body_that_breaks_is_not_stored_and_others_take_over() {
    let site = site(&[Ok("a"), Err("broken")]);
    let response = call(&site.service, "GET", "/", &[]).await.unwrap();
    let mut waiting = JoinSet::new();
    for _ in 0..10 {
        let service = site.service.clone();
        waiting.spawn(async move {
            read(call(&service, "GET", "/", &[]).await.unwrap())
                .await
                .body
        });
    }
    assert!(response.into_body().collect().await.is_err());
    assert_eq!(waiting.join_all().await, vec!["whole"; 10]);
    assert_eq!(site.calls(), 2);
}

/// A body that is lost in the middle.
struct Panicking(bool);

impl Body for Panicking {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        assert!(!std::mem::replace(&mut self.0, true), "the body panics");
        Poll::Ready(Some(Ok(Frame::data(Bytes::from("a")))))
    }
}

#[tokio::test]
async fn a_body_that_is_lost_does_not_look_complete() {
    let site = Site::answering(
        |layer| layer,
        async |_, _| {
            let response = http::Response::builder().header("cache-control", "max-age=60");
            Ok(response.body(Panicking(false).boxed_unsync()).unwrap())
        },
    );
    let response = call(&site.service, "GET", "/", &[]).await.unwrap();
    assert!(response.into_body().collect().await.is_err());
}

#[tokio::test]
async fn a_body_tells_what_is_still_to_come() {
    let site = Site::answering(
        |layer| layer,
        async |_, _| Ok(page(&[("cache-control", "max-age=60")], "abc")),
    );
    let mut body = call(&site.service, "GET", "/", &[])
        .await
        .unwrap()
        .into_body();
    assert_eq!(body.size_hint().exact(), Some(3));
    body.frame().await.unwrap().unwrap();
    assert_eq!(body.size_hint().exact(), Some(0));
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_body_that_is_shorter_than_it_says_is_not_stored() {
    let site = Site::answering(
        |layer| layer,
        async |_, _| {
            let (sender, response) = streamed(&[("content-length", "5")]);
            sender.send(Ok(Bytes::from("abc"))).await.unwrap();
            Ok(response)
        },
    );
    site.twice(&[], &[]).await;
    assert_eq!(site.calls(), 2);
}

#[tokio::test]
async fn a_body_over_the_limit_passes_unharmed_and_frees_those_who_wait() {
    const MEBIBYTES: usize = 5;
    let site = Site::answering(
        |layer| layer,
        async |_, _| {
            let (sender, response) = streamed(&[]);
            tokio::spawn(async move {
                for n in 0..MEBIBYTES {
                    let piece = vec![u8::try_from(n).unwrap(); 1 << 20];
                    sender.send(Ok(Bytes::from(piece))).await.unwrap();
                }
            });
            Ok(response)
        },
    );
    // This one is not read at first: nobody has to wait for that.
    let slow = call(&site.service, "GET", "/", &[]).await.unwrap();
    let mut clients = JoinSet::new();
    for _ in 0..5 {
        let service = site.service.clone();
        clients.spawn(async move { whole(call(&service, "GET", "/", &[]).await.unwrap()).await });
    }
    let mut sizes = clients.join_all().await;
    sizes.push(whole(slow).await);
    assert_eq!(sizes, [MEBIBYTES << 20; 6]);
    assert_eq!(site.calls(), 6);
}

async fn whole(response: http::Response<CacheBody>) -> usize {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(
        body.chunks(1 << 20)
            .enumerate()
            .all(|(n, piece)| piece.iter().all(|byte| usize::from(*byte) == n))
    );
    body.len()
}

#[tokio::test]
async fn what_says_that_it_is_too_large_is_not_waited_for() {
    let site = Site::answering(
        |layer| layer.max_body(3),
        async |_, call| {
            Ok(page(
                &[("cache-control", "max-age=60")],
                format!("{call}abc"),
            ))
        },
    );
    let reply = site.get("/", &[]).await;
    assert_eq!(
        (reply.body.as_str(), reply.cache_status()),
        ("1abc", "larder; fwd=uri-miss; fwd-status=200")
    );
    until("it is let through", async || {
        site.get("/", &[]).await.body == "3abc"
    })
    .await;
}
