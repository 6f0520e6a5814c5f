//! With all its rules, the consumer keeps every promise, in every world that two workers can reach.

use sluice_model::check;
use sluice_model::consumer::properties::{
    FORGOTTEN, GIVEN_UP, PROMISES, SIGHTS, STALE_WITH_A_FACT,
};
use sluice_model::consumer::{Consumer, Rules};
use stateright::Model as _;

const TWO_EVENTS: Consumer = Consumer {
    events: 2,
    same_change: false,
    history: 1,
    redeliveries: 1,
    disturbances: 2,
    dead_letters: 0,
    rules: Rules::ALL,
};

/// Checks that every promise holds and that exactly `out_of_reach` is never seen; prints the number of worlds.
fn holds(consumer: Consumer, out_of_reach: &[&str]) {
    let verdict = check(consumer);
    let stories: Vec<_> = verdict
        .broken
        .iter()
        .map(|(_, story)| story.as_str())
        .collect();
    assert!(stories.is_empty(), "{}", stories.join("\n\n"));
    assert_eq!(verdict.never_seen, out_of_reach);
    println!(
        "{} events, history {}, {} redeliveries, {} disturbances, {} dead letters: {} worlds",
        consumer.events,
        consumer.history,
        consumer.redeliveries,
        consumer.disturbances,
        consumer.dead_letters,
        verdict.worlds
    );
}

#[test]
fn two_events_in_any_order_keep_every_promise_though_workers_crash_and_answers_are_lost() {
    holds(TWO_EVENTS, &[GIVEN_UP]);
}

#[test]
fn a_message_given_up_leaves_its_effects_to_the_next_delivery() {
    holds(
        Consumer {
            dead_letters: 1,
            ..TWO_EVENTS
        },
        &[],
    );
}

#[test]
fn three_events_that_overtake_each_other_keep_every_promise() {
    holds(
        Consumer {
            events: 3,
            disturbances: 1,
            ..TWO_EVENTS
        },
        &[GIVEN_UP],
    );
}

#[test]
fn two_events_of_one_change_are_one_fact() {
    holds(
        Consumer {
            same_change: true,
            ..TWO_EVENTS
        },
        &[STALE_WITH_A_FACT, GIVEN_UP],
    );
}

#[test]
fn a_history_that_never_forgets_changes_nothing() {
    holds(
        Consumer {
            history: 3,
            ..TWO_EVENTS
        },
        &[FORGOTTEN, GIVEN_UP],
    );
}

#[test]
fn every_property_of_the_model_is_a_promise_or_a_sight() {
    let names: Vec<_> = TWO_EVENTS
        .properties()
        .iter()
        .map(|property| property.name)
        .collect();
    assert_eq!(names, [PROMISES.as_slice(), SIGHTS.as_slice()].concat());
}
