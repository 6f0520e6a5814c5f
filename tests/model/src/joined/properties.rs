//! What must always hold, and what must be possible.
//!
//! No path returns to an earlier world: each action either advances something towards its end, or is counted against a
//! budget. So everything comes to rest in every case ([`Joined::settled`]). A promise for "the end" is checked in every
//! world at rest; here that equals stateright's `eventually` and gives shorter stories. From a world at rest, Stripe
//! may send more, or reconcile may run once more. To check a promise about that, the test lets it happen there,
//! undisturbed. The same holds for the next message after a suppressed write, and for a replay after a restore. Until
//! then the promises about levels and pending effects don't apply to the item and the receiver.

use stateright::Property;

use super::action::Action;
use super::protocol::{Joined, Kind, generations};
use super::world::{Effect, Message, RECONCILE, RefreshStep, ReplayStep, Step, Work, World};

/// Promise 1. If Stripe was answered 2xx, a receiver acts on the event's fact.
pub const NOTHING_LOST: &str = "what is acknowledged takes effect";
/// An event that Stripe no longer sends takes effect once reconcile has run undisturbed, or has passed it.
pub const NOTHING_MISSED: &str = "what Stripe has takes effect once reconcile has run";
/// No claim blocks an event forever.
pub const NOBODY_STUCK: &str = "the next undisturbed delivery takes effect";
/// No attempt is answered 409 because of its own claim.
pub const HELD_BY_ANOTHER: &str = "only another attempt's claim holds a delivery up";
/// Ingest, sweep and reconcile together publish an event once, unless something went wrong.
pub const SECOND_COPY_HAS_A_CAUSE: &str = "a second copy on the bus has a cause";
/// Promise 2, at the receiver.
pub const ACTED_ONCE: &str = "a receiver acts once on a fact by id and generation";
/// Promise 2, at the item: receivers may have forgotten an id after a while.
pub const CALLED_FOR_ONCE: &str = "a fact is called for once by id and generation";
/// Everything that was called for has arrived.
pub const ALL_ARRIVES: &str = "every fact that was called for is acted on";
/// Effects don't wait for a delivery that will not come.
pub const NOTHING_PENDING: &str = "nothing stays pending";
/// Promise 3: in any order, and after any replay.
pub const STATE_IS_NEWEST: &str = "the state ends at the newest event's";
/// The receiver holds the level of the state.
pub const LEVEL_IS_LAST: &str = "the level ends at the last";
/// Once any message of the object has come after a suppressed write, the receiver holds the level of the state.
pub const NEXT_EMITS_THE_OWED: &str = "the next message emits what a suppressed write owes";
/// Once its events are replayed, a restored item has the newest state again, and the receiver holds its level.
pub const REPLAY_FOLLOWS_A_RESTORE: &str = "a replay after a restore ends at the newest";
/// A plain replay of settled events leaves item and receiver unchanged.
pub const PLAIN_CHANGES_NOTHING: &str = "a plain replay changes nothing";
/// A forced replay, resumed any number of times, emits the facts of the selected events once more, and no others. If it
/// was the first to emit a fact, that emission is enough.
pub const FORCED_ONCE_MORE: &str = "a forced replay emits each fact once more";
/// A forced replay of settled events sends the receiver the level that it holds, at a higher `seq`.
pub const FORCED_EMITS_THE_LEVEL: &str = "a forced replay emits the level again";

/// Stripe delivers an acknowledged event again, because the answer was lost.
pub const REDELIVERED: &str = "an acknowledged event is delivered again";
/// Sweep publishes what ingest could not.
pub const SWEPT: &str = "sweep publishes what ingest could not";
/// Reconcile publishes an event that Stripe has given up.
pub const RECOVERED: &str = "reconcile brings an event that Stripe has given up";
/// Reconcile and Stripe both have an attempt of ingest for an event.
pub const RECONCILE_MEETS_STRIPE: &str =
    "reconcile and a late delivery have an attempt of ingest at once";
