//! HTTPS for strangers: an accept loop in which nothing is unbounded.
//!
//! Each connection has a handshake deadline, a header deadline, an idle limit and a stream limit;
//! each request a deadline, a body limit, a share of the process and a fresh look at the identity
//! behind it. What a request means is the router's business.

use std::{io, sync::Arc, time::Duration};

use axum::{Router, body::Body, response::Response};
use http::request::Parts;
use spike_identity::{Identity, Peer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// Who calls, as an extension of every request: `None` for a client without a certificate.
#[derive(Clone, Debug)]
pub struct Caller(pub Option<Peer>);

/// Why a request got no answer from its handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The caller's SVID expired or its trust domain's roots changed; the connection closes.
    IdentityExpired,
    /// The caller is over its rate.
    RateLimited,
    /// The server is at its limit of requests in flight.
    Overloaded,
    /// The announced body is over the limit; the connection closes.
    BodyTooLarge,
    /// The handler took too long and was dropped.
    TimedOut,
    /// The handler panicked.
    Panicked,
}

/// Makes the answer to a request that is refused.
pub type Refuse = Arc<dyn Fn(Refusal, &Parts) -> Response + Send + Sync>;

/// How often one identity may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Sustained requests per second.
    pub per_second: u32,
    /// Requests at once after a pause.
    pub burst: u32,
}

/// The bounds of a server. The defaults are those of the security reference.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once; the next one is closed unheard.
    pub connections: usize,
    /// Of those, how many may be without a client certificate.
    pub anonymous: usize,
    /// Requests in a handler at once; the next one is refused.
    pub in_flight: usize,
    /// Requests at once on one HTTP/2 connection.
    pub streams: u32,
    /// Until the TLS handshake is done.
    pub handshake: Duration,
    /// From the first byte of a request to the last of its headers.
    pub headers: Duration,
    /// From a handler's first look at a body to the body's last byte.
    pub body: Duration,
    /// The longest body, in bytes.
    pub body_bytes: usize,
    /// From a request's headers to its answer.
    pub request: Duration,
    /// The life of a connection on which nothing is asked.
    pub idle: Duration,
    /// How long requests in flight may take to finish after `stop`.
    pub drain: Duration,
    /// How often one identity may ask, if that is limited.
    pub rate: Option<Rate>,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connections: 4096,
            anonymous: 512,
            in_flight: 1024,
            streams: 100,
            handshake: seconds(5),
            headers: seconds(5),
            body: seconds(10),
            body_bytes: 1 << 20,
            request: seconds(15),
            idle: seconds(60),
            drain: seconds(20),
            rate: None,
        }
    }
}

/// One HTTPS server.
pub struct Server {
    /// Where it listens.
    pub listener: TcpListener,
    /// Who it is, and whom it believes.
    pub identity: Identity,
    /// What it serves. Handlers find [`Caller`] among the extensions.
    pub router: Router,
    /// Its bounds.
    pub limits: Limits,
    /// Its words for a refusal.
    pub refuse: Refuse,
}

impl Server {
    /// Serves until `stop`, then lets requests in flight finish, at most [`Limits::drain`] long.
    ///
    /// A handler's future may be dropped at any `await`: when the client goes away, at the request
    /// deadline, at the end of the drain. Work that must go on belongs on a `TaskTracker`.
    #[expect(clippy::unused_async, reason = "serves")]
    pub async fn run(self, stop: CancellationToken) {
        let _ = (self, stop);
        unimplemented!()
    }
}

/// Why a request's body can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// Over [`Limits::body_bytes`].
    #[error("the body is too large")]
    TooLarge,
    /// Not complete within [`Limits::body`].
    #[error("the body came too slowly")]
    TooSlow,
    /// The client went away or broke HTTP.
    #[error("the body broke off")]
    Broken(#[source] axum::Error),
}

/// Reads a whole request body into memory that is wiped afterwards.
///
/// The limits are the server's; call it after the caller was authenticated.
#[expect(clippy::unused_async, reason = "reads")]
pub async fn read_body(body: Body) -> Result<Zeroizing<Vec<u8>>, BodyError> {
    drop(body);
    unimplemented!()
}

/// Binds `listen`, with the address in the error.
pub async fn bind(listen: &crate::env::Listen) -> io::Result<TcpListener> {
    listen
        .bind()
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("can't listen on {listen}: {error}")))
}
