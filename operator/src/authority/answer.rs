//! The one call: a token and a request, for an SVID.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use jiff::Timestamp;
use spike_authority::builtin;
use spike_identity::authority::{PATH, SvidRequest, SvidResponse};
use tokio::sync::watch;

use super::{Account, Mapping, Review, ReviewError, Roots};

/// What the call needs.
pub struct Authority<R> {
    /// Says whose a token is.
    pub review: R,
    /// Says who that is.
    pub mapping: Mapping,
    /// Whom tokens must be for.
    pub audience: String,
    /// The roots of the moment.
    pub roots: watch::Receiver<Roots>,
}

/// The routes of an authority.
pub fn router<R: Review>(authority: Arc<Authority<R>>) -> Router {
    Router::new().route(PATH, post(svid::<R>)).with_state(authority)
}

async fn svid<R: Review>(
    State(authority): State<Arc<Authority<R>>>,
    headers: HeaderMap,
    Json(request): Json<SvidRequest>,
) -> Response {
    match authority.issue(&headers, &request).await {
        Ok(answer) => Json(answer).into_response(),
        Err((status, why)) => (status, why).into_response(),
    }
}

type Refusal = (StatusCode, String);

impl<R: Review> Authority<R> {
    async fn issue(
        &self,
        headers: &HeaderMap,
        request: &SvidRequest,
    ) -> Result<SvidResponse, Refusal> {
        let token = bearer(headers)
            .ok_or_else(|| (StatusCode::UNAUTHORIZED, "a token is needed".to_owned()))?;
        let account = self.review.review(token, &self.audience).await.map_err(|why| {
            if let ReviewError::Unavailable(_) = why {
                tracing::warn!(error = %why, "nobody can be believed");
                return (StatusCode::SERVICE_UNAVAILABLE, why.to_string());
            }
            (StatusCode::UNAUTHORIZED, why.to_string())
        })?;
        let grant = self.mapping.grant(&account).map_err(|why| {
            tracing::warn!(namespace = account.namespace, account = account.name, "refused: {why}");
            (StatusCode::FORBIDDEN, why.to_string())
        })?;
        let roots = self.roots.borrow().clone();
        let root = roots
            .signing()
            .ok_or_else(|| (StatusCode::SERVICE_UNAVAILABLE, "there is no root yet".to_owned()))?;
        let root = builtin::Root::kept(&root.certificate, root.key.clone());
        let signed = root.sign(&request.csr, &grant.id, grant.life, Timestamp::now());
        let chain = signed.map_err(|why| {
            if let builtin::IssueError::Request(_) = why {
                return (StatusCode::BAD_REQUEST, why.to_string());
            }
            tracing::error!(error = %why, "the root can't sign");
            (StatusCode::INTERNAL_SERVER_ERROR, "the root can't sign".to_owned())
        })?;
        let Account { pod, credential, .. } = account;
        tracing::info!(id = %grant.id, pod, credential, "issued");
        Ok(SvidResponse { chain, bundle: roots.bundle() })
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}
