//! What a Nexus is told by its environment: read once, every problem told at once.

mod audit;
mod quorum;
mod recipients;
mod store;

#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use spike_audit::Sink;
use spike_core::{ClusterId, Quorum, Roles, head::MAX_VERSIONS_LIMIT};
use spike_custodians::Recipients;
use spike_identity::Source;
use spike_runtime::{ConfigErrors, Env, env::Listen, identity_env, logs};
use tracing::level_filters::LevelFilter;
use url::Url;

use crate::{app::Bounds, stores::Place};

/// What a replica is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Keeps secrets and policies; its root key lies with the Keepers.
    Full,
    /// Only encrypts and decrypts; its root key lies with the Keepers.
    Lite,
    /// Keeps everything in this process, the root key included: for trying things out.
    Memory,
}

/// All settings of a Nexus.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the API listens.
    pub listen: Listen,
    /// Where the probes listen.
    pub probes: Listen,
    /// What this replica is for.
    pub mode: Mode,
    /// Which store.
    pub store: Place,
    /// The Keepers by shard index.
    pub keepers: Vec<Url>,
    /// How a root key is to be split.
    pub quorum: Quorum,
    /// Whom recovery shards are encrypted to when the root key is made.
    pub recipients: Recipients,
    /// Counts the wishes for another split.
    pub generation: u64,
    /// How often each Keeper is asked for its status.
    pub update_interval: Duration,
    /// The cluster that the store must belong to.
    pub expected_cluster: Option<ClusterId>,
    /// What use cases are bounded by.
    pub bounds: Bounds,
    /// Where this process's identity comes from.
    pub identity: Source,
    /// Who is who.
    pub roles: Roles,
    /// Where the audit goes.
    pub audit: Sink,
    /// How long requests in flight may take to finish at the end.
    pub drain: Duration,
    /// Refuse to run if keys can't be locked into memory.
    pub require_mlock: bool,
    /// This replica among others.
    pub replica: String,
}

const CLUSTER: &str = "Use the cluster's 32 hex digits, as `spike status` shows them.";

/// Sets [`Config::listen`].
pub(crate) const LISTEN: &str = "SPIKE_NEXUS_TLS_PORT";

/// Sets [`Config::probes`].
pub(crate) const PROBES: &str = "SPIKE_NEXUS_PROBE_PORT";

/// The pod's name tells replicas apart; elsewhere the machine's does.
const DEFAULT_REPLICA: &str = "nexus";

impl Config {
    /// Reads this process's environment.
    pub fn from_process() -> Result<Self, ConfigErrors> {
        Self::read(Env::from_process(), logs::init)
    }

    /// Reads an environment, first of all how much to log.
    pub(crate) fn read(mut env: Env, log: impl FnOnce(LevelFilter)) -> Result<Self, ConfigErrors> {
        let env_ref = &mut env;
        log(logs::level(env_ref));
        let (mode, store) = store::read(env_ref);
        let (keepers, quorum) = quorum::read(env_ref, mode);
        let recipients = recipients::read(env_ref, mode, quorum);
        let config = Self {
            listen: env_ref.listen(LISTEN, ":8553"),
            probes: env_ref.listen(PROBES, ":8554"),
            mode,
            store,
            keepers,
            quorum,
            recipients,
            generation: env_ref.number("SPIKE_NEXUS_SHAMIR_GENERATION", 1, 0, i64::MAX as u64),
            update_interval: update_interval(env_ref),
            expected_cluster: env_ref.parse_maybe("SPIKE_EXPECTED_CLUSTER_ID", CLUSTER),
            bounds: bounds(env_ref),
            identity: identity_env::source(env_ref),
            roles: identity_env::roles(env_ref),
            audit: audit::read(env_ref),
            drain: env_ref.duration("SPIKE_DRAIN", Duration::from_secs(20)),
            require_mlock: env_ref.boolean("SPIKE_REQUIRE_MLOCK", false),
            replica: env_ref.text("HOSTNAME", DEFAULT_REPLICA),
        };
        env.finish()?;
        Ok(config)
    }
}

/// The store alone, for what needs nothing else.
pub(crate) fn store_from_process() -> Result<Place, ConfigErrors> {
    let mut env = Env::from_process();
    logs::init(logs::level(&mut env));
    let (_, place) = store::read(&mut env);
    env.finish()?;
    Ok(place)
}

/// Ten seconds, so that a restarted Keeper is whole again before anyone looks; SPIKE's is five
/// minutes.
fn update_interval(env: &mut Env) -> Duration {
    let name = "SPIKE_NEXUS_KEEPER_UPDATE_INTERVAL";
    let interval = env.duration(name, Duration::from_secs(10));
    if interval < Duration::from_millis(100) {
        env.refuse(name, "too often", "Use 100ms or more, such as 10s.");
    }
    interval
}

/// A ciphertext must fit a request, which is at most a MiB, also as JSON, a third longer: what can
/// be encrypted can be decrypted.
const MOST_PLAINTEXT: u64 = 750 << 10;

fn bounds(env: &mut Env) -> Bounds {
    let most = u64::from(MAX_VERSIONS_LIMIT);
    let versions = env.number("SPIKE_NEXUS_MAX_SECRET_VERSIONS", 10, 1, most);
    let bytes = env.number("SPIKE_NEXUS_CRYPTO_MAX_CIPHERTEXT_SIZE", 65_536, 1, MOST_PLAINTEXT);
    Bounds {
        max_versions: u32::try_from(versions).expect("at most MAX_VERSIONS_LIMIT"),
        max_ciphertext: usize::try_from(bytes).expect("at most a MiB"),
    }
}

/// For `--check-config`: what was understood, without credentials.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.store.kind();
        write!(f, "{:?} mode, {kind} store, listening on {}", self.mode, self.listen)?;
        if self.mode == Mode::Memory {
            return Ok(());
        }
        write!(f, ", {} with {} Keepers", self.quorum, self.keepers.len())?;
        match self.recipients.count() {
            0 => Ok(()),
            custodians => write!(f, ", recovery shards for {custodians} custodians"),
        }
    }
}
