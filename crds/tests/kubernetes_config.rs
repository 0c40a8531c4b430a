//! The kustomize tree and the chart install the same, and a real API server takes it; Argo CD's Lua tells
//! what a cluster's conditions say.

#[allow(dead_code, reason = "each test uses its part")]
#[path = "common/server.rs"]
mod server;
#[path = "common/tree.rs"]
mod tree;

use serde_json::{Value, json};
use server::Server;
use spike_testbed_kubernetes::Tool;
use tree::{Objects, chart, chart_refusal, config, overlaid, run, tree};

/// The namespace of the tree.
const HOME: &str = "spike-system";

#[test]
#[ignore = "needs Kubernetes's programs: make e2e builds and uses them"]
fn the_chart_and_the_tree_install_the_same() {
    for (paths, more) in [
        (&["default"][..], "podMonitor=false"),
        (&["default", "prometheus"], "podMonitor=true"),
        (&["spire"], "spire.enabled=true"),
    ] {
        let mut tree: Objects = paths.iter().flat_map(|path| tree(path)).collect();
        // A chart has no kind, which must outlive it, and no namespace, which Helm makes.
        tree.retain(|[kind, ..], _| kind != "CustomResourceDefinition" && kind != "Namespace");
        assert_eq!(chart(&["--namespace", HOME, "--set", more]), tree);
        assert!(tree.len() > 10, "{:?}", tree.keys());
    }
}

#[test]
#[ignore = "needs Kubernetes's programs: make e2e builds and uses them"]
fn the_overlay_for_an_image_of_ones_own_changes_the_image_and_nothing_else() {
    let page = include_str!("../../docs/install.md");
    let (_, overlay) = page.split_once("# kustomization.yaml\n").expect("it is shown");
    let (overlay, _) = overlay.split_once("```").expect("it ends");
    let remote =
        concat!("github.com/spike-rs/spike/config/default?ref=v", env!("CARGO_PKG_VERSION"));
    assert!(overlay.contains(remote), "{overlay}");
    for path in ["default", "spire"] {
        let mut wanted = sorted(tree(path));
        for object in wanted.values_mut() {
            let text = object.to_string();
            let theirs = text.replace("ghcr.io/spike-rs/spike:", "registry.example.org/spike:");
            *object = serde_json::from_str(&theirs).expect("it was JSON");
        }
        assert_eq!(sorted(overlaid(overlay, remote, path)), wanted, "{path}");
    }
}

/// Variables by name: a patch moves those that it names to the front, and none is made of another.
fn sorted(mut objects: Objects) -> Objects {
    for object in objects.values_mut() {
        let env = object.pointer_mut("/spec/template/spec/containers/0/env");
        if let Some(env) = env.and_then(Value::as_array_mut) {
            env.sort_by_key(|variable| variable["name"].to_string());
        }
    }
    objects
}

#[test]
#[ignore = "needs Kubernetes's programs: make e2e builds and uses them"]
fn the_chart_names_no_namespace_but_the_releases() {
    let digest = format!("image.digest=sha256:{}", "a".repeat(64));
    let all = "podMonitor=true,spire.enabled=true";
    let more = ["--namespace", "elsewhere", "--set", all, "--set", &digest];
    for (name, object) in chart(&more) {
        let namespace = name.get(1).map(String::as_str);
        assert!(["", "elsewhere"].map(Some).contains(&namespace), "{name:?}");
        assert!(!object.to_string().contains(HOME), "{name:?}");
    }
}

#[test]
#[ignore = "needs Kubernetes's programs: make e2e builds and uses them"]
fn values_that_the_chart_has_not_are_refused() {
    for (set, told) in [
        ("replica=3", "'replica' not allowed"),
        ("replicas=0", "replicas"),
        ("logLevel=loud", "logLevel"),
        ("image.digest=latest", "digest"),
    ] {
        let refusal = chart_refusal(&["--set", set]);
        assert!(refusal.contains(told), "{set}: {refusal}");
    }
    let chart = config("chart");
    let linted = run(Tool::Helm, &["lint", "--strict", chart.to_str().expect("UTF-8")]);
    assert!(linted.status.success(), "{}", String::from_utf8_lossy(&linted.stdout));
}

