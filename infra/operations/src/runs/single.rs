//! What is done at once, and not resumed: dead letters moved back or given up, an erasure, a secret that is rolled.
//!
//! It is recorded before it begins, and completed after. A record that stays `running` belongs to a program that was
//! cut off. Doing the same again finds what is left.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_adapters::runs::bulk::{BulkRun, BulkRuns, Held};
use sluice_adapters::runs::{RunKind, State};

use super::KEEP_DAYS;
use crate::actor::Reason;
use crate::problem::Problem;
use crate::stack::Stack;
use crate::times::now_ms;

/// A change that has begun.
#[derive(Debug)]
pub(crate) struct Single {
    store: BulkRuns,
    run: BulkRun,
    held: Held,
}

impl Single {
    /// Records that it begins. `of` is a part of its name: a domain, an endpoint. It holds no personal data.
    ///
    /// # Errors
    /// `Failed` if the table of outcomes can't be written. Nothing has been changed then.
    pub(crate) async fn begin(
        stack: &Stack,
        kind: RunKind,
        of: &str,
        plan: Option<String>,
        reason: &Reason,
    ) -> Result<Self, Problem> {
        let table = stack.table("outcomes")?.to_owned();
        let store = BulkRuns::new(stack.aws.sdk(), table, kind, KEEP_DAYS);
        let at_ms = now_ms();
        let run = BulkRun {
            name: format!("{}-{of}-{at_ms:x}", kind.as_str()),
            who: reason.who.clone(),
            why: Some(reason.why.clone()),
            at: Value::Null,
            at_ms,
            looked: 0,
            failed: 0,
            counts: BTreeMap::new(),
            state: State::Running,
        };
        let held = store.begin(&run, plan).await?;
        Ok(Self { store, run, held })
    }

    /// Records the result: `counts` says how many of each were done, by a word, and how many failed. A problem is
    /// recorded as the reason why it stopped. Returns the result as it is, unless the record can't be written.
    pub(crate) async fn end<T, const N: usize>(
        mut self,
        result: Result<T, Problem>,
        counts: impl FnOnce(&T) -> ([(&'static str, usize); N], usize),
    ) -> Result<T, Problem> {
        match &result {
            Ok(done) => {
                let (counts, failed) = counts(done);
                let counts = counts.into_iter().filter(|(_, count)| *count > 0);
                self.run.counts = counts
                    .map(|(word, count)| (word.to_owned(), count))
                    .collect();
                self.run.looked = self.run.counts.values().sum::<usize>() + failed;
                self.run.failed = failed;
                self.run.state = State::Done;
            }
            Err(problem) => self.run.state = State::Stopped(problem.to_string()),
        }
        self.run.at_ms = now_ms();
        let saved = self.store.save(&self.run, &self.held).await;
        // The problem itself says more than that it couldn't be recorded.
        let done = result?;
        saved?;
        Ok(done)
    }
}
