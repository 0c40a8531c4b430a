//! Who may reach the pods, and what they may reach.

use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who may reach the pods, and what they may reach.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicy {
    /// `Strict`: only what a cluster needs is let through, as docs/production.md lists it. `None`: someone
    /// else writes policies.
    #[serde(default)]
    pub mode: NetworkPolicyMode,
    /// Networks that Nexus and its Jobs may reach on any port, besides what they always may: DNS and the
    /// store's port on any host (with `urlRef` every port), Keepers and the authority of this cluster. It
    /// takes nothing away.
    #[schemars(
        length(max = 32),
        inner(length(max = 43), regex(pattern = r"^[0-9a-fA-F.:]+/[0-9]{1,3}$"))
    )]
    #[serde(default, rename = "egressCIDRs", skip_serializing_if = "Vec::is_empty")]
    pub egress_cidrs: Vec<String>,
    /// Who may reach Nexus besides the pods of this namespace.
    #[schemars(length(max = 32))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_ingress: Vec<NetworkPolicyPeer>,
}

/// Whether there are policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NetworkPolicyMode {
    /// Only what a cluster needs is let through.
    #[default]
    Strict,
    /// There are none: someone else writes them.
    None,
}
