//! Keeps a caller that hammers on a closed door from filling the log. Pure: time comes in.

use std::{collections::HashMap, mem};

use jiff::{SignedDuration, Timestamp};
use spike_core::SpiffeId;

/// The window in which denials of one identity are counted.
const WINDOW: SignedDuration = SignedDuration::from_secs(1);

/// Identities that are told apart within a window; further ones are counted together, so that a
/// flood of made-up names costs no memory.
const MAX_IDENTITIES: usize = 1024;

/// Decides, per identity and second, which denials are written and which are only counted.
#[derive(Debug)]
pub struct Denials {
    per_window: u32,
    windows: HashMap<Option<SpiffeId>, Window>,
    others: u64,
    due: Vec<Counted>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    opened: Timestamp,
    written: u32,
    counted: u64,
}

/// Denials that were counted instead of written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Whose; `None` for callers without an identity and for those beyond the limit.
    pub principal: Option<SpiffeId>,
    /// How many.
    pub count: u64,
}

impl Denials {
    /// Lets `per_window` denials of one identity through in each second.
    pub fn new(per_window: u32) -> Self {
        Self { per_window, windows: HashMap::new(), others: 0, due: Vec::new() }
    }

    /// True if this denial gets its own line; otherwise it is counted.
    pub fn admits(&mut self, principal: Option<&SpiffeId>, now: Timestamp) -> bool {
        let key = principal.cloned();
        if self.windows.len() >= MAX_IDENTITIES && !self.windows.contains_key(&key) {
            self.others += 1;
            return false;
        }
        let fresh = Window { opened: now, written: 0, counted: 0 };
        let window = self.windows.entry(key).or_insert(fresh);
        if now.duration_since(window.opened) >= WINDOW {
            let ended = mem::replace(window, fresh);
            self.due.extend(ended.into_counted(principal.cloned()));
        }
        if window.written < self.per_window {
            window.written += 1;
            return true;
        }
        window.counted += 1;
        false
    }

    /// Takes what was counted in windows that have ended.
    pub fn take_ended(&mut self, now: Timestamp) -> Vec<Counted> {
        let ended = |window: &Window| now.duration_since(window.opened) >= WINDOW;
        let windows = self.windows.extract_if(|_, window| ended(window));
        self.due.extend(windows.filter_map(|(who, window)| window.into_counted(who)));
        self.take_due()
    }

    /// Takes everything that was counted: the log closes.
    pub fn take_all(&mut self) -> Vec<Counted> {
        let windows = self.windows.drain();
        self.due.extend(windows.filter_map(|(who, window)| window.into_counted(who)));
        self.take_due()
    }

    fn take_due(&mut self) -> Vec<Counted> {
        let others = mem::take(&mut self.others);
        if others > 0 {
            self.due.push(Counted { principal: None, count: others });
        }
        mem::take(&mut self.due)
    }
}

impl Window {
    fn into_counted(self, principal: Option<SpiffeId>) -> Option<Counted> {
        (self.counted > 0).then_some(Counted { principal, count: self.counted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).expect("in range")
    }

    fn id(n: usize) -> SpiffeId {
        format!("spiffe://spike.ist/w/{n}").parse().expect("valid")
    }

    #[test]
    fn beyond_the_limit_one_identity_is_counted_and_another_is_written() {
        let mut denials = Denials::new(2);
        let written = (0..10).filter(|_| denials.admits(Some(&id(1)), at(0))).count();
        assert_eq!(written, 2);
        assert!(denials.admits(Some(&id(2)), at(1)));
        assert_eq!(denials.take_ended(at(999)), []);
        let counted = Counted { principal: Some(id(1)), count: 8 };
        assert_eq!(denials.take_ended(at(1001)), [counted]);
        assert_eq!(denials.take_ended(at(5000)), [], "told once");
    }

    #[test]
    fn a_new_second_writes_again_and_the_old_count_is_not_lost() {
        let mut denials = Denials::new(1);
        assert!(denials.admits(None, at(0)));
        assert!(!denials.admits(None, at(10)));
        assert!(denials.admits(None, at(1500)));
        assert_eq!(denials.take_all(), [Counted { principal: None, count: 1 }]);
    }

    #[test]
    fn a_flood_of_names_is_counted_together() {
        let mut denials = Denials::new(1);
        let written = (0..5000).filter(|&n| denials.admits(Some(&id(n)), at(0))).count();
        assert_eq!(written, MAX_IDENTITIES);
        let others = 5000 - MAX_IDENTITIES as u64;
        assert_eq!(denials.take_all(), [Counted { principal: None, count: others }]);
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost(calls in proptest::collection::vec((0usize..3, 0i64..400), 0..200)) {
            let (mut denials, mut now, mut seen) = (Denials::new(2), 0, 0);
            for (who, wait) in &calls {
                now += wait;
                seen += u64::from(denials.admits(Some(&id(*who)), at(now)));
                if wait % 7 == 0 {
                    seen += denials.take_ended(at(now)).iter().map(|c| c.count).sum::<u64>();
                }
            }
            seen += denials.take_all().iter().map(|c| c.count).sum::<u64>();
            proptest::prop_assert_eq!(seen, calls.len() as u64);
        }
    }
}
