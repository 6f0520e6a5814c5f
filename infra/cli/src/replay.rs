//! `sluice replay`: publishes recorded events again, to every domain that the rules name or to one.
//!
//! Without `--yes` it only says what would happen. With it, the plan is shown and then carried out as a run; `--resume`
//! resumes the run by its name.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::json;
use sluice_operations::domains;
use sluice_operations::problem::Problem;
use sluice_operations::replay::{
    Plan, Recorded, Request, Run, RunState, find, plan, select, trouble,
};
use sluice_operations::times::{When, time_of_ms};

use crate::change::{Change, not_done};
use sluice_operations::words::counted;

use crate::context::Context;
use crate::output::{Cell, fields, table};
use crate::progress::Progress;
use crate::recorded;

/// Events per second, at most.
const RATE_MAX: u32 = 1_000;

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  sluice replay evt_1 evt_2                          says what would happen, and does nothing
  sluice replay evt_1 --why 'mail was down' --yes    publishes it again
  sluice replay --type 'charge.*' --since 24h        by time, type and account; all that is kept without --since
  sluice replay --code object.field_missing --domain billing --why 'fixed in 1.4' --yes
  sluice replay --waiting --why 'set livemode' --yes publishes what waited for its endpoint's configuration
  sluice replay --file ids.txt --force --why 'receiver lost them' --yes
                                                     facts are emitted again, under the run's name
  sluice replay --resume replay-20261124T181500-3fa2 --yes")]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// Reach this domain's queue only; of what domains recorded (--code, --digest, --outcome), this one's. What waited for
    /// its endpoint's configuration goes to every domain all the same: it has never been published.
    #[arg(long)]
    pub(crate) domain: Option<String>,
    /// Emit facts again, under the run's name as generation, and current levels at a new seq. Receivers act on them again.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    change: Change,
    /// Events per second, at most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(RATE_MAX)))]
    pub(crate) rate: u32,
    /// Events that go first, and whose verdicts are waited for.
    #[arg(long, default_value_t = 10)]
    pub(crate) canary: usize,
    /// Stop where more than this share of what was looked at has failed, in percent.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) stop_percent: u32,
    /// How long to wait for the queues to empty before verdicts are looked at, in seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub(crate) settle: u64,
    /// Resume this run.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["force", "domain"])]
    pub(crate) resume: Option<String>,
}

/// Which events.
#[derive(Debug, ClapArgs, Default)]
pub(crate) struct Wanted {
    /// `evt_…`, any number of them.
    pub(crate) ids: Vec<String>,
    /// Ids from a file, a line each; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) recorded: recorded::Filter,
    /// Events that wait for their endpoint's configuration: stored, and not published, because their mode or account wasn't
    /// expected.
    #[arg(long)]
    pub(crate) waiting: bool,
    /// Events of this type; `*` stands for anything. May be given several times.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    /// Events of this connected account; `platform` for the platform's own.
    #[arg(long)]
    pub(crate) account: Option<String>,
    /// Events received since: 15m, 24h, 7d ago, a day, or an instant. With a filter by type or account alone: all that is
    /// kept.
    #[arg(long, visible_alias = "from", value_name = "TIME")]
    pub(crate) since: Option<When>,
    /// Events received before.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<When>,
}

/// Plans, and carries the plan out with `--yes`.
pub(crate) async fn run(context: &Context, mut args: Args) -> Result<(), Problem> {
    let stack = &context.stack;
    if let Some(id) = &args.resume {
        let recorded = find(stack, id).await?;
        if !args.change.yes || recorded.run.standing == RunState::Done {
            return show(context, &recorded.run);
        }
        return resume(context, recorded).await;
    }
    if let Some(domain) = &args.domain {
        domains::check_code(stack, domain)?;
    }
    // What a domain has recorded is tried again in that domain only: the others applied it, or have no use for it.
    args.wanted.recorded.domain.clone_from(&args.domain);
    let request = Request {
        wanted: args.wanted.read(context).await?,
        domain: args.domain,
        forced: args.force,
        rate: args.rate,
        canary: args.canary,
        stop_percent: args.stop_percent,
        settle_s: args.settle,
    };
    let plan = plan(stack, request).await?;
    show_plan(context, &plan)?;
    let Some(why) = args.change.checked()? else {
        return not_done(context);
    };
    let reason = why.reason(stack).await?;
    resume(context, plan.begin(stack, reason).await?).await
}

