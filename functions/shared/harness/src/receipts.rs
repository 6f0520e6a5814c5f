//! Receipts in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use sluice_kernel::effects::receive::{Attempt, Effect, Receipt, Receipts};
use sluice_kernel::fault::Fault;

#[derive(Debug, Clone)]
struct Row {
    seq: u64,
    attempt: String,
    lapses_at_ms: i64,
    expires_at_s: i64,
    done: bool,
}

/// The table.
#[derive(Debug, Default)]
pub struct MemoryReceipts {
    rows: Mutex<BTreeMap<String, Row>>,
}

impl MemoryReceipts {
    fn with_own(&self, effect: &Effect, attempt: Attempt<'_>, change: impl FnMut(&mut Row)) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.get_mut(effect.subject());
        let own =
            row.filter(|row| row.attempt == attempt.name && row.seq == effect.seq.unwrap_or(0));
        own.into_iter().for_each(change);
    }
}

impl Receipts for MemoryReceipts {
    async fn claim(
        &self,
        effect: &Effect,
        attempt: Attempt<'_>,
        now_ms: i64,
    ) -> Result<Receipt, Fault> {
        tokio::task::yield_now().await;
        let seq = effect.seq.unwrap_or(0);
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = rows
            .get(effect.subject())
            .filter(|row| row.expires_at_s * 1000 > now_ms)
        {
            if row.seq > seq || (row.seq == seq && row.done) {
                return Ok(Receipt::Done);
            }
            if row.seq == seq && row.attempt != attempt.name && row.lapses_at_ms > now_ms {
                return Ok(Receipt::Held);
            }
        }
        let row = Row {
            seq,
            attempt: attempt.name.to_owned(),
            lapses_at_ms: attempt.lapses_at_ms,
            expires_at_s: attempt.expires_at_s,
            done: false,
        };
        rows.insert(effect.subject().to_owned(), row);
        Ok(Receipt::Mine)
    }

    async fn mark(&self, effect: &Effect, attempt: Attempt<'_>) -> Result<(), Fault> {
        self.with_own(effect, attempt, |row| row.done = true);
        Ok(())
    }

    async fn release(&self, effect: &Effect, attempt: Attempt<'_>) -> Result<(), Fault> {
        self.with_own(effect, attempt, |row| row.lapses_at_ms = 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryReceipts;

    crate::receipts_conformance!(async || MemoryReceipts::default());
}
