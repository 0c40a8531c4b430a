//! What a Nexus says of itself on its probe port: the status without paths and principals. It takes
//! no identity, only the right to reach the pod.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use reqwest::Client;
use spike_core::{cause::innermost, wire::v2::status::Status};
use spike_crds::names::port;

use crate::{forward::Forward, place::Place, refusal};

/// It answers from memory; most of this is the way there.
const DEADLINE: Duration = Duration::from_secs(10);

/// More than any status.
const MOST: usize = 1 << 20;

/// Asks a pod.
pub(crate) async fn ask(place: &Place, pod: &str) -> Result<Status, String> {
    let way = Forward::open(place.api::<Pod>(), pod, port::NEXUS_PROBES).await;
    let way = way.map_err(|why| refusal::words(&why))?;
    let client = Client::builder().no_proxy().timeout(DEADLINE).build();
    let client = client.map_err(|why| innermost(&why))?;
    let asked = client.get(format!("http://{}/statusz", way.address())).send().await;
    let mut answer = asked.and_then(reqwest::Response::error_for_status);
    let answer = answer.as_mut().map_err(|why| innermost(why))?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|why| innermost(&why))? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST {
            return Err(format!("an answer of more than {MOST} bytes"));
        }
    }
    serde_json::from_slice(&body).map_err(|why| format!("not a status as expected: {why}"))
}
