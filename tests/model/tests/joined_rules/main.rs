//! The purpose of each rule of the whole path: without it, and with all others, a promise breaks.
//!
//! `cargo test -p sluice-model --test joined_rules -- --nocapture --test-threads 1` prints the stories.

mod levels;
mod replays;

use sluice_model::joined::properties::{
    ACTED_ONCE, ALL_ARRIVES, HELD_BY_ANOTHER, LEVEL_IS_LAST, NOBODY_STUCK, NOTHING_LOST,
    NOTHING_MISSED, NOTHING_PENDING, SECOND_COPY_HAS_A_CAUSE, STATE_IS_NEWEST,
};
use sluice_model::joined::{Joined, Kind, Rules};
use sluice_model::{check, find};

/// One event, delivered twice.
const DELIVERED: Joined = Joined {
    events: 1,
    deliveries: 2,
    ingest_attempts_max: 2,
    reconciles: 0,
    replay: None,
    refreshes: &[],
    restores: false,
    duplicates: 0,
    workers: 1,
    disturbances: 2,
    rules: Rules::ALL,
};
/// One event, which Stripe may give up, and reconcile.
const RECONCILED: Joined = Joined {
    deliveries: 1,
    reconciles: 1,
    ..DELIVERED
};
/// The same, and only one thing goes wrong.
const RECONCILED_ONE_CRASH: Joined = Joined {
    disturbances: 1,
    ..RECONCILED
};
/// Two events of one object, in any order, at two workers.
const IN_ANY_ORDER: Joined = Joined {
    events: 2,
    deliveries: 1,
    ingest_attempts_max: 1,
    workers: 2,
    disturbances: 1,
    ..DELIVERED
};
/// Two events, and a plain replay of them.
const REPLAYED: Joined = Joined {
    replay: Some(Kind::Plain),
    workers: 1,
    disturbances: 0,
    ..IN_ANY_ORDER
};
/// One event, and a forced replay of it, which may die.
const FORCED: Joined = Joined {
    events: 1,
    replay: Some(Kind::Forced),
    disturbances: 1,
    ..REPLAYED
};
/// Two events, and a forced replay of them.
const FORCED_IN_ANY_ORDER: Joined = Joined {
    events: 2,
    disturbances: 0,
    ..FORCED
};
const ALL: Rules = Rules::ALL;

/// Checks that `promise` is broken in this world with these rules, and prints the shortest story. With all rules the
/// promise is kept: see the first test.
fn breaks(promise: &'static str, world: Joined, rules: Rules) {
    let story = find(Joined { rules, ..world }, promise);
    println!(
        "{}\n",
        story.expect("the rule is there for a reason, which this world should show")
    );
}

#[test]
fn with_every_rule_in_place_no_promise_breaks_in_these_worlds() {
    for world in [
        DELIVERED,
        RECONCILED,
        IN_ANY_ORDER,
        REPLAYED,
        FORCED,
        FORCED_IN_ANY_ORDER,
    ] {
        let broken = check(world).broken;
        assert!(broken.is_empty(), "{broken:?}");
    }
}

#[test]
fn without_the_condition_on_a_claim_a_second_delivery_wipes_out_what_was_queued() {
    let claim_is_conditional = false;
    let rules = Rules {
        claim_is_conditional,
        ..ALL
    };
    breaks(NOTHING_LOST, DELIVERED, rules);
}

#[test]
fn without_an_attempt_id_a_delivery_is_held_up_by_its_own_claim() {
    let attempt_knows_its_own_claim = false;
    let rules = Rules {
        attempt_knows_its_own_claim,
        ..ALL
    };
    breaks(HELD_BY_ANOTHER, DELIVERED, rules);
    let held_is_not_acknowledged = false;
    breaks(
        NOTHING_LOST,
        DELIVERED,
        Rules {
            held_is_not_acknowledged,
            ..rules
        },
    );
}

