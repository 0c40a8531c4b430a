//! `/v1/operator/…`.

use std::collections::BTreeMap;

use serde::{Serialize as _, Serializer};

use super::{message, route};
use crate::wire::{ErrorCode, ShardBytes};

message! {
    /// Takes recovery shards out.
    RecoverRequest {}
}
message! {
    /// Recovery shards.
    RecoverResponse {
        /// Each shard by its index.
        #[serde(serialize_with = "in_text_order")]
        "shards" shards: Option<BTreeMap<i64, Option<ShardBytes>>>,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        "err" err: Option<ErrorCode>,
    }
}
route!(RecoverRequest -> RecoverResponse at "/v1/operator/recover");

message! {
    /// Puts one recovery shard back.
    RestoreRequest {
        /// Its index.
        "id" id: i64,
        /// The shard.
        "shard" shard: Option<ShardBytes>,
    }
}
message! {
    /// How far the restoration is.
    RestoreResponse {
        /// How many shards were given.
        "collected" collected: i64,
        /// How many more are needed.
        "remaining" remaining: i64,
        /// True if there is a root key again.
        "restored" restored: bool,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        "err" err: Option<ErrorCode>,
    }
}
route!(RestoreRequest -> RestoreResponse at "/v1/operator/restore");

/// Go sorts map keys as texts: 10 comes before 2.
#[expect(clippy::ref_option, reason = "serde's signature")]
fn in_text_order<S: Serializer>(
    shards: &Option<BTreeMap<i64, Option<ShardBytes>>>,
    s: S,
) -> Result<S::Ok, S::Error> {
    let sorted: Option<BTreeMap<_, _>> = shards
        .as_ref()
        .map(|shards| shards.iter().map(|(n, shard)| (n.to_string(), shard)).collect());
    sorted.serialize(s)
}
