//! With all its guards, the protocol keeps every promise, in every world that three parallel deliveries can reach.

use sluice_model::properties::{PROMISES, TAKEOVER_OF_THE_LIVE, TORN_BESIDE_COMPLETE};
use sluice_model::{Guards, Protocol, SIGHTS, Size, check};
use stateright::Model as _;

const THREE_DELIVERIES: Protocol = Protocol {
    attempts: 3,
    picks: 2,
    size: Size::Small,
    skew: true,
    guards: Guards::ALL,
};

/// Checks that every promise holds and that exactly `out_of_reach` is never seen; prints the number of worlds.
fn holds(protocol: Protocol, out_of_reach: &[&str]) {
    let verdict = check(protocol);
    let stories: Vec<_> = verdict
        .broken
        .iter()
        .map(|(_, story)| story.as_str())
        .collect();
    assert!(stories.is_empty(), "{}", stories.join("\n\n"));
    assert_eq!(verdict.never_seen, out_of_reach);
    println!(
        "{:?} body, skew {}: {} worlds",
        protocol.size, protocol.skew, verdict.worlds
    );
}

#[test]
fn three_deliveries_of_a_small_event_keep_every_promise() {
    holds(
        Protocol {
            skew: false,
            ..THREE_DELIVERIES
        },
        &[TAKEOVER_OF_THE_LIVE, TORN_BESIDE_COMPLETE],
    );
}

#[test]
fn three_deliveries_of_a_small_event_keep_every_promise_though_clocks_differ() {
    holds(THREE_DELIVERIES, &[TORN_BESIDE_COMPLETE]);
}

#[test]
fn three_deliveries_of_a_large_event_keep_every_promise() {
    holds(
        Protocol {
            size: Size::Large,
            skew: false,
            ..THREE_DELIVERIES
        },
        &[TAKEOVER_OF_THE_LIVE],
    );
}

#[test]
fn three_deliveries_of_a_large_event_keep_every_promise_though_clocks_differ() {
    holds(
        Protocol {
            size: Size::Large,
            ..THREE_DELIVERIES
        },
        &[],
    );
}

#[test]
fn a_lone_delivery_and_more_sweeps_keep_every_promise() {
    for size in [Size::Small, Size::Large] {
        let verdict = check(Protocol {
            attempts: 1,
            picks: 6,
            size,
            ..THREE_DELIVERIES
        });
        assert!(verdict.broken.is_empty(), "{:?}", verdict.broken);
    }
}

#[test]
fn every_property_of_the_model_is_a_promise_or_a_sight() {
    let names: Vec<_> = THREE_DELIVERIES
        .properties()
        .iter()
        .map(|property| property.name)
        .collect();
    assert_eq!(names, [PROMISES.as_slice(), SIGHTS.as_slice()].concat());
}
