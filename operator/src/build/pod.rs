//! A pod that is hard to break into: restricted profile, nothing writable, nobody's token.

use serde_json::{Map, Value, json};
use spike_crds::cluster::{PodOverrides, PullPolicy};

use super::{
    digest,
    object::{merge, said},
    volumes::{self, Mounted, var},
};
use crate::{
    cluster::Cluster,
    names::{Part, annotation},
};

/// The user that images without root run as, by the custom of `distroless`.
const USER: u32 = 65532;

/// Where the image has its programs.
const PROGRAMS: &str = "/usr/local/bin";

/// One program in one pod.
pub(super) struct Program<'a> {
    pub(super) part: Part,
    /// Of `/usr/local/bin`.
    pub(super) file: &'static str,
    pub(super) args: Vec<Value>,
    pub(super) env: Vec<Value>,
    pub(super) mounted: Vec<Mounted>,
    pub(super) resources: Value,
    pub(super) overrides: &'a PodOverrides,
    pub(super) grace: u32,
}

impl Program<'_> {
    /// The pod's template, with its digest.
    pub(super) fn template(self, cluster: &Cluster, more: Value) -> Value {
        let Self { part, overrides, .. } = self;
        let mut labels = overrides.labels.clone();
        labels.extend(cluster.names.labels(&part.to_string()));
        let mut template = json!({
            "metadata": {"labels": labels, "annotations": overrides.annotations},
            "spec": self.spec(cluster, more),
        });
        let digest = digest(&template);
        let mark = json!({annotation::TEMPLATE: digest.as_str()});
        merge(&mut template, json!({"metadata": {"annotations": mark}}));
        template
    }

    fn spec(self, cluster: &Cluster, more: Value) -> Value {
        let account = cluster.names.part(self.part);
        let overrides = self.overrides;
        let grace = self.grace;
        let volumes: Vec<_> = self.mounted.iter().map(|m| m.volume.clone()).collect();
        let secrets: Vec<_> =
            cluster.image.pull_secrets.iter().map(|name| json!({"name": name})).collect();
        let mut container = self.container(cluster);
        let mut spec = said(json!({
            "serviceAccountName": account,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": grace,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "imagePullSecrets": unless_empty(secrets),
            "volumes": volumes,
            "nodeSelector": given(&overrides.node_selector),
            "tolerations": given(&overrides.tolerations),
            "affinity": overrides.affinity.clone().map(Value::Object),
            "priorityClassName": overrides.priority_class_name,
            "runtimeClassName": overrides.runtime_class_name,
        }));
        let mut more = more;
        if let Some(add) = more.as_object_mut().and_then(|map| map.remove("container")) {
            merge(&mut container, add);
        }
        merge(&mut spec, json!({"containers": [container]}));
        merge(&mut spec, more);
        spec
    }

    fn container(self, cluster: &Cluster) -> Value {
        let mounted = self.mounted.iter().flat_map(|mounted| mounted.env.clone());
        let mut env: Vec<_> = self.env.into_iter().chain(mounted).collect();
        let own = |name: &str| env.iter().any(|v| v.get("name") == Some(&json!(name)));
        let extra = self.overrides.env.iter().filter(|variable| !own(&variable.name));
        let extra: Vec<_> =
            extra.map(|variable| var(&variable.name, variable.value.clone())).collect();
        env.extend(extra);
        let mounts: Vec<_> = self.mounted.iter().map(|mounted| mounted.mount.clone()).collect();
        let pull = cluster.image.pull_policy.map(|policy| match policy {
            PullPolicy::Always => "Always",
            PullPolicy::IfNotPresent => "IfNotPresent",
            PullPolicy::Never => "Never",
        });
        said(json!({
            "name": self.part.to_string(),
            "image": cluster.image.reference,
            "imagePullPolicy": pull,
            "command": [format!("{PROGRAMS}/{}", self.file)],
            "args": unless_empty(self.args),
            "env": env,
            "resources": self.resources,
            "volumeMounts": mounts,
            // What a program says at its end is quoted in a condition: its log may be gone by then.
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            },
        }))
    }
}

/// A list, or nothing to say.
fn unless_empty(list: Vec<Value>) -> Option<Vec<Value>> {
    (!list.is_empty()).then_some(list)
}

/// What somebody wrote, or nothing to say.
fn given<T: serde::Serialize + Default + PartialEq>(value: &T) -> Value {
    if *value == T::default() { Value::Null } else { json!(value) }
}

/// Ports and probes of a server.
pub(super) fn server(port: u16, probes: u16) -> Value {
    let probe = |path: &str, period: u32, failures: u32| {
        json!({
            "httpGet": {"path": path, "port": "probes"},
            "periodSeconds": period,
            "failureThreshold": failures,
            "timeoutSeconds": 2,
        })
    };
    json!({
        "ports": [
            {"name": "https", "containerPort": port, "protocol": "TCP"},
            {"name": "probes", "containerPort": probes, "protocol": "TCP"},
        ],
        // The event loop only: a restart mends nothing that an unready reason tells.
        "livenessProbe": probe("/livez", 10, 6),
        "readinessProbe": probe("/readyz", 2, 1),
    })
}

/// What every program of a cluster is told: who is who, and how much to log.
pub(super) fn common(cluster: &Cluster) -> Vec<Value> {
    let roles = ["NEXUS", "KEEPER", "BOOTSTRAP", "PILOT", "LITE_WORKLOAD", "OPERATOR"];
    let roots = roles.map(|role| var(&format!("SPIKE_TRUST_ROOT_{role}"), &cluster.trust_domain));
    let mut env = vec![
        var("SPIKE_INSTANCE", cluster.names.instance()),
        var("SPIKE_SYSTEM_LOG_LEVEL", cluster.log_level.to_string()),
    ];
    env.extend(roots);
    env
}

/// Amounts, as a container has them.
pub(super) fn amounts(amounts: Option<&spike_crds::cluster::Amounts>) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, amount) in [
        ("cpu", amounts.and_then(|amounts| amounts.cpu.as_ref())),
        ("memory", amounts.and_then(|amounts| amounts.memory.as_ref())),
    ] {
        if let Some(amount) = amount {
            map.insert(name.to_owned(), json!(amount.0));
        }
    }
    map
}

pub(super) use volumes::identity;
