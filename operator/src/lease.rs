//! One operator acts, another waits: leader election by a Lease.
//!
//! [`decide`] is pure. A lease is taken and renewed by a replacement that carries the version it was
//! read at, so that of two that try one fails. Who can't renew in time stops at once: the process
//! ends, and nothing of it acts any more. Even before it notices, as after a long sleep, its
//! [`Reign`] is over, and no write of it leaves.

mod elect;
mod reign;

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

pub use elect::{Election, LeaseError};
pub use reign::Reign;

/// How long a lease holds without being renewed.
pub const HOLDS: Duration = Duration::from_secs(15);

/// Between two renewals.
pub const RENEW: Duration = Duration::from_secs(3);

/// Between two tries of a renewal that failed.
pub const RETRY: Duration = Duration::from_secs(1);

/// A leader that couldn't renew for so long stops, counted from before it asked: well before the
/// lease ends for others, who count from when they saw it.
pub const GIVE_UP: Duration = Duration::from_secs(10);

/// A lease, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Who holds it; nobody if they let it go.
    pub holder: Option<String>,
    /// What its holder last wrote.
    pub renewed_at: Option<Timestamp>,
    /// When we first saw just that, by our own clock, which nobody sets.
    pub seen_at: Instant,
    /// For how long its holder asked.
    pub holds: Duration,
}

/// What to do with a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Write it anew: it is ours.
    Renew,
    /// Write our name: it is nobody's any more.
    Take,
    /// Somebody else's.
    Wait,
}

/// What to do; `now` is our own clock, and so is `seen_at`: another's clock is never compared with.
pub fn decide(lease: Option<&Held>, me: &str, now: Instant) -> Decision {
    let Some(held) = lease else { return Decision::Take };
    match held.holder.as_deref() {
        Some(holder) if holder == me => Decision::Renew,
        None | Some("") => Decision::Take,
        Some(_) => {
            let silent = now.saturating_duration_since(held.seen_at);
            if silent > held.holds { Decision::Take } else { Decision::Wait }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(holder: Option<&str>, seen_at: Instant) -> Held {
        Held {
            holder: holder.map(ToOwned::to_owned),
            renewed_at: Some(Timestamp::UNIX_EPOCH),
            seen_at,
            holds: HOLDS,
        }
    }

    #[test]
    fn nobodys_lease_is_taken_and_our_own_renewed() {
        let now = Instant::now();
        assert_eq!(decide(None, "me", now), Decision::Take);
        assert_eq!(decide(Some(&held(None, now)), "me", now), Decision::Take);
        assert_eq!(decide(Some(&held(Some(""), now)), "me", now), Decision::Take);
        assert_eq!(decide(Some(&held(Some("me"), now)), "me", now), Decision::Renew);
    }

    #[test]
    fn anothers_lease_ends_by_our_own_clock_only() {
        let seen = Instant::now();
        let other = held(Some("other"), seen);
        let after = |seconds| seen + Duration::from_secs(seconds);
        assert_eq!(decide(Some(&other), "me", after(15)), Decision::Wait);
        assert_eq!(decide(Some(&other), "me", after(16)), Decision::Take);
    }

    #[test]
    fn a_leader_gives_up_before_anybody_can_take_over() {
        assert!(GIVE_UP + RENEW < HOLDS);
    }
}
