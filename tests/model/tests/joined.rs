//! The whole way keeps every promise, in every world that its configurations can reach.

use std::collections::HashMap;

use sluice_model::check;
use sluice_model::joined::properties::{
    EMITS_ANOTHERS, FORCED_COMES_FIRST, LEVELS_REVERSED, PROMISES, RECONCILE_MEETS_STRIPE,
    RECONCILE_MEETS_SWEEP, RECOVERED, REDELIVERED, REPLAY_DIES, REPLAY_OF_THE_SETTLED, REVERSED,
    SIGHTS,
};
use sluice_model::joined::{Joined, Kind, Rules, World};
use stateright::Model as _;

/// One event, delivered once, with one disturbance.
const ONE: Joined = Joined {
    events: 1,
    deliveries: 1,
    doors: 1,
    reconciles: 0,
    replay: None,
    duplicates: 0,
    workers: 1,
    disturbances: 1,
    rules: Rules::ALL,
};
const TWO: Joined = Joined { events: 2, ..ONE };

/// What only two events can show.
const OF_TWO: [&str; 2] = [REVERSED, LEVELS_REVERSED];
const OF_RECONCILE: [&str; 3] = [RECOVERED, RECONCILE_MEETS_STRIPE, RECONCILE_MEETS_SWEEP];
const OF_REPLAY: [&str; 3] = [REPLAY_DIES, FORCED_COMES_FIRST, REPLAY_OF_THE_SETTLED];

/// Checks that every promise holds and that exactly `out_of_reach` is never seen; prints the number of worlds.
fn holds(joined: Joined, out_of_reach: &[&[&str]]) {
    let verdict = check(joined);
    let stories: Vec<_> = verdict
        .broken
        .iter()
        .map(|(_, story)| story.as_str())
        .collect();
    assert!(stories.is_empty(), "{}", stories.join("\n\n"));
    let out_of_reach = out_of_reach.concat();
    let unseen = SIGHTS.iter().filter(|sight| out_of_reach.contains(sight));
    assert_eq!(verdict.never_seen, unseen.copied().collect::<Vec<_>>());
    println!(
        "{} events, {} deliveries each, {} runs of reconcile, replay {:?}, {} workers, {} disturbances: {} worlds",
        joined.events,
        joined.deliveries,
        joined.reconciles,
        joined.replay,
        joined.workers,
        joined.disturbances,
        verdict.worlds
    );
}

#[test]
fn one_event_delivered_again_and_reconciled_takes_effect_once() {
    holds(
        Joined {
            deliveries: 3,
            doors: 2,
            reconciles: 2,
            workers: 2,
            disturbances: 3,
            ..ONE
        },
        &[&OF_TWO, &OF_REPLAY, &[EMITS_ANOTHERS]],
    );
}

#[test]
fn two_events_in_any_order_take_effect_once_each_though_two_workers_crash() {
    holds(
        Joined {
            workers: 2,
            disturbances: 2,
            ..TWO
        },
        &[&OF_RECONCILE, &OF_REPLAY, &[REDELIVERED]],
    );
}

#[test]
fn messages_that_come_again_change_nothing() {
    holds(
        Joined {
            workers: 2,
            duplicates: 1,
            ..TWO
        },
        &[&OF_RECONCILE, &OF_REPLAY, &[REDELIVERED]],
    );
}

#[test]
fn reconcile_brings_what_stripe_gives_up_beside_late_deliveries_and_sweep() {
    holds(
        Joined {
            doors: 2,
            reconciles: 1,
            ..TWO
        },
        &[&OF_REPLAY, &[REDELIVERED]],
    );
}

#[test]
fn a_plain_replay_changes_nothing_whenever_it_runs_and_dies() {
    holds(
        Joined {
            replay: Some(Kind::Plain),
            ..TWO
        },
        &[&OF_RECONCILE, &[REDELIVERED, FORCED_COMES_FIRST]],
    );
}

#[test]
fn a_forced_replay_tells_each_fact_once_more_whenever_it_runs_and_dies() {
    holds(
        Joined {
            replay: Some(Kind::Forced),
            ..TWO
        },
        &[&OF_RECONCILE, &[REDELIVERED]],
    );
}

#[test]
fn a_delivery_sweep_reconcile_and_a_forced_replay_of_one_event_keep_every_promise_together() {
    holds(
        Joined {
            reconciles: 1,
            replay: Some(Kind::Forced),
            disturbances: 2,
            ..ONE
        },
        &[&[REVERSED, REDELIVERED]],
    );
}

#[test]
fn every_property_of_the_model_is_a_promise_or_a_sight() {
    let names: Vec<_> = ONE
        .properties()
        .iter()
        .map(|property| property.name)
        .collect();
    assert_eq!(names, [PROMISES.as_slice(), SIGHTS.as_slice()].concat());
}

/// What the promises for worlds at rest rely on: there is always a way there, and no way goes round in circles.
#[test]
fn no_world_comes_back_to_where_it_was_and_every_way_ends_at_rest() {
    for joined in [
        Joined {
            deliveries: 2,
            doors: 2,
            reconciles: 2,
            disturbances: 2,
            ..ONE
        },
        Joined {
            workers: 2,
            duplicates: 1,
            replay: Some(Kind::Forced),
            ..ONE
        },
        Joined { workers: 2, ..TWO },
    ] {
        let worlds = walk(joined);
        assert_eq!(worlds, check(joined).worlds, "every world was walked to");
    }
}

/// Walks depth first through every world, and returns how many there are.
fn walk(joined: Joined) -> usize {
    let next = |world: &World| {
        let mut actions = Vec::new();
        joined.actions(world, &mut actions);
        assert!(
            !actions.is_empty() || joined.settled(world),
            "nothing can happen, and yet something is left to do: {world:?}"
        );
        let worlds = actions.into_iter();
        worlds
            .filter_map(|action| joined.next_state(world, action))
            .collect::<Vec<_>>()
    };
    // Whether the way from there has been walked to its end.
    let mut walked: HashMap<World, bool> = HashMap::new();
    let mut way = Vec::new();
    for world in joined.init_states() {
        walked.insert(world.clone(), false);
        way.push((next(&world), world));
    }
    while let Some((ahead, here)) = way.last_mut() {
        match ahead.pop() {
            None => {
                walked.insert(here.clone(), true);
                way.pop();
            }
            Some(world) => match walked.get(&world) {
                None => {
                    walked.insert(world.clone(), false);
                    way.push((next(&world), world));
                }
                Some(done) => assert!(done, "this world comes back: {world:?}"),
            },
        }
    }
    walked.len()
}
