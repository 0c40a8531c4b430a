//! Waiting for what a cluster does in its own time.

use tokio::time::{Instant, sleep};

use crate::process::{LOOK, PATIENCE};

/// Asks until the answer is yes.
///
/// # Panics
///
/// After three minutes, with `what`.
pub async fn until(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !ask().await {
        assert!(Instant::now() < end, "waited {PATIENCE:?} until {what}");
        sleep(LOOK).await;
    }
}
