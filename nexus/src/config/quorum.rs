//! How a root key is split, and who holds the shards.

use spike_core::Quorum;
use spike_runtime::Env;
use url::Url;

use super::Mode;

const PEERS: &str = "SPIKE_NEXUS_KEEPER_PEERS";
const THRESHOLD: &str = "SPIKE_NEXUS_SHAMIR_THRESHOLD";

/// The Keepers by shard index, and the split.
///
/// Fewer Keepers than shards can never work: said here, not minutes later.
pub(super) fn read(env: &mut Env, mode: Mode) -> (Vec<Url>, Quorum) {
    let peers = env.urls(PEERS);
    let shares = env.number("SPIKE_NEXUS_SHAMIR_SHARES", 3, 1, 255);
    let threshold = env.number(THRESHOLD, 2, 1, 255);
    let quorum = Quorum::new(shares, threshold).unwrap_or_else(|error| {
        env.refuse(THRESHOLD, error, "Use a threshold of at most SPIKE_NEXUS_SHAMIR_SHARES.");
        Quorum::new(3, 2).expect("2 of 3 is a quorum")
    });
    let lonely = threshold == 1 && mode != Mode::Memory;
    if lonely && !env.boolean("SPIKE_BOOTSTRAP_ALLOW_THRESHOLD_ONE", false) {
        let remedy = "Use at least 2, or set SPIKE_BOOTSTRAP_ALLOW_THRESHOLD_ONE=1.";
        env.refuse(THRESHOLD, "with 1, every Keeper alone holds the root key", remedy);
    }
    // A list that can't be read is one problem, not two.
    let read = !env.is_refused(PEERS);
    if read && mode != Mode::Memory && (peers.len() as u64) < shares {
        let problem = format!("{} Keepers for {shares} shards", peers.len());
        let remedy = "List one https URL per shard, in the order of the shards, or lower \
                      SPIKE_NEXUS_SHAMIR_SHARES.";
        env.refuse(PEERS, problem, remedy);
    }
    (peers, quorum)
}
