//! The ledger in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use sluice_kernel::clock::Clock;
use sluice_kernel::code::{self, Code};
use sluice_kernel::delivery::ledger::{
    Arrival, Bodies, Claimed, Decision, Deferred, Due, DueLedger, Entry, EntryState, Ledger,
    Waiting, decide, is_expired,
};
use sluice_kernel::event::Origin;
use sluice_kernel::fault::Fault;
use sluice_kernel::reconcile::Standings;

use crate::clock::TestClock;

/// Larger bodies don't fit the entry, as on DynamoDB.
pub const INLINE_BYTES_MAX: usize = 32 * 1024;

#[derive(Debug, Clone)]
struct Row {
    entry: Entry,
    body: Option<Vec<u8>>,
}

/// An event's id, and the hash of a body that came under it.
type OtherKey = (String, [u8; 32]);

/// The ledger.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    clock: TestClock,
    rows: Mutex<BTreeMap<String, Row>>,
    others: Mutex<BTreeMap<OtherKey, Vec<u8>>>,
}

impl MemoryLedger {
    /// An empty ledger with this clock.
    pub fn new(clock: TestClock) -> Self {
        Self {
            clock,
            ..Self::default()
        }
    }

    /// The entry of an event, as it is now.
    pub fn entry(&self, id: &str) -> Option<Entry> {
        self.rows().get(id).map(|row| row.entry.clone())
    }

