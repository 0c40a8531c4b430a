//! Requests that are too big, too slow, too many, or from somebody who is nobody any more.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use axum::{
    Extension, Router,
    body::Body,
    routing::{get, post},
};
use bytes::Bytes;
use futures::future::join_all;
use http::StatusCode;
use http_body_util::StreamBody;
use hyper::body::Frame;
use spike_runtime::{
    Caller, InFlight, Limits,
    serve::{BodyError, Rate, read_body},
};
use support::{LONG, Running, millis};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

fn echo() -> Router {
    let length = post(async |body: Body| match read_body(body).await {
        Ok(body) => (StatusCode::OK, body.len().to_string()),
        Err(BodyError::TooLarge) => (StatusCode::BAD_REQUEST, "too large".to_owned()),
        Err(BodyError::TooSlow) => (StatusCode::BAD_REQUEST, "too slow".to_owned()),
        Err(other) => (StatusCode::BAD_REQUEST, other.to_string()),
    });
    #[expect(clippy::panic, reason = "what is being tested")]
    let panic = get(async || -> () { panic!("on purpose") });
    let sleep = get(async || {
        tokio::time::sleep(millis(700)).await;
        "slept"
    });
    let whoami = get(async |Extension(Caller(peer)): Extension<Caller>| {
        peer.map_or_else(|| "nobody".to_owned(), |peer| peer.id.to_string())
    });
    Router::new()
        .route("/", length)
        .route("/panic", panic)
        .route("/sleep", sleep)
        .route("/whoami", whoami)
}

async fn text(answer: reqwest::Result<reqwest::Response>) -> String {
    answer.expect("an answer").text().await.expect("a body")
}

