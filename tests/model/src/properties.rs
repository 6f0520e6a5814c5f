//! What must always hold, and what must be possible.
//!
//! stateright's `eventually` is sound only if no path returns to an earlier world, but an SDK that repeats a call makes
//! such a path. So no property here says "eventually". "Sweep will publish it" is checked by letting sweep run,
//! undisturbed, from every quiet world; "Stripe gets through in the end" by letting one more delivery run. Since
//! attempts and sweeps may crash at any step, every world can become quiet in its present state, and a promise for
//! quiet worlds holds for all.

use stateright::Property;

use crate::protocol::Protocol;
use crate::world::{Answer, Attempt, Outcome, Step, SweepStep, World};

/// Promise 1. An acknowledged event is on the bus, or sweep alone will put it there, and its body can be read.
pub const NOTHING_LOST: &str = "nothing acknowledged is lost";
/// A delivery that nothing disturbs is acknowledged once earlier claims have lapsed, and its event reaches the bus.
pub const NOBODY_STUCK: &str = "the next undisturbed delivery gets through";
/// A reader of the bus finds the whole body at any moment, for what ingest publishes and for what sweep publishes.
pub const BODY_COMPLETE: &str = "what is on the bus has a complete body";
/// An event that was answered `queued` is due until it is published.
pub const QUEUED_IS_DUE: &str = "a 200 `queued` has a due_at behind it";
/// No published event is in sweep's index.
pub const FINISHED_IS_FINAL: &str = "what is published is not queued again";
/// No attempt is answered 409 because of its own claim.
pub const HELD_BY_ANOTHER: &str = "only another attempt's claim holds a delivery up";
/// Parallel deliveries and ordinary retries publish once; see [`World::in_doubt`] for the causes of a second copy.
pub const SECOND_COPY_HAS_A_CAUSE: &str = "a second copy on the bus has a cause";

/// A delivery takes over a claim that had lapsed.
pub const TAKEOVER: &str = "a lapsed claim is taken over";
/// It does so while the holder is still active, since clocks differ.
pub const TAKEOVER_OF_THE_LIVE: &str = "a live holder is overtaken";
/// An attempt's put was carried out without its knowledge.
pub const OWN_CLAIM_MET: &str = "an attempt meets its own claim again";
/// Two copies of the event are on the bus.
pub const DOUBLE_PUBLISH: &str = "the event is published twice";
/// A delivery is answered 409.
pub const HELD: &str = "a delivery is held";
/// A second delivery is answered that the event is queued.
pub const QUEUED_AGAIN: &str = "a delivery finds the event queued";
/// Only sweep publishes the event.
pub const SWEEP_PUBLISHES: &str = "sweep publishes what ingest could not";
/// Two sweeps handle the same entry.
pub const SWEEPS_OVERLAP: &str = "two sweeps are at work on the entry";
/// Large bodies only: a complete body of one version is about to be named while the other version's is incomplete.
pub const TORN_BESIDE_COMPLETE: &str = "a torn body is left beside a complete one";

/// The promises: in force in every world.
pub const PROMISES: [&str; 7] = [
    NOTHING_LOST,
    NOBODY_STUCK,
    BODY_COMPLETE,
    QUEUED_IS_DUE,
    FINISHED_IS_FINAL,
    HELD_BY_ANOTHER,
    SECOND_COPY_HAS_A_CAUSE,
];

/// Sights, which show that the model reaches the interesting worlds.
pub const SIGHTS: [&str; 9] = [
    TAKEOVER,
    TAKEOVER_OF_THE_LIVE,
    OWN_CLAIM_MET,
    DOUBLE_PUBLISH,
    HELD,
    QUEUED_AGAIN,
    SWEEP_PUBLISHES,
    SWEEPS_OVERLAP,
    TORN_BESIDE_COMPLETE,
];

