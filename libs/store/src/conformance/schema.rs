//! Laws of what another program left.

use super::{Harness, SPACE};
use crate::{Manage, StoreError};

/// A program never writes into what a later one made: it says so and what to do.
pub async fn a_later_schema_is_refused<H: Harness>(harness: &H) {
    let store = harness.open(SPACE).await.expect("the store opens");
    let known = store.health().await.expect("it is healthy").schema;
    store.close().await;
    drop(store);
    harness.modernise(SPACE).await;
    match harness.open(SPACE).await.err() {
        Some(StoreError::Schema { found, supported, remedy }) => {
            assert_eq!(supported, known);
            assert!(found > supported, "{found}");
            assert!(!remedy.is_empty());
        }
        other => unreachable!("a schema error, not {other:?}"),
    }
}
