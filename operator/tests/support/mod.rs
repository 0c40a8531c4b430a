//! An API server, and operators on it.

use std::{fmt, time::Duration};

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        authentication::v1::TokenRequest,
        core::v1::{Namespace, ServiceAccount},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde::de::DeserializeOwned;
use serde_json::{from_value, json};
use spike_crds::{SpikeCluster, definition, manifest};
use spike_operator::{Config, authority, build::Site, run};
use spike_testbed_kubernetes as testbed;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

/// The operator's namespace.
pub(crate) const HOME: &str = "spike-system";

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

/// An API server with our kind.
pub(crate) struct World {
    server: testbed::Api,
    client: Client,
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
        self.task.await.expect("no panic").expect("no error");
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
            world
                .api::<SpikeCluster>("default")
                .list(&kube::api::ListParams::default())
                .await
                .is_ok()
        })
        .await;
        world.namespace(HOME).await;
        world
    }

    pub(crate) async fn end(self) {
        self.server.stop().await.expect("stopped");
    }

    pub(crate) fn operator(&self, replica: &str) -> Operator {
        let config = Config {
            probes: "127.0.0.1:0".parse().expect("an address"),
            site: Site {
                namespace: HOME.to_owned(),
                account: "spike-operator".to_owned(),
                image: "registry.example/spike:1.0.0".to_owned(),
            },
            identity: None,
            replica: replica.to_owned(),
        };
        let (stop, client) = (CancellationToken::new(), self.client.clone());
        let task = tokio_util::task::TaskTracker::new().spawn(Box::pin(run::serve(
            config,
            client,
            stop.clone(),
        )));
        Operator { stop, task }
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
        let cluster = manifest::read(text).expect("a manifest");
        let object = json!({
            "apiVersion": manifest::API_VERSION,
            "kind": "SpikeCluster",
            "metadata": {"name": cluster.name_any()},
            "spec": cluster.spec,
        });
        let (name, params) = (cluster.name_any(), PatchParams::apply("kubectl"));
        let clusters = self.api::<SpikeCluster>(namespace);
        clusters.patch(&name, &params, &Patch::Apply(object)).await.expect("applied");
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