/// Sweep handles an event that reconcile is handling.
pub const RECONCILE_MEETS_SWEEP: &str = "reconcile has in hand what sweep publishes";
/// An event was put on the bus twice.
pub const TWICE_ON_THE_BUS: &str = "an event is published twice";
/// The older event comes after the newer.
pub const REVERSED: &str = "an older event comes after the newer";
/// A level is about to arrive after a later one.
pub const LEVELS_REVERSED: &str = "levels arrive reversed";
/// A worker has effects to emit that another delivery called for.
pub const EMITS_ANOTHERS: &str = "a delivery emits what another left pending";
/// A message is among the dead letters.
pub const GIVEN_UP: &str = "a message is a dead letter";
/// A replay has died.
pub const REPLAY_DIES: &str = "a replay dies before its end";
/// A message under a generation is applied before the event's own.
pub const FORCED_COMES_FIRST: &str = "a forced replay overtakes the event's own delivery";
/// Stripe has shown the object before any event of it was applied.
pub const IMPORTED_FIRST: &str = "an import overtakes the first event";
/// After a suppressed write, the event of the change that it has seen, or an earlier event, comes.
pub const OWED_MEETS_STALE: &str = "a stale event finds a level owed";
/// A suppressed write changes a state while its level is about to be emitted.
pub const OWED_BESIDE_PENDING: &str = "a level is owed while another is pending";
/// An import or rebuild that emits has died with its effects pending.
pub const REFRESH_DIES: &str = "an import dies between its write and its emission";
/// The receiver has a newer level than the item.
pub const RESTORED_BEHIND: &str = "a restored item is behind its receiver";
/// A replay began with everything settled.
pub const REPLAY_OF_THE_SETTLED: &str = "a replay begins with everything settled";

/// The promises: in force in every world.
pub const PROMISES: [&str; 16] = [
    NOTHING_LOST,
    NOTHING_MISSED,
    NOBODY_STUCK,
    HELD_BY_ANOTHER,
    SECOND_COPY_HAS_A_CAUSE,
    ACTED_ONCE,
    CALLED_FOR_ONCE,
    ALL_ARRIVES,
    NOTHING_PENDING,
    STATE_IS_NEWEST,
    LEVEL_IS_LAST,
    NEXT_EMITS_THE_OWED,
    REPLAY_FOLLOWS_A_RESTORE,
    PLAIN_CHANGES_NOTHING,
    FORCED_ONCE_MORE,
    FORCED_EMITS_THE_LEVEL,
];

/// Sights, which show that the model reaches the interesting worlds.
pub const SIGHTS: [&str; 18] = [
    REDELIVERED,
    SWEPT,
    RECOVERED,
    RECONCILE_MEETS_STRIPE,
    RECONCILE_MEETS_SWEEP,
    TWICE_ON_THE_BUS,
    REVERSED,
    LEVELS_REVERSED,
    EMITS_ANOTHERS,
    GIVEN_UP,
    REPLAY_DIES,
    FORCED_COMES_FIRST,
    IMPORTED_FIRST,
    OWED_MEETS_STALE,
    OWED_BESIDE_PENDING,
    REFRESH_DIES,
    RESTORED_BEHIND,
    REPLAY_OF_THE_SETTLED,
];

type Promise = Property<Joined>;

pub(super) fn all() -> Vec<Promise> {
    let mut all = promises();
    all.extend(sights());
    all
}

