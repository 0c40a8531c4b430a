//! One writer per path at a time within this process.
//!
//! This is fairness, not correctness: that no update is lost is the store's compare-and-swap. But
//! forty callers that put to one path would otherwise race each other through forty rounds of it.

use std::hash::{BuildHasher, RandomState};

use spike_core::SecretPath;
use tokio::sync::{Mutex, MutexGuard};

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
    /// Waits for the path's lane, first come first served.
    pub(crate) async fn enter(&self, path: &SecretPath) -> MutexGuard<'_, ()> {
        let hash = self.hasher.hash_one(path);
        let lane = usize::try_from(hash % LANES as u64).expect("below the number of lanes");
        self.lanes.get(lane).expect("there are LANES lanes").lock().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_path_has_one_lane() {
        let lanes = Lanes::default();
        let path: SecretPath = "a/b".parse().expect("valid");
        let first = lanes.enter(&path).await;
        let second = tokio::time::timeout(std::time::Duration::ZERO, lanes.enter(&path)).await;
        assert!(second.is_err(), "the lane is taken");
        drop(first);
        drop(lanes.enter(&path).await);
    }
}
