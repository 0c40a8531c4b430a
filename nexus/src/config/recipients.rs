//! Whom recovery shards are encrypted to when the root key is made.

use spike_core::Quorum;
use spike_custodians::{Recipients, entries};
use spike_runtime::Env;

use super::Mode;

const RECIPIENTS: &str = "SPIKE_BOOTSTRAP_RECIPIENTS";

/// The custodians; none if nothing is said.
pub(super) fn read(env: &mut Env, mode: Mode, quorum: Quorum) -> Recipients {
    let Some(list) = env.maybe(RECIPIENTS) else { return Recipients::default() };
    if mode == Mode::Memory {
        // Refused rather than ignored: whoever sets it counts on shards.
        let remedy = format!("Unset {RECIPIENTS}, or use another store.");
        env.refuse(RECIPIENTS, "memory mode has no recovery shards", remedy);
        return Recipients::default();
    }
    Recipients::parse(entries(&list), quorum.threshold()).unwrap_or_else(|problems| {
        let remedy = "List one age public key (age1…) per custodian, at least \
                      SPIKE_NEXUS_SHAMIR_THRESHOLD of them, between commas or line breaks.";
        for problem in problems {
            env.refuse(RECIPIENTS, problem, remedy);
        }
        Recipients::default()
    })
}
