//! How often one identity may ask: a token bucket each, before anything is audited.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use spike_core::SpiffeId;

/// So many identities have a bucket of their own; the rest share one.
const BUCKETS: usize = 4096;

/// How often one identity may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Sustained requests per second.
    pub per_second: u32,
    /// Requests at once after a pause.
    pub burst: u32,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn refilled(self, rate: Rate, now: Instant) -> Self {
        let gained =
            now.saturating_duration_since(self.at).as_secs_f64() * f64::from(rate.per_second);
        Self { tokens: (self.tokens + gained).min(f64::from(rate.burst)), at: now }
    }
}

/// The buckets of a server. `None` is for callers without an identity, and for the overflow.
#[derive(Debug)]
pub(super) struct Rates {
    rate: Rate,
    buckets: Mutex<HashMap<Option<SpiffeId>, Bucket>>,
}

impl Rates {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, buckets: Mutex::default() }
    }

    /// Takes a token, if there is one.
    pub(super) fn admit(&self, id: Option<&SpiffeId>, now: Instant) -> bool {
        let rate = self.rate;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = id.cloned();
        if buckets.len() >= BUCKETS && !buckets.contains_key(&key) {
            // A full bucket says nothing that a new one wouldn't.
            let full = f64::from(rate.burst);
            buckets.retain(|_, bucket| bucket.refilled(rate, now).tokens < full);
            if buckets.len() >= BUCKETS {
                key = None;
            }
        }
        let new = Bucket { tokens: f64::from(rate.burst), at: now };
        let bucket = buckets.entry(key).or_insert(new);
        *bucket = bucket.refilled(rate, now);
        let admitted = bucket.tokens >= 1.0;
        if admitted {
            bucket.tokens -= 1.0;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const RATE: Rate = Rate { per_second: 10, burst: 3 };

    fn id(n: usize) -> SpiffeId {
        format!("spiffe://spike.ist/w/{n}").parse().expect("valid")
    }

    #[test]
    fn an_identity_over_its_rate_waits_and_others_do_not() {
        let (rates, now) = (Rates::new(RATE), Instant::now());
        let admitted = (0..10).filter(|_| rates.admit(Some(&id(1)), now)).count();
        assert_eq!(admitted, 3, "the burst");
        assert!(rates.admit(Some(&id(2)), now), "another identity has its own");
        assert!(rates.admit(None, now), "so have callers without one");

        let later = now + Duration::from_millis(200);
        let admitted = (0..10).filter(|_| rates.admit(Some(&id(1)), later)).count();
        assert_eq!(admitted, 2, "a fifth of a second's worth");
    }

    #[test]
    fn identities_beyond_the_map_share_one_bucket_until_others_rest() {
        let (rates, now) = (Rates::new(RATE), Instant::now());
        for n in 0..BUCKETS {
            assert!(rates.admit(Some(&id(n)), now));
        }
        let admitted = (0..10).filter(|n| rates.admit(Some(&id(BUCKETS + n)), now)).count();
        assert_eq!(admitted, 3, "they share a burst");
        assert_eq!(rates.buckets.lock().expect("not poisoned").len(), BUCKETS + 1);

        let later = now + Duration::from_secs(1);
        assert!(rates.admit(Some(&id(2 * BUCKETS)), later));
        assert_eq!(rates.buckets.lock().expect("not poisoned").len(), 1, "full ones are dropped");
    }
}
