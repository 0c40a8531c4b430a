//! `/v2/shard:…`: framed shards, and problems by RFC 9457.

use axum::{
    body::Body,
    extract::{Extension, State},
    response::Response,
};
use http::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use spike_core::wire::v2::ProblemCode;
use spike_runtime::{Caller, InFlight, reply, serve::read_body};

use super::Api;
use crate::keeper::{Asker, Failure};

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
    let body = read_body(body).await;
    let body = body.map_err(|error| reply::problem((&error).into(), &error.to_string()))?;
    let request = serde_json::from_slice(&body).map_err(|error| {
        // serde_json quotes what it found, which may be a shard: tell only where it was.
        let place = format!("no such request, at line {} column {}", error.line(), error.column());
        reply::problem(ProblemCode::Invalid, &place)
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
        Ok(()) => Err(reply::problem(ProblemCode::Denied, "not a Nexus or Bootstrap")),
        Err(error) => Err(refused(&error.into())),
    }
}

fn done(answer: &impl Serialize) -> Response {
    reply::own(StatusCode::OK, answer)
}

fn refused(failure: &Failure) -> Response {
    match failure {
        Failure::Refused(refusal) => reply::problem(refusal.code(), &refusal.to_string()),
        Failure::Audit(error) => {
            tracing::error!(%error, "refused: can't audit");
            reply::problem(ProblemCode::AuditUnavailable, "the audit log takes no lines")
        }
    }
}

pub(super) async fn wrong_method() -> Response {
    reply::problem(ProblemCode::WrongMethod, "use POST")
}
