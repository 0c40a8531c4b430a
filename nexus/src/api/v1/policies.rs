//! `/v1/acl/policy`.

use spike_core::{
    policy::{Policy, PolicyFields, PolicyName},
    wire::v1::{
        PolicyDeleteRequest, PolicyDeleteResponse, PolicyGetRequest, PolicyGetResponse, PolicyItem,
        PolicyListRequest, PolicyListResponse, PolicyPutRequest, PolicyPutResponse,
    },
};

use super::secrets::whole_seconds;
use crate::app::{
    App,
    caller::Caller,
    error::{Error, Result},
    policies::Filter,
};

pub(super) async fn put(
    app: &App,
    caller: &Caller,
    request: PolicyPutRequest,
) -> Result<PolicyPutResponse> {
    let PolicyPutRequest { name, spiffeid_pattern, path_pattern, permissions } = request;
    let fields = PolicyFields { name, spiffeid_pattern, path_pattern, permissions };
    app.put_policy(caller, fields).await?;
    Ok(PolicyPutResponse::default())
}

pub(super) async fn get(
    app: &App,
    caller: &Caller,
    request: PolicyGetRequest,
) -> Result<PolicyGetResponse> {
    let policy = app.get_policy(caller, name(&request.id)).await?;
    Ok(told(&policy))
}

pub(super) async fn delete(
    app: &App,
    caller: &Caller,
    request: PolicyDeleteRequest,
) -> Result<PolicyDeleteResponse> {
    app.delete_policy(caller, name(&request.id)).await?;
    Ok(PolicyDeleteResponse::default())
}

pub(super) async fn list(
    app: &App,
    caller: &Caller,
    request: PolicyListRequest,
) -> Result<PolicyListResponse> {
    let given = |pattern: String| Some(pattern).filter(|pattern| !pattern.is_empty());
    let filter = Filter {
        spiffeid_pattern: given(request.spiffeid_pattern),
        path_pattern: given(request.path_pattern),
    };
    let names = app.list_policies(caller, filter).await?;
    let item = |name: &PolicyName| PolicyItem { id: String::new(), name: name.to_string() };
    Ok(PolicyListResponse { policies: Some(names.iter().map(item).collect()), err: None })
}

fn name(sent: &str) -> Result<PolicyName> {
    sent.parse().map_err(Error::bad)
}

/// A policy in SPIKE's words.
fn told(policy: &Policy) -> PolicyGetResponse {
    PolicyGetResponse {
        id: String::new(),
        name: policy.name().to_string(),
        spiffeid_pattern: policy.spiffeid_pattern().to_owned(),
        path_pattern: policy.path_pattern().to_owned(),
        permissions: Some(policy.permissions().iter().map(ToString::to_string).collect()),
        created_at: whole_seconds(policy.created_at()),
        updated_at: whole_seconds(policy.updated_at()),
        err: None,
    }
}
