//! Request bodies with an end: in bytes and in time.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http::Version;
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use spike_core::{cause::causes, wire::Buffer};
use tokio::time::{Sleep, sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use zeroize::Zeroizing;

use super::accept::Shared;

/// How long the unread rest of an HTTP/1 body is thrown away.
///
/// Closing a socket with unread bytes resets it, and a client that is still sending would lose the
/// answer that tells it why.
const DISCARD: Duration = Duration::from_secs(2);

/// Why a request's body can't be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// Over [`Limits::body_bytes`](super::Limits::body_bytes).
    #[error("the body is too large")]
    TooLarge,
    /// Not complete within [`Limits::body`](super::Limits::body).
    #[error("the body came too slowly")]
    TooSlow,
    /// The client went away or broke HTTP.
    #[error("the body broke off: {0}")]
    Broken(String),
}

/// Reads a whole request body into memory that is wiped afterwards.
///
/// The limits are the server's; call it after the caller was authenticated.
pub async fn read_body(mut body: Body) -> Result<Zeroizing<Vec<u8>>, BodyError> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0);
    let mut whole = Buffer::with_capacity(expected);
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|error| cause_of(&error))?.into_data() {
            whole.push(&data);
        }
    }
    Ok(whole.into_bytes())
}

fn cause_of(error: &axum::Error) -> BodyError {
    let known = causes(error).find_map(|cause| cause.downcast_ref::<BodyError>());
    known.cloned().unwrap_or_else(|| BodyError::Broken(error.to_string()))
}

/// A request body that ends in an error when it is too long or takes too long.
pub(super) struct Bounded {
    /// `None` once it is being thrown away.
    body: Option<Incoming>,
    left: usize,
    within: Duration,
    /// Runs from the handler's first look.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Where an HTTP/1 body's rest is thrown away.
    rest: Option<(TaskTracker, CancellationToken)>,
}

impl Bounded {
    pub(super) fn new(body: Incoming, version: Version, shared: &Shared) -> Self {
        let limits = &shared.server.limits;
        let http1 = version < Version::HTTP_2;
        Self {
            body: Some(body),
            left: limits.body_bytes,
            within: limits.body,
            deadline: None,
            rest: http1.then(|| (shared.tracker.clone(), shared.kill.clone())),
        }
    }

    fn count(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyError> {
        let length = frame.data_ref().map_or(0, Bytes::len);
        self.left = self.left.checked_sub(length).ok_or(BodyError::TooLarge)?;
        Ok(frame)
    }
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| match frame {
                Ok(frame) => self.count(frame),
                Err(error) => Err(BodyError::Broken(error.to_string())),
            }));
        }
        let within = self.within;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(within)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Some(Err(BodyError::TooSlow)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        if let (Some(mut body), Some((tracker, kill))) = (self.body.take(), self.rest.take())
            && !body.is_end_stream()
        {
            tracker.spawn(async move {
                let discard = async { while let Some(Ok(_)) = body.frame().await {} };
                let _ = kill.run_until_cancelled(tokio::time::timeout(DISCARD, discard)).await;
            });
        }
    }
}
