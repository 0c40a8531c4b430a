//! A Keeper's two routes.

use serde::Serializer;

use super::{message, route};
use crate::wire::{ErrorCode, ShardBytes};

message! {
    /// Gives a Keeper its shard.
    ShardPutRequest {
        /// The shard.
        "shard" shard: Option<ShardBytes>,
    }
}
message! {
    /// `{}`.
    ShardPutResponse {
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        "err" err: Option<ErrorCode>,
    }
}
route!(ShardPutRequest -> ShardPutResponse at "/v1/store/contribute");

message! {
    /// Asks a Keeper for its shard.
    ShardGetRequest {}
}
message! {
    /// A shard.
    ShardGetResponse {
        /// The shard.
        "shard" shard: Option<ShardBytes>,
        /// Why not. SPIKE gave this key no tag: it has a capital letter and is always there.
        #[serde(serialize_with = "always")]
        "Err" err: Option<ErrorCode>,
    }
}
route!(ShardGetRequest -> ShardGetResponse at "/v1/store/shard");

#[expect(clippy::ref_option, reason = "serde's signature")]
fn always<S: Serializer>(err: &Option<ErrorCode>, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(err.as_ref().map_or("", ErrorCode::as_str))
}
