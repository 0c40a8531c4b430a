//! One screen. Pure: from what was seen to text.

use std::fmt::{self, Write};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::Value;
use spike_cli::output::Paint;
use spike_core::wire::v2::{keys::KeySet, status::Keys};
use spike_crds::{
    SpikeClusterStatus,
    cluster::{RootKeyStatus, StoreStatus},
    remedies::remedy,
};

use super::{
    health::{Health, of_condition},
    look::{Look, Replica},
};

/// The screen.
pub(crate) fn text(look: &Look, paint: Paint, wide: bool) -> String {
    let mut text = String::new();
    let look = &harmless(look);
    Screen { look, paint, wide }.write(&mut text).expect("a String takes all text");
    text
}

/// Whatever others chose (a label, the store's version, a condition) moves no cursor and begins no line:
/// control characters are written out.
fn harmless(look: &Look) -> Look {
    let mut value = serde_json::to_value(look).expect("our own types are JSON");
    escape(&mut value);
    serde_json::from_value(value).expect("it is what it was, but for texts")
}

fn escape(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(char::is_control) => {
            let escaped =
                |c: char| if c.is_control() { c.escape_default().to_string() } else { c.into() };
            *text = text.chars().map(escaped).collect();
        }
        Value::Array(list) => list.iter_mut().for_each(escape),
        Value::Object(map) => map.values_mut().for_each(escape),
        _ => {}
    }
}

struct Screen<'a> {
    look: &'a Look,
    paint: Paint,
    wide: bool,
}

impl Screen<'_> {
    fn write(&self, to: &mut String) -> fmt::Result {
        let Look { namespace, cluster, status, .. } = self.look;
        let health = match self.look.health {
            Health::Healthy => self.paint.good("healthy"),
            Health::Degraded => self.paint.bad("degraded"),
            Health::NeedsSomeone => self.paint.bad("needs someone"),
        };
        writeln!(to, "{} in {namespace}: {health}\n", self.paint.bold(cluster))?;
        let Some(status) = status else {
            writeln!(to, "No operator has looked at it yet: see whether one runs.")?;
            return self.write_unseen(to);
        };
        if self.look.outdated {
            writeln!(
                to,
                "The operator has not seen the newest spec yet; this is of the one before.\n"
            )?;
        }
        self.write_cluster(to, status)?;
        self.write_keys(to, status)?;
        self.write_parts(to, status)?;
        write_store(to, status.store.as_ref())?;
        self.write_rollout(to, status)?;
        self.write_recovery(to, status)?;
        self.write_conditions(to, &status.conditions)?;
        self.write_unseen(to)
    }

    fn write_cluster(&self, to: &mut String, status: &SpikeClusterStatus) -> fmt::Result {
        let Look { trust_domain, identity, .. } = self.look;
        let id = status.root_key.as_ref().map(|key| format!(", id {}", key.cluster_id));
        let id = id.unwrap_or_default();
        writeln!(to, "Cluster   {trust_domain}, identities: {identity}{id}")?;
        let version = status.version.as_deref().unwrap_or("not known yet");
        let image = status.image.as_deref().unwrap_or("not known yet");
        writeln!(to, "Version   {version}, image {image}")
    }

    fn write_keys(&self, to: &mut String, status: &SpikeClusterStatus) -> fmt::Result {
        if let Some(keys) = self.look.told.as_ref().and_then(|told| told.keys.as_ref()) {
            return write_ring(to, keys);
        }
        let Some(key) = &status.root_key else { return writeln!(to, "Keys      none yet") };
        let RootKeyStatus { epoch, root_epoch, set_id, generation, shares, threshold, .. } = key;
        let known = |number: Option<String>| number.unwrap_or_else(|| "?".to_owned());
        let [epoch, root, generation] =
            [epoch, root_epoch, generation].map(|number| known(number.map(|n| n.to_string())));
        let [shares, threshold] =
            [shares, threshold].map(|number| known(number.map(|n| n.to_string())));
        writeln!(
            to,
            "Keys      {threshold} of {shares}, epoch {epoch} (root key of epoch {root}), generation \
             {generation}"
        )?;
        writeln!(to, "          set {}", known(set_id.clone()))
    }

    fn write_parts(&self, to: &mut String, status: &SpikeClusterStatus) -> fmt::Result {
        if let Some(shards) = &status.shards {
            writeln!(to, "Shards    {shards} held")?;
            self.write_replicas(to, &self.look.keepers)?;
        }
        if let Some(nexus) = &status.nexus {
            let (ready, all, unsealed) = (nexus.ready, nexus.replicas, nexus.unsealed);
            writeln!(to, "Nexus     {ready}/{all} serve, {unsealed} have the root key")?;
        }
        self.write_replicas(to, &self.look.nexus)
    }

    fn write_replicas(&self, to: &mut String, replicas: &[Replica]) -> fmt::Result {
        let widest = |of: fn(&Replica) -> &str| {
            replicas.iter().map(|replica| of(replica).len()).max().unwrap_or_default()
        };
        let (pods, nodes) = (widest(|replica| &replica.pod), widest(node));
        for replica in replicas {
            let is = &replica.is;
            let is = if replica.well { self.paint.good(is) } else { self.paint.bad(is) };
            let node = node(replica);
            write!(to, "          {:pods$}  {node:nodes$}  {is}", replica.pod)?;
            if self.wide {
                let ip = replica.ip.as_deref().unwrap_or("no address");
                let template = replica.template.as_deref().unwrap_or("none");
                let restarts = replica.restarts;
                write!(to, "  [{ip}, restarts: {restarts}, template {template}]")?;
            }
            writeln!(to)?;
        }
        Ok(())
    }

    fn write_rollout(&self, to: &mut String, status: &SpikeClusterStatus) -> fmt::Result {
        let Some(rollout) = &status.rollout else {
            return writeln!(to, "Rollout   none in flight");
        };
        write!(to, "Rollout   to template {}", rollout.target.as_deref().unwrap_or("?"))?;
        if let Some(pod) = &rollout.pod {
            write!(to, ", now {pod}")?;
        }
        if let Some(reason) = &rollout.blocked_reason {
            write!(to, ", {}", self.paint.bad(reason))?;
        }
        writeln!(to)
    }

    fn write_recovery(&self, to: &mut String, status: &SpikeClusterStatus) -> fmt::Result {
        let told = self.look.told.as_ref().and_then(|told| told.keys.as_ref());
        if let Some(set) = told.and_then(|keys| keys.escrow.as_ref()) {
            let how = if set.encrypted { "encrypted to their custodians" } else { "in plain" };
            let (number, shares, threshold) = (set.set, set.shares, set.threshold);
            return writeln!(
                to,
                "Recovery  set {number}, any {threshold} of {shares} shards, {how}"
            );
        }
        if let Some(recovery) = &status.recovery {
            let threshold = recovery.threshold.map_or_else(|| "?".to_owned(), |n| n.to_string());
            return match recovery.recipients.len() {
                0 => writeln!(to, "Recovery  any {threshold} of the shards given out, in plain"),
                custodians => {
                    writeln!(to, "Recovery  any {threshold} of {custodians} custodians' shards")
                }
            };
        }
        let escrowed = status.conditions.iter().find(|c| c.type_ == "RecoveryEscrowed");
        match escrowed {
            Some(condition) if condition.reason == "NotEscrowed" => {
                writeln!(to, "Recovery  {}", self.paint.bad("nobody has recovery shards"))
            }
            Some(condition) => writeln!(to, "Recovery  {}", condition.message),
            None => writeln!(to, "Recovery  nobody knows yet"),
        }
    }

    fn write_conditions(&self, to: &mut String, conditions: &[Condition]) -> fmt::Result {
        let widest = |of: fn(&Condition) -> &str| {
            conditions.iter().map(|condition| of(condition).len()).max().unwrap_or_default()
        };
        let (types, reasons) = (widest(|c| &c.type_), widest(|c| &c.reason));
        writeln!(to, "\n{}", self.paint.bold("Conditions"))?;
        for condition in conditions {
            let Condition { type_, status, reason, message, .. } = condition;
            let (health, padded) = (of_condition(condition), format!("{status:7}"));
            let status = match health {
                Health::Healthy => self.paint.good(&padded),
                _ => self.paint.bad(&padded),
            };
            write!(to, "  {status}  {type_:types$}  {reason:reasons$}  {message}")?;
            if self.wide {
                write!(to, "  [since {}]", condition.last_transition_time.0)?;
            }
            writeln!(to)?;
            if let Some(remedy) = remedy(type_, &condition.status, reason) {
                writeln!(to, "           -> {}", remedy.text)?;
            }
        }
        Ok(())
    }

    fn write_unseen(&self, to: &mut String) -> fmt::Result {
        let unseen = &self.look.unseen;
        if !unseen.is_empty() {
            writeln!(to, "\nNot seen")?;
        }
        unseen.iter().try_for_each(|what| writeln!(to, "  {what}"))
    }
}

