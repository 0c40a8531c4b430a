//! The development authority, seen by a foreign client: the Rust crate `spiffe`.

use std::{os::unix::fs::PermissionsExt, path::Path, time::Duration};

use futures::StreamExt;
use spiffe::{WorkloadApiClient, WorkloadApiError};
use spike_authority::dev::{Authority, AuthorityConfig, AuthorityError};
use spike_core::SpiffeId;
use tokio::time::timeout;
use tonic::{Code, Request, Status, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;

const SOON: Duration = Duration::from_secs(10);

fn id(path: &str) -> SpiffeId {
    format!("spiffe://test.example/{path}").parse().expect("a SPIFFE ID")
}

async fn authority(dir: &tempfile::TempDir, svid_ttl: Duration) -> Authority {
    let config =
        AuthorityConfig { svid_ttl, ..AuthorityConfig::new("test.example", dir.path().join("s")) };
    Authority::start(config).await.expect("a root")
}

async fn client(socket: &Path) -> WorkloadApiClient {
    WorkloadApiClient::connect_to(format!("unix://{}", socket.display())).await.expect("connects")
}

/// A call as any gRPC client could make it, with or without the header.
async fn raw_call(socket: &Path, method: &'static str, header: bool) -> Status {
    let endpoint = format!("unix://{}", socket.display());
    let channel = tonic::transport::Endpoint::try_from(endpoint).expect("an endpoint");
    let mut grpc = Grpc::new(channel.connect().await.expect("connects"));
    grpc.ready().await.expect("ready");
    let mut request = Request::new(());
    if header {
        request.metadata_mut().insert("workload.spiffe.io", "true".parse().expect("ASCII"));
    }
    let codec = ProstCodec::<(), ()>::default();
    let answer = grpc.unary(request, PathAndQuery::from_static(method), codec).await;
    answer.expect_err("no call of this test succeeds")
}

#[tokio::test]
async fn a_foreign_client_gets_the_svid_of_the_socket() {
    let dir = tempfile::tempdir().expect("a directory");
    let authority = authority(&dir, Duration::from_mins(5)).await;
    let nexus = authority.serve("nexus", id("spike/nexus")).await.expect("serves");
    let pilot = authority.serve("pilot", id("spike/pilot")).await.expect("serves");

    for (socket, path) in [(&nexus, "spike/nexus"), (&pilot, "spike/pilot")] {
        let context = client(socket).await.fetch_x509_context().await.expect("material");
        let svid = context.default_svid().expect("one");
        assert_eq!(svid.spiffe_id().to_string(), id(path).to_string());
        assert_eq!(context.svids().len(), 1);
        let bundles = client(socket).await.fetch_x509_bundles().await.expect("bundles");
        let bundle = bundles.iter().next().expect("one").1;
        assert_eq!(bundle.trust_domain().to_string(), "test.example");
        assert_eq!(bundle.authorities().len(), 1);
    }
}

#[tokio::test]
async fn a_stream_brings_a_new_svid_at_half_of_its_life() {
    let dir = tempfile::tempdir().expect("a directory");
    let authority = authority(&dir, Duration::from_secs(4)).await;
    let socket = authority.serve("nexus", id("spike/nexus")).await.expect("serves");
    let mut stream = client(&socket).await.stream_x509_contexts().await.expect("a stream");

    let mut leaves = Vec::new();
    for _ in 0..3 {
        let context = timeout(SOON, stream.next()).await.expect("in time").expect("open");
        let context = context.expect("material");
        leaves.push(context.default_svid().expect("one").leaf().clone());
    }
    assert!(leaves[0] != leaves[1] && leaves[1] != leaves[2], "a renewed SVID is a new one");
}

#[tokio::test]
async fn a_new_root_is_published_before_it_signs_and_the_old_one_goes() {
    let dir = tempfile::tempdir().expect("a directory");
    let authority = authority(&dir, Duration::from_secs(4)).await;
    let socket = authority.serve("nexus", id("spike/nexus")).await.expect("serves");
    let mut stream = client(&socket).await.stream_x509_bundles().await.expect("a stream");
    let mut counts = Vec::new();

    authority.rotate_root().await.expect("rotates");
    while counts.last() != Some(&1) || !counts.contains(&2) {
        let set = timeout(SOON, stream.next()).await.expect("in time").expect("open");
        counts.push(set.expect("bundles").iter().next().expect("one").1.authorities().len());
    }
    counts.dedup();
    assert!(counts.ends_with(&[2, 1]), "{counts:?}");
}

#[tokio::test]
async fn a_call_without_the_header_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let authority = authority(&dir, Duration::from_mins(5)).await;
    let socket = authority.serve("nexus", id("spike/nexus")).await.expect("serves");

    for method in ["/SpiffeWorkloadAPI/FetchX509SVID", "/SpiffeWorkloadAPI/FetchX509Bundles"] {
        assert_eq!(raw_call(&socket, method, false).await.code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn the_jwt_profile_is_unimplemented() {
    let dir = tempfile::tempdir().expect("a directory");
    let authority = authority(&dir, Duration::from_mins(5)).await;
    let socket = authority.serve("nexus", id("spike/nexus")).await.expect("serves");

    for method in [
        "/SpiffeWorkloadAPI/FetchJWTSVID",
        "/SpiffeWorkloadAPI/FetchJWTBundles",
        "/SpiffeWorkloadAPI/ValidateJWTSVID",
    ] {
        assert_eq!(raw_call(&socket, method, true).await.code(), Code::Unimplemented);
    }
}

#[tokio::test]
async fn streams_are_bounded_and_a_closed_one_makes_room() {
    let dir = tempfile::tempdir().expect("a directory");
    let authority = authority(&dir, Duration::from_mins(5)).await;
    let socket = authority.serve("nexus", id("spike/nexus")).await.expect("serves");
    let mut open = Vec::new();
    let refused = loop {
        assert!(open.len() < 1000, "no bound");
        // One connection each: a connection has its own, lower bound.
        match client(&socket).await.stream_x509_bundles().await {
            Ok(stream) => open.push(stream),
            Err(refused) => break refused,
        }
    };
    let WorkloadApiError::Transport(refused) = refused else { panic!("{refused:?}") };
    assert!(refused.to_string().contains("too many streams"), "{refused}");

    open.clear();
    let again = async {
        while client(&socket).await.fetch_x509_bundles().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(SOON, again).await.expect("room again");
}

#[tokio::test]
async fn the_sockets_are_for_their_owner_only() {
    let dir = tempfile::tempdir().expect("a directory");
    let sockets = dir.path().join("sockets");
    let config = AuthorityConfig::new("test.example", &sockets);
    let authority = Authority::start(config.clone()).await.expect("a root");
    let socket = authority.serve("nexus", id("spike/nexus")).await.expect("serves");
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&sockets), mode(&socket)), (0o700, 0o600));

    authority.stop().await;
    let open = std::fs::Permissions::from_mode(0o750);
    std::fs::set_permissions(&sockets, open).expect("changed");
    let refused = Authority::start(config).await.expect_err("others could enter");
    assert!(matches!(refused, AuthorityError::OpenToOthers(_)), "{refused}");
}

#[tokio::test]
async fn wrong_names_and_identities_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let authority = authority(&dir, Duration::from_mins(5)).await;
    for name in ["", "../nexus", "a/b", ".hidden", "with space"] {
        let refused = authority.serve(name, id("x")).await.expect_err("not a name");
        assert!(matches!(refused, AuthorityError::Name(_)), "{name}: {refused}");
    }
    for foreign in
        ["spiffe://other.example/x", "spiffe://test.example", "spiffe://test.example.org/x"]
    {
        let foreign = foreign.parse().expect("a SPIFFE ID");
        let refused = authority.serve("x", foreign).await.expect_err("foreign");
        assert!(matches!(refused, AuthorityError::ForeignId(_)), "{refused}");
    }
    authority.serve("nexus", id("spike/nexus")).await.expect("serves");
    let refused = authority.serve("nexus", id("spike/other")).await.expect_err("taken");
    assert!(matches!(refused, AuthorityError::Taken(_)), "{refused}");

    for domain in ["", "a/b", "a b"] {
        let config = AuthorityConfig::new(domain, dir.path());
        let refused = Authority::start(config).await.expect_err("not a trust domain");
        assert!(matches!(refused, AuthorityError::TrustDomain(_)), "{refused}");
    }
}

