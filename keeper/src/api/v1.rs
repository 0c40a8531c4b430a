//! SPIKE's own two routes, to the byte. Our Nexus never uses them.

use axum::{
    extract::{Extension, Query, Request, State},
    response::Response,
};
use http::{Method, StatusCode};
use spike_core::wire::{
    self, ErrorCode,
    v1::{
        Request as Route, Response as _, ShardGetRequest, ShardGetResponse, ShardPutRequest,
        ShardPutResponse,
    },
};
use spike_runtime::{Caller, reply, serve::read_body};

use super::{Api, v1_failure};
use crate::keeper::{Asker, Failure};

/// `POST /v1/store/contribute`: takes a shard from Nexus or Bootstrap.
pub(super) async fn contribute(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let recorded = api.requests.begin(ShardPutRequest::PATH);
    let failed = |code| ShardPutResponse::failed(code);
    recorded.answered(match take::<ShardPutRequest>(&api, caller, request).await {
        Err(Unanswered::NoRoute) => v1_failure(ErrorCode::BadRequest),
        Err(Unanswered::Code(code)) => reply::message(status_of(&code), &failed(code)),
        Ok((asker, taken)) => match api.keeper.contribute(taken.shard, &asker).await {
            Ok(()) => reply::message(StatusCode::OK, &ShardPutResponse::default()),
            Err(failure) => {
                let code = code_of(&failure);
                reply::message(status_of(&code), &failed(code))
            }
        },
    })
}

/// `POST /v1/store/shard`: gives the shard to Nexus.
pub(super) async fn shard(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let recorded = api.requests.begin(ShardGetRequest::PATH);
    let failed = |code| ShardGetResponse::failed(code);
    recorded.answered(match take::<ShardGetRequest>(&api, caller, request).await {
        Err(Unanswered::NoRoute) => v1_failure(ErrorCode::BadRequest),
        Err(Unanswered::Code(code)) => reply::message(status_of(&code), &failed(code)),
        Ok((asker, _)) => match api.keeper.unframed(&asker).await {
            Ok(shard) => {
                reply::message(StatusCode::OK, &ShardGetResponse { shard: Some(shard), err: None })
            }
            Err(failure) => {
                let code = code_of(&failure);
                reply::message(status_of(&code), &failed(code))
            }
        },
    })
}

enum Unanswered {
    /// SPIKE has no such route.
    NoRoute,
    /// The route's own type, with this code.
    Code(ErrorCode),
}

/// Method, action, caller, body: checked in this order.
async fn take<R: Route>(
    api: &Api,
    Caller(peer): Caller,
    request: Request,
) -> Result<(Asker, R), Unanswered> {
    if request.method() != Method::POST || action(&request) != R::ACTION {
        return Err(Unanswered::NoRoute);
    }
    let id = peer.map(|peer| peer.id);
    let in_flight = request.extensions().get().cloned();
    let Some(asker) = id.as_ref().and_then(|id| api.keeper.asker(id, in_flight)) else {
        let audited = api.keeper.deny(id, R::PATH).await;
        let code = audited.map_or(ErrorCode::NotReady, |()| ErrorCode::Unauthorized);
        return Err(Unanswered::Code(code));
    };
    let bad = || Unanswered::Code(ErrorCode::BadRequest);
    let body = read_body(request.into_body()).await.map_err(|_| bad())?;
    let message = wire::decode(&body).map_err(|_| bad())?;
    Ok((asker, message))
}

/// The first `action` of the query, as Go's `Query().Get` has it.
fn action(request: &Request) -> String {
    let query = Query::<Vec<(String, String)>>::try_from_uri(request.uri());
    let pairs = query.map(|Query(pairs)| pairs).unwrap_or_default();
    pairs.into_iter().find(|(key, _)| key == "action").map(|(_, action)| action).unwrap_or_default()
}

fn code_of(failure: &Failure) -> ErrorCode {
    match failure {
        Failure::Refused(refusal) if refusal.is_denial() => ErrorCode::Unauthorized,
        Failure::Refused(_) => ErrorCode::BadRequest,
        Failure::Audit(error) => {
            tracing::error!(%error, "refused: can't audit");
            ErrorCode::NotReady
        }
    }
}

pub(super) fn status_of(code: &ErrorCode) -> StatusCode {
    match code {
        ErrorCode::Unauthorized => StatusCode::UNAUTHORIZED,
        ErrorCode::NotReady => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}
