//! Which events: by id, by what a domain has recorded of them, by time, or by waiting for a configuration.

use std::collections::BTreeSet;

use sluice_adapters::clock::SystemClock;
use sluice_adapters::ledger::DynamoLedger;
use sluice_adapters::listing::BATCH_MAX;
use sluice_adapters::timeline::{self, Timeline};
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::ledger::EntryState;
use sluice_kernel::reconcile::Standings;
use sluice_kernel::replay::EVENTS_MAX;

use crate::problem::Problem;
use crate::stack::Stack;
use crate::times::When;

/// Which events are wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// `evt_…`, any number of them.
    pub ids: Vec<String>,
    /// The subjects of domains' records, if records are asked for. Subjects that name no event are left out: the ledger
    /// has nothing of them to publish.
    pub recorded: Option<Vec<String>>,
    /// Events that wait for their endpoint's configuration.
    pub waiting: bool,
    /// Events of these types; `*` stands for anything.
    pub types: Vec<String>,
    /// Events of this connected account; `platform` for the platform's own.
    pub account: Option<String>,
    /// Events received since. With a filter by type or account alone: everything that is kept.
    pub since: Option<When>,
    /// Events received before.
    pub until: Option<When>,
}

impl Wanted {
    fn is_by_time(&self) -> bool {
        self.waiting
            || !self.types.is_empty()
            || self.account.is_some()
            || self.since.is_some()
            || self.until.is_some()
    }
}

/// The wanted events' ids, each once, in the order given.
///
/// # Errors
/// `Usage` for ids beside records, for what is no event's id, and for more than a run takes.
pub async fn ids(stack: &Stack, wanted: &Wanted) -> Result<Vec<String>, Problem> {
    let mut ids = wanted.ids.clone();
    if let Some(recorded) = &wanted.recorded {
        if !ids.is_empty() {
            return Err(Problem::Usage("ids or a filter, not both".to_owned()));
        }
        let events = recorded.iter().filter(|id| id.starts_with("evt_"));
        ids.extend(events.cloned());
    }
    // If both a record of an outcome and a time are asked for, both have to fit.
    if wanted.is_by_time() {
        let by_time = by_time(stack, wanted).await?;
        if wanted.recorded.is_none() {
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
async fn by_time(stack: &Stack, wanted: &Wanted) -> Result<Vec<String>, Problem> {
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
        between.account = Some(stack.account_key(account).await);
    }
    let table = stack.table("ledger")?.to_owned();
    let ledger = DynamoLedger::new(stack.aws.sdk(), table.clone(), SystemClock);
    let mut walk = Timeline::new(stack.aws.sdk(), table).walk(between);
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
    let waits =
        |standing: Option<EntryState>| standing.is_some_and(|standing| standing.is_waiting());
    let found = ids.into_iter().zip(standings);
    Ok(found
        .filter_map(|(id, standing)| waits(standing).then_some(id))
        .collect())
}

/// How far back a filter without a beginning looks, in days: entries are kept 35 by default.
const LOOK_BACK_DAYS: i64 = 36;
