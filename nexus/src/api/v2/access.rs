//! `POST /v2/access:check`: may this identity do that, and which policy says so?

use std::sync::Arc;

use axum::{extract::State, response::Response};
use spike_core::wire::v2::access::CheckRequest;

use super::{Body, answered, parsed};
use crate::{
    app::{access::Question, caller::Caller},
    nexus::Nexus,
};

/// Answers the superuser.
pub(super) async fn check(State(nexus): State<Arc<Nexus>>, caller: Caller, body: Body) -> Response {
    let question = parsed::<CheckRequest>(&body).and_then(|asked| Question::of(&asked));
    answered("access.check", nexus.app.check_access(&caller, question, &nexus.roles).await)
}
