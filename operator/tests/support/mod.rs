//! An API server, and operators on it.

pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod snapshot;

use std::{
    fmt,
    future::Future,
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        authentication::v1::TokenRequest,
        core::v1::{Namespace, Pod, ServiceAccount},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use proxy::Proxy;
use serde::de::DeserializeOwned;
use serde_json::{Value, from_value, json};
use spike_crds::{SpikeCluster, definition, manifest};
use spike_operator::{Config, authority, build::Site, run};
use spike_testbed_kubernetes::{self as testbed, Tool};

use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

/// The operator's namespace.
pub(crate) const HOME: &str = "spike-system";

/// The operator's image.
pub(crate) const IMAGE: &str = "registry.example/spike:1.0.0";

/// A cluster that gets as far as it can without pods: everything is made, and no Nexus answers.
pub(crate) const SPIRE: &str = "
apiVersion: spike.ist/v1alpha1
kind: SpikeCluster
metadata: {name: demo}
spec:
  trustDomain: example.org
  identity: {spire: {clusterSPIFFEIDs: None}}
  store: {postgres: {host: db.example, credentialsRef: {name: login}, migrations: Manual}}
";

/// The machine is busy.
const PATIENCE: Duration = Duration::from_mins(3);

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "never came: {what}");
        sleep(Duration::from_millis(200)).await;
    }
}

/// One part of a promise, with the time that it took.
pub(crate) async fn part<T>(what: &str, does: impl Future<Output = T>) -> T {
    let since = Instant::now();
    let done = Box::pin(does).await;
    eprintln!("{what}: {:.1} s", since.elapsed().as_secs_f64());
    done
}

/// An API server with our kind.
pub(crate) struct World {
    server: testbed::Api,
    client: Client,
}

/// A change by hand.
pub(crate) async fn merge<K>(api: &Api<K>, name: &str, patch: &Value)
where
    K: Clone + DeserializeOwned + fmt::Debug,
{
    let by_hand = PatchParams { field_manager: Some("by-hand".to_owned()), ..Default::default() };
    api.patch(name, &by_hand, &Patch::Merge(patch)).await.expect("patched");
}

/// Waits until nothing was written for so long.
pub(crate) async fn until_quiet(proxy: &Proxy, time: Duration) {
    let mut last = Vec::new();
    let quiet = async {
        loop {
            sleep(time).await;
            last = proxy.writes();
            if last.is_empty() {
                return;
            }
        }
    };
    let came = tokio::time::timeout(PATIENCE, quiet).await;
    assert!(came.is_ok(), "it never ceases to write: {last:?}");
}

/// An operator by this way to the API server; if `again`, started anew whenever it gives up, as a
/// kubelet does.
pub(crate) fn operator(replica: &str, access: kube::Config, again: bool) -> Operator {
    let config = Config {
        probes: "127.0.0.1:0".parse().expect("an address"),
        site: Site {
            namespace: HOME.to_owned(),
            account: "spike-operator".to_owned(),
            image: IMAGE.to_owned(),
        },
        identity: None,
        replica: replica.to_owned(),
    };
    let stop = CancellationToken::new();
    let token = stop.clone();
    let task = tokio_util::task::TaskTracker::new().spawn(async move {
        loop {
            let run = Box::pin(run::serve(config.clone(), access.clone(), token.clone())).await;
            if run.is_ok() || !again {
                return run;
            }
            sleep(Duration::from_millis(500)).await;
        }
    });
    Operator { stop, task }
}

/// An authority that runs in this process.
pub(crate) struct Authority {
    pub(crate) url: String,
    pub(crate) running: Operator,
}

/// An operator that runs in this process.
pub(crate) struct Operator {
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Operator {
    /// As SIGTERM does.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.ended().await.expect("no error");
    }

    /// Waits for its end.
    pub(crate) async fn ended(self) -> anyhow::Result<()> {
        self.task.await.expect("no panic")
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        spike_identity::install_crypto();
        let server = testbed::Api::start().await.expect("an API server");
        let client = server.client().expect("a client");
        let world = Self { server, client };
        let crds: Api<CustomResourceDefinition> = Api::all(world.client.clone());
        crds.create(&PostParams::default(), &definition()).await.expect("our kind");
        eventually("our kind is served", async || {
            world.api::<SpikeCluster>("default").list(&ListParams::default()).await.is_ok()
        })
        .await;
        world.namespace(HOME).await;
        world
    }

    pub(crate) async fn end(self) {
        self.server.stop().await.expect("stopped");
    }

    /// What reaches the API server without a proxy.
    pub(crate) fn config(&self) -> kube::Config {
        self.server.config()
    }

