//! P7: no input makes a process exit, hang or grow without bound.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::print_stdout, reason = "a test may")]

use std::time::Duration;

use serde_json::json;
use spike_e2e::{Caller, Cluster, Options};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

async fn still_serves(cluster: &Cluster, caller: &Caller) {
    let url = format!("{}/v1/store/secrets?action=list", cluster.nexus_url());
    let answer = caller.post(&url, json!({})).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_too_large_or_not_json_are_refused_and_forgotten() {
    let cluster = Cluster::start(Options::default()).await.expect("a cluster");
    let caller = cluster.caller("superuser").await.expect("a caller");
    let url = format!("{}/v1/store/secrets", cluster.nexus_url());
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    let quoted = [b"{\"path\":\"".to_vec(), b"a".repeat(900_000), b"\"}".to_vec()].concat();
    for (what, body) in [
        ("200 MB", vec![b'x'; 200_000_000]),
        ("2 MB", vec![b'x'; 2_000_000]),
        ("deep JSON", deep),
        ("a long path", quoted),
        ("nothing", Vec::new()),
        ("not text", vec![0xff; 1000]),
        ("a half", b"{\"path\":".to_vec()),
    ] {
        // A server may close before it has read all of a body that it refuses.
        if let Ok(answer) = caller.send("POST", &url, "application/json", body).await {
            assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        }
        still_serves(&cluster, &caller).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_say_nothing_or_nonsense_are_dropped() {
    let cluster = Cluster::start(Options::default()).await.expect("a cluster");
    let caller = cluster.caller("superuser").await.expect("a caller");
    let address = ("127.0.0.1", cluster.nexus.port);
    let mut nonsense = TcpStream::connect(address).await.expect("connected");
    nonsense.write_all(&[0x16, 0x03, 0x01, 0xff, 0xff, 0x00]).await.expect("sent");
    let mut silent = TcpStream::connect(address).await.expect("connected");
    let start = Instant::now();
    for stream in [&mut nonsense, &mut silent] {
        let mut bytes = Vec::new();
        let closed = timeout(Duration::from_secs(30), stream.read_to_end(&mut bytes)).await;
        assert!(closed.is_ok(), "a handshake may take forever");
    }
    assert!(start.elapsed() < Duration::from_secs(30));
    still_serves(&cluster, &caller).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_idle_connections_leave_room_for_a_request() {
    let cluster = Cluster::start(Options::default()).await.expect("a cluster");
    let caller = cluster.caller("superuser").await.expect("a caller");
    let mut idle = Vec::new();
    for _ in 0..1000 {
        idle.push(TcpStream::connect(("127.0.0.1", cluster.nexus.port)).await.expect("connected"));
    }
    still_serves(&cluster, &caller).await;
}
