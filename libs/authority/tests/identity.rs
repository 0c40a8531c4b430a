//! `spike_identity` over the real Workload API of the development authority.

mod support;

use std::time::Duration;

use jiff::Timestamp;
use spike_identity::{Expected, Identity, Peer, PeerError, Wanted};
use support::{SOON, World, eventually, from, id};
use tokio::{
    net::{TcpListener, TcpStream, UnixListener},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, server::TlsStream};

/// A connection from `client` to `server`, and who the server says that is.
async fn connect(server: &Identity, client: &Identity) -> (TlsStream<TcpStream>, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (accepting, expected) = (TlsAcceptor::from(server.server_config()), server.id());
    let expected = Expected::matching(move |id| *id == expected, "the server");
    let connecting = TlsConnector::from(std::sync::Arc::new(client.client_config(expected)));
    let accept = async {
        let (tcp, _) = listener.accept().await.expect("a client");
        accepting.accept(tcp).await.expect("a handshake")
    };
    let connect = async {
        let tcp = TcpStream::connect(address).await.expect("a server");
        let name = "localhost".try_into().expect("a name");
        connecting.connect(name, tcp).await.expect("a handshake")
    };
    let both = async { tokio::join!(accept, connect) };
    let (accepted, _) = timeout(SOON, both).await.expect("in time");
    let peer = server.peer(accepted.get_ref().1.peer_certificates()).expect("verified");
    (accepted, peer.expect("a certificate"))
}

#[tokio::test]
async fn two_workloads_know_each_other() {
    let world = World::new(Duration::from_mins(5)).await;
    let nexus = world.identity("nexus", "spike/nexus").await;
    let pilot = world.identity("pilot", "spike/pilot/role/superuser").await;
    assert_eq!(nexus.id(), id("spike/nexus"));
    let (_open, peer) = connect(&nexus, &pilot).await;
    assert_eq!(peer.id, id("spike/pilot/role/superuser"));
    assert!(nexus.still_valid(&peer, Timestamp::now()));
}

#[tokio::test]
async fn renewing_leaves_connections_alone_and_a_new_root_ends_them() {
    let world = World::new(Duration::from_secs(8)).await;
    let nexus = world.identity("nexus", "spike/nexus").await;
    let pilot = world.identity("pilot", "spike/pilot").await;
    let (_open, peer) = connect(&nexus, &pilot).await;
    let (ours, theirs) = (nexus.expires_at(), pilot.expires_at());
    eventually("both are renewed", || nexus.expires_at() > ours && pilot.expires_at() > theirs)
        .await;
    assert!(nexus.still_valid(&peer, Timestamp::now()), "the roots are the same");

    world.authority.rotate_root().await.expect("rotates");
    eventually("the bundle is new", || !nexus.still_valid(&peer, Timestamp::now())).await;
    assert!(Timestamp::now() < peer.expires_at, "not because it expired");
    let (_open, again) = connect(&nexus, &pilot).await;
    assert!(nexus.still_valid(&again, Timestamp::now()));
}

#[tokio::test]
async fn an_agent_that_went_is_found_again() {
    let world = World::new(Duration::from_secs(30)).await;
    let nexus = world.identity("nexus", "spike/nexus").await;
    let pilot = world.identity("pilot", "spike/pilot").await;
    assert!(nexus.health().trouble.is_none());

    assert!(world.authority.remove("nexus").await);
    eventually("it is missed", || nexus.health().trouble.is_some()).await;
    let text = nexus.health().trouble.expect("missed").to_string();
    assert!(
        text.contains("the Workload API at unix://") && text.contains("id@nexus.sock"),
        "{text}"
    );
    connect(&nexus, &pilot).await;

    world.authority.serve("nexus", id("spike/nexus")).await.expect("serves");
    eventually("it is back", || nexus.health().trouble.is_none()).await;
}

