//! `sluice shadow`: before switching, compares what Sluice has seen with what the current endpoint has seen.

use std::io::BufRead;
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;
use sluice_operations::problem::Problem;
use sluice_operations::shadow::compare::Verdict;
use sluice_operations::shadow::report::{Counts, Row, Shadow};
use sluice_operations::shadow::theirs::{self, File};
use sluice_operations::shadow::{Request, compare};
use sluice_operations::times::{When, time_of_ms};

use crate::context::Context;
use crate::output::{BAD, Cell, DIM, GOOD, WARN, paint, table};
use crate::progress::Progress;

/// The most events that are shown one by one, of each sort; JSON has all.
const SHOWN_MAX: usize = 50;

const EXAMPLES: &str = "Examples:
  sluice shadow --theirs seen.csv                        events of a week, against ids (and answers) that they have exported
  sluice shadow --since 24h                              without a file: against Stripe's own count of who took what
  sluice shadow --theirs access.log --type 'invoice.*' --json
  psql -c 'copy (select event_id, status, type from webhooks) to stdout csv' | sluice shadow --theirs -

A line of the file names an event's id, and as far as it does its answer and type: ids alone, CSV, an access log, or JSON
lines of {id, status, type, api_version, livemode, created}.

Exit code 4: something is missing here, differs, or is here and not applied.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What they have seen: a file, or - for standard input.
    #[arg(long, value_name = "FILE")]
    theirs: Option<PathBuf>,
    /// Events that Stripe made since: 24h, 7d ago, a day, or an instant. Stripe lists 30 days.
    #[arg(long, default_value = "7d", value_name = "TIME")]
    since: When,
    /// Events that Stripe made before. What is younger than the default may still be on its way.
    #[arg(long, default_value = "5m", value_name = "TIME")]
    until: When,
    /// Of this type; `*` stands for anything. May be given more than once.
    #[arg(long = "type", value_name = "PATTERN")]
    types: Vec<String>,
    /// Of this mode; by default live, where an endpoint takes live events.
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// Their endpoint at Stripe, by its id (`we_…`); by default the only other one.
    #[arg(long, value_name = "WE")]
    their_endpoint: Option<String>,
    /// Don't ask Stripe.
    #[arg(long, requires = "theirs")]
    without_key: bool,
}

/// Stripe's modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    Live,
    Test,
}

/// Compares.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let request = Request {
        theirs: args.theirs.as_ref().map(read_file).transpose()?,
        since: args.since,
        until: args.until,
        types: args.types,
        livemode: args.mode.map(|mode| mode == Mode::Live),
        their_endpoint: args.their_endpoint,
        without_key: args.without_key,
    };
    let mut bar = Progress::new(context, "events of the ledger", None);
    let shadow = compare(&context.stack, request, &mut |done| bar.at(done)).await;
    drop(bar);
    let shadow = shadow?;
    if context.out.is_json() {
        for row in &shadow.rows {
            context.out.value(row)?;
        }
        context.out.value(&json!({ "shadow": shadow }))?;
    } else {
        print(context, &shadow)?;
    }
    match shadow.trouble() {
        Some(trouble) => Err(Problem::Partly(trouble)),
        None => Ok(()),
    }
}

fn read_file(path: &PathBuf) -> Result<File, Problem> {
    let file = match path.as_os_str() == "-" {
        true => theirs::read(std::io::stdin().lock().lines())?,
        false => {
            let open = std::fs::File::open(path)
                .map_err(|error| Problem::Failed(format!("{}: {error}", path.display())))?;
            theirs::read(std::io::BufReader::new(open).lines())?
        }
    };
    match file.events.is_empty() {
        true => Err(Problem::Usage(format!(
            "{} names no event (evt_…) in any of its {} lines",
            path.display(),
            file.skipped
        ))),
        false => Ok(file),
    }
}

fn cells(row: &Row, style: anstyle::Style) -> [Cell; 4] {
    let what = row.differences.iter().chain(&row.stuck).chain(&row.refused);
    let what: Vec<_> = what.map(String::as_str).collect();
    let said = row.verdict.as_str().replace('_', " ");
    [
        row.event.as_str().into(),
        row.kind.as_str().into(),
        Cell::new(style, said),
        what.join("; ").into(),
    ]
}

fn print(context: &Context, shadow: &Shadow) -> Result<(), Problem> {
    let out = &context.out;
    let from = time_of_ms(shadow.from_s * 1_000);
    let sources = match (shadow.named_by_file, shadow.listed_by_stripe) {
        (Some(events), Some(listed)) => {
            format!("{events} in the file, {listed} in Stripe's list")
        }
        (Some(events), None) => format!("{events} in the file; Stripe wasn't asked"),
        (None, listed) => format!(
            "{} in Stripe's list, whose pending_webhooks stand for the other endpoint",
            listed.unwrap_or_default()
        ),
    };
    out.line(format!(
        "{} events from {from} to {}: {sources}",
        shadow.mode,
        time_of_ms(shadow.to_s * 1_000)
    ))?;
    for (count, what) in [
        (
            shadow.beyond_the_window,
            "of the file were not made in this window, or are of another mode or type",
        ),
        (
            shadow.lines_without_event.unwrap_or_default(),
            "lines of the file name no event",
        ),
    ] {
        if count > 0 {
            out.line(paint(DIM, format!("{count} {what}")))?;
        }
    }
    out.line("")?;
    let number = |count: usize, style| match count {
        0 => Cell::new(DIM, "0"),
        count => Cell::new(style, count.to_string()),
    };
    let row = |kind: &str, counts: &Counts| {
        [
            Cell::from(kind),
            number(counts.of(Verdict::Both), GOOD),
            number(counts.of(Verdict::OnlyOurs), WARN),
            number(counts.of(Verdict::OnlyTheirs), BAD),
            number(counts.of(Verdict::Neither), BAD),
            number(counts.differ, BAD),
            number(counts.stuck, BAD),
            number(counts.of(Verdict::NotSubscribed), DIM),
        ]
    };
    let mut rows: Vec<_> = shadow
        .types
        .iter()
        .map(|(kind, counts)| row(kind, counts))
        .collect();
    rows.push(row("all", &shadow.counts));
    let heading = [
        "type",
        "both",
        "only ours",
        "only theirs",
        "neither",
        "differ",
        "not applied",
        "not subscribed",
    ];
    out.text(table(heading, &rows))?;
    let shown = shadow.rows.iter();
    // What isn't ours to see is counted only: it would hide the rest.
    let shown = shown.filter(|row| row.verdict != Verdict::NotSubscribed);
    let (troubles, theirs): (Vec<_>, Vec<_>) = shown.partition(|row| row.is_trouble());
    let first = |rows: &[&Row], style| -> Vec<_> {
        let rows = rows.iter().take(SHOWN_MAX);
        rows.map(|row| cells(row, style)).collect()
    };
    let rows = [first(&troubles, BAD), first(&theirs, WARN)].concat();
    if !rows.is_empty() {
        out.line("")?;
        out.text(table(["event", "type", "seen by", "what"], &rows))?;
    }
    let more = troubles.len() + theirs.len() - rows.len();
    if more > 0 {
        out.line(paint(DIM, format!("and {more} more: --json has all")))?;
    }
    for remark in &shadow.remarks {
        out.line(paint(WARN, format!("! {remark}")))?;
    }
    if troubles.is_empty() {
        out.line(paint(GOOD, "nothing is missing here, and nothing differs"))?;
    }
    Ok(())
}