fn node(replica: &Replica) -> &str {
    replica.node.as_deref().unwrap_or("no node")
}

fn write_ring(to: &mut String, keys: &Keys) -> fmt::Result {
    let Keys { revision, epoch, root_epoch, generation, set_id, shares, threshold, .. } = keys;
    writeln!(
        to,
        "Keys      {threshold} of {shares}, epoch {epoch} (root key of epoch {root_epoch}), generation \
         {generation}"
    )?;
    writeln!(to, "          set {set_id}, ring revision {revision}")?;
    if let Some(pending) = &keys.pending {
        writeln!(to, "          pending: {}", set(pending))?;
    }
    if let Some(previous) = &keys.previous {
        writeln!(
            to,
            "          previous, until every Keeper has its new shard: {}",
            set(previous)
        )?;
    }
    Ok(())
}

fn set(set: &KeySet) -> String {
    let KeySet { shares, threshold, epoch, generation, set_id, .. } = set;
    format!("{threshold} of {shares}, epoch {epoch}, generation {generation}, set {set_id}")
}

fn write_store(to: &mut String, store: Option<&StoreStatus>) -> fmt::Result {
    let Some(store) = store else { return writeln!(to, "Store     not known yet") };
    write!(to, "Store     {}", store.kind)?;
    if let Some(schema) = store.schema_version {
        write!(to, ", schema {schema}")?;
    }
    if let Some(server) = &store.server_version {
        write!(to, ", server {server}")?;
    }
    writeln!(to)
}

#[cfg(test)]
mod tests;
