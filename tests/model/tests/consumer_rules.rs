//! The purpose of each rule: without it, and with all others, a promise breaks.
//!
//! `cargo test -p sluice-model --test consumer_rules -- --nocapture --test-threads 1` prints the stories.

use sluice_model::consumer::properties::{
    CLEARED_IS_FINAL, FACTS_EMITTED, FACTS_MINTED_ONCE, LEVEL_IS_LAST, NEXT_DELIVERY_EMITS,
    NOTHING_PENDING, STATE_IS_NEWEST,
};
use sluice_model::consumer::{Consumer, Rules};
use sluice_model::{check, find};

const PLAIN: Consumer = Consumer {
    events: 2,
    same_change: false,
    history: 1,
    redeliveries: 1,
    disturbances: 1,
    dead_letters: 0,
    rules: Rules::ALL,
};
const UNDISTURBED: Consumer = Consumer {
    redeliveries: 0,
    disturbances: 0,
    ..PLAIN
};
const GIVING_UP: Consumer = Consumer {
    dead_letters: 1,
    ..PLAIN
};
const SAME_CHANGE: Consumer = Consumer {
    same_change: true,
    ..PLAIN
};

/// Checks that `promise` is broken in this world with these rules, and prints the shortest story. With all rules the
/// promise is kept: see the first test.
fn breaks(promise: &'static str, world: Consumer, rules: Rules) {
    let story = find(Consumer { rules, ..world }, promise);
    println!(
        "{}\n",
        story.expect("the rule is there for a reason, which this world should show")
    );
}

/// Checks that every promise is kept with these rules.
fn breaks_nothing(rules: Rules) {
    for world in [PLAIN, UNDISTURBED, GIVING_UP, SAME_CHANGE] {
        let broken = check(Consumer { rules, ..world }).broken;
        assert!(
            broken.is_empty(),
            "the documentation says that there is no counterexample: {broken:?}"
        );
    }
}

#[test]
fn with_every_rule_in_place_no_promise_breaks_in_these_worlds() {
    breaks_nothing(Rules::ALL);
}

#[test]
fn without_the_condition_on_its_write_a_worker_undoes_anothers() {
    let rules = Rules {
        apply_is_conditional: false,
        ..Rules::ALL
    };
    breaks(STATE_IS_NEWEST, UNDISTURBED, rules);
    breaks(FACTS_MINTED_ONCE, PLAIN, rules);
}

#[test]
fn without_the_condition_on_its_clear_a_worker_puts_the_item_back_as_it_was() {
    let rules = Rules {
        clear_is_conditional: false,
        ..Rules::ALL
    };
    breaks(STATE_IS_NEWEST, UNDISTURBED, rules);
    breaks(LEVEL_IS_LAST, UNDISTURBED, rules);
}

#[test]
fn a_clear_that_leaves_the_version_lets_a_write_from_before_bring_back_what_was_cleared() {
    let rules = Rules {
        clear_bumps_the_version: false,
        ..Rules::ALL
    };
    breaks(CLEARED_IS_FINAL, UNDISTURBED, rules);
    breaks(NOTHING_PENDING, PLAIN, rules);
}

#[test]
fn a_clear_that_wipes_everything_drops_what_another_delivery_has_just_added() {
    breaks(
        FACTS_EMITTED,
        PLAIN,
        Rules {
            clear_removes_only_what_was_emitted: false,
            ..Rules::ALL
        },
    );
}

#[test]
fn a_failed_clear_that_is_acknowledged_leaves_effects_pending_for_good() {
    breaks(
        NOTHING_PENDING,
        PLAIN,
        Rules {
            failed_clear_fails_the_item: false,
            ..Rules::ALL
        },
    );
}

#[test]
fn effects_cleared_before_they_are_emitted_are_lost_in_a_crash() {
    let rules = Rules {
        clear_after_emit: false,
        ..Rules::ALL
    };
    breaks(FACTS_EMITTED, PLAIN, rules);
    breaks(LEVEL_IS_LAST, PLAIN, rules);
}