#[tokio::test]
async fn a_handler_learns_who_calls() {
    let server = Running::start(Limits::default(), echo()).await;
    let client = server.client("workload/a", LONG).await;
    let who = text(client.get(server.url("/whoami")).send().await).await;
    assert_eq!(who, "spiffe://spike.ist/workload/a");
    let mut stranger = server.anonymous().await.expect("a handshake");
    stranger.send("GET /whoami HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    assert!(stranger.answer().await.ends_with("nobody"));
}

#[tokio::test]
async fn a_body_of_200_megabytes_is_refused_unread() {
    let server = Running::start(Limits::default(), echo()).await;
    let mut raw = server.tls("client").await;
    raw.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 209715200\r\n\r\n")
        .await
        .expect("sent");
    let answer = raw.answer().await;
    assert!(answer.ends_with("BodyTooLarge"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert!(raw.closes_within(millis(4_000)).await);
}

#[tokio::test]
async fn a_client_that_sends_200_megabytes_all_the_same_still_gets_the_answer() {
    let server = Running::start(Limits::default(), echo()).await;
    for (name, alpn) in [("one", &b"http/1.1"[..]), ("two", b"h2")] {
        let identity = server.ca.identity(name, LONG).await;
        let client = support::client(&identity, &[alpn]);
        // Chunked: the server can't know how much is coming.
        let chunk = Bytes::from(vec![7; 65536]);
        let chunks = (0..3200).map(move |_| Ok::<_, std::io::Error>(Frame::data(chunk.clone())));
        let body = reqwest::Body::wrap(StreamBody::new(futures::stream::iter(chunks)));
        let answer = client.post(server.url("/")).body(body).send().await;
        assert_eq!(text(answer).await, "too large", "{name}");
    }
}

#[tokio::test]
async fn a_client_that_listens_only_after_its_last_byte_still_gets_the_answer() {
    let server = Running::start(Limits::default(), echo()).await;
    let mut raw = server.tls("client").await;
    let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 20971520\r\n\r\n";
    raw.send(head).await.expect("sent");
    let chunk = "x".repeat(1 << 20);
    for _ in 0..20 {
        raw.send(&chunk).await.expect("taken, though not wanted");
    }
    assert!(raw.answer().await.ends_with("BodyTooLarge"));
}

#[tokio::test]
async fn a_body_up_to_the_limit_is_read_whole() {
    let server = Running::start(Limits::default(), echo()).await;
    let client = server.client("client", LONG).await;
    let just = client.post(server.url("/")).body(vec![7; 1 << 20]).send().await;
    assert_eq!(text(just).await, "1048576");
    let over = client.post(server.url("/")).body(vec![7; (1 << 20) + 1]).send().await;
    assert_eq!(text(over).await, "BodyTooLarge");
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up() {
    let limits = Limits { body: millis(500), ..Limits::default() };
    let server = Running::start(limits, echo()).await;
    let mut raw = server.tls("client").await;
    raw.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n").await.expect("sent");
    for _ in 0..8 {
        raw.send("x").await.expect("sent");
        tokio::time::sleep(millis(100)).await;
    }
    assert!(raw.answer().await.ends_with("too slow"));
}

#[tokio::test]
async fn a_panic_is_one_failed_request_and_no_more() {
    let server = Running::start(Limits::default(), echo()).await;
    for (name, alpn) in [("one", &b"http/1.1"[..]), ("two", b"h2")] {
        let identity = server.ca.identity(name, LONG).await;
        let client = support::client(&identity, &[alpn]);
        assert_eq!(text(client.get(server.url("/panic")).send().await).await, "Panicked");
        assert_eq!(text(client.post(server.url("/")).body("abc").send().await).await, "3");
    }
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_dropped() {
    let limits = Limits { request: millis(200), ..Limits::default() };
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&dropped);
    let hang = get(async move || {
        struct OnDrop(Arc<AtomicBool>);
        impl Drop for OnDrop {
            fn drop(&mut self) {
                self.0.store(true, SeqCst);
            }
        }
        let _on_drop = OnDrop(flag);
        std::future::pending::<()>().await;
    });
    let server = Running::start(limits, Router::new().route("/", hang)).await;
    let client = server.client("client", LONG).await;
    assert_eq!(text(client.get(server.url("/")).send().await).await, "TimedOut");
    assert!(dropped.load(SeqCst));
}

#[tokio::test]
async fn requests_beyond_the_limit_are_shed_and_not_queued() {
    let limits = Limits { in_flight: 2, ..Limits::default() };
    let server = Running::start(limits, echo()).await;
    let client = server.client("client", LONG).await;
    let began = Instant::now();
    let asked = (0..6).map(|_| async { text(client.get(server.url("/sleep")).send().await).await });
    let answers = futures::future::join_all(asked).await;
    let slept = answers.iter().filter(|answer| *answer == "slept").count();
    let shed = answers.iter().filter(|answer| *answer == "Overloaded").count();
    assert_eq!((slept, shed), (2, 4), "{answers:?}");
    assert!(began.elapsed() < millis(1_300), "nobody waited for a turn");
    assert_eq!(text(client.get(server.url("/sleep")).send().await).await, "slept");
}

#[tokio::test]
async fn work_that_outlives_its_request_counts_until_it_is_done() {
    let (tracker, finish) = (TaskTracker::new(), Arc::new(Notify::new()));
    let work = {
        let (tracker, finish) = (tracker.clone(), Arc::clone(&finish));
        post(async move |Extension(in_flight): Extension<InFlight>| {
            let work = async move {
                finish.notified().await;
                drop(in_flight);
            };
            tracker.spawn(work).await.expect("no panic");
        })
    };
    let limits = Limits { in_flight: 1, ..Limits::default() };
    let server = Running::start(limits, echo().route("/work", work)).await;
    for (name, alpn) in [("one", &b"http/1.1"[..]), ("two", b"h2")] {
        let identity = server.ca.identity(name, LONG).await;
        let client = support::client(&identity, &[alpn]);
        let asked = client.post(server.url("/work")).send();
        assert!(tokio::time::timeout(millis(300), asked).await.is_err(), "{name}: gave up");
        tokio::time::sleep(millis(200)).await;
        let next = client.get(server.url("/whoami")).send().await;
        assert_eq!(text(next).await, "Overloaded", "{name}: the work goes on");
        finish.notify_one();
        tokio::time::sleep(millis(200)).await;
        let next = client.get(server.url("/whoami")).send().await;
        assert_eq!(text(next).await, format!("spiffe://spike.ist/{name}"), "it is done");
    }
}

#[tokio::test]
async fn an_identity_over_its_rate_is_refused_and_another_is_not() {
    let rate = Some(Rate { per_second: 1, burst: 2 });
    let server = Running::start(Limits { rate, ..Limits::default() }, echo()).await;
    let greedy = server.client("greedy", LONG).await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(text(greedy.get(server.url("/whoami")).send().await).await);
    }
    let me = "spiffe://spike.ist/greedy";
    assert_eq!(answers, [me, me, "RateLimited", "RateLimited"]);
    let modest = server.client("modest", LONG).await;
    let answer = text(modest.get(server.url("/whoami")).send().await).await;
    assert_eq!(answer, "spiffe://spike.ist/modest");
}

#[tokio::test]
async fn an_expired_svid_is_refused_on_an_open_connection_which_then_closes() {
    let server = Running::start(Limits::default(), echo()).await;
    for (name, alpn) in [("one", &b"http/1.1"[..]), ("two", b"h2")] {
        let identity = server.ca.identity(name, Duration::from_secs(3)).await;
        let client = support::client(&identity, &[alpn]);
        assert_eq!(text(client.post(server.url("/")).body("abc").send().await).await, "3");
        tokio::time::sleep(millis(3_200)).await;
        let refused = client.post(server.url("/")).body("abc").send().await;
        assert_eq!(text(refused).await, "IdentityExpired", "{name}");
        tokio::time::sleep(millis(200)).await;
        let again = client.post(server.url("/")).body("abc").send().await;
        assert!(again.is_err(), "{name}: the connection is closed, and a new one refused");
    }
}

/// Eight HTTP/2 clients that keep asking while the server's roots change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_roots_cost_a_request_on_an_old_connection_and_not_its_repetition() {
    let server = Running::start(Limits::default(), echo()).await;
    let identity = server.ca.identity("client", LONG).await;
    let url = server.url("/");
    let ask =
        async |client: &reqwest::Client| text(client.post(&url).body("abc").send().await).await;
    let refusals = join_all((0..8).map(async |_| {
        let client = support::client(&identity, &[b"h2"]);
        assert_eq!(ask(&client).await, "3");
        let until = Instant::now() + Duration::from_secs(6);
        let mut refused = 0;
        while Instant::now() < until {
            let answer = ask(&client).await;
            if answer == "IdentityExpired" {
                refused += 1;
                assert_eq!(ask(&client).await, "3", "a new handshake is judged by the new roots");
            } else {
                assert_eq!(answer, "3");
            }
            tokio::time::sleep(millis(10)).await;
        }
        refused
    }));
    let change = async {
        tokio::time::sleep(millis(200)).await;
        server.ca.add_root_for("server");
    };
    let (refusals, ()) = tokio::join!(refusals, change);
    assert!(refusals.iter().all(|refused| *refused <= 1), "{refusals:?}");
    assert!(refusals.contains(&1), "nobody was refused: the roots never changed");
}

#[tokio::test]
async fn a_drain_finishes_what_was_asked_and_takes_nothing_new() {
    for (name, alpn) in [("one", &b"http/1.1"[..]), ("two", b"h2")] {
        let mut server = Running::start(Limits::default(), echo()).await;
        let identity = server.ca.identity(name, LONG).await;
        let client = support::client(&identity, &[alpn]);
        let mut idle = server.tls("idle").await;
        let asked = client.get(server.url("/sleep")).send();
        let stopped = async {
            tokio::time::sleep(millis(200)).await;
            server.stop.cancel();
        };
        let (answer, ()) = tokio::join!(asked, stopped);
        assert_eq!(text(answer).await, "slept", "{name}");
        assert!(idle.closes_within(millis(500)).await, "nothing to wait for");
        server.end(millis(2_000)).await;
        assert!(client.get(server.url("/whoami")).send().await.is_err());
    }
}

#[tokio::test]
async fn a_drain_is_over_when_its_time_is() {
    let limits = Limits { drain: millis(300), ..Limits::default() };
    let hang = get(async || std::future::pending::<()>().await);
    let mut server = Running::start(limits, Router::new().route("/", hang)).await;
    for alpn in [&b"http/1.1"[..], b"h2"] {
        let identity = server.ca.identity("client", LONG).await;
        let client = support::client(&identity, &[alpn]);
        let asked = client.get(server.url("/")).send();
        // Given up by us, but not by the server yet: the connection stays in the client's pool.
        assert!(tokio::time::timeout(millis(300), asked).await.is_err());
    }
    let mut reader = server.tls("reader").await;
    reader.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    tokio::time::sleep(millis(100)).await;
    server.stop.cancel();
    server.end(millis(2_000)).await;
}
