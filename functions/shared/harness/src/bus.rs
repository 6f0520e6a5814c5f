//! An in-memory bus that remembers what was put on it, and refuses what a test scripts.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use sluice_kernel::bus::{Bus, Outgoing, PublishRefusal};

/// What the bus does with the next entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// Accepts it.
    Take,
    /// Refuses it for now.
    Later,
    /// Refuses its form.
    Form,
    /// Accepts it, and the response is lost.
    TakeAndLose,
}

/// The bus.
#[derive(Debug, Default)]
pub struct MemoryBus {
    taken: Mutex<Vec<Outgoing>>,
    script: Mutex<VecDeque<Script>>,
    down: Mutex<bool>,
}

impl MemoryBus {
    /// Scripts the results of the next entries; after that, all are accepted.
    pub fn script(&self, script: impl IntoIterator<Item = Script>) {
        self.script
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(script);
    }

    /// Refuses everything, or stops refusing.
    pub fn set_down(&self, down: bool) {
        *self.down.lock().unwrap_or_else(PoisonError::into_inner) = down;
    }

    /// Every entry accepted so far.
    pub fn taken(&self) -> Vec<Outgoing> {
        self.taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The details of every entry accepted so far.
    pub fn details(&self) -> Vec<Value> {
        let read = |entry: Outgoing| serde_json::from_str(&entry.detail).unwrap_or(Value::Null);
        self.taken().into_iter().map(read).collect()
    }

    fn put(&self, entry: &Outgoing) -> Result<(), PublishRefusal> {
        let refused = || PublishRefusal::Later {
            cause: "scripted".to_owned(),
        };
        if *self.down.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(refused());
        }
        let next = self
            .script
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let take = || {
            self.taken
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(entry.clone())
        };
        match next.unwrap_or(Script::Take) {
            Script::Take => {
                take();
                Ok(())
            }
            Script::Later => Err(refused()),
            Script::Form => Err(PublishRefusal::Form {
                cause: "scripted".to_owned(),
            }),
            Script::TakeAndLose => {
                take();
                Err(refused())
            }
        }
    }
}

impl Bus for MemoryBus {
    async fn publish(&self, entries: &[Outgoing]) -> Vec<Result<(), PublishRefusal>> {
        tokio::task::yield_now().await;
        entries.iter().map(|entry| self.put(entry)).collect()
    }
}
