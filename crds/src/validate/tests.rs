//! Each rule, alone and in the words of the CRD.

use super::*;
use crate::manifest;

const QUICKSTART: &str = include_str!("../../../config/samples/quickstart.yaml");

/// The quickstart with some lines of its spec changed.
fn changed(changes: &[(&str, &str)]) -> Result<ValidatedCluster, Vec<String>> {
    let mut text = QUICKSTART.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from} is in the quickstart");
        text = text.replacen(from, to, 1);
    }
    let cluster = manifest::read(&text).expect("readable");
    validate(&cluster).map_err(|all| all.into_iter().map(|problem| problem.message).collect())
}

#[test]
fn the_quickstart_can_work() {
    let cluster = changed(&[]).expect("valid");
    assert_eq!(cluster.quorum, Quorum::new(3, 2).expect("valid"));
    assert_eq!((cluster.keepers(), cluster.nexus_replicas), (3, 1));
    assert_eq!((cluster.store, cluster.identity), (StoreKind::Sqlite, IdentityKind::Builtin));
    assert_eq!(cluster.log_level, Level::Info);
}

#[test]
fn each_problem_is_told_in_the_words_of_the_crd() {
    for (from, to, message) in [
        (
            "name: quickstart",
            "name: Quick",
            "metadata.name must be a DNS label of at most 39 characters that starts with a letter (it names Services)",
        ),
        (
            "threshold: 2",
            "threshold: 4",
            "spec.shamir.threshold (4) must not exceed spec.shamir.shares (3)",
        ),
        (
            "threshold: 2",
            "threshold: 3",
            "with shares == threshold one lost Keeper makes the root key unrecoverable without recovery shards; set allowNoRedundancy: true to accept that",
        ),
        (
            "nexus:",
            "keeper:\n    replicas: 5\n  nexus:",
            "spec.keeper.replicas (5) must equal spec.shamir.shares (3): remove spec.keeper.replicas or change both together",
        ),
        (
            "replicas: 1",
            "replicas: 2",
            "spec.store.sqlite and .memory belong to one Nexus: set spec.nexus.replicas to 1 (is 2) and remove spec.nexus.autoscaling",
        ),
        (
            "replicas: 1",
            "replicas: 1\n    autoscaling: {maxReplicas: 4}",
            "spec.store.sqlite and .memory belong to one Nexus: set spec.nexus.replicas to 1 (is 1) and remove spec.nexus.autoscaling",
        ),
        (
            "nexus:",
            "recovery:\n    age:\n      recipients: [age1x]\n  nexus:",
            "spec.recovery.age.recipients needs at least spec.shamir.threshold recipients",
        ),
        (
            "trustDomain: spike.ist",
            "trustDomain: Spike",
            "spec.trustDomain must be 1 to 255 of a-z, 0-9, dots, dashes and underscores",
        ),
        (
            "sqlite: {}",
            "sqlite: {}\n    memory: {}",
            "spec.store needs exactly one of postgres, sqlite and memory",
        ),
        (
            "builtin: {}",
            "spire: {}\n    builtin: {}",
            "spec.identity needs exactly one of spire and builtin",
        ),
        ("shares: 3", "shares: 16", "spec.shamir.shares (16) must be 2 to 15"),
        ("replicas: 1", "replicas: 0", "spec.nexus.replicas (0) must be 1 to 100"),
    ] {
        let problems = changed(&[(from, to)]).expect_err(message);
        assert!(problems.iter().any(|problem| problem == message), "{message}\n{problems:#?}");
    }
}

#[test]
fn one_changed_field_is_one_problem() {
    for threshold in ["threshold: 3", "threshold: 4"] {
        let problems = changed(&[("threshold: 2", threshold)]).expect_err("refused");
        assert_eq!(problems.len(), 1, "{problems:#?}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let problems = changed(&[
        ("name: quickstart", "name: 9"),
        ("replicas: 1", "replicas: 7"),
        ("shares: 3", "shares: 1"),
    ])
    .expect_err("refused");
    assert!(problems.len() >= 4, "{problems:#?}");
}

#[test]
fn no_redundancy_only_if_asked_for() {
    let accepted = changed(&[("threshold: 2", "threshold: 3\n    allowNoRedundancy: true")]);
    assert_eq!(accepted.map(|cluster| cluster.quorum.threshold()), Ok(3));
}

#[test]
fn memory_needs_no_keepers() {
    let cluster = changed(&[("sqlite: {}", "memory: {}")]).expect("valid");
    assert_eq!(cluster.keepers(), 0);
}

