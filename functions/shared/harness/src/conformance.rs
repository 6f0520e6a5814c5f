//! What every implementation of a port has to do: one suite per port, run by the memory ports and by the AWS adapters.
//!
//! A suite is a macro, so that each case is a test of its own with a sentence for a name:
//!
//! ```ignore
//! sluice_harness::ledger_conformance!(|clock| async { MemoryLedger::new(clock) });
//! ```
//!
//! The expression creates a new, empty implementation with the given clock.

pub mod ledger;
pub mod projections;
pub mod receipts;
pub mod standings;
pub mod ties;
pub mod waiting;

/// One `#[tokio::test]` for each case of [`ledger`].
#[macro_export]
macro_rules! ledger_conformance {
    ($make:expr) => {
        $crate::ledger_conformance!(@cases $make;
            of_twenty_parallel_claims_one_wins
            an_own_claim_met_again_is_won
            another_attempt_is_held_while_the_claim_lives
            a_lapsed_claim_is_taken_over_and_the_first_body_stands
            a_take_over_met_again_is_taken_over
            of_twenty_parallel_take_overs_one_wins
            a_published_event_is_finished
            a_ledger_only_event_is_finished_and_never_due
            an_event_that_was_only_stored_is_taken_over_by_one_of_those_that_publish_it
            a_due_event_is_queued_even_after_its_claim_lapsed
            a_mark_repeats_itself_in_peace_and_loses_to_another_attempt
            a_defer_is_for_the_holder_of_an_unpublished_event
            a_mark_after_a_defer_ends_being_due
            an_expired_entry_counts_as_absent
            a_due_entry_never_expires
            another_event_under_the_same_id_is_a_conflict_and_is_kept
            other_bytes_of_the_same_event_are_no_conflict
            a_large_body_is_not_whole_before_it_is_completed
            a_large_body_reads_back_byte_for_byte
            the_first_complete_body_stands
            completing_loses_to_another_attempt
            what_is_due_is_found_oldest_first_and_bounded
            a_swept_event_is_published_and_due_no_longer
            a_postponed_event_is_due_later_with_its_refusals_counted
            nothing_is_made_by_marking_or_postponing_what_is_not_there
            an_entry_reads_back_as_it_was_written
        );
    };
    (@cases $make:expr; $($case:ident)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let clock = $crate::clock::TestClock::default();
                let make = $make;
                let ledger = make(clock.clone()).await;
                $crate::conformance::ledger::$case(&ledger, &clock).await;
            }
        )+
    };
}

/// One `#[tokio::test]` for each case of [`standings`].
#[macro_export]
macro_rules! standings_conformance {
    ($make:expr) => {
        $crate::standings_conformance!(@cases $make;
            standings_are_read_a_page_at_once_and_in_order
            standings_of_none_and_of_more_than_a_call_takes_are_read
            accounts_are_those_that_deliveries_named
        );
    };
    (@cases $make:expr; $($case:ident)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let clock = $crate::clock::TestClock::default();
                let make = $make;
                let ledger = make(clock.clone()).await;
                $crate::conformance::standings::$case(&ledger, &clock).await;
            }
        )+
    };
}

/// One `#[tokio::test]` for each case of [`waiting`].
#[macro_export]
macro_rules! waiting_conformance {
    ($make:expr) => {
        $crate::waiting_conformance!(@cases $make;
            an_admitted_event_is_due_with_its_body_as_stored_and_its_new_account
            an_admission_repeats_itself_in_peace
            of_twenty_parallel_admissions_and_deliveries_one_publishes
            what_is_kept_for_another_reason_is_never_admitted
            what_is_published_held_or_absent_is_never_admitted
            a_delivery_that_fits_takes_a_waiting_event_over_with_its_account
        );
    };
    (@cases $make:expr; $($case:ident)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let clock = $crate::clock::TestClock::default();
                let make = $make;
                let ledger = make(clock.clone()).await;
                $crate::conformance::waiting::$case(&ledger, &clock).await;
            }
        )+
    };
}

/// One `#[tokio::test]` for each case of [`projections`].
#[macro_export]
macro_rules! projections_conformance {
    ($make:expr) => {
        $crate::projections_conformance!(@cases $make;
            a_first_write_makes_version_one_and_reads_back
            a_write_at_another_version_changes_nothing
            of_twenty_parallel_writes_at_one_version_one_happens
            keys_do_not_meet
        );
    };
    (@cases $make:expr; $($case:ident)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let make = $make;
                let projections = make().await;
                $crate::conformance::projections::$case(&projections).await;
            }
        )+
    };
}

/// One `#[tokio::test]` for each case of [`receipts`].
#[macro_export]
macro_rules! receipts_conformance {
    ($make:expr) => {
        $crate::receipts_conformance!(@cases $make;
            a_fact_is_claimed_once_and_done_once_marked
            a_lapsed_or_released_claim_is_free_again
            a_level_gives_way_to_a_higher_seq_and_to_no_lower_one
            of_twenty_parallel_claims_of_a_receipt_one_is_mine
            an_expired_receipt_counts_as_absent
        );
    };
    (@cases $make:expr; $($case:ident)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let make = $make;
                let receipts = make().await;
                $crate::conformance::receipts::$case(&receipts).await;
            }
        )+
    };
}

/// One `#[tokio::test]` for each case of [`ties`]. The expression creates a new table of outcomes, and reconcile's view
/// of it.
#[macro_export]
macro_rules! ties_conformance {
    ($make:expr) => {
        $crate::ties_conformance!(@cases $make;
            a_tie_reads_back_as_it_was_noted
            a_tie_that_is_found_again_keeps_its_turn
            a_tie_is_resolved_unless_it_was_found_again_meanwhile
            resolving_what_is_not_there_or_not_ones_own_changes_nothing
            a_tie_that_was_asked_for_waits_from_then_on
            drift_is_counted_since_a_moment
        );
    };
    (@cases $make:expr; $($case:ident)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let make = $make;
                let (outcomes, notes) = make().await;
                $crate::conformance::ties::$case(&outcomes, &notes).await;
            }
        )+
    };
}
