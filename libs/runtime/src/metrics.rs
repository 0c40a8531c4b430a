//! Metrics that every server has, and the registry it adds its own to.
//!
//! No label ever holds a SPIFFE ID, a path or anything else that a stranger chooses.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use http::{Response, StatusCode};
use jiff::Timestamp;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
    },
    registry::Registry,
};
use spike_identity::Identity;

/// Requests by route and outcome.
pub const REQUESTS: &str = "spike_requests";
/// Seconds from a request's headers to its answer, by route.
pub const REQUEST_SECONDS: &str = "spike_request_seconds";
/// Connections open now.
pub const CONNECTIONS: &str = "spike_connections";
/// Connections and requests that were refused before a handler saw them, by reason.
pub const REFUSED: &str = "spike_refused";
/// TLS handshakes that failed.
pub const HANDSHAKE_FAILURES: &str = "spike_handshake_failures";
/// Seconds until our own SVID expires.
pub const SVID_EXPIRY: &str = "spike_svid_expiry_seconds";

/// From a tenth of a millisecond to the request deadline.
const SECONDS: [f64; 14] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0,
];

/// A finished registry: read-only, and shared with the probes' listener.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Registry>);

impl Metrics {
    /// Ends registration.
    pub fn new(registry: Registry) -> Self {
        Self(Arc::new(registry))
    }

    /// All metrics in the `OpenMetrics` text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.0)
            .expect("writing to a string can't fail");
        text
    }
}

type RouteLabels = [(&'static str, &'static str); 1];
type OutcomeLabels = [(&'static str, &'static str); 2];

/// Counts requests and measures how long they took.
#[derive(Clone, Debug)]
pub struct Requests {
    total: Family<OutcomeLabels, Counter>,
    seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
}

impl Requests {
    /// Adds `spike_requests_total{route,outcome}` and `spike_request_seconds{route}`.
    pub fn register(registry: &mut Registry) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        let this =
            Self { total: Family::default(), seconds: Family::new_with_constructor(histogram) };
        registry.register(REQUESTS, "Requests by route and outcome", this.total.clone());
        registry.register(REQUEST_SECONDS, "Time to answer, by route", this.seconds.clone());
        this
    }

    /// A request that begins now, to be recorded when it ends.
    pub fn begin(&self, route: &'static str) -> Recorded {
        let (requests, since) = (self.clone(), Instant::now());
        Recorded { requests, route, since, outcome: ABANDONED }
    }

    /// Records one answered request; both names are constants of the program.
    pub fn record(&self, route: &'static str, outcome: &'static str, took: Duration) {
        self.total.get_or_create(&[("route", route), ("outcome", outcome)]).inc();
        self.seconds.get_or_create(&[("route", route)]).observe(took.as_secs_f64());
    }
}

/// A request, which is recorded exactly once: as [answered](Self::answered), or as `abandoned` if
/// this is dropped before.
///
/// A handler is dropped when its client leaves or its time is over, and would count nothing itself.
/// Work that goes on without its handler takes this along, and is recorded when it is done.
#[derive(Debug)]
#[must_use = "dropped, it counts as abandoned"]
pub struct Recorded {
    requests: Requests,
    route: &'static str,
    since: Instant,
    outcome: &'static str,
}

impl Recorded {
    /// Names the route, if it wasn't known at the beginning.
    pub fn on(mut self, route: &'static str) -> Self {
        self.route = route;
        self
    }

    /// Ends it with this answer, whose status is its outcome.
    pub fn answered<B>(mut self, response: Response<B>) -> Response<B> {
        self.outcome = outcome(response.status());
        response
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.requests.record(self.route, self.outcome, self.since.elapsed());
    }
}

/// The outcome of a request that nobody waits for any more.
const ABANDONED: &str = "abandoned";

/// What a status means for `spike_requests_total`.
fn outcome(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200..300 => "ok",
        401 | 403 => "denied",
        404 => "not_found",
        409 => "conflict",
        503 => "unavailable",
        400..500 => "bad_request",
        _ => "error",
    }
}

/// What an accept loop counts.
#[derive(Clone, Debug, Default)]
pub struct Serving {
    pub(crate) connections: Gauge,
    pub(crate) handshake_failures: Counter,
    refused: Family<RouteLabels, Counter>,
}

impl Serving {
    /// Adds `spike_connections`, `spike_refused_total{reason}` and
    /// `spike_handshake_failures_total`.
    pub fn register(registry: &mut Registry) -> Self {
        let this = Self::default();
        let help = "Connections and requests refused before a handler saw them, by reason";
        registry.register(CONNECTIONS, "Connections open now", this.connections.clone());
        registry.register(REFUSED, help, this.refused.clone());
        let failures = this.handshake_failures.clone();
        registry.register(HANDSHAKE_FAILURES, "TLS handshakes that failed", failures);
        this
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&[("reason", reason)]).inc();
    }
}

/// `spike_svid_expiry_seconds`, worked out at each scrape; negative once the SVID has expired.
///
/// Registered before there is an identity, so that probes answer while it is waited for.
#[derive(Clone, Debug, Default)]
pub struct SvidExpiry(Arc<OnceLock<Identity>>);

impl SvidExpiry {
    /// Adds it; it is left out of scrapes until [`Self::follow`].
    pub fn register(registry: &mut Registry) -> Self {
        let this = Self::default();
        registry.register_collector(Box::new(this.clone()));
        this
    }

    /// Whose expiry it is. The first call counts.
    pub fn follow(&self, identity: Identity) {
        let _ = self.0.set(identity);
    }
}

impl Collector for SvidExpiry {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(identity) = self.0.get() else { return Ok(()) };
        let left = identity.expires_at().as_second() - Timestamp::now().as_second();
        let gauge = ConstGauge::new(left);
        let help = "Seconds until our own SVID expires";
        let metric = encoder.encode_descriptor(SVID_EXPIRY, help, None, gauge.metric_type())?;
        gauge.encode(metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_recorded_once_whether_it_is_answered_or_dropped() {
        let mut registry = Registry::default();
        let requests = Requests::register(&mut registry);
        let metrics = Metrics::new(registry);
        let mut conflict = Response::new(());
        *conflict.status_mut() = StatusCode::CONFLICT;
        requests.begin("unknown").on("put").answered(conflict);
        requests.begin("put").answered(Response::new(()));
        drop(requests.begin("put"));

        let text = metrics.text();
        for outcome in ["ok", "conflict", "abandoned"] {
            let line = format!("{REQUESTS}_total{{route=\"put\",outcome=\"{outcome}\"}} 1\n");
            assert!(text.contains(&line), "{line} is not in {text}");
        }
        assert!(text.contains(&format!("{REQUEST_SECONDS}_count{{route=\"put\"}} 3\n")), "{text}");
        assert!(!text.contains("unknown"), "{text}");
    }
}
