//! `/v1/store/secrets`.

use std::collections::BTreeMap;

use spike_core::{
    SecretPath, Version,
    wire::{
        SecretText,
        v1::{
            SecretDeleteRequest, SecretGetRequest, SecretListRequest, SecretMetadataRequest,
            SecretMetadataResponse, SecretPutRequest, SecretUndeleteRequest,
        },
    },
};

use super::NexusClient;
use crate::ClientError;

impl NexusClient {
    /// Puts a new version of the secret.
    pub async fn put_secret(
        &self,
        path: &SecretPath,
        values: BTreeMap<String, SecretText>,
    ) -> Result<(), ClientError> {
        self.v1(&SecretPutRequest { path: path.to_string(), values }).await.map(drop)
    }

    /// Reads a version of the secret; `None` is the current one.
    pub async fn get_secret(
        &self,
        path: &SecretPath,
        version: Option<Version>,
    ) -> Result<BTreeMap<String, SecretText>, ClientError> {
        let request = SecretGetRequest { path: path.to_string(), version: number(version) };
        self.v1(&request).await?.data.ok_or(ClientError::NotFound)
    }

    /// Deletes versions so that they can be undeleted; `None` is the current one.
    pub async fn delete_secret(
        &self,
        path: &SecretPath,
        versions: &[Option<Version>],
    ) -> Result<(), ClientError> {
        let request = SecretDeleteRequest { path: path.to_string(), versions: numbers(versions) };
        self.v1(&request).await.map(drop)
    }

    /// Brings deleted versions back; `None` is the current one, or the highest deleted one if there
    /// is none. [`ClientError::NotFound`] if nothing changed.
    pub async fn undelete_secret(
        &self,
        path: &SecretPath,
        versions: &[Option<Version>],
    ) -> Result<(), ClientError> {
        let request = SecretUndeleteRequest { path: path.to_string(), versions: numbers(versions) };
        self.v1(&request).await.map(drop)
    }

    /// Every path that has a secret, sorted.
    pub async fn list_secrets(&self) -> Result<Vec<SecretPath>, ClientError> {
        let raw = self.v1(&SecretListRequest {}).await?.keys.unwrap_or_default();
        let parsed: Result<Vec<SecretPath>, _> = raw.iter().map(|path| path.parse()).collect();
        let mut paths =
            parsed.map_err(|bad| self.transport.protocol(format!("a listed path: {bad}")))?;
        paths.sort_unstable();
        Ok(paths)
    }

    /// What is known of a path: its versions and when they were made, never a value.
    pub async fn secret_metadata(
        &self,
        path: &SecretPath,
        version: Option<Version>,
    ) -> Result<SecretMetadataResponse, ClientError> {
        let request = SecretMetadataRequest { path: path.to_string(), version: number(version) };
        self.v1(&request).await
    }
}

/// A version on the wire, where 0 is the current one. A number beyond the wire's range exists
/// nowhere, like the largest number of that range.
fn number(version: Option<Version>) -> i64 {
    version.map_or(0, |version| i64::try_from(version.get()).unwrap_or(i64::MAX))
}

fn numbers(versions: &[Option<Version>]) -> Vec<i64> {
    versions.iter().copied().map(number).collect()
}
