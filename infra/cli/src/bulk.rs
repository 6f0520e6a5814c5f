//! What `rebuild` and `import` have in common: their options, what they print of each object, and the result of the
//! run.

use std::ops::ControlFlow;

use clap::Args;
use serde_json::{Value, json};
use sluice_operations::problem::Problem;
use sluice_operations::runs::{BulkRun, Ended, Object, Start, Watch};

use crate::change::{Change, not_done};
use crate::context::Context;
use crate::output::{Cell, fields, table};
use crate::progress::Progress;

/// The most objects that are shown one by one. Further objects are only counted.
const SHOWN_MAX: usize = 50;

/// Options of both.
#[derive(Debug, Clone, Args)]
pub(crate) struct How {
    #[command(flatten)]
    change: Change,
    /// Requests to Stripe per second, at most: they are the account's own limit.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rate: u32,
    /// Stop where more than this share of the objects fails, in percent.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) stop_percent: u32,
    /// Resume this run.
    #[arg(long, value_name = "RUN")]
    resume: Option<String>,
}

impl How {
    /// How the run begins. A run that is resumed has its reason already.
    pub(crate) async fn start(&self, context: &Context) -> Result<Start, Problem> {
        match (&self.resume, self.change.yes) {
            (Some(name), true) => Ok(Start::Resume(name.clone())),
            (from, _) => match self.change.checked()? {
                Some(why) => Ok(Start::New(why.reason(&context.stack).await?)),
                None => Ok(Start::Plan { from: from.clone() }),
            },
        }
    }

    /// Prints the run's name, if it changes something.
    pub(crate) fn begun(&self, context: &Context, name: &str) -> Result<(), Problem> {
        if !self.change.yes {
            return Ok(());
        }
        match context.out.is_json() {
            true => context.out.value(&json!({ "begun": name }))?,
            false => context.out.line(format!(
                "Run {name}. Should it be cut off, the same call again with --resume {name}"
            ))?,
        }
        context.out.flush()
    }
}

/// Shows each object, and how far the run is.
pub(crate) struct Show<'a> {
    context: &'a Context,
    shown: usize,
    /// None for a plan.
    progress: Option<Progress>,
}

impl<'a> Show<'a> {
    pub(crate) fn on(context: &'a Context, how: &How) -> Self {
        Self {
            context,
            shown: 0,
            progress: how
                .change
                .yes
                .then(|| Progress::new(context, "objects", None)),
        }
    }

    /// Prints the result of the run.
    ///
    /// # Errors
    /// [`Problem::Partly`] if some objects failed, or it was stopped.
    pub(crate) fn end(self, what: &str, ended: &Ended) -> Result<(), Problem> {
        drop(self.progress);
        let out = &self.context.out;
        if out.is_json() {
            out.value(&json!({ what: ended }))?;
        } else {
            let rows: Vec<_> = ended
                .counts
                .iter()
                .map(|(what, count)| [Cell::from(what.as_str()), count.to_string().into()])
                .collect();
            out.text(fields(&ended.run, &[("objects", ended.looked.to_string())]))?;
            out.text(table(["became", "objects"], &rows))?;
            if !ended.done {
                not_done(self.context)?;
            }
        }
        match ended.trouble() {
            Some(trouble) => Err(Problem::Partly(trouble)),
            None => Ok(()),
        }
    }
}

impl Watch for Show<'_> {
    fn object(&mut self, object: &Object) -> Result<(), Problem> {
        let out = &self.context.out;
        if out.is_json() {
            return out.value(object);
        }
        if self.shown >= SHOWN_MAX {
            return Ok(());
        }
        self.shown += 1;
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        let Object {
            key,
            change,
            before,
            after,
            ..
        } = object;
        out.line(format!("{key}: {change}{}", differences(before, after)))
    }

    fn page(&mut self, run: &BulkRun) -> ControlFlow<String> {
        let failed = match run.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        if let Some(progress) = &mut self.progress {
            progress.say(run.looked, &failed);
        }
        ControlFlow::Continue(())
    }
}

/// `, status "open" → "paid"`: the top-level fields that differ.
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
