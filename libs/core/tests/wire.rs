//! Go's `encoding/json` decides what a message says and how it is written; this compares ours.
//!
//! `wire/corpus.jsonl` is made by `wire/gen`; `e2e/golden/spike-wire-sample.jsonl` was
//! recorded from SPIKE 0.8.2.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use spike_core::wire::{
    self, Decode, Encode, ErrorCode,
    v1::{self, Request, Response},
};

#[derive(Deserialize)]
struct Case {
    message: String,
    body: String,
    output: Option<String>,
}

fn corpus() -> Vec<Case> {
    let lines = include_str!("wire/corpus.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).expect("a case")).collect()
}

/// What comes out of a body that is decoded and encoded; `None` if it is refused.
fn there_and_back<T: Decode + Encode>(body: &[u8]) -> Option<String> {
    let message: T = wire::decode(body).ok()?;
    Some(String::from_utf8(wire::encode(&message).to_vec()).expect("JSON is UTF-8"))
}

fn ours(message: &str, body: &[u8]) -> Option<String> {
    match message {
        "SecretPutRequest" => there_and_back::<v1::SecretPutRequest>(body),
        "SecretGetRequest" => there_and_back::<v1::SecretGetRequest>(body),
        "SecretDeleteRequest" => there_and_back::<v1::SecretDeleteRequest>(body),
        "SecretGetResponse" => there_and_back::<v1::SecretGetResponse>(body),
        "SecretListResponse" => there_and_back::<v1::SecretListResponse>(body),
        "SecretMetadataResponse" => there_and_back::<v1::SecretMetadataResponse>(body),
        "PolicyPutRequest" => there_and_back::<v1::PolicyPutRequest>(body),
        "PolicyListResponse" => there_and_back::<v1::PolicyListResponse>(body),
        "CipherEncryptRequest" => there_and_back::<v1::CipherEncryptRequest>(body),
        "CipherEncryptResponse" => there_and_back::<v1::CipherEncryptResponse>(body),
        "RecoverResponse" => there_and_back::<v1::RecoverResponse>(body),
        "RestoreRequest" => there_and_back::<v1::RestoreRequest>(body),
        "RestoreResponse" => there_and_back::<v1::RestoreResponse>(body),
        "ShardGetResponse" => there_and_back::<v1::ShardGetResponse>(body),
        other => unreachable!("no message is called {other}"),
    }
}

#[test]
fn every_body_means_what_it_means_in_go() {
    let differences: Vec<_> = corpus()
        .iter()
        .filter_map(|Case { message, body, output }| {
            let body = STANDARD.decode(body).expect("base64");
            let ours = ours(message, &body);
            let shown = String::from_utf8_lossy(&body);
            (ours != *output)
                .then(|| format!("{message} {shown:?}\n  go   {output:?}\n  ours {ours:?}"))
        })
        .collect();
    assert!(differences.is_empty(), "{}\n{} differ", differences.join("\n"), differences.len());
}

#[test]
fn the_corpus_is_large_enough_to_mean_something() {
    let cases = corpus();
    let refused = cases.iter().filter(|case| case.output.is_none()).count();
    assert!(refused >= 300 && cases.len() - refused >= 300, "{refused} of {}", cases.len());
}

#[derive(Deserialize)]
struct Exchange {
    method: String,
    path: String,
    request: Sent,
    status: u16,
    raw: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sent {
    Json(serde_json::Value),
    Text(String),
}

/// Holds one recorded exchange against the types of its route.
fn replay<R: Request>(exchange: &Exchange) {
    let Exchange { request, status, raw, .. } = exchange;
    let body = match request {
        Sent::Json(json) => json.to_string(),
        Sent::Text(text) => text.clone(),
    };
    let request = wire::decode::<R>(body.as_bytes());
    assert!(request.is_ok() || *status == 400, "{body} was understood");
    let answer =
        if *status == 503 { answer::<v1::Fallback>(raw) } else { answer::<R::Response>(raw) };
    assert_eq!(answer.is_some(), *status != 200, "{raw}");
}

/// Checks that an answer is written like the recorded one, and returns its error.
fn answer<T: Response>(raw: &str) -> Option<ErrorCode> {
    let answer: T = wire::decode(raw.as_bytes()).expect("SPIKE wrote it");
    assert_eq!(String::from_utf8_lossy(&wire::encode(&answer)), raw);
    let error = answer.error().cloned();
    if let Some(code) = &error {
        let failed = T::failed(code.clone());
        assert_eq!(String::from_utf8_lossy(&wire::encode(&failed)), raw, "the zero struct");
    }
    error
}

/// One of SPIKE's routes and the check of an exchange on it.
type Route = ((&'static str, &'static str), fn(&Exchange));

fn route<R: Request>() -> Route {
    ((R::PATH, R::ACTION), replay::<R>)
}

#[test]
fn every_recorded_exchange_is_read_and_written_as_spike_does() {
    let routes = [
        route::<v1::SecretPutRequest>(),
        route::<v1::SecretGetRequest>(),
        route::<v1::SecretDeleteRequest>(),
        route::<v1::SecretUndeleteRequest>(),
        route::<v1::SecretListRequest>(),
        route::<v1::SecretMetadataRequest>(),
        route::<v1::PolicyPutRequest>(),
        route::<v1::PolicyGetRequest>(),
        route::<v1::PolicyDeleteRequest>(),
        route::<v1::PolicyListRequest>(),
        route::<v1::CipherEncryptRequest>(),
        route::<v1::CipherDecryptRequest>(),
        route::<v1::BootstrapVerifyRequest>(),
        route::<v1::RecoverRequest>(),
        route::<v1::RestoreRequest>(),
        route::<v1::ShardPutRequest>(),
        route::<v1::ShardGetRequest>(),
    ];
    let mut seen = [false; 17];
    let recorded = include_str!("../../../e2e/golden/spike-wire-sample.jsonl");
    for line in recorded.lines() {
        let exchange: Exchange = serde_json::from_str(line).expect("an exchange");
        let (path, action) = exchange.path.split_once("?action=").unwrap_or((&exchange.path, ""));
        let known = routes.iter().position(|(at, _)| *at == (path, action));
        if let Some(known) = known.filter(|_| exchange.method == "POST") {
            seen[known] = true;
            routes[known].1(&exchange);
        } else {
            assert!(answer::<v1::Fallback>(&exchange.raw).is_some(), "no route at {path}");
        }
    }
    assert_eq!(seen, [true; 17], "the sample has every route");
}
