//! The purpose of each guard: without it, and with all others, a promise breaks.
//!
//! `cargo test -p sluice-model --test guards -- --nocapture --test-threads 1` prints the stories.

use sluice_model::properties::{
    BODY_COMPLETE, FINISHED_IS_FINAL, HELD_BY_ANOTHER, NOBODY_STUCK, NOTHING_LOST, QUEUED_IS_DUE,
    SECOND_COPY_HAS_A_CAUSE,
};
use sluice_model::{Guards, Protocol, Size, check, find};

const SMALL: Protocol = Protocol {
    attempts: 2,
    picks: 2,
    size: Size::Small,
    skew: false,
    guards: Guards::ALL,
};
const LARGE: Protocol = Protocol {
    size: Size::Large,
    ..SMALL
};
const LARGE_AND_CLOCKS_DIFFER: Protocol = Protocol {
    skew: true,
    ..LARGE
};

/// Checks that `promise` is broken in this world with these guards, and prints the shortest story. With all guards the
/// promise is kept: see the first test.
fn breaks(promise: &'static str, world: Protocol, guards: Guards) {
    let story = find(Protocol { guards, ..world }, promise);
    println!(
        "{}\n",
        story.expect("the guard is there for a reason, which this world should show")
    );
}

/// Checks that every promise is kept with these guards, for any body and any clocks.
fn breaks_nothing(guards: Guards) {
    for world in [
        SMALL,
        Protocol {
            attempts: 1,
            ..SMALL
        },
        Protocol {
            attempts: 3,
            ..SMALL
        },
        Protocol {
            skew: true,
            ..SMALL
        },
        LARGE,
        LARGE_AND_CLOCKS_DIFFER,
    ] {
        let broken = check(Protocol { guards, ..world }).broken;
        assert!(
            broken.is_empty(),
            "the documentation says that there is no counterexample: {broken:?}"
        );
    }
}

#[test]
fn with_every_guard_in_place_no_promise_breaks_in_these_worlds() {
    breaks_nothing(Guards::ALL);
}

#[test]
fn without_the_condition_on_a_claim_a_second_delivery_wipes_out_what_was_queued() {
    let guards = Guards {
        claim_is_conditional: false,
        ..Guards::ALL
    };
    breaks(NOTHING_LOST, SMALL, guards);
    breaks(QUEUED_IS_DUE, SMALL, guards);
}

#[test]
fn without_an_attempt_id_a_lone_delivery_is_held_up_by_its_own_claim() {
    let lone = Protocol {
        attempts: 1,
        ..SMALL
    };
    let guards = Guards {
        attempt_knows_its_own_claim: false,
        ..Guards::ALL
    };
    breaks(HELD_BY_ANOTHER, lone, guards);
    // And if "exists" is answered 200, as a plain check for duplicates does, one lost answer loses the event.
    breaks(
        NOTHING_LOST,
        lone,
        Guards {
            held_is_not_acknowledged: false,
            ..guards
        },
    );
}

#[test]
fn without_a_lapse_a_crash_after_the_claim_stops_the_event_for_good() {
    breaks(
        NOBODY_STUCK,
        SMALL,
        Guards {
            claim_lapses: false,
            ..Guards::ALL
        },
    );
}

#[test]
fn a_takeover_that_puts_the_entry_again_forgets_the_body_that_was_published() {
    let guards = Guards {
        takeover_only_updates: false,
        ..Guards::ALL
    };
    breaks(BODY_COMPLETE, LARGE, guards);
    breaks(NOTHING_LOST, LARGE, guards);
}

#[test]
fn a_takeover_that_puts_the_entry_again_and_overlooks_due_at_loses_a_queued_event() {
    let guards = Guards {
        takeover_only_updates: false,
        queued_is_left_to_sweep: false,
        ..Guards::ALL
    };
    breaks(NOTHING_LOST, SMALL, guards);
}

#[test]
fn without_the_condition_on_a_takeover_two_deliveries_take_over_the_same_claim_and_publish_twice() {
    let three = Protocol {
        attempts: 3,
        ..SMALL
    };
    breaks(
        SECOND_COPY_HAS_A_CAUSE,
        three,
        Guards {
            takeover_is_conditional: false,
            ..Guards::ALL
        },
    );
}

#[test]
fn a_queued_event_that_is_taken_over_is_published_by_a_delivery_and_by_sweep() {
    breaks(
        SECOND_COPY_HAS_A_CAUSE,
        SMALL,
        Guards {
            queued_is_left_to_sweep: false,
            ..Guards::ALL
        },
    );
}

#[test]
fn held_answered_200_loses_the_event_with_its_holder() {
    breaks(
        NOTHING_LOST,
        SMALL,
        Guards {
            held_is_not_acknowledged: false,
            ..Guards::ALL
        },
    );
}

#[test]
fn published_before_its_parts_an_event_points_to_a_body_that_is_not_there() {
    breaks(
        BODY_COMPLETE,
        LARGE,
        Guards {
            parts_before_publish: false,
            ..Guards::ALL
        },
    );
}

