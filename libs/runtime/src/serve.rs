//! HTTPS for strangers: an accept loop in which nothing is unbounded.
//!
//! Each connection has a handshake deadline, a header deadline, an idle limit and a stream limit;
//! each request a deadline, a body limit, a share of the process and a fresh look at the identity
//! behind it. What a request means is the router's business.

mod accept;
mod activity;
mod body;
mod connection;
mod rate;
mod request;

use std::{io, sync::Arc, time::Duration};

use axum::{Router, response::Response};
use http::Uri;
use spike_identity::{Identity, Peer};
use tokio::{net::TcpListener, sync::OwnedSemaphorePermit};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::{env::Listen, metrics::Serving};
pub(crate) use accept::Accepting;

pub use body::{BodyError, read_body};
pub use rate::Rate;

/// Who calls, as an extension of every request: `None` for a client without a certificate.
#[derive(Clone, Debug)]
pub struct Caller(pub Option<Peer>);

/// One of [`Limits::in_flight`], as an extension of every request.
///
/// It is given back when the last clone is dropped. A handler that hands its work to a `TaskTracker`
/// moves a clone into it: the client may leave, but what it asked for counts until it is done.
#[derive(Clone, Debug)]
pub struct InFlight {
    #[expect(dead_code, reason = "it is held, not used")]
    permit: Arc<OwnedSemaphorePermit>,
}

impl InFlight {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        Self { permit: Arc::new(permit) }
    }
}

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
pub type Refuse = Arc<dyn Fn(Refusal, &Uri) -> Response + Send + Sync>;

/// Whether a peer may talk to this server at all; asked once per connection.
pub type Admit = Arc<dyn Fn(Option<&Peer>) -> bool + Send + Sync>;

/// The bounds of a server. The defaults are those of the security reference.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once; the next one is closed unheard.
    pub connections: usize,
    /// At that limit, the connection that has been idle for longest makes room for the next one.
    pub idle_give_way: bool,
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
            idle_give_way: false,
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
    /// What it serves. Handlers find [`Caller`] and [`InFlight`] among the extensions.
    pub router: Router,
    /// Its bounds.
    pub limits: Limits,
    /// Its words for a refusal.
    pub refuse: Refuse,
    /// Who gets past the handshake; everyone in [`everyone`].
    pub admit: Admit,
    /// What it counts.
    pub metrics: Serving,
}

/// Lets every verified peer in, and clients without a certificate.
pub fn everyone() -> Admit {
    Arc::new(|_| true)
}

impl Server {
    /// Serves until `stop`, then lets requests in flight finish, at most [`Limits::drain`] long.
    ///
    /// A handler's future may be dropped at any `await`: when the client goes away, at the request
    /// deadline, at the end of the drain. Work that must go on belongs on a `TaskTracker`,
    /// with its [`InFlight`].
    pub async fn run(self, stop: CancellationToken) {
        // One call: the configuration looks up the present SVID at each handshake.
        let acceptor = TlsAcceptor::from(self.identity.server_config());
        Accepting {
            tls: Some((acceptor, self.identity)),
            router: self.router,
            limits: self.limits,
            refuse: self.refuse,
            admit: self.admit,
            metrics: self.metrics,
        }
        .run(self.listener, stop)
        .await;
    }
}

/// Binds `listen`, which `variable` set; the error names both and what would help.
pub async fn bind(variable: &str, listen: &Listen) -> io::Result<TcpListener> {
    listen.bind().await.map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("end the process that has it, or set {variable} to another port")
            }
            io::ErrorKind::PermissionDenied => {
                format!("set {variable} to a port from 1024 up, or grant CAP_NET_BIND_SERVICE")
            }
            _ => format!("set {variable} to an address of this machine, such as :8553"),
        };
        io::Error::new(error.kind(), format!("can't listen on {listen}: {error}: {remedy}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_taken_is_told_with_the_variable_that_chose_it() {
        let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = taken.local_addr().expect("bound").to_string();
        let listen = address.parse().expect("an address");
        let refused = bind("SPIKE_X_PORT", &listen).await.expect_err("taken");
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        let text = refused.to_string();
        assert!(text.contains(&address) && text.contains("or set SPIKE_X_PORT to"), "{text}");
    }
}