fn promises() -> Vec<Promise> {
    vec![
        Promise::always(NOTHING_LOST, |joined, world| {
            !joined.settled(world)
                || (0..joined.events).all(|event| {
                    !world.events[usize::from(event)].acknowledged || world.took_effect(event)
                })
        }),
        Promise::always(NOTHING_MISSED, |joined, world| {
            let stripe_is_through = world.events[..usize::from(joined.events)]
                .iter()
                .all(|event| event.sent == joined.deliveries);
            joined.reconciles == 0
                || !stripe_is_through
                || !joined.settled(world)
                || joined.reconcile_brings_all(world.clone())
        }),
        Promise::always(NOBODY_STUCK, |joined, world| {
            !joined.settled(world)
                || (0..joined.events).all(|event| joined.delivery_gets_through(world, event))
        }),
        Promise::always(HELD_BY_ANOTHER, |_, world| !world.held_by_itself),
        Promise::always(SECOND_COPY_HAS_A_CAUSE, |_, world| {
            world
                .events
                .iter()
                .all(|one| one.copies < 2 || one.in_doubt)
        }),
        Promise::always(ACTED_ONCE, |_, world| {
            Message::all().all(|fact| world.receiver.acted.of(fact) < 2)
        }),
        // A restored item has forgotten what it called for; receivers haven't.
        Promise::always(CALLED_FOR_ONCE, |_, world| {
            world.restored || Message::all().all(|fact| world.minted.of(fact) < 2)
        }),
        Promise::always(ALL_ARRIVES, |joined, world| {
            !joined.settled(world)
                || world
                    .minted
                    .some()
                    .all(|fact| world.receiver.acted.of(fact) > 0)
        }),
        Promise::always(NOTHING_PENDING, |joined, world| {
            !joined.at_rest(world) || nothing_pending(world)
        }),
        Promise::always(STATE_IS_NEWEST, |joined, world| {
            !joined.settled(world) || world.behind || state_is_newest(world)
        }),
        Promise::always(LEVEL_IS_LAST, |joined, world| {
            !joined.at_rest(world) || level_is_last(world)
        }),
        Promise::always(NEXT_EMITS_THE_OWED, |joined, world| {
            !world.awaits_message
                || !joined.settled(world)
                || (0..joined.events).all(|event| joined.message_brings_level(world, event))
        }),
        Promise::always(REPLAY_FOLLOWS_A_RESTORE, |joined, world| {
            !world.behind || !joined.settled(world) || joined.replay_brings_all(world)
        }),
        Promise::always(PLAIN_CHANGES_NOTHING, |joined, world| {
            joined.replay != Some(Kind::Plain)
                || !joined.settled(world)
                || world.before_replay.as_ref().is_none_or(|(item, receiver)| {
                    *item == world.item && *receiver == world.receiver
                })
        }),
        Promise::always(FORCED_ONCE_MORE, |joined, world| {
            !joined.settled(world) || joined.forced_once_more(world)
        }),
        Promise::always(FORCED_EMITS_THE_LEVEL, |joined, world| {
            joined.replay != Some(Kind::Forced)
                || !joined.settled(world)
                || world.before_replay.as_ref().is_none_or(|(_, before)| {
                    let (before, now) = (before.level, world.receiver.level);
                    let (Some(before), Some(now)) = (before, now) else {
                        return false;
                    };
                    now.value == before.value && now.seq > before.seq
                })
        }),
    ]
}

fn sights() -> Vec<Promise> {
    vec![
        Promise::sometimes(REDELIVERED, |_, world| {
            stripes(world).any(|event| world.events[usize::from(event)].acknowledged)
        }),
        Promise::sometimes(SWEPT, |_, world| {
            let mut events = world.events.iter();
            world.sweep.is_some() && events.any(|one| one.copies == 1 && !one.in_doubt)
        }),
        Promise::sometimes(RECOVERED, |joined, world| {
            world.reconcile.passed
                && world
                    .events
                    .iter()
                    .any(|one| !one.acknowledged && one.sent == joined.deliveries && one.copies > 0)
        }),
        Promise::sometimes(RECONCILE_MEETS_STRIPE, |_, world| {
            reconciles(world).is_some_and(|in_hand| stripes(world).any(|event| event == in_hand))
        }),
        Promise::sometimes(RECONCILE_MEETS_SWEEP, |_, world| {
            let due = |event: u8| {
                let entry = world.events[usize::from(event)].entry;
                entry.is_some_and(|entry| entry.due)
            };
            world.sweep.is_some() && reconciles(world).is_some_and(due)
        }),
        Promise::sometimes(TWICE_ON_THE_BUS, |_, world| {
            world.events.iter().any(|one| one.copies == 2)
        }),
        Promise::sometimes(REVERSED, |_, world| {
            world.workers.iter().flatten().any(|at| {
                matches!(at.work, Work::Apply { .. })
                    && world.item.state > Some(at.message.event)
                    && !world.item.facts.contains(&at.message)
            })
        }),
        Promise::sometimes(LEVELS_REVERSED, |_, world| {
            let held = world.receiver.level.map(|level| level.seq);
            world.bus.iter().any(|level| Some(level.seq) < held)
        }),
        Promise::sometimes(EMITS_ANOTHERS, |_, world| {
            world.workers.iter().flatten().any(|at| {
                matches!(at.work, Work::Apply { .. })
                    && !world.item.pending.is_empty()
                    && world.item.last != Some(at.message)
            })
        }),
        Promise::sometimes(GIVEN_UP, |_, world| world.dead.some().next().is_some()),
        Promise::sometimes(REPLAY_DIES, |_, world| {
            world
                .replay
                .is_some_and(|replay| replay.step == ReplayStep::Dead)
        }),
        Promise::sometimes(FORCED_COMES_FIRST, |_, world| {
            let own = world.queue.some().filter(|message| message.generation == 0);
            own.map(|own| own.event)
                .any(|event| world.first_by_replay & (1 << event) != 0)
        }),
        Promise::sometimes(IMPORTED_FIRST, |_, world| {
            world.item.state.is_some() && world.item.last.is_none() && !world.restored
        }),
        Promise::sometimes(OWED_MEETS_STALE, |_, world| {
            world.item.owed
                && world.workers.iter().flatten().any(|at| {
                    matches!(at.work, Work::Apply { .. })
                        && world.item.state >= Some(at.message.event)
                })
        }),
        Promise::sometimes(OWED_BESIDE_PENDING, |_, world| {
            let is_level = |effect: &Effect| matches!(effect, Effect::Level(_));
            world.item.owed
                && world
                    .item
                    .pending
                    .iter()
                    .filter(|one| is_level(one))
                    .count()
                    > 1
        }),
        Promise::sometimes(REFRESH_DIES, |_, world| {
            let running = world.refreshing.as_ref();
            running.is_some_and(|running| running.step == RefreshStep::Dead)
                && !world.item.pending.is_empty()
        }),
        Promise::sometimes(RESTORED_BEHIND, |_, world| {
            let held = world.receiver.level.map(|level| level.value);
            world.behind && world.item.state < held
        }),
        Promise::sometimes(REPLAY_OF_THE_SETTLED, |_, world| {
            world.before_replay.is_some()
        }),
    ]
}

