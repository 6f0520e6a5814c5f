//! The states and outcomes of many events at once, as a list shows them.
//!
//! A batch is one `BatchGetItem` on the ledger and one on the outcomes table, for any events. An event that is neither
//! rejected nor failing has no record in the outcomes table: only its projection shows that it was applied.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use aws_types::SdkConfig;
use serde::Serialize;
use sluice_kernel::bus::route::{Route, route};
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::ledger::{EntryState, is_expired};
use sluice_kernel::fault::Fault;
use sluice_kernel::reconcile::Standings;

use crate::aws;
use crate::batch;
use crate::clock::SystemClock;
use crate::code;
use crate::entry::{self, Item, text};
use crate::ledger::DynamoLedger;
use crate::timeline::Seen;

/// The most events that are looked up at once: the limit of one `BatchGetItem`.
pub const BATCH_MAX: usize = 100;

/// An event and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The event, as the index by time holds it.
    #[serde(flatten)]
    pub seen: Seen,
    /// Its state: see [`state`]; `gone` if its entry no longer exists.
    pub state: &'static str,
    /// The domain that its type goes to, if any.
    pub domain: Option<&'static str>,
    /// What its domain recorded: `rejected`, `failing`, or the final outcome of a failing event.
    pub outcome: Option<String>,
    /// The code of that record, or why the event is ledger-only.
    pub code: Option<String>,
}

/// The state of an entry, in one word: `published`, `ledger_only`, `due`, `held` (by a live attempt), `lapsed` (the
/// attempt that claimed it is over), `expired`.
pub fn state(standing: &EntryState, now_ms: i64) -> &'static str {
    if is_expired(standing, now_ms) {
        "expired"
    } else if standing.published_at_ms.is_some() {
        "published"
    } else if standing.ledger_only.is_some() {
        "ledger_only"
    } else if standing.due_at_ms.is_some() {
        "due"
    } else if standing.lapses_at_ms > now_ms {
        "held"
    } else {
        "lapsed"
    }
}

/// Looks events up.
#[derive(Debug, Clone)]
pub struct Listing {
    client: Client,
    ledger: DynamoLedger<SystemClock>,
    outcomes_table: String,
}

impl Listing {
    /// Uses these tables.
    pub fn new(config: &SdkConfig, ledger_table: String, outcomes_table: String) -> Self {
        Self {
            client: aws::dynamodb(config),
            ledger: DynamoLedger::new(config, ledger_table, SystemClock),
            outcomes_table,
        }
    }

    /// At most [`BATCH_MAX`] events with what became of each, in their order.
    ///
    /// # Errors
    /// `Retry` if a table can't be reached.
    pub async fn look_up(&self, batch: Vec<Seen>) -> Result<Vec<Listed>, Fault> {
        let ids: Vec<_> = batch.iter().map(|seen| seen.id.as_str()).collect();
        let standings = self.ledger.standings(&ids).await?;
        let records = self.records(&batch).await?;
        let now_ms = SystemClock.now_ms();
        let listed = batch.into_iter().zip(standings).map(|(seen, standing)| {
            let record = records.get(&seen.id);
            let said = |name: &str| record?.get(name)?.as_s().ok().cloned();
            let why = standing
                .as_ref()
                .and_then(|standing| standing.ledger_only.clone());
            Listed {
                state: standing.map_or("gone", |standing| state(&standing, now_ms)),
                domain: domain(&seen.kind),
                outcome: said("outcome"),
                code: said("code").or(why),
                seen,
            }
        });
        Ok(listed.collect())
    }

    /// The records of those events that have one.
    async fn records(&self, batch: &[Seen]) -> Result<HashMap<String, Item>, Fault> {
        let keys = batch.iter().filter_map(|seen| {
            let domain = domain(&seen.kind)?;
            let key = [
                ("pk".to_owned(), entry::pk(&seen.id)),
                ("sk".to_owned(), text(domain)),
            ];
            Some(Item::from(key))
        });
        let how = KeysAndAttributes::builder();
        let (client, table) = (&self.client, &self.outcomes_table);
        let items = batch::get(
            client,
            table,
            keys.collect(),
            how,
            code::LISTING_UNAVAILABLE,
        )
        .await?;
        let found = items.into_iter().filter_map(|item| {
            let id = entry::id_of(&item)?.to_owned();
            Some((id, item))
        });
        Ok(found.collect())
    }
}

fn domain(kind: &str) -> Option<&'static str> {
    match route(kind) {
        Route::Domain(domain) => Some(domain),
        Route::NoDomain(_) | Route::Unrouted => None,
    }
}
