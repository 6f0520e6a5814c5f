//! Moving dead letters back to their queue.
//!
//! A letter is sent to the domain's queue and then deleted here. A crash in between leaves the message in both queues,
//! and the domain handles it as the same event twice. This needs no StartMessageMoveTask, and so it has filters and a
//! bound.

use serde::Serialize;
use sluice_adapters::dead_letters::Done;
use sluice_adapters::runs::RunKind;

use super::letters::{calls, delete, send};
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
    /// Moves the letters back to their domain's queue, and notes that of each. It is listed as a run, unless there are no
    /// letters.
    ///
    /// # Errors
    /// `NotFound` for dead letters of no domain, which have no queue; `Failed` when AWS can't be asked. What was moved
    /// before that stays moved.
    pub async fn redrive(&self, stack: &Stack, reason: &Reason) -> Result<Redriven, Problem> {
        if self.letters.is_empty() {
            return Ok(Redriven::default());
        }
        let run = self.begin(stack, RunKind::Redrive, reason).await?;
        let redriven = self.move_back(stack, reason).await;
        run.end(redriven, |done| {
            ([("redriven", done.redriven)], done.stayed)
        })
        .await
    }

    async fn move_back(&self, stack: &Stack, reason: &Reason) -> Result<Redriven, Problem> {
        let (domain, notes) = (self.domain(), notes(stack)?);
        let mut redriven = 0;
        for call in calls(self.letters.iter().map(|letter| letter.text.len())) {
            let sent = send(stack, domain, &self.letters[call]).await?;
            for letter in &sent {
                let note = note(Done::Redriven, domain, letter, reason, now_ms());
                notes.note(&note).await?;
            }
            delete(stack, domain, &sent).await?;
            redriven += sent.len();
        }
        Ok(Redriven {
            redriven,
            stayed: self.letters.len() - redriven,
        })
    }
}
