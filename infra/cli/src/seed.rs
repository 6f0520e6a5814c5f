//! What `rebuild` and `import` have in common: Stripe as the functions ask it, the pace, the count, and the record.
//!
//! A record is kept in the table of outcomes, `pk` `<what>#<name>`, `sk` `run`: who, why, how far, what came of it. It is
//! written at the beginning and after each page, so a run that was cut off is resumed with that page.

use std::cell::RefCell;
use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};
use sluice_adapters::clock::SystemClock;
use sluice_kernel::clock::Clock;
use sluice_kernel::consumer::consume;
use sluice_kernel::fault::{Class, Fault};
use sluice_kernel::rebuild::{Change, Rebuilt};

use crate::context::Context;
use crate::output::{Cell, fields, table};
use crate::progress::Progress;
use sluice_operations::problem::Problem;

/// Objects of one page, after which the record is written.
pub(crate) const PAGE_OBJECTS: usize = 100;

/// How long a record is kept, and what is noted of an object, in days.
const KEEP_DAYS: u32 = 35;

/// The most objects that are shown one by one; beyond, they are counted.
const SHOWN_MAX: usize = 50;

/// A run isn't stopped for failures before it has looked at so many objects.
const LOOKED_MIN: usize = 20;

/// Options of both.
#[derive(Debug, Clone, Args)]
pub(crate) struct How {
    /// Do it. Without this, only what would change is shown.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
    /// Who, for the record; by default the user of this machine.
    #[arg(
        long,
        env = "USER",
        value_name = "NAME",
        default_value = "unknown",
        hide_env_values = true
    )]
    pub(crate) who: String,
    /// Requests to Stripe a second, at most: they are the account's own limit.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rate: u32,
    /// Stop where more than this share of the objects fails, in percent.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) stop_percent: u32,
    /// Go on with this run.
    #[arg(long, value_name = "RUN")]
    pub(crate) resume: Option<String>,
}

/// A run.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    context: &'a Context,
    what: &'static str,
    how: &'a How,
    /// Its name.
    pub(crate) name: String,
    /// The place to go on from, in the command's own words; null at the beginning.
    pub(crate) at: Value,
    counts: BTreeMap<String, usize>,
    looked: usize,
    failed: usize,
    shown: usize,
    progress: RefCell<Progress>,
}

impl<'a> Run<'a> {
    /// A new run, or the one to be gone on with. `of` is what has to be the same in both: a domain's name.
    pub(crate) async fn begin(
        context: &'a Context,
        what: &'static str,
        of: &str,
        how: &'a How,
    ) -> Result<Self, Problem> {
        let mut run = Self {
            context,
            what,
            how,
            name: String::new(),
            at: Value::Null,
            counts: BTreeMap::new(),
            looked: 0,
            failed: 0,
            shown: 0,
            progress: RefCell::new(Progress::new(context, "objects", None)),
        };
        if how.yes && how.resume.is_none() && how.why.as_deref().unwrap_or_default().is_empty() {
            return Err(Problem::Usage(
                "--yes wants a --why, for the record".to_owned(),
            ));
        }
        match &how.resume {
            None => {
                run.name = format!("{what}-{of}-{:x}", SystemClock.now_ms());
                // Before anybody is told its name: it can be resumed from then on.
                run.save("running").await?;
            }
            Some(name) => {
                run.name.clone_from(name);
                run.find(of).await?;
            }
        }
        if how.yes {
            match context.out.is_json() {
                true => context.out.value(&json!({ "begun": run.name }))?,
                false => context.out.line(format!(
                    "Run {}. Should it be cut off, the same call again with --resume {}",
                    run.name, run.name
                ))?,
            }
            context.out.flush()?;
        }
        Ok(run)
    }

    fn key(&self) -> Value {
        json!({ "pk": { "S": format!("{}#{}", self.what, self.name) }, "sk": { "S": "run" } })
    }

    async fn find(&mut self, of: &str) -> Result<(), Problem> {
        let input = json!({ "TableName": self.context.stack.table("outcomes")?, "Key": self.key(), "ConsistentRead": true });
        let found = self
            .context
            .stack
            .aws
            .json("DynamoDB_20120810.GetItem", &input)
            .await?;
        let document = found["Item"]["doc"]["S"].as_str();
        let document: Option<Value> = document.and_then(|text| serde_json::from_str(text).ok());
        let missing = || Problem::NotFound(format!("there is no run {}", self.name));
        let document = document.ok_or_else(missing)?;
        let prefix = format!("{}-{of}-", self.what);
        if !self.name.starts_with(&prefix) {
            return Err(Problem::Usage(format!(
                "{} is a run of something else",
                self.name
            )));
        }
        self.at = document["at"].clone();
        self.looked = document["looked"].as_u64().unwrap_or_default() as usize;
        self.failed = document["failed"].as_u64().unwrap_or_default() as usize;
        let counts = document["counts"].as_object().into_iter().flatten();
        self.counts = counts
            .map(|(name, count)| (name.clone(), count.as_u64().unwrap_or_default() as usize))
            .collect();
        Ok(())
    }

