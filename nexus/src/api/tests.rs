//! Every route without a certificate, and every route's words for a refusal.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{Router, body::Body, response::Response};
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use spike_audit::{Entry, Event, Log, Sink, Sync};
use spike_authority::dev::{Authority, AuthorityConfig};
use spike_client::{ClientError, NexusClient};
use spike_core::{
    Roles,
    wire::{ErrorCode, SecretText},
};
use spike_identity::{Identity, Source, Wanted};
use spike_runtime::{Env, Limits, Refusal, Server, serve::everyone};
use spike_seal::SealError;
use spike_store::{Store, StoreError, memory::MemoryStore};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Notify};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use super::{
    refuse::{code, unserved},
    v1::every_route,
};
use crate::{
    app::{Watermark, error::Error, tests::hostile::Hostile},
    config::Config,
    keys::{Keys, Reason},
    metrics::Metrics,
    nexus::Nexus,
    serve::assemble,
    start::Parts,
};

/// The routes of a sealed Nexus in memory mode.
async fn nexus(folder: &TempDir) -> Router {
    super::router(assembled(folder, Arc::new(MemoryStore::new())).await.nexus)
}

/// An identity of that authority.
async fn identity(authority: &Authority, name: &str, id: &str) -> Identity {
    let id = id.parse().expect("a SPIFFE ID");
    let socket = authority.serve(name, id).await.expect("a socket");
    let source = Source::WorkloadApi { endpoint: format!("unix://{}", socket.display()) };
    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
    Identity::start(source, Wanted::any(), stop, &tracker).await.expect("an identity")
}

/// A sealed Nexus in memory mode, with an identity of its own.
struct Assembled {
    nexus: Arc<Nexus>,
    audit: Log,
    identity: Identity,
    authority: Authority,
}

async fn assembled(folder: &TempDir, store: Arc<dyn Store>) -> Assembled {
    spike_identity::install_crypto();
    let config = AuthorityConfig::new("spike.ist", folder.path().join("identity"));
    let authority = Authority::start(config).await.expect("an authority");
    let identity = identity(&authority, "nexus", "spiffe://spike.ist/spike/nexus").await;

    let sink = Sink::File { path: folder.path().join("audit.jsonl"), sync: Sync::Os };
    let sealed = Reason { code: "starting", message: "not yet".to_owned() };
    let parts = Parts {
        identity: identity.clone(),
        store: store.clone(),
        awaited: Arc::default(),
        audit: Log::open(sink, "test".to_owned()).await.expect("an audit"),
        keys: Keys::sealed(store, sealed),
        watermark: Watermark::default(),
    };
    let env = [("SPIKE_NEXUS_BACKEND_STORE".to_owned(), "memory".to_owned())];
    let config = Config::read(env.into_iter().collect::<Env>(), |_| ()).expect("right");
    let metrics = Metrics::register(&mut Registry::default(), &parts);
    let draining = CancellationToken::new();
    let nexus = assemble(&config, &parts, metrics, &draining).expect("assembled");
    Assembled { nexus, audit: parts.audit, identity, authority }
}

async fn ask(nexus: &Router, method: Method, path: &str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path).body(Body::from("{}"));
    let response = nexus.clone().oneshot(request.expect("a request")).await.expect("infallible");
    told(response).await
}

async fn told(response: Response) -> (StatusCode, String) {
    let status = response.status();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn no_route_but_health_serves_a_caller_without_a_certificate() {
    let folder = TempDir::new().expect("a folder");
    let nexus = nexus(&folder).await;
    let spikes = every_route().chain(["/".to_owned(), "/v1/nope".to_owned()]);
    for path in spikes {
        for method in [Method::POST, Method::GET, Method::PUT, Method::DELETE] {
            let (status, body) = ask(&nexus, method.clone(), &path).await;
            let refused = r#"{"err":"access_unauthorized"}"#;
            assert_eq!((status.as_u16(), body.as_str()), (401, refused), "{method} {path}");
        }
    }
    for path in [
        "/v2/status",
        "/v2/access:check",
        "/v2/keys",
        "/v2/keys:ensure",
        "/v2/escrow",
        "/v2/operator:recover",
        "/v2/operator:drill",
        "/v2/operator:restore",
        "/v2/operator:resetRestore",
        "/v2/operator:acceptRollback",
        "/v2/secrets/a",
        "/v2/",
    ] {
        for method in [Method::POST, Method::GET, Method::PUT, Method::DELETE] {
            let (status, body) = ask(&nexus, method.clone(), path).await;
            assert_eq!(status.as_u16(), 401, "{method} {path}: {body}");
            assert!(body.contains("access/unauthenticated"), "{method} {path}: {body}");
        }
    }
}

#[tokio::test]
async fn health_tells_everyone_why_it_is_not_ready() {
    let folder = TempDir::new().expect("a folder");
    let nexus = nexus(&folder).await;
    let (status, body) = ask(&nexus, Method::GET, "/health").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let expected = r#"{"status":"sealed","reasons":[{"code":"starting","message":"not yet"}"#;
    assert!(body.starts_with(expected), "{body}");
    let (status, _) = ask(&nexus, Method::POST, "/health").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "only the GET is for everyone");
}

