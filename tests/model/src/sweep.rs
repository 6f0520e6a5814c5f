//! What sweep does: pick an entry that is due, publish it, and clear it or move it forward.
//!
//! The index only names candidates: it lags behind the table, so sweep reads the entry itself, and picks nothing that
//! is no longer due. A crash leaves the entry due, for the next run.

use crate::action::{Bus, Call};
use crate::protocol::Protocol;
use crate::world::{SweepStep, World};

impl Protocol {
    /// The entry is read as due.
    pub(crate) fn sweep_pick(&self, world: &mut World, sweep: u8) {
        let other = usize::from(1 - sweep);
        if world.sweeps[other] != SweepStep::Idle {
            world.in_doubt = true;
        }
        if let Some(entry) = &mut world.entry
            && !self.guards.sweep_clears_after_publishing
        {
            entry.due = false;
        }
        world.picks = world.picks.saturating_add(1);
        world.sweeps[usize::from(sweep)] = SweepStep::Publish;
    }

    /// Calls `PutEvents` with a batch in which this entry has its own result.
    pub(crate) fn sweep_publish(&self, world: &mut World, sweep: u8, bus: Bus) {
        let step = match bus {
            Bus::Accepted => {
                world.take_copy();
                SweepStep::Clear
            }
            Bus::Refused if !self.guards.sweep_checks_each_result => SweepStep::Clear,
            Bus::Refused => SweepStep::Postpone,
            Bus::AnswerLost => {
                world.take_copy();
                world.in_doubt = true;
                SweepStep::Publish
            }
            // The call as a whole failed: nothing was refused, and the entry stays due.
            Bus::Failed => SweepStep::Idle,
        };
        world.sweeps[usize::from(sweep)] = step;
    }

    /// `due_at` is removed, `published_at` written.
    pub(crate) fn sweep_clear(world: &mut World, sweep: u8, call: Call) {
        if let Some(entry) = &mut world.entry
            && call != Call::Failed
        {
            entry.due = false;
            entry.published = true;
        }
        match call {
            Call::Done => world.sweeps[usize::from(sweep)] = SweepStep::Idle,
            Call::AnswerLost => {}
            Call::Failed => {
                world.in_doubt = true;
                world.sweeps[usize::from(sweep)] = SweepStep::Idle;
            }
        }
    }

    /// `due_at` moves forward. If this write fails, the entry stays due: that isn't a separate case.
    pub(crate) fn sweep_postpone(&self, world: &mut World, sweep: u8) {
        if let Some(entry) = &mut world.entry {
            if !self.guards.refusal_keeps_due {
                entry.due = false;
            } else if !self.guards.postpone_only_what_is_due {
                entry.due = true;
            }
        }
        world.sweeps[usize::from(sweep)] = SweepStep::Idle;
    }

    /// The end of a sweep between two steps.
    pub(crate) fn sweep_crash(world: &mut World, sweep: u8) {
        let step = &mut world.sweeps[usize::from(sweep)];
        if *step == SweepStep::Clear {
            world.in_doubt = true;
        }
        *step = SweepStep::Idle;
    }
}
