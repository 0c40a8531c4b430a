//! SPIRE gives the pods of a cluster their identities: the real server, agents, controller manager and
//! CSI driver, by what the operator writes and nothing else.

use std::time::Duration;

use serde_json::{Value, json};
use spike_testbed_kubernetes::{
    DOMAIN, Demo, IMAGE, Manifest, Namespace, condition, start_spire, until,
};

/// The class of SPIRE's controller manager, as SPIRE's own charts make it.
const CLASS: &str = "spire-mgmt-spire";

/// A renewed SVID is good for this much longer than the one before: it was half used up.
const RENEWED: Duration = Duration::from_secs(10);

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn pods_live_on_the_identities_that_spire_gives_them() {
    start_spire(DOMAIN).await.expect("SPIRE runs");
    let namespace = Namespace::create("spire").await.expect("created");
    let manifest = Manifest::on_sqlite().with_spire("somebody-elses");
    let demo = Demo::apply(&namespace, &manifest).await.expect("applied");
    let told = "of class somebody-elses: see that one runs";
    demo.until("nobody's class is told", |cluster| {
        let identity = condition(cluster, "IdentityReady");
        identity.is_some_and(|it| it.status == "False" && it.message.contains(told))
    })
    .await;

    let class = json!({ "spec": { "identity": { "spire": { "className": CLASS } } } });
    let class = format!("--patch={class}");
    let patch = ["patch", "spikecluster/demo", "--type=merge", &class];
    namespace.kubectl(&patch).await.expect("patched");
    demo.until_settled().await;

    let superuser = Person { namespace: &namespace, role: "superuser" };
    superuser.spike("put", &["secret", "put", "db/password", "value=-"], "correct horse").await;
    let get = ["secret", "get", "db/password", "value"];
    assert_eq!(superuser.spike("get", &get, "").await, "correct horse");

    let nexus = demo.pods("nexus").await.expect("listed").concat();
    for probes in ["pod/spike-demo-keeper-0:8444", &format!("{nexus}:8554")] {
        let mut shortest = life(&namespace, probes).await.expect("it has an SVID");
        let grows = async || {
            let Some(now) = life(&namespace, probes).await else { return false };
            let longer = now > shortest + RENEWED;
            shortest = shortest.min(now);
            longer
        };
        until("its SVID is renewed", grows).await;
    }
    assert_eq!(superuser.spike("again", &get, "").await, "correct horse");
    namespace.delete().await.expect("deleted");
}

/// Somebody whom Kubernetes lets use an account of people: in a pod for one command.
struct Person<'a> {
    namespace: &'a Namespace,
    role: &'a str,
}

impl Person<'_> {
    /// Runs `spike` with this as standard input, and it must succeed; what it prints.
    async fn spike(&self, name: &str, arguments: &[&str], input: &str) -> String {
        let pod = self.pod(name, arguments, !input.is_empty()).to_string();
        self.namespace.apply(&pod).await.expect("an administrator may");
        let pod = format!("pod/{name}");
        if !input.is_empty() {
            let ready = ["wait", "--for=condition=Ready", "--timeout=180s", &pod];
            self.namespace.kubectl(&ready).await.expect("it runs");
            let attach = ["attach", "--stdin", "--quiet", name];
            self.namespace.kubectl_with(&attach, input).await.expect("attached");
        }
        let phase = ["get", &pod, "-o=jsonpath={.status.phase}"];
        let phase = async || self.namespace.kubectl(&phase).await.unwrap_or_default();
        let over = async || matches!(&*phase().await, "Succeeded" | "Failed");
        until("spike has ended", over).await;
        let said = self.namespace.kubectl(&["logs", &pod]).await.expect("logs");
        assert_eq!(phase().await, "Succeeded", "{arguments:?}: {said}");
        self.namespace.kubectl(&["delete", &pod, "--wait=false"]).await.expect("deleted");
        said.trim().to_owned()
    }

    fn pod(&self, name: &str, arguments: &[&str], stdin: bool) -> Value {
        let namespace = &self.namespace.name;
        let env = [
            ("SPIFFE_ENDPOINT_SOCKET", "unix:///run/spire/agent-sockets/spire-agent.sock".into()),
            ("SPIKE_NEXUS_API_URL", format!("https://spike-demo-nexus.{namespace}.svc:8553")),
            ("SPIKE_TRUST_ROOT_NEXUS", DOMAIN.to_owned()),
            ("SPIKE_INSTANCE", format!("{namespace}/demo")),
        ];
        let env = env.map(|(name, value)| json!({ "name": name, "value": value }));
        let command = [["spike"].as_slice(), arguments].concat();
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": name },
            "spec": {
                "serviceAccountName": format!("spike-demo-{}", self.role),
                "restartPolicy": "Never",
                "automountServiceAccountToken": false,
                "securityContext": {
                    "runAsNonRoot": true,
                    "seccompProfile": { "type": "RuntimeDefault" },
                },
                "volumes": [{
                    "name": "identity", "csi": { "driver": "csi.spiffe.io", "readOnly": true },
                }],
                "containers": [{
                    "name": "spike",
                    "image": IMAGE,
                    "command": command,
                    "stdin": stdin,
                    "stdinOnce": stdin,
                    "env": env,
                    "volumeMounts": [{
                        "name": "identity", "mountPath": "/run/spire/agent-sockets", "readOnly": true,
                    }],
                    "securityContext": {
                        "allowPrivilegeEscalation": false,
                        "readOnlyRootFilesystem": true,
                        "capabilities": { "drop": ["ALL"] },
                    },
                }],
            },
        })
    }
}

/// How long a pod's SVID is still good for, by the metrics on its probe port.
async fn life(namespace: &Namespace, probes: &str) -> Option<Duration> {
    let pods = format!("/api/v1/namespaces/{}/pods", namespace.name);
    let path = format!("{pods}/{}/proxy/metrics", probes.trim_start_matches("pod/"));
    let text = namespace.kubectl(&["get", "--raw", &path]).await.ok()?;
    let line = text.lines().find(|line| line.starts_with("spike_svid_expiry_seconds"))?;
    Duration::try_from_secs_f64(line.rsplit(' ').next()?.parse().ok()?).ok()
}
