//! What the operator makes of a manifest is a cluster in real pods: its golden objects, applied with the
//! operator's own rights where its admission policies hold, become ready by themselves, and keep a
//! secret for whom Kubernetes lets be superuser.

use std::{fs, path::Path, process::Output};

use spike_testbed_kubernetes::{IMAGE, Namespace, program};
use tempfile::TempDir;
use tokio::process::Command;

/// The installation, as users apply it.
const INSTALLATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/default");

/// What the operator makes of a cluster on SQLite with identities of its own, called `demo` in `team`.
const GENERATED: &str = include_str!("../../../operator/golden/builtin-sqlite.yaml");

const DOMAIN: &str = "example.org";

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn what_the_operator_makes_of_a_manifest_keeps_a_secret() {
    let namespace = Namespace::create("generated").await.expect("created");
    namespace.administer(&["apply", "--server-side", "-k", INSTALLATION]).await.expect("installed");
    let roots = ["create", "configmap", "spike-authority-bundle"];
    namespace.kubectl(&roots).await.expect("created");
    let operator = "--as=system:serviceaccount:spike-system:spike-operator";
    let key = ["create", "secret", "generic", "spike-authority-ca", operator];
    namespace.kubectl(&key).await.expect("the operator may create it");
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), objects(&namespace.name)).expect("written");
    let apply = ["apply", "--server-side", "--filename", text(file.path()), operator];
    namespace.kubectl(&apply).await.expect("the operator may apply it");

    for workload in [
        "deployment/spike-demo-authority",
        "statefulset/spike-demo-keeper",
        "deployment/spike-demo-nexus",
    ] {
        let replicas = namespace.kubectl(&["get", workload, "-o=jsonpath={.spec.replicas}"]).await;
        let all = format!("--for=jsonpath={{.status.readyReplicas}}={}", replicas.expect("there"));
        let ready = ["wait", &all, "--timeout=180s", workload];
        namespace.kubectl(&ready).await.expect("it becomes ready");
    }

    let superuser = Superuser::of(&namespace).await;
    let put = superuser.spike(&["secret", "put", "db/password", "value=correct horse"]).await;
    assert!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
    let got = superuser.spike(&["secret", "get", "db/password", "value"]).await;
    assert_eq!(String::from_utf8_lossy(&got.stdout).trim(), "correct horse");
    namespace.delete().await.expect("deleted");
}

/// The golden objects in another namespace, with the image that is there and the volumes that come
/// first, and not yet bound to a key ring.
fn objects(namespace: &str) -> String {
    let unbound = GENERATED.replacen("  cluster-id: 0123456789abcdef0123456789abcdef\n", "", 1);
    let here = unbound.replace("ghcr.io/spike-rs/spike:1.0.0", IMAGE).replace("team", namespace);
    here.replace("  storageClassName: fast\n", "")
}

/// The `spike` command under the superuser's account, from outside the cluster.
struct Superuser<'a> {
    namespace: &'a Namespace,
    folder: TempDir,
}

impl<'a> Superuser<'a> {
    async fn of(namespace: &'a Namespace) -> Self {
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

    async fn spike(&self, arguments: &[&str]) -> Output {
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

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