/// The events for which Stripe has an attempt of ingest.
fn stripes(world: &World) -> impl Iterator<Item = u8> {
    let attempts = world.attempts[..RECONCILE].iter().flatten();
    attempts
        .filter(|attempt| attempt.step == Step::Claim)
        .map(|attempt| attempt.event)
}

/// The event for which reconcile has an attempt of ingest.
fn reconciles(world: &World) -> Option<u8> {
    world.attempts[RECONCILE].map(|attempt| attempt.event)
}

fn nothing_pending(world: &World) -> bool {
    world.item.pending.is_empty()
}

fn state_is_newest(world: &World) -> bool {
    world.item.state == world.newest()
}

fn level_is_last(world: &World) -> bool {
    world.receiver.level.map(|level| level.value) == world.item.state
}

impl Joined {
    /// Everything is settled, and neither a message nor a replay is awaited.
    fn at_rest(&self, world: &World) -> bool {
        self.settled(world) && !world.awaits_message && !world.behind
    }

    /// Whether one more message of this event gives the receiver the level of the newest state.
    fn message_brings_level(&self, world: &World, event: u8) -> bool {
        let mut world = world.clone();
        world.queue.add(Message::plain(event));
        let world = self.settle(world);
        let is_owed = world.item.owed;
        state_is_newest(&world) && level_is_last(&world) && nothing_pending(&world) && !is_owed
    }

    /// Whether a plain replay of the ledger makes item and receiver end at the newest state.
    fn replay_brings_all(&self, world: &World) -> bool {
        let mut world = world.clone();
        for event in 0..self.events {
            if world.event(event).entry.is_some() {
                world.queue.add(Message::plain(event));
            }
        }
        let world = self.settle(world);
        state_is_newest(&world) && level_is_last(&world) && nothing_pending(&world)
    }

    /// Whether one more run of reconcile, if its cursor is not behind the events, makes all of them take effect.
    fn reconcile_brings_all(&self, mut world: World) -> bool {
        if !world.reconcile.passed {
            world = self.settle(self.after(&world, Action::ReconcileBegin));
        }
        (0..self.events).all(|event| world.took_effect(event))
    }

    /// Whether one more delivery of the event makes it take effect.
    fn delivery_gets_through(&self, world: &World, event: u8) -> bool {
        let world = self.settle(self.after(world, Action::Deliver { event }));
        world.took_effect(event)
    }

    /// Whether the fact of each selected event is emitted under one generation, unless the replay was the first to emit
    /// it.
    fn forced_once_more(&self, world: &World) -> bool {
        let selected = match world.replay {
            Some(replay) if self.replay == Some(Kind::Forced) => replay.selected,
            _ => 0,
        };
        (0..self.events).all(|event| {
            let emitted = generations()
                .map(|generation| Message { event, generation })
                .filter(|fact| world.receiver.acted.of(*fact) > 0);
            let again = selected & !world.first_by_replay & (1 << event) != 0;
            emitted.count() == usize::from(again)
        })
    }
}
