//! The ledger as reconcile reads it: many entries at once, without their bodies.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use sluice_kernel::clock::Clock;
use sluice_kernel::fault::Fault;
use sluice_kernel::ledger::Standing;
use sluice_kernel::reconcile::Standings;

use super::{DynamoLedger, UNAVAILABLE};
use crate::aws;
use crate::entry::{self, ENTRY, text};
use crate::timeline::{Timeline, Wanted};

/// The most events, the newest first, in which accounts are looked for: some 20 read units.
const EVENTS_MAX: usize = 10_000;

/// How often DynamoDB is asked for what it left out of an answer, in one look-up.
const READS_MAX: u32 = 5;

impl<C: Clock> Standings for DynamoLedger<C> {
    async fn standings(&self, ids: &[&str]) -> Result<Vec<Option<Standing>>, Fault> {
        // A list that names an event twice is asked for once: DynamoDB refuses equal keys.
        let distinct: BTreeSet<&str> = ids.iter().copied().collect();
        let keys = distinct.into_iter().map(|id| {
            HashMap::from([
                ("pk".to_owned(), entry::pk(id)),
                ("sk".to_owned(), text(ENTRY)),
            ])
        });
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys.collect()))
            .consistent_read(true)
            .projection_expression(format!("pk, {}", entry::STANDING.join(", ")))
            .build()
            .map_err(|_| Fault::reject("ledger.unavailable", "a look-up without keys"))?;
        let mut left = HashMap::from([(self.table.clone(), wanted)]);
        let mut found = HashMap::new();
        for _ in 0..READS_MAX {
            let get = self.client.batch_get_item().set_request_items(Some(left));
            let output = get.send().await;
            let output =
                output.map_err(|error| aws::unavailable(UNAVAILABLE, "BatchGetItem", &error))?;
            for item in output
                .responses
                .into_iter()
                .flatten()
                .flat_map(|(_, items)| items)
            {
                if let Some(id) = entry::id_of(&item) {
                    found.insert(id.to_owned(), entry::standing(&item)?);
                }
            }
            left = output.unprocessed_keys.unwrap_or_default();
            if left.is_empty() {
                return Ok(ids.iter().map(|id| found.get(*id).cloned()).collect());
            }
        }
        Err(Fault::retry(UNAVAILABLE, "BatchGetItem: throttled"))
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
