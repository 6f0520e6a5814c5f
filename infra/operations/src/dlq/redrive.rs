//! Moving dead letters back to their queue.
//!
//! A letter is sent to the domain's queue and then deleted here. A crash in between leaves the message in both queues,
//! and the domain handles it as the same event twice. This needs no StartMessageMoveTask, and so it has filters and a
//! bound.

use serde::Serialize;
use sluice_adapters::dead_letters::Done;

use super::letters::{calls, delete, send};
use super::work::{What, Work};
use super::{Plan, note, notes};
use crate::actor::Reason;
use crate::problem::Problem;
use crate::stack::Stack;
use crate::times::now_ms;

/// Why letters are moved back, if the interface asks for no reason.
pub const REDRIVE_WHY: &str = "moved back from the dead letters";

/// Letters that were moved back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Redriven {
    /// How many. A letter that was sent and couldn't be deleted counts: it is in both queues.
    pub redriven: usize,
    /// How many the domain's queue didn't take. They stay, and become visible again after a while.
    pub stayed: usize,
}

impl Plan {
    /// Moves the letters back to their domain's queue, and notes that of each. It is recorded as a run.
    ///
    /// # Errors
    /// `NotFound` for dead letters of no domain, which have no queue; `Failed` when AWS can't be asked. What was moved
    /// before that stays moved.
    pub async fn redrive(self, stack: &Stack, reason: &Reason) -> Result<Redriven, Problem> {
        let work = self.begin(stack, What::Redrive, reason.clone()).await?;
        work.redrive(stack).await
    }
}

impl Work {
    /// Moves the letters back.
    pub(super) async fn redrive(mut self, stack: &Stack) -> Result<Redriven, Problem> {
        let count = self.plan.letters.len();
        let moved = self.move_back(stack).await;
        let redriven = *moved.as_ref().unwrap_or(&0);
        let stayed = count - redriven;
        if moved.is_ok() {
            self.record.count("stayed", stayed, true);
        }
        self.end(stack, moved.as_ref().err()).await?;
        moved.map(|redriven| Redriven { redriven, stayed })
    }

    async fn move_back(&mut self, stack: &Stack) -> Result<usize, Problem> {
        let Self {
            plan,
            record,
            reason,
            ..
        } = self;
        let (domain, notes) = (plan.domain(), notes(stack)?);
        let mut redriven = 0;
        for call in calls(plan.letters.iter().map(|letter| letter.text.len())) {
            let sent = send(stack, domain, &plan.letters[call]).await?;
            for letter in &sent {
                let note = note(Done::Redriven, domain, letter, reason, now_ms());
                notes.note(&note).await?;
            }
            delete(stack, domain, &sent).await?;
            redriven += sent.len();
            record.count("redriven", sent.len(), false);
            record.save().await?;
        }
        Ok(redriven)
    }
}
