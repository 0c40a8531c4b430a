//! An identity that is handed on, seen by a foreign client of the Workload API.

use std::{os::unix::fs::PermissionsExt, path::Path, time::Duration};

use futures::StreamExt;
use spiffe::WorkloadApiClient;
use spike_authority::{
    Relay,
    dev::{Authority, AuthorityConfig},
};
use spike_identity::{Handover, Source};
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const SOON: Duration = Duration::from_secs(20);

/// A workload's own source of identity, whose SVIDs live for `life`.
async fn source(dir: &Path, life: Duration) -> (Authority, Source) {
    spike_identity::install_crypto();
    let config =
        AuthorityConfig { svid_ttl: life, ..AuthorityConfig::new("test.example", dir.join("s")) };
    let authority = Authority::start(config).await.expect("a root");
    let id = "spiffe://test.example/shop/web".parse().expect("an ID");
    let socket = authority.serve("web", id).await.expect("serves");
    (authority, Source::WorkloadApi { endpoint: format!("unix://{}", socket.display()) })
}

#[tokio::test]
async fn programs_beside_us_have_our_identity_and_its_renewals() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_authority, source) = source(dir.path(), Duration::from_secs(4)).await;
    let mut handover = Handover::new(source).expect("an endpoint");
    let first = handover.next().await.expect("an SVID");
    let (relay, listener) = Relay::bind(dir.path(), &first).await.expect("bound");
    let socket = dir.path().join("agent.sock");
    let mode = std::fs::metadata(&socket).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o660, "for nobody else");

    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let stopping = stop.clone();
    tasks.spawn(async move {
        tokio::select! {
            () = relay.serve(listener, stopping) => {}
            () = async { loop { relay.renew(&handover.next().await.expect("renewed")) } } => {}
        }
    });
    let endpoint = format!("unix://{}", socket.display());
    let client = WorkloadApiClient::connect_to(endpoint).await.expect("connects");
    let mut contexts = client.stream_x509_contexts().await.expect("a stream");
    let mut leaves = Vec::new();
    for _ in 0..2 {
        let context = timeout(SOON, contexts.next()).await.expect("in time").expect("open");
        let svid = context.expect("material").default_svid().expect("one").clone();
        assert_eq!(svid.spiffe_id().to_string(), "spiffe://test.example/shop/web");
        leaves.push(svid.leaf().clone());
    }
    assert_ne!(leaves[0], leaves[1], "a renewed SVID is a new one");

    stop.cancel();
    tasks.close();
    timeout(SOON, tasks.wait()).await.expect("it ends");
    assert!(!socket.exists(), "nothing is left behind");
}
