//! Runs: lists what operators did, and makes runs over many objects, recorded page by page so that they can be resumed.
//!
//! [`list`] has runs of all kinds. The kernel has a replay's own loop ([`sluice_kernel::replay`]), because the replay's
//! guarantee rests on the order of its writes. Rebuilds and imports go object by object and share the loop here: a
//! page, then the record, then the next page. A run that was cut off repeats its current page; an object that needs no
//! change isn't written again.
//!
//! A run stops if too many objects fail, if its [`Watch`] stops it, or if a person does, in whichever program: the one that
//! works on it finds that in the record after its page. It can be resumed in each case.
//!
//! Work that is bounded by itself (dead letters, reconcile, an erasure, a secret) is recorded the same way, by a `Record`, and isn't resumed.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::Serialize;
use serde_json::Value;
use sluice_adapters::runs::RunStore;
pub use sluice_adapters::runs::bulk::BulkRun;
use sluice_adapters::runs::bulk::{BulkRuns, Held};
pub use sluice_adapters::runs::{Page, RunKind, State, Summary};
use sluice_kernel::fault::{Class, Fault};
use sluice_kernel::rebuild::{Change, Rebuilt};

use crate::actor::Reason;
use crate::code::{self, Code};
use crate::problem::Problem;
use crate::stack::Stack;
use crate::times::now_ms;

mod named;
mod record;

use named::store;
pub use named::{Confirmed, check_name, find, is_begun, name};
pub(crate) use named::{
    asked, by, not_running, plan_digest, resume_by, resumed, stop, stopped, taken, too_busy,
};
pub(crate) use record::Record;

/// Objects of one page, after which the record is written.
pub(crate) const PAGE_OBJECTS: usize = 100;

/// How long a record is kept, in days.
pub(crate) const KEEP_DAYS: u32 = 35;

/// A run isn't stopped for failures before it has looked at this many objects.
const LOOKED_MIN: usize = 20;

/// Runs of all kinds, the newest first: at most `limit`, after the place that the previous page named.
///
/// Runs that an earlier version of the program began aren't in the list. They are still found by name.
///
/// # Errors
/// If the table of outcomes can't be read.
pub async fn list(stack: &Stack, after: Option<&str>, limit: u16) -> Result<Page, Problem> {
    let table = stack.table("outcomes")?.to_owned();
    let store = RunStore::new(stack.aws.sdk(), table);
    Ok(store.list(after, limit).await?)
}

/// How a run over many objects begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Only finds out what would change, and leaves no trace. If a run is named, it covers what that run hasn't done
    /// yet.
    Plan {
        /// The run.
        from: Option<String>,
    },
    /// Carries it out, as a new run.
    New(Reason),
    /// Carries out a plan that was confirmed, as the run that it names.
    Confirmed(Confirmed),
    /// Resumes this run, in the name of the person who began it.
    Resume(String),
}

/// What became of one object that has changed or failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Object {
    /// Its projection's key.
    pub key: String,
    /// `made`, `changed`, `unfounded`, or `rejected` with a code.
    pub change: String,
    /// The fault's code: why Stripe's answer couldn't be used, or why the object was rejected.
    pub code: Option<Code>,
    /// The state that it had; null if it had none.
    pub before: Value,
    /// The state that it has, or would have.
    pub after: Value,
    /// Whether it was done, and not only planned.
    pub done: bool,
}

/// Watches a run while it works, and may stop it.
pub trait Watch {
    /// An object has changed or failed.
    ///
    /// # Errors
    /// An error that ends the run here, as if it had been cut off: the output has no reader.
    fn object(&mut self, object: &Object) -> Result<(), Problem>;

    /// A page is done and recorded. [`ControlFlow::Break`] stops the run for this reason.
    fn page(&mut self, run: &BulkRun) -> ControlFlow<String>;
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// Its name.
    pub run: String,
    /// Whether it was done, and not only planned.
    pub done: bool,
    /// Objects that were looked at.
    pub looked: usize,
    /// The number of these that failed.
    pub failed: usize,
    /// What became of them: counts by word.
    pub counts: BTreeMap<String, usize>,
    /// Why it was stopped before its end.
    pub stopped: Option<String>,
}