#[tokio::test]
async fn a_hanging_agent_is_left_and_asked_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("hangs.sock");
    // It listens and never answers.
    let hanging = UnixListener::bind(&socket).expect("binds");
    let patience = Duration::from_secs(6);
    let refused = from(&socket, Wanted::any().within(patience)).await.expect_err("no answer");
    let text = refused.to_string();
    assert!(text.contains("within 6s") && text.contains("no answer within 5s"), "{text}");
    drop(hanging);
}

#[tokio::test]
async fn an_agent_that_begins_to_hang_is_noticed_before_the_svid_expires() {
    let world = World::new(Duration::from_secs(12)).await;
    let socket = world.authority.serve("nexus", id("spike/nexus")).await.expect("serves");
    let relay = world.dir().join("relay.sock");
    let listener = UnixListener::bind(&relay).expect("binds");
    // Passes one connection on until it is told to hang; later connections hang at once.
    let hang = tokio_util::sync::CancellationToken::new();
    let relaying = async {
        let (mut inside, _) = listener.accept().await.expect("a client");
        let mut outside = tokio::net::UnixStream::connect(&socket).await.expect("the agent");
        let copying = tokio::io::copy_bidirectional(&mut inside, &mut outside);
        hang.run_until_cancelled(copying).await;
        std::future::pending::<()>().await;
    };
    let test = async {
        let nexus = from(&relay, Wanted::any().within(SOON)).await.expect("an SVID");
        hang.cancel();
        eventually("it is noticed", || nexus.health().trouble.is_some()).await;
        // Silent for 8 s of 12, then 5 s without an answer to a new call: just about the end.
        assert!(Timestamp::now() < nexus.expires_at() + Duration::from_secs(3));
        let text = nexus.health().trouble.expect("noticed").to_string();
        assert!(text.contains("no answer within 5s"), "{text}");
    };
    tokio::select! {
        () = test => {}
        () = relaying => {}
    }
}

#[tokio::test]
async fn without_its_authority_an_identity_ends_with_its_svid() {
    let world = World::new(Duration::from_secs(5)).await;
    let nexus = world.identity("nexus", "spike/nexus").await;
    let pilot = world.identity("pilot", "spike/pilot").await;
    let (open, peer) = connect(&nexus, &pilot).await;
    world.authority.stop().await;
    assert!(nexus.still_valid(&peer, Timestamp::now()), "what was issued is good until its end");

    eventually("it ends", || !nexus.still_valid(&peer, Timestamp::now())).await;
    let refused = nexus.peer(open.get_ref().1.peer_certificates()).expect_err("expired");
    assert!(matches!(refused, PeerError::Expired | PeerError::OwnExpired(_)), "{refused}");
}

#[tokio::test]
async fn a_missing_agent_and_a_wrong_endpoint_are_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let missing = dir.path().join("none.sock");
    let refused = from(&missing, Wanted::any().within(Duration::from_secs(1))).await;
    let text = refused.expect_err("nothing is there").to_string();
    assert!(text.contains("none.sock") && text.contains("No such file"), "{text}");

    let source = spike_identity::Source::WorkloadApi { endpoint: "https://agent".to_owned() };
    let (stop, tracker) = Default::default();
    let refused = Identity::start(source, Wanted::any(), stop, &tracker).await;
    let text = refused.expect_err("not an endpoint").to_string();
    assert!(text.contains("https://agent") && text.contains("unix: or tcp:"), "{text}");
}

#[tokio::test]
async fn stopping_ends_the_wait_for_an_svid() {
    let dir = tempfile::tempdir().expect("a directory");
    let endpoint = format!("unix://{}/none.sock", dir.path().display());
    let source = spike_identity::Source::WorkloadApi { endpoint };
    let stop = tokio_util::sync::CancellationToken::new();
    stop.cancel();
    let tracker = tokio_util::task::TaskTracker::new();
    let refused = Identity::start(source, Wanted::any(), stop, &tracker).await;
    assert!(matches!(refused, Err(spike_identity::IdentityError::Stopped)), "{refused:?}");
}
