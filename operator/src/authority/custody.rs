//! Where roots are kept: a Secret for their keys, a `ConfigMap` for everybody.
//!
//! The operator made both, empty. A change is one compare-and-swap on the Secret's version.

use std::collections::BTreeMap;

use k8s_openapi::{
    ByteString,
    api::core::v1::{ConfigMap, Secret},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::Roots;
use crate::names::{AUTHORITY_SECRET, annotation};

/// The Secret's key.
const ROOTS: &str = "roots.json";

/// The `ConfigMap`'s key.
const BUNDLE: &str = "bundle.pem";

/// Who we are to server-side apply.
const MANAGER: &str = "spike-authority";

/// The roots, and the version of the Secret that they were read from.
#[derive(Debug)]
pub struct Kept {
    /// What is in it.
    pub roots: Roots,
    secret: Secret,
}

/// Why roots can't be had or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeptError {
    /// Another replica was faster: read again.
    #[error("another replica changed the roots")]
    Raced,
    /// The Secret is gone. The operator was asked for another one.
    #[error("Secret {AUTHORITY_SECRET} is gone: the operator makes it again")]
    Gone,
    /// The Secret holds something else.
    #[error("Secret {AUTHORITY_SECRET} holds no roots: delete it, and new ones are made")]
    Unreadable(#[source] serde_json::Error),
    /// The Kubernetes API failed.
    #[error("the Kubernetes API: {0}")]
    Kubernetes(#[from] kube::Error),
}

/// Reads and writes.
#[derive(Clone)]
pub struct Custody {
    secrets: Api<Secret>,
    maps: Api<ConfigMap>,
    bundle: String,
}

impl Custody {
    /// In a namespace; `bundle` names the `ConfigMap`.
    pub fn new(client: &Client, namespace: &str, bundle: &str) -> Self {
        Self {
            secrets: Api::namespaced(client.clone(), namespace),
            maps: Api::namespaced(client.clone(), namespace),
            bundle: bundle.to_owned(),
        }
    }

    /// What is kept.
    pub async fn read(&self) -> Result<Kept, KeptError> {
        let Some(secret) = self.secrets.get_opt(AUTHORITY_SECRET).await? else {
            self.ask_for_a_secret().await?;
            return Err(KeptError::Gone);
        };
        let text = secret.data.as_ref().and_then(|data| data.get(ROOTS));
        let roots = text.map_or(Ok(Roots::default()), |text| serde_json::from_slice(&text.0));
        Ok(Kept { roots: roots.map_err(KeptError::Unreadable)?, secret })
    }

    /// The operator may make the Secret, and look for none: it does so with whatever it puts right. So
    /// something is made wrong that is the operator's own, and nobody else's to read.
    async fn ask_for_a_secret(&self) -> Result<(), KeptError> {
        let ask = json!({"metadata": {"annotations": {annotation::APPLIED: "the Secret is gone"}}});
        self.maps.patch(&self.bundle, &PatchParams::default(), &Patch::Merge(ask)).await?;
        Ok(())
    }

    /// Replaces what was read, unless somebody else did.
    pub async fn write(&self, read: &Kept, roots: &Roots) -> Result<(), KeptError> {
        let mut secret = read.secret.clone();
        let text = serde_json::to_vec(roots).expect("our own types are JSON");
        secret.data = Some(BTreeMap::from([(ROOTS.to_owned(), ByteString(text))]));
        match self.secrets.replace(AUTHORITY_SECRET, &PostParams::default(), &secret).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(why)) if why.code == 409 => Err(KeptError::Raced),
            Err(why) => Err(why.into()),
        }
    }

    /// True if everybody who looks finds these roots; if not, they do from now on.
    pub async fn publish(&self, roots: &Roots) -> Result<bool, KeptError> {
        let wanted = roots.bundle();
        let present = self.maps.get(&self.bundle).await?;
        let shown = present.data.as_ref().and_then(|data| data.get(BUNDLE));
        if shown == Some(&wanted) {
            return Ok(true);
        }
        let patch = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": self.bundle},
            "data": {BUNDLE: wanted},
        });
        let params = PatchParams::apply(MANAGER).force();
        self.maps.patch(&self.bundle, &params, &Patch::Apply(patch)).await?;
        Ok(false)
    }
}