#[tokio::test]
#[ignore = "needs Kubernetes's programs: make e2e builds and uses them"]
async fn a_server_takes_everything_and_every_sample() {
    let server = Server::start("install").await;
    server.install_everything();
    for namespace in ["spike-main", "spike-small"] {
        server.kubectl(&["create", "namespace", namespace]);
    }
    // Kinds of others are known by name only.
    let foreign = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign.yaml");
    server.kubectl(&["apply", "--server-side", "-f", foreign]);
    for path in ["prometheus", "spire"] {
        let folder = config(path);
        let folder = folder.to_str().expect("UTF-8");
        let dry = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-k", folder];
        server.kubectl(&dry);
    }
    let samples = config("samples");
    server.kubectl(&["apply", "--dry-run=server", "-f", samples.to_str().expect("UTF-8")]);
    // What runs in a cluster's namespace; no pod is made under an account that isn't there.
    let account = "create serviceaccount spike-spire-superuser -n spike-main";
    server.kubectl(&account.split(' ').collect::<Vec<_>>());
    let pods = config("application");
    let pods = pods.to_str().expect("UTF-8");
    server.kubectl(&["apply", "--dry-run=server", "-n", "spike-main", "-f", pods]);
    server.stop().await;
}

/// A value as Lua writes it.
fn lua(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("{{{}}}", items.iter().map(lua).collect::<Vec<_>>().join(","))
        }
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| format!("[{name:?}]={}", lua(value));
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

#[test]
#[ignore = "needs Kubernetes's programs: make e2e builds and uses them"]
fn argo_cd_is_told_what_the_conditions_say() {
    let ready = ("Ready", "True", "Serving");
    for (conditions, told) in [
        (&[][..], "Progressing the operator"),
        (&[ready], "Healthy Serving: why"),
        (&[("Ready", "False", "Sealed")], "Progressing Sealed: why"),
        (&[ready, ("Reconciling", "False", "Done")], "Healthy Serving: why"),
        (&[ready, ("Reconciling", "True", "Applying")], "Progressing Applying: why"),
        (
            &[ready, ("RolloutComplete", "False", "HydrationTimeout")],
            "Degraded HydrationTimeout: why",
        ),
        (
            &[
                ready,
                ("Reconciling", "True", "NexusRollout"),
                ("RolloutComplete", "False", "NexusStuck"),
            ],
            "Degraded NexusStuck: why",
        ),
        (&[ready, ("RolloutComplete", "False", "Manual")], "Healthy Serving: why"),
        (
            &[ready, ("Paused", "True", "Paused"), ("Reconciling", "True", "Applying")],
            "Suspended Paused: why",
        ),
        (
            &[ready, ("Paused", "True", "Paused"), ("Stalled", "True", "InvalidSpec")],
            "Degraded InvalidSpec: why",
        ),
    ] {
        let said = |(kind, status, reason): &(&str, &str, &str)| json!({"type": kind, "status": status, "reason": reason, "message": "why"});
        let conditions: Vec<_> = conditions.iter().map(said).collect();
        let health = |seen: u8| {
            let status = json!({"observedGeneration": seen, "conditions": conditions});
            let object = json!({"metadata": {"generation": 2}, "status": status});
            let script = format!(
                "obj = {} local health = dofile({:?}) print(health.status .. ' ' .. health.message)",
                lua(&object),
                config("argocd/health.lua"),
            );
            let ran = run(Tool::Lua, &["-e", &script]);
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
            String::from_utf8(ran.stdout).expect("UTF-8")
        };
        assert!(health(2).starts_with(told), "{conditions:?}: {}", health(2));
        assert_eq!(health(1), "Progressing the operator hasn't seen this spec yet\n");
    }
}
