//! Which events: by id, from a file, or by what a domain has recorded against them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;

use aws_smithy_types::date_time::{DateTime, Format};
use sluice_adapters::clock::SystemClock;
use sluice_adapters::timeline::{self, Timeline};
use sluice_kernel::clock::Clock;
use sluice_kernel::replay::EVENTS_MAX;

use crate::context::Context;
use crate::problem::Problem;
use crate::rejected;

#[derive(Debug, Args, Default)]
pub(crate) struct Wanted {
    /// `evt_…`, any number of them.
    pub(crate) ids: Vec<String>,
    /// Ids from a file, a line each; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) recorded: rejected::Filter,
    /// Events of this type; `*` stands for anything. May be given several times.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    /// Events of this connected account; `platform` for the platform's own.
    #[arg(long)]
    pub(crate) account: Option<String>,
    /// Events received from here on: `2026-11-24T18:15:00Z`. With a filter by type or account alone: all that is kept.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) from: Option<i64>,
    /// Events received before.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) until: Option<i64>,
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
    if !wanted.types.is_empty()
        || wanted.account.is_some()
        || wanted.from.is_some()
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
    let from_ms = wanted.from.unwrap_or(now_ms - LOOK_BACK_DAYS * 86_400_000);
    let mut between = timeline::Wanted::between(from_ms, wanted.until.unwrap_or(now_ms + 1));
    between.types.clone_from(&wanted.types);
    between.account.clone_from(&wanted.account);
    let mut walk =
        Timeline::new(context.aws.sdk(), context.table("ledger")?.to_owned()).walk(between);
    let mut ids = Vec::new();
    while let Some(seen) = walk.next().await? {
        if ids.len() == EVENTS_MAX {
            return Err(Problem::Usage(format!(
                "more than {EVENTS_MAX} events: narrow the filter"
            )));
        }
        ids.push(seen.id);
    }
    Ok(ids)
}

fn time(text: &str) -> Result<i64, String> {
    let time =
        DateTime::from_str(text, Format::DateTimeWithOffset).map_err(|error| error.to_string())?;
    time.to_millis().map_err(|error| error.to_string())
}

/// How far back a filter looks that names no beginning, in days: entries are kept 35 by default.
const LOOK_BACK_DAYS: i64 = 36;
