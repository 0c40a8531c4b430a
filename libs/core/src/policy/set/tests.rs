//! What a set of policies decides, by example and against a naive one.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{
    SecretPath,
    policy::{Permission, PolicyFields, SystemPath},
};

fn policy(name: &str, id: &str, path: &str, permissions: &[&str]) -> Policy {
    let fields = PolicyFields {
        name: name.to_owned(),
        spiffeid_pattern: id.to_owned(),
        path_pattern: path.to_owned(),
        permissions: permissions.iter().map(|&text| text.to_owned()).collect(),
    };
    Policy::new(fields, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH).expect("valid")
}

fn id(raw: &str) -> SpiffeId {
    raw.parse().expect("valid")
}

fn path(raw: &str) -> SecretPath {
    raw.parse().expect("valid")
}

const APP: &str = "spiffe://spike.ist/workload/app";
const READ: Permissions = Permissions::only(Permission::Read);

/// The policy that lets [`APP`] read the path.
fn reader(set: &PolicySet, raw: &str) -> Option<String> {
    let path = path(raw);
    let decision = set.decide(&id(APP), Resource::Path(&path), READ);
    decision.allowed_by.map(ToString::to_string)
}

#[test]
fn what_no_policy_allows_is_denied() {
    assert_eq!(reader(&PolicySet::new(Vec::new()), "a"), None);
    let set = PolicySet::new(vec![
        policy("other id", r"^spiffe://spike\.ist/workload/other$", ".*", &["super"]),
        policy("other path", "^spiffe://.*$", "^b$", &["super"]),
        policy("other permission", "^spiffe://.*$", "^a$", &["write", "list"]),
    ]);
    assert_eq!(reader(&set, "a"), None);
}

#[test]
fn patterns_match_anywhere_unless_they_say_otherwise() {
    let set = PolicySet::new(vec![policy("p", "spiffe://spike.ist/work", "acme/db", &["read"])]);
    assert_eq!(reader(&set, "tenants/acme/db/main").as_deref(), Some("p"));
    let set = PolicySet::new(vec![policy("p", "spiffe://spike.ist/work", "^acme/db$", &["read"])]);
    assert_eq!(reader(&set, "tenants/acme/db/main"), None);
}

#[test]
fn all_permissions_must_come_from_one_policy() {
    let set = PolicySet::new(vec![
        policy("r", "^spiffe://.*$", ".*", &["read"]),
        policy("w", "^spiffe://.*$", ".*", &["write"]),
    ]);
    let both: Permissions = [Permission::Read, Permission::Write].into_iter().collect();
    let path = path("a");
    assert!(!set.decide(&id(APP), Resource::Path(&path), both).is_allowed());
}

#[test]
fn the_first_policy_by_name_is_the_one_that_allows() {
    let set = PolicySet::new(vec![
        policy("b", "^spiffe://.*$", "^a$", &["read"]),
        policy("a", "^spiffe://.*$", "^a$", &["write"]),
        policy("c", "^spiffe://.*$", ".*", &["super"]),
    ]);
    assert_eq!(reader(&set, "a").as_deref(), Some("b"));
    assert_eq!(reader(&set, "x").as_deref(), Some("c"));
}

#[test]
fn of_two_policies_with_one_name_the_last_counts() {
    let set = PolicySet::new(vec![
        policy("p", "^spiffe://.*$", "^a$", &["read"]),
        policy("p", "^spiffe://.*$", "^b$", &["read"]),
    ]);
    assert_eq!((reader(&set, "a"), reader(&set, "b").as_deref()), (None, Some("p")));
    assert_eq!(set.policies().len(), 1);
}

/// True if a policy of these patterns lets [`APP`] list secrets, by `Resource::System` and by a
/// secret's path that is written like it.
fn lists(id_pattern: &str, path_pattern: &str) -> bool {
    let set = PolicySet::new(vec![policy("p", id_pattern, path_pattern, &["list"])]);
    let (who, list) = (id(APP), Permissions::only(Permission::List));
    let alias = path("spike/system/secret");
    let decisions = [Resource::System(SystemPath::Secret), Resource::Path(&alias)]
        .map(|what| set.decide(&who, what, list).is_allowed());
    assert_eq!(decisions[0], decisions[1], "{id_pattern} {path_pattern}");
    decisions[0]
}