    /// Runs kubectl as the administrator.
    pub(crate) fn kubectl(&self, args: &[&str], input: &str) {
        let mut command = Command::new(Tool::Kubectl.path().expect("built"));
        command.arg("--kubeconfig").arg(self.server.kubeconfig()).args(args);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("kubectl starts");
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
        assert!(child.wait().expect("it ends").success(), "kubectl {args:?}");
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// A way to the API server for an operator of one namespace.
    pub(crate) async fn proxy(&self, namespace: &str) -> Proxy {
        let home = proxy::home(namespace);
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        if namespaces.get_opt(&home).await.expect("asked").is_none() {
            self.namespace(&home).await;
        }
        Proxy::start(self.config(), namespace).await
    }

    pub(crate) fn operator(&self, replica: &str) -> Operator {
        operator(replica, self.config(), false)
    }

    /// The built-in authority of a cluster, with the API server's own reviews.
    pub(crate) fn authority(&self, namespace: &str, cluster: &str) -> Authority {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("bound");
        drop(free);
        let config = authority::Config {
            listen: address.to_string().parse().expect("an address"),
            probes: "127.0.0.1:0".parse().expect("an address"),
            instance: format!("{namespace}/{cluster}").parse().expect("an instance"),
            trust_domain: "example.org".to_owned(),
            operator: format!("{HOME}/spike-operator").parse().expect("an account"),
            bundle: "spike-authority-bundle".to_owned(),
            svid_life: Duration::from_hours(1),
        };
        let (stop, client) = (CancellationToken::new(), self.client.clone());
        let task = tokio_util::task::TaskTracker::new().spawn(Box::pin(authority::serve(
            config,
            client,
            stop.clone(),
        )));
        Authority { url: format!("https://{address}"), running: Operator { stop, task } }
    }

    /// A token that is bound to no pod.
    pub(crate) async fn token(&self, namespace: &str, account: &str, audience: &str) -> String {
        let request = from_value(json!({
            "metadata": {},
            "spec": {"audiences": [audience], "expirationSeconds": 600},
        }));
        let request: TokenRequest = request.expect("a request");
        let accounts = self.api::<ServiceAccount>(namespace);
        let asked = accounts.create_token_request(account, &PostParams::default(), &request).await;
        asked.expect("a token").status.expect("answered").token
    }

    pub(crate) fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + fmt::Debug,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    pub(crate) async fn namespace(&self, name: &str) -> String {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let namespace = from_value(json!({"metadata": {"name": name}})).expect("a namespace");
        namespaces.create(&PostParams::default(), &namespace).await.expect("made");
        name.to_owned()
    }

    /// As `kubectl apply --server-side` does.
    pub(crate) async fn apply(&self, namespace: &str, text: &str) {
        self.apply_as(namespace, text, &PatchParams::apply("kubectl")).await;
    }

    /// The same by another manager.
    pub(crate) async fn apply_as(&self, namespace: &str, text: &str, params: &PatchParams) {
        let cluster = manifest::read(text).expect("a manifest");
        let object = json!({
            "apiVersion": manifest::API_VERSION,
            "kind": "SpikeCluster",
            "metadata": {"name": cluster.name_any()},
            "spec": cluster.spec,
        });
        let name = cluster.name_any();
        let clusters = self.api::<SpikeCluster>(namespace);
        clusters.patch(&name, params, &Patch::Apply(object)).await.expect("applied");
    }

    /// What a kubelet does with the pod of a Job.
    pub(crate) async fn run_jobs(&self, namespace: &str) {
        let pods = self.api::<Pod>(namespace);
        let of_jobs = ListParams::default().labels("batch.kubernetes.io/job-name");
        eventually(&format!("a Job's pod succeeds in {namespace}"), async || {
            let Some(pod) = pods.list(&of_jobs).await.expect("listed").items.pop() else {
                return false;
            };
            let done = json!({"status": {"phase": "Succeeded"}});
            let params = PatchParams::default();
            pods.patch_status(&pod.name_any(), &params, &Patch::Merge(done)).await.is_ok()
        })
        .await;
    }

    /// It is said that only pods are wanting.
    pub(crate) async fn waits_for_nexus(&self, namespace: &str) -> bool {
        let ready = self.condition(namespace, "demo", "Ready").await;
        ready.is_some_and(|c| c.status == "False" && c.reason == "NexusPending")
    }

    pub(crate) async fn cluster(&self, namespace: &str, name: &str) -> SpikeCluster {
        self.api::<SpikeCluster>(namespace).get(name).await.expect("there")
    }

    pub(crate) async fn condition(
        &self,
        namespace: &str,
        name: &str,
        kind: &str,
    ) -> Option<Condition> {
        let status = self.cluster(namespace, name).await.status?;
        status.conditions.into_iter().find(|condition| condition.type_ == kind)
    }
}
