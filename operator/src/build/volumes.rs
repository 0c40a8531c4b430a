//! What is mounted, and the variables that name it.

use serde_json::{Value, json};
use spike_crds::cluster::{CaSource, Credentials};

use crate::{
    cluster::{Cluster, Identity, Place, Postgres},
    names::{AUTHORITY_BUNDLE, Part},
    validate::STORE_USER,
};

/// Where what proves our identity is.
const IDENTITY: &str = "/var/run/spike/identity";

/// Where SPIRE's socket is.
const SOCKETS: &str = "/run/spire/agent-sockets";

/// Where the store's credentials are.
const STORE: &str = "/var/run/spike/store";

/// How long a token is good for. The kubelet brings another one at four fifths of it, which is sooner than
/// the second half of an SVID's hour is over: a pod whose account was deleted and made again has a token of
/// the new one while its SVID still counts.
const TOKEN_LIFE: u32 = 1800;

/// A volume, its mount and the variables that name what is in it.
pub(super) struct Mounted {
    pub(super) volume: Value,
    pub(super) mount: Value,
    pub(super) env: Vec<Value>,
}

/// A variable.
pub(super) fn var(name: &str, value: impl Into<String>) -> Value {
    json!({"name": name, "value": value.into()})
}

fn mount(name: &str, path: &str) -> Value {
    json!({"name": name, "mountPath": path, "readOnly": true})
}

/// What a pod proves its identity with.
pub(super) fn identity(cluster: &Cluster) -> Mounted {
    match &cluster.identity {
        Identity::Spire { csi_driver, socket, .. } => Mounted {
            volume: json!({"name": "identity", "csi": {"driver": csi_driver, "readOnly": true}}),
            mount: mount("identity", SOCKETS),
            env: vec![
                var("SPIKE_IDENTITY", "workload-api"),
                var("SPIFFE_ENDPOINT_SOCKET", format!("unix://{SOCKETS}/{socket}")),
            ],
        },
        Identity::Builtin => builtin(cluster),
    }
}

/// A token that only the authority takes, and the roots that vouch for the authority.
fn builtin(cluster: &Cluster) -> Mounted {
    let names = &cluster.names;
    let authority = names.host(&names.part(Part::Authority));
    let token = json!({"serviceAccountToken": {
        "audience": names.audience(), "expirationSeconds": TOKEN_LIFE, "path": "token",
    }});
    let bundle = json!({"configMap": {
        "name": AUTHORITY_BUNDLE, "items": [{"key": "bundle.pem", "path": "bundle.pem"}],
    }});
    Mounted {
        volume: json!({"name": "identity", "projected": {
            "defaultMode": MODE, "sources": [token, bundle],
        }}),
        mount: mount("identity", IDENTITY),
        env: vec![
            var("SPIKE_IDENTITY", "kubernetes"),
            var("SPIKE_IDENTITY_TOKEN_FILE", format!("{IDENTITY}/token")),
            var("SPIKE_IDENTITY_BUNDLE_FILE", format!("{IDENTITY}/bundle.pem")),
            var("SPIKE_IDENTITY_AUTHORITY", format!("https://{authority}:8445")),
        ],
    }
}

/// 0440: the pod's group reads, nobody writes.
const MODE: u16 = 0o440;

/// The store's URL, credentials and authority; only the named keys, so that a Secret which also
/// holds a private key keeps it.
pub(super) fn postgres(postgres: &Postgres, credentials: Option<&Credentials>) -> Mounted {
    let mut sources = Vec::new();
    let mut env = Vec::new();
    let mut secret = |name: &str, keys: &[(&str, &str)]| {
        let items: Vec<_> =
            keys.iter().map(|(key, path)| json!({"key": key, "path": path})).collect();
        sources.push(json!({"secret": {"name": name, "items": items}}));
    };
    if let Some(login) = credentials {
        secret(&login.name, &[(login.password_key.as_str(), "password")]);
        // A URL has a user; the kubelet puts it there, before the URL that names it.
        let user = json!({"name": login.name, "key": login.username_key});
        env.push(json!({"name": STORE_USER, "valueFrom": {"secretKeyRef": user}}));
        env.push(var("SPIKE_NEXUS_STORE_PASSWORD_FILE", format!("{STORE}/password")));
    }
    match &postgres.place {
        Place::Url(url) => env.push(var("SPIKE_NEXUS_STORE_URL", with_pool(url, postgres))),
        Place::Secret(at) => {
            secret(&at.name, &[(&at.key, "url")]);
            env.push(var("SPIKE_NEXUS_STORE_URL_FILE", format!("{STORE}/url")));
        }
    }
    if let Some(ca) = &postgres.ca {
        let items = json!([{"key": ca.key, "path": "ca.crt"}]);
        sources.push(match ca.kind {
            CaSource::Secret => json!({"secret": {"name": ca.name, "items": items}}),
            CaSource::ConfigMap => json!({"configMap": {"name": ca.name, "items": items}}),
        });
        env.push(var("SPIKE_NEXUS_STORE_CA_FILE", format!("{STORE}/ca.crt")));
    }
    Mounted {
        volume: json!({"name": "store", "projected": {"defaultMode": MODE, "sources": sources}}),
        mount: mount("store", STORE),
        env,
    }
}

fn with_pool(url: &str, postgres: &Postgres) -> String {
    match postgres.connections {
        None => url.to_owned(),
        Some(connections) => format!("{url}&connections={connections}"),
    }
}
