//! Which cluster is meant, in which Kubernetes.

use std::{path::PathBuf, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, Config, ResourceExt,
    api::ListParams,
    config::{KubeConfigOptions, Kubeconfig},
};
use spike_cli::{CliError, Exit};
use spike_crds::{
    SpikeCluster,
    names::{Names, Part},
};

use crate::refusal;

/// How long a connection to the API server may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How alike two names must be for one to be a slip of the other, of 1.
const ALIKE: f64 = 0.8;

/// The flags that say which cluster is meant: kubectl's own, and `-c`.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Target {
    /// The cluster's name; may be left out where the namespace has only one.
    #[arg(short, long, global = true, value_name = "NAME")]
    cluster: Option<String>,
    /// Its namespace [default: the context's].
    #[arg(short, long, global = true, value_name = "NAME")]
    namespace: Option<String>,
    /// The context of the kubeconfig.
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,
    /// The kubeconfig [default: KUBECONFIG, or ~/.kube/config].
    #[arg(long, global = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The user to be, where Kubernetes lets you impersonate.
    #[arg(long = "as", global = true, value_name = "USER")]
    as_user: Option<String>,
    /// A group to be in, with --as; may be repeated.
    #[arg(long, global = true, value_name = "GROUP", requires = "as_user")]
    as_group: Vec<String>,
}

/// A cluster that was found.
#[derive(Clone)]
pub(crate) struct Place {
    /// Of the API server, as whoever asks.
    pub(crate) client: Client,
    /// As it is now.
    pub(crate) cluster: SpikeCluster,
    /// What its objects are called.
    pub(crate) names: Names,
}

impl Place {
    /// Objects of the cluster's namespace.
    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.names.namespace)
    }

    /// The pods of a part.
    pub(crate) async fn pods(&self, part: Part) -> Result<Vec<Pod>, kube::Error> {
        let query = ListParams::default().labels(&self.names.query(part));
        self.api::<Pod>().list(&query).await.map(|list| list.items)
    }

    /// The cluster, as it is by now.
    pub(crate) async fn again(&self) -> Result<SpikeCluster, CliError> {
        let found = self.api::<SpikeCluster>().get(&self.names.cluster).await;
        found.map_err(|why| refusal::of("read the SpikeCluster", &why))
    }
}

impl Target {
    /// Finds it.
    pub(crate) async fn find(&self) -> Result<Place, CliError> {
        let config = self.config().await?;
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|why| {
            CliError::usage(
                format!("the kubeconfig can't be used: {why}"),
                "See whether kubectl works with the same flags.",
            )
        })?;
        let clusters: Api<SpikeCluster> = Api::namespaced(client.clone(), &namespace);
        let cluster = match &self.cluster {
            Some(name) => named(&clusters, &namespace, name).await?,
            None => alone(all(&clusters).await?, &namespace)?,
        };
        let names = Names { namespace, cluster: cluster.name_any() };
        Ok(Place { client, cluster, names })
    }

    async fn config(&self) -> Result<Config, CliError> {
        let options =
            KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let read = match (&self.kubeconfig, &self.context) {
            (None, None) => Config::infer().await.map_err(|why| why.to_string()),
            (None, Some(_)) => {
                Config::from_kubeconfig(&options).await.map_err(|why| why.to_string())
            }
            (Some(path), _) => match Kubeconfig::read_from(path) {
                Ok(file) => Config::from_custom_kubeconfig(file, &options)
                    .await
                    .map_err(|why| why.to_string()),
                Err(why) => Err(why.to_string()),
            },
        };
        let mut config = read.map_err(|why| {
            CliError::usage(
                format!("no way to a Kubernetes API: {why}"),
                "Name one with --kubeconfig, KUBECONFIG or --context.",
            )
        })?;
        config.connect_timeout = Some(CONNECT);
        if let Some(user) = &self.as_user {
            config.auth_info.impersonate = Some(user.clone());
            config.auth_info.impersonate_groups = Some(self.as_group.clone());
        }
        Ok(config)
    }
}

