//! SPIKE's protocol: every request is a POST, the operation is `?action=`, and every failure is
//! the route's own message with nothing in it but a code.

mod cipher;
mod operator;
mod policies;
mod route;
mod secrets;

use std::{future::Future, sync::Arc};

use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode, header};
use spike_core::wire::{self, ErrorCode, v1};
use spike_runtime::{InFlight, serve::read_body};
use zeroize::Zeroizing;

pub(crate) use route::Ability;
use route::{Route, Undispatched, dispatch};

use super::{refuse, reply};
use crate::{
    app::{
        caller::Caller,
        error::{Error, Result},
    },
    metrics,
    nexus::Nexus,
};

/// The path of every operation, with its action.
#[cfg(test)]
pub(super) fn every_route() -> impl Iterator<Item = String> {
    route::TABLE.iter().map(|(_, action, path)| format!("{path}?action={action}"))
}

/// Serves any request that isn't one of our own routes.
pub(super) async fn serve(
    State(nexus): State<Arc<Nexus>>,
    request: axum::extract::Request,
) -> Response {
    let recorded = nexus.metrics.requests.begin(metrics::UNKNOWN_ROUTE);
    let (parts, body) = request.into_parts();
    let Ok(caller) = Caller::of(&parts, &nexus) else {
        let stranger = reply::fallback(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized);
        return recorded.answered(stranger);
    };
    let uri = &parts.uri;
    let route = match dispatch(&parts.method, uri.path(), uri.query(), nexus.ability()) {
        Ok(route) => route,
        Err(Undispatched::BadRequest) => {
            return recorded
                .answered(reply::fallback(StatusCode::BAD_REQUEST, ErrorCode::BadRequest));
        }
        Err(Undispatched::NotReady) => {
            return recorded
                .answered(reply::fallback(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::NotReady));
        }
        Err(Undispatched::WrongMode(route)) => {
            return recorded.on(route.name()).answered(bad(route));
        }
    };
    let recorded = recorded.on(route.name());
    let stream = route.streams() && asks_for_bytes(&parts.headers);
    let body = match read_body(body).await {
        Ok(body) => body,
        Err(error) => {
            tracing::debug!(route = route.name(), "no body: {error}");
            return recorded.answered(bad(route));
        }
    };
    let work = Work { nexus: nexus.clone(), caller, route, stream, body };
    if !route.changes() {
        return recorded.answered(work.perform().await);
    }
    // The client may go away at any moment; the outcome has to be audited all the same. Until then
    // the work has its share of what may be in flight, and it is counted when it is done.
    let in_flight = parts.extensions.get::<InFlight>().cloned();
    let done = nexus.work.spawn(async move {
        let response = recorded.answered(work.perform().await);
        drop(in_flight);
        response
    });
    done.await.unwrap_or_else(|_panicked| {
        failed(route, StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal)
    })
}

/// Exactly this content type selects plain bytes instead of JSON.
fn asks_for_bytes(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/octet-stream")
}

/// A request that was dispatched and read.
struct Work {
    nexus: Arc<Nexus>,
    caller: Caller,
    route: Route,
    stream: bool,
    body: Zeroizing<Vec<u8>>,
}

impl Work {
    async fn perform(self) -> Response {
        let Self { nexus, caller, .. } = &self;
        let app = &nexus.app;
        match self.route {
            Route::SecretPut => self.run(|q| secrets::put(app, caller, q)).await,
            Route::SecretGet => self.run(|q| secrets::get(app, caller, q)).await,
            Route::SecretDelete => self.run(|q| secrets::delete(app, caller, q)).await,
            Route::SecretUndelete => self.run(|q| secrets::undelete(app, caller, q)).await,
            Route::SecretList => self.run(|q| secrets::list(app, caller, q)).await,
            Route::SecretMetadata => self.run(|q| secrets::metadata(app, caller, q)).await,
            Route::PolicyPut => self.run(|q| policies::put(app, caller, q)).await,
            Route::PolicyGet => self.run(|q| policies::get(app, caller, q)).await,
            Route::PolicyDelete => self.run(|q| policies::delete(app, caller, q)).await,
            Route::PolicyList => self.run(|q| policies::list(app, caller, q)).await,
            Route::Encrypt if self.stream => cipher::encrypt_bytes(app, caller, &self.body).await,
            Route::Decrypt if self.stream => cipher::decrypt_bytes(app, caller, &self.body).await,
            Route::Encrypt => self.run(|q| cipher::encrypt(app, caller, q)).await,
            Route::Decrypt => self.run(|q| cipher::decrypt(app, caller, q)).await,
            Route::Verify => self.run(|q| cipher::verify(app, caller, q)).await,
            Route::Recover => self.run(|q| operator::recover(nexus, caller, q)).await,
            Route::Restore => self.run(|q| operator::restore(nexus, caller, q)).await,
        }
    }

    /// Decodes the body, does it, encodes what came of it.
    async fn run<Q, F>(&self, act: impl FnOnce(Q) -> F) -> Response
    where
        Q: v1::Request,
        F: Future<Output = Result<Q::Response>>,
    {
        let Ok(request) = wire::decode::<Q>(&self.body) else { return bad(self.route) };
        match act(request).await {
            Ok(response) => reply::message(StatusCode::OK, &response),
            Err(error) => {
                refuse::log(self.route.name(), &error);
                let (status, code) = refuse::code(&error);
                zero::<Q::Response>(status, code)
            }
        }
    }
}

fn bad(route: Route) -> Response {
    failed(route, StatusCode::BAD_REQUEST, ErrorCode::BadRequest)
}

/// The route's message with a code and nothing else.
fn failed(route: Route, status: StatusCode, code: ErrorCode) -> Response {
    let zero = match route {
        Route::SecretPut => zero::<v1::SecretPutResponse>,
        Route::SecretGet => zero::<v1::SecretGetResponse>,
        Route::SecretDelete => zero::<v1::SecretDeleteResponse>,
        Route::SecretUndelete => zero::<v1::SecretUndeleteResponse>,
        Route::SecretList => zero::<v1::SecretListResponse>,
        Route::SecretMetadata => zero::<v1::SecretMetadataResponse>,
        Route::PolicyPut => zero::<v1::PolicyPutResponse>,
        Route::PolicyGet => zero::<v1::PolicyGetResponse>,
        Route::PolicyDelete => zero::<v1::PolicyDeleteResponse>,
        Route::PolicyList => zero::<v1::PolicyListResponse>,
        Route::Encrypt => zero::<v1::CipherEncryptResponse>,
        Route::Decrypt => zero::<v1::CipherDecryptResponse>,
        Route::Recover => zero::<v1::RecoverResponse>,
        Route::Restore => zero::<v1::RestoreResponse>,
        Route::Verify => zero::<v1::BootstrapVerifyResponse>,
    };
    zero(status, code)
}

fn zero<R: v1::Response>(status: StatusCode, code: ErrorCode) -> Response {
    reply::message(status, &R::failed(code))
}

/// For handlers: an error that isn't one of the use case.
fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(error.to_string())
}
