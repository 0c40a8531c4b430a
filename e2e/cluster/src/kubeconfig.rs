//! Kubeconfigs: the one way by which programs, tests and people reach a cluster.

use std::{fs, path::Path};

use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;

use crate::pki::{Authority, User};

/// Writes a kubeconfig for `user` at the API server `server`. JSON is YAML.
pub(crate) fn write(
    path: &Path,
    server: &str,
    authority: &Authority,
    user: User<'_>,
) -> anyhow::Result<()> {
    let issued = authority.client(user)?;
    let encode = |pem: &str| BASE64_STANDARD.encode(pem);
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "spike", "cluster": {
            "server": server,
            "certificate-authority-data": encode(&authority.certificate),
        }}],
        "users": [{ "name": user.name, "user": {
            "client-certificate-data": encode(&issued.certificate),
            "client-key-data": encode(&issued.key),
        }}],
        "contexts": [{ "name": "spike", "context": { "cluster": "spike", "user": user.name }}],
        "current-context": "spike",
    });
    fs::write(path, config.to_string()).with_context(|| format!("write {}", path.display()))
}
