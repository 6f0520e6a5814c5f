//! The consumer as a stateright model: what can happen in a world, and what it leads to.

use super::action::{Action, Bus, Write};
use super::rules::Rules;
use super::world::{Step, World};

/// One configuration of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// The number of the object's events. They are numbered in their true order, which the consumer knows by their
    /// ordering evidence, and come in any order.
    pub events: u8,
    /// The first two events report one change: two ids, one fact.
    pub same_change: bool,
    /// How many ids an item remembers, besides those with pending effects.
    pub history: usize,
    /// The number of messages that are delivered again.
    pub redeliveries: u8,
    /// How many calls fail, answers are lost and workers crash.
    pub disturbances: u8,
    /// How many messages end as dead letters.
    pub dead_letters: usize,
    /// The rules that are kept.
    pub rules: Rules,
}

impl Consumer {
    /// The change that an event reports.
    #[must_use]
    pub const fn change(&self, event: u8) -> u8 {
        if self.same_change && event == 1 {
            0
        } else {
            event
        }
    }

    /// Stripe's `created`: two events per second.
    #[must_use]
    pub const fn second(event: u8) -> u8 {
        event / 2
    }

    /// The world after `action`. The caller ensures that `action` is possible.
    #[must_use]
    pub fn after(&self, world: &World, action: Action) -> World {
        let mut world = world.clone();
        let disturbed = match action {
            Action::Apply { write, .. } | Action::Clear { write, .. } => write != Write::Done,
            Action::Emit { bus, .. } => bus != Bus::Accepted,
            Action::Crash { .. } | Action::DeadLetter { .. } => true,
            Action::Receive { .. }
            | Action::Acknowledge { .. }
            | Action::Redeliver { .. }
            | Action::Deliver { .. } => false,
        };
        world.disturbances += u8::from(disturbed);
        match action {
            Action::Receive { worker, event } => Self::receive(&mut world, worker, event),
            Action::Apply { worker, write } => self.apply(&mut world, worker, write),
            Action::Emit { worker, bus } => self.emit(&mut world, worker, bus),
            Action::Clear { worker, write } => self.clear(&mut world, worker, write),
            Action::Acknowledge { worker } => Self::acknowledge(&mut world, worker),
            Action::Crash { worker } => Self::fail(&mut world, worker),
            Action::DeadLetter { worker } => Self::dead_letter(&mut world, worker),
            Action::Redeliver { event } => Self::redeliver(&mut world, event),
            Action::Deliver { level } => self.deliver(&mut world, level),
        }
        world
    }

    /// What an active worker does next, with every result that its call can have; the undisturbed one comes first.
    pub(super) fn next_of_worker(world: &World, worker: usize) -> Vec<Action> {
        let Some(at_work) = &world.workers[worker] else {
            return Vec::new();
        };
        match at_work.step {
            Step::Apply { .. } => [Write::Done, Write::AnswerLost]
                .map(|write| Action::Apply { worker, write })
                .into(),
            Step::Emit { .. } => [Bus::Accepted, Bus::FirstRefused, Bus::AnswerLost]
                .map(|bus| Action::Emit { worker, bus })
                .into(),
            Step::Clear { .. } => [Write::Done, Write::AnswerLost, Write::Failed]
                .map(|write| Action::Clear { worker, write })
                .into(),
            Step::Acknowledge => vec![Action::Acknowledge { worker }],
        }
    }
}
