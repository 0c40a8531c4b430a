//! What several Nexus say of the key ring, as one view.

use spike_core::wire::v2::status::{Keys, Status};

use super::Live;
use crate::plan::{Ring, RingLook};

/// The codes by which a sealed Nexus says that there is no active ring.
const ABSENT: [&str; 2] = ["not_bootstrapped", "bootstrap_underway"];

/// The codes by which it says that there is one, which it can't open.
const SEALED: [&str; 5] =
    ["not_enough_keepers", "shard_refused", "ring_forged", "store_rolled_back", "keepers_missing"];

/// The code by which a Nexus that has the root key says that the store has no ring any more.
const LOST: &str = "store_lost_ring";

/// The ring, and whether one was ever seen.
pub(super) struct View {
    pub(super) look: RingLook,
    pub(super) was_seen: bool,
}

pub(super) fn view(live: &Live) -> View {
    if is_lost(&live.statuses) {
        return View { look: RingLook::Absent, was_seen: true };
    }
    let look = look(live);
    let seen_now = matches!(look, RingLook::Open(_) | RingLook::Sealed { .. });
    View { was_seen: seen_now || live.known.cluster_id.is_some(), look }
}

/// The ring of the newest revision that anybody has open.
pub(crate) fn newest(statuses: &[(String, Status)]) -> Option<(&Status, &Keys)> {
    let open = statuses.iter().filter_map(|(_, status)| Some((status, status.keys.as_ref()?)));
    open.max_by_key(|(_, keys)| keys.revision)
}

fn is_lost(statuses: &[(String, Status)]) -> bool {
    let keyed = statuses.iter().filter(|(_, status)| status.keys.is_some());
    keyed.flat_map(|(_, status)| &status.reasons).any(|reason| reason.code == LOST)
}

fn look(live: &Live) -> RingLook {
    if let Some((status, keys)) = newest(&live.statuses) {
        let id = status.cluster_id.map(|id| id.to_string());
        if live.known.cluster_id.is_some() && id != live.known.cluster_id {
            return RingLook::Foreign;
        }
        return RingLook::Open(Ring {
            shares: keys.shares,
            threshold: keys.threshold,
            generation: keys.generation,
            pending: keys.pending.as_ref().map(|set| set.shares),
            previous: keys.previous.as_ref().map(|set| set.shares),
        });
    }
    let codes: Vec<_> = live
        .statuses
        .iter()
        .flat_map(|(_, status)| status.reasons.iter().map(|reason| reason.code.as_str()))
        .collect();
    let says = |wanted: &[&str]| codes.iter().any(|code| wanted.contains(code));
    if says(&["wrong_cluster", "wrong_instance"]) {
        return RingLook::Foreign;
    }
    if says(&SEALED) {
        return RingLook::Sealed { short: says(&["not_enough_keepers"]) };
    }
    if says(&ABSENT) {
        return RingLook::Absent;
    }
    let reasons = live.statuses.iter().flat_map(|(_, status)| &status.reasons);
    let why = reasons.map(|reason| reason.message.clone()).next();
    RingLook::Unknown(why.unwrap_or_else(|| live.silence.clone()))
}