#[test]
fn what_is_left_out_is_the_default_of_the_crd() {
    let text = "apiVersion: spike.ist/v1alpha1\nkind: SpikeCluster\nmetadata: {name: a}\n\
                spec: {trustDomain: a.b, identity: {builtin: {}}, store: {postgres: {clusterRef: {name: db}}}}\n";
    let cluster = validate(&manifest::read(text).expect("readable")).expect("valid");
    assert_eq!(cluster.quorum, Quorum::new(3, 2).expect("valid"));
    assert_eq!((cluster.generation, cluster.nexus_replicas), (1, 2));
    assert_eq!(cluster.namespace, "default");
}

/// The fields of which something is said, if the part is added to the quickstart's spec.
fn fields(part: &str) -> Vec<String> {
    let text = QUICKSTART.replacen("spec:\n", &format!("spec:\n  {part}\n"), 1);
    let problems = validate(&manifest::read(&text).expect("readable")).err().unwrap_or_default();
    problems.into_iter().map(|problem| problem.field).collect()
}

#[test]
fn networks_are_what_kubernetes_takes() {
    let egress = |cidr: &str| fields(&format!("networkPolicy: {{egressCIDRs: [{cidr:?}]}}"));
    for cidr in ["10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "::/0", "10.1.2.3/32"] {
        assert_eq!(egress(cidr), Vec::<String>::new(), "{cidr}");
    }
    for cidr in ["10.0.0.0/33", "10.0.0/8", "::/129", "1:2/3", "..../1", "10.0.0.0"] {
        assert_eq!(egress(cidr), ["spec.networkPolicy.egressCIDRs[0]"], "{cidr}");
    }
}

#[test]
fn who_may_reach_nexus_is_who_kubernetes_can_find() {
    let of = |peer: &str| fields(&format!("networkPolicy: {{extraIngress: [{peer}]}}"));
    for peer in [
        "{podSelector: {}}",
        "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: a, b: ''}}, podSelector: {}}",
        "{podSelector: {matchExpressions: [{key: a, operator: In, values: [b]}, {key: c, operator: Exists}]}}",
        "{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}",
    ] {
        assert_eq!(of(peer), Vec::<String>::new(), "{peer}");
    }
    for (peer, field) in [
        ("{}", ""),
        ("{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}", ""),
        (
            "{namespaceSelector: {matchLabels: {\"a b\": \"c d\"}}}",
            ".namespaceSelector.matchLabels",
        ),
        ("{podSelector: {matchLabels: {a: \"-\"}}}", ".podSelector.matchLabels"),
        ("{podSelector: {matchLabels: {Ex.org/a: b}}}", ".podSelector.matchLabels"),
        (
            "{podSelector: {matchExpressions: [{key: a, operator: In}]}}",
            ".podSelector.matchExpressions[0]",
        ),
        (
            "{podSelector: {matchExpressions: [{key: a, operator: Is}]}}",
            ".podSelector.matchExpressions[0]",
        ),
        ("{ipBlock: {cidr: 10.0.0.0/33}}", ".ipBlock.cidr"),
        ("{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}", ".ipBlock.except[0]"),
        ("{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}", ".ipBlock.except[0]"),
    ] {
        assert_eq!(of(peer), [format!("spec.networkPolicy.extraIngress[0]{field}")], "{peer}");
    }
}

#[test]
fn what_is_changed_about_pods_is_what_kubernetes_takes() {
    let of = |overrides: &str| fields(&format!("keeper: {{podOverrides: {{{overrides}}}}}"));
    let fine =
        "labels: {example.org/a: b}, annotations: {Example.org/A: 'c d'}, nodeSelector: {a: ''}";
    assert_eq!(of(fine), Vec::<String>::new());
    let long = "a".repeat(64);
    for (overrides, field) in [
        ("labels: {\"a b\": c}".to_owned(), "labels"),
        ("labels: {a: \"c d\"}".to_owned(), "labels"),
        (format!("labels: {{{long}: a}}"), "labels"),
        ("annotations: {\"a b\": c}".to_owned(), "annotations"),
        ("nodeSelector: {a.: c}".to_owned(), "nodeSelector"),
        ("env: [{name: STORE_USER, value: eve}]".to_owned(), "env"),
        ("env: [{name: STORE_ROLE, value: eve}]".to_owned(), "env"),
    ] {
        assert_eq!(of(&overrides), [format!("spec.keeper.podOverrides.{field}")], "{overrides}");
    }
}
