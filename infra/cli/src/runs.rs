//! `sluice runs`: what operators did, with who and why.

use sluice_operations::problem::Problem;
use sluice_operations::runs::{State, Summary, list};
use sluice_operations::times::time_of_ms;

use crate::context::Context;
use crate::output::{BAD, Cell, DIM, GOOD, WARN, paint, table};

/// How many to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sluice runs
  sluice runs --limit 100 --json

Records are kept for 35 days, those of rollbacks for 400. A run that stays
\"running\" was cut off, unless it runs now.")]
pub(crate) struct Args {
    /// How many to show, the newest first.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
    limit: u16,
    /// Those before this place: the last line of the page before says it.
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let page = list(&context.stack, args.after.as_deref(), args.limit).await?;
    if context.out.is_json() {
        return page.runs.iter().try_for_each(|one| context.out.value(one));
    }
    if page.runs.is_empty() {
        return context.out.line("Nothing is recorded.");
    }
    let rows: Vec<_> = page.runs.iter().map(row).collect();
    let titles = ["began", "run", "state", "done", "who", "why"];
    context.out.text(table(titles, &rows))?;
    match page.next {
        None => Ok(()),
        Some(next) => {
            let more = format!("There may be more: sluice runs --after {next}");
            context.out.line(paint(DIM, more))
        }
    }
}

fn row(run: &Summary) -> [Cell; 6] {
    let state = match &run.state {
        State::Running => Cell::new(WARN, "running"),
        State::Stopped(reason) => Cell::new(BAD, format!("stopped: {reason}")),
        State::Done => Cell::new(GOOD, "done"),
    };
    [
        Cell::from(time_of_ms(run.began_ms)),
        Cell::from(name(run)),
        state,
        Cell::from(done(run)),
        Cell::from(run.who.as_str()),
        Cell::from(run.why.as_str()),
    ]
}

/// A rollback's name is its function's; all others begin with their kind.
fn name(run: &Summary) -> String {
    match &run.versions {
        Some([from, to]) => format!("rollback {} {from} → {to}", run.name),
        None => run.name.clone(),
    }
}

/// What was done, by its word if there is one.
fn done(run: &Summary) -> String {
    let all = match run.total {
        Some(total) => format!("{} of {total}", run.done),
        None => run.done.to_string(),
    };
    let counts = run
        .counts
        .iter()
        .map(|(word, count)| format!("{count} {word}"));
    let mut parts: Vec<_> = counts.collect();
    if parts.is_empty() {
        parts.push(all);
    }
    if run.failed > 0 {
        parts.push(format!("{} failed", run.failed));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use sluice_operations::runs::RunKind;

    use super::*;

    #[test]
    fn a_run_is_said_by_what_it_did() {
        let mut run = Summary {
            kind: RunKind::Redrive,
            name: "redrive-billing-1".to_owned(),
            who: "me".to_owned(),
            why: "fixed".to_owned(),
            plan: None,
            began_ms: 0,
            at_ms: 0,
            state: State::Done,
            done: 3,
            total: None,
            failed: 1,
            counts: [("redriven".to_owned(), 2)].into(),
            versions: None,
        };
        assert_eq!(done(&run), "2 redriven, 1 failed");
        run.counts.clear();
        run.total = Some(4);
        run.failed = 0;
        assert_eq!(done(&run), "3 of 4");
        run.versions = Some(["12".to_owned(), "11".to_owned()]);
        run.name = "payments".to_owned();
        assert_eq!(name(&run), "rollback payments 12 → 11");
    }
}