impl Wanted {
    /// The same for the library: files are read, and records are looked up.
    async fn read(self, context: &Context) -> Result<select::Wanted, Problem> {
        let mut ids = self.ids;
        if let Some(file) = &self.file {
            let text = match file.as_os_str() == "-" {
                true => std::io::read_to_string(std::io::stdin())?,
                false => std::fs::read_to_string(file)
                    .map_err(|error| Problem::Failed(format!("{}: {error}", file.display())))?,
            };
            let lines = text.lines().map(str::trim).filter(|id| !id.is_empty());
            ids.extend(lines.map(str::to_owned));
        }
        let recorded = match (self.recorded.is_empty(), ids.is_empty()) {
            (true, _) => None,
            // It is refused, whatever is recorded.
            (false, false) => Some(Vec::new()),
            (false, true) => {
                let records = recorded::all(context, &self.recorded).await?;
                let subjects = records.into_iter().map(|record| record.subject);
                Some(subjects.collect())
            }
        };
        Ok(select::Wanted {
            ids,
            recorded,
            waiting: self.waiting,
            types: self.types,
            account: self.account,
            since: self.since,
            until: self.until,
        })
    }
}

async fn resume(context: &Context, recorded: Recorded) -> Result<(), Problem> {
    let Run { id, total, .. } = &recorded.run;
    match context.out.is_json() {
        true => context.out.value(&json!({ "begun": id }))?,
        false => context.out.line(format!(
            "Run {id}. Should it be cut off: sluice replay --resume {id} --yes"
        ))?,
    }
    context.out.flush()?;
    let mut bar = Progress::new(context, "events", Some(*total));
    let progress = |run: &Run| {
        let failed = match run.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        bar.say(run.next, &failed);
        ControlFlow::Continue(())
    };
    let run = recorded.resume(&context.stack, progress).await?;
    drop(bar);
    show(context, &run)?;
    match trouble(&run) {
        Some(trouble) => Err(Problem::Partly(trouble)),
        None => Ok(()),
    }
}

fn show(context: &Context, run: &Run) -> Result<(), Problem> {
    if context.out.is_json() {
        return context.out.value(&json!({ "run": run }));
    }
    let standing = match &run.standing {
        RunState::Running => "running, or cut off".to_owned(),
        RunState::Stopped(reason) => format!("stopped: {reason}"),
        RunState::Done => "done".to_owned(),
    };
    let manner = if run.forced {
        "forced: facts emitted again under this name"
    } else {
        "plain"
    };
    context.out.text(fields(
        &run.id,
        &[
            ("standing", standing),
            ("manner", manner.to_owned()),
            ("domain", run.domain.clone().unwrap_or_default()),
            ("events", format!("{} of {}", run.next, run.total)),
            ("published", run.published.to_string()),
            (
                "admitted",
                format!("{}, which sweep publishes within minutes", run.admitted),
            ),
            (
                "still waiting",
                format!("{} that don't fit their endpoint", run.waiting),
            ),
            ("skipped", run.skipped.to_string()),
            ("refused", run.refused.to_string()),
            (
                "failed",
                format!("{} of {} looked at", run.failed, run.checked),
            ),
            ("who, why", format!("{}: {}", run.who, run.why)),
            ("begun", time_of_ms(run.started_at_ms)),
            ("last", time_of_ms(run.at_ms)),
        ],
    ))
}

fn show_plan(context: &Context, plan: &Plan) -> Result<(), Problem> {
    if context.out.is_json() {
        return context.out.value(&json!({ "plan": plan }));
    }
    let mut rows = Vec::new();
    for (domain, counts) in &plan.domains {
        for (outcome, n) in &counts.outcomes {
            rows.push([domain.as_str(), outcome, &n.to_string()].map(Cell::from));
        }
        for ((kind, again), n) in &counts.effects {
            let what = format!("emits {kind}{}", if *again { " again" } else { "" });
            rows.push([domain.as_str(), &what, &n.to_string()].map(Cell::from));
        }
    }
    context.out.line(counted(plan.events, "event"))?;
    for (n, what) in [
        (
            plan.skipped,
            "are skipped: no entry, no whole body, or kept in the ledger on purpose",
        ),
        (
            plan.admitted,
            "waited for their endpoint's configuration and fit it now: sweep publishes them for the first time",
        ),
        (
            plan.waiting,
            "still don't fit their endpoint: they keep waiting (sluice event show says why)",
        ),
        (plan.nowhere, "reach no domain"),
        (
            plan.uncounted,
            "are not predicted: a plan looks at the first 10,000",
        ),
    ] {
        if n > 0 {
            context.out.line(format!("{n} {what}"))?;
        }
    }
    context
        .out
        .text(table(["domain", "would", "events"], &rows))
}
