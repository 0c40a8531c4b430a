//! Reads what a report is made of. What can't be read is named, and the rest comes all the same.

use futures::future::join_all;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{Deployment, ReplicaSet, StatefulSet},
        autoscaling::v2::HorizontalPodAutoscaler,
        batch::v1::Job,
        core::v1::{ConfigMap, Event, Node, PersistentVolumeClaim, Pod, Service, ServiceAccount},
        networking::v1::NetworkPolicy,
        policy::v1::PodDisruptionBudget,
        rbac::v1::RoleBinding,
    },
};
use kube::{
    Api, Resource, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams, LogParams},
};
use serde_json::{Value, json};
use spike_cli::output::Paint;
use spike_crds::{
    SpikeCluster,
    names::{Part, label},
};

use super::{bundle::Bundle, redact};
use crate::{
    place::Place,
    pods::is_of,
    refusal,
    status::{look::Look, screen},
    statusz,
};

/// The most that is taken of one log, whatever its lines are.
const LOG_BYTES: i64 = 1 << 20;

/// What a report is made of.
pub(super) struct Collector<'a> {
    pub(super) place: &'a Place,
    /// Of each log.
    pub(super) log_lines: i64,
    pub(super) operator_namespace: &'a str,
}

/// What the names of a cluster's objects go on with. Another cluster's name may go on as well.
const OBJECTS: [&str; 9] = [
    "nexus",
    "keeper",
    "bootstrap",
    "authority",
    "schema",
    "contract",
    "config",
    "escrow",
    "dashboard",
];

const README: &str = "\
A report of `kubectl spike report`.

status.txt, status.json  what `kubectl spike status -o wide` shows
objects/                 the SpikeCluster and what is made of it
events.txt               what Kubernetes said about them
logs/                    the end of each container's log, and of the one before it
statusz/                 what each Nexus says of itself
operator/                the operator's pods and logs
versions.json            of this program and of Kubernetes
unread.txt               what could not be read, if anything

Not in it: Secrets, what ConfigMaps hold, values of environment variables that nobody knows to be
harmless, annotations of others, paths and principals of audit lines. What looks like a password, a token,
a key or a recovery shard was replaced by [redacted].
";

