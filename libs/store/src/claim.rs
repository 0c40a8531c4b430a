//! Writes that wait in a line: whether one happens is decided once, by its caller or its writer.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use crate::{Result, StoreError};

/// Whoever takes it first decides: the writer that the write happens, its caller that it doesn't.
#[derive(Clone, Debug, Default)]
pub struct Claim(Arc<AtomicBool>);

impl Claim {
    /// True for the one who takes it first.
    pub fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// True once somebody has.
    pub fn is_taken(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Waits for the result of a write until the deadline.
    ///
    /// One that nobody has begun by then never happens. Dropping the future doesn't withdraw it.
    pub async fn wait<T>(
        self,
        deadline: Instant,
        result: oneshot::Receiver<Result<T>>,
    ) -> Result<T> {
        match timeout_at(deadline, result).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) if self.take() => Err(closed()),
            Err(_) if self.take() => Err(StoreError::late()),
            Ok(Err(_)) | Err(_) => Err(StoreError::Ambiguous { source: None }),
        }
    }
}

/// Nothing happened, nor will it.
pub fn closed() -> StoreError {
    let class = "the store is closed";
    let (reason, class) = (class.to_owned(), class.into());
    StoreError::Unavailable { class, reason, retryable: false, cause: None }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn what_nobody_began_by_its_deadline_never_happens() {
        let (_writer, result) = oneshot::channel::<Result<()>>();
        let claim = Claim::default();
        let late = claim.clone().wait(Instant::now() + SOON, result).await;
        assert!(matches!(late, Err(StoreError::Unavailable { retryable: true, .. })), "{late:?}");
        assert!(!claim.take(), "its writer comes too late");
    }

    #[tokio::test]
    async fn what_was_begun_by_its_deadline_is_ambiguous() {
        let (_writer, result) = oneshot::channel::<Result<()>>();
        let claim = Claim::default();
        assert!(claim.take());
        let late = claim.wait(Instant::now() + SOON, result).await;
        assert!(matches!(late, Err(StoreError::Ambiguous { .. })), "{late:?}");
    }

    #[tokio::test]
    async fn a_writer_that_ends_leaves_no_doubt_about_what_it_did_not_begin() {
        for (begun, wanted) in [(false, "the store is unavailable"), (true, "did not say")] {
            let (writer, result) = oneshot::channel::<Result<()>>();
            let claim = Claim::default();
            assert!(!begun || claim.take());
            drop(writer);
            let ended = claim.wait(Instant::now() + Duration::from_mins(1), result).await;
            let said = ended.expect_err("no result").to_string();
            assert!(said.contains(wanted), "{said}");
        }
    }
}
