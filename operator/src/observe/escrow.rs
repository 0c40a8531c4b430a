//! Recovery shards: what the key ring says was given out, and what people find of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use spike_core::wire::v2::escrow::Escrow;

use super::{Live, ring::newest, text};
use crate::{hash::Digest, names::annotation, plan::EscrowLook};

/// Which recovery shards a `ConfigMap` has, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Escrowed {
    /// The key ring's cluster id.
    pub cluster_id: String,
    /// Counts the sets.
    pub set: u32,
    /// How many restore.
    pub threshold: u8,
    /// Whose they are, by index.
    pub recipients: Vec<String>,
    /// Of all files: an edited one is found out.
    pub digest: String,
}

impl Escrowed {
    /// What is written down of a set, with its files.
    pub(crate) fn of(cluster_id: &str, escrow: &Escrow) -> (Self, Value) {
        let files = escrow.shards.iter().filter_map(|shard| {
            let name = format!("spike.recovery.{}.age", shard.index);
            Some((name, Value::from(shard.ciphertext.clone()?)))
        });
        let files = Value::Object(files.collect());
        let recipients = escrow.shards.iter().filter_map(|shard| shard.recipient.clone());
        let this = Self {
            cluster_id: cluster_id.to_owned(),
            set: escrow.set,
            threshold: escrow.threshold,
            recipients: recipients.collect(),
            digest: Digest::of(&files).to_string(),
        };
        (this, files)
    }

    /// As a `ConfigMap` says it; nothing if its files are others.
    pub(crate) fn read(map: &Value) -> Option<Self> {
        let said = text(map, &["metadata", "annotations", annotation::ESCROW])?;
        let this: Self = serde_json::from_str(said).ok()?;
        let files = map.get("data").unwrap_or(&Value::Null);
        (Digest::of(files).as_str() == this.digest).then_some(this)
    }
}

pub(super) fn look(live: &Live) -> EscrowLook {
    let ring = newest(&live.statuses);
    let Some((status, given)) =
        ring.and_then(|(status, keys)| Some((status, keys.escrow.as_ref()?)))
    else {
        return EscrowLook::None;
    };
    if !given.encrypted {
        return EscrowLook::None;
    }
    let id = status.cluster_id.map(|id| id.to_string());
    let kept = live.escrow.as_ref();
    let same = |kept: &Escrowed| kept.set == given.set && Some(&kept.cluster_id) == id.as_ref();
    if kept.is_some_and(same) { EscrowLook::Kept } else { EscrowLook::Missing }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn files_that_somebody_edited_are_found_out() {
        let given: Escrow = serde_json::from_value(json!({
            "set": 2, "shares": 2, "threshold": 2,
            "shards": [
                {"index": 1, "digest": "00".repeat(32), "recipient": "age1a", "ciphertext": "A"},
                {"index": 2, "digest": "00".repeat(32), "recipient": "age1b", "ciphertext": "B"},
            ],
        }))
        .expect("an escrow");
        let (said, files) = Escrowed::of("id", &given);
        assert_eq!(said.recipients, ["age1a", "age1b"]);
        let text = serde_json::to_string(&said).expect("JSON");
        let map = |data: &Value| json!({"metadata": {"annotations": {annotation::ESCROW: text}}, "data": data});
        assert_eq!(Escrowed::read(&map(&files)), Some(said));
        let mut edited = files;
        edited["spike.recovery.1.age"] = json!("C");
        assert_eq!(Escrowed::read(&map(&edited)), None);
    }
}