#[test]
fn a_system_path_is_only_open_to_a_pattern_that_describes_it() {
    let anyone = "^spiffe://.*$";
    for describes in [
        "^spike/system/secret$",
        "spike/system/secret",
        ".*",
        "^spike/.*$",
        "^spike/.*",
        "spike/system/(acl|secret)",
        "^spike/system/[a-z]+$",
        "s.*t",
    ] {
        assert!(lists(anyone, describes), "{describes}");
    }
    for mentions in [
        "secret",
        "spike",
        "^spike/system/",
        "/system/secret",
        "system",
        "^spike/system/secre",
        "^spike/system/acl$",
        "^spike/system/secret/.*$",
        "s",
    ] {
        assert!(!lists(anyone, mentions), "{mentions}");
    }
}

#[test]
fn a_system_path_is_only_open_to_identities_that_are_described() {
    let path = "^spike/system/secret$";
    for describes in [
        r"^spiffe://spike\.ist/workload/app$",
        r"spiffe://spike\.ist/workload/app",
        "spiffe://.*",
        "^spiffe://spike.ist/.*",
        "spiffe://spike.ist/[a-z/]+",
    ] {
        assert!(lists(describes, path), "{describes}");
    }
    for mentions in
        ["spiffe://spike.ist", "spiffe://spike.ist/workload", "^spiffe://spike.ist/work"]
    {
        assert!(!lists(mentions, path), "{mentions}");
    }
}

