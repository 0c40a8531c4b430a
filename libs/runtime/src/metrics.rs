//! Metrics that every server has, and the registry it adds its own to.
//!
//! No label ever holds a SPIFFE ID, a path or anything else that a stranger chooses.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

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

    /// Records one answered request; both names are constants of the program.
    pub fn record(&self, route: &'static str, outcome: &'static str, took: Duration) {
        self.total.get_or_create(&[("route", route), ("outcome", outcome)]).inc();
        self.seconds.get_or_create(&[("route", route)]).observe(took.as_secs_f64());
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
