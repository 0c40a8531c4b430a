//! What an authority is told by its environment.

use std::time::Duration;

use spike_core::Instance;
use spike_runtime::{Env, env::Listen};

/// The shortest life of an SVID: below it, half a life is no time to renew in.
const SHORTEST_LIFE: Duration = Duration::from_secs(10);

/// Sets [`Config::listen`].
pub(super) const LISTEN: &str = "SPIKE_AUTHORITY_PORT";

/// Sets [`Config::probes`].
pub(super) const PROBES: &str = "SPIKE_AUTHORITY_PROBE_PORT";

/// All settings of an authority.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens.
    pub listen: Listen,
    /// Where its probes listen.
    pub probes: Listen,
    /// Which cluster it is for.
    pub instance: Instance,
    /// The trust domain that it vouches for.
    pub trust_domain: String,
    /// `<namespace>/<account>` of the operator.
    pub operator: Instance,
    /// The `ConfigMap` with the roots.
    pub bundle: String,
    /// How long a workload's SVID lives.
    pub svid_life: Duration,
}

impl Config {
    /// Reads an environment.
    pub fn read(env: &mut Env) -> Self {
        let needed = |env: &mut Env, name: &'static str, remedy: &str| {
            let found = env.parse_maybe::<Instance>(name, remedy);
            if found.is_none() && !env.is_refused(name) {
                env.refuse(name, "not set", remedy);
            }
            found.unwrap_or_else(|| "unset/unset".parse().expect("an instance"))
        };
        let instance = needed(env, "SPIKE_INSTANCE", "Use namespace/name of the SpikeCluster.");
        let operator = needed(env, "SPIKE_AUTHORITY_OPERATOR", "Use spike-system/spike-operator.");
        let domain = "SPIKE_AUTHORITY_TRUST_DOMAIN";
        let trust_domain = env.text(domain, "");
        if format!("spiffe://{trust_domain}/x").parse::<spike_core::SpiffeId>().is_err() {
            env.refuse(domain, "not a trust domain", "Use example.org, without spiffe://.");
        }
        let name = "SPIKE_AUTHORITY_SVID_LIFE";
        let svid_life = env.duration(name, Duration::from_hours(1));
        if svid_life < SHORTEST_LIFE {
            env.refuse(name, "too short to renew in", "Use 10s or more, such as 1h.");
        }
        Self {
            listen: env.listen(LISTEN, ":8445"),
            probes: env.listen(PROBES, ":8446"),
            instance,
            trust_domain,
            operator,
            bundle: env.text("SPIKE_AUTHORITY_BUNDLE", crate::names::AUTHORITY_BUNDLE),
            svid_life,
        }
    }
}
