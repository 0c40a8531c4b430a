//! `SPIKE_AUDIT` and `SPIKE_AUDIT_SYNC`.

use spike_audit::{Sink, Sync};
use spike_runtime::Env;

/// Where the audit goes.
pub(super) fn read(env: &mut Env) -> Sink {
    let syncs = [("group", Sync::Group), ("os", Sync::Os)];
    let sync = env.choice("SPIKE_AUDIT_SYNC", Sync::Group, &syncs);
    let remedy = "Use stdout or file:/var/log/spike/audit.jsonl.";
    let sink = env.parse_with("SPIKE_AUDIT", |raw| Sink::parse(raw, sync), remedy);
    sink.unwrap_or(Sink::Stdout)
}
