//! In which order events come, how often, and when.
//!
//! A plan is a pure function of the world, the endpoint and a [`Mix`].

use std::time::Duration;

use fastrand::Rng;

use crate::delivery::endpoint::Endpoint;
use crate::delivery::endpoint_event;
use crate::ids::{Purpose, stream};
use crate::world::World;

/// In which order events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// In the order in which they happened.
    AsHappened,
    /// Backwards.
    Reversed,
    /// Any order at all.
    Shuffled,
    /// In almost the right order, as on a busy day: no event moves by more than this number of places.
    Jumbled(usize),
}

/// How deliveries are mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// The order.
    pub order: Order,
    /// How many of a hundred events are delivered a second time, some time after.
    pub duplicates_percent: u8,
    /// The seed of the random choices.
    pub seed: u64,
}

impl Mix {
    /// In the order in which they happened, once each.
    pub const PLAIN: Self = Self {
        order: Order::AsHappened,
        duplicates_percent: 0,
        seed: 0,
    };
}

/// How fast events come, in real time, since the load on the receiver is what matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// All at once. Only the number of connections limits them.
    AtOnce,
    /// This number per second, evenly; 0 counts as 1.
    PerSecond(u32),
    /// In waves: many at once, repeatedly, as renewals come at the full hour.
    Waves {
        /// A wave's deliveries; 0 counts as 1.
        events: usize,
        /// The time from wave to wave.
        every: Duration,
    },
}

impl Pace {
    /// When the delivery at this place is due, after the first.
    #[must_use]
    pub fn offset(self, place: usize) -> Duration {
        match self {
            Self::AtOnce => Duration::ZERO,
            Self::PerSecond(rate) => {
                let micros = place as u64 * 1_000_000 / u64::from(rate.max(1));
                Duration::from_micros(micros)
            }
            Self::Waves { events, every } => {
                let wave = u32::try_from(place / events.max(1)).unwrap_or(u32::MAX);
                every.saturating_mul(wave)
            }
        }
    }
}

/// One delivery of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// `evt_…`.
    pub event: String,
    /// Its type.
    pub kind: String,
    /// The bytes.
    pub body: Vec<u8>,
    /// Whether the event was in the plan before.
    pub again: bool,
}

/// The deliveries of everything that the endpoint receives, mixed.
#[must_use]
pub fn plan(world: &World, endpoint: &Endpoint, mix: Mix) -> Vec<Delivery> {
    let received = endpoint_event::events_of(world, endpoint);
    mixed(received.len(), mix)
        .into_iter()
        .map(|(place, again)| Delivery {
            event: received[place].id(),
            kind: received[place].kind(),
            body: received[place].body(world, endpoint),
            again,
        })
        .collect()
}

/// The places of this number of events in the order of delivery, each with whether it came before.
pub(crate) fn mixed(events: usize, mix: Mix) -> Vec<(usize, bool)> {
    let mut dice = stream(mix.seed, 0, Purpose::World);
    let mut places = order(events, mix.order, &mut dice);
    repeat(&mut places, mix.duplicates_percent, &mut dice);
    let mut seen = vec![false; events];
    let with_seen = |place: usize| (place, std::mem::replace(&mut seen[place], true));
    places.into_iter().map(with_seen).collect()
}

fn order(events: usize, order: Order, dice: &mut Rng) -> Vec<usize> {
    let mut places: Vec<_> = (0..events).collect();
    match order {
        Order::AsHappened => {}
        Order::Reversed => places.reverse(),
        Order::Shuffled => dice.shuffle(&mut places),
        // Each place is sorted by its index plus a random number up to the bound: none moves further than that.
        Order::Jumbled(within) => {
            let mut keyed: Vec<_> = places
                .into_iter()
                .map(|place| (place + dice.usize(..=within), place))
                .collect();
            keyed.sort_unstable();
            places = keyed.into_iter().map(|(_, place)| place).collect();
        }
    }
    places
}

/// Adds a second delivery of some, anywhere after the first.
fn repeat(places: &mut Vec<usize>, percent: u8, dice: &mut Rng) {
    // Where the repeated delivery comes: after a number of the first deliveries, and in random order among the repeated
    // ones there.
    let firsts = places.len();
    let mut keyed: Vec<_> = places
        .drain(..)
        .enumerate()
        .map(|(at, place)| ((at, 0), place))
        .collect();
    for at in 0..firsts {
        if dice.u8(0..100) < percent {
            let key = (dice.usize(at..firsts), dice.u32(1..));
            keyed.push((key, keyed[at].1));
        }
    }
    keyed.sort_unstable();
    places.extend(keyed.into_iter().map(|(_, place)| place));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_pace_is_even_and_waves_come_at_once() {
        let at = |pace: Pace| [0, 1, 2, 3].map(|place| pace.offset(place).as_millis());
        assert_eq!(at(Pace::AtOnce), [0; 4]);
        assert_eq!(at(Pace::PerSecond(4)), [0, 250, 500, 750]);
        let every = Duration::from_millis(40);
        assert_eq!(at(Pace::Waves { events: 2, every }), [0, 0, 40, 40]);
        assert_eq!(at(Pace::Waves { events: 0, every }), [0, 40, 80, 120]);
    }

    #[test]
    fn a_plan_of_ten_thousand_has_each_once_before_it_has_it_again() {
        let mix = Mix {
            order: Order::Shuffled,
            duplicates_percent: 20,
            seed: 9,
        };
        let mixed = mixed(10_000, mix);
        let mut seen = std::collections::BTreeSet::new();
        for (place, again) in &mixed {
            assert_eq!(*again, !seen.insert(place));
        }
        assert_eq!(seen.len(), 10_000);
        assert!((11_500..12_500).contains(&mixed.len()));
    }
}
