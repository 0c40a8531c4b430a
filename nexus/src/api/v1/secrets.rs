//! `/v1/store/secrets`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use spike_core::{
    Head, Version,
    wire::{
        Time,
        v1::{
            Metadata, SecretDeleteRequest, SecretDeleteResponse, SecretGetRequest,
            SecretGetResponse, SecretListRequest, SecretListResponse, SecretMetadataRequest,
            SecretMetadataResponse, SecretPutRequest, SecretPutResponse, SecretUndeleteRequest,
            SecretUndeleteResponse, VersionInfo,
        },
    },
};

use super::internal;
use crate::app::{
    App,
    caller::Caller,
    error::{Error, Result},
    secrets::{Values, Write},
};

pub(super) async fn put(
    app: &App,
    caller: &Caller,
    request: SecretPutRequest,
) -> Result<SecretPutResponse> {
    let values = Values::new(request.values).map_err(Error::bad);
    let write = values.map(|values| Write::Put(values.to_plaintext()));
    app.write_secret(caller, "secret.put", request.path.parse(), write).await?;
    Ok(SecretPutResponse::default())
}

pub(super) async fn get(
    app: &App,
    caller: &Caller,
    request: SecretGetRequest,
) -> Result<SecretGetResponse> {
    let path = request.path.parse();
    let plaintext = app.get_secret(caller, path, request.version.into()).await?;
    let values = Values::from_plaintext(&plaintext).map_err(internal)?;
    Ok(SecretGetResponse { data: Some(values.0), err: None })
}

pub(super) async fn delete(
    app: &App,
    caller: &Caller,
    request: SecretDeleteRequest,
) -> Result<SecretDeleteResponse> {
    let write = Ok(Write::Delete(request.versions));
    app.write_secret(caller, "secret.delete", request.path.parse(), write).await?;
    Ok(SecretDeleteResponse::default())
}

pub(super) async fn undelete(
    app: &App,
    caller: &Caller,
    request: SecretUndeleteRequest,
) -> Result<SecretUndeleteResponse> {
    let write = Ok(Write::Undelete(request.versions));
    app.write_secret(caller, "secret.undelete", request.path.parse(), write).await?;
    Ok(SecretUndeleteResponse::default())
}

pub(super) async fn list(
    app: &App,
    caller: &Caller,
    _: SecretListRequest,
) -> Result<SecretListResponse> {
    let keys = app.list_secrets(caller).await?;
    Ok(SecretListResponse { keys: Some(keys), err: None })
}

pub(super) async fn metadata(
    app: &App,
    caller: &Caller,
    request: SecretMetadataRequest,
) -> Result<SecretMetadataResponse> {
    let path = request.path.parse();
    let head = app.describe_secret(caller, path, request.version.into()).await?;
    Ok(described(&head))
}

/// A head in SPIKE's words.
fn described(head: &Head) -> SecretMetadataResponse {
    let versions = head.versions.iter().map(|entry| {
        let version = signed(Some(entry.number));
        let info = VersionInfo {
            created_time: Time(entry.created_at),
            version,
            deleted_time: entry.deleted_at.map(Time),
        };
        (version, info)
    });
    SecretMetadataResponse {
        versions: versions.collect::<BTreeMap<_, _>>(),
        metadata: Metadata {
            current_version: signed(head.current()),
            oldest_version: signed(head.oldest()),
            created_time: whole_seconds(head.created_at),
            updated_time: whole_seconds(head.updated_at),
            max_versions: i64::from(head.max_versions),
        },
        err: None,
    }
}

/// SPIKE's versions are signed; none is 0.
fn signed(version: Option<Version>) -> i64 {
    version.map_or(0, |version| i64::try_from(version.get()).unwrap_or(i64::MAX))
}

/// The second in which a time lies.
pub(super) fn whole_seconds(time: Timestamp) -> Time {
    Timestamp::from_second(time.as_second()).map_or_else(|_| Time(time), Time)
}
