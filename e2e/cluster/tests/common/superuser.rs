//! A person with the superuser's account, outside the cluster.

use std::{fs, path::Path, process::Output};

use spike_testbed_kubernetes::{Namespace, program};
use tempfile::TempDir;
use tokio::process::Command;

const DOMAIN: &str = "example.org";

/// The `spike` command under the superuser's account, from outside the cluster.
pub(crate) struct Superuser<'a> {
    namespace: &'a Namespace,
    folder: TempDir,
}

impl<'a> Superuser<'a> {
    pub(crate) async fn of(namespace: &'a Namespace) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let audience = format!("--audience=spike.ist/{}/demo", namespace.name);
        let token = ["create", "token", "spike-demo-superuser", "--duration=10m", &audience];
        let bundle = ["get", "configmap", "spike-authority-bundle"];
        let bundle = [&bundle[..], &["-o", "jsonpath={.data.bundle\\.pem}"]].concat();
        for (file, get) in [("token", &token[..]), ("bundle.pem", &bundle)] {
            let got = namespace.kubectl(get).await.expect("an administrator may");
            fs::write(folder.path().join(file), got).expect("written");
        }
        Self { namespace, folder }
    }

    pub(crate) async fn spike(&self, arguments: &[&str]) -> Output {
        let authority = self.namespace.forward("service/spike-demo-authority", 8445).await;
        let authority = authority.expect("the authority is reached");
        let nexus = self.namespace.forward("service/spike-demo-nexus", 8553).await;
        let nexus = nexus.expect("Nexus is reached");
        let at = |port: u16| format!("https://127.0.0.1:{port}");
        let file = |name: &str| text(&self.folder.path().join(name)).to_owned();
        let mut spike = Command::new(program("spike").expect("built"));
        spike.env_clear().envs([
            ("SPIKE_IDENTITY", "kubernetes".to_owned()),
            ("SPIKE_IDENTITY_AUTHORITY", at(authority.port)),
            ("SPIKE_IDENTITY_TOKEN_FILE", file("token")),
            ("SPIKE_IDENTITY_BUNDLE_FILE", file("bundle.pem")),
            ("SPIKE_NEXUS_API_URL", at(nexus.port)),
            ("SPIKE_TRUST_ROOT_NEXUS", DOMAIN.to_owned()),
            ("SPIKE_INSTANCE", format!("{}/demo", self.namespace.name)),
        ]);
        spike.args(arguments).output().await.expect("runs")
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