    /// Counts what became of an object, and shows what changed.
    ///
    /// # Errors
    /// What isn't the object's own trouble: the run stays where it is.
    pub(crate) fn count(
        &mut self,
        key: &str,
        result: Result<Rebuilt, Fault>,
    ) -> Result<(), Problem> {
        self.looked += 1;
        let (word, code) = match &result {
            Ok(rebuilt) => (rebuilt.change.as_str().to_owned(), rebuilt.note),
            Err(fault) if fault.class == Class::Reject => {
                self.failed += 1;
                (format!("rejected {}", fault.code), Some(fault.code))
            }
            Err(fault) => return Err(Problem::Failed(fault.to_string())),
        };
        if let (Ok(_), Some(code)) = (&result, code) {
            let what = match code {
                consume::CONTRADICTED => format!("left as it ended, {code}"),
                code => format!("without Stripe's answer, {code}"),
            };
            *self.counts.entry(what).or_default() += 1;
        }
        if matches!(&result, Ok(rebuilt) if rebuilt.is_guess) {
            *self.counts.entry("a guess".to_owned()).or_default() += 1;
        }
        *self.counts.entry(word.clone()).or_default() += 1;
        let is_same = matches!(&result, Ok(rebuilt) if rebuilt.change == Change::Same);
        if is_same || (self.shown >= SHOWN_MAX && !self.context.out.is_json()) {
            return Ok(());
        }
        self.shown += 1;
        let (before, after) = match &result {
            Ok(rebuilt) => (rebuilt.before.clone(), rebuilt.after.clone()),
            Err(_) => (Value::Null, Value::Null),
        };
        if self.context.out.is_json() {
            return self.context.out.value(&json!({
                "key": key, "change": word, "code": code, "before": before, "after": after, "done": self.how.yes,
            }));
        }
        self.progress.borrow_mut().clear();
        self.context
            .out
            .line(format!("{key}: {word}{}", differences(&before, &after)))
    }

    /// Whether the run has to stop, and why.
    pub(crate) fn too_many(&self) -> Option<String> {
        let limit = self.how.stop_percent as usize;
        let is_over = self.looked >= LOOKED_MIN && self.failed * 100 > limit * self.looked;
        is_over.then(|| {
            format!(
                "{} of {} failed, more than {limit} %",
                self.failed, self.looked
            )
        })
    }

    /// Writes down how far it is. A dry run leaves no trace.
    pub(crate) async fn save(&self, standing: &str) -> Result<(), Problem> {
        if !self.how.yes {
            return Ok(());
        }
        let now_ms = SystemClock.now_ms();
        let document = json!({
            "name": self.name, "who": self.how.who, "why": self.how.why, "at": self.at, "at_ms": now_ms,
            "looked": self.looked, "failed": self.failed, "counts": self.counts, "standing": standing,
        });
        let mut item = self.key();
        item["doc"] = json!({ "S": document.to_string() });
        item["expires_at"] =
            json!({ "N": (now_ms / 1_000 + i64::from(KEEP_DAYS) * 86_400).to_string() });
        let input = json!({ "TableName": self.context.stack.table("outcomes")?, "Item": item });
        self.context
            .stack
            .aws
            .json("DynamoDB_20120810.PutItem", &input)
            .await?;
        let failed = match self.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        self.progress.borrow_mut().say(self.looked, &failed);
        Ok(())
    }

    /// Says what came of it.
    ///
    /// # Errors
    /// [`Problem::Partly`] where some objects failed, or it was stopped.
    pub(crate) async fn end(self, stopped: Option<String>) -> Result<(), Problem> {
        self.save(stopped.as_deref().unwrap_or("done")).await?;
        self.progress.borrow_mut().clear();
        let out = &self.context.out;
        if out.is_json() {
            out.value(&json!({ self.what: {
                "run": self.name, "done": self.how.yes, "looked": self.looked, "failed": self.failed,
                "counts": self.counts, "stopped": stopped,
            } }))?;
        } else {
            let rows: Vec<_> = self
                .counts
                .iter()
                .map(|(what, count)| [Cell::from(what.as_str()), count.to_string().into()])
                .collect();
            out.text(fields(&self.name, &[("objects", self.looked.to_string())]))?;
            out.text(table(["became", "objects"], &rows))?;
            if !self.how.yes {
                out.line("Nothing was done: this was the plan. --yes carries it out.")?;
            }
        }
        match stopped {
            Some(reason) => Err(Problem::Partly(format!("the run stopped itself: {reason}"))),
            None if self.failed > 0 => Err(Problem::Partly(format!("{} failed", self.failed))),
            None => Ok(()),
        }
    }
}

/// `, status "open" → "paid"`: the fields at the top that differ.
fn differences(before: &Value, after: &Value) -> String {
    let names: std::collections::BTreeSet<&String> = [before, after]
        .into_iter()
        .filter_map(Value::as_object)
        .flat_map(|fields| fields.keys())
        .collect();
    let differ = names
        .into_iter()
        .filter(|name| before[*name] != after[*name]);
    differ
        .map(|name| format!(", {name} {} → {}", before[name], after[name]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_differ_are_shown_with_both_values() {
        let before = json!({ "status": "open", "amount": 5 });
        let after = json!({ "status": "paid", "amount": 5, "paid_at": 7 });
        assert_eq!(
            differences(&before, &after),
            r#", paid_at null → 7, status "open" → "paid""#
        );
        assert_eq!(differences(&Value::Null, &Value::Null), "");
    }
}
