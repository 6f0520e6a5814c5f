//! What must always hold, and what must be possible.
//!
//! As in ingest's model, no property here says "eventually": every world can become quiet, and promises for quiet
//! worlds are checked in each. If a message became a dead letter, its effects wait for the next delivery of any event
//! of the object. To check that, one undisturbed delivery runs from every quiet world.

use stateright::Property;

use super::action::Action;
use super::protocol::Consumer;
use super::world::{Item, Step, World};

/// Each change's fact is on the bus, in any order of delivery.
pub const FACTS_EMITTED: &str = "every event's fact is emitted";
/// Only one write calls for a fact. Emission is at least once, and receivers drop an id that they know.
pub const FACTS_MINTED_ONCE: &str = "a fact is minted once";
/// The receiver holds the level of the state that the item holds.
pub const LEVEL_IS_LAST: &str = "the level ends at the last";
/// Nothing waits for a delivery that will not come.
pub const NOTHING_PENDING: &str = "nothing is pending once all is acknowledged";
/// Nothing waits for longer than until the next delivery.
pub const NEXT_DELIVERY_EMITS: &str = "the next undisturbed delivery leaves nothing pending";
/// The item's state is that of the newest event.
pub const STATE_IS_NEWEST: &str = "the state ends at the newest event's";
/// An item doesn't bring back an effect that receivers may have forgotten.
pub const CLEARED_IS_FINAL: &str = "what is cleared is not pending again";

/// An apply meets another's write.
pub const CONFLICT: &str = "a write meets another's";
/// A clear meets another's write.
pub const CLEAR_MEETS_APPLY: &str = "a clear meets new pending effects";
/// An item holds the pending effects of two events.
pub const OVERTAKEN: &str = "an event overtakes pending effects";
/// An event is late for the state, but its fact is new.
pub const STALE_WITH_A_FACT: &str = "a stale event emits a new fact";
/// An event that the history has forgotten comes again.
pub const FORGOTTEN: &str = "a forgotten event comes again";
/// A fact is on the bus twice.
pub const EMITTED_TWICE: &str = "a fact is emitted twice";
/// A level is about to arrive after a later one.
pub const REVERSED: &str = "levels arrive reversed";
/// A message became a dead letter and has left its effects pending.
pub const GIVEN_UP: &str = "a dead letter leaves effects pending";

/// The promises: in force in every world.
pub const PROMISES: [&str; 7] = [
    FACTS_EMITTED,
    FACTS_MINTED_ONCE,
    LEVEL_IS_LAST,
    NOTHING_PENDING,
    NEXT_DELIVERY_EMITS,
    STATE_IS_NEWEST,
    CLEARED_IS_FINAL,
];

/// Sights, which show that the model reaches the interesting worlds.
pub const SIGHTS: [&str; 8] = [
    CONFLICT,
    CLEAR_MEETS_APPLY,
    OVERTAKEN,
    STALE_WITH_A_FACT,
    FORGOTTEN,
    EMITTED_TWICE,
    REVERSED,
    GIVEN_UP,
];

type Promise = Property<Consumer>;

pub(super) fn all() -> Vec<Promise> {
    vec![
        Promise::always(FACTS_EMITTED, |consumer, world| {
            !world.done()
                || (0..consumer.events)
                    .all(|event| world.emitted[usize::from(consumer.change(event))] > 0)
        }),
        Promise::always(FACTS_MINTED_ONCE, |_, world| {
            world.minted.iter().all(|times| *times <= 1)
        }),
        Promise::always(LEVEL_IS_LAST, |_, world| {
            !world.settled()
                || !world.item.pending.is_empty()
                || world.receiver.map(|level| level.value) == world.item.state
        }),
        Promise::always(NOTHING_PENDING, |_, world| {
            !world.done() || world.item.pending.is_empty()
        }),
        Promise::always(NEXT_DELIVERY_EMITS, |consumer, world| {
            !world.quiet() || consumer.next_delivery_emits(world)
        }),
        Promise::always(STATE_IS_NEWEST, |consumer, world| {
            !world.done() || world.item.state == consumer.events.checked_sub(1)
        }),
        Promise::always(CLEARED_IS_FINAL, |_, world| {
            world.item.pending.is_disjoint(&world.cleared)
        }),
        Promise::sometimes(CONFLICT, |_, world| {
            applying(world).any(|(_, read)| read.version != world.item.version)
        }),
        Promise::sometimes(CLEAR_MEETS_APPLY, |_, world| {
            world.workers.iter().flatten().any(|worker| {
                matches!(&worker.step, Step::Clear { seen, .. }
                    if !world.item.pending.is_subset(&seen.pending))
            })
        }),
        Promise::sometimes(OVERTAKEN, |_, world| {
            let mut pending = world.item.pending.iter().map(|pending| pending.event);
            let first = pending.next();
            pending.any(|event| Some(event) != first)
        }),
        Promise::sometimes(STALE_WITH_A_FACT, |consumer, world| {
            applying(world).any(|(event, read)| {
                read.state > Some(event) && !read.facts.contains(&consumer.change(event))
            })
        }),
        Promise::sometimes(FORGOTTEN, |_, world| {
            applying(world)
                .any(|(event, read)| read.facts.contains(&event) && !read.history.contains(&event))
        }),
        Promise::sometimes(EMITTED_TWICE, |_, world| world.emitted.contains(&2)),
        Promise::sometimes(REVERSED, |_, world| {
            let held = world.receiver.map(|level| level.seq);
            world.bus.iter().any(|level| Some(level.seq) < held)
        }),
        Promise::sometimes(GIVEN_UP, |_, world| {
            world.quiet() && !world.dead.is_empty() && !world.item.pending.is_empty()
        }),
    ]
}

fn applying(world: &World) -> impl Iterator<Item = (u8, &Item)> {
    world
        .workers
        .iter()
        .flatten()
        .filter_map(|worker| match &worker.step {
            Step::Apply { read } => Some((worker.event, read)),
            _ => None,
        })
}

impl Consumer {
    /// Whether one more delivery, of any event, puts everything on the bus that the item has called for.
    fn next_delivery_emits(&self, world: &World) -> bool {
        (0..self.events).all(|event| {
            let mut world = world.clone();
            Self::redeliver(&mut world, event);
            world = self.after(&world, Action::Receive { worker: 0, event });
            while let Some(&undisturbed) = Self::next_of_worker(&world, 0).first() {
                world = self.after(&world, undisturbed);
            }
            let mut changes = world.minted.iter().zip(&world.emitted);
            world.item.pending.is_empty()
                && changes.all(|(minted, emitted)| *minted == 0 || *emitted > 0)
        })
    }
}
