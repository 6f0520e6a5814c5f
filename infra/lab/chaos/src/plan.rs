//! What a run does, as a function of its seed: how many events, in which rounds, and what goes wrong in each.
//!
//! A round moves the simulated world's time forward. It delivers what is new at a pace and in an order of its own, and
//! has its own faults. The kinds are dealt out like a deck of cards that is shuffled again when it is empty. So each
//! kind occurs in every run that has enough rounds, with different other kinds each time. What operators do meanwhile
//! is in `calls`.
//!
//! The same options give the same plan. Which call a fault hits depends on how the processes race, and so does the
//! outcome of a single call. The expected result doesn't depend on it.

use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;
use sluice_stripe_sim::delivery::{Mix, Order, Pace};

use crate::faults::Kind;

/// The most events of a run. The truth and the bus are held in memory.
pub const EVENTS_MAX: usize = 100_000;

/// The longest run, in minutes.
pub const MINUTES_MAX: u32 = 600;

/// Events per second if no time is given. If the machine can't keep up, rounds last longer.
const RATE: f64 = 40.0;

/// How long a round lasts, about, in seconds.
const ROUND_S: f64 = 12.0;

/// The fewest rounds.
const ROUNDS_MIN: usize = 4;

/// The fewest kinds of fault in a round.
const KINDS_MIN: usize = 5;

/// How far Stripe's API is ahead of the last event that a round delivers, in seconds. At least two: a second that isn't
/// over decides nothing. With days, objects are listed before their first event, which comes with the next round.
const AHEAD_S: [i64; 3] = [2, 3_600, 3 * 86_400];

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What everything depends on.
    pub seed: u64,
    /// How many events happen, at least. 1 to [`EVENTS_MAX`].
    pub events: usize,
    /// For how many minutes they are delivered. If `None`, as fast as the local AWS is sure to take them.
    pub minutes: Option<u32>,
    /// The kinds of fault; none for a run without faults.
    pub kinds: BTreeSet<Kind>,
}

impl Options {
    /// All kinds of fault.
    #[must_use]
    pub fn new(seed: u64, events: usize, minutes: Option<u32>) -> Self {
        let kinds = Kind::ALL.into();
        Self {
            seed,
            events,
            minutes,
            kinds,
        }
    }
}

/// A part of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// The number of the run's events that have been sent after it.
    pub events_until: usize,
    /// How far Stripe's API is ahead of the last of them, in seconds.
    pub ahead_s: i64,
    /// How long it lasts.
    pub lasts: Duration,
    /// The order of its events, and how many come twice.
    pub mix: Mix,
    /// How fast they come.
    pub pace: Pace,
    /// What goes wrong.
    pub kinds: BTreeSet<Kind>,
}

/// The rounds of a run.
#[must_use]
pub fn rounds(options: &Options) -> Vec<Round> {
    let mut dice = Rng::with_seed(options.seed);
    let events = options.events.clamp(1, EVENTS_MAX);
    let seconds = match options.minutes {
        Some(minutes) => f64::from(minutes.clamp(1, MINUTES_MAX)) * 60.0,
        None => count(events) / RATE,
    };
    let number = ((seconds / ROUND_S) as usize).max(ROUNDS_MIN);
    let lasts = Duration::from_secs_f64((seconds / count(number)).max(2.0));
    let in_a_round = KINDS_MIN.max(options.kinds.len().div_ceil(number));
    let mut deck = Vec::new();
    let round = |index: usize| {
        let (from, until) = (events * index / number, events * (index + 1) / number);
        Round {
            events_until: until,
            ahead_s: AHEAD_S[dice.usize(..AHEAD_S.len())],
            lasts,
            mix: Mix {
                order: order(&mut dice),
                duplicates_percent: dice.u8(5..=30),
                seed: dice.u64(..),
            },
            pace: pace(&mut dice, until - from, lasts),
            kinds: deal(&mut dice, &mut deck, &options.kinds, in_a_round),
        }
    };
    (0..number).map(round).collect()
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn count(number: usize) -> f64 {
    number as f64
}

fn order(dice: &mut Rng) -> Order {
    match dice.u8(0..4) {
        0 => Order::Reversed,
        1 => Order::Jumbled(20),
        _ => Order::Shuffled,
    }
}

/// Evenly over most of the round, in three waves, or all at once.
fn pace(dice: &mut Rng, events: usize, lasts: Duration) -> Pace {
    match dice.u8(0..3) {
        0 => Pace::Waves {
            events: events.div_ceil(3),
            every: lasts / 4,
        },
        1 => Pace::AtOnce,
        _ => Pace::PerSecond((count(events) / lasts.as_secs_f64() * 1.2).ceil() as u32),
    }
}

fn deal(
    dice: &mut Rng,
    deck: &mut Vec<Kind>,
    kinds: &BTreeSet<Kind>,
    wanted: usize,
) -> BTreeSet<Kind> {
    let mut dealt = BTreeSet::new();
    while dealt.len() < wanted.min(kinds.len()) {
        match deck.pop() {
            Some(kind) => {
                dealt.insert(kind);
            }
            None => {
                deck.extend(kinds);
                dice.shuffle(deck);
            }
        }
    }
    dealt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_seed_another() {
        let plan = |seed| rounds(&Options::new(seed, 1_000, None));
        assert_eq!(plan(1), plan(1));
        assert_ne!(plan(1), plan(2));
    }

    #[test]
    fn every_kind_of_fault_comes_up_and_every_event_is_in_a_round() {
        for (events, minutes) in [(1, None), (60, None), (10_000, None), (10_000, Some(10))] {
            let rounds = rounds(&Options::new(3, events, minutes));
            let kinds: BTreeSet<_> = rounds.iter().flat_map(|round| &round.kinds).collect();
            assert_eq!(kinds.len(), Kind::ALL.len(), "{events} {minutes:?}");
            assert_eq!(rounds.last().map(|round| round.events_until), Some(events));
            assert!(rounds.is_sorted_by_key(|round| round.events_until));
        }
    }

    #[test]
    fn a_run_of_ten_minutes_lasts_ten_minutes() {
        let rounds = rounds(&Options::new(3, 10_000, Some(10)));
        let lasts: Duration = rounds.iter().map(|round| round.lasts).sum();
        assert_eq!(lasts.as_secs_f64().round(), 600.0);
    }

    #[test]
    fn in_peace_nothing_goes_wrong() {
        let options = Options {
            kinds: BTreeSet::new(),
            ..Options::new(3, 100, None)
        };
        assert!(rounds(&options).iter().all(|round| round.kinds.is_empty()));
    }
}
