//! Whom a client talks to, and for how long it goes on trusting.

mod support;

use std::time::Duration;

use spike_client::{ClientError, KeeperClient, NexusClient};
use spike_core::{Roles, SecretPath, ShareIndex};
use support::{NEXUS, Trust, WORKLOAD, json};

const LONG: Duration = Duration::from_mins(5);

fn path() -> SecretPath {
    "t/db".parse().expect("valid")
}

#[tokio::test]
async fn a_server_with_another_role_never_sees_a_request() {
    let trust = Trust::new(LONG).await;
    let keeper = "spiffe://spike.ist/spike/keeper";
    let server = trust.server(keeper, |_| json(200, r#"{"data":{"a":"b"}}"#)).await;
    let me = trust.identity(WORKLOAD).await;

    let nexus = NexusClient::new(&me, server.url.clone(), &Roles::default()).expect("a client");
    let refused = nexus.get_secret(&path(), None).await;
    assert!(matches!(refused, Err(ClientError::Untrusted { .. })), "{refused:?}");
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn a_keeper_is_believed_for_its_own_shard_only() {
    let trust = Trust::new(LONG).await;
    let second = "spiffe://spike.ist/spike/keeper/team/a/spike-a-keeper-1";
    let status = r#"{"index":2,"sets":[],"witness":{"ring":0,"policies":0},"unframed":false}"#;
    let server = trust.server(second, move |_| json(200, status)).await;
    let me = trust.identity("spiffe://spike.ist/spike/nexus/team/a").await;
    let roles = Roles { instance: "team/a".parse().ok(), ..Roles::default() };
    let keeper = |index| {
        let index = ShareIndex::new(index).expect("not zero");
        KeeperClient::new(&me, server.url.clone(), &roles, index).expect("a client")
    };

    assert!(keeper(2).status().await.is_ok());
    let refused = keeper(1).status().await;
    assert!(matches!(refused, Err(ClientError::Untrusted { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_server_of_another_trust_domain_is_not_trusted() {
    let (ours, theirs) = (Trust::new(LONG).await, Trust::new(LONG).await);
    let server = theirs.server(NEXUS, |_| json(200, "{}")).await;
    let me = ours.identity(WORKLOAD).await;

    let nexus = NexusClient::new(&me, server.url.clone(), &Roles::default()).expect("a client");
    let refused = nexus.list_secrets().await;
    assert!(matches!(refused, Err(ClientError::Untrusted { .. })), "{refused:?}");
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn connections_are_kept_until_the_svid_is_renewed() {
    let trust = Trust::new(Duration::from_secs(4)).await;
    let server = trust.server(NEXUS, |_| json(200, r#"{"keys":[]}"#)).await;
    let me = trust.identity(WORKLOAD).await;
    let nexus = NexusClient::new(&me, server.url.clone(), &Roles::default()).expect("a client");

    let first = me.expires_at();
    for _ in 0..3 {
        nexus.list_secrets().await.expect("an answer");
    }
    if me.expires_at() == first {
        assert_eq!(server.connections(), 1, "three calls over one connection");
    }
    let (before, current) = (server.connections(), me.expires_at());
    let renewed = async {
        while me.expires_at() == current {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), renewed).await.expect("a renewed SVID");
    nexus.list_secrets().await.expect("an answer");
    assert_eq!(server.connections(), before + 1, "a new handshake with the new SVID");
}

#[tokio::test]
async fn a_new_root_ends_old_connections() {
    let trust = Trust::new(LONG).await;
    let server = trust.server(NEXUS, |_| json(200, r#"{"keys":[]}"#)).await;
    let me = trust.identity(WORKLOAD).await;
    let nexus = NexusClient::new(&me, server.url.clone(), &Roles::default()).expect("a client");

    nexus.list_secrets().await.expect("an answer");
    let old = me.generation();
    trust.authority.rotate_root().await.expect("a new root");
    let published = async {
        while me.generation() == old {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), published).await.expect("a new bundle");
    nexus.list_secrets().await.expect("an answer");
    assert_eq!(server.connections(), 2);
}
