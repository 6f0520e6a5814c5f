//! The whole path keeps every promise, in every world that its configurations can reach.

use std::collections::HashMap;

use sluice_model::check;
use sluice_model::joined::properties::{
    EMITS_ANOTHERS, FORCED_COMES_FIRST, GIVEN_UP, IMPORTED_FIRST, LEVELS_REVERSED,
    OWED_BESIDE_PENDING, OWED_MEETS_STALE, PROMISES, RECONCILE_MEETS_STRIPE, RECONCILE_MEETS_SWEEP,
    RECOVERED, REDELIVERED, REFRESH_DIES, REPLAY_DIES, REPLAY_OF_THE_SETTLED, RESTORED_BEHIND,
    REVERSED, SIGHTS, SWEPT, TWICE_ON_THE_BUS,
};
use sluice_model::joined::{Joined, Kind, Refresh, Rules, World};
use stateright::Model as _;

/// One event, delivered once, with one disturbance.
const ONE: Joined = Joined {
    events: 1,
    deliveries: 1,
    ingest_attempts_max: 1,
    reconciles: 0,
    replay: None,
    refreshes: &[],
    restores: false,
    duplicates: 0,
    workers: 1,
    disturbances: 1,
    rules: Rules::ALL,
};
const TWO: Joined = Joined { events: 2, ..ONE };

/// The sights that only two events can show.
const OF_TWO: [&str; 2] = [REVERSED, LEVELS_REVERSED];
const OF_RECONCILE: [&str; 3] = [RECOVERED, RECONCILE_MEETS_STRIPE, RECONCILE_MEETS_SWEEP];
const OF_REPLAY: [&str; 3] = [REPLAY_DIES, FORCED_COMES_FIRST, REPLAY_OF_THE_SETTLED];
const OF_REFRESHES: [&str; 4] = [
    IMPORTED_FIRST,
    OWED_MEETS_STALE,
    OWED_BESIDE_PENDING,
    REFRESH_DIES,
];
/// The sights that only imports, rebuilds and restores can show.
const OF_OPERATOR: [&str; 5] = [
    IMPORTED_FIRST,
    OWED_MEETS_STALE,
    OWED_BESIDE_PENDING,
    REFRESH_DIES,
    RESTORED_BEHIND,
];
/// The sights that appear only if something goes wrong.
const OF_DISTURBANCES: [&str; 3] = [SWEPT, TWICE_ON_THE_BUS, GIVEN_UP];

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
    let restore = if joined.restores { ", a restore" } else { "" };
    println!(
        "{} events, {} deliveries each, {} runs of reconcile, replay {:?}, {:?}{restore}, {} workers, {} disturbances: {} worlds",
        joined.events,
        joined.deliveries,
        joined.reconciles,
        joined.replay,
        joined.refreshes,
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
            ingest_attempts_max: 2,
            reconciles: 2,
            workers: 2,
            disturbances: 3,
            ..ONE
        },
        &[&OF_TWO, &OF_REPLAY, &OF_OPERATOR, &[EMITS_ANOTHERS]],
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
        &[&OF_RECONCILE, &OF_REPLAY, &OF_OPERATOR, &[REDELIVERED]],
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
        &[&OF_RECONCILE, &OF_REPLAY, &OF_OPERATOR, &[REDELIVERED]],
    );
}

#[test]
fn reconcile_brings_what_stripe_gives_up_beside_late_deliveries_and_sweep() {
    holds(
        Joined {
            ingest_attempts_max: 2,
            reconciles: 1,
            ..TWO
        },
        &[&OF_REPLAY, &OF_OPERATOR, &[REDELIVERED]],
    );
}

#[test]
fn a_plain_replay_changes_nothing_whenever_it_runs_and_dies() {
    holds(
        Joined {
            replay: Some(Kind::Plain),
            ..TWO
        },
        &[
            &OF_RECONCILE,
            &OF_OPERATOR,
            &[REDELIVERED, FORCED_COMES_FIRST],
        ],
    );
}

