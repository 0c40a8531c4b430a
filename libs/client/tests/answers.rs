//! What a client makes of answers, and of none.

mod support;

use std::{collections::BTreeMap, time::Duration};

use spike_client::{ClientError, NexusClient};
use spike_core::{
    Roles, SecretPath,
    wire::{SecretText, v2::operator::RestoreRequest},
};
use spike_identity::Identity;
use support::{NEXUS, Server, Trust, WORKLOAD, json};

async fn client(
    answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
) -> (NexusClient, Server, Trust) {
    let trust = Trust::new(Duration::from_mins(5)).await;
    let server = trust.server(NEXUS, answer).await;
    let me = trust.identity(WORKLOAD).await;
    let client = NexusClient::new(&me, server.url.clone(), &Roles::default()).expect("a client");
    (client, server, trust)
}

fn path() -> SecretPath {
    "t/db".parse().expect("valid")
}

#[tokio::test]
async fn a_request_is_what_spikes_own_client_sends() {
    let (client, _, _trust) = client(|request| {
        let (head, body) = request.split_once("\r\n\r\n").unwrap_or_default();
        let expected = head.starts_with("POST /v1/store/secrets?action=get HTTP/1.1")
            && body == r#"{"path":"t/db"}"#;
        json(if expected { 200 } else { 400 }, r#"{"data":{"user":"root"}}"#)
    })
    .await;
    let secret = client.get_secret(&path(), None).await.expect("the expected request");
    assert_eq!(secret.get("user").map(SecretText::as_str), Some("root"));
}

#[tokio::test]
async fn failures_are_told_apart_by_whose_fault_they_are() {
    for (status, body, expected) in [
        (400, r#"{"data":null,"err":"api_bad_request"}"#, "bad request (api_bad_request)"),
        (401, r#"{"data":null,"err":"access_unauthorized"}"#, "access denied"),
        (404, r#"{"data":null,"err":"api_not_found"}"#, "not found"),
        (503, r#"{"err":"state_not_ready"}"#, "not ready (state_not_ready)"),
        (200, r#"{"data":null,"err":"entity_not_found"}"#, "not found"),
        (404, "<html>", "unexpected answer"),
        (302, "", "unexpected answer"),
        (200, r#"{"data":["secret-value"]}"#, "unexpected answer"),
    ] {
        let (client, _, _trust) = client(move |_| json(status, body)).await;
        let error = client.get_secret(&path(), None).await.expect_err(body);
        let text = error.to_string();
        assert!(text.starts_with(expected), "{status} {body}: {text}");
        assert!(!text.contains("secret-value"), "{text}");
    }
}

#[tokio::test]
async fn problems_of_the_native_protocol_keep_code_and_detail() {
    let problem = |status: u16, code: &str| {
        format!(
            r#"{{"type":"about:blank","title":"x","status":{status},"detail":"shard 2 is foreign",
                "code":"{code}"}}"#
        )
    };
    for (status, code, expected) in [
        (400, "restore/shard", "bad request (restore/shard): shard 2 is foreign"),
        (409, "state/already_initialized", "conflict (state/already_initialized): shard 2"),
        (409, "a_newer/code", "conflict (a_newer/code)"),
        (404, "shard/not_held", "not found"),
        (404, "a_newer/code", "not found"),
        (404, "request/no_such_route", "unexpected answer"),
        (405, "request/wrong_method", "unexpected answer"),
        (429, "request/rate_limited", "not ready (shard 2 is foreign)"),
        (403, "access/denied", "access denied"),
        (503, "state/not_ready", "not ready (shard 2 is foreign)"),
        (501, "store/unsupported", "unexpected answer"),
    ] {
        let body = problem(status, code);
        let (client, _, _trust) = client(move |_| json(status, &body)).await;
        let error = client.restore_all(&RestoreRequest { shards: vec![] }).await;
        let text = error.expect_err(code).to_string();
        assert!(text.starts_with(expected), "{status} {code}: {text}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let location = "HTTP/1.1 307 X\r\nlocation: /v1/elsewhere\r\ncontent-length: 0\r\n\r\n";
    let (client, server, _trust) = client(move |_| location.into()).await;
    let error = client.put_secret(&path(), BTreeMap::new()).await;
    assert!(matches!(error, Err(ClientError::Protocol { .. })), "{error:?}");
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_silent_server_ends_the_call_at_its_deadline_and_is_asked_once() {
    let (client, server, _trust) = client(|_| vec![]).await;
    let deadline = Duration::from_millis(300);
    let error = client.with_deadline(deadline).put_secret(&path(), BTreeMap::new()).await;
    assert!(matches!(error, Err(ClientError::TimedOut { .. })), "{error:?}");
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_connection_may_take_as_long_as_the_call() {
    // Its backlog accepts for it; nobody shakes hands.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://{}", mute.local_addr().expect("bound"));
    let trust = Trust::new(Duration::from_mins(5)).await;
    let me = trust.identity(WORKLOAD).await;
    let client = NexusClient::new(&me, url.parse().expect("a URL"), &Roles::default());
    let deadline = Duration::from_secs(6);
    let error = client.expect("a client").with_deadline(deadline).get_secret(&path(), None).await;
    let Err(ClientError::TimedOut { waited, .. }) = error else {
        unreachable!("it waits as long as it was told: {error:?}")
    };
    assert!(waited >= deadline, "{waited:?}");
}

#[tokio::test]
async fn a_url_that_goes_on_after_the_port_is_shown_whole_but_for_its_query() {
    let trust = Trust::new(Duration::from_mins(5)).await;
    let me = trust.identity(WORKLOAD).await;
    let url = "https://nexus:8553/v1/store?token=hunter2".parse().expect("a URL");
    let refused = NexusClient::new(&me, url, &Roles::default());
    let refused = refused.expect_err("refused").to_string();
    assert!(refused.contains(r#""https://nexus:8553/v1/store?…""#), "{refused}");
}

#[tokio::test]
async fn an_answer_that_does_not_end_in_time_is_no_answer() {
    let begun = "HTTP/1.1 200 X\r\ncontent-length: 1000\r\n\r\n{\"data\":";
    let (client, _, _trust) = client(move |_| begun.into()).await;
    let error = client.with_deadline(Duration::from_millis(300)).get_secret(&path(), None).await;
    assert!(matches!(error, Err(ClientError::TimedOut { .. })), "{error:?}");
}

#[tokio::test]
async fn an_oversized_answer_is_refused_by_its_announcement() {
    let huge = "HTTP/1.1 200 X\r\ncontent-length: 99999999999\r\n\r\n{";
    let (client, _, _trust) = client(move |_| huge.into()).await;
    let error = client.get_secret(&path(), None).await;
    assert!(matches!(error, Err(ClientError::Protocol { .. })), "{error:?}");
}

#[tokio::test]
async fn where_nothing_listens_is_said() {
    let trust = Trust::new(Duration::from_mins(5)).await;
    let me: Identity = trust.identity(WORKLOAD).await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("https://{}", free.local_addr().expect("an address"));
    drop(free);
    let client = NexusClient::new(&me, url.parse().expect("a URL"), &Roles::default());
    let error = client.expect("a client").list_secrets().await.expect_err("nobody there");
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().starts_with(&format!("cannot reach {url}: ")), "{error}");
}

#[tokio::test]
async fn only_a_plain_https_address_is_taken() {
    let trust = Trust::new(Duration::from_mins(5)).await;
    let me = trust.identity(WORKLOAD).await;
    for url in
        ["http://nexus:8553", "https://nexus/api", "https://nexus/?a=b", "https://me:pass@nexus"]
    {
        let made = NexusClient::new(&me, url.parse().expect("a URL"), &Roles::default());
        assert!(matches!(made, Err(ClientError::Url { .. })), "{url}");
    }
}
