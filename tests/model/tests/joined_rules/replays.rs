//! The purpose of the rules of replays.

use sluice_model::joined::properties::{
    CALLED_FOR_ONCE, FORCED_EMITS_THE_LEVEL, FORCED_ONCE_MORE, NOTHING_LOST, PLAIN_CHANGES_NOTHING,
    STATE_IS_NEWEST,
};
use sluice_model::joined::{Joined, Rules};

use super::{ALL, FORCED, FORCED_IN_ANY_ORDER, REPLAYED, breaks};

#[test]
fn a_set_of_facts_that_forgets_makes_a_plain_replay_emit_them_again() {
    let facts_never_evicted = false;
    let rules = Rules {
        facts_never_evicted,
        ..ALL
    };
    breaks(CALLED_FOR_ONCE, REPLAYED, rules);
    breaks(PLAIN_CHANGES_NOTHING, REPLAYED, rules);
}

#[test]
fn a_fact_that_is_not_recorded_under_its_generation_is_emitted_by_each_redelivery() {
    let generations_are_recorded = false;
    let world = Joined {
        duplicates: 1,
        ..FORCED_IN_ANY_ORDER
    };
    breaks(
        CALLED_FOR_ONCE,
        world,
        Rules {
            generations_are_recorded,
            ..ALL
        },
    );
}

#[test]
fn a_fact_without_its_generation_is_not_emitted_again_by_a_forced_replay() {
    let generation_is_part_of_the_id = false;
    breaks(
        FORCED_ONCE_MORE,
        FORCED,
        Rules {
            generation_is_part_of_the_id,
            ..ALL
        },
    );
}

#[test]
fn a_history_blind_to_generations_takes_a_forced_replay_for_a_duplicate() {
    let history_separates_generations = false;
    let rules = Rules {
        history_separates_generations,
        ..ALL
    };
    breaks(FORCED_ONCE_MORE, FORCED, rules);
}

#[test]
fn a_forced_replay_that_comes_first_and_emits_under_its_generation_alone_silences_the_event() {
    let first_emit_is_plain = false;
    let rules = Rules {
        first_emit_is_plain,
        ..ALL
    };
    breaks(NOTHING_LOST, FORCED, rules);
}

#[test]
fn a_forced_replay_that_applies_its_event_as_new_takes_the_state_back() {
    let forced_never_regresses = false;
    breaks(
        STATE_IS_NEWEST,
        FORCED_IN_ANY_ORDER,
        Rules {
            forced_never_regresses,
            ..ALL
        },
    );
}

#[test]
fn a_forced_replay_that_emits_facts_alone_leaves_the_receiver_without_the_level() {
    let forced_emits_the_level = false;
    let rules = Rules {
        forced_emits_the_level,
        ..ALL
    };
    breaks(FORCED_EMITS_THE_LEVEL, FORCED, rules);
}

#[test]
fn a_replay_resumed_under_a_new_generation_emits_what_it_had_published_twice() {
    let resume_keeps_the_generation = false;
    breaks(
        FORCED_ONCE_MORE,
        FORCED,
        Rules {
            resume_keeps_the_generation,
            ..ALL
        },
    );
}

#[test]
fn a_replay_that_advances_before_it_publishes_leaves_an_event_out_in_a_crash() {
    let replay_advances_after_publishing = false;
    breaks(
        FORCED_ONCE_MORE,
        FORCED,
        Rules {
            replay_advances_after_publishing,
            ..ALL
        },
    );
}

#[test]
fn a_replay_that_overlooks_a_refusal_leaves_an_event_out() {
    let replay_checks_each_result = false;
    breaks(
        FORCED_ONCE_MORE,
        FORCED,
        Rules {
            replay_checks_each_result,
            ..ALL
        },
    );
}
