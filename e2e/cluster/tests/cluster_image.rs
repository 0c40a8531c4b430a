//! Our image in a real kubelet's hands, before any operator: it runs under the restricted profile, is
//! reached through a Service, logs, takes commands, and moves when its node is drained or dies.
#![expect(clippy::indexing_slicing, reason = "a missing field fails the test")]

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    Api as Resources, ResourceExt,
    api::{ListParams, PostParams},
};
use serde_json::{Value, from_value, json};
use spike_testbed_kubernetes::{IMAGE, Namespace, image::PROGRAMS, kill_node, start_node, until};

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn every_program_runs_without_any_right() {
    let namespace = Namespace::create("programs").await.expect("created");
    for program in PROGRAMS {
        namespace.apply(&pod(program, &[program, "--version"]).to_string()).await.expect("applied");
        let ended = "--for=jsonpath={.status.phase}=Succeeded";
        let pod = format!("pod/{program}");
        namespace.kubectl(&["wait", ended, "--timeout=180s", &pod]).await.expect("it succeeds");
        let said = namespace.kubectl(&["logs", program]).await.expect("logs");
        assert_eq!(said.trim(), format!("{program} {}", env!("CARGO_PKG_VERSION")));
    }
    namespace.delete().await.expect("deleted");
}

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn the_namespace_takes_no_pod_with_more_rights() {
    let namespace = Namespace::create("rights").await.expect("created");
    let mut wanted = pod("root", &["spike"]);
    wanted["spec"]["containers"][0]["securityContext"] = json!({ "privileged": true });
    let wanted: Pod = from_value(wanted).expect("a pod");
    let pods = Resources::<Pod>::namespaced(namespace.client(), &namespace.name);
    let refused = pods.create(&PostParams::default(), &wanted).await.expect_err("refused");
    assert!(
        refused.to_string().contains("violates PodSecurity \"restricted:latest\""),
        "{refused}"
    );
    namespace.delete().await.expect("deleted");
}

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn a_keeper_is_reached_through_its_service_and_takes_commands() {
    let namespace = Namespace::create("service").await.expect("created");
    run_keepers(&namespace, 1).await;
    let service = format!("/api/v1/namespaces/{}/services/keeper:probes/proxy", namespace.name);
    let through =
        async |path: &str| namespace.kubectl(&["get", "--raw", &format!("{service}{path}")]).await;
    until("the Service leads to it", async || through("/livez").await.is_ok()).await;
    let unready = through("/readyz").await.expect_err("it holds no key").to_string();
    assert!(unready.contains("(ServiceUnavailable)"), "{unready}");

    let exec = ["exec", "deployment/keeper", "--", "keeper", "--version"];
    let said = namespace.kubectl(&exec).await.expect("exec");
    assert_eq!(said.trim(), format!("keeper {}", env!("CARGO_PKG_VERSION")));
    let shell = ["exec", "deployment/keeper", "--", "sh"];
    namespace.kubectl(&shell).await.expect_err("there is no shell to be had");
    let log = namespace.kubectl(&["logs", "deployment/keeper"]).await.expect("logs");
    assert!(log.contains("keeper.start"), "{log}");
    namespace.delete().await.expect("deleted");
}

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn keepers_move_when_their_node_is_drained_or_dies() {
    let namespace = Namespace::create("nodes").await.expect("created");
    run_keepers(&namespace, 2).await;
    let [one, other] = &placed(&namespace).await[..] else { panic!("two Keepers") };
    assert_ne!(one, other, "they are spread");

    let drain =
        ["drain", one, "--ignore-daemonsets", "--timeout=120s", "--pod-selector=app=keeper"];
    namespace.kubectl(&drain).await.expect("drained");
    until("both run on the other node", async || placed(&namespace).await == [&**other; 2]).await;
    namespace.administer(&["uncordon", one]).await.expect("uncordoned");

    kill_node(other).await.expect("killed");
    let nodes = Resources::<Node>::all(namespace.client());
    until("its silence is noticed", async || !is_ready(&nodes, other).await).await;
    until("both run on the living node", async || placed(&namespace).await == [&**one; 2]).await;
    start_node(other).await.expect("started");
    until("it is back", async || is_ready(&nodes, other).await).await;
    namespace.delete().await.expect("deleted");
}

/// Keepers that wait for an identity: alive, and not ready to hold a key.
async fn run_keepers(namespace: &Namespace, replicas: u8) {
    let mut template = pod("keeper", &["keeper"]);
    template["spec"]["restartPolicy"] = "Always".into();
    template["spec"]["topologySpreadConstraints"] = json!([{
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": { "matchLabels": { "app": "keeper" } },
    }]);
    let container = &mut template["spec"]["containers"][0];
    container["env"] = json!([{ "name": "SPIKE_KEEPER_INDEX", "value": "1" }]);
    container["livenessProbe"] = json!({ "httpGet": { "path": "/livez", "port": 8444 } });
    container["ports"] = json!([{ "name": "probes", "containerPort": 8444 }]);
    let keepers = json!({ "apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "keeper" },
            "spec": {
                "replicas": replicas,
                "selector": { "matchLabels": { "app": "keeper" } },
                "template": { "metadata": template["metadata"], "spec": template["spec"] },
            },
        },
        {
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "keeper" },
            "spec": {
                "selector": { "app": "keeper" },
                "ports": [{ "name": "probes", "port": 80, "targetPort": "probes" }],
            },
        },
        {
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": { "name": "keeper" },
            "spec": { "maxUnavailable": 1, "selector": { "matchLabels": { "app": "keeper" } } },
        },
    ]});
    namespace.apply(&keepers.to_string()).await.expect("applied");
    let rollout = ["rollout", "status", "deployment/keeper", "--timeout=180s"];
    namespace.kubectl(&rollout).await.expect("they run");
}

/// The nodes of the Keepers that run and aren't about to end.
async fn placed(namespace: &Namespace) -> Vec<String> {
    let pods = Resources::<Pod>::namespaced(namespace.client(), &namespace.name);
    let listed = pods.list(&ListParams::default().labels("app=keeper")).await;
    let living =
        listed.into_iter().flatten().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    let running = living.filter(|pod| {
        pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running")
    });
    running.filter_map(|pod| pod.spec?.node_name).collect()
}

async fn is_ready(nodes: &Resources<Node>, name: &str) -> bool {
    let Ok(node) = nodes.get(name).await else { return false };
    assert_eq!(node.name_any(), name);
    let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// A pod of the restricted profile with our image.
fn pod(name: &str, command: &[&str]) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "labels": { "app": name } },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [{
                "name": name, "image": IMAGE, "imagePullPolicy": "Never", "command": command,
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": { "drop": ["ALL"] },
                },
            }],
        },
    })
}