#[test]
fn an_overtaking_write_that_drops_what_is_pending_loses_the_older_events_fact() {
    breaks(
        FACTS_EMITTED,
        PLAIN,
        Rules {
            overtaking_keeps_pending: false,
            ..Rules::ALL
        },
    );
}

#[test]
fn a_delivery_that_emits_only_its_own_leaves_those_of_a_dead_letter_pending() {
    breaks(
        NEXT_DELIVERY_EMITS,
        GIVING_UP,
        Rules {
            delivery_emits_everything_pending: false,
            ..Rules::ALL
        },
    );
}

#[test]
fn a_message_acknowledged_before_its_effects_are_out_loses_them_in_a_crash() {
    let rules = Rules {
        emit_before_acknowledge: false,
        ..Rules::ALL
    };
    breaks(FACTS_EMITTED, PLAIN, rules);
    breaks(NOTHING_PENDING, PLAIN, rules);
}

#[test]
fn an_emission_that_overlooks_the_failed_entry_clears_what_was_refused() {
    breaks(
        FACTS_EMITTED,
        PLAIN,
        Rules {
            emit_checks_each_result: false,
            ..Rules::ALL
        },
    );
}

#[test]
fn a_stale_event_that_keeps_quiet_makes_facts_depend_on_the_order() {
    breaks(
        FACTS_EMITTED,
        UNDISTURBED,
        Rules {
            stale_events_emit_their_facts: false,
            ..Rules::ALL
        },
    );
}

#[test]
fn a_set_of_facts_that_forgets_emits_an_old_fact_again() {
    let rules = Rules {
        facts_never_evicted: false,
        ..Rules::ALL
    };
    breaks(FACTS_MINTED_ONCE, PLAIN, rules);
    breaks(CLEARED_IS_FINAL, PLAIN, rules);
}

#[test]
fn facts_named_after_their_event_are_emitted_twice_if_two_events_report_one_change() {
    breaks(
        FACTS_MINTED_ONCE,
        SAME_CHANGE,
        Rules {
            fact_id_says_what_happened: false,
            ..Rules::ALL
        },
    );
}

#[test]
fn an_id_evicted_while_its_effects_are_pending_breaks_nothing() {
    breaks_nothing(Rules {
        history_keeps_ids_with_pending: false,
        ..Rules::ALL
    });
}

#[test]
fn without_a_history_the_order_and_the_facts_absorb_a_second_delivery() {
    breaks_nothing(Rules {
        history_is_kept: false,
        ..Rules::ALL
    });
}

#[test]
fn a_seq_that_is_the_events_second_leaves_the_receiver_with_the_older_of_two_levels() {
    breaks(
        LEVEL_IS_LAST,
        UNDISTURBED,
        Rules {
            seq_is_the_version: false,
            ..Rules::ALL
        },
    );
}

#[test]
fn a_receiver_that_takes_levels_as_they_come_ends_with_the_older_one() {
    breaks(
        LEVEL_IS_LAST,
        UNDISTURBED,
        Rules {
            receivers_keep_the_highest_seq: false,
            ..Rules::ALL
        },
    );
}

#[test]
fn a_story_reads_as_the_essay_shows_it() {
    let rules = Rules {
        stale_events_emit_their_facts: false,
        ..Rules::ALL
    };
    let world = Consumer {
        rules,
        ..UNDISTURBED
    };
    let expected = "\
every event's fact is emitted (2 events)
  1. worker 1   Receive event 2                             → read nothing, Apply next
  2. worker 1   Apply event 2                               → version 1, Emit next
  3. worker 1   Emit fact 2, level 2 (seq 1)                → Clear next
  4. worker 1   Clear fact 2, level 2 (seq 1)               → version 2, Acknowledge next
  5. worker 1   Acknowledge event 2
  6. worker 1   Receive event 1                             → read version 2, Apply next
  7. worker 1   Apply event 1                               → Acknowledge next
  8. worker 1   Acknowledge event 1
     in the end: version 2, state 2, nothing pending; facts minted 0, 1, emitted 0, 1; receiver holds nothing";
    assert_eq!(find(world, FACTS_EMITTED).as_deref(), Some(expected));
}
