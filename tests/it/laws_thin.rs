//! The laws of order for a change that several events report: a snapshot and a thin event of the same change, two
//! events of different ids, or only a thin event.
//!
//! A thin event carries no state: with a key its object is fetched, without one it is ignored. So with a key everything
//! ends in Stripe's state, for any events, and without one as if the thin events hadn't come.

use std::collections::BTreeSet;

use serde_json::json;
use sluice_domains::{Visit, by_name};
use sluice_effects::place_of;
use sluice_harness::build::TRACEPARENT;
use sluice_kernel::consumer::fetch::WithoutKey;
use sluice_kernel::domain::Domain;
use sluice_kernel::queue::Received;
use sluice_stripe_sim::{ApiVersion, Occurrence, World};

use crate::laws::{Dice, End, Truth, deliver, message, world};

/// The number of worlds, of a few lifecycles each.
const WORLDS: u64 = 8;

/// The number of orders tried for each world's deliveries.
const ORDERS: u64 = 2;

/// The percentage of changes that two events report.
const SECOND_EVENTS_PERCENT: u8 = 20;

/// The message of the thin event of an occurrence, as a rule writes it.
fn thin_message(world: &World, occurrence: &Occurrence) -> Received {
    let mut detail = world.thin(occurrence);
    detail["sluice"] = json!({
        "account": occurrence.object.scope.account, "endpoint": "thin", "livemode": occurrence.object.scope.livemode,
        "created": occurrence.created, "received_at_ms": 0, "traceparent": TRACEPARENT, "body": "inline",
    });
    let kind = occurrence.thin_kind();
    let text =
        json!({ "source": "sluice.stripe", "detail-type": kind, "detail": detail }).to_string();
    Received {
        message_id: occurrence.thin_id(),
        text,
        receives: 1,
    }
}

/// A world's events that a domain gets: as snapshots, and as thin events if those are routed to it.
fn messages<D: Domain>(world: &World) -> [Vec<Received>; 2] {
    let own = world.events().iter();
    let own = own.filter(|event| D::handles(&event.kind));
    let thin = own
        .clone()
        .filter(|event| place_of(&event.thin_kind()) == Some(D::NAME));
    [
        own.map(|event| message(world, event, ApiVersion::V2025_09_30))
            .collect(),
        thin.map(|event| thin_message(world, event)).collect(),
    ]
}

fn laws_hold<D: Domain>() {
    let mut fetched = 0;
    for seed in 1..=WORLDS {
        let mut world = world(seed);
        let once = messages::<D>(&world)[0].clone();
        let by_key = deliver::<D>(&once, &Truth(&world));
        let without_key = deliver::<D>(&once, &WithoutKey);
        // From here on, some changes have two events.
        world.add_second_events(SECOND_EVENTS_PERCENT);
        let [snapshots, thin] = messages::<D>(&world);
        let mut dice = Dice(seed);
        for _ in 0..ORDERS {
            let mut all = [snapshots.clone(), thin.clone()].concat();
            dice.shuffle(&mut all);
            let ended = deliver::<D>(&all, &Truth(&world));
            assert_eq!(ended, by_key, "seed {seed}, with a key");
            let ended = deliver::<D>(&all, &WithoutKey);
            assert_eq!(ended, without_key, "seed {seed}, without one");

            let mut alone = thin.clone();
            dice.shuffle(&mut alone);
            let ended = deliver::<D>(&alone, &Truth(&world));
            fetched += ended.states.len();
            says_no_more(&ended, &by_key);
        }
    }
    assert!(fetched > 20, "{fetched} objects are too few");
}

/// A domain that gets only thin events has the same states of the objects that can be fetched, and emits no fact that
/// the snapshots don't call for.
fn says_no_more(thin: &End, by_key: &End) {
    for (key, state) in &thin.states {
        assert_eq!(state, &by_key.states[key], "{key}");
    }
    for (key, level) in &thin.levels {
        assert_eq!(level, &by_key.levels[key], "{key}");
    }
    let strange: BTreeSet<_> = thin.facts.difference(&by_key.facts).collect();
    assert!(strange.is_empty(), "{strange:?}");
}

fn laws_hold_in(domain: &str) {
    struct Laws;

    impl Visit for Laws {
        type Output = ();

        fn visit<D: Domain>(self) {
            laws_hold::<D>();
        }
    }

    by_name(domain, Laws).expect("a domain");
}

#[test]
fn payments_end_the_same_however_often_and_in_whichever_form_a_change_comes() {
    laws_hold_in("payments");
}

#[test]
fn billing_ends_the_same_however_often_and_in_whichever_form_a_change_comes() {
    laws_hold_in("billing");
}

#[test]
fn subscriptions_end_the_same_however_often_and_in_whichever_form_a_change_comes() {
    laws_hold_in("subscriptions");
}

#[test]
fn connect_ends_the_same_however_often_and_in_whichever_form_a_change_comes() {
    laws_hold_in("connect");
}
