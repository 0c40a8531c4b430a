//! How the root key is split, as text.

use std::fmt::{self, Write};

use spike_core::{
    ShareIndex,
    wire::v2::{
        keys::{AuditKey, KeySet, KeysResponse},
        shard::SetRole,
    },
};
use zeroize::Zeroizing;

use crate::{format::View, output::Paint};

impl View for KeysResponse {
    fn human(&self, paint: Paint) -> Zeroizing<String> {
        let mut text = String::new();
        write_keys(&mut text, self, paint).expect("a String takes all text");
        Zeroizing::new(text)
    }
}

fn write_keys(to: &mut String, keys: &KeysResponse, paint: Paint) -> fmt::Result {
    let KeysResponse { cluster_id, revision, root_epoch, current, .. } = keys;
    writeln!(to, "Cluster   {cluster_id}")?;
    writeln!(to, "Keys      {} (root key of epoch {root_epoch})", split(current))?;
    writeln!(to, "          set {}, ring revision {revision}", current.set_id)?;
    if let Some(pending) = &keys.pending {
        write_pending(to, pending, paint)?;
    }
    if let Some(previous) = &keys.previous {
        write_previous(to, previous, &lacking(current, SetRole::Current), paint)?;
    }
    for (nth, AuditKey { key, active }) in keys.audit_keys.iter().enumerate() {
        let label = if nth == 0 { "Audit" } else { "" };
        let retired = if *active { "" } else { " (retired)" };
        writeln!(to, "{label:<10}{key}{retired}")?;
    }
    Ok(())
}

/// The split that a re-share goes to.
pub(super) fn write_pending(to: &mut String, pending: &KeySet, paint: Paint) -> fmt::Result {
    let waits = waits(&lacking(pending, SetRole::Pending), "is about to be committed", paint);
    writeln!(to, "Re-share  to {}, attempt {}: {waits}", split(pending), pending.attempt)
}

/// The split that a re-share came from.
pub(super) fn write_previous(
    to: &mut String,
    previous: &KeySet,
    lacking: &[ShareIndex],
    paint: Paint,
) -> fmt::Result {
    let waits = waits(lacking, "is about to settle", paint);
    writeln!(to, "Re-share  from {}: {waits}", split(previous))
}

fn split(set: &KeySet) -> String {
    let KeySet { shares, threshold, epoch, generation, .. } = set;
    format!("{threshold} of {shares}, epoch {epoch}, generation {generation}")
}

fn lacking(set: &KeySet, role: SetRole) -> Vec<ShareIndex> {
    set.lacking(role).collect()
}

fn waits(lacking: &[ShareIndex], otherwise: &str, paint: Paint) -> String {
    if lacking.is_empty() { otherwise.to_owned() } else { paint.bad(&waits_for(lacking)) }
}

/// The Keepers that a re-share waits for.
fn waits_for(lacking: &[ShareIndex]) -> String {
    let indices: Vec<_> = lacking.iter().map(ToString::to_string).collect();
    let plural = if indices.len() == 1 { "" } else { "s" };
    format!("waits for Keeper{plural} {}", indices.join(", "))
}

/// What a re-share waits for; `None` if none is under way.
pub(crate) fn under_way(keys: &KeysResponse) -> Option<String> {
    let lacking = match (&keys.pending, &keys.previous) {
        (Some(pending), _) => lacking(pending, SetRole::Pending),
        (None, Some(_)) => lacking(&keys.current, SetRole::Current),
        (None, None) => return None,
    };
    Some(if lacking.is_empty() { "goes on".to_owned() } else { waits_for(&lacking) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = r#"{
        "clusterId": "000102030405060708090a0b0c0d0e0f", "revision": 4, "rootEpoch": 1,
        "epoch": 2, "attempt": 1, "generation": 2, "setId": "ffffffffffffffffffffffffffffffff",
        "shares": 3, "threshold": 2,
        "keepers": [{"index": 1, "holds": "current"}, {"index": 2}, {"index": 3, "holds": "pending"}],
        "auditKeys": [{"key": "9:00ff", "active": true}, {"key": "4:00aa", "active": false}]
    }"#;

    fn keys(more: &str) -> KeysResponse {
        let text = KEYS.replacen('{', &format!("{{{more}"), 1);
        serde_json::from_str(&text).expect("valid")
    }

    fn side(name: &str, keepers: &str) -> String {
        format!(
            r#""{name}": {{"epoch": 3, "attempt": 2, "generation": 7, "shares": 5, "threshold": 3,
                "setId": "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "keepers": [{keepers}]}},"#
        )
    }

    #[test]
    fn a_re_share_shows_what_it_waits_for() {
        let pending = side("pending", r#"{"index": 1, "holds": "pending"}, {"index": 4}"#);
        let keys = keys(&pending);
        let expected = "\
Cluster   000102030405060708090a0b0c0d0e0f
Keys      2 of 3, epoch 2, generation 2 (root key of epoch 1)
          set ffffffffffffffffffffffffffffffff, ring revision 4
Re-share  to 3 of 5, epoch 3, generation 7, attempt 2: waits for Keeper 4
Audit     9:00ff
          4:00aa (retired)
";
        assert_eq!(keys.human(Paint::PLAIN).as_str(), expected);
        assert_eq!(under_way(&keys).as_deref(), Some("waits for Keeper 4"));
    }

    #[test]
    fn the_set_before_stays_until_every_keeper_has_committed() {
        let keys = keys(&side("previous", ""));
        let text = keys.human(Paint::PLAIN);
        let line = "\nRe-share  from 3 of 5, epoch 3, generation 7: waits for Keepers 2, 3\n";
        assert!(text.contains(line), "{}", text.as_str());
        assert_eq!(under_way(&keys).as_deref(), Some("waits for Keepers 2, 3"));
    }

    #[test]
    fn without_a_re_share_nothing_is_under_way() {
        let keys = keys("");
        assert_eq!(under_way(&keys), None);
        assert!(!keys.human(Paint::PLAIN).contains("Re-share"));
        let ready = side("pending", r#"{"index": 1, "holds": "pending"}"#);
        assert_eq!(under_way(&self::keys(&ready)).as_deref(), Some("goes on"));
    }
}
