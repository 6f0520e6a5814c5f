//! What waits in the ledger, now.

use serde::Serialize;
use sluice_adapters::clock::SystemClock;
use sluice_adapters::ledger::DynamoLedger;
use sluice_adapters::listing::BATCH_MAX;
use sluice_adapters::timeline::Wanted;
use sluice_kernel::delivery::endpoint::{self, Payload};
use sluice_kernel::delivery::ledger::DueLedger;

use super::{DAY_MS, OVERDUE_MS};
use crate::problem::Problem;
use crate::stack::Stack;

/// The most entries of the due index that are counted.
const DUE_MAX: usize = 10_000;

/// How many of the newest events are checked for held and lapsed claims, which no index finds.
const NEWEST: usize = 500;

/// What waits: numbers of events. All but the due events are counted among the newest events of a day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Waiting for sweep; 10,000 at most.
    pub due: usize,
    /// The number of these that wait for longer than [`OVERDUE_MS`].
    pub overdue: usize,
    /// How many of the newest events were looked at.
    pub looked_at: usize,
    /// Claimed by a live attempt.
    pub held: usize,
    /// Claimed by an attempt that has ended.
    pub lapsed: usize,
    /// Stored, and not published until their endpoint's configuration is corrected.
    #[serde(rename = "waiting_for_configuration")]
    pub misfits: usize,
    /// Stored, and not published on purpose.
    #[serde(rename = "kept_on_purpose")]
    pub kept: usize,
    /// Events in a format that isn't in the list that reconcile reads.
    #[serde(rename = "of_a_list_not_looked_at")]
    pub unlisted: usize,
}

/// Counts what waits.
pub(super) async fn look(stack: &Stack, now_ms: i64) -> Result<Waiting, Problem> {
    // Without the permission to read the configuration the rest is still worth showing.
    let endpoints = stack.endpoints().await.unwrap_or_default();
    let is_listed = |kind: &str| {
        let payload = Payload::of(kind);
        endpoints.is_empty() || endpoints.values().any(|one| one.payload == payload)
    };
    let table = stack.table("ledger")?.to_owned();
    let ledger = DynamoLedger::new(stack.aws.sdk(), table, SystemClock);
    let mut waiting = Waiting {
        due: ledger.due(i64::MAX, DUE_MAX).await?.len(),
        overdue: ledger.due(now_ms - OVERDUE_MS, DUE_MAX).await?.len(),
        ..Waiting::default()
    };
    let wanted = Wanted {
        newest_first: true,
        ..Wanted::between(now_ms - DAY_MS, now_ms + 1)
    };
    let (mut walk, listing) = (stack.timeline()?.walk(wanted), stack.listing()?);
    let mut ended = false;
    while !ended && waiting.looked_at < NEWEST {
        let mut batch = Vec::new();
        while batch.len() < BATCH_MAX && !ended {
            match walk.next().await? {
                Some(seen) => batch.push(seen),
                None => ended = true,
            }
        }
        waiting.looked_at += batch.len();
        for listed in listing.look_up(batch).await? {
            waiting.unlisted += usize::from(!is_listed(&listed.seen.kind));
            waiting.held += usize::from(listed.state == "held");
            waiting.lapsed += usize::from(listed.state == "lapsed");
            if listed.state == "ledger_only" {
                match listed.code.as_deref().is_some_and(endpoint::is_waiting) {
                    true => waiting.misfits += 1,
                    false => waiting.kept += 1,
                }
            }
        }
    }
    Ok(waiting)
}
