//! Our own protocol: JSON in, JSON or a problem of RFC 9457 out.

mod access;
mod escrow;
mod keys;
mod operator;

use std::{future::Future, sync::Arc};

use axum::{
    Extension, Router,
    extract::{FromRequest, MatchedPath, Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::{any, get, post},
};
use http::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use spike_core::wire::v2::ProblemCode;
use spike_runtime::{InFlight, serve::read_body};
use zeroize::Zeroizing;

use super::{refuse, reply};
use crate::{
    app::{
        caller::Caller,
        error::{Error, Result},
    },
    metrics,
    nexus::Nexus,
    status::status,
};

/// Every route of ours.
pub(super) fn routes(nexus: &Arc<Nexus>) -> Router<Arc<Nexus>> {
    Router::new()
        .route("/v2/status", get(show_status))
        .route("/v2/access:check", post(access::check))
        .route("/v2/keys", get(keys::show))
        .route("/v2/keys:ensure", post(keys::ensure))
        .route("/v2/escrow", get(escrow::show))
        .route("/v2/operator:recover", post(escrow::recover))
        .route("/v2/operator:drill", post(escrow::drill))
        .route("/v2/operator:restore", post(operator::restore))
        .route("/v2/operator:resetRestore", post(operator::reset_restore))
        .route("/v2/operator:acceptRollback", post(operator::accept_rollback))
        .route("/v2/", any(unknown))
        .route("/v2/{*unknown}", any(unknown))
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(nexus.clone(), measured))
}

/// `GET /v2/status`: for the superuser and the operator, sealed or not.
async fn show_status(State(nexus): State<Arc<Nexus>>, caller: Caller) -> Response {
    let allowed = nexus.app.may_see_status(&caller).await;
    answered("status", allowed.map(|()| status(&nexus)))
}

async fn unknown(_: Caller) -> Response {
    reply::problem(ProblemCode::NoSuchRoute, "")
}

async fn wrong_method(_: Caller) -> Response {
    reply::problem(ProblemCode::WrongMethod, "")
}

async fn measured(State(nexus): State<Arc<Nexus>>, request: Request, next: Next) -> Response {
    let route = match request.extensions().get::<MatchedPath>().map(MatchedPath::as_str) {
        Some("/v2/status") => "status",
        Some("/v2/access:check") => "access.check",
        Some("/v2/keys") => "keys",
        Some("/v2/keys:ensure") => "keys.ensure",
        Some("/v2/escrow") => "operator.escrow",
        Some("/v2/operator:recover") => "operator.recover",
        Some("/v2/operator:drill") => "operator.drill",
        Some("/v2/operator:restore") => "operator.restore",
        Some("/v2/operator:resetRestore") => "operator.resetRestore",
        Some("/v2/operator:acceptRollback") => "operator.acceptRollback",
        _ => metrics::UNKNOWN_ROUTE,
    };
    let recorded = nexus.metrics.requests.begin(route);
    recorded.answered(next.run(request).await)
}

/// A whole request body.
struct Body(Zeroizing<Vec<u8>>);

impl FromRequest<Arc<Nexus>> for Body {
    type Rejection = Response;

    async fn from_request(request: Request, _: &Arc<Nexus>) -> std::result::Result<Self, Response> {
        let body = read_body(request.into_body()).await;
        body.map(Self).map_err(|error| reply::problem((&error).into(), &error.to_string()))
    }
}

/// The message that the body is.
fn parsed<T: DeserializeOwned>(Body(body): &Body) -> Result<T> {
    // A secret may stand where the error is: only its place is told.
    let place = |error: &serde_json::Error| {
        format!("not the expected JSON at line {} column {}", error.line(), error.column())
    };
    serde_json::from_slice(body).map_err(|error| Error::BadRequest(place(&error)))
}

/// Answers with what came of it.
fn answered<T: Serialize>(route: &'static str, result: Result<T>) -> Response {
    match result {
        Ok(message) => reply::own(StatusCode::OK, &message),
        Err(error) => refused(route, &error),
    }
}

fn refused(route: &'static str, error: &Error) -> Response {
    refuse::log(route, error);
    refuse::problem(error)
}

/// One of the requests in flight; there is none where no server counts them.
type Share = Option<Extension<InFlight>>;

/// Finishes what was begun, even if the caller goes away. Until then it has its share of what may be
/// in flight.
async fn finished<T: Send + 'static>(
    nexus: &Nexus,
    share: Share,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let done = nexus.work.spawn(async move {
        let result = work.await;
        drop(share);
        result
    });
    done.await.unwrap_or_else(|panicked| Err(Error::Internal(panicked.to_string())))
}