#[test]
fn without_a_lapse_a_crash_behind_the_claim_shuts_out_stripe_and_reconcile() {
    let claim_lapses = false;
    let rules = Rules {
        claim_lapses,
        ..ALL
    };
    breaks(NOBODY_STUCK, DELIVERED, rules);
    breaks(NOTHING_MISSED, RECONCILED, rules);
}

#[test]
fn a_held_delivery_that_is_acknowledged_is_lost_when_its_holder_dies() {
    let held_is_not_acknowledged = false;
    breaks(
        NOTHING_LOST,
        DELIVERED,
        Rules {
            held_is_not_acknowledged,
            ..ALL
        },
    );
}

#[test]
fn a_refusal_that_ingest_overlooks_is_not_even_found_by_reconcile() {
    let ingest_checks_each_result = false;
    let rules = Rules {
        ingest_checks_each_result,
        ..ALL
    };
    breaks(NOTHING_LOST, DELIVERED, rules);
    breaks(NOTHING_MISSED, RECONCILED, rules);
}

#[test]
fn a_failed_defer_that_is_acknowledged_has_nothing_behind_it() {
    let failed_defer_is_not_acknowledged = false;
    breaks(
        NOTHING_LOST,
        DELIVERED,
        Rules {
            failed_defer_is_not_acknowledged,
            ..ALL
        },
    );
}

#[test]
fn a_sweep_that_clears_before_it_publishes_loses_the_event_in_a_crash() {
    let sweep_clears_after_publishing = false;
    breaks(
        NOTHING_LOST,
        DELIVERED,
        Rules {
            sweep_clears_after_publishing,
            ..ALL
        },
    );
}

#[test]
fn a_partial_failure_that_sweep_overlooks_clears_what_was_refused() {
    let sweep_checks_each_result = false;
    let rules = Rules {
        sweep_checks_each_result,
        ..ALL
    };
    breaks(NOTHING_LOST, DELIVERED, rules);
    breaks(NOTHING_MISSED, RECONCILED, rules);
}

#[test]
fn a_reconcile_that_writes_its_own_entry_wipes_out_what_was_queued() {
    let reconcile_goes_through_the_claim = false;
    let rules = Rules {
        reconcile_goes_through_the_claim,
        ..ALL
    };
    breaks(NOTHING_LOST, RECONCILED, rules);
}

#[test]
fn a_reconcile_that_writes_its_own_entry_publishes_beside_a_live_delivery() {
    let reconcile_goes_through_the_claim = false;
    let rules = Rules {
        reconcile_goes_through_the_claim,
        ..ALL
    };
    breaks(
        SECOND_COPY_HAS_A_CAUSE,
        Joined {
            disturbances: 0,
            ..RECONCILED
        },
        rules,
    );
}

#[test]
fn a_reconcile_that_takes_any_entry_for_an_event_overlooks_one_whose_attempt_died() {
    let reconcile_takes_the_unpublished = false;
    breaks(
        NOTHING_MISSED,
        RECONCILED,
        Rules {
            reconcile_takes_the_unpublished,
            ..ALL
        },
    );
}

#[test]
fn a_cursor_that_passes_what_another_holds_leaves_it_behind_when_the_holder_dies() {
    let cursor_waits_for_the_unsettled = false;
    let rules = Rules {
        cursor_waits_for_the_unsettled,
        ..ALL
    };
    breaks(NOTHING_MISSED, RECONCILED_ONE_CRASH, rules);
}

#[test]
fn a_cursor_that_moves_before_the_work_passes_over_what_a_dead_run_has_not_seen() {
    let cursor_moves_at_the_end = false;
    breaks(
        NOTHING_MISSED,
        RECONCILED,
        Rules {
            cursor_moves_at_the_end,
            ..ALL
        },
    );
}

