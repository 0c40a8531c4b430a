//! One operator acts, another waits: leader election by a Lease.
//!
//! [`decide`] is pure. A lease is taken and renewed by a replacement that carries the version it was
//! read at, so that of two that try one fails. Who can't renew in time stops at once: the process
//! ends, and nothing of it acts any more.

mod elect;

use std::time::Duration;

use jiff::Timestamp;

pub use elect::{Election, LeaseError};

/// How long a lease holds without being renewed.
pub const HOLDS: Duration = Duration::from_secs(15);

/// Between two renewals.
pub const RENEW: Duration = Duration::from_secs(3);

/// A leader that couldn't renew for so long stops: well before the lease ends for others, whose
/// clocks may be ahead.
pub const GIVE_UP: Duration = Duration::from_secs(10);

/// A lease, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Who holds it; nobody if they let it go.
    pub holder: Option<String>,
    /// What its holder last wrote.
    pub renewed_at: Option<Timestamp>,
    /// When we first saw just that, by our own clock.
    pub seen_at: Timestamp,
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
pub fn decide(lease: Option<&Held>, me: &str, now: Timestamp) -> Decision {
    let Some(held) = lease else { return Decision::Take };
    match held.holder.as_deref() {
        Some(holder) if holder == me => Decision::Renew,
        None | Some("") => Decision::Take,
        Some(_) => {
            let silent = Duration::try_from(held.seen_at.duration_until(now)).unwrap_or_default();
            if silent > held.holds { Decision::Take } else { Decision::Wait }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + seconds).expect("a time")
    }

    fn held(holder: Option<&str>) -> Held {
        Held {
            holder: holder.map(ToOwned::to_owned),
            renewed_at: Some(at(-1_000_000)),
            seen_at: at(0),
            holds: HOLDS,
        }
    }

    #[test]
    fn nobodys_lease_is_taken_and_our_own_renewed() {
        assert_eq!(decide(None, "me", at(0)), Decision::Take);
        assert_eq!(decide(Some(&held(None)), "me", at(0)), Decision::Take);
        assert_eq!(decide(Some(&held(Some(""))), "me", at(0)), Decision::Take);
        assert_eq!(decide(Some(&held(Some("me"))), "me", at(9999)), Decision::Renew);
    }

    #[test]
    fn anothers_lease_ends_by_our_own_clock_only() {
        let other = held(Some("other"));
        assert_eq!(decide(Some(&other), "me", at(15)), Decision::Wait);
        assert_eq!(decide(Some(&other), "me", at(16)), Decision::Take);
        assert_eq!(decide(Some(&other), "me", at(-500)), Decision::Wait, "a clock that went back");
    }

    #[test]
    fn a_leader_gives_up_before_anybody_can_take_over() {
        assert!(GIVE_UP + RENEW < HOLDS);
    }
}