#[test]
fn an_explanation_names_the_policy_and_what_is_missing() {
    let set = PolicySet::new(vec![
        policy("elsewhere", "^spiffe://.*$", "^other$", &["super"]),
        policy("reads", "^spiffe://.*$", "^a$", &["read"]),
        policy("unrelated", "^spiffe://elsewhere/x$", "^other$", &["super"]),
    ]);
    let (who, path) = (id(APP), path("a"));
    let needed = [Permission::Read, Permission::Write].into_iter().collect();

    let allowed = set.explain(&who, Resource::Path(&path), READ);
    assert_eq!(allowed.to_string(), r#"policy "reads" allows it"#);

    let denied = set.explain(&who, Resource::Path(&path), needed);
    assert!(!denied.decision.is_allowed());
    assert_eq!(denied.to_string(), r#"policy "reads" matches but does not permit write"#);
    let names: Vec<_> = denied.considered.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["elsewhere", "reads"]);
    assert_eq!(denied.considered[1].missing, Permission::Write.into());
    assert!(denied.considered[0].spiffe_id_matches && !denied.considered[0].path_matches);
}

#[test]
fn an_explanation_without_a_policy_says_so() {
    let (who, path) = (id(APP), path("a"));
    let told =
        |policies| PolicySet::new(policies).explain(&who, Resource::Path(&path), READ).to_string();
    assert_eq!(told(vec![]), "no policy matches this identity or this path");
    let half = policy("p", "^spiffe://.*$", "^other$", &["read"]);
    assert_eq!(told(vec![half]), "one policy matches the identity or the path, but not both");
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let ids = prop::sample::select(vec![
        r"^spiffe://spike\.ist/workload/app$",
        "^spiffe://spike.ist/workload/app$",
        "spiffe://spike.ist/workload",
        "^spiffe://.*$",
        "spiffe://.*/app",
        "^spiffe://[a-z.]+/workload/.*",
        "spiffe://(other)?",
        "spiffe://other/x",
    ]);
    let paths = prop::sample::select(vec![
        "^a/b$",
        "^a/.*$",
        "a/b",
        "a",
        ".*",
        "b$",
        "^a",
        "^(a|b)/[a-z]+$",
        "^spike/system/acl$",
        "system",
        "^spike/.*$",
        r"\w",
        "^a/b/c$",
        "c",
    ]);
    let permissions = prop::sample::subsequence(vec!["read", "write", "list", "super"], 1..4);
    ("[a-e]", ids, paths, permissions)
        .prop_map(|(name, id, path, permissions)| policy(&name, id, path, &permissions))
}

proptest! {
    #[test]
    fn the_index_changes_no_decision(
        policies in prop::collection::vec(any_policy(), 0..12),
        who in prop::sample::select(vec![APP, "spiffe://other/x", "spiffe://spike.ist"]),
        raw in prop::sample::select(vec!["a/b", "a", "a/b/c", "b/x", "spike/system/acl", "x"]),
        needed in prop::sample::subsequence(Permission::ALL.to_vec(), 1..3),
    ) {
        let (who, path, needed) = (id(who), path(raw), needed.into_iter().collect());
        let what = Resource::Path(&path);
        let set = PolicySet::new(policies);
        let naive = set
            .policies()
            .iter()
            .find(|one| one.permits(needed) && one.is_for(what) && one.is_about(&who, what))
            .map(Policy::name);
        prop_assert_eq!(set.decide(&who, what, needed).allowed_by, naive);
        let explanation = set.explain(&who, what, needed);
        prop_assert_eq!(explanation.decision.allowed_by, naive);
        let full = explanation.considered.iter().find(|one| {
            one.spiffe_id_matches && one.path_matches && one.missing.is_empty()
        });
        prop_assert_eq!(full.map(|one| one.name), naive);
    }
}

/// How long one decision takes, measured over many.
fn decision_time(set: &PolicySet, count: usize) -> Duration {
    const ROUNDS: u32 = 2000;
    let requests: Vec<_> = (0..ROUNDS as usize)
        .map(|round| {
            let number = round * 7919 % count;
            let who = id(&format!("spiffe://spike.ist/workload/app-{number}"));
            (who, path(&format!("tenants/acme-{number}/db/main")))
        })
        .collect();
    let start = Instant::now();
    for (who, path) in &requests {
        assert!(set.decide(who, Resource::Path(path), READ).is_allowed());
        assert!(!set.decide(who, Resource::Path(path), Permission::List.into()).is_allowed());
    }
    start.elapsed() / (2 * ROUNDS)
}

/// Sets of the ways in which people write policies for many workloads.
fn large_sets(count: usize) -> [(&'static str, PolicySet); 5] {
    let set = |id: fn(usize) -> String, path: fn(usize) -> String| {
        let one = |n| policy(&format!("p{n}"), &id(n), &path(n), &["read"]);
        PolicySet::new((0..count).map(one).collect())
    };
    let exact_id = |n| format!(r"^spiffe://spike\.ist/workload/app-{n}$");
    let under = |n| format!("^tenants/acme-{n}/.*$");
    [
        ("exact identities, path prefixes", set(exact_id, under)),
        ("unescaped dots", set(|n| format!("^spiffe://spike.ist/workload/app-{n}$"), under)),
        ("one pattern of paths", set(exact_id, |_| "^tenants/.*$".to_owned())),
        (
            "one pattern of identities",
            set(|_| "^spiffe://spike.ist/workload/.*$".to_owned(), under),
        ),
        ("unanchored paths", set(exact_id, |n| format!("tenants/acme-{n}/"))),
    ]
}

/// The budget is 5 µs in a release build. This runs without optimisation beside other tests, so it
/// compares: without an index, a thousand times the policies would take a thousand times as long.
#[test]
fn a_decision_among_ten_thousand_policies_takes_as_long_as_among_ten() {
    for ((name, few), (_, many)) in large_sets(10).into_iter().zip(large_sets(10_000)) {
        let (short, long) = (decision_time(&few, 10), decision_time(&many, 10_000));
        println!("{name}: {short:?} among 10, {long:?} among 10,000");
        assert!(long < short * 100, "{name}: {short:?} among 10, {long:?} among 10,000");
    }
}
