//! The ledger as reconcile reads it: many entries at once, without their bodies.

use std::collections::{BTreeSet, HashMap};

use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::ledger::EntryState;
use sluice_kernel::fault::Fault;
use sluice_kernel::reconcile::Standings;

use super::DynamoLedger;
use crate::batch;
use crate::code;
use crate::entry::{self, ENTRY, Item, text};
use crate::timeline::{Timeline, Wanted};

/// The most events, newest first, that are searched for accounts: about 20 read units.
const EVENTS_MAX: usize = 10_000;

impl<C: Clock> Standings for DynamoLedger<C> {
    async fn standings(&self, ids: &[&str]) -> Result<Vec<Option<EntryState>>, Fault> {
        // An event that the list names twice is requested once: DynamoDB refuses equal keys.
        let distinct: BTreeSet<&str> = ids.iter().copied().collect();
        let keys = distinct.into_iter().map(|id| {
            Item::from([
                ("pk".to_owned(), entry::pk(id)),
                ("sk".to_owned(), text(ENTRY)),
            ])
        });
        let how = batch::consistent()
            .projection_expression(format!("pk, {}", entry::STANDING.join(", ")));
        let items = batch::get(
            &self.client,
            &self.table,
            keys.collect(),
            how,
            code::LEDGER_UNAVAILABLE,
        )
        .await?;
        let mut found = HashMap::new();
        for item in &items {
            if let Some(id) = entry::id_of(item) {
                found.insert(id, entry::standing(item)?);
            }
        }
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    async fn accounts_seen(
        &self,
        livemode: bool,
        since_ms: i64,
        limit: usize,
    ) -> Result<BTreeSet<String>, Fault> {
        let timeline = Timeline::of(self.client.clone(), self.table.clone());
        let mut walk = timeline.walk(Wanted {
            newest_first: true,
            livemode: Some(livemode),
            ..Wanted::between(since_ms, self.clock.now_ms() + 1)
        });
        let mut accounts = BTreeSet::new();
        for _ in 0..EVENTS_MAX {
            match walk.next().await? {
                Some(seen) => accounts.extend(seen.account),
                None => break,
            }
            if accounts.len() >= limit {
                break;
            }
        }
        Ok(accounts)
    }
}
