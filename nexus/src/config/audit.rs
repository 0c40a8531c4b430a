//! `SPIKE_AUDIT` and `SPIKE_AUDIT_SYNC`.

use spike_audit::{Sink, Sync};
use spike_runtime::Env;

/// Where the audit goes.
pub(super) fn read(env: &mut Env) -> Sink {
    let syncs = [("group", Sync::Group), ("os", Sync::Os)];
    let sync = env.choice("SPIKE_AUDIT_SYNC", Sync::Group, &syncs);
    let name = "SPIKE_AUDIT";
    let said = env.text(name, "stdout");
    match said.split_once(':') {
        None if said == "stdout" => {}
        None if said == "store" => {
            env.refuse(name, "this version keeps no audit in the store", REMEDY);
        }
        Some(("file", path)) if path.starts_with('/') => {
            return Sink::File { path: path.into(), sync };
        }
        Some(("file", _)) => env.refuse(name, "not an absolute path", REMEDY),
        _ => env.refuse(name, "not a place for an audit", REMEDY),
    }
    Sink::Stdout
}

const REMEDY: &str = "Use stdout or file:/var/log/spike/audit.jsonl.";
