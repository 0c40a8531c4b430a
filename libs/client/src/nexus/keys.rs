//! `/v2/keys`: how the root key is split, and splitting it anew.

use spike_core::wire::v2::keys::{EnsureRequest, KeysResponse};

use super::NexusClient;
use crate::{ClientError, v2};

impl NexusClient {
    /// How the root key is split, and how far a re-share is. Roles superuser and operator.
    pub async fn keys(&self) -> Result<KeysResponse, ClientError> {
        v2::get(&self.transport, "/v2/keys").await
    }

    /// Makes a split the target, unless it is that already; the Keepers follow. Roles superuser and
    /// operator.
    ///
    /// [`ClientError::Conflict`] while the re-share before it has not settled: ask again later.
    pub async fn ensure_keys(&self, wanted: &EnsureRequest) -> Result<KeysResponse, ClientError> {
        v2::post(&self.transport, "/v2/keys:ensure", wanted).await
    }
}
