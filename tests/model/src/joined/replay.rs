//! Replay: the ledger's events are published again, as they came or under a generation.
//!
//! The run's record holds its generation and its cursor; its process may die between any two steps, and the operator
//! resumes it.

use super::action::End;
use super::protocol::{Joined, Kind};
use super::world::{GENERATIONS, Message, Replay, ReplayStep, World};

impl Joined {
    /// The record is written: everything that the ledger has at this moment, and the generation.
    pub(super) fn replay_begin(&self, world: &mut World) {
        // A restored item has forgotten facts, which are then called for again.
        let is_whole = !world.awaits_message && !world.restored;
        let took_effect = |event| world.took_effect(event);
        if self.settled(world) && is_whole && (0..self.events).all(took_effect) {
            world.before_replay = Some((world.item.clone(), world.receiver));
        }
        let selected = (0..self.events)
            .filter(|event| world.event(*event).entry.is_some())
            .fold(0, |selected, event| selected | 1 << event);
        let mut replay = Replay {
            selected,
            generation: u8::from(self.replay == Some(Kind::Forced)),
            cursor: 0,
            step: ReplayStep::Publish,
        };
        self.find(&mut replay);
        world.replay = Some(replay);
    }

    /// Moves from the cursor to the next selected event.
    fn find(&self, replay: &mut Replay) {
        while replay.cursor < self.events && replay.selected & (1 << replay.cursor) == 0 {
            replay.cursor += 1;
        }
        if replay.cursor == self.events {
            replay.step = ReplayStep::Finished;
        }
    }

    /// The replay's next step. A refused event stops it: the operator resumes it when the bus is back.
    pub(super) fn replay(&self, world: &mut World, end: End) {
        let Some(mut replay) = world.replay else {
            return;
        };
        let message = Message {
            event: replay.cursor,
            generation: replay.generation,
        };
        let rules = self.rules;
        match (replay.step, end) {
            (ReplayStep::Publish, End::Done) => {
                world.queue.add(message);
                replay.step = ReplayStep::Advance;
            }
            (ReplayStep::Publish, End::Refused) if !rules.replay_checks_each_result => {
                replay.step = ReplayStep::Advance;
            }
            (ReplayStep::Advance, End::Done) => {
                replay.cursor += 1;
                replay.step = ReplayStep::Publish;
                self.find(&mut replay);
            }
            (step, _) => {
                replay.step = ReplayStep::Dead;
                if step == ReplayStep::Publish && !rules.replay_advances_after_publishing {
                    replay.cursor += 1;
                    self.find(&mut replay);
                }
            }
        }
        world.replay = Some(replay);
    }

    /// The operator resumes a dead run.
    pub(super) fn replay_resume(&self, world: &mut World) {
        if let Some(replay) = &mut world.replay {
            replay.step = ReplayStep::Publish;
            if replay.generation > 0 && !self.rules.resume_keeps_the_generation {
                replay.generation = (replay.generation + 1).min(GENERATIONS as u8 - 1);
            }
        }
    }
}
