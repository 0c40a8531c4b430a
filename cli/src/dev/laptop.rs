//! What a `SpikeCluster` may ask for and only Kubernetes can give, told by field and all at once.
//!
//! A manifest that is silently half obeyed would teach something that isn't so.

use spike_crds::{
    SpikeClusterSpec,
    cluster::{Keeper, Nexus, Postgres},
};

use crate::error::CliError;

/// Refuses what a laptop can't do.
pub(super) fn refuse(spec: &SpikeClusterSpec) -> Result<(), CliError> {
    let lacking = [whole(spec), nexus(&spec.nexus), keeper(&spec.keeper)].concat();
    let told: Vec<_> = lacking
        .into_iter()
        .filter(|(_, set, _)| *set)
        .map(|(field, _, why)| format!("spec.{field}: {why}"))
        .collect();
    if told.is_empty() {
        return Ok(());
    }
    Err(CliError::usage(
        format!("`spike dev` can't do what the manifest asks for:\n  {}", told.join("\n  ")),
        "Remove these from a copy of the manifest for development.",
    ))
}

/// A field, whether it is set to anything but its default, and why it must not be.
type Lacking = (&'static str, bool, &'static str);

fn whole(spec: &SpikeClusterSpec) -> Vec<Lacking> {
    let storage = spec.store.sqlite.as_ref().is_some_and(|sqlite| sqlite.storage.is_some());
    vec![
        (
            "identity.spire",
            spec.identity.spire.is_some(),
            "identities come from its own authority (builtin: {})",
        ),
        ("store.sqlite.storage", storage, "the file is in --dir"),
        (
            "store.postgres",
            spec.store.postgres.as_ref().is_some_and(says_more_than_a_url),
            "SPIKE_NEXUS_STORE_URL says where the server is: name it by urlRef and nothing else",
        ),
        ("image", set(&spec.image), "the programs are those beside `spike` (--bin-dir)"),
        ("rollout", set(&spec.rollout), "programs are replaced by a restart"),
        ("networkPolicy", set(&spec.network_policy), "everything listens on loopback"),
        ("monitoring", set(&spec.monitoring), "metrics are on each program's probe port"),
        ("deletion", set(&spec.deletion), "a cluster goes with its --dir"),
    ]
}

/// Of a URL's Secret any will do, since the environment stands in for it.
fn says_more_than_a_url(postgres: &Postgres) -> bool {
    *postgres != Postgres { url_ref: postgres.url_ref.clone(), ..Postgres::default() }
}

fn nexus(nexus: &Nexus) -> Vec<Lacking> {
    vec![
        ("nexus.autoscaling", nexus.autoscaling.is_some(), "there is a fixed number of them"),
        ("nexus.resources", nexus.resources.is_some(), "there are no limits"),
        ("nexus.service", set(&nexus.service), "there are no Services"),
        ("nexus.podOverrides", nexus.pod_overrides.is_some(), "there are no pods"),
    ]
}

fn keeper(keeper: &Keeper) -> Vec<Lacking> {
    vec![
        ("keeper.resources", keeper.resources.is_some(), "there are no limits"),
        ("keeper.spread", set(&keeper.spread), "there is one machine"),
        (
            "keeper.priorityClassName",
            keeper.priority_class_name.is_some(),
            "there is nobody to give way",
        ),
        ("keeper.podOverrides", keeper.pod_overrides.is_some(), "there are no pods"),
    ]
}

fn set<T: Default + PartialEq>(part: &T) -> bool {
    *part != T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICKSTART: &str = include_str!("../../../config/samples/quickstart.yaml");
    const POSTGRES: &str = include_str!("../../../config/samples/postgres.yaml");
    const SPIRE: &str = include_str!("../../../config/samples/spire.yaml");

    fn refusal(manifest: &str) -> Option<String> {
        let cluster = spike_crds::manifest::read(manifest).expect("readable");
        refuse(&cluster.spec).err().map(|error| error.to_string())
    }

    #[test]
    fn the_quickstart_asks_for_nothing_that_a_laptop_lacks() {
        assert_eq!(refusal(QUICKSTART), None);
    }

    #[test]
    fn a_server_is_named_by_its_url_alone() {
        assert_eq!(refusal(POSTGRES), None);
        let pooled = POSTGRES.replace("urlRef:", "pool: {connections: 9}\n      urlRef:");
        let told = refusal(&pooled).expect("refused");
        assert!(told.contains("spec.store.postgres: SPIKE_NEXUS_STORE_URL"), "{told}");
    }

    #[test]
    fn all_fields_that_only_kubernetes_obeys_are_told_at_once() {
        let told = refusal(SPIRE).expect("refused");
        for field in ["spec.identity.spire: ", "spec.networkPolicy: ", "spec.monitoring: "] {
            assert!(told.contains(field), "{told}");
        }
        assert!(!told.contains("spec.nexus"), "replicas are no matter: {told}");
    }

    #[test]
    fn each_part_of_a_pod_is_told_by_its_own_field() {
        let more = "  nexus:\n    service: {type: LoadBalancer}\n    resources: {}\n    podOverrides: {}\n";
        let keeper =
            "  keeper:\n    resources: {cpu: 1}\n    spread: {whenUnsatisfiable: ScheduleAnyway}\n";
        let told = refusal(&QUICKSTART.replace("  nexus:\n", &format!("{keeper}{more}")));
        let told = told.expect("refused");
        for field in ["nexus.service", "nexus.resources", "nexus.podOverrides", "keeper.spread"] {
            assert!(told.contains(&format!("spec.{field}: ")), "{told}");
        }
    }

    #[test]
    fn a_default_that_is_written_out_is_no_wish() {
        let written = "  networkPolicy: {mode: Strict}\n  deletion: {policy: Retain}\n  nexus:\n";
        assert_eq!(refusal(&QUICKSTART.replace("  nexus:\n", written)), None);
    }
}
