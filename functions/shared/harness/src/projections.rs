//! Projections in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use sluice_kernel::code;
use sluice_kernel::consumer::projection::{Projections, Stored};
use sluice_kernel::fault::Fault;

use crate::clock::TestClock;

/// The table, with the faults that a test may set.
#[derive(Debug, Default)]
pub struct MemoryProjections {
    items: Mutex<BTreeMap<String, Stored>>,
    owners: Mutex<BTreeMap<String, String>>,
    lose_answers: Mutex<u32>,
    fail_writes: Mutex<u32>,
    slow: Mutex<Option<(TestClock, i64)>>,
}

impl MemoryProjections {
    /// The items by key.
    pub fn items(&self) -> BTreeMap<String, Stored> {
        self.items
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The keys of an owner's items.
    pub fn of_owner(&self, owner: &str) -> Vec<String> {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let own = owners.iter().filter(|(_, found)| *found == owner);
        own.map(|(key, _)| key.clone()).collect()
    }

    /// The next `count` writes happen, and their answers are lost.
    pub fn lose_answers(&self, count: u32) {
        *self
            .lose_answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = count;
    }

    /// From now on each call takes this long, by this clock.
    pub fn take_ms(&self, clock: &TestClock, call_ms: i64) {
        let mut slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        *slow = Some((clock.clone(), call_ms));
    }

    fn pass(&self) {
        let slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((clock, call_ms)) = &*slow {
            clock.advance_ms(*call_ms);
        }
    }

    /// The next `count` writes don't happen.
    pub fn fail_writes(&self, count: u32) {
        *self
            .fail_writes
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = count;
    }
}

fn take_one(counter: &Mutex<u32>) -> bool {
    let mut counter = counter.lock().unwrap_or_else(PoisonError::into_inner);
    let any = *counter > 0;
    *counter = counter.saturating_sub(1);
    any
}

impl Projections for MemoryProjections {
    async fn get(&self, key: &str) -> Result<Option<Stored>, Fault> {
        tokio::task::yield_now().await;
        self.pass();
        Ok(self.items().get(key).cloned())
    }

    async fn put(
        &self,
        key: &str,
        expected: u64,
        document: &str,
        owner: Option<&str>,
    ) -> Result<bool, Fault> {
        tokio::task::yield_now().await;
        self.pass();
        if take_one(&self.fail_writes) {
            return Err(Fault::retry(code::PROJECTION_UNAVAILABLE, "scripted"));
        }
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        if items.get(key).map_or(0, |stored| stored.version) != expected {
            return Ok(false);
        }
        // As in the table: the item is written whole, together with its owner.
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        match owner {
            Some(owner) => drop(owners.insert(key.to_owned(), owner.to_owned())),
            None => drop(owners.remove(key)),
        }
        items.insert(
            key.to_owned(),
            Stored {
                version: expected + 1,
                document: document.to_owned(),
            },
        );
        if take_one(&self.lose_answers) {
            return Err(Fault::retry(
                code::PROJECTION_UNAVAILABLE,
                "scripted: the answer is lost",
            ));
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryProjections;

    crate::projections_conformance!(async || MemoryProjections::default());
}
