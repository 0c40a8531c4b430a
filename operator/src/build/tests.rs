//! Golden files of every object, and what must hold for all of them.

use std::{fs, path::PathBuf};

use serde_json::Value;
use spike_crds::manifest;

use super::*;
use crate::{
    names::Half,
    validate::{Defaults, validate},
};

/// Set to write the golden files anew; look at what changed before committing it.
const UPDATE: &str = "UPDATE_GOLDEN";

const CLUSTERS: [(&str, &str); 4] = [
    ("builtin-postgres", include_str!("tests/builtin-postgres.yaml")),
    ("spire-postgres", include_str!("tests/spire-postgres.yaml")),
    ("builtin-sqlite", include_str!("tests/builtin-sqlite.yaml")),
    ("builtin-memory", include_str!("tests/builtin-memory.yaml")),
];

fn cluster(text: &str) -> Cluster {
    let defaults = Defaults { image: site().image };
    validate(&manifest::read(text).expect("a manifest"), &defaults).expect("valid")
}

fn site() -> Site {
    Site {
        namespace: "spike-system".to_owned(),
        account: "spike-operator".to_owned(),
        image: "ghcr.io/spike-rs/spike:1.0.0".to_owned(),
    }
}

fn everything(cluster: &Cluster) -> Vec<Object> {
    let known = Known { cluster_id: Some("0123456789abcdef0123456789abcdef".to_owned()) };
    let mut objects = base(cluster, &known, &site());
    if cluster.keepers() > 0 {
        let memory = Memory { cluster_id: known.cluster_id, ..Memory::default() };
        let template = keeper_template(cluster);
        objects.push(stateful_set(cluster, cluster.keepers(), &template, &memory));
    }
    objects.push(deployment(cluster, cluster.keepers()));
    if !cluster.store.is_single() {
        objects.push(schema_job(cluster, Half::Expand));
        objects.push(schema_job(cluster, Half::Contract));
        objects.push(bootstrap_job(cluster, 1));
    }
    objects
}

/// Compares a text with its golden file, or writes it.
fn golden(file: &str, text: &str) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(file);
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&file, text).expect("written");
    }
    let golden = fs::read_to_string(&file).unwrap_or_default();
    assert!(golden == text, "{}: set {UPDATE}=1, and look at it", file.display());
}

#[test]
fn every_object_is_the_one_in_its_golden_file() {
    for (name, text) in CLUSTERS {
        let objects = everything(&cluster(text));
        let written: Vec<_> = objects
            .iter()
            .map(|object| serde_yaml::to_string(&object.manifest).expect("YAML"))
            .collect();
        golden(&format!("{name}.yaml"), &written.join("---\n"));
    }
}

/// An operator of a newer version must not restart every Keeper: a change here belongs in the
/// changelog.
#[test]
fn the_keepers_template_is_what_it_was() {
    let digest = wish(&cluster(CLUSTERS[0].1)).keeper_template;
    golden("keeper-template.txt", &format!("{digest}\n"));
}

#[test]
fn the_keepers_template_depends_on_neither_shares_nor_peers() {
    let text = CLUSTERS[0].1;
    let more = text.replace("shamir: {shares: 3, threshold: 2", "shamir: {shares: 5, threshold: 3");
    assert_ne!(more, text);
    let (a, b) = (wish(&cluster(text)), wish(&cluster(&more)));
    assert_eq!(a.keeper_template, b.keeper_template);
    assert_ne!(a.nexus_template, b.nexus_template, "Nexus is told what is wished");
}

#[test]
fn a_template_carries_its_own_digest() {
    let cluster = cluster(CLUSTERS[0].1);
    let template = keeper_template(&cluster);
    let mark = template.pointer("/metadata/annotations/spike.ist~1template");
    assert_eq!(mark.and_then(Value::as_str), Some(wish(&cluster).keeper_template.as_str()));
}

#[test]
fn everything_says_whose_it_is_and_nothing_is_owned() {
    for (_, text) in CLUSTERS {
        for object in everything(&cluster(text)) {
            let metadata = object.manifest.get("metadata").expect("there");
            assert!(metadata.get("ownerReferences").is_none(), "{object}");
            assert_eq!(metadata["labels"]["spike.ist/cluster"], "demo", "{object}");
            assert_eq!(object.annotation("spike.ist/owner-uid"), Some("u-1"), "{object}");
            assert_eq!(metadata.get("namespace").is_some(), object.kind.is_namespaced());
        }
    }
}

#[test]
fn every_pod_keeps_to_the_restricted_profile_and_to_accounts_that_admission_knows() {
    for (_, text) in CLUSTERS {
        for object in everything(&cluster(text)) {
            let Some(pod) = object.manifest.pointer("/spec/template/spec") else { continue };
            if object.kind == Kind::PodMonitor {
                continue;
            }
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{object}");
            assert_eq!(pod["automountServiceAccountToken"], false, "{object}");
            let account = pod["serviceAccountName"].as_str().expect("named");
            assert!(account.starts_with("spike-demo-"), "{object}");
            for container in pod["containers"].as_array().expect("containers") {
                let context = &container["securityContext"];
                assert_eq!(context["allowPrivilegeEscalation"], false, "{object}");
                assert_eq!(context["readOnlyRootFilesystem"], true, "{object}");
                assert_eq!(context["capabilities"]["drop"][0], "ALL", "{object}");
            }
            for volume in pod["volumes"].as_array().expect("volumes") {
                assert!(volume.get("hostPath").is_none(), "{object}");
            }
        }
    }
}

#[test]
fn alerts_are_of_a_clusters_own_pods_and_of_no_other_whose_name_goes_on() {
    let (_, text) = CLUSTERS.iter().find(|(_, text)| text.contains("rules: true")).expect("one");
    let rules = everything(&cluster(text)).into_iter().find(|o| o.kind == Kind::PrometheusRule);
    let rule = rules.expect("made").manifest.pointer("/spec/groups/0/rules/0/expr").cloned();
    let rule = rule.expect("an alert").as_str().expect("a text").to_owned();
    let (_, pods) = rule.split_once("pod=~\"").expect("of pods");
    let (pods, _) = pods.split_once('"').expect("quoted");
    // Prometheus anchors.
    let pods = regex::Regex::new(&format!("^(?:{pods})$")).expect("a pattern");
    for ours in ["keeper-0", "keeper-12", "nexus-7c9d5b8f66-x2x9k", "authority-7c9d5b8f6x2x9k"] {
        assert!(pods.is_match(&format!("spike-demo-{ours}")), "{ours}");
    }
    for other in
        ["two-keeper-0", "nexus-nexus-7c9d5b8f66-x2x9k", "nexus-keeper-0", "schema-1-abcde"]
    {
        assert!(!pods.is_match(&format!("spike-demo-{other}")), "{other}");
    }
}

/// The programs read their environment as strictly as `--check-config` does: a name that they don't
/// know would be a typing error here.
#[test]
fn every_variable_is_one_that_a_program_knows() {
    let known = include_str!("../../../libs/runtime/src/env/known.rs");

    for (_, text) in CLUSTERS {
        for object in everything(&cluster(text)) {
            let containers = object.manifest.pointer("/spec/template/spec/containers");
            let Some(env) = containers.and_then(|all| all.pointer("/0/env")) else { continue };
            for name in env.as_array().expect("a list").iter().filter_map(|v| v["name"].as_str()) {
                let read = known.contains(&format!("\"{name}\""));
                assert!(
                    read || ["TZ", "STORE_USER", "STORE_ROLE"].contains(&name),
                    "{object} sets {name}"
                );
            }
        }
    }
}
