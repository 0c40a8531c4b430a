//! `kubectl spike restore`.

use std::{path::PathBuf, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use spike_cli::{CliError, Context, Exit, Remote, output};
use spike_crds::{SpikeCluster, names::Part};
use tokio::time::{Instant, sleep};

use crate::{
    place::Place,
    pods::{Standing, standing},
    refusal,
};

/// Between two looks at a cluster that comes back.
const LOOK: Duration = Duration::from_secs(1);

/// Bring a cluster back after all its pods died: give recovery shards to a Nexus, and wait.
///
/// Takes shards as `spike operator restore` does: from files, or one per line from standard input, or
/// typed one after the other without being shown. Files that are encrypted with age are opened in
/// memory, with --identity. All of them go to one Nexus pod, which checks them, takes the root key
/// and gives every Keeper its shard; the other replicas follow. Waits until all of them are well.
/// Needs the right to create spikeclusters/restore.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Files with one shard each, in plain or encrypted with age.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A file with age identities (secret keys) that open encrypted shards; may be repeated.
    #[arg(short, long, value_name = "FILE")]
    identity: Vec<PathBuf>,
    /// One call per shard, for custodians who can't meet: each gives theirs in turn. They all have to
    /// reach the same pod: see --pod.
    #[arg(long)]
    one_by_one: bool,
    /// How long to wait for the cluster; 0s not to.
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "10m",
        value_parser = spike_runtime::env::parse_duration
    )]
    wait: Duration,
}

const EXAMPLES: &str = "\
Examples:
  kubectl spike restore -c demo --identity alice.key --identity bob.key spike.recovery.*.age
  kubectl spike restore -c demo                    # asks, shows nothing
  kubectl spike restore -c demo --one-by-one --pod spike-demo-nexus-6d5f7-abcde alice.txt";

impl Args {
    /// Restores it.
    pub(crate) async fn run(self, place: &Place, context: &Context) -> Result<(), CliError> {
        let Self { files, identity, one_by_one, wait } = self;
        Remote::restore(files, identity, one_by_one).run(context).await?;
        // Of shards that come one by one, these may not have been the last.
        if one_by_one || wait.is_zero() {
            return Ok(());
        }
        let until = Instant::now() + wait;
        let mut told = String::new();
        loop {
            let seen = Seen::look(place).await?;
            if seen.is_well() {
                return output::print(&format!("{}: {}.", place.names.instance(), seen.text()));
            }
            if Instant::now() >= until {
                return Err(CliError::new(
                    Exit::Unavailable,
                    format!("{} is not yet well: {}", place.names.instance(), seen.text()),
                    "The root key is back. `kubectl spike status` shows what is waited for.",
                ));
            }
            if seen.text() != told {
                told = seen.text();
                output::note(&told);
            }
            sleep(LOOK).await;
        }
    }
}

/// How far a cluster has come back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Nexus pods that have the root key, and all.
    nexus: (usize, usize),
    /// Keepers that hold a shard, and all.
    keepers: (usize, usize),
    /// What the operator still says is wrong.
    amiss: Option<String>,
}

impl Seen {
    async fn look(place: &Place) -> Result<Self, CliError> {
        let of =
            async |part: Part| place.pods(part).await.map_err(|why| refusal::of("list pods", &why));
        let (nexus, keepers) = (of(Part::Nexus).await?, of(Part::Keeper).await?);
        Ok(Self::of(&place.again().await?, &nexus, &keepers))
    }

    fn of(cluster: &SpikeCluster, nexus: &[Pod], keepers: &[Pod]) -> Self {
        let ready = |pods: &[Pod]| {
            // A pod is ready if it has its key, and no sooner.
            let ready = pods.iter().filter(|pod| standing(pod) == Standing::Ready).count();
            let staying = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
            (ready, staying.count())
        };
        let conditions = cluster.status.iter().flat_map(|status| &status.conditions);
        let mut amiss = conditions.filter(|condition| {
            let known = (condition.type_.as_str(), condition.reason.as_str());
            condition.type_ == "Stalled"
                || matches!(known, ("QuorumHealthy", "QuorumLost" | "ShardsMissing"))
        });
        Self {
            nexus: ready(nexus),
            keepers: ready(keepers),
            amiss: amiss.next().map(|condition| condition.reason.clone()),
        }
    }

    fn is_well(&self) -> bool {
        let all = |(ready, all): (usize, usize)| ready == all && all > 0;
        all(self.nexus) && all(self.keepers) && self.amiss.is_none()
    }

    fn text(&self) -> String {
        let ((unsealed, nexus), (hydrated, keepers)) = (self.nexus, self.keepers);
        let text = format!(
            "{unsealed} of {nexus} Nexus replicas have the root key, {hydrated} of {keepers} Keepers \
             hold a shard"
        );
        match &self.amiss {
            Some(reason) => format!("{text}; the operator still says {reason}"),
            None => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;
    use crate::pods::tests::{pod, running};

    fn cluster(conditions: &serde_json::Value) -> SpikeCluster {
        from_value(json!({
            "apiVersion": "spike.ist/v1alpha1",
            "kind": "SpikeCluster",
            "metadata": {"name": "demo"},
            "spec": {
                "trustDomain": "example.org",
                "identity": {"builtin": {}},
                "store": {"sqlite": {}},
                "nexus": {"replicas": 1},
            },
            "status": {"conditions": conditions},
        }))
        .expect("a cluster")
    }

    #[test]
    fn a_cluster_is_back_when_every_replica_has_its_key_and_the_operator_has_seen_it() {
        let stalled = cluster(&json!([{
            "type": "Stalled", "status": "True", "reason": "RecoveryRequired", "message": "m",
            "lastTransitionTime": "2026-01-02T03:04:05Z",
        }]));
        let well = cluster(&json!([]));
        let behind = cluster(&json!([{
            "type": "QuorumHealthy", "status": "False", "reason": "QuorumLost", "message": "m",
            "lastTransitionTime": "2026-01-02T03:04:05Z",
        }]));
        let ready = [pod("a", &running(), true)];
        let empty = [pod("b", &running(), false)];
        let both = [&ready[..], &empty[..]].concat();
        let seen = Seen::of(&stalled, &ready, &both);
        assert!(!seen.is_well());
        assert_eq!(
            seen.text(),
            "1 of 1 Nexus replicas have the root key, 1 of 2 Keepers hold a shard; the operator still \
             says RecoveryRequired"
        );
        assert!(!Seen::of(&stalled, &ready, &ready).is_well());
        assert!(!Seen::of(&behind, &ready, &ready).is_well());
        assert!(!Seen::of(&well, &empty, &ready).is_well());
        assert!(!Seen::of(&well, &[], &[]).is_well(), "nothing is not well");
        assert!(Seen::of(&well, &ready, &ready).is_well());
    }
}
