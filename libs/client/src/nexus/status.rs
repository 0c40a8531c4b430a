//! `/v2/status` and `/v2/access:check`: questions about the cluster, never about a secret.

use spike_core::wire::v2::{
    access::{CheckRequest, CheckResponse},
    status::Status,
};

use super::NexusClient;
use crate::{ClientError, v2};

impl NexusClient {
    /// The state of this Nexus and of what it sees; also while it is sealed. Roles superuser and
    /// operator.
    pub async fn status(&self) -> Result<Status, ClientError> {
        v2::get(&self.transport, "/v2/status").await
    }

    /// Which policy decides whether an identity may do something.
    pub async fn check_access(
        &self,
        question: &CheckRequest,
    ) -> Result<CheckResponse, ClientError> {
        v2::post(&self.transport, "/v2/access:check", question).await
    }
}
