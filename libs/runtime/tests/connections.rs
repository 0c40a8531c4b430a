//! Connections that are slow, idle, too many or not even TLS.

mod support;

use std::time::Instant;

use axum::{Router, routing::get};
use spike_runtime::Limits;
use support::{LONG, Raw, Running, millis};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

fn hello() -> Router {
    Router::new().route("/", get(async || "hello"))
}

#[tokio::test]
async fn slow_headers_end_a_connection_and_a_pause_between_requests_does_not() {
    let limits = Limits { headers: millis(400), ..Limits::default() };
    let server = Running::start(limits, hello()).await;
    let mut patient = server.tls("patient").await;
    patient.send(GET).await.expect("sent");
    assert!(patient.answer().await.starts_with("HTTP/1.1 200"));

    let mut slow = server.tls("slow").await;
    let began = Instant::now();
    slow.send("GET / HTTP/1.1\r\nx-").await.expect("sent");
    // A byte now and then: a deadline that starts again with each byte would never pass.
    while slow.send("a").await.is_ok() {
        assert!(began.elapsed() < millis(3_000), "slow headers are still being read");
        tokio::time::sleep(millis(50)).await;
    }
    assert!(began.elapsed() >= millis(400), "closed too early");

    patient.send(GET).await.expect("still open");
    assert!(patient.answer().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn slow_headers_after_a_first_request_end_a_connection_too() {
    let limits = Limits { headers: millis(300), ..Limits::default() };
    let server = Running::start(limits, hello()).await;
    let mut slow = server.tls("slow").await;
    slow.send(GET).await.expect("sent");
    slow.answer().await;
    slow.send("GET / HT").await.expect("sent");
    assert!(slow.closes_within(millis(2_000)).await);
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let limits = Limits { headers: millis(200), idle: millis(600), ..Limits::default() };
    let slowly = get(async || {
        tokio::time::sleep(millis(1_500)).await;
        "done"
    });
    let server = Running::start(limits, hello().route("/slowly", slowly)).await;
    let mut busy = server.tls("busy").await;
    busy.send("GET /slowly HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let mut idle = server.tls("idle").await;
    assert!(idle.closes_within(millis(1_400)).await);
    assert!(busy.answer().await.ends_with("done"));
}

#[tokio::test]
async fn garbage_and_silence_in_place_of_a_handshake_harm_nobody() {
    let limits = Limits { handshake: millis(300), ..Limits::default() };
    let server = Running::start(limits, hello()).await;
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 0xff, 0xff], &[0xff; 4096], b""] {
        let mut tcp = TcpStream::connect(server.address).await.expect("connected");
        tcp.write_all(garbage).await.expect("sent");
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(millis(2_000), tcp.read_to_end(&mut answer)).await;
        // An alert, a reset or nothing, but an end.
        assert!(ended.is_ok(), "{} bytes of garbage keep a connection open", garbage.len());
    }
    let mut client = server.tls("client").await;
    client.send(GET).await.expect("sent");
    assert!(client.answer().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn connections_beyond_the_cap_are_closed_at_once_and_room_is_found_again() {
    let limits = Limits { connections: 5, ..Limits::default() };
    let server = Running::start(limits, hello()).await;
    let mut idle = Vec::new();
    for _ in 0..5 {
        idle.push(server.tls("idle").await);
    }
    let mut sixth = TcpStream::connect(server.address).await.expect("connected");
    let mut nothing = Vec::new();
    let ended = tokio::time::timeout(millis(1_000), sixth.read_to_end(&mut nothing)).await;
    assert!(ended.is_ok() && nothing.is_empty(), "closed unheard");

    drop(idle.pop());
    tokio::time::sleep(millis(200)).await;
    let mut next = server.tls("next").await;
    next.send(GET).await.expect("sent");
    assert!(next.answer().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn clients_without_a_certificate_cannot_take_all_the_room() {
    let limits = Limits { connections: 8, anonymous: 2, ..Limits::default() };
    let server = Running::start(limits, hello()).await;
    let mut strangers = Vec::new();
    for _ in 0..2 {
        let mut stranger = server.anonymous().await.expect("a handshake");
        stranger.send(GET).await.expect("sent");
        assert!(stranger.answer().await.starts_with("HTTP/1.1 200"), "health is for everyone");
        strangers.push(stranger);
    }
    let third = server.anonymous().await;
    assert!(closed(third).await);
    let mut known = server.tls("known").await;
    known.send(GET).await.expect("sent");
    assert!(known.answer().await.starts_with("HTTP/1.1 200"));
}

/// With TLS 1.3 a client's handshake may be over before the server refuses.
async fn closed(connection: std::io::Result<Raw>) -> bool {
    match connection {
        Err(_) => true,
        Ok(mut raw) => raw.closes_within(millis(1_000)).await,
    }
}

#[tokio::test]
async fn who_is_not_admitted_gets_no_further_than_the_handshake() {
    let admit = |peer: Option<&spike_identity::Peer>| {
        peer.is_some_and(|peer| peer.id.as_str().ends_with("/friend"))
    };
    let admit = std::sync::Arc::new(admit);
    let server = Running::admitting(admit, Limits::default(), hello()).await;
    let mut friend = server.tls("friend").await;
    friend.send(GET).await.expect("sent");
    assert!(friend.answer().await.starts_with("HTTP/1.1 200"));
    let mut foe = server.tls("foe").await;
    assert!(foe.closes_within(millis(1_000)).await);
    assert!(closed(server.anonymous().await).await);
}

#[tokio::test]
async fn one_http2_connection_runs_no_more_than_its_streams_at_once() {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    };
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let counted = get(async move || {
        most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
        tokio::time::sleep(millis(50)).await;
        now.fetch_sub(1, SeqCst);
    });
    let limits = Limits { streams: 5, ..Limits::default() };
    let server = Running::start(limits, Router::new().route("/", counted)).await;
    let client = server.client("client", LONG).await;
    // One connection first: the client would open more if it didn't know of HTTP/2 yet.
    let first = client.get(server.url("/")).send().await.expect("an answer");
    assert_eq!(first.version(), http::Version::HTTP_2);

    let all = (0..40).map(|_| client.get(server.url("/")).send());
    for answer in futures::future::join_all(all).await {
        assert!(answer.expect("an answer").status().is_success());
    }
    assert_eq!(seen.load(SeqCst), 5);
}
