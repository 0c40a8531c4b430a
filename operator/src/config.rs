//! What the operator is told by its environment.

use std::process;

use jiff::Timestamp;
use spike_identity::Source;
use spike_runtime::{Env, env::Listen, identity_env};

use crate::{build::Site, names::MANAGER};

/// Sets [`Config::probes`].
pub(crate) const PROBES: &str = "SPIKE_OPERATOR_PROBE_PORT";

/// All settings of the operator.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where its probes listen.
    pub probes: Listen,
    /// What it is.
    pub site: Site,
    /// Where its own identity comes from, in a cluster with SPIRE.
    pub identity: Option<Source>,
    /// This replica among others.
    pub replica: String,
}

impl Config {
    /// Reads an environment.
    pub fn read(env: &mut Env) -> Self {
        let image = "SPIKE_OPERATOR_IMAGE";
        if env.text(image, "").is_empty() {
            env.refuse(image, "not set", "Name the operator's own image: clusters run it too.");
        }
        let spire = env.has("SPIKE_IDENTITY") || env.has("SPIFFE_ENDPOINT_SOCKET");
        Self {
            probes: env.listen(PROBES, ":8080"),
            site: Site {
                namespace: env.text("SPIKE_OPERATOR_NAMESPACE", "spike-system"),
                account: env.text("SPIKE_OPERATOR_ACCOUNT", "spike-operator"),
                image: env.text(image, ""),
            },
            identity: spire.then(|| identity_env::source(env)),
            replica: env.text("HOSTNAME", &unnamed()),
        }
    }
}

/// A name that no other replica has, where nobody gives one: two of one name would both believe to lead.
fn unnamed() -> String {
    format!("{MANAGER}-{}-{:x}", process::id(), Timestamp::now().as_nanosecond())
}
