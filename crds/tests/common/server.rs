//! A Kubernetes to ask: the one that `SPIKE_E2E_KUBECONFIG` names, else an API server of our own.

use std::{
    env,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use k8s_openapi::{
    api::core::v1::Namespace,
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Config, CustomResourceExt, Error,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{from_value, json};
use spike_crds::{SpikeCluster, definition};
use spike_testbed_kubernetes::{self as testbed, Tool, until};

/// Names a cluster that is there already.
const KUBECONFIG: &str = "SPIKE_E2E_KUBECONFIG";

/// A Kubernetes that knows our kind, and a namespace in it that is ours.
pub(crate) struct Server {
    pub(crate) client: Client,
    /// The administrator's.
    pub(crate) kubeconfig: PathBuf,
    pub(crate) namespace: String,
    config: Config,
    own: Option<testbed::Api>,
}

impl Server {
    pub(crate) async fn start(purpose: &str) -> Self {
        let own = match env::var_os(KUBECONFIG) {
            Some(_) => None,
            None => Some(testbed::Api::start().await.expect("an API server")),
        };
        let kubeconfig = match &own {
            Some(own) => own.kubeconfig().to_owned(),
            None => env::var_os(KUBECONFIG).expect("it was set").into(),
        };
        let read = Kubeconfig::read_from(&kubeconfig).expect("a kubeconfig");
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(read, &options).await.expect("a kubeconfig");
        let client = Client::try_from(config.clone()).expect("a client");
        let namespace = format!("spike-{purpose}-{}", std::process::id());
        let server = Self { client, kubeconfig, namespace, config, own };
        server.install().await;
        server
    }

    /// Our kind, as it is installed, and the namespace.
    async fn install(&self) {
        let kinds = Api::<CustomResourceDefinition>::all(self.client.clone());
        let ours = PatchParams::apply("spike-tests").force();
        kinds
            .patch(SpikeCluster::crd_name(), &ours, &Patch::Apply(definition()))
            .await
            .expect("taken");
        let namespace: Namespace =
            from_value(json!({ "metadata": { "name": self.namespace } })).expect("a namespace");
        let namespaces = Api::<Namespace>::all(self.client.clone());
        namespaces.create(&PostParams::default(), &namespace).await.expect("created");
        let clusters = self.clusters();
        let there = async || clusters.list(&ListParams::default()).await.is_ok();
        until("the kind is served", there).await;
    }

    /// `SpikeCluster`s as they are written, so that it is the server that fills in what is left out.
    pub(crate) fn clusters(&self) -> Api<DynamicObject> {
        let kind = SpikeCluster::api_resource();
        Api::namespaced_with(self.client.clone(), &self.namespace, &kind)
    }

    /// A client that is someone else, with the rights that they have.
    pub(crate) fn client_as(&self, user: &str, groups: &[&str]) -> Client {
        let mut config = self.config.clone();
        config.auth_info.impersonate = Some(user.to_owned());
        let groups = groups.iter().map(ToString::to_string).collect();
        config.auth_info.impersonate_groups = Some(groups);
        Client::try_from(config).expect("a client")
    }

    /// Runs kubectl as the administrator. It must warn of nothing.
    pub(crate) fn kubectl(&self, args: &[&str]) {
        self.kubectl_with(args, "");
    }

    /// Runs kubectl with something to read.
    pub(crate) fn kubectl_with(&self, args: &[&str], input: &str) {
        let mut command = Command::new(Tool::Kubectl.path().expect("it is built"));
        command.env("KUBECONFIG", &self.kubeconfig).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = command.spawn().expect("kubectl runs");
        let mut stdin = running.stdin.take().expect("piped");
        stdin.write_all(input.as_bytes()).expect("it reads");
        drop(stdin);
        let output = running.wait_with_output().expect("kubectl ends");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
    }

    /// The operator's rights and the admission policies, and all that goes with them.
    pub(crate) fn install_everything(&self) {
        let tree = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/default");
        self.kubectl(&["apply", "--server-side", "--force-conflicts", "-k", tree]);
    }

    pub(crate) async fn stop(self) {
        let namespaces = Api::<Namespace>::all(self.client.clone());
        namespaces.delete(&self.namespace, &DeleteParams::default()).await.expect("deleted");
        if let Some(own) = self.own {
            own.stop().await.expect("stopped");
        }
    }
}

/// What a manifest says, whatever namespace it names.
pub(crate) fn object(text: &str) -> DynamicObject {
    let mut object: DynamicObject = serde_yaml::from_str(text).expect("an object");
    object.metadata.namespace = None;
    object
}

/// Why it was refused: fields, each with what was said of it.
pub(crate) fn refusal<T>(answer: Result<T, Error>) -> Vec<(String, String)> {
    let Err(Error::Api(status)) = answer else { return Vec::new() };
    assert_eq!(status.code, 422, "{status:?}");
    let causes = status.details.map(|details| details.causes).unwrap_or_default();
    causes.into_iter().map(|cause| (cause.field, cause.message)).collect()
}
