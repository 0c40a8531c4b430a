//! The operator has a right to every kind of object that it makes, and to read no Secret.

use std::{collections::BTreeSet, fs};

use serde::Deserialize;
use spike_operator::build::Kind;

const RIGHTS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../config/chart/files/rbac/operator.yaml");

#[derive(Deserialize)]
struct Role {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    api_groups: Vec<String>,
    resources: Vec<String>,
    #[serde(default)]
    resource_names: Vec<String>,
    verbs: BTreeSet<String>,
}

/// What the role says of a kind.
fn verbs(role: &Role, group: &str, plural: &str) -> BTreeSet<String> {
    let about = |rule: &&Rule| {
        rule.api_groups.iter().any(|one| one == group)
            && rule.resources.iter().any(|one| one == plural)
    };
    role.rules.iter().filter(about).flat_map(|rule| rule.verbs.clone()).collect()
}

#[test]
fn each_kind_that_is_made_may_be_used_as_it_is_and_no_more() {
    let text = fs::read_to_string(RIGHTS).expect("readable");
    let first = serde_yaml::Deserializer::from_str(&text).next().expect("a document");
    let role = Role::deserialize(first).expect("a ClusterRole");
    for kind in Kind::ALL {
        let resource = kind.resource();
        let given = verbs(&role, &resource.group, &resource.plural);
        let needed = match kind {
            // Made empty, never read, and gone with all else.
            Kind::Secret => vec!["create", "delete"],
            // Its template can't change.
            Kind::Job => vec!["create", "delete", "list", "watch"],
            // A volume with secrets on it is for people to delete.
            Kind::PersistentVolumeClaim => vec!["create", "get", "list", "patch", "watch"],
            // Not watched: their kinds may not be installed, or their status changes all the time.
            Kind::HorizontalPodAutoscaler
            | Kind::ClusterSpiffeId
            | Kind::PodMonitor
            | Kind::PrometheusRule => vec!["create", "delete", "get", "patch"],
            _ => vec!["create", "delete", "get", "list", "patch", "watch"],
        };
        let needed = needed.into_iter().map(ToOwned::to_owned).collect();
        assert_eq!(given, needed, "{}", kind.name());
    }
    let mut deleting = role.rules.iter().filter(|rule| {
        rule.resources.iter().any(|one| one == "secrets") && rule.verbs.contains("delete")
    });
    assert!(deleting.all(|rule| rule.resource_names == ["spike-authority-ca"]), "no other Secret");
}