impl Ended {
    /// What is wrong with it: that it was stopped, or that objects failed.
    pub fn trouble(&self) -> Option<String> {
        match &self.stopped {
            Some(reason) => Some(stopped(reason)),
            None if self.failed > 0 => Some(format!("{} failed", self.failed)),
            None => None,
        }
    }
}

/// The pages of a run over many objects.
pub(crate) trait Pages {
    /// Whether all is done at this place.
    fn is_over(&self, at: &Value) -> bool;

    /// Does the page at this place, which is null at the beginning. Returns the place of the next page.
    async fn page(&mut self, at: &Value, tally: &mut Tally<'_>) -> Result<Value, Problem>;
}

/// A run over many objects.
#[derive(Debug)]
pub(crate) struct Bulk {
    store: BulkRuns,
    run: BulkRun,
    /// Its record; none for a plan, which leaves no trace.
    held: Option<Held>,
    stop_percent: u32,
}

impl Bulk {
    /// A new run, or the one to resume. `of` has to be the same in both: a domain's name. The run is recorded before it
    /// is returned: from then on it can be resumed. `asked` is recorded with it.
    pub(crate) async fn begin(
        stack: &Stack,
        kind: RunKind,
        of: &str,
        start: Start,
        stop_percent: u32,
        asked: Value,
    ) -> Result<Self, Problem> {
        let store = store(stack, kind)?;
        let prefix = format!("{}-{of}-", kind.as_str());
        let begun_ms = now_ms();
        let of_reason = |reason: Option<Reason>| {
            let (who, why) = reason.map_or((String::new(), None), |it| (it.who, Some(it.why)));
            BulkRun {
                name: format!("{prefix}{begun_ms:x}"),
                who,
                why,
                asked,
                at: Value::Null,
                at_ms: begun_ms,
                looked: 0,
                failed: 0,
                counts: BTreeMap::new(),
                state: State::Running,
            }
        };
        let (run, held) = match start {
            Start::Plan { from: None } => (of_reason(None), None),
            Start::Plan { from: Some(name) } => (read(&store, &name, &prefix).await?.0, None),
            Start::New(reason) => {
                let run = of_reason(Some(reason));
                let held = store.begin(&run, None).await?;
                (run, Some(held))
            }
            Start::Confirmed(Confirmed {
                run: name,
                plan,
                reason,
            }) => {
                if !name.starts_with(&prefix) {
                    return Err(of_another(&name));
                }
                check_name(kind, &name)?;
                let run = BulkRun {
                    name,
                    ..of_reason(Some(reason))
                };
                let held = store.begin(&run, Some(plan)).await?;
                (run, Some(held))
            }
            Start::Resume(name) => {
                let (run, held) = read(&store, &name, &prefix).await?;
                (run, Some(held))
            }
        };
        Ok(Self {
            store,
            run,
            held,
            stop_percent,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.run.name
    }

    pub(crate) fn at_ms(&self) -> i64 {
        self.run.at_ms
    }

    /// Whether it only finds out what would change.
    pub(crate) fn is_plan(&self) -> bool {
        self.held.is_none()
    }

    /// Goes through the pages from the place that the run has reached.
    pub(crate) async fn resume(
        mut self,
        mut pages: impl Pages,
        watch: &mut dyn Watch,
    ) -> Result<Ended, Problem> {
        let is_done = !self.is_plan();
        while !pages.is_over(&self.run.at) {
            let at = self.run.at.clone();
            let run = &mut self.run;
            let mut tally = Tally {
                run,
                watch,
                is_done,
            };
            self.run.at = pages.page(&at, &mut tally).await?;
            if let Some(reason) = self.too_many() {
                return self.end(State::Stopped(reason)).await;
            }
            self.save(State::Running).await?;
            if let State::Stopped(_) = self.run.state {
                return Ok(self.ended());
            }
            if let ControlFlow::Break(reason) = watch.page(&self.run) {
                return self.end(State::Stopped(reason)).await;
            }
        }
        self.end(State::Done).await
    }

    /// Why the run has to stop, if too many objects failed.
    fn too_many(&self) -> Option<String> {
        let (looked, failed) = (self.run.looked, self.run.failed);
        let limit = self.stop_percent as usize;
        let is_over = looked >= LOOKED_MIN && failed * 100 > limit * looked;
        is_over.then(|| format!("{failed} of {looked} failed, more than {limit} %"))
    }

    /// Writes the record. If a person has stopped the run meanwhile, it is as that record has it afterwards.
    async fn save(&mut self, state: State) -> Result<(), Problem> {
        self.run.state = state;
        if let Some(held) = &self.held {
            self.run.at_ms = now_ms();
            match self.store.save(&self.run, held).await {
                Err(fault) if fault.code == code::RUN_TAKEN => {
                    let found = self.store.find(&self.run.name).await?;
                    let found = found.filter(|(run, _)| matches!(run.state, State::Stopped(_)));
                    let (run, held) = found.ok_or(fault)?;
                    (self.run, self.held) = (run, Some(held));
                }
                saved => self.held = Some(saved?),
            }
        }
        Ok(())
    }

    async fn end(mut self, state: State) -> Result<Ended, Problem> {
        self.save(state).await?;
        Ok(self.ended())
    }

    fn ended(self) -> Ended {
        let done = !self.is_plan();
        let run = self.run;
        Ended {
            run: run.name,
            done,
            looked: run.looked,
            failed: run.failed,
            counts: run.counts,
            stopped: match run.state {
                State::Stopped(reason) => Some(reason),
                State::Running | State::Done => None,
            },
        }
    }
}

fn of_another(name: &str) -> Problem {
    Problem::Usage(format!("{name} is a run of something else"))
}

async fn read(store: &BulkRuns, name: &str, prefix: &str) -> Result<(BulkRun, Held), Problem> {
    let found = store.find(name).await?;
    let found = found.ok_or_else(|| Problem::NotFound(format!("there is no run {name}")))?;
    match name.starts_with(prefix) {
        true => Ok(found),
        false => Err(of_another(name)),
    }
}

/// Counts the results of a run's objects.
pub(crate) struct Tally<'a> {
    run: &'a mut BulkRun,
    watch: &'a mut dyn Watch,
    is_done: bool,
}

impl Tally<'_> {
    /// Counts an object's result, and reports what changed.
    ///
    /// # Errors
    /// Any problem that isn't the object's own: the run stays where it is.
    pub(crate) fn count(
        &mut self,
        key: &str,
        result: Result<Rebuilt, Fault>,
    ) -> Result<(), Problem> {
        self.run.looked += 1;
        let (change, code) = match &result {
            Ok(rebuilt) => (rebuilt.change.as_str().to_owned(), rebuilt.note),
            Err(fault) if fault.class == Class::Reject => {
                self.run.failed += 1;
                (format!("rejected {}", fault.code), Some(fault.code))
            }
            Err(fault) => return Err(Problem::Failed(fault.to_string())),
        };
        let mut one_more = |word: String| *self.run.counts.entry(word).or_default() += 1;
        if let (Ok(_), Some(code)) = (&result, code) {
            one_more(match code {
                code::CHECK_TERMINAL_CONTRADICTED => format!("left as it ended, {code}"),
                code => format!("without Stripe's answer, {code}"),
            });
        }
        if matches!(&result, Ok(rebuilt) if rebuilt.is_guess) {
            one_more("a guess".to_owned());
        }
        one_more(change.clone());
        let (before, after) = match result {
            Ok(rebuilt) if rebuilt.change == Change::Same => return Ok(()),
            Ok(rebuilt) => (rebuilt.before, rebuilt.after),
            Err(_) => (Value::Null, Value::Null),
        };
        self.watch.object(&Object {
            key: key.to_owned(),
            change,
            code,
            before,
            after,
            done: self.is_done,
        })
    }
}

#[cfg(test)]
mod tests;