#[test]
fn a_forced_replay_emits_each_fact_once_more_whenever_it_runs_and_dies() {
    holds(
        Joined {
            replay: Some(Kind::Forced),
            ..TWO
        },
        &[&OF_RECONCILE, &OF_OPERATOR, &[REDELIVERED]],
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
        &[&[REVERSED, REDELIVERED], &OF_OPERATOR],
    );
}

#[test]
fn an_import_keeps_every_promise_whenever_it_runs_and_dies_also_before_the_first_event() {
    holds(
        Joined {
            refreshes: &[Refresh::Import],
            ..TWO
        },
        &[
            &OF_RECONCILE,
            &OF_REPLAY,
            &[REDELIVERED, OWED_BESIDE_PENDING, RESTORED_BEHIND],
        ],
    );
}

#[test]
fn a_suppressed_rebuild_swallows_no_level_though_two_workers_are_at_the_item() {
    holds(
        Joined {
            refreshes: &[Refresh::Suppressed],
            workers: 2,
            ..TWO
        },
        &[
            &OF_RECONCILE,
            &OF_REPLAY,
            &[REDELIVERED, IMPORTED_FIRST, RESTORED_BEHIND],
        ],
    );
}

#[test]
fn what_a_rebuild_owes_is_emitted_by_an_import_or_a_rebuild_that_emits_whenever_it_dies() {
    let unseen = [REDELIVERED, RESTORED_BEHIND];
    holds(
        Joined {
            refreshes: &[Refresh::Suppressed, Refresh::Import],
            ..TWO
        },
        &[&OF_RECONCILE, &OF_REPLAY, &unseen],
    );
    holds(
        Joined {
            refreshes: &[Refresh::Suppressed, Refresh::Emitting],
            ..TWO
        },
        &[&OF_RECONCILE, &OF_REPLAY, &unseen, &[IMPORTED_FIRST]],
    );
}

#[test]
fn imports_rebuilds_and_messages_that_come_again_take_turns() {
    holds(
        Joined {
            refreshes: &[Refresh::Import, Refresh::Suppressed, Refresh::Import],
            duplicates: 1,
            disturbances: 0,
            ..TWO
        },
        &[
            &OF_RECONCILE,
            &OF_REPLAY,
            &OF_DISTURBANCES,
            &[REDELIVERED, REFRESH_DIES, RESTORED_BEHIND],
        ],
    );
}

#[test]
fn a_forced_replay_beside_a_suppressed_rebuild_keeps_every_promise() {
    holds(
        Joined {
            refreshes: &[Refresh::Suppressed],
            replay: Some(Kind::Forced),
            disturbances: 0,
            ..TWO
        },
        &[
            &OF_RECONCILE,
            &OF_DISTURBANCES,
            &[REDELIVERED, REPLAY_DIES],
            &[IMPORTED_FIRST, REFRESH_DIES, RESTORED_BEHIND],
        ],
    );
}

#[test]
fn a_restored_item_ends_at_the_newest_once_the_next_event_has_come_though_workers_crash() {
    holds(
        Joined {
            restores: true,
            workers: 2,
            ..TWO
        },
        &[&OF_RECONCILE, &OF_REPLAY, &OF_REFRESHES, &[REDELIVERED]],
    );
}

#[test]
fn a_restored_item_ends_at_the_newest_once_its_events_are_replayed() {
    holds(
        Joined {
            restores: true,
            replay: Some(Kind::Plain),
            disturbances: 0,
            ..TWO
        },
        &[
            &OF_RECONCILE,
            &OF_REFRESHES,
            &OF_DISTURBANCES,
            &[REDELIVERED, REPLAY_DIES, FORCED_COMES_FIRST],
        ],
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

/// The assumption behind promises for worlds at rest: a path always leads there, and no path is a cycle.
#[test]
fn no_world_comes_back_to_where_it_was_and_every_way_ends_at_rest() {
    for joined in [
        Joined {
            deliveries: 2,
            ingest_attempts_max: 2,
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
        Joined {
            refreshes: &[Refresh::Import, Refresh::Suppressed],
            disturbances: 2,
            ..ONE
        },
        Joined {
            restores: true,
            replay: Some(Kind::Plain),
            ..ONE
        },
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
    // Whether the path from there has been walked to its end.
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
