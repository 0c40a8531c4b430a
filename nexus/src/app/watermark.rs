//! The highest policy counter that is known to have been: a store that shows a lower one was
//! rolled back.

use tokio::sync::watch;

/// Shared between whoever learns of counters (writes, the policies' memo, the manifest, the Keepers'
/// witness) and whoever compares or passes them on. It only rises.
#[derive(Clone, Debug, Default)]
pub struct Watermark(watch::Sender<u64>);

impl Watermark {
    /// The highest counter so far; 0 if none is known.
    pub fn get(&self) -> u64 {
        *self.0.borrow()
    }

    /// Learns of a counter that was **verified**: an unverified one would let the store lock us out.
    pub fn raise(&self, counter: u64) {
        self.0.send_if_modified(|mark| {
            let rises = counter > *mark;
            *mark = counter.max(*mark);
            rises
        });
    }

    /// Returns once it is higher than `counter`.
    pub(crate) async fn above(&self, counter: u64) {
        let risen = self.0.subscribe().wait_for(|mark| *mark > counter).await.is_ok();
        debug_assert!(risen, "the sender is ours");
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
