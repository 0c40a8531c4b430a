//! The status of a cluster, on one screen.

use std::fmt::{self, Write};

use spike_core::wire::v2::{
    health::State,
    shard::{HeldSet, SetRole},
    status::{Escrow, Keeper, Keys, Status},
};
use zeroize::Zeroizing;

use super::keys::{write_pending, write_previous};
use crate::{format::View, output::Paint};

impl View for Status {
    fn human(&self, paint: Paint) -> Zeroizing<String> {
        let mut text = String::new();
        write_status(&mut text, self, paint).expect("a String takes all text");
        Zeroizing::new(text)
    }
}

fn write_status(to: &mut String, status: &Status, paint: Paint) -> fmt::Result {
    let state = match status.status {
        State::Ready => paint.good("ready"),
        State::Sealed => paint.bad("sealed"),
        State::StoreUnavailable => paint.bad("store unavailable"),
        State::Draining => paint.bad("draining"),
    };
    writeln!(to, "{state}  Nexus {}, replica {}\n", status.version, status.replica)?;
    if let Some(cluster) = status.cluster_id {
        writeln!(to, "Cluster   {cluster}")?;
    }
    match &status.keys {
        Some(keys) => {
            write_keys(to, keys)?;
            write_reshare(to, keys, &status.keepers, paint)?;
        }
        None => writeln!(to, "Keys      none known")?,
    }
    write_keepers(to, status, paint)?;
    write_rest(to, status, paint)?;
    if !status.reasons.is_empty() {
        writeln!(to, "\n{}", paint.bold("Look at:"))?;
    }
    status.reasons.iter().try_for_each(|r| writeln!(to, "  {}: {}", r.code, r.message))
}

fn write_keys(to: &mut String, keys: &Keys) -> fmt::Result {
    let Keys { revision, epoch, root_epoch, attempt, set_id, shares, threshold, .. } = keys;
    writeln!(
        to,
        "Keys      {threshold} of {shares}, epoch {epoch} (root key of epoch {root_epoch})"
    )?;
    writeln!(to, "          set {set_id}, attempt {attempt}, ring revision {revision}")?;
    match &keys.escrow {
        None => writeln!(to, "Recovery  no shards were given out: `spike operator recover`"),
        Some(Escrow { set, shares, threshold, encrypted }) => {
            let how = if *encrypted { "encrypted to their custodians" } else { "in plain" };
            writeln!(to, "Recovery  set {set}, any {threshold} of {shares} shards, {how}")
        }
    }
}

fn write_reshare(to: &mut String, keys: &Keys, keepers: &[Keeper], paint: Paint) -> fmt::Result {
    if let Some(pending) = &keys.pending {
        write_pending(to, pending, paint)?;
    }
    if let Some(previous) = &keys.previous {
        let lacking = keepers.iter().filter(|keeper| has_part(keeper, keys) && !keeper.current);
        let lacking: Vec<_> = lacking.map(|keeper| keeper.index).collect();
        write_previous(to, previous, &lacking, paint)?;
    }
    Ok(())
}

/// True if a shard of what is in force is meant for the Keeper.
const fn has_part(keeper: &Keeper, keys: &Keys) -> bool {
    keeper.index.get() <= keys.shares
}

fn write_keepers(to: &mut String, status: &Status, paint: Paint) -> fmt::Result {
    let Status { keepers, keys, .. } = status;
    let width = keepers.iter().map(|keeper| address(keeper).len()).max().unwrap_or(0);
    for (nth, keeper) in keepers.iter().enumerate() {
        let label = if nth == 0 { "Keepers" } else { "" };
        let (index, url) = (keeper.index, address(keeper));
        let spare = keys.as_ref().is_some_and(|keys| !has_part(keeper, keys));
        let verdict = if spare && keeper.reachable && keeper.holds.is_empty() {
            "holds nothing, as it should".to_owned()
        } else {
            verdict(keeper, paint)
        };
        writeln!(to, "{label:<10}{index}  {url:width$}  {verdict}")?;
    }
    if let Some(oldest) = keepers.iter().filter_map(|keeper| keeper.checked_at).min() {
        writeln!(to, "          checked at {oldest:.0}")?;
    }
    Ok(())
}

fn address(keeper: &Keeper) -> &str {
    keeper.url.trim_end_matches('/')
}

fn verdict(keeper: &Keeper, paint: Paint) -> String {
    if keeper.checked_at.is_none() && keeper.error.is_none() && !keeper.reachable {
        return "not asked yet".to_owned();
    }
    if !keeper.reachable {
        let why = keeper.error.as_deref().unwrap_or("no answer");
        return format!("{}: {why}", paint.bad("unreachable"));
    }
    if keeper.current {
        return paint.good("holds the current set");
    }
    match keeper.holds.as_slice() {
        [] => paint.bad("holds nothing"),
        held => {
            let flaw = keeper.error.as_ref().map_or_else(String::new, |why| format!("; {why}"));
            format!("{}: {}{flaw}", paint.bad("not current"), sets(held))
        }
    }
}

fn sets(held: &[HeldSet]) -> String {
    let set = |held: &HeldSet| {
        let role = match held.role {
            SetRole::Current => "current",
            SetRole::Previous => "previous",
            SetRole::Pending => "pending",
        };
        format!("{role} of epoch {}", held.epoch)
    };
    held.iter().map(set).collect::<Vec<_>>().join(", ")
}

