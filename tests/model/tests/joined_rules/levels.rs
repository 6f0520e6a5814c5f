//! The purpose of the rules of owed levels, imports, rebuilds and `seq`.

use sluice_model::joined::properties::{
    LEVEL_IS_LAST, NEXT_EMITS_THE_OWED, NOTHING_PENDING, REPLAY_FOLLOWS_A_RESTORE, STATE_IS_NEWEST,
};
use sluice_model::joined::{Joined, Refresh, Rules};
use sluice_model::{check, find};

use super::{ALL, IN_ANY_ORDER, breaks};

/// Two events in any order at one worker, and nothing goes wrong.
const ORDERLY: Joined = Joined {
    workers: 1,
    disturbances: 0,
    ..IN_ANY_ORDER
};
/// A rebuild that emits nothing.
const SUPPRESSED: Joined = Joined {
    refreshes: &[Refresh::Suppressed],
    ..ORDERLY
};
/// An import, which may die.
const IMPORTED: Joined = Joined {
    refreshes: &[Refresh::Import],
    disturbances: 1,
    ..ORDERLY
};
/// A restore.
const RESTORED: Joined = Joined {
    restores: true,
    ..ORDERLY
};

#[test]
fn with_every_rule_in_place_no_promise_breaks_beside_rebuilds_imports_and_restores() {
    for world in [SUPPRESSED, IMPORTED, RESTORED] {
        let broken = check(world).broken;
        assert!(broken.is_empty(), "{broken:?}");
    }
}

#[test]
fn a_suppressed_write_that_owes_nothing_swallows_the_level_of_an_event_on_its_way() {
    let suppressed_writes_owe_their_level = false;
    let rules = Rules {
        suppressed_writes_owe_their_level,
        ..ALL
    };
    breaks(LEVEL_IS_LAST, SUPPRESSED, rules);
    breaks(NEXT_EMITS_THE_OWED, SUPPRESSED, rules);
    // An import that comes before the first event breaks it as well.
    breaks(LEVEL_IS_LAST, IMPORTED, rules);
}

#[test]
fn a_level_that_only_a_newer_event_emits_is_owed_for_ever_after_the_last_change() {
    let stale_events_emit_what_is_owed = false;
    let rules = Rules {
        stale_events_emit_what_is_owed,
        ..ALL
    };
    breaks(LEVEL_IS_LAST, SUPPRESSED, rules);
    breaks(NEXT_EMITS_THE_OWED, SUPPRESSED, rules);
}

#[test]
fn an_import_that_keeps_quiet_of_what_it_corrects_leaves_receivers_without_the_change() {
    let imports_emit_what_they_correct = false;
    breaks(
        LEVEL_IS_LAST,
        IMPORTED,
        Rules {
            imports_emit_what_they_correct,
            ..ALL
        },
    );
}

#[test]
fn an_import_that_emits_only_what_it_changes_leaves_pending_what_it_died_before() {
    let refreshes_emit_what_is_left = false;
    let rules = Rules {
        refreshes_emit_what_is_left,
        ..ALL
    };
    breaks(NOTHING_PENDING, IMPORTED, rules);
    breaks(LEVEL_IS_LAST, IMPORTED, rules);
}

#[test]
fn an_answer_that_replaces_the_state_undoes_an_event_that_came_in_meanwhile() {
    let answers_are_ordered = false;
    breaks(
        STATE_IS_NEWEST,
        SUPPRESSED,
        Rules {
            answers_are_ordered,
            ..ALL
        },
    );
}

#[test]
fn a_seq_that_is_the_items_version_is_too_low_after_a_restore() {
    let seq_is_a_time = false;
    let rules = Rules {
        seq_is_a_time,
        ..ALL
    };
    breaks(LEVEL_IS_LAST, RESTORED, rules);
}

#[test]
fn a_seq_that_is_the_time_alone_is_the_same_for_two_levels_at_one_time() {
    let seq_exceeds_the_last = false;
    let rules = Rules {
        seq_exceeds_the_last,
        ..ALL
    };
    breaks(LEVEL_IS_LAST, ORDERLY, rules);
    breaks(REPLAY_FOLLOWS_A_RESTORE, RESTORED, rules);
}

#[test]
fn a_story_of_an_import_reads_so() {
    let refreshes_emit_what_is_left = false;
    let rules = Rules {
        refreshes_emit_what_is_left,
        ..ALL
    };
    let world = Joined { rules, ..IMPORTED };
    let story = "\
nothing stays pending (2 events, an import)
  1. Stripe     delivers event 1
  2. ingest 1   Claim event 1                            → Publish next
  3. ingest 1   Publish event 1                          → Mark next
  4. ingest 1   Mark event 1                             → 200
  5. worker 1   Receive event 1                          → Apply next
  6. worker 1   Apply event 1                            → version 1, Emit next
  7. worker 1   Emit fact 1, level 1 (seq 1)             → Clear next
  8. worker 1   Clear fact 1, level 1 (seq 1)            → version 2, Acknowledge next
  9. worker 1   Acknowledge event 1
 10. receiver   is given level 1 (seq 1)                 → holds it
 11. operator   begins an import                         → is shown state 2
 12. operator   Write                                    → Emit next
 13. operator   Emit level 2 (seq 2) (first refused)     → can be run again
 14. operator   runs an import once more                 → is shown state 2
 15. operator   Write                                    → ends, state 2, pending level 2 (seq 2)
     in the end: event 1 acknowledged, published, acted on fact 1; event 2 not in the ledger, not acted on; state 2, \
pending level 2 (seq 2); receiver holds level 1 (seq 1)";
    assert_eq!(find(world, NOTHING_PENDING).as_deref(), Some(story));
}