impl Collector<'_> {
    /// Everything.
    pub(super) async fn collect(&self) -> Bundle {
        let mut bundle = Bundle::default();
        bundle.add("README.txt", README.to_owned());
        self.status(&mut bundle).await;
        self.objects(&mut bundle).await;
        self.events(&mut bundle).await;
        let ours = self.place.names.query_all();
        let pods = self.pods(&mut bundle, self.place.api(), &ours, "").await;
        self.told(&mut bundle, &pods).await;
        let operators = Api::namespaced(self.place.client.clone(), self.operator_namespace);
        let theirs = format!("{}=spike-operator", label::NAME);
        self.pods(&mut bundle, operators, &theirs, "operator/").await;
        self.versions(&mut bundle).await;
        bundle
    }

    async fn status(&self, bundle: &mut Bundle) {
        let look = Look::at(self.place).await;
        let screen = screen::text(&look, Paint::PLAIN, true);
        bundle.add("status.txt", redact::text(&screen));
        let look = serde_json::to_value(&look).expect("our own types are JSON");
        bundle.add("status.json", format!("{:#}\n", redact::object(look)));
    }

    async fn objects(&self, bundle: &mut Bundle) {
        let cluster = dynamic::<SpikeCluster>(self.place).get(&self.place.names.cluster).await;
        let cluster = cluster.map(|cluster| vec![cluster]);
        keep(bundle, "objects/spikecluster", cluster);
        self.kind::<ConfigMap>(bundle).await;
        self.kind::<Deployment>(bundle).await;
        self.kind::<HorizontalPodAutoscaler>(bundle).await;
        self.kind::<Job>(bundle).await;
        self.kind::<NetworkPolicy>(bundle).await;
        self.kind::<PersistentVolumeClaim>(bundle).await;
        self.kind::<PodDisruptionBudget>(bundle).await;
        self.kind::<ReplicaSet>(bundle).await;
        self.kind::<RoleBinding>(bundle).await;
        self.kind::<Service>(bundle).await;
        self.kind::<ServiceAccount>(bundle).await;
        self.kind::<StatefulSet>(bundle).await;
        let nodes: Api<Node> = Api::all(self.place.client.clone());
        match nodes.list(&ListParams::default()).await {
            Ok(nodes) => {
                let nodes: Vec<_> = nodes.items.iter().map(node).collect();
                bundle.add("objects/nodes.json", format!("{:#}\n", redact::object(nodes.into())));
            }
            Err(why) => bundle.lacks("nodes", &refusal::words(&why)),
        }
    }

    async fn kind<K>(&self, bundle: &mut Bundle)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let query = ListParams::default().labels(&self.place.names.query_all());
        let listed = dynamic::<K>(self.place).list(&query).await;
        let name = format!("objects/{}", K::plural(&()));
        keep(bundle, &name, listed.map(|list| list.items));
    }

    async fn events(&self, bundle: &mut Bundle) {
        let events = match self.place.api::<Event>().list(&ListParams::default()).await {
            Ok(events) => events.items,
            Err(why) => return bundle.lacks("events", &refusal::words(&why)),
        };
        let ours = |event: &&Event| {
            let about = event.involved_object.name.as_deref().unwrap_or_default();
            is_about(&self.place.names.cluster, about)
        };
        let mut lines: Vec<_> = events.iter().filter(ours).map(said).collect();
        lines.sort();
        bundle.add("events.txt", redact::text(&lines.concat()));
    }

    /// Pods and the logs of each of their containers.
    async fn pods(
        &self,
        bundle: &mut Bundle,
        pods: Api<Pod>,
        query: &str,
        folder: &str,
    ) -> Vec<Pod> {
        let listed = match pods.list(&ListParams::default().labels(query)).await {
            Ok(listed) => listed.items,
            Err(why) => {
                bundle.lacks(&format!("{folder}pods"), &refusal::words(&why));
                return Vec::new();
            }
        };
        let objects = listed.iter().map(|pod| serde_json::to_value(pod).expect("a pod is JSON"));
        let objects: Vec<_> = objects.map(redact::object).collect();
        let place = if folder.is_empty() { "objects/" } else { folder };
        bundle.add(format!("{place}pods.json"), format!("{:#}\n", Value::from(objects)));
        for pod in &listed {
            for (container, restarted) in containers(pod) {
                self.log(bundle, &pods, pod, &container, false, folder).await;
                if restarted {
                    self.log(bundle, &pods, pod, &container, true, folder).await;
                }
            }
        }
        listed
    }

    async fn log(
        &self,
        bundle: &mut Bundle,
        pods: &Api<Pod>,
        pod: &Pod,
        container: &str,
        previous: bool,
        folder: &str,
    ) {
        let params = LogParams {
            container: Some(container.to_owned()),
            previous,
            tail_lines: Some(self.log_lines),
            limit_bytes: Some(LOG_BYTES),
            ..LogParams::default()
        };
        let name = pod.name_any();
        let ending = if previous { ".previous.log" } else { ".log" };
        let file = format!("{folder}logs/{name}.{container}{ending}");
        match pods.logs(&name, &params).await {
            Ok(lines) => {
                let ours = redact::about(&self.place.names.instance(), &lines);
                bundle.add(file, redact::log(&ours));
            }
            Err(why) => bundle.lacks(&file, &refusal::words(&why)),
        }
    }

    async fn told(&self, bundle: &mut Bundle, pods: &[Pod]) {
        let pods = pods.iter().filter(|pod| is_of(pod, Part::Nexus));
        let asked =
            pods.map(async |pod| (pod.name_any(), statusz::ask(self.place, &pod.name_any()).await));
        for (pod, said) in join_all(asked).await {
            match said {
                Ok(status) => {
                    let status = serde_json::to_value(&status).expect("our own types are JSON");
                    let status = redact::object(status);
                    bundle.add(format!("statusz/{pod}.json"), format!("{status:#}\n"));
                }
                Err(why) => bundle.lacks(&format!("statusz of {pod}"), &why),
            }
        }
    }

    async fn versions(&self, bundle: &mut Bundle) {
        let kubernetes = match self.place.client.apiserver_version().await {
            Ok(version) => Some(version.git_version),
            Err(why) => {
                bundle.lacks("the version of Kubernetes", &refusal::words(&why));
                None
            }
        };
        let ours = env!("CARGO_PKG_VERSION");
        let versions = json!({"kubectl-spike": ours, "kubernetes": kubernetes});
        bundle.add("versions.json", format!("{versions:#}\n"));
    }
}

