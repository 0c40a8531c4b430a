//! What a connection is doing, so that one that does nothing can be told from one that is slow.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::Limits;

/// What should become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It does something, or hasn't been idle for long.
    Keep,
    /// Nothing was asked for too long.
    Idle,
    /// A request began and its headers don't end.
    SlowHeaders,
}

#[derive(Debug)]
struct State {
    requests: usize,
    idle_since: Instant,
    head_since: Option<Instant>,
}

/// One connection's activity.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        let state = State { requests: 0, idle_since: Instant::now(), head_since: None };
        Arc::new(Self(Mutex::new(state)))
    }

    /// A request's headers are complete; it lasts until the guard is dropped.
    pub(super) fn request(self: &Arc<Self>) -> InRequest {
        let mut state = self.state();
        state.requests += 1;
        state.head_since = None;
        InRequest(Arc::clone(self))
    }

    pub(super) fn verdict(&self, limits: &Limits) -> Verdict {
        let state = self.state();
        if state.requests > 0 {
            Verdict::Keep
        } else if state.head_since.is_some_and(|since| since.elapsed() >= limits.headers) {
            Verdict::SlowHeaders
        } else if state.idle_since.elapsed() >= limits.idle {
            Verdict::Idle
        } else {
            Verdict::Keep
        }
    }

    /// Since when nothing was asked; `None` while something is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.requests == 0).then_some(state.idle_since)
    }

    fn heard(&self) {
        let mut state = self.state();
        if state.requests == 0 && state.head_since.is_none() {
            state.head_since = Some(Instant::now());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Holds a request open in its connection's [`Activity`].
pub(super) struct InRequest(Arc<Activity>);

impl Drop for InRequest {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.requests -= 1;
        state.idle_since = Instant::now();
    }
}

/// A transport that notes when a new request begins to arrive.
///
/// For HTTP/1 only. In HTTP/2 bytes that aren't a request arrive at any time (pings, windows), and
/// unfinished headers fall under the idle limit.
pub(super) struct Heard<T> {
    pub(super) transport: T,
    pub(super) activity: Option<Arc<Activity>>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Heard<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.transport).poll_read(cx, buf);
        if let Some(activity) = &self.activity
            && buf.filled().len() > before
        {
            activity.heard();
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Heard<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }
}