    /// The bodies kept next to an entry.
    pub fn others(&self, id: &str) -> Vec<Vec<u8>> {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others
            .iter()
            .filter(|((event, _), _)| event == id)
            .map(|(_, body)| body.clone())
            .collect()
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<String, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held_by<'a>(row: Option<&'a mut Row>, arrival: &Arrival<'_>) -> Option<&'a mut Row> {
        row.filter(|row| row.entry.standing.attempt == arrival.attempt)
    }
}

fn owned(origin: &Origin<'_>) -> Origin<'static> {
    use std::borrow::Cow;
    let text = |value: &Cow<'_, str>| Cow::Owned(value.to_string());
    Origin {
        id: text(&origin.id),
        kind: text(&origin.kind),
        shape: origin.shape,
        endpoint: text(&origin.endpoint),
        via: origin.via.as_ref().map(text),
        account: origin.account.as_ref().map(text),
        livemode: origin.livemode,
        created: origin.created,
        api_version: origin.api_version.as_ref().map(text),
        object_id: origin.object_id.as_ref().map(text),
        object_kind: origin.object_kind.as_ref().map(text),
        received_at_ms: origin.received_at_ms,
        traceparent: text(&origin.traceparent),
        as_pointer: origin.as_pointer,
    }
}

fn first(arrival: &Arrival<'_>) -> Row {
    let entry = Entry {
        origin: owned(&arrival.origin()),
        standing: EntryState {
            attempt: arrival.attempt.to_owned(),
            lapses_at_ms: arrival.lapses_at_ms,
            expires_at_s: arrival.expires_at_s,
            published_at_ms: None,
            due_at_ms: None,
            refusals: 0,
            ledger_only: None,
        },
        hash: Sha256::digest(arrival.body).into(),
        size: arrival.body.len() as u64,
    };
    Row {
        entry,
        body: (arrival.body.len() <= INLINE_BYTES_MAX).then(|| arrival.body.to_vec()),
    }
}

impl Ledger for MemoryLedger {
    async fn claim(&self, arrival: &Arrival<'_>) -> Result<Claimed, Fault> {
        tokio::task::yield_now().await;
        let mut rows = self.rows();
        let new = first(arrival);
        let won = Claimed::Won {
            complete: new.body.is_some(),
        };
        let Some(row) = rows.get_mut(&*arrival.head.id) else {
            rows.insert(arrival.head.id.to_string(), new);
            return Ok(won);
        };
        Ok(match decide(&row.entry, arrival, self.clock.now_ms()) {
            Decision::Absent => {
                *row = new;
                won
            }
            Decision::Own => Claimed::Won {
                complete: row.body.is_some(),
            },
            Decision::Finished => Claimed::Finished,
            Decision::Queued => Claimed::Queued,
            Decision::Conflict => Claimed::Conflict,
            Decision::Held => Claimed::Held,
            Decision::TakeOver => {
                row.entry.standing.attempt = arrival.attempt.to_owned();
                row.entry.standing.lapses_at_ms = arrival.lapses_at_ms;
                if row.entry.standing.is_waiting() {
                    row.entry.origin.account = owned(&arrival.origin()).account;
                }
                row.entry.standing.ledger_only = None;
                Claimed::TookOver {
                    entry: Box::new(row.entry.clone()),
                    body: row.body.clone(),
                }
            }
        })
    }

    async fn look(&self, arrival: &Arrival<'_>) -> Result<Decision, Fault> {
        tokio::task::yield_now().await;
        let rows = self.rows();
        Ok(rows.get(&*arrival.head.id).map_or(Decision::Absent, |row| {
            decide(&row.entry, arrival, self.clock.now_ms())
        }))
    }

    async fn complete(&self, arrival: &Arrival<'_>) -> Result<(), Fault> {
        tokio::task::yield_now().await;
        let mut rows = self.rows();
        let Some(row) = Self::held_by(rows.get_mut(&*arrival.head.id), arrival) else {
            return Err(Fault::held(code::CLAIM_LOST, "in memory"));
        };
        if row.body.is_none() {
            row.body = Some(arrival.body.to_vec());
            row.entry.hash = Sha256::digest(arrival.body).into();
            row.entry.size = arrival.body.len() as u64;
        }
        Ok(())
    }

    async fn mark(&self, arrival: &Arrival<'_>, now_ms: i64) -> Result<bool, Fault> {
        tokio::task::yield_now().await;
        let mut rows = self.rows();
        let Some(row) = Self::held_by(rows.get_mut(&*arrival.head.id), arrival) else {
            return Ok(false);
        };
        let standing = &mut row.entry.standing;
        match arrival.ledger_only {
            Some(reason) => standing.ledger_only = Some(reason.to_owned()),
            None => {
                standing.published_at_ms.get_or_insert(now_ms);
                standing.due_at_ms = None;
                standing.refusals = 0;
            }
        }
        Ok(true)
    }

    async fn defer(&self, arrival: &Arrival<'_>, due_at_ms: i64) -> Result<Deferred, Fault> {
        tokio::task::yield_now().await;
        let mut rows = self.rows();
        let row = rows.get_mut(&*arrival.head.id);
        if row
            .as_ref()
            .is_some_and(|row| row.entry.standing.published_at_ms.is_some())
        {
            return Ok(Deferred::Published);
        }
        let Some(row) = Self::held_by(row, arrival) else {
            return Ok(Deferred::Lost);
        };
        row.entry.standing.due_at_ms = Some(due_at_ms);
        Ok(Deferred::Due)
    }

    async fn keep_other(&self, arrival: &Arrival<'_>) -> Result<(), Fault> {
        let key = (
            arrival.head.id.to_string(),
            Sha256::digest(arrival.body).into(),
        );
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.insert(key, arrival.body.to_vec());
        Ok(())
    }
}

impl DueLedger for MemoryLedger {
    async fn due(&self, now_ms: i64, limit: usize) -> Result<Vec<String>, Fault> {
        let rows = self.rows();
        let due_at = |row: &Row| {
            row.entry
                .standing
                .due_at_ms
                .filter(|due_at_ms| *due_at_ms <= now_ms)
        };
        let mut due: Vec<_> = rows
            .iter()
            .filter_map(|(id, row)| Some((due_at(row)?, id.clone())))
            .collect();
        due.sort_unstable();
        due.truncate(limit);
        Ok(due.into_iter().map(|(_, id)| id).collect())
    }

    async fn take_up(&self, id: &str, now_ms: i64) -> Result<Option<Due>, Fault> {
        let rows = self.rows();
        let due = rows.get(id).filter(|row| {
            let standing = &row.entry.standing;
            standing.published_at_ms.is_none()
                && standing
                    .due_at_ms
                    .is_some_and(|due_at_ms| due_at_ms <= now_ms)
        });
        Ok(due.map(|row| Due {
            entry: row.entry.clone(),
            body: row.body.clone(),
        }))
    }

    async fn mark_swept(&self, id: &str, now_ms: i64) -> Result<(), Fault> {
        if let Some(row) = self.rows().get_mut(id) {
            let standing = &mut row.entry.standing;
            standing.published_at_ms.get_or_insert(now_ms);
            standing.due_at_ms = None;
            standing.refusals = 0;
        }
        Ok(())
    }

    async fn postpone(&self, id: &str, due_at_ms: i64, as_pointer: bool) -> Result<(), Fault> {
        let is_due_before = |row: &&mut Row| {
            row.entry
                .standing
                .due_at_ms
                .is_some_and(|at| at < due_at_ms)
        };
        if let Some(row) = self.rows().get_mut(id).filter(is_due_before) {
            row.entry.standing.due_at_ms = Some(due_at_ms);
            row.entry.standing.refusals += 1;
            row.entry.origin.as_pointer |= as_pointer;
        }
        Ok(())
    }
}

impl Waiting for MemoryLedger {
    async fn admit(
        &self,
        id: &str,
        reason: Code,
        account: Option<&str>,
        due_at_ms: i64,
    ) -> Result<bool, Fault> {
        tokio::task::yield_now().await;
        let mut rows = self.rows();
        let Some(row) = rows.get_mut(id) else {
            return Ok(false);
        };
        let standing = &mut row.entry.standing;
        if standing.ledger_only.as_deref() == Some(reason.as_str())
            && standing.published_at_ms.is_none()
            && standing.due_at_ms.is_none()
        {
            standing.ledger_only = None;
            standing.due_at_ms = Some(due_at_ms);
            row.entry.origin.account = account.map(|account| account.to_owned().into());
        }
        let standing = &row.entry.standing;
        Ok(standing.due_at_ms.is_some() && standing.published_at_ms.is_none())
    }
}

impl Bodies for MemoryLedger {
    async fn body(&self, id: &str, now_ms: i64) -> Result<Option<Vec<u8>>, Fault> {
        let rows = self.rows();
        let row = rows
            .get(id)
            .filter(|row| !is_expired(&row.entry.standing, now_ms));
        Ok(row.and_then(|row| row.body.clone()))
    }
}

impl Standings for MemoryLedger {
    async fn standings(&self, ids: &[&str]) -> Result<Vec<Option<EntryState>>, Fault> {
        tokio::task::yield_now().await;
        let rows = self.rows();
        let standing = |id: &&str| rows.get(*id).map(|row| row.entry.standing.clone());
        Ok(ids.iter().map(standing).collect())
    }

    async fn accounts_seen(
        &self,
        livemode: bool,
        since_ms: i64,
        limit: usize,
    ) -> Result<BTreeSet<String>, Fault> {
        let rows = self.rows();
        let origins = rows.values().map(|row| &row.entry.origin);
        let recent = origins.filter(|origin| {
            origin.livemode == Some(livemode) && origin.received_at_ms >= since_ms
        });
        let accounts = recent.filter_map(|origin| origin.account.as_deref().map(str::to_owned));
        let accounts: BTreeSet<String> = accounts.collect();
        Ok(accounts.into_iter().take(limit).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryLedger;

    crate::ledger_conformance!(async |clock| MemoryLedger::new(clock));
    crate::standings_conformance!(async |clock| MemoryLedger::new(clock));
    crate::waiting_conformance!(async |clock| MemoryLedger::new(clock));
}
