//! The law of order, for each object: in whatever order an object's events arrive, its domain ends in the same state.
//!
//! The objects are those of the simulated Stripe's stories ([`crate::stories`]). Each event has an API version drawn at
//! random, since endpoints are pinned to different ones. An object with up to [`WHOLE_MAX`] events is tried in every
//! order, one with more in [`SAMPLED`] orders. In each order some events are repeated, anywhere after their first time.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::Value;
use sluice_kernel::domain::Domain;
use sluice_kernel::effects::effect::fact_id;
use sluice_stripe_sim::ApiVersion;

use crate::stories::{self, Played, Read};

/// Objects with at most this number of events are tried in every order.
pub const WHOLE_MAX: usize = 7;

/// How many orders are tried for an object with more events.
pub const SAMPLED: usize = 1_000;

/// The seed of the worlds and of all random choices.
const SEED: u64 = 17;

/// What was tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tried {
    /// Objects with two events or more.
    pub objects: usize,
    /// How many of them were tried in every order.
    pub whole: usize,
    /// Orders tried, over all objects.
    pub orders: usize,
}

/// What must not depend on the order: states, facts with their data, last levels.
type End<'a, S> = (
    &'a BTreeMap<String, S>,
    BTreeMap<&'a str, &'a Value>,
    BTreeMap<&'a str, (&'a Value, &'a Value)>,
);

/// Tries every object of every story, and checks that each fact has one wording ([`every_fact_is_said_alike`]).
///
/// # Panics
/// If an order ends differently from the order in which the events happened, or if the domain refuses an event.
pub fn every_order<D: Domain>() -> Tried
where
    D::State: std::fmt::Debug,
{
    every_fact_is_said_alike::<D>();
    let mut dice = Rng::with_seed(SEED);
    let mut tried = Tried::default();
    for (name, events) in objects::<D>(&mut dice) {
        tried.objects += 1;
        let in_order = apply::<D>(&name, &events);
        let happened = end(&in_order);
        let mut judge = |order: &[usize]| {
            tried.orders += 1;
            let mut delivered: Vec<usize> = order.to_vec();
            for _ in 0..events.len() / 3 {
                let first = dice.usize(..delivered.len());
                let again = dice.usize(first + 1..=delivered.len());
                delivered.insert(again, delivered[first]);
            }
            let played = apply::<D>(&name, delivered.iter().map(|at| &events[*at]));
            assert_eq!(end(&played), happened, "{name}, in the order {order:?}");
        };
        let mut order: Vec<usize> = (0..events.len()).collect();
        if events.len() <= WHOLE_MAX {
            each_permutation(&mut order, 0, &mut judge);
            tried.whole += 1;
        } else {
            let mut shuffles = Rng::with_seed(SEED);
            for _ in 0..SAMPLED {
                shuffles.shuffle(&mut order);
                judge(&order);
            }
        }
    }
    tried
}

/// Each object that has two events or more, named by its story and key.
fn objects<D: Domain>(dice: &mut Rng) -> BTreeMap<String, Vec<Read<D::State>>> {
    let versions = ApiVersion::TESTED.map(|version| stories::all(SEED, version));
    let mut objects: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (story, (name, happened)) in versions[0].iter().enumerate() {
        for at in 0..happened.len() {
            let event = &versions[dice.usize(..versions.len())][story].1[at];
            if !D::handles(&event.kind) {
                continue;
            }
            let read = stories::read::<D>(event).expect("an event of a story can be read");
            let object = objects.entry(format!("{name}: {}", read.key)).or_default();
            object.push(read);
        }
    }
    objects.retain(|_, events| events.len() > 1);
    objects
}

fn apply<'a, D: Domain>(
    name: &str,
    events: impl IntoIterator<Item = &'a Read<D::State>>,
) -> Played<D::State>
where
    D::State: 'a,
{
    stories::apply::<D>(events)
        .unwrap_or_else(|(kind, fault)| panic!("{name}: {kind} is refused: {fault}"))
}

fn end<S>(played: &Played<S>) -> End<'_, S> {
    (&played.states, played.facts_said(), played.last_levels())
}

/// Checks that each fact has one wording. It may not depend on the event that causes it, on that event's object or API
/// version, or on whether it is a snapshot or fetched after the story's end.
///
/// # Panics
/// If two events give one fact different data, or if the domain refuses an event.
pub fn every_fact_is_said_alike<D: Domain>() {
    let mut said: BTreeMap<(String, String), (Value, String)> = BTreeMap::new();
    for version in ApiVersion::TESTED {
        let snapshots = stories::all(SEED, version);
        let fetched = stories::all_fetched(SEED, version);
        for (name, events) in snapshots.into_iter().chain(fetched) {
            for event in events.iter().filter(|event| D::handles(&event.kind)) {
                let facts = D::facts(event).expect("an event of a story can be read");
                for fact in facts {
                    let by = format!("{} at {version}", event.kind);
                    let id = fact_id(&fact, &event.scope);
                    let (data, first) = said
                        .entry((name.clone(), id.clone()))
                        .or_insert_with(|| (fact.data.clone(), by.clone()));
                    assert_eq!(fact.data, *data, "{name}: {id}, by {by} and by {first}");
                }
            }
        }
    }
}

/// Every permutation of the elements from `from` on, the given order first.
fn each_permutation(order: &mut [usize], from: usize, judge: &mut impl FnMut(&[usize])) {
    if from + 1 >= order.len() {
        judge(order);
        return;
    }
    for other in from..order.len() {
        order.swap(from, other);
        each_permutation(order, from + 1, judge);
        order.swap(from, other);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_order_comes_once() {
        let mut seen = BTreeSet::new();
        let mut orders = 0;
        each_permutation(&mut [0, 1, 2, 3, 4], 0, &mut |order| {
            orders += 1;
            seen.insert(order.to_vec());
        });
        assert_eq!((orders, seen.len()), (120, 120));
    }
}
