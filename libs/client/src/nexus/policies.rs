//! `/v1/acl/policy`.

use spike_core::wire::v1::{
    PolicyDeleteRequest, PolicyGetRequest, PolicyGetResponse, PolicyListRequest, PolicyPutRequest,
};

use super::NexusClient;
use crate::ClientError;

impl NexusClient {
    /// Creates a policy or replaces the one of that name.
    pub async fn put_policy(&self, policy: &PolicyPutRequest) -> Result<(), ClientError> {
        self.v1(policy).await.map(drop)
    }

    /// Reads the policy of that name.
    pub async fn get_policy(&self, name: &str) -> Result<PolicyGetResponse, ClientError> {
        self.v1(&PolicyGetRequest { id: name.to_owned() }).await
    }

    /// Removes the policy of that name.
    pub async fn delete_policy(&self, name: &str) -> Result<(), ClientError> {
        self.v1(&PolicyDeleteRequest { id: name.to_owned() }).await.map(drop)
    }

    /// The names of the policies with exactly the patterns of the filter (an empty one matches
    /// all), sorted.
    pub async fn list_policies(
        &self,
        filter: &PolicyListRequest,
    ) -> Result<Vec<String>, ClientError> {
        let items = self.v1(filter).await?.policies.unwrap_or_default();
        let mut names: Vec<_> = items.into_iter().map(|item| item.name).collect();
        names.sort_unstable();
        Ok(names)
    }
}