async fn all(clusters: &Api<SpikeCluster>) -> Result<Vec<SpikeCluster>, CliError> {
    let list = clusters.list(&ListParams::default()).await;
    list.map(|list| list.items).map_err(|why| match &why {
        kube::Error::Api(status) if status.code == 404 => CliError::new(
            Exit::Missing,
            "this Kubernetes has no kind SpikeCluster",
            "Install the operator, or choose another --context.",
        ),
        _ => refusal::of("list SpikeClusters", &why),
    })
}

async fn named(
    clusters: &Api<SpikeCluster>,
    namespace: &str,
    name: &str,
) -> Result<SpikeCluster, CliError> {
    match clusters.get_opt(name).await {
        Ok(Some(cluster)) => Ok(cluster),
        Ok(None) => {
            let others: Vec<_> = all(clusters).await?.iter().map(ResourceExt::name_any).collect();
            Err(unknown(name, namespace, &others))
        }
        Err(why) => Err(refusal::of("read the SpikeCluster", &why)),
    }
}

fn unknown(name: &str, namespace: &str, others: &[String]) -> CliError {
    let likeness = |other: &String| strsim::jaro_winkler(name, other);
    let nearest = others.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let next = match nearest {
        Some(other) if likeness(other) >= ALIKE => format!("Did you mean {other}?"),
        Some(_) => format!("There are: {}.", others.join(", ")),
        None => "`kubectl get spike -A` shows where there are some; choose with -n.".to_owned(),
    };
    let what = format!("there is no SpikeCluster {name} in namespace {namespace}");
    CliError::new(Exit::Missing, what, next)
}

/// The only one of a namespace.
fn alone(mut clusters: Vec<SpikeCluster>, namespace: &str) -> Result<SpikeCluster, CliError> {
    match (clusters.pop(), clusters.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(CliError::new(
            Exit::Missing,
            format!("there is no SpikeCluster in namespace {namespace}"),
            "`kubectl get spike -A` shows where there are some; choose with -n.",
        )),
        (Some(last), false) => {
            clusters.push(last);
            let names: Vec<_> = clusters.iter().map(ResourceExt::name_any).collect();
            Err(CliError::usage(
                format!("namespace {namespace} has several SpikeClusters: {}", names.join(", ")),
                "Choose one with -c.",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(error: &CliError) -> (Exit, String) {
        match error {
            CliError::Told { exit, what, next } => (*exit, format!("{what}. {next}")),
            other => panic!("{other:?}"),
        }
    }

    fn cluster(name: &str) -> SpikeCluster {
        let text = format!(
            "apiVersion: spike.ist/v1alpha1\nkind: SpikeCluster\nmetadata: {{name: {name}}}\nspec:\n  \
             trustDomain: example.org\n  identity: {{builtin: {{}}}}\n  store: {{sqlite: {{}}}}\n  \
             nexus: {{replicas: 1}}\n"
        );
        spike_crds::manifest::read(&text).expect("a manifest")
    }

    #[test]
    fn a_slip_is_noticed_and_a_stranger_is_not_guessed_at() {
        let others = ["demo".to_owned(), "prod".to_owned()];
        let (exit, text) = told(&unknown("dmeo", "team", &others));
        assert_eq!(exit, Exit::Missing);
        assert_eq!(text, "there is no SpikeCluster dmeo in namespace team. Did you mean demo?");
        let (_, text) = told(&unknown("zebra", "team", &others));
        assert!(text.ends_with("There are: demo, prod."), "{text}");
        let (_, text) = told(&unknown("demo", "team", &[]));
        assert!(text.contains("kubectl get spike -A"), "{text}");
    }

    #[test]
    fn only_a_cluster_that_is_alone_needs_no_name() {
        let one = alone(vec![cluster("demo")], "team").expect("it is alone");
        assert_eq!(one.name_any(), "demo");
        let (exit, text) = told(&alone(vec![cluster("a"), cluster("b")], "team").expect_err("two"));
        assert_eq!(exit, Exit::Usage);
        assert!(text.contains("several SpikeClusters: a, b"), "{text}");
        assert_eq!(told(&alone(Vec::new(), "team").expect_err("none")).0, Exit::Missing);
    }
}
