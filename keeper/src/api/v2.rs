//! `/v2/shard:…`: framed shards, and problems by RFC 9457.

use axum::{
    body::Body,
    extract::{Extension, State},
    response::Response,
};
use http::{HeaderValue, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};
use spike_core::wire::v2::{PROBLEM_MEDIA_TYPE, Problem};
use spike_runtime::{
    Caller, InFlight, Refusal as Unheard,
    serve::{BodyError, read_body},
};
use zeroize::Zeroizing;

use super::{Api, json};
use crate::{
    keeper::{Asker, Failure},
    slots::Refusal,
};

/// More than any of our answers takes, so that a shard's buffer never grows.
const ANSWER_BYTES: usize = 2048;

macro_rules! route {
    ($(#[$doc:meta])* $name:ident, $op:literal, $call:ident) => {
        $(#[$doc])*
        pub(super) async fn $name(
            State(api): State<Api>,
            Extension(caller): Extension<Caller>,
            Extension(in_flight): Extension<InFlight>,
            body: Body,
        ) -> Response {
            let recorded = api.requests.begin(concat!("/v2/shard:", $op));
            let asker = asker(&api, caller, Some(in_flight), concat!("shard.", $op)).await;
            recorded.answered(match take(asker, body).await {
                Err(problem) => problem,
                Ok((asker, request)) => match api.keeper.$call(request, &asker).await {
                    Ok(answer) => done(&answer),
                    Err(failure) => refused(&failure),
                },
            })
        }
    };
}

route!(
    /// Takes a shard.
    put, "put", put
);
route!(
    /// Gives a shard.
    get, "get", get
);
route!(
    /// Makes the pending set the current one.
    commit, "commit", commit
);
route!(
    /// Forgets a set.
    forget, "drop", forget
);

/// What is held.
pub(super) async fn status(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
) -> Response {
    let recorded = api.requests.begin("/v2/shard:status");
    recorded.answered(match asker(&api, caller, None, "shard.status").await {
        Err(problem) => problem,
        Ok(_) => done(&api.keeper.status()),
    })
}

/// Reads what an authenticated asker wants: a stranger's body is never looked at.
async fn take<R: DeserializeOwned>(
    asker: Result<Asker, Response>,
    body: Body,
) -> Result<(Asker, R), Response> {
    let asker = asker?;
    let body = read_body(body).await.map_err(|error| {
        let status = match error {
            BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        };
        problem(status, "request/body", &error.to_string())
    })?;
    let request = serde_json::from_slice(&body).map_err(|error| {
        // serde_json quotes what it found, which may be a shard: tell only where it was.
        let place = format!("no such request, at line {} column {}", error.line(), error.column());
        problem(StatusCode::BAD_REQUEST, "request/malformed", &place)
    })?;
    Ok((asker, request))
}

async fn asker(
    api: &Api,
    Caller(peer): Caller,
    in_flight: Option<InFlight>,
    op: &'static str,
) -> Result<Asker, Response> {
    let id = peer.map(|peer| peer.id);
    if let Some(asker) = id.as_ref().and_then(|id| api.keeper.asker(id, in_flight)) {
        return Ok(asker);
    }
    match api.keeper.deny(id, op).await {
        Ok(()) => Err(problem(StatusCode::FORBIDDEN, "access/denied", "not a Nexus or Bootstrap")),
        Err(error) => Err(refused(&error.into())),
    }
}

fn done(answer: &impl Serialize) -> Response {
    let mut body = Zeroizing::new(Vec::with_capacity(ANSWER_BYTES));
    serde_json::to_writer(&mut *body, answer).expect("our own types are JSON");
    json(StatusCode::OK, body)
}

fn refused(failure: &Failure) -> Response {
    let refusal = match failure {
        Failure::Refused(refusal) => refusal,
        Failure::Audit(error) => {
            tracing::error!(%error, "refused: can't audit");
            let detail = "the audit log takes no lines";
            return problem(StatusCode::SERVICE_UNAVAILABLE, "audit/unavailable", detail);
        }
    };
    let status = match refusal {
        Refusal::OnlyNexus | Refusal::NotBootstraps => StatusCode::FORBIDDEN,
        Refusal::NoSuchSet => StatusCode::NOT_FOUND,
        Refusal::BadFrame
        | Refusal::BadShard
        | Refusal::NoShard
        | Refusal::Digest
        | Refusal::WrongIndex { .. }
        | Refusal::OtherInstance => StatusCode::BAD_REQUEST,
        Refusal::OtherCluster
        | Refusal::OtherBytes
        | Refusal::OtherFrame
        | Refusal::StaleEpoch
        | Refusal::LowerAttempt
        | Refusal::CurrentSet
        | Refusal::Framed => StatusCode::CONFLICT,
    };
    problem(status, refusal.code(), &refusal.to_string())
}

/// The answer to a request that never reached a handler.
pub(super) fn unheard(unheard: Unheard) -> Response {
    let (status, code) = match unheard {
        Unheard::IdentityExpired => (StatusCode::UNAUTHORIZED, "access/identity_expired"),
        Unheard::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "request/rate_limited"),
        Unheard::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "server/overloaded"),
        Unheard::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "request/body"),
        Unheard::TimedOut => (StatusCode::SERVICE_UNAVAILABLE, "server/timed_out"),
        Unheard::Panicked => (StatusCode::INTERNAL_SERVER_ERROR, "server/failed"),
    };
    problem(status, code, "")
}

pub(super) async fn method_not_allowed() -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, "request/method", "use POST")
}

pub(super) fn no_such_route() -> Response {
    problem(StatusCode::NOT_FOUND, "request/no_such_route", "")
}

fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    let problem = Problem {
        kind: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or_default().to_owned(),
        status: status.as_u16(),
        detail: detail.to_owned(),
        code: code.to_owned(),
    };
    let body = serde_json::to_vec(&problem).expect("our own types are JSON");
    let mut response = json(status, Zeroizing::new(body));
    let media = HeaderValue::from_static(PROBLEM_MEDIA_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}
