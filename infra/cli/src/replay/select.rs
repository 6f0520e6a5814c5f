//! Which events: by id, from a file, by what a domain has recorded against them, or by waiting for a configuration.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;

use sluice_adapters::clock::SystemClock;
use sluice_adapters::ledger::DynamoLedger;
use sluice_adapters::listing::BATCH_MAX;
use sluice_adapters::timeline::{self, Timeline};
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::ledger::Standing;
use sluice_kernel::reconcile::Standings;
use sluice_kernel::replay::EVENTS_MAX;

use crate::context::Context;
use crate::rejected;
use sluice_operations::problem::Problem;
use sluice_operations::times::When;

#[derive(Debug, Args, Default)]
pub(crate) struct Wanted {
    /// `evt_…`, any number of them.
    pub(crate) ids: Vec<String>,
    /// Ids from a file, a line each; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) recorded: rejected::Filter,
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

/// The wanted events' ids, each once, in the order given.
pub(crate) async fn ids(context: &Context, wanted: &Wanted) -> Result<Vec<String>, Problem> {
    let mut ids = wanted.ids.clone();
    if let Some(file) = &wanted.file {
        let text = match file.as_os_str() == "-" {
            true => std::io::read_to_string(std::io::stdin())?,
            false => std::fs::read_to_string(file)
                .map_err(|error| Problem::Failed(format!("{}: {error}", file.display())))?,
        };
        ids.extend(
            text.lines()
                .map(str::trim)
                .filter(|id| !id.is_empty())
                .map(str::to_owned),
        );
    }
    if !wanted.recorded.is_empty() {
        if !ids.is_empty() {
            return Err(Problem::Usage("ids or a filter, not both".to_owned()));
        }
        let records = rejected::records(context, &wanted.recorded).await?;
        // What names no event has nothing on the ledger to publish.
        let events = records.into_iter().map(|record| record.subject);
        ids.extend(events.filter(|id| id.starts_with("evt_")));
    }
    // A record of an outcome and a place in time: both have to fit where both are asked for.
    if wanted.waiting
        || !wanted.types.is_empty()
        || wanted.account.is_some()
        || wanted.since.is_some()
        || wanted.until.is_some()
    {
        let by_time = by_time(context, wanted).await?;
        if wanted.recorded.is_empty() {
            ids.extend(by_time);
        } else {
            let by_time: BTreeSet<_> = by_time.into_iter().collect();
            ids.retain(|id| by_time.contains(id));
        }
    }
    if let Some(bad) = ids.iter().find(|id| !id.starts_with("evt_")) {
        return Err(Problem::Usage(format!("{bad} is no event's id (evt_…)")));
    }
    let mut seen = BTreeSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    Ok(ids)
}

/// Events in the order in which they came in.
async fn by_time(context: &Context, wanted: &Wanted) -> Result<Vec<String>, Problem> {
    let now_ms = SystemClock.now_ms();
    let back = When::Ago(LOOK_BACK_DAYS * 86_400_000);
    let from_ms = wanted.since.unwrap_or(back).ms(now_ms);
    let until_ms = wanted.until.map_or(now_ms + 1, |until| until.ms(now_ms));
    if until_ms <= from_ms {
        return Err(Problem::Usage("--since is not before --until".to_owned()));
    }
    let mut between = timeline::Wanted::between(from_ms, until_ms);
    between.types.clone_from(&wanted.types);
    if let Some(account) = &wanted.account {
        between.account = Some(context.stack.account_key(account).await);
    }
    let table = context.stack.table("ledger")?.to_owned();
    let ledger = DynamoLedger::new(context.stack.aws.sdk(), table.clone(), SystemClock);
    let mut walk = Timeline::new(context.stack.aws.sdk(), table).walk(between);
    let (mut ids, mut batch) = (Vec::new(), Vec::new());
    loop {
        let next = walk.next().await?;
        let ended = next.is_none();
        batch.extend(next.map(|seen| seen.id));
        if batch.len() == BATCH_MAX || ended {
            let found = std::mem::take(&mut batch);
            ids.extend(match wanted.waiting {
                true => waiting(&ledger, found).await?,
                false => found,
            });
        }
        if ids.len() > EVENTS_MAX {
            return Err(Problem::Usage(format!(
                "more than {EVENTS_MAX} events: narrow the filter"
            )));
        }
        if ended {
            return Ok(ids);
        }
    }
}

/// Those of these events that wait for their endpoint's configuration.
async fn waiting(
    ledger: &DynamoLedger<SystemClock>,
    ids: Vec<String>,
) -> Result<Vec<String>, Problem> {
    if ids.is_empty() {
        return Ok(ids);
    }
    let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
    let standings = ledger.standings(&asked).await?;
    let waits = |standing: Option<Standing>| standing.is_some_and(|standing| standing.is_waiting());
    let found = ids.into_iter().zip(standings);
    Ok(found
        .filter_map(|(id, standing)| waits(standing).then_some(id))
        .collect())
}

/// How far back a filter looks that names no beginning, in days: entries are kept 35 by default.
const LOOK_BACK_DAYS: i64 = 36;
