//! The names of all variables that any Spike program reads.
//!
//! One list for all programs: a Keeper must not warn of a Nexus's variable in a shared manifest.

use std::fmt;

/// The longest edit distance at which another name is suggested.
const NEAR: usize = 3;

/// Variables whose value may hold a credential; never shown. In a list of public keys there may be
/// a secret one by mistake.
const SECRET: &[&str] =
    &["SPIKE_BOOTSTRAP_RECIPIENTS", "SPIKE_NEXUS_STORE_URL", "SPIKE_NEXUS_STORE_PASSWORD"];

pub(super) const KNOWN: &[&str] = &[
    // SPIFFE and SPIKE.
    "SPIFFE_ENDPOINT_SOCKET",
    "SPIKE_KEEPER_TLS_PORT",
    "SPIKE_NEXUS_API_URL",
    "SPIKE_NEXUS_BACKEND_STORE",
    "SPIKE_NEXUS_CRYPTO_MAX_CIPHERTEXT_SIZE",
    "SPIKE_NEXUS_DATA_DIR",
    "SPIKE_NEXUS_KEEPER_PEERS",
    "SPIKE_NEXUS_KEEPER_UPDATE_INTERVAL",
    "SPIKE_NEXUS_MAX_SECRET_VERSIONS",
    "SPIKE_NEXUS_SHAMIR_SHARES",
    "SPIKE_NEXUS_SHAMIR_THRESHOLD",
    "SPIKE_NEXUS_TLS_PORT",
    "SPIKE_PILOT_RECOVERY_DIR",
    "SPIKE_SYSTEM_LOG_LEVEL",
    "SPIKE_TRUST_ROOT_BOOTSTRAP",
    "SPIKE_TRUST_ROOT_KEEPER",
    "SPIKE_TRUST_ROOT_LITE_WORKLOAD",
    "SPIKE_TRUST_ROOT_NEXUS",
    "SPIKE_TRUST_ROOT_PILOT",
    // Ours.
    "SPIKE_AUDIT",
    "SPIKE_AUDIT_SYNC",
    "SPIKE_BOOTSTRAP_ALLOW_THRESHOLD_ONE",
    "SPIKE_BOOTSTRAP_RECIPIENTS",
    "SPIKE_DRAIN",
    "SPIKE_EXPECTED_CLUSTER_ID",
    "SPIKE_AUTHORITY_BUNDLE",
    "SPIKE_AUTHORITY_OPERATOR",
    "SPIKE_AUTHORITY_PORT",
    "SPIKE_AUTHORITY_PROBE_PORT",
    "SPIKE_AUTHORITY_SVID_LIFE",
    "SPIKE_AUTHORITY_TRUST_DOMAIN",
    "SPIKE_IDENTITY",
    "SPIKE_IDENTITY_AUTHORITY",
    "SPIKE_IDENTITY_BUNDLE_FILE",
    "SPIKE_IDENTITY_CERT_FILE",
    "SPIKE_IDENTITY_KEY_FILE",
    "SPIKE_IDENTITY_TOKEN_FILE",
    "SPIKE_INSTANCE",
    "SPIKE_KEEPER_INDEX",
    "SPIKE_KEEPER_PROBE_PORT",
    "SPIKE_NEXUS_PROBE_PORT",
    "SPIKE_NEXUS_SHAMIR_GENERATION",
    "SPIKE_NEXUS_STORE_CA_FILE",
    "SPIKE_NEXUS_STORE_PASSWORD_FILE",
    "SPIKE_NEXUS_STORE_URL",
    "SPIKE_NEXUS_STORE_URL_FILE",
    "SPIKE_OPERATOR_ACCOUNT",
    "SPIKE_OPERATOR_IMAGE",
    "SPIKE_OPERATOR_NAMESPACE",
    "SPIKE_OPERATOR_PROBE_PORT",
    "SPIKE_REQUIRE_MLOCK",
    "SPIKE_TRUST_ROOT_OPERATOR",
    // The pod's name; the Keeper's index comes from its ordinal.
    "HOSTNAME",
];

/// Names that SPIKE or a later version gives a meaning: right, but without effect here.
const PLANNED: &[&str] = &["SPIKE_NEXUS_STORE_PASSWORD", "SPIKE_TRUST_ROOT"];

/// A `SPIKE_*` variable that nothing reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Its name.
    pub name: String,
    /// The known name it resembles.
    pub meant: Option<&'static str>,
    /// The name is right, but this version has no use for it.
    pub planned: bool,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.planned {
            return write!(f, "{} has no effect in this version", self.name);
        }
        write!(f, "nothing reads {}", self.name)?;
        self.meant.map_or(Ok(()), |meant| write!(f, "; did you mean {meant}?"))
    }
}

pub(super) fn is_ours(name: &str) -> bool {
    name.starts_with("SPIKE_") || is_known(name)
}

pub(super) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

pub(super) fn is_secret(name: &str) -> bool {
    SECRET.contains(&name)
}

pub(super) fn unknown(name: &str, value: &str) -> Option<Unknown> {
    if !name.starts_with("SPIKE_") || is_known(name) || is_service_link(name, value) {
        return None;
    }
    let planned = PLANNED.contains(&name);
    let near = KNOWN.iter().map(|known| (distance(name, known), *known)).min();
    let meant = near.filter(|(far, _)| *far <= NEAR && !planned).map(|(_, known)| known);
    Some(Unknown { name: name.to_owned(), meant, planned })
}

/// What the kubelet sets for every Service of a namespace, such as `SPIKE_NEXUS_SERVICE_HOST`.
fn is_service_link(name: &str, value: &str) -> bool {
    name.contains("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_PORT_") && (name.contains("_TCP") || name.contains("_UDP"))
        || name.ends_with("_PORT") && (value.starts_with("tcp://") || value.starts_with("udp://"))
}

/// Levenshtein's edit distance, in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            left = (diagonal + usize::from(x != y)).min(left + 1).min(*cell + 1);
            diagonal = std::mem::replace(cell, left);
        }
    }
    row.last().copied().unwrap_or(a.len())
}
