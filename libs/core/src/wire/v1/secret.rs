//! `/v1/store/secrets`.

use std::collections::BTreeMap;

use serde::{Serialize as _, Serializer};

use super::{message, route};
use crate::wire::{ErrorCode, SecretText, Time};

message! {
    /// Puts a new version.
    SecretPutRequest {
        /// Where.
        "path" path: String,
        /// The secret.
        "values" values: BTreeMap<String, SecretText>,
    }
}
message! {
    /// `{}`.
    SecretPutResponse {
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        "err" err: Option<ErrorCode>,
    }
}
route!(SecretPutRequest -> SecretPutResponse at "/v1/store/secrets");

message! {
    /// Reads a version.
    SecretGetRequest {
        /// Where.
        "path" path: String,
        /// Which; 0 is the current one. A negative one is just not found.
        #[serde(skip_serializing_if = "super::is_zero")]
        "version" version: i64,
    }
}
message! {
    /// A secret.
    SecretGetResponse {
        /// The secret.
        "data" data: Option<BTreeMap<String, SecretText>>,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        "err" err: Option<ErrorCode>,
    }
}
route!(SecretGetRequest -> SecretGetResponse at "/v1/store/secrets", action "get");

message! {
    /// Deletes versions, so that they can be undeleted.
    SecretDeleteRequest {
        /// Where.
        "path" path: String,
        /// Which; none or 0 is the current one.
        "versions" versions: Vec<i64>,
    }
}
message! {
    /// `{}`.
    SecretDeleteResponse {
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        "err" err: Option<ErrorCode>,
    }
}
route!(SecretDeleteRequest -> SecretDeleteResponse at "/v1/store/secrets", action "delete");

message! {
    /// Brings deleted versions back.
    SecretUndeleteRequest {
        /// Where.
        "path" path: String,
        /// Which.
        "versions" versions: Vec<i64>,
    }
}
message! {
    /// `{}`.
    SecretUndeleteResponse {
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        "err" err: Option<ErrorCode>,
    }
}
route!(SecretUndeleteRequest -> SecretUndeleteResponse at "/v1/store/secrets", action "undelete");

message! {
    /// Lists paths.
    SecretListRequest {}
}
message! {
    /// Paths.
    SecretListResponse {
        /// The paths, sorted.
        "keys" keys: Option<Vec<String>>,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        "err" err: Option<ErrorCode>,
    }
}
route!(SecretListRequest -> SecretListResponse at "/v1/store/secrets", action "list");

message! {
    /// Reads what is known of a path.
    SecretMetadataRequest {
        /// Where.
        "path" path: String,
        /// A version that must exist; 0 is the current one.
        #[serde(skip_serializing_if = "super::is_zero")]
        "version" version: i64,
    }
}
message! {
    /// What is known of one version.
    VersionInfo {
        /// When it was put.
        "createdTime" created_time: Time,
        /// Its number.
        "version" version: i64,
        /// When it was deleted, if it is.
        "deletedTime" deleted_time: Option<Time>,
    }
}
message! {
    /// What is known of a path.
    Metadata {
        /// The version that a read without a number returns; 0 for none.
        "currentVersion" current_version: i64,
        /// The lowest version that is not deleted; 0 for none.
        "oldestVersion" oldest_version: i64,
        /// When the path was first put, in whole seconds.
        "createdTime" created_time: Time,
        /// When it last changed, in whole seconds.
        "updatedTime" updated_time: Time,
        /// How many versions are kept.
        "maxVersions" max_versions: i64,
    }
}
message! {
    /// What is known of a path and its versions.
    SecretMetadataResponse {
        /// Every version by its number.
        #[serde(skip_serializing_if = "BTreeMap::is_empty", serialize_with = "in_text_order")]
        "versions" versions: BTreeMap<i64, VersionInfo>,
        /// The path.
        "metadata" metadata: Metadata,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        "err" err: Option<ErrorCode>,
    }
}
route!(SecretMetadataRequest -> SecretMetadataResponse at "/v1/store/secrets/metadata", action "get");

/// Go sorts map keys as texts: 10 comes before 2.
fn in_text_order<S: Serializer>(
    versions: &BTreeMap<i64, VersionInfo>,
    s: S,
) -> Result<S::Ok, S::Error> {
    let sorted: BTreeMap<_, _> = versions.iter().map(|(n, info)| (n.to_string(), info)).collect();
    sorted.serialize(s)
}
