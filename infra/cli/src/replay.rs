//! `sluice replay`: ledgered events once more, to every domain that the rules name or to one.
//!
//! Without `--yes` it only says what would happen: the plan of `plan`, made by the domains' own code as this program was
//! built with it. With `--yes` the plan is shown and then carried out as a run (`sluice_kernel::replay`), recorded in the
//! table of outcomes under a name of its own, by which `--resume` goes on with it.
//!
//! Events that wait for their endpoint's configuration are judged by the endpoints as ingest is deployed with them when the
//! run begins or is resumed.

mod plan;
pub(crate) mod select;
pub(crate) mod target;

pub(crate) use plan::domains_of;

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args as ClapArgs;
use serde_json::json;
use sluice_adapters::clock::SystemClock;
use sluice_adapters::ledger::DynamoLedger;
use sluice_adapters::runs::DynamoRuns;
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::endpoint::Endpoint;
use sluice_kernel::replay::{self, Admissions, EVENTS_MAX, Ports, Run, Standing};
use sluice_stripe::event::parse_head;

use crate::context::Context;
use crate::output::fields;
use crate::progress::Progress;
use sluice_operations::domains;
use sluice_operations::problem::Problem;
use sluice_operations::times::time_of_ms;

/// How long a run and its notes are kept, in days: as the ledger's entries by default.
const KEEP_DAYS: u32 = 35;

/// Events a second, at most.
const RATE_MAX: u32 = 1_000;

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  sluice replay evt_1 evt_2                          says what would happen, and does nothing
  sluice replay evt_1 --why 'mail was down' --yes    publishes it again
  sluice replay --type 'charge.*' --since 24h        by time, type and account; all that is kept without --since
  sluice replay --code object.field_missing --domain billing --why 'fixed in 1.4' --yes
  sluice replay --waiting --why 'set livemode' --yes publishes what waited for its endpoint's configuration
  sluice replay --file ids.txt --force --why 'receiver lost them' --yes
                                                     facts are told again, under the run's name
  sluice replay --resume replay-20261124T181500-3fa2 --yes")]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) wanted: select::Wanted,
    /// Reach this domain's queue only; of what domains recorded (--code, --digest, --outcome), this one's. What waited for
    /// its endpoint's configuration goes to every domain all the same: it has never been published.
    #[arg(long)]
    pub(crate) domain: Option<String>,
    /// Tell facts again, under the run's name as generation, and current levels at a new seq. Receivers act on them again.
    #[arg(long)]
    pub(crate) force: bool,
    /// Do it. Without this, only the plan is shown.
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
    /// Events a second, at most.
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
    /// Go on with this run.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["force", "domain"])]
    pub(crate) resume: Option<String>,
}

/// Plans, and with `--yes` carries out.
pub(crate) async fn run(context: &Context, mut args: Args) -> Result<(), Problem> {
    let runs = DynamoRuns::new(
        context.stack.aws.sdk(),
        context.stack.table("outcomes")?.to_owned(),
        KEEP_DAYS,
    );
    if let Some(id) = &args.resume {
        return resume(context, &runs, id, args.yes).await;
    }
    if let Some(domain) = &args.domain {
        domains::check_code(&context.stack, domain)?;
    }
    // What a domain has recorded is tried again in that domain; elsewhere it was applied, or is of no use.
    args.wanted.recorded.domain.clone_from(&args.domain);
    let ids = select::ids(context, &args.wanted).await?;
    if ids.is_empty() {
        return Err(Problem::NotFound(
            "no event is wanted: give ids, --file or a filter".to_owned(),
        ));
    }
    if ids.len() > EVENTS_MAX {
        return Err(Problem::Usage(format!(
            "{} events; a run takes {EVENTS_MAX}",
            ids.len()
        )));
    }
    let now_ms = SystemClock.now_ms();
    let run = Run {
        id: name(now_ms),
        who: args.who,
        why: args.why.unwrap_or_default(),
        forced: args.force,
        domain: args.domain,
        total: ids.len(),
        next: 0,
        published: 0,
        skipped: 0,
        admitted: 0,
        waiting: 0,
        refused: 0,
        failed: 0,
        checked: 0,
        canary: args.canary.min(ids.len()),
        rate_per_s: args.rate,
        stop_percent: args.stop_percent,
        settle_ms: args.settle * 1_000,
        started_at_ms: now_ms,
        at_ms: now_ms,
        standing: Standing::Running,
    };
    let endpoints = context.stack.endpoints().await?;
    plan::show(context, &run, &ids, admissions(&endpoints)).await?;
    if !args.yes {
        return match context.out.is_json() {
            true => Ok(()),
            false => context
                .out
                .line("Nothing was done: this was the plan. --yes carries it out."),
        };
    }
    if run.why.is_empty() {
        return Err(Problem::Usage(
            "--yes wants a --why, for the record".to_owned(),
        ));
    }
    runs.create(&run, &ids).await?;
    go_on(context, &runs, run, 1).await
}

