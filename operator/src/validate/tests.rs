use serde_json::{Value, json};
use spike_crds::{SpikeCluster, cluster::DeletionPolicy, manifest};

use super::*;
use crate::cluster::{Place, Store};

const POSTGRES: &str = "
apiVersion: spike.ist/v1alpha1
kind: SpikeCluster
metadata: {name: demo, namespace: team, uid: u-1}
spec:
  trustDomain: example.org
  identity: {builtin: {}}
  store: {postgres: {clusterRef: {name: db}}}
";

fn read(text: &str) -> SpikeCluster {
    manifest::read(text).expect("a manifest")
}

fn defaults() -> Defaults {
    Defaults { image: "registry.example:5000/spike/spike:1.2.3".to_owned() }
}

fn valid(text: &str) -> Cluster {
    validate(&read(text), &defaults()).expect("valid")
}

fn refusal(text: &str) -> String {
    validate(&read(text), &defaults()).expect_err("refused").to_string()
}

#[test]
fn a_cloud_native_pg_cluster_brings_its_credentials_and_its_authority() {
    let Store::Postgres(postgres) = valid(POSTGRES).store else { panic!("postgres") };
    let url = "postgres://$(STORE_USER)@db-rw:5432/app?sslmode=verify-full";
    assert_eq!(postgres.place, Place::Url(url.to_owned()));
    assert_eq!(postgres.credentials.as_ref().map(|c| c.name.as_str()), Some("db-app"));
    let ca = postgres.ca.expect("named");
    assert_eq!((ca.name.as_str(), ca.key.as_str()), ("db-ca", "ca.crt"));
    assert!(postgres.migrate);
}

#[test]
fn several_hosts_are_one_url_and_no_host_can_break_out_of_it() {
    let place = |host: &str| {
        let postgres = format!("{{postgres: {{host: {host:?}, credentialsRef: {{name: login}}}}}}");
        POSTGRES.replace("{postgres: {clusterRef: {name: db}}}", &postgres)
    };
    let Store::Postgres(postgres) = valid(&place("a.example, b.example")).store else {
        panic!("postgres")
    };
    let url = "postgres://$(STORE_USER)@a.example:5432,b.example:5432/app?sslmode=verify-full";
    assert_eq!(postgres.place, Place::Url(url.to_owned()));
    assert!(refusal(&place("user:pass@evil")).contains("DNS names"));
}

#[test]
fn a_server_without_credentials_is_refused_with_the_field_to_set() {
    let text = POSTGRES.replace("clusterRef: {name: db}", "host: db.example");
    assert!(refusal(&text).contains("credentialsRef"), "{}", refusal(&text));
}

#[test]
fn what_the_image_leaves_out_is_the_operators_own() {
    let image = |spec: &str| {
        valid(&POSTGRES.replace("spec:", &format!("spec:\n  image: {spec}"))).image.reference
    };
    assert_eq!(image("{}"), "registry.example:5000/spike/spike:1.2.3");
    assert_eq!(image("{tag: v9}"), "registry.example:5000/spike/spike:v9");
    assert_eq!(image("{repository: mine/spike}"), "mine/spike:1.2.3");
    let digest = format!("sha256:{}", "a".repeat(64));
    assert_eq!(
        image(&format!("{{repository: mine/spike, digest: {digest:?}}}")),
        format!("mine/spike@{digest}")
    );
    assert_eq!(split("spike"), ("spike", ""));
    assert_eq!(split("a/b@sha256:c"), ("a/b", "@sha256:c"));
    assert_eq!(split("r:5000/a:1.2.3@sha256:c"), ("r:5000/a", ":1.2.3@sha256:c"));
}

#[test]
fn a_version_is_the_tags_also_before_a_digest() {
    let version = |image: &str| {
        let defaults = Defaults { image: image.to_owned() };
        let image = validate(&read(POSTGRES), &defaults).expect("valid").image;
        image.version().map(|version| version.to_string())
    };
    assert_eq!(version("r:5000/a:1.2.3@sha256:c").as_deref(), Some("1.2"));
    assert_eq!(version("r:5000/a:1.2.3").as_deref(), Some("1.2"));
    assert_eq!(version("r:5000/a@sha256:1.2.3"), None, "a digest says none");
}

#[test]
fn overrides_of_what_is_ours_are_refused_with_a_reason_of_their_own() {
    for part in ["nexus", "keeper"] {
        let spec =
            format!("spec:\n  {part}: {{podOverrides: {{env: [{{name: SPIKE_X, value: x}}]}}}}");
        let refused = validate(&read(&POSTGRES.replace("spec:", &spec)), &defaults());
        let invalid = refused.expect_err("refused");
        assert_eq!(invalid.reason(), "InvalidOverride");
        assert!(invalid.to_string().contains(part), "{invalid}");
    }
}

#[test]
fn a_custodians_key_with_a_typing_error_is_named_by_its_place() {
    let custodians = |keys: [&str; 2]| {
        let recovery = format!("spec:\n  recovery: {{age: {{recipients: {keys:?}}}}}");
        POSTGRES.replace("spec:", &recovery)
    };
    let alice = "age1lzwt9ny5kwwqwvcmtxhp0wewy8zmfxepf2v5qmjpf6yk0ggv5qxqtjcc99";
    let bob = "age19guxzyk2dpg7hn448tpa4a47pf6aqqeztmqje7ez9wf7scwmzams9gk6cg";
    assert_eq!(valid(&custodians([alice, bob])).recipients, [alice, bob]);
    let typo = bob.replace("dpg7", "dpq7");
    let refused = refusal(&custodians([alice, &typo]));
    let place = "spec.recovery.age.recipients[1]: it is damaged: its checksum is wrong";
    assert!(refused.contains(place), "{refused}");
    assert!(refused.contains("age-keygen -y"), "{refused}");
}

#[test]
fn reserved_kinds_are_refused_before_anything_is_made() {
    for kind in ["s3", "plugin"] {
        let text = POSTGRES.replace("postgres: {clusterRef: {name: db}}", &format!("{kind}: {{}}"));
        assert!(refusal(&text).contains("spec.store"), "{kind}");
    }
}

#[test]
fn what_ends_needs_names_and_nothing_that_works() {
    let mut broken = read(&POSTGRES.replace("clusterRef: {name: db}", "host: 'a b'"));
    broken.spec.deletion.policy = DeletionPolicy::Delete;
    validate(&broken, &defaults()).expect_err("it can't work");
    let end = |metadata: &_, object: &Value| validate(&ending(metadata, object), &defaults());
    let ends = end(&broken.metadata, &json!(broken)).expect("it can end");
    let names = Names { namespace: "team".to_owned(), cluster: "demo".to_owned() };
    assert_eq!((ends.names, ends.uid.as_str()), (names, "u-1"));
    assert_eq!((ends.deletion, ends.identity), (DeletionPolicy::Delete, Identity::Builtin));

    for strange in [
        json!({}),
        json!({"spec": {"deletion": {"policy": "Archive"}, "store": {"clay": {}}}, "status": 3}),
        json!({"spec": {"deletion": "Delete", "identity": {"builtin": null}}}),
    ] {
        let ends = end(&broken.metadata, &strange).expect("it can end");
        assert_eq!(ends.deletion, DeletionPolicy::Retain, "nothing is lost: {strange}");
    }
}
