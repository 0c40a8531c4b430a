//! A PostgreSQL of a namespace: a pod, a Service, roles as `config/postgres/roles.sql` makes them, and
//! the Secrets by which a `SpikeCluster` finds them. Its data last as long as the pod.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    Namespace,
    image::{POSTGRES, POSTGRES_USER},
    pki::{Authority, Issued},
};

/// The roles and the database, as administrators make them.
const ROLES: &str = include_str!("../../../config/postgres/roles.sql");

/// Pod, Service and the name in its certificate.
const NAME: &str = "postgres";

/// The database.
const DATABASE: &str = "spike";

/// Where a copy is kept, in the pod.
const COPY: &str = "/data/copy";

/// Who owns the schema, and who serves, each with the Secret that has its name and password.
const LOGINS: [(&str, &str); 2] = [("spike_owner", "store-owner"), ("spike_nexus", "store")];

/// Makes the server's folder once; then the server is all that runs. Text is ordered by a human
/// language unless a column says otherwise.
const RUN: &str = r#"
set -eu
if ! [ -s "$PGDATA/PG_VERSION" ]; then
    initdb --encoding=UTF8 --locale=C --locale-provider=icu --icu-locale=en \
        --auth-local=trust --auth-host=reject >/dev/null
    echo 'hostssl all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
fi
exec postgres -c listen_addresses='*' -c "unix_socket_directories=$PGHOST" -c shared_buffers=32MB \
    -c ssl=on -c ssl_cert_file=/tls/tls.crt -c ssl_key_file=/tls/tls.key"#;

/// The server.
pub struct Postgres<'a> {
    namespace: &'a Namespace,
}

impl<'a> Postgres<'a> {
    /// Starts it, on this node if one is named, and makes the roles and the database.
    pub async fn start(namespace: &'a Namespace, node: Option<&str>) -> anyhow::Result<Self> {
        let scratch = tempfile::tempdir()?;
        let authority = Authority::new(scratch.path())?;
        let issued = authority.server(NAME, &[NAME.to_owned()])?;
        let items = [wiring(&authority.certificate, &issued), vec![service(), pod(node)]].concat();
        let all = json!({ "apiVersion": "v1", "kind": "List", "items": items });
        namespace.apply(&all.to_string()).await?;
        namespace.until_ready(&format!("pod/{NAME}")).await?;
        let postgres = Self { namespace };
        postgres.run("postgres", ROLES).await?;
        for (role, _) in LOGINS {
            postgres.set_password(role, &first_password(role)).await?;
        }
        Ok(postgres)
    }

    /// Executes statements as the superuser; the rows, one a line.
    pub async fn execute(&self, sql: &str) -> anyhow::Result<String> {
        let rows = self.run(DATABASE, sql).await?;
        Ok(rows.trim_end().to_owned())
    }

    /// Gives who serves another password, first in the server and then in its Secret.
    pub async fn rotate(&self, password: &str) -> anyhow::Result<()> {
        let [_, (role, secret)] = LOGINS;
        self.set_password(role, password).await?;
        self.namespace.apply(&login(secret, role, password).to_string()).await
    }

    async fn set_password(&self, role: &str, password: &str) -> anyhow::Result<()> {
        let sql = format!("ALTER ROLE {role} PASSWORD '{password}'");
        self.run("postgres", &sql).await.map(drop)
    }

    /// Copies the database, as a backup would.
    pub async fn back_up(&self) -> anyhow::Result<()> {
        self.exec(&["pg_dump", "-Fc", "-f", COPY, DATABASE], "").await.map(drop)
    }

    /// Puts the copy in the place of what is there.
    pub async fn restore(&self) -> anyhow::Result<()> {
        self.empty().await?;
        self.exec(&["pg_restore", "--exit-on-error", "-d", DATABASE, COPY], "").await.map(drop)
    }

    /// Drops all that is in the database.
    pub async fn empty(&self) -> anyhow::Result<()> {
        self.execute("DROP SCHEMA IF EXISTS spike CASCADE").await.map(drop)
    }

    async fn run(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let quiet = ["psql", "-v", "ON_ERROR_STOP=1", "-qAt", "-d", database, "-f", "-"];
        self.exec(&quiet, sql).await
    }

    async fn exec(&self, command: &[&str], input: &str) -> anyhow::Result<String> {
        let exec = ["exec", "-i", NAME, "--"];
        self.namespace.kubectl_with(&[&exec, command].concat(), input).await
    }
}

/// The password that a role begins with.
fn first_password(role: &str) -> String {
    format!("hunter2-{role}")
}

/// What the server proves itself with, what proves it, and who may log in.
fn wiring(authority: &str, issued: &Issued) -> Vec<Value> {
    let encode = |text: &str| BASE64_STANDARD.encode(text);
    let mut items = vec![
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "store-ca" },
            "data": { "ca.crt": authority },
        }),
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "postgres-tls" },
            "type": "kubernetes.io/tls",
            "data": { "tls.crt": encode(&issued.certificate), "tls.key": encode(&issued.key) },
        }),
    ];
    items.extend(LOGINS.map(|(role, secret)| login(secret, role, &first_password(role))));
    items
}

/// The Secret of a login.
fn login(secret: &str, role: &str, password: &str) -> Value {
    let encode = |text: &str| BASE64_STANDARD.encode(text);
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": secret },
        "type": "kubernetes.io/basic-auth",
        "data": { "username": encode(role), "password": encode(password) },
    })
}

fn service() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": NAME },
        "spec": { "selector": { "app": NAME }, "ports": [{ "port": 5432 }] },
    })
}

fn pod(node: Option<&str>) -> Value {
    let var = |name: &str, value: &str| json!({ "name": name, "value": value });
    let mount = |name: &str, path: &str| json!({ "name": name, "mountPath": path });
    let mut spec = json!({
        "automountServiceAccountToken": false,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": POSTGRES_USER, "runAsGroup": POSTGRES_USER, "fsGroup": POSTGRES_USER,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "volumes": [
            // No test waits for a disk, which others may be busy with.
            { "name": "data", "emptyDir": { "medium": "Memory" } },
            // As the server wants a key: root's, and nobody reads it but the server.
            { "name": "tls", "secret": { "secretName": "postgres-tls", "defaultMode": 0o440 } },
        ],
        "containers": [{
            "name": NAME, "image": POSTGRES, "imagePullPolicy": "Never",
            "command": ["sh", "-c", RUN],
            "env": [
                var("PGDATA", "/data/pgdata"), var("PGHOST", "/data"), var("PGUSER", "postgres"),
            ],
            "volumeMounts": [mount("data", "/data"), mount("tls", "/tls")],
            // Once: whether it answers later is for its clients to find out.
            "startupProbe": {
                "exec": { "command": ["pg_isready", "-q"] },
                "periodSeconds": 1, "timeoutSeconds": 10, "failureThreshold": 180,
            },
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
            },
        }],
    });
    if let (Some(node), Some(spec)) = (node, spec.as_object_mut()) {
        spec.insert("nodeSelector".to_owned(), json!({ "kubernetes.io/hostname": node }));
    }
    let metadata = json!({ "name": NAME, "labels": { "app": NAME } });
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec })
}
