//! `/v1/acl/policy`.

use super::{message, route};
use crate::wire::{ErrorCode, Time};

message! {
    /// Creates a policy or replaces the one of that name.
    PolicyPutRequest {
        /// Its name.
        "name" name: String,
        /// Which callers: a regular expression.
        "spiffeidPattern" spiffeid_pattern: String,
        /// Which paths: a regular expression.
        "pathPattern" path_pattern: String,
        /// What they may do.
        "permissions" permissions: Vec<String>,
    }
}
message! {
    /// `{}`.
    PolicyPutResponse {
        /// Always empty.
        #[serde(skip_serializing_if = "String::is_empty")]
        "id" id: String,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        "err" err: Option<ErrorCode>,
    }
}
route!(PolicyPutRequest -> PolicyPutResponse at "/v1/acl/policy");

message! {
    /// Reads a policy.
    PolicyGetRequest {
        /// Its name.
        "id" id: String,
    }
}
message! {
    /// A policy.
    PolicyGetResponse {
        /// Always empty.
        "id" id: String,
        /// Its name.
        "name" name: String,
        /// Which callers. The key's spelling is SPIKE's.
        "spiffiedPattern" spiffeid_pattern: String,
        /// Which paths.
        "pathPattern" path_pattern: String,
        /// What they may do.
        "permissions" permissions: Option<Vec<String>>,
        /// When it was created, in whole seconds.
        "createdAt" created_at: Time,
        /// When it was last put, in whole seconds.
        "updatedAt" updated_at: Time,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        "err" err: Option<ErrorCode>,
    }
}
route!(PolicyGetRequest -> PolicyGetResponse at "/v1/acl/policy", action "get");

message! {
    /// Removes a policy.
    PolicyDeleteRequest {
        /// Its name.
        "id" id: String,
    }
}
message! {
    /// `{}`.
    PolicyDeleteResponse {
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        "err" err: Option<ErrorCode>,
    }
}
route!(PolicyDeleteRequest -> PolicyDeleteResponse at "/v1/acl/policy", action "delete");

message! {
    /// Lists policies.
    PolicyListRequest {
        /// Only those with exactly this pattern; empty for all.
        "spiffeidPattern" spiffeid_pattern: String,
        /// Only those with exactly this pattern; empty for all.
        "pathPattern" path_pattern: String,
    }
}
message! {
    /// A policy in the list.
    PolicyItem {
        /// Always empty.
        "id" id: String,
        /// Its name.
        "name" name: String,
    }
}
message! {
    /// Policies.
    PolicyListResponse {
        /// By name.
        "policies" policies: Option<Vec<PolicyItem>>,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        "err" err: Option<ErrorCode>,
    }
}
route!(PolicyListRequest -> PolicyListResponse at "/v1/acl/policy", action "list");
