//! A question whose answer matters even if nobody waits for it any more.

use std::pin::Pin;
use std::time::Duration;

use super::connection::Connection;
use crate::error::{Error, Result};

type Answer<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// Dropped before it is answered, it goes on in a task of its own, and hands over what comes.
pub(crate) struct Asked<T: Send + 'static, L: FnOnce(T) + Send + 'static> {
    open: Option<(Answer<T>, L)>,
}

impl<T: Send + 'static, L: FnOnce(T) + Send + 'static> Asked<T, L> {
    pub(crate) fn new(answer: impl Future<Output = Result<T>> + Send + 'static, late: L) -> Self {
        Self {
            open: Some((Box::pin(answer), late)),
        }
    }

    pub(crate) async fn within(mut self, limit: Duration) -> Result<T> {
        let Some((answer, _)) = &mut self.open else {
            return Err(Error::Unavailable);
        };
        match tokio::time::timeout(limit, answer).await {
            Ok(answer) => {
                self.open = None;
                answer
            }
            Err(_) => Err(Error::Timeout(limit)),
        }
    }
}

impl<T: Send + 'static, L: FnOnce(T) + Send + 'static> Drop for Asked<T, L> {
    fn drop(&mut self) {
        let Some((answer, late)) = self.open.take() else {
            return;
        };
        // Without a runtime the process is about to end, and its connections with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { answer.await.map(late) });
        }
    }
}

impl Connection {
    /// How long an answer is listened for that nobody waits for any more.
    const LATE: Duration = Duration::from_secs(60);

    /// Makes this clone listen longer than the time for an operation.
    pub(crate) fn wait_longer(&mut self) {
        match self {
            Self::Server(connection) => connection.set_response_timeout(Self::LATE),
            // It has one time for all its clones.
            #[cfg(feature = "cluster")]
            Self::Cluster(_) => {}
        }
    }
}
