//! One writer per path at a time within this process.
//!
//! This is fairness, not correctness: that no update is lost is the store's compare-and-swap. But
//! forty callers that put to one path would otherwise race each other through forty rounds of it.

use std::hash::{BuildHasher, RandomState};

use spike_core::SecretPath;
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, timeout_at},
};

/// How many lanes there are: so many that two of a few hundred concurrent writers to different
/// paths rarely wait for each other.
const LANES: usize = 1024;

/// The lanes. Memory is bounded: paths share them by a hash that no caller can predict.
#[derive(Debug)]
pub(crate) struct Lanes {
    hasher: RandomState,
    lanes: Vec<Mutex<()>>,
}

impl Default for Lanes {
    fn default() -> Self {
        let lanes = std::iter::repeat_with(Mutex::default).take(LANES).collect();
        Self { hasher: RandomState::new(), lanes }
    }
}

impl Lanes {
    /// Waits for the path's lane, first come first served; `None` if the caller's time is up.
    pub(crate) async fn enter(
        &self,
        path: &SecretPath,
        deadline: Instant,
    ) -> Option<MutexGuard<'_, ()>> {
        let hash = self.hasher.hash_one(path);
        let lane = usize::try_from(hash % LANES as u64).expect("below the number of lanes");
        let lane = self.lanes.get(lane).expect("there are LANES lanes");
        timeout_at(deadline, lane.lock()).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_path_has_one_lane() {
        let lanes = Lanes::default();
        let path: SecretPath = "a/b".parse().expect("valid");
        let now = Instant::now();
        let first = lanes.enter(&path, now).await;
        assert!(first.is_some());
        assert!(lanes.enter(&path, now).await.is_none(), "the lane is taken");
        drop(first);
        assert!(lanes.enter(&path, now).await.is_some());
    }
}