#[test]
fn without_the_condition_on_its_write_a_worker_undoes_anothers() {
    let apply_is_conditional = false;
    let rules = Rules {
        apply_is_conditional,
        ..ALL
    };
    breaks(STATE_IS_NEWEST, IN_ANY_ORDER, rules);
    breaks(LEVEL_IS_LAST, IN_ANY_ORDER, rules);
}

#[test]
fn effects_that_are_not_pending_die_with_their_worker() {
    let effects_are_pending = false;
    let rules = Rules {
        effects_are_pending,
        ..ALL
    };
    breaks(ALL_ARRIVES, IN_ANY_ORDER, rules);
    breaks(LEVEL_IS_LAST, IN_ANY_ORDER, rules);
}

#[test]
fn effects_cleared_before_they_are_emitted_are_lost_in_a_crash() {
    let clear_after_emit = false;
    breaks(
        ALL_ARRIVES,
        IN_ANY_ORDER,
        Rules {
            clear_after_emit,
            ..ALL
        },
    );
}

#[test]
fn a_clear_that_wipes_everything_drops_what_another_delivery_has_just_added() {
    let clear_removes_only_what_was_emitted = false;
    breaks(
        ALL_ARRIVES,
        IN_ANY_ORDER,
        Rules {
            clear_removes_only_what_was_emitted,
            ..ALL
        },
    );
}

#[test]
fn a_message_acknowledged_before_its_effects_are_out_leaves_them_pending() {
    let emit_before_acknowledge = false;
    let rules = Rules {
        emit_before_acknowledge,
        ..ALL
    };
    breaks(NOTHING_PENDING, IN_ANY_ORDER, rules);
    breaks(NOTHING_LOST, IN_ANY_ORDER, rules);
}

#[test]
fn an_emission_that_overlooks_a_refusal_clears_what_was_refused() {
    let emit_checks_each_result = false;
    breaks(
        ALL_ARRIVES,
        IN_ANY_ORDER,
        Rules {
            emit_checks_each_result,
            ..ALL
        },
    );
}

#[test]
fn a_stale_event_that_keeps_quiet_is_acknowledged_without_effect() {
    let stale_events_emit_their_facts = false;
    breaks(
        NOTHING_LOST,
        IN_ANY_ORDER,
        Rules {
            stale_events_emit_their_facts,
            ..ALL
        },
    );
}

#[test]
fn a_receiver_that_knows_no_ids_acts_twice_when_an_emission_is_repeated() {
    let receivers_know_facts = false;
    breaks(
        ACTED_ONCE,
        IN_ANY_ORDER,
        Rules {
            receivers_know_facts,
            ..ALL
        },
    );
}

#[test]
fn a_receiver_that_takes_levels_as_they_come_ends_with_the_older_one() {
    let receivers_keep_the_highest_seq = false;
    breaks(
        LEVEL_IS_LAST,
        IN_ANY_ORDER,
        Rules {
            receivers_keep_the_highest_seq,
            ..ALL
        },
    );
}

#[test]
fn a_story_reads_as_the_essay_shows_it() {
    let cursor_waits_for_the_unsettled = false;
    let rules = Rules {
        cursor_waits_for_the_unsettled,
        ..ALL
    };
    let world = Joined {
        rules,
        ..RECONCILED_ONE_CRASH
    };
    let expected = "\
what Stripe has takes effect once reconcile has run (1 event, reconcile)
  1. Stripe     delivers event 1
  2. ingest 1   Claim event 1                            → Publish next
  3. reconcile  begins                                   → looks at event 1 next
  4. reconcile  compares with the ledger                 → Claim event 1 next
  5. reconcile  Claim event 1                            → ends, has passed
  6. ingest 1   crashes before Publish event 1
  7. time       lapses the claim of event 1
     in the end: event 1 neither published nor due, not acted on; no state; receiver holds no level";
    assert_eq!(find(world, NOTHING_MISSED).as_deref(), Some(expected));
}
