//! One connection, from its handshake to its end.

use std::{pin::pin, sync::Arc, time::Duration};

use futures::poll;
use hyper::{rt::Executor, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use jiff::Timestamp;
use spike_identity::Peer;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    accept::Shared,
    activity::{Activity, Heard, Verdict},
    request::Requests,
};

/// The longest list of headers, names and values together.
const HEADER_BYTES: u32 = 16 * 1024;

/// The buffer in which an HTTP/1 head must fit.
const BUFFER_BYTES: usize = 32 * 1024;

/// An HTTP/2 peer is asked for a sign of life this often, and has as long to answer.
const PING: Duration = Duration::from_secs(20);

/// What a closing connection gets beyond the request deadline to take its last answer.
const LINGER: Duration = Duration::from_secs(5);

/// Whom a connection is with, and how it speaks.
pub(super) struct Terms<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) peer: Option<Peer>,
    pub(super) http2: bool,
    pub(super) activity: Arc<Activity>,
}

impl<'a> Terms<'a> {
    pub(super) const fn plain(shared: &'a Arc<Shared>, activity: Arc<Activity>) -> Self {
        Self { shared, peer: None, http2: false, activity }
    }
}

/// Serves a connection until it ends, is idle for too long, or is told to close.
pub(super) async fn drive<T>(transport: T, terms: Terms<'_>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Terms { shared, peer, http2, activity } = terms;
    let limits = &shared.server.limits;
    let closing = shared.stop.child_token();
    let told = CancellationToken::new();
    let _at_the_latest = told.clone().drop_guard();
    // Deadlines are kept to within half a header deadline, and no request sets a timer of its own.
    let period = (limits.headers / 2).max(Duration::from_millis(1));
    let requests = Arc::new(Requests {
        shared: Arc::clone(shared),
        retire_at: peer.as_ref().and_then(|peer| retirement(peer, Timestamp::now(), period)),
        peer,
        activity: Arc::clone(&activity),
        closing: closing.clone(),
        told: told.clone(),
    });
    let answering = Arc::clone(&requests);
    let service = service_fn(move |request| Arc::clone(&answering).answer(request));

    let heard = Heard { transport, activity: (!http2).then(|| Arc::clone(&activity)) };
    let builder = builder(shared, http2);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(heard), service));
    let mut tick = interval(period);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut close_by = None;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error, "a connection broke");
                }
                return;
            }
            () = closing.cancelled(), if close_by.is_none() => {
                close_by = Some(Instant::now() + limits.request + LINGER);
                connection.as_mut().graceful_shutdown();
                if poll!(connection.as_mut()).is_ready() {
                    return;
                }
                told.cancel();
            }
            _ = tick.tick() => match activity.verdict(limits) {
                _ if close_by.is_some_and(|by| Instant::now() >= by) => return,
                Verdict::SlowHeaders => return shared.server.metrics.refused("slow_headers"),
                Verdict::Idle => closing.cancel(),
                Verdict::Keep if requests.retires() => closing.cancel(),
                Verdict::Keep => {}
            },
        }
    }
}

/// When to close a connection for its client to come back with a renewed SVID, so that no request
/// meets the old one's end.
///
/// Two looks before that end. A client that has less than three left when it connects has nothing
/// newer to come back with: it is served until it is refused.
fn retirement(peer: &Peer, now: Timestamp, period: Duration) -> Option<Timestamp> {
    let at = peer.expires_at - period * 2;
    (now + period < at).then_some(at)
}

fn builder(shared: &Shared, http2: bool) -> Builder<OnTracker> {
    let tracked = OnTracker { tracker: shared.tracker.clone(), kill: shared.kill.clone() };
    let builder = Builder::new(tracked);
    // The protocol is known from ALPN: nothing is guessed from a preface that may never come.
    let mut builder = if http2 { builder.http2_only() } else { builder.http1_only() };
    builder
        .http1()
        .timer(TokioTimer::new())
        // hyper's own counts from the end of the last request, and would be an idle limit.
        .header_read_timeout(None)
        .max_buf_size(BUFFER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(shared.server.limits.streams)
        .max_header_list_size(HEADER_BYTES)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    builder
}

/// Runs HTTP/2 streams where shutdown sees them.
#[derive(Clone)]
struct OnTracker {
    tracker: TaskTracker,
    kill: CancellationToken,
}

impl<F> Executor<F> for OnTracker
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.tracker.spawn(self.kill.clone().run_until_cancelled_owned(stream));
    }
}