#[tokio::test]
async fn health_tells_of_an_audit_that_takes_no_lines() {
    let folder = TempDir::new().expect("a folder");
    let Assembled { nexus, audit, .. } = assembled(&folder, Arc::new(MemoryStore::new())).await;
    let nexus = super::router(nexus);
    std::fs::write(folder.path().join("audit.jsonl"), "not one of ours\n").expect("written");
    let entry = Entry::new(Event::Started, "test", jiff::Timestamp::now());
    audit.append(entry).await.expect_err("not a log");
    let (status, body) = ask(&nexus, Method::GET, "/health").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("audit_unavailable") && body.contains("move it away"), "{body}");
}

#[tokio::test]
async fn a_request_that_is_not_served_is_refused_in_the_words_of_its_protocol() {
    for (refusal, spikes, ours) in [
        (Refusal::IdentityExpired, (401, "access_unauthorized"), (401, "access/identity_expired")),
        (Refusal::RateLimited, (503, "state_not_ready"), (429, "request/rate_limited")),
        (Refusal::Overloaded, (503, "state_not_ready"), (503, "server/overloaded")),
        (Refusal::TimedOut, (503, "state_not_ready"), (503, "server/timed_out")),
        (Refusal::BodyTooLarge, (400, "api_bad_request"), (413, "request/body_too_large")),
        (Refusal::Panicked, (500, "api_internal_error"), (500, "server/failed")),
    ] {
        let answer = unserved(refusal, &"/v1/store/secrets?action=get".parse().expect("a path"));
        assert_eq!(answer.headers()[header::PRAGMA], "no-cache");
        let (status, code) = spikes;
        let (got, body) = told(answer).await;
        assert_eq!((got.as_u16(), body), (status, format!(r#"{{"err":"{code}"}}"#)));

        let answer = unserved(refusal, &"/v2/status".parse().expect("a path"));
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
        let (status, code) = ours;
        let (got, body) = told(answer).await;
        assert!(
            got.as_u16() == status && body.ends_with(&format!(r#""code":"{code}"}}"#)),
            "{body}"
        );
    }
}

#[test]
fn a_store_that_lies_is_no_more_than_not_ready_to_a_caller() {
    let forged = || SealError::Forged("record");
    for error in [
        Error::Tampered { what: "record_forged", path: None, source: forged() },
        Error::Store(StoreError::Corrupt("a column is missing".to_owned())),
    ] {
        assert_eq!(code(&error), (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::NotReady));
    }
}

#[tokio::test]
async fn a_write_whose_client_left_is_in_flight_until_it_is_done() {
    let folder = TempDir::new().expect("a folder");
    let store = Hostile::new(Arc::new(MemoryStore::new()));
    let Assembled { nexus, identity: own, authority, .. } = assembled(&folder, store.clone()).await;
    let stop = CancellationToken::new();
    nexus.boot.run(stop.clone()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("bound"));
    let server = Server {
        listener,
        identity: own,
        router: super::router(nexus.clone()),
        limits: Limits { in_flight: 1, ..Limits::default() },
        refuse: Arc::new(unserved),
        admit: everyone(),
        metrics: nexus.metrics.serving.clone(),
    };
    TaskTracker::new().spawn(server.run(stop.clone()));
    let root = "spiffe://spike.ist/spike/pilot/role/superuser";
    let caller = identity(&authority, "root", root).await;
    let client = |patience| {
        let client = NexusClient::new(&caller, url.parse().expect("a URL"), &Roles::default());
        client.expect("a client").with_deadline(Duration::from_millis(patience))
    };
    let path = "a".parse().expect("a path");
    let values = BTreeMap::from([("v".to_owned(), SecretText::from("x"))]);

    let finish = Arc::new(Notify::new());
    let held = finish.clone();
    store.meanwhile(async move { held.notified().await });
    let left = client(700).put_secret(&path, values).await;
    assert!(matches!(left, Err(ClientError::TimedOut { .. })), "{left:?}");
    let next = client(10_000).secret_metadata(&path, None).await;
    assert!(matches!(next, Err(ClientError::NotReady { .. })), "{next:?}");

    finish.notify_one();
    nexus.work.close();
    nexus.work.wait().await;
    client(10_000).secret_metadata(&path, None).await.expect("it was written");
    stop.cancel();
}
