//! One request: whether it is admitted, and what becomes of its handler.

use std::{convert::Infallible, panic::AssertUnwindSafe, sync::Arc, time::Instant};

use axum::{body::Body, response::Response};
use futures::FutureExt as _;
use http::{HeaderValue, Request, Uri, Version, header, request::Parts};
use hyper::body::Incoming;
use jiff::Timestamp;
use spike_identity::Peer;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::{Caller, InFlight, Refusal, accept::Shared, activity::Activity, body::Bounded};

/// The requests of one connection.
pub(super) struct Requests {
    pub(super) shared: Arc<Shared>,
    pub(super) peer: Option<Peer>,
    /// When the peer should come back with a renewed SVID.
    pub(super) retire_at: Option<Timestamp>,
    pub(super) activity: Arc<Activity>,
    /// Closes this connection once its requests are answered.
    pub(super) closing: CancellationToken,
    /// The peer was told so, or is gone.
    pub(super) told: CancellationToken,
}

impl Requests {
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response, Infallible> {
        let in_request = self.activity.request();
        let (parts, body) = request.into_parts();
        let (uri, version) = (parts.uri.clone(), parts.version);
        let body = Bounded::new(body, version, &self.shared);
        let response = match self.admit(&parts) {
            Err(refusal) => self.refuse(refusal, &uri, version).await,
            Ok(in_flight) => {
                let mut request = Request::from_parts(parts, Body::new(body));
                request.extensions_mut().insert(in_flight.clone());
                let answered = self.handle(request).await;
                drop(in_flight);
                match answered {
                    Ok(response) => response,
                    Err(refusal) => self.refuse(refusal, &uri, version).await,
                }
            }
        };
        drop(in_request);
        Ok(response)
    }

    /// Whether the connection should close before a request has to be refused: for its SVID, or
    /// because the roots changed.
    pub(super) fn retires(&self) -> bool {
        let now = Timestamp::now();
        let expired = self.peer.as_ref().is_some_and(|peer| now >= peer.expires_at);
        self.retire_at.is_some_and(|at| now >= at) || !(expired || self.is_still_who_it_was(now))
    }

    fn is_still_who_it_was(&self, now: Timestamp) -> bool {
        match (&self.shared.server.tls, &self.peer) {
            (Some((_, identity)), Some(peer)) => identity.still_valid(peer, now),
            _ => true,
        }
    }

    /// Whether this request may be handled now.
    fn admit(&self, parts: &Parts) -> Result<InFlight, Refusal> {
        let Shared { server, rates, in_flight, .. } = &*self.shared;
        if !self.is_still_who_it_was(Timestamp::now()) {
            return Err(Refusal::IdentityExpired);
        }
        let id = self.peer.as_ref().map(|peer| &peer.id);
        if rates.as_ref().is_some_and(|rates| !rates.admit(id, Instant::now())) {
            return Err(Refusal::RateLimited);
        }
        if announced_length(parts).is_some_and(|length| length > server.limits.body_bytes as u64) {
            return Err(Refusal::BodyTooLarge);
        }
        let permit = Arc::clone(in_flight).try_acquire_owned().map_err(|_| Refusal::Overloaded)?;
        Ok(InFlight::new(permit))
    }

    async fn handle(&self, mut request: Request<Body>) -> Result<Response, Refusal> {
        let server = &self.shared.server;
        request.extensions_mut().insert(Caller(self.peer.clone()));
        let handler = AssertUnwindSafe(server.router.clone().oneshot(request)).catch_unwind();
        match timeout(server.limits.request, handler).await {
            Ok(Ok(Ok(response))) => Ok(response),
            Ok(Err(_panic)) => Err(Refusal::Panicked),
            Err(_elapsed) => Err(Refusal::TimedOut),
        }
    }

    async fn refuse(&self, refusal: Refusal, uri: &Uri, version: Version) -> Response {
        self.shared.server.metrics.refused(refusal.name());
        let mut response = (self.shared.server.refuse)(refusal, uri);
        if refusal.closes() && version < Version::HTTP_2 {
            // hyper closes after this answer, but reads on until the body's rest is thrown away;
            // asked to close, it would reset a client that is still sending.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        } else if refusal.closes() {
            // The answer follows the GOAWAY: whoever asks again does so on another connection.
            self.closing.cancel();
            self.told.cancelled().await;
        }
        response
    }
}

fn announced_length(parts: &Parts) -> Option<u64> {
    parts.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl Refusal {
    /// Its name as a metric label.
    const fn name(self) -> &'static str {
        match self {
            Self::IdentityExpired => "identity_expired",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::BodyTooLarge => "body_too_large",
            Self::TimedOut => "timed_out",
            Self::Panicked => "panicked",
        }
    }

    /// True if the connection is of no further use.
    const fn closes(self) -> bool {
        matches!(self, Self::IdentityExpired | Self::BodyTooLarge)
    }
}
