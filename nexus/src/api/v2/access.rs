//! `POST /v2/access:check`: may this identity do that, and which policy says so?

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use spike_core::wire::v2::access::CheckRequest;

use super::{answered, bytes_of, parsed};
use crate::{
    app::{access::Question, caller::Caller},
    nexus::Nexus,
};

/// Answers the superuser.
pub(super) async fn check(
    State(nexus): State<Arc<Nexus>>,
    caller: Caller,
    request: Request,
) -> Response {
    let question = match bytes_of(request).await {
        Ok(body) => parsed::<CheckRequest>(&body).and_then(|asked| Question::of(&asked)),
        Err(error) => Err(error),
    };
    answered("access.check", nexus.app.check_access(&caller, question, &nexus.roles).await)
}
