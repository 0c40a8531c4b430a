//! `spike_identity` over the real Workload API of the development authority.

use std::time::Duration;

use spike_authority::dev::{Authority, AuthorityConfig};
use spike_core::SpiffeId;
use spike_identity::{Identity, Source, Wanted};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

fn id(path: &str) -> SpiffeId {
    format!("spiffe://test.example/{path}").parse().expect("a SPIFFE ID")
}

#[tokio::test]
async fn an_identity_comes_from_its_socket() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = AuthorityConfig {
        svid_ttl: Duration::from_mins(1),
        ..AuthorityConfig::new("test.example", dir.path().join("s"))
    };
    let authority = Authority::start(config).await.expect("a root");
    let socket = authority.serve("nexus", id("spike/nexus")).await.expect("serves");
    let source = Source::WorkloadApi { endpoint: format!("unix://{}", socket.display()) };
    let stop = CancellationToken::new();
    let identity = Identity::start(
        source,
        Wanted::any().within(Duration::from_secs(5)),
        stop,
        &TaskTracker::new(),
    )
    .await
    .expect("an SVID");
    assert_eq!(identity.id(), id("spike/nexus"));
}
