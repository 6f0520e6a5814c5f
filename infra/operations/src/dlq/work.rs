//! A plan that is carried out: recorded before the first letter is touched, and with what became of them at the end.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Plan;
use crate::actor::Reason;
use crate::problem::Problem;
use crate::runs::{Confirmed, Record, RunKind, name, plan_digest};
use crate::stack::Stack;

/// What is done with dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// They are moved back to their queue.
    Redrive,
    /// They are given up.
    Discard {
        /// Also those for which it is unknown whether effects of their object are pending.
        unchecked: bool,
    },
}

impl What {
    /// The kind of the run.
    pub fn kind(self) -> RunKind {
        match self {
            Self::Redrive => RunKind::Redrive,
            Self::Discard { .. } => RunKind::Discard,
        }
    }
}

/// Letters that something is done with.
#[derive(Debug)]
pub struct Work {
    pub(super) plan: Plan,
    pub(super) record: Record,
    pub(super) reason: Reason,
    pub(super) what: What,
}

impl Plan {
    /// Distinguishes what would be done with these letters from what would be done with others, or otherwise.
    pub fn digest(&self, what: What) -> String {
        let what = json!(what).to_string();
        plan_digest([&what, self.domain(), &self.selection.digest])
    }

    /// Records the run that a person has confirmed, before a letter is touched. [`super::Work::run`] carries it out.
    ///
    /// # Errors
    /// `run.taken` if there is a run of this name. The letters are made visible again then.
    pub async fn begin_as(
        self,
        stack: &Stack,
        what: What,
        confirmed: Confirmed,
    ) -> Result<Work, Problem> {
        let reason = confirmed.reason.clone();
        let asked = json!({ "filter": self.selection.filter, "what": what });
        match Record::begin(stack, what.kind(), confirmed, asked).await {
            Ok(record) => Ok(Work {
                plan: self,
                record,
                reason,
                what,
            }),
            Err(problem) => {
                self.release(stack).await?;
                Err(problem)
            }
        }
    }

    /// The same under a new name.
    pub(super) async fn begin(
        self,
        stack: &Stack,
        what: What,
        reason: Reason,
    ) -> Result<Work, Problem> {
        let confirmed = Confirmed {
            run: name(what.kind(), self.domain()),
            plan: self.digest(what),
            reason,
        };
        self.begin_as(stack, what, confirmed).await
    }
}

impl Work {
    /// When it was begun, in Unix milliseconds.
    pub fn began_ms(&self) -> i64 {
        self.record.began_ms()
    }

    /// Records how it ended. If it was cut short, the letters that are left become visible again.
    pub(super) async fn end(self, stack: &Stack, problem: Option<&Problem>) -> Result<(), Problem> {
        if problem.is_some() {
            // Those that are gone already have no place in the queue: what SQS says of them is no problem.
            let _ = self.plan.release(stack).await;
        }
        match (self.record.end(problem).await, problem) {
            // The problem itself comes first, and the person who stopped it has written how it ended.
            (Err(_), Some(_)) => Ok(()),
            (ended, _) => ended,
        }
    }
}
