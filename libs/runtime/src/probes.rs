//! A plain listener for the kubelet and for Prometheus: `/livez`, `/readyz`, `/metrics`.
//!
//! It tells nothing that isn't for everyone on the pod network: no identity, no path, no secret.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    response::IntoResponse as _,
    routing::{MethodRouter, get},
};
use http::{StatusCode, header::CONTENT_TYPE};
use spike_core::wire::v2::health::{Health, State};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    metrics::{Metrics, Serving},
    serve::{Accepting, Limits, everyone},
};

/// Kubelet, Prometheus and a few curious people.
const CONNECTIONS: usize = 64;

/// A probe takes no time; nobody waits for one at shutdown.
const DRAIN: Duration = Duration::from_secs(1);

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Knows whether its server is ready. Asked at each probe: it answers from memory, at once.
pub trait Probe: Send + Sync + 'static {
    /// Whether requests should come here.
    fn health(&self) -> Health;
}

/// The probes of one server.
pub struct Probes {
    probe: Arc<dyn Probe>,
    metrics: Metrics,
    routes: Vec<(&'static str, MethodRouter)>,
}

impl Probes {
    /// `/livez`, `/readyz` and `/metrics`.
    pub fn new(probe: Arc<dyn Probe>, metrics: Metrics) -> Self {
        Self { probe, metrics, routes: Vec::new() }
    }

    /// One more route, such as `/statusz`.
    #[must_use]
    pub fn route(mut self, path: &'static str, handler: MethodRouter) -> Self {
        self.routes.push((path, handler));
        self
    }

    /// Serves until `stop`; from `draining` on, readiness is [`State::Draining`].
    pub async fn serve(
        self,
        listener: TcpListener,
        draining: CancellationToken,
        stop: CancellationToken,
    ) {
        let limits = Limits {
            connections: CONNECTIONS,
            // Whoever holds connections open must not keep the kubelet out: it would restart us.
            idle_give_way: true,
            in_flight: CONNECTIONS,
            body_bytes: 0,
            drain: DRAIN,
            ..Limits::default()
        };
        let server = Accepting {
            tls: None,
            router: self.router(draining),
            limits,
            refuse: Arc::new(|_, _| StatusCode::SERVICE_UNAVAILABLE.into_response()),
            admit: everyone(),
            metrics: Serving::default(),
        };
        server.run(listener, stop).await;
    }

    fn router(self, draining: CancellationToken) -> Router {
        let Self { probe, metrics, routes } = self;
        let readyz = get(async move || readyz(&*probe, &draining));
        let metrics = get(async move || ([(CONTENT_TYPE, OPEN_METRICS)], metrics.text()));
        let router = Router::new()
            .route("/livez", get(async || "ok"))
            .route("/readyz", readyz)
            .route("/metrics", metrics);
        routes.into_iter().fold(router, |router, (path, handler)| router.route(path, handler))
    }
}

fn readyz(probe: &dyn Probe, draining: &CancellationToken) -> (StatusCode, Json<Health>) {
    let health = if draining.is_cancelled() {
        Health::not(State::Draining, "draining", "the process is shutting down")
    } else {
        probe.health()
    };
    // An orchestrator takes unready pods for replaceable ones: were a store's outage unreadiness, a
    // drain could take every replica that holds the root key. Load balancers ask `/health`.
    let code = match health.status {
        State::Ready | State::StoreUnavailable => StatusCode::OK,
        State::Sealed | State::Draining => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(health))
}
