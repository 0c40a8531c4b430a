//! The highest policy counter that is known to have been: a store that shows a lower one was
//! rolled back.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Shared between whoever learns of counters (the policies' memo, the Keepers' witness) and whoever
/// compares. It only rises.
#[derive(Clone, Debug, Default)]
pub struct Watermark(Arc<AtomicU64>);

impl Watermark {
    /// The highest counter so far; 0 if none is known.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Learns of a counter that was **verified**: an unverified one would let the store lock us out.
    pub fn raise(&self, counter: u64) {
        self.0.fetch_max(counter, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_only_rises() {
        let mark = Watermark::default();
        let same = mark.clone();
        mark.raise(7);
        same.raise(3);
        assert_eq!((mark.get(), same.get()), (7, 7));
    }
}