fn write_rest(to: &mut String, status: &Status, paint: Paint) -> fmt::Result {
    let store = &status.store;
    write!(to, "Store     {}", store.kind)?;
    if let Some(version) = &store.server_version {
        write!(to, " {version}")?;
    }
    if let Some(schema) = store.schema {
        write!(to, ", schema {schema}")?;
    }
    match (store.reachable, &store.error) {
        (true, _) => writeln!(to, ", {}", paint.good("reachable"))?,
        (false, why) => {
            let why = why.as_deref().unwrap_or("no answer");
            writeln!(to, ", {}: {why}", paint.bad("unreachable"))?;
        }
    }
    match status.policies.counter {
        Some(counter) => writeln!(to, "Policies  counter {counter}")?,
        None => writeln!(to, "Policies  not known yet")?,
    }
    let audit = &status.audit;
    writeln!(to, "Audit     {}, line {}, {} failures", audit.sink, audit.last_seq, audit.failures)?;
    if !audit.keys.is_empty() {
        writeln!(to, "          signed under {}", audit.keys)?;
    }
    match (status.memory.locked, status.memory.detail.as_str()) {
        (true, _) => writeln!(to, "Memory    locked"),
        (false, why) => writeln!(to, "Memory    {}: {why}", paint.bad("not locked")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = r#"{
        "status": "sealed",
        "reasons": [{"code": "keepers_unreachable", "message": "1 of 2 needed Keepers answers"}],
        "version": "0.1.0", "replica": "nexus-1",
        "clusterId": "000102030405060708090a0b0c0d0e0f",
        "keys": {"revision": 4, "state": "active", "epoch": 2, "rootEpoch": 1, "attempt": 1,
                 "generation": 1, "setId": "ffffffffffffffffffffffffffffffff",
                 "shares": 3, "threshold": 2,
                 "escrow": {"set": 5, "shares": 4, "threshold": 2, "encrypted": true}},
        "keepers": [
            {"index": 1, "url": "https://k-0:8443", "reachable": true, "current": true,
             "holds": [], "checkedAt": "2026-01-02T03:04:05.678Z"},
            {"index": 2, "url": "https://k-1:8443/", "reachable": true, "current": false,
             "holds": []},
            {"index": 3, "url": "https://keeper-2:8443", "reachable": false, "current": false,
             "error": "connection refused", "holds": [],
             "checkedAt": "2026-01-02T03:04:09.5Z"},
            {"index": 4, "url": "https://k-3:8443", "reachable": false, "current": false,
             "holds": []}],
        "store": {"kind": "sqlite", "schema": 1, "serverVersion": "3.50.4", "reachable": true},
        "policies": {"counter": 12},
        "audit": {"sink": "stdout", "lastSeq": 1042, "failures": 0, "keys": "4:00ff"},
        "memory": {"locked": false, "detail": "RLIMIT_MEMLOCK is 64 KiB"}
    }"#;

    #[test]
    fn a_sealed_cluster_shows_what_it_waits_for() {
        let status: Status = serde_json::from_str(STATUS).expect("valid");
        let expected = "\
sealed  Nexus 0.1.0, replica nexus-1

Cluster   000102030405060708090a0b0c0d0e0f
Keys      2 of 3, epoch 2 (root key of epoch 1)
          set ffffffffffffffffffffffffffffffff, attempt 1, ring revision 4
Recovery  set 5, any 2 of 4 shards, encrypted to their custodians
Keepers   1  https://k-0:8443       holds the current set
          2  https://k-1:8443       holds nothing
          3  https://keeper-2:8443  unreachable: connection refused
          4  https://k-3:8443       not asked yet
          checked at 2026-01-02T03:04:05Z
Store     sqlite 3.50.4, schema 1, reachable
Policies  counter 12
Audit     stdout, line 1042, 0 failures
          signed under 4:00ff
Memory    not locked: RLIMIT_MEMLOCK is 64 KiB

Look at:
  keepers_unreachable: 1 of 2 needed Keepers answers
";
        assert_eq!(status.human(Paint::PLAIN).as_str(), expected);
    }

    #[test]
    fn a_re_share_shows_which_keepers_it_waits_for() {
        let side = |name: &str, keepers: serde_json::Value| {
            let mut status: serde_json::Value = serde_json::from_str(STATUS).expect("valid");
            status["keys"][name] = serde_json::json!({
                "epoch": 3, "attempt": 1, "generation": 2, "shares": 5, "threshold": 3,
                "setId": "ee".repeat(16), "keepers": keepers,
            });
            let status: Status = serde_json::from_value(status).expect("valid");
            status.human(Paint::PLAIN)
        };
        let pending = side("pending", serde_json::json!([{ "index": 5 }]));
        let line = "\nRe-share  to 3 of 5, epoch 3, generation 2, attempt 1: waits for Keeper 5\n";
        assert!(pending.contains(line), "{}", pending.as_str());
        // The fourth Keeper has no part in 2 of 3.
        let previous = side("previous", serde_json::json!([]));
        let line = "\nRe-share  from 3 of 5, epoch 3, generation 2: waits for Keepers 2, 3\n";
        assert!(previous.contains(line), "{}", previous.as_str());
    }
}
