//! The contract, as laws: every store passes them, each by name.
//!
//! [`conformance!`](crate::conformance!) makes a test of every law for one [`Harness`]. A law that a
//! harness can't put to the test is ignored with the reason it gives, and the test runner counts it:
//! it is never reported as passed. Laws look at a store through its traits only, so that they hold
//! whatever lies behind.

pub mod documents;
pub mod durability;
pub mod epochs;
pub mod heads;
pub mod keys;
pub mod list;
pub mod model;
pub mod races;
pub mod samples;
pub mod schema;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::task::JoinSet;

use crate::{Result, Store};

/// Opens stores for the laws, and does to them what a store can't do to itself.
pub trait Harness: Send + Sync {
    /// What it opens.
    type Store: Store + 'static;

    /// Opens the store of a space: empty the first time, later with what was kept there.
    fn open(&self, space: &str) -> impl Future<Output = Result<Self::Store>> + Send;

    /// Ends a store as a crash does: what it had not written by now is never written.
    fn crash(&self, space: &str, store: Self::Store) -> impl Future<Output = ()> + Send;

    /// Makes a closed space look like the work of a program with a later schema.
    fn modernise(&self, space: &str) -> impl Future<Output = ()> + Send;
}

/// The space of laws that need only one.
pub const SPACE: &str = "law";

async fn open<H: Harness>(harness: &H) -> Arc<H::Store> {
    Arc::new(harness.open(SPACE).await.expect("the store opens"))
}

/// Runs callers on all threads at once and returns what they returned, in no order.
async fn at_once<T, F>(callers: impl IntoIterator<Item = F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    callers.into_iter().collect::<JoinSet<T>>().join_all().await
}

/// Two sides that must overlap: observers look while it is open, and what they look at keeps changing
/// until they have looked often enough.
#[derive(Clone, Debug, Default)]
struct Stage(Arc<(AtomicBool, AtomicU64)>);

impl Stage {
    /// How many looks and how many changes are enough, and how many changes without enough looks
    /// mean that nobody looks.
    const LOOKS: u64 = 40;
    const CHANGES: u64 = 60;
    const NOBODY_LOOKS: u64 = 100_000;

    fn is_open(&self) -> bool {
        !self.0.0.load(Ordering::Acquire)
    }

    /// One look was had.
    async fn looked(&self) {
        self.0.1.fetch_add(1, Ordering::AcqRel);
        tokio::task::yield_now().await;
    }

    /// True for as long as change number `number` is still wanted.
    async fn wants(&self, number: u64) -> bool {
        tokio::task::yield_now().await;
        assert!(number < Self::NOBODY_LOOKS, "nobody looks");
        let enough = number >= Self::CHANGES && self.0.1.load(Ordering::Acquire) >= Self::LOOKS;
        if enough {
            self.0.0.store(true, Ordering::Release);
        }
        !enough
    }
}

/// Makes one test of each law.
///
/// `harness` is evaluated for each of them. `restart` (what was kept is found again), `crash` and
/// `schemas` are `yes`, or why this harness can't put those laws to the test:
///
/// ```text
/// spike_store::conformance! {
///     harness: Memory,
///     restart: "what is in memory ends with its store",
///     crash: "what is in memory ends with its store",
///     schemas: "nothing is kept that could have a schema",
/// }
/// ```
#[macro_export]
macro_rules! conformance {
    (
        harness: $harness:expr,
        restart: $restart:tt,
        crash: $crash:tt,
        schemas: $schemas:tt $(,)?
    ) => {
        $crate::laws! { $harness, yes, heads: [
            a_missing_path_has_neither_head_nor_record
            an_empty_want_reads_the_epochs
            the_selection_decides_which_record_comes_along
            answers_come_in_the_order_asked_for
            paths_differ_byte_for_byte
            a_put_replaces_the_record_that_is_there
            missing_records_can_be_dropped
            a_version_both_dropped_and_put_is_there
            records_of_any_size_come_back_whole
            the_expected_revision_must_be_there_exactly
            a_conflict_brings_the_present_head
            a_batch_happens_whole_or_not_at_all
            what_no_store_takes_is_refused
            a_call_after_its_deadline_changes_nothing
        ] }
        $crate::laws! { $harness, yes, races: [
            racing_writers_make_one_version
            racing_increments_lose_none
            readers_never_see_half_a_batch
            sixty_four_parallel_callers_get_whole_answers
            an_abandoned_commit_still_happens_once
        ] }
        $crate::laws! { $harness, yes, keys: [
            a_repeated_key_returns_the_first_outcome
            a_key_is_refused_for_another_request
            a_refused_batch_leaves_its_key_unused
            guard_then_key_then_revision
            racing_repetitions_happen_once
            the_oldest_keys_of_a_caller_give_way
            keys_are_kept_for_a_day_and_then_swept
        ] }
        $crate::laws! { $harness, yes, epochs: [
            an_empty_store_has_no_epochs
            a_stale_guard_is_refused_with_the_present_epochs
            no_answer_is_newer_than_its_epochs
            equal_epochs_around_a_read_make_a_consistent_pair
            a_commit_happens_under_the_epochs_it_was_decided_by
        ] }
        $crate::laws! { $harness, yes, documents: [
            documents_are_compared_and_swapped
            a_manifest_moves_the_generation_and_a_ring_its_revision
            a_policy_and_its_manifest_change_together_or_not_at_all
            a_repeated_change_is_known_by_its_tags
            another_tag_at_the_same_revision_is_a_conflict
            audit_documents_are_only_ever_inserted
            kinds_do_not_share_names
            documents_come_in_byte_order_of_their_names
            changes_that_no_store_takes_are_refused
            racing_bootstraps_make_one_ring
        ] }
        $crate::laws! { $harness, yes, list: [
            an_empty_store_lists_nothing
            paths_come_in_byte_order
            a_prefix_is_compared_byte_for_byte
            a_page_begins_behind_its_start
            pages_join_without_gap_or_repetition
            no_page_is_longer_than_the_longest
            tombstones_are_listed
            pages_are_complete_while_others_write
        ] }
        $crate::laws! { $harness, $restart, durability: [
            a_restart_keeps_everything
        ] }
        $crate::laws! { $harness, $crash, durability: [
            a_crash_keeps_what_was_acknowledged
        ] }
        $crate::laws! { $harness, $schemas, schema: [
            a_later_schema_is_refused
        ] }

        /// See [`spike_store::conformance::model`].
        #[test]
        fn any_history_agrees_with_the_model() {
            $crate::conformance::model::any_history_agrees_with_the_model(&$harness);
        }
    };
}

/// Makes a test of each law of one module: run if `yes`, else ignored for the reason given.
#[doc(hidden)]
#[macro_export]
macro_rules! laws {
    ($harness:expr, yes, $module:ident: [$($law:ident)*]) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $law() {
                $crate::conformance::$module::$law(&$harness).await;
            }
        )*
    };
    ($harness:expr, $why:literal, $module:ident: [$($law:ident)*]) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            #[ignore = $why]
            async fn $law() {
                $crate::conformance::$module::$law(&$harness).await;
            }
        )*
    };
}