#[tokio::test]
async fn a_socket_left_by_a_killed_process_is_replaced() {
    let dir = tempfile::tempdir().expect("a directory");
    let authority = authority(&dir, Duration::from_mins(5)).await;
    let left = dir.path().join("s/id@nexus.sock");
    drop(std::os::unix::net::UnixListener::bind(left).expect("binds"));
    let socket = authority.serve("nexus", id("spike/nexus")).await.expect("serves");
    client(&socket).await.fetch_x509_svid().await.expect("an SVID");
}

#[tokio::test]
async fn a_socket_has_its_plain_name_too_even_after_a_killed_process() {
    let dir = tempfile::tempdir().expect("a directory");
    let authority = authority(&dir, Duration::from_mins(5)).await;
    let plain = dir.path().join("s/nexus.sock");
    std::os::unix::fs::symlink("gone", &plain).expect("linked");
    authority.serve("nexus", id("spike/nexus")).await.expect("serves");
    client(&plain).await.fetch_x509_svid().await.expect("an SVID");
    authority.stop().await;
    assert!(plain.symlink_metadata().is_err(), "the link outlives the socket");
}

#[tokio::test]
async fn stopping_ends_every_stream_and_removes_the_sockets() {
    let dir = tempfile::tempdir().expect("a directory");
    let authority = authority(&dir, Duration::from_mins(5)).await;
    let socket = authority.serve("nexus", id("spike/nexus")).await.expect("serves");
    let other = authority.serve("pilot", id("spike/pilot")).await.expect("serves");
    let mut stream = client(&socket).await.stream_x509_contexts().await.expect("a stream");
    stream.next().await.expect("open").expect("material");

    assert!(authority.remove("pilot").await);
    assert!(!authority.remove("pilot").await, "once");
    assert!(!other.exists());

    timeout(SOON, authority.stop()).await.expect("stops in time");
    assert!(timeout(SOON, stream.next()).await.expect("ends in time").is_none_or(|m| m.is_err()));
    assert!(!socket.exists());
    let refused = authority.serve("late", id("x")).await.expect_err("stopped");
    assert!(matches!(refused, AuthorityError::Stopped), "{refused}");
}
