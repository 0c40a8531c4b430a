//! `SpikeCluster`: one secrets store, as its author writes it.
//!
//! One file per part of the spec. Defaults are those that the API server fills in, so that a
//! manifest means the same where there is none.

mod bootstrap;
mod identity;
mod keeper;
mod logging;
mod nexus;
mod recovery;
mod shamir;
mod store;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use bootstrap::{Bootstrap, BootstrapMode};
pub use identity::{Builtin, Identity, Spire};
pub use keeper::Keeper;
pub use logging::{Level, Logging};
pub use nexus::{Autoscaling, Nexus};
pub use recovery::{Age, Recovery};
pub use shamir::Shamir;
pub use store::{Memory, Plugin, Postgres, S3, Sqlite, Store};

/// What a cluster should be.
#[derive(Clone, Debug, PartialEq, Eq, CustomResource, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "spike.ist",
    version = "v1alpha1",
    kind = "SpikeCluster",
    namespaced,
    shortname = "spike",
    category = "secrets",
    derive = "PartialEq",
    doc = "A highly available secrets store: Nexus replicas, Keepers, a store and identities."
)]
#[serde(rename_all = "camelCase")]
pub struct SpikeClusterSpec {
    /// The SPIFFE trust domain of every part. Immutable.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[a-z0-9._-]+$"))]
    pub trust_domain: String,
    /// Where secrets are kept, encrypted: exactly one kind.
    pub store: Store,
    /// Who proves identities: exactly one kind.
    pub identity: Identity,
    /// How the root key is split.
    #[serde(default)]
    pub shamir: Shamir,
    /// Whether a root key may be made.
    #[serde(default)]
    pub bootstrap: Bootstrap,
    /// The secrets API.
    #[serde(default)]
    pub nexus: Nexus,
    /// The holders of shards.
    #[serde(default)]
    pub keeper: Keeper,
    /// Who keeps recovery shards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// What is logged.
    #[serde(default)]
    pub logging: Logging,
    /// Change nothing, only report.
    #[serde(default)]
    pub paused: bool,
}

#[cfg(test)]
mod tests {
    use kube::CustomResourceExt;

    use super::*;

    #[test]
    fn the_schema_is_one_that_an_api_server_takes() {
        let crd = SpikeCluster::crd();
        assert_eq!(crd.metadata.name.as_deref(), Some("spikeclusters.spike.ist"));
        let text = serde_json::to_string(&crd).expect("JSON");
        for refused in [r#""format":"uint"#, r#""additionalProperties":false"#, r#""$ref""#] {
            assert!(!text.contains(refused), "{refused}");
        }
        assert!(text.contains(r#""default":{"generation":1,"shares":3,"threshold":2}"#), "{text}");
        assert!(text.len() < 64 * 1024);
    }
}
