//! The record of work that is bounded by itself: who, why, how far, and how it ended.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_adapters::runs::bulk::{BulkRun, BulkRuns, Held};
use sluice_adapters::runs::{RunKind, State};

use super::named::{Confirmed, check_name, name, store};
use crate::actor::Reason;
use crate::problem::Problem;
use crate::stack::Stack;
use crate::times::now_ms;

/// A record that this program writes.
#[derive(Debug)]
pub(crate) struct Record {
    store: BulkRuns,
    run: BulkRun,
    held: Held,
}

impl Record {
    /// Begins it: from here on the work is shown among the runs, and its name is taken.
    pub(crate) async fn begin(
        stack: &Stack,
        kind: RunKind,
        confirmed: Confirmed,
        asked: Value,
    ) -> Result<Self, Problem> {
        let Confirmed { run, plan, reason } = confirmed;
        check_name(kind, &run)?;
        let store = store(stack, kind)?;
        let run = BulkRun {
            name: run,
            who: reason.who,
            why: Some(reason.why),
            asked,
            at: Value::Null,
            at_ms: now_ms(),
            looked: 0,
            failed: 0,
            counts: BTreeMap::new(),
            state: State::Running,
        };
        let held = store.begin(&run, Some(plan)).await?;
        Ok(Self { store, run, held })
    }

    /// The same under a new name, of which `of` is a part: a domain, an endpoint. A name holds no personal data.
    pub(crate) async fn begin_new(
        stack: &Stack,
        kind: RunKind,
        of: &str,
        plan: String,
        reason: &Reason,
    ) -> Result<Self, Problem> {
        let confirmed = Confirmed {
            run: name(kind, of),
            plan,
            reason: reason.clone(),
        };
        Self::begin(stack, kind, confirmed, Value::Null).await
    }

    pub(crate) fn began_ms(&self) -> i64 {
        self.run.at_ms
    }

    /// Counts some more, each as this word; `failed` of them weren't done.
    pub(crate) fn count(&mut self, word: &str, count: usize, failed: bool) {
        if count > 0 {
            self.run.looked += count;
            self.run.failed += if failed { count } else { 0 };
            *self.run.counts.entry(word.to_owned()).or_default() += count;
        }
    }

    /// Writes the progress.
    ///
    /// # Errors
    /// `run.taken` if a person has stopped it meanwhile: nothing more may be done.
    pub(crate) async fn save(&mut self) -> Result<(), Problem> {
        self.run.at_ms = now_ms();
        self.held = self.store.save(&self.run, &self.held).await?;
        Ok(())
    }

    /// Writes how it ended: as done, or with what stopped it.
    ///
    /// # Errors
    /// If the record can't be written.
    pub(crate) async fn end(mut self, problem: Option<&Problem>) -> Result<(), Problem> {
        self.run.state = match problem {
            None => State::Done,
            Some(problem) => State::Stopped(problem.to_string()),
        };
        self.save().await
    }
}
