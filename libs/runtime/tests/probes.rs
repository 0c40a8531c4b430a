//! What the kubelet and Prometheus see.

use std::sync::{Arc, Mutex};

use prometheus_client::registry::Registry;
use spike_core::wire::v2::health::{Health, State};
use spike_runtime::{
    metrics::{Metrics, Requests, Serving},
    probes::{Probe, Probes},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

struct Switch(Mutex<Health>);

impl Probe for Switch {
    fn health(&self) -> Health {
        self.0.lock().expect("not poisoned").clone()
    }
}

#[tokio::test]
async fn probes_tell_life_readiness_and_metrics() {
    spike_identity::install_crypto(); // reqwest wants one even for plain HTTP
    let mut registry = Registry::default();
    let requests = Requests::register(&mut registry);
    Serving::register(&mut registry);
    requests.record("/v1/x", "ok", std::time::Duration::from_millis(3));

    let sealed = Health::not(State::Sealed, "no_root_key", "no root key yet");
    let switch = Arc::new(Switch(Mutex::new(sealed)));
    let probes = Probes::new(switch.clone(), Metrics::new(registry))
        .route("/statusz", axum::routing::get(async || "all is well"));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let base = format!("http://{}", listener.local_addr().expect("bound"));
    let (draining, stop) = (CancellationToken::new(), CancellationToken::new());
    let tracker = TaskTracker::new();
    tracker.spawn(probes.serve(listener, draining.clone(), stop.clone()));

    let get = async |path: &str| {
        let answer = reqwest::get(format!("{base}{path}")).await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    };
    assert_eq!(get("/livez").await.0, 200);
    let reason = r#"{"code":"no_root_key","message":"no root key yet"}"#;
    let sealed = format!(r#"{{"status":"sealed","reasons":[{reason}]}}"#);
    assert_eq!(get("/readyz").await, (503, sealed));
    *switch.0.lock().expect("not poisoned") = Health::READY;
    assert_eq!(get("/readyz").await, (200, r#"{"status":"ready","reasons":[]}"#.to_owned()));
    let away = Health::not(State::StoreUnavailable, "store_unavailable", "no answer");
    *switch.0.lock().expect("not poisoned") = away;
    let (status, text) = get("/readyz").await;
    assert_eq!(status, 200, "it keeps its key and its place");
    assert!(text.contains(r#""status":"store_unavailable""#), "{text}");
    assert_eq!(get("/statusz").await, (200, "all is well".to_owned()));
    assert_eq!(get("/nothing").await.0, 404);

    let (status, text) = get("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        r#"spike_requests_total{route="/v1/x",outcome="ok"} 1"#,
        r#"spike_request_seconds_count{route="/v1/x"} 1"#,
        "spike_connections 0",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }

    draining.cancel();
    let (status, text) = get("/readyz").await;
    assert_eq!(status, 503);
    assert!(text.contains(r#""status":"draining""#), "{text}");
    assert_eq!(get("/livez").await.0, 200, "still alive");
    stop.cancel();
    tracker.close();
    let ended = tokio::time::timeout(std::time::Duration::from_secs(3), tracker.wait()).await;
    assert!(ended.is_ok());
}

#[tokio::test]
async fn idle_connections_do_not_keep_the_kubelet_out() {
    let health = Arc::new(Switch(Mutex::new(Health::READY)));
    let probes = Probes::new(health, Metrics::new(Registry::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("bound");
    let stop = CancellationToken::new();
    let tracker = TaskTracker::new();
    tracker.spawn(probes.serve(listener, CancellationToken::new(), stop.clone()));

    let mut held = Vec::new();
    for number in 0..400 {
        let mut idle = TcpStream::connect(address).await.expect("connected");
        if number % 2 == 0 {
            // Headers that never end are no request either.
            let _ = idle.write_all(b"GET /livez HT").await;
        }
        held.push(idle);
    }
    for _ in 0..10 {
        let mut kubelet = TcpStream::connect(address).await.expect("connected");
        kubelet.write_all(b"GET /livez HTTP/1.0\r\n\r\n").await.expect("sent");
        let mut answer = String::new();
        kubelet.read_to_string(&mut answer).await.expect("not reset");
        assert!(answer.starts_with("HTTP/1.0 200"), "{answer:?}");
    }
    drop(held);
    stop.cancel();
    tracker.close();
    tracker.wait().await;
}
