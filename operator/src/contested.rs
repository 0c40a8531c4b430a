//! Writes that somebody undoes each time, as an admission webhook or another manager does.
//!
//! Nobody wins such a fight, and each round is a write and a look at everything. So what is applied and
//! isn't so afterwards is applied ever more slowly, and people are told which field it is about.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{error::pause, names::Names, plan::Step};

/// So often in a row a step may be needed: a hand that was quicker, a field that a write brings along.
const AT_ONCE: u32 = 3;

/// What was applied last of each cluster, how often in a row, and until when it isn't again.
#[derive(Debug, Default)]
pub(crate) struct Contested(Mutex<HashMap<Names, Round>>);

#[derive(Debug)]
struct Round {
    step: Step,
    times: u32,
    until: Instant,
}

/// A step that is to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// How often in a row it was done.
    pub(crate) times: u32,
    /// For how long.
    pub(crate) rest: Duration,
}

impl Contested {
    /// Whether a step is to wait. Another one than before ends the fight.
    pub(crate) fn held(&self, names: &Names, step: &Step, now: Instant) -> Option<Held> {
        let mut rounds = self.rounds();
        let round = rounds.get(names)?;
        if round.step != *step {
            rounds.remove(names);
            return None;
        }
        let rest = round.until.saturating_duration_since(now);
        (!rest.is_zero()).then_some(Held { times: round.times, rest })
    }

    /// A step was done; `random` is in 0..1.
    pub(crate) fn done(&self, names: &Names, step: &Step, now: Instant, random: f64) {
        if !applies(step) {
            return;
        }
        let mut rounds = self.rounds();
        let fresh = || Round { step: step.clone(), times: 0, until: now };
        let round = rounds.entry(names.clone()).or_insert_with(fresh);
        round.times = round.times.saturating_add(1);
        if let Some(more) = round.times.checked_sub(AT_ONCE) {
            round.until = now + pause(more, random);
        }
    }

    /// The cluster is gone.
    pub(crate) fn forget(&self, names: &Names) {
        self.rounds().remove(names);
    }

    fn rounds(&self) -> MutexGuard<'_, HashMap<Names, Round>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Steps after which an object is as it should be; the others name what they do it to, or ask for something
/// that takes its time.
fn applies(step: &Step) -> bool {
    matches!(step, Step::ApplyBase | Step::ApplyKeepers { .. } | Step::ApplyNexus { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Step = Step::ApplyNexus { peers: 3 };

    fn names() -> Names {
        Names { namespace: "team".to_owned(), cluster: "demo".to_owned() }
    }

    /// After a step was done so often.
    fn done(times: u32, now: Instant) -> Contested {
        let contested = Contested::default();
        for _ in 0..times {
            contested.done(&names(), &STEP, now, 1.0);
        }
        contested
    }

    #[test]
    fn what_is_undone_each_time_is_applied_ever_more_slowly() {
        let now = Instant::now();
        let rest = |times| done(times, now).held(&names(), &STEP, now).map(|held| held.rest);
        assert_eq!([rest(1), rest(2)], [None, None], "a few times are nothing");
        assert_eq!(rest(3), Some(Duration::from_secs(1)));
        assert_eq!(rest(5), Some(Duration::from_secs(4)));
        assert_eq!(rest(1000), Some(Duration::from_mins(2)));
        let contested = done(3, now);
        assert_eq!(contested.held(&names(), &STEP, now + Duration::from_secs(1)), None, "again");
    }

    #[test]
    fn another_step_ends_it() {
        let now = Instant::now();
        for other in [Step::Idle, Step::ApplyNexus { peers: 5 }] {
            let contested = done(9, now);
            assert_eq!(contested.held(&names(), &other, now), None);
            assert_eq!(contested.held(&names(), &STEP, now), None, "{other:?}");
        }
    }

    #[test]
    fn what_takes_its_time_is_no_fight() {
        let (now, contested) = (Instant::now(), Contested::default());
        let step = Step::Delete(crate::plan::Stage::Rest);
        for _ in 0..9 {
            contested.done(&names(), &step, now, 1.0);
        }
        assert_eq!(contested.held(&names(), &step, now), None);
    }
}