async fn resume(context: &Context, runs: &DynamoRuns, id: &str, yes: bool) -> Result<(), Problem> {
    let found = runs.find(id).await?;
    let (run, version) = found.ok_or_else(|| Problem::NotFound(format!("there is no run {id}")))?;
    if !yes || run.standing == Standing::Done {
        return show(context, &run);
    }
    go_on(context, runs, run, version).await
}

async fn go_on(
    context: &Context,
    runs: &DynamoRuns,
    run: Run,
    version: u64,
) -> Result<(), Problem> {
    let sdk = context.stack.aws.sdk();
    let entries = DynamoLedger::new(sdk, context.stack.table("ledger")?.to_owned(), SystemClock);
    let target = target::Target::of(context, run.domain.as_deref())?;
    let domain = run.domain.clone();
    let endpoints = context.stack.endpoints().await?;
    let verdicts = target::Outcomes::of(context, runs, domain.as_deref());
    let ports = Ports {
        runs,
        entries: &entries,
        target: &target,
        verdicts: &verdicts,
        admissions: admissions(&endpoints),
    };
    match context.out.is_json() {
        true => context.out.value(&json!({ "begun": run.id }))?,
        false => context.out.line(format!(
            "Run {}. Should it be cut off: sluice replay --resume {} --yes",
            run.id, run.id
        ))?,
    }
    context.out.flush()?;
    let bar = std::cell::RefCell::new(Progress::new(context, "events", Some(run.total)));
    let progress = |run: &Run| {
        let failed = match run.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        bar.borrow_mut().say(run.next, &failed);
    };
    let run = replay::go_on(&ports, &SystemClock, run, version, progress).await?;
    drop(bar);
    show(context, &run)?;
    match &run.standing {
        Standing::Done if run.refused + run.failed == 0 => Ok(()),
        Standing::Stopped(reason) => {
            Err(Problem::Partly(format!("the run stopped itself: {reason}")))
        }
        _ => Err(Problem::Partly(format!(
            "{} failed, {} refused",
            run.failed, run.refused
        ))),
    }
}

/// Events are read as ingest reads them.
fn admissions(endpoints: &BTreeMap<String, Endpoint>) -> Admissions<'_> {
    Admissions {
        endpoints,
        head: |body| parse_head(body).ok(),
    }
}

fn show(context: &Context, run: &Run) -> Result<(), Problem> {
    if context.out.is_json() {
        return context.out.value(&json!({ "run": run }));
    }
    let standing = match &run.standing {
        Standing::Running => "going on, or cut off".to_owned(),
        Standing::Stopped(reason) => format!("stopped: {reason}"),
        Standing::Done => "done".to_owned(),
    };
    let manner = if run.forced {
        "forced: facts told again under this name"
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

/// `replay-20261124T181500-3fa2`: when it was begun, and a few digits that tell apart what was begun in one second.
fn name(now_ms: i64) -> String {
    let second = time_of_ms(now_ms - now_ms.rem_euclid(1_000));
    let digits: String = second
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .collect();
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos());
    format!(
        "replay-{}-{:04x}",
        digits.trim_end_matches('Z'),
        (nanos ^ std::process::id()) & 0xffff
    )
}

#[cfg(test)]
mod tests {
    use sluice_kernel::bus::detail::is_generation;

    use super::*;

    #[test]
    fn a_runs_name_can_be_a_generation() {
        let name = name(1_764_007_200_123);
        assert!(name.starts_with("replay-20251124T180000-"), "{name}");
        assert!(is_generation(&name));
    }
}