/// Objects as the API server has them, so that nothing of a later version is lost.
fn dynamic<K>(place: &Place) -> Api<DynamicObject>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    let resource = ApiResource::erase::<K>(&());
    Api::namespaced_with(place.client.clone(), &place.names.namespace, &resource)
}

fn keep(bundle: &mut Bundle, name: &str, read: Result<Vec<DynamicObject>, kube::Error>) {
    match read {
        Ok(objects) if objects.is_empty() => {}
        Ok(objects) => {
            let objects = objects.iter().map(|object| {
                redact::object(serde_json::to_value(object).expect("it came as JSON"))
            });
            let objects: Vec<_> = objects.collect();
            bundle.add(format!("{name}.json"), format!("{:#}\n", Value::from(objects)));
        }
        Err(why) => bundle.lacks(name, &refusal::words(&why)),
    }
}

/// What matters of a node.
fn node(node: &Node) -> Value {
    let status = node.status.clone().unwrap_or_default();
    let spec = node.spec.clone().unwrap_or_default();
    json!({
        "name": node.name_any(),
        "conditions": status.conditions,
        "nodeInfo": status.node_info,
        "taints": spec.taints,
        "unschedulable": spec.unschedulable,
    })
}

fn said(event: &Event) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    let last = last.or_else(|| event.event_time.as_ref().map(|time| time.0)).unwrap_or_default();
    let about = &event.involved_object;
    format!(
        "{last:.0} {} {}/{} {} x{}: {}\n",
        text(&event.type_),
        text(&about.kind),
        text(&about.name),
        text(&event.reason),
        event.count.unwrap_or(1),
        text(&event.message).replace('\n', " "),
    )
}

/// Each container, and whether there was one before it.
fn containers(pod: &Pod) -> Vec<(String, bool)> {
    let statuses = pod.status.iter().flat_map(|status| {
        status.init_container_statuses.iter().chain(&status.container_statuses).flatten()
    });
    statuses.map(|status| (status.name.clone(), status.restart_count > 0)).collect()
}

/// Whether a name is the cluster's or one of its objects'.
fn is_about(cluster: &str, name: &str) -> bool {
    let object = name.strip_prefix("spike-").and_then(|name| name.strip_prefix(cluster));
    let rest = object.and_then(|rest| rest.strip_prefix('-'));
    let word = rest.and_then(|rest| rest.split('-').next());
    name == cluster || object == Some("") || word.is_some_and(|word| OBJECTS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_of_the_cluster_and_of_none_whose_name_goes_on() {
        for ours in ["demo", "spike-demo", "spike-demo-nexus-7c9d5b8f66-x2x9k", "spike-demo-config"]
        {
            assert!(is_about("demo", ours), "{ours}");
        }
        for other in ["demo-two", "spike-demo-two-nexus", "spike-demonexus", "web"] {
            assert!(!is_about("demo", other), "{other}");
        }
    }
}