#[test]
fn due_before_its_parts_an_event_is_acknowledged_and_sweep_has_no_body_to_publish() {
    let guards = Guards {
        parts_before_due: false,
        ..Guards::ALL
    };
    breaks(NOTHING_LOST, LARGE, guards);
    breaks(BODY_COMPLETE, LARGE, guards);
}

#[test]
fn parts_that_are_not_keyed_by_content_are_overwritten_by_those_of_another_delivery() {
    let guards = Guards {
        parts_keyed_by_content: false,
        ..Guards::ALL
    };
    breaks(BODY_COMPLETE, LARGE_AND_CLOCKS_DIFFER, guards);
    breaks(NOTHING_LOST, LARGE_AND_CLOCKS_DIFFER, guards);
}

#[test]
fn a_finder_that_leaves_a_torn_body_as_it_is_acknowledges_what_nobody_can_read() {
    let guards = Guards {
        finder_completes_the_body: false,
        ..Guards::ALL
    };
    breaks(BODY_COMPLETE, LARGE, guards);
    breaks(NOTHING_LOST, LARGE, guards);
}

#[test]
fn a_finder_that_stores_its_body_and_does_not_name_it_corrects_nothing() {
    let guards = Guards {
        finder_names_its_body: false,
        ..Guards::ALL
    };
    breaks(BODY_COMPLETE, LARGE, guards);
    breaks(NOTHING_LOST, LARGE, guards);
}

#[test]
fn a_body_named_before_its_parts_misleads_the_attempt_that_takes_over() {
    let guards = Guards {
        body_named_after_its_parts: false,
        ..Guards::ALL
    };
    breaks(BODY_COMPLETE, LARGE_AND_CLOCKS_DIFFER, guards);
    breaks(NOTHING_LOST, LARGE_AND_CLOCKS_DIFFER, guards);
}

#[test]
fn an_ingest_that_overlooks_the_failed_entry_marks_as_published_what_is_not() {
    breaks(
        NOTHING_LOST,
        SMALL,
        Guards {
            ingest_checks_each_result: false,
            ..Guards::ALL
        },
    );
}

#[test]
fn a_late_defer_costs_no_more_than_a_copy() {
    breaks_nothing(Guards {
        defer_by_the_holder_only: false,
        ..Guards::ALL
    });
}

#[test]
fn a_late_mark_breaks_nothing() {
    breaks_nothing(Guards {
        mark_by_the_holder_only: false,
        ..Guards::ALL
    });
}

#[test]
fn a_repeated_defer_that_ignores_published_at_queues_again_what_sweep_has_published() {
    let guards = Guards {
        defer_unless_published: false,
        ..Guards::ALL
    };
    breaks(FINISHED_IS_FINAL, SMALL, guards);
    breaks(SECOND_COPY_HAS_A_CAUSE, SMALL, guards);
}

#[test]
fn a_failed_defer_answered_200_loses_the_event() {
    let guards = Guards {
        failed_defer_is_not_acknowledged: false,
        ..Guards::ALL
    };
    breaks(NOTHING_LOST, SMALL, guards);
    breaks(QUEUED_IS_DUE, SMALL, guards);
}

#[test]
fn a_sweep_that_clears_before_it_publishes_loses_the_event_when_it_crashes() {
    breaks(
        NOTHING_LOST,
        SMALL,
        Guards {
            sweep_clears_after_publishing: false,
            ..Guards::ALL
        },
    );
}

#[test]
fn a_sweep_that_overlooks_a_failed_entry_clears_what_was_refused() {
    breaks(
        NOTHING_LOST,
        SMALL,
        Guards {
            sweep_checks_each_result: false,
            ..Guards::ALL
        },
    );
}

#[test]
fn a_sweep_that_drops_what_is_refused_loses_it() {
    breaks(
        NOTHING_LOST,
        SMALL,
        Guards {
            refusal_keeps_due: false,
            ..Guards::ALL
        },
    );
}

#[test]
fn a_sweep_that_postpones_without_looking_queues_again_what_another_has_published() {
    breaks(
        FINISHED_IS_FINAL,
        SMALL,
        Guards {
            postpone_only_what_is_due: false,
            ..Guards::ALL
        },
    );
}

#[test]
fn a_story_reads_as_the_essay_shows_it() {
    let guards = Guards {
        held_is_not_acknowledged: false,
        ..Guards::ALL
    };
    let story = find(Protocol { guards, ..SMALL }, NOTHING_LOST);
    let expected = "\
nothing acknowledged is lost (Small body)
  1. delivery 1 Claim                     → Won, Publish next
  2. delivery 1 crashes
  3. delivery 2 Claim                     → Held, 200 duplicate
     in the end: entry of delivery 1 with body A, neither published nor due; copies on the bus: 0";
    assert_eq!(story.as_deref(), Some(expected));
}