pub(crate) fn all() -> Vec<Property<Protocol>> {
    vec![
        Promise::always(NOTHING_LOST, |protocol, world| {
            !world.quiet() || !world.acknowledged() || protocol.reaches_the_bus(world)
        }),
        Promise::always(NOBODY_STUCK, |protocol, world| {
            !world.quiet() || protocol.gets_through(world)
        }),
        Promise::always(BODY_COMPLETE, |protocol, world| {
            world.copies == 0 || protocol.body_complete(world)
        }),
        Promise::always(QUEUED_IS_DUE, |_, world| {
            !world.answers().any(|answer| answer == Answer::Queued)
                || world
                    .entry
                    .as_ref()
                    .is_some_and(|entry| entry.due || entry.published)
        }),
        Promise::always(FINISHED_IS_FINAL, |_, world| {
            world
                .entry
                .as_ref()
                .is_none_or(|entry| !(entry.published && entry.due))
        }),
        Promise::always(HELD_BY_ANOTHER, |_, world| {
            holder(world).is_none_or(|holder| holder.step != Step::Answered(Answer::Held))
        }),
        Promise::always(SECOND_COPY_HAS_A_CAUSE, |_, world| {
            world.copies < 2 || world.in_doubt
        }),
        Promise::sometimes(TAKEOVER, |_, world| came_out(world, Outcome::TookOver)),
        Promise::sometimes(TAKEOVER_OF_THE_LIVE, |_, world| {
            world.entry.as_ref().is_some_and(|entry| {
                world.attempts.iter().zip(0..).any(|(attempt, index)| {
                    attempt.live()
                        && attempt.outcome == Some(Outcome::Won)
                        && entry.attempt != index
                })
            })
        }),
        Promise::sometimes(OWN_CLAIM_MET, |_, world| {
            holder(world).is_some_and(|holder| holder.step == Step::Claim)
        }),
        Promise::sometimes(DOUBLE_PUBLISH, |_, world| world.copies == 2),
        Promise::sometimes(HELD, |_, world| came_out(world, Outcome::Held)),
        Promise::sometimes(QUEUED_AGAIN, |_, world| came_out(world, Outcome::Queued)),
        Promise::sometimes(SWEEP_PUBLISHES, |_, world| {
            world.copies == 1 && !world.in_doubt && world.sweeps.contains(&SweepStep::Clear)
        }),
        Promise::sometimes(SWEEPS_OVERLAP, |_, world| {
            !world.sweeps.contains(&SweepStep::Idle)
        }),
        Promise::sometimes(TORN_BESIDE_COMPLETE, |_, world| {
            world.entry.as_ref().is_some_and(|entry| {
                let other = Protocol::version(entry.attempt + 1);
                world.attempts[usize::from(entry.attempt)].step == Step::NameBody
                    && world.parts.torn(other)
            })
        }),
    ]
}

type Promise = Property<Protocol>;

fn holder(world: &World) -> Option<Attempt> {
    world
        .entry
        .as_ref()
        .map(|entry| world.attempts[usize::from(entry.attempt)])
}

fn came_out(world: &World, outcome: Outcome) -> bool {
    world
        .attempts
        .iter()
        .any(|attempt| attempt.outcome == Some(outcome))
}

impl Protocol {
    /// Whether the event is on the bus, or will be after an undisturbed sweep, with a body that can be read.
    fn reaches_the_bus(&self, world: &World) -> bool {
        let mut world = world.clone();
        if world.entry.as_ref().is_some_and(|entry| entry.due) {
            self.sweep_pick(&mut world, 0);
            while let Some(&undisturbed) = Self::next_of_sweep(&world, 0).first() {
                world = self.after(&world, undisturbed);
            }
        }
        world.copies > 0 && self.body_complete(&world)
    }

    /// Whether one more delivery, after every claim has had time to lapse, is acknowledged, and its event reaches the
    /// bus. Tried with the bytes of either version.
    fn gets_through(&self, world: &World) -> bool {
        let mut world = world.clone();
        if self.guards.claim_lapses
            && let Some(entry) = &mut world.entry
        {
            entry.lapsed = true;
        }
        [0, 1].into_iter().all(|others| {
            let mut world = world.clone();
            world.attempts.extend(vec![Attempt::WAITING; others + 1]);
            let Ok(attempt) = u8::try_from(world.attempts.len() - 1) else {
                return false;
            };
            while let Some(&undisturbed) = Self::next_of_attempt(&world, attempt).first() {
                world = self.after(&world, undisturbed);
            }
            let answered = world.attempts.last().map(|attempt| attempt.step);
            matches!(answered, Some(Step::Answered(answer)) if answer.acknowledges())
                && self.reaches_the_bus(&world)
        })
    }
}
