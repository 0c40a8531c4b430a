//! What runs in the pod: clients, and an answer to whoever asks how they fare.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use spike_client::NexusClient;
use spike_crds::names::port;
use spike_identity::{Identity, Wanted};
use spike_runtime::{env::Env, identity_env, process};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::{
    PORT, Report,
    client::{Client, Told},
};

/// Each has connections of its own, so that together they reach every replica. They ask about forty
/// times per second.
const CLIENTS: usize = 4;

/// How long it may take until there is an identity.
const START: Duration = Duration::from_mins(2);

/// Puts and gets until it is told to stop, and tells what was met.
pub async fn run() -> anyhow::Result<()> {
    spike_identity::install_crypto();
    let stop = process::shutdown()?;
    let mut env = Env::from_process();
    let (source, roles) = (identity_env::source(&mut env), identity_env::roles(&mut env));
    let here = format!("https://localhost:{}", port::NEXUS);
    let url = env.url("SPIKE_NEXUS_API_URL", &here);
    env.finish()?;
    let wanted = Wanted::any().within(START);
    let identity = Identity::start(source, wanted, stop.clone(), &TaskTracker::new()).await?;
    let told = Arc::new(Told::default());
    for number in 0..CLIENTS {
        let nexus = NexusClient::new(&identity, url.clone(), &roles)?;
        told.clients.spawn(Client::new(number, nexus, &told)?.run());
    }
    let routes = Router::new()
        .route("/ready", get(ready))
        .route("/answered", get(answered))
        .route("/stop", get(end))
        .route("/check", get(check))
        .with_state(told);
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await.context("listen")?;
    axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await?;
    Ok(())
}

/// Whether anybody was answered.
async fn ready(told: State<Arc<Told>>) -> StatusCode {
    if told.report().answered > 0 { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

async fn answered(told: State<Arc<Told>>) -> Json<u64> {
    Json(told.report().answered)
}

async fn end(told: State<Arc<Told>>) -> Json<Report> {
    Json(told.end().await)
}

async fn check(told: State<Arc<Told>>) -> Json<Vec<String>> {
    Json(told.check().await)
}
