//! A Keeper's settings, from environment variables.

use std::time::Duration;

use spike_audit::{Sink, Sync};
use spike_core::{Roles, ShareIndex};
use spike_identity::Source;
use spike_runtime::{Env, env::Listen, identity_env};

/// Sets [`Config::listen`].
pub(crate) const LISTEN: &str = "SPIKE_KEEPER_TLS_PORT";

/// Sets [`Config::probes`].
pub(crate) const PROBES: &str = "SPIKE_KEEPER_PROBE_PORT";

/// SPIKE's port.
const TLS_PORT: &str = ":8443";

/// Beside it.
const PROBE_PORT: &str = ":8444";

/// Shorter than Kubernetes' 30 seconds.
const DRAIN: Duration = Duration::from_secs(20);

/// The settings of a Keeper.
#[derive(Debug)]
pub struct Config {
    /// Where Nexus and Bootstrap connect.
    pub listen: Listen,
    /// Where the kubelet and Prometheus ask.
    pub probes: Listen,
    /// Which shard it holds.
    pub index: ShareIndex,
    /// Whom it believes to be what.
    pub roles: Roles,
    /// Who it is.
    pub identity: Source,
    /// Where audit lines go.
    pub audit: Sink,
    /// Its name in audit lines.
    pub replica: String,
    /// How long requests may finish after it was asked to stop.
    pub drain: Duration,
    /// Refuse to run if memory can't be locked.
    pub require_mlock: bool,
}

impl Config {
    /// Reads the settings; what is wrong is in `env` afterwards.
    pub fn read(env: &mut Env) -> Self {
        let index = index(env);
        Self {
            listen: env.listen(LISTEN, TLS_PORT),
            probes: env.listen(PROBES, PROBE_PORT),
            index,
            roles: identity_env::roles(env),
            identity: identity_env::source(env),
            audit: audit(env),
            replica: env.maybe("HOSTNAME").unwrap_or_else(|| format!("keeper-{index}")),
            drain: env.duration("SPIKE_DRAIN", DRAIN),
            require_mlock: env.boolean("SPIKE_REQUIRE_MLOCK", false),
        }
    }

    /// One line for `--check-config`.
    pub fn summary(&self) -> String {
        let Self { listen, probes, index, .. } = self;
        format!("shard {index}, mTLS on {listen}, probes on {probes}")
    }
}

/// `SPIKE_KEEPER_INDEX`, or the pod's ordinal + 1: `spike-keeper-0` holds shard 1.
fn index(env: &mut Env) -> ShareIndex {
    const NAME: &str = "SPIKE_KEEPER_INDEX";
    let from_pod = env.maybe("HOSTNAME").as_deref().and_then(pod_index);
    if !env.has(NAME) && from_pod.is_none() {
        let remedy = "Set it to this Keeper's place in SPIKE_NEXUS_KEEPER_PEERS, from 1.";
        env.refuse(NAME, "not set, and HOSTNAME doesn't end in a pod's ordinal", remedy);
    }
    let default = from_pod.map_or(1, ShareIndex::get).into();
    let number = env.number(NAME, default, 1, u8::MAX.into());
    let index = u8::try_from(number).ok().and_then(ShareIndex::new);
    index.expect("a number from 1 to 255")
}

fn pod_index(hostname: &str) -> Option<ShareIndex> {
    let (_, ordinal) = hostname.rsplit_once('-')?;
    let plain = !ordinal.is_empty() && ordinal.bytes().all(|b| b.is_ascii_digit());
    let ordinal: u8 = ordinal.parse().ok().filter(|_| plain)?;
    ShareIndex::new(ordinal.checked_add(1)?)
}

fn audit(env: &mut Env) -> Sink {
    let syncs = [("group", Sync::Group), ("os", Sync::Os)];
    let sync = env.choice("SPIKE_AUDIT_SYNC", Sync::Group, &syncs);
    let remedy = "Use stdout or file:/var/log/spike/audit.jsonl.";
    let sink = env.parse_with("SPIKE_AUDIT", |raw| Sink::parse(raw, sync), remedy);
    sink.unwrap_or(Sink::Stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<const N: usize>(variables: [(&str, &str); N]) -> Env {
        variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_pods_ordinal_is_its_index_less_one() {
        let mut pod = env([("HOSTNAME", "spike-keeper-2")]);
        assert_eq!(Config::read(&mut pod).index.get(), 3);
        assert!(pod.finish().is_ok());
        let mut told = env([("HOSTNAME", "spike-keeper-2"), ("SPIKE_KEEPER_INDEX", "7")]);
        assert_eq!(Config::read(&mut told).index.get(), 7);
        for hostname in ["laptop", "keeper-", "keeper-x", "keeper-+1", "keeper-255", "7f-9b-ab"] {
            let mut stranger = env([("HOSTNAME", hostname)]);
            Config::read(&mut stranger);
            let text = stranger.finish().expect_err("no ordinal").to_string();
            assert!(text.contains("SPIKE_KEEPER_INDEX: not set"), "{hostname}: {text}");
        }
    }

    #[test]
    fn an_index_outside_of_1_to_255_is_refused() {
        for index in ["0", "256", "-1", "one"] {
            let mut env = env([("SPIKE_KEEPER_INDEX", index)]);
            Config::read(&mut env);
            let text = env.finish().expect_err("not an index").to_string();
            assert!(text.contains("Use a whole number from 1 to 255"), "{text}");
        }
    }

    #[test]
    fn audit_goes_where_it_is_told_and_nowhere_else() {
        let of = |raw| {
            let mut env = env([("SPIKE_KEEPER_INDEX", "1"), ("SPIKE_AUDIT", raw)]);
            let audit = Config::read(&mut env).audit;
            env.finish().map(|()| audit)
        };
        assert_eq!(of("stdout"), Ok(Sink::Stdout));
        let path = "/var/log/a".into();
        assert_eq!(of("file:/var/log/a"), Ok(Sink::File { path, sync: Sync::Group }));
        for wrong in ["store", "file:audit.log", "syslog"] {
            let text = of(wrong).expect_err(wrong).to_string();
            assert!(text.contains("SPIKE_AUDIT=") && text.contains("file:/var/log"), "{text}");
        }
    }
}
