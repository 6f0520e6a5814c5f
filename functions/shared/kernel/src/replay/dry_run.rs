//! Dry run: what a domain would do with an event, without doing it.
//!
//! The consumer itself runs ([`consume`]), over ports without effects outside: projections are read from the table and
//! written in memory, and effects are not published. So the prediction is what the same code would do, for a whole list
//! of events that build on each other.
//!
//! The real result may differ for these reasons:
//!
//! - events come in meanwhile;
//! - Stripe would be asked about a tie or a thin event, which is not done here (a thin event is predicted as ignored,
//!   `thin.no_key`);
//! - a function runs another version of the domain.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::bus::detail::Message;
use crate::bus::{Bus, Outgoing, PublishRefusal};
use crate::clock::Clock;
use crate::consumer::consume::{self, Consumed, Ports};
use crate::consumer::fetch::WithoutKey;
use crate::consumer::projection::{Projections, Stored};
use crate::delivery::ledger::Bodies;
use crate::domain::Domain;
use crate::fault::Fault;
use crate::queue;

/// A domain's projections as they would be.
#[derive(Debug)]
pub struct Overlay<'a, P> {
    inner: &'a P,
    written: Mutex<BTreeMap<String, Stored>>,
}

impl<'a, P: Projections> Overlay<'a, P> {
    /// An overlay over the stored projections, which stay as they are.
    pub fn over(inner: &'a P) -> Self {
        Self {
            inner,
            written: Mutex::default(),
        }
    }

    fn written(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Stored>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Projections> Projections for Overlay<'_, P> {
    async fn get(&self, key: &str) -> Result<Option<Stored>, Fault> {
        let written = self.written().get(key).cloned();
        match written {
            Some(stored) => Ok(Some(stored)),
            None => self.inner.get(key).await,
        }
    }

    async fn put(
        &self,
        key: &str,
        expected: u64,
        document: &str,
        _: Option<&str>,
    ) -> Result<bool, Fault> {
        if self.get(key).await?.map_or(0, |stored| stored.version) != expected {
            return Ok(false);
        }
        let stored = Stored {
            version: expected + 1,
            document: document.to_owned(),
        };
        self.written().insert(key.to_owned(), stored);
        Ok(true)
    }
}

/// A bus that publishes nothing and remembers what it was given.
#[derive(Debug, Default)]
struct Nowhere {
    given: Mutex<Vec<Outgoing>>,
}

impl Bus for Nowhere {
    async fn publish(&self, entries: &[Outgoing]) -> Vec<Result<(), PublishRefusal>> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.extend_from_slice(entries);
        vec![Ok(()); entries.len()]
    }
}

/// An effect that would be emitted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlannedEffect {
    /// Its kind.
    pub kind: String,
    /// Its id: a fact's, or a level's with its seq.
    pub id: String,
    /// It was emitted before, and a forced replay emits it again.
    pub is_again: bool,
}

/// What a domain would do with an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predicted {
    /// The outcome, or the fault that it would end with.
    pub result: Result<Consumed, Fault>,
    /// What would be emitted: what the event causes, and what was pending before.
    pub effects: Vec<PlannedEffect>,
}

/// Predicts the result of one message. Later messages over the same `projections` build on it.
///
/// # Errors
/// `Retry` if the domain's table or the ledger can't be read, or if the domain's code panics. What the domain would
/// reject is no error: it is predicted.
pub async fn dry_run<D: Domain>(
    projections: &Overlay<'_, impl Projections>,
    bodies: &impl Bodies,
    clock: &impl Clock,
    message: &Message,
    settings: &D::Settings,
) -> Result<Predicted, Fault> {
    let bus = Nowhere::default();
    let ports = Ports {
        projections,
        bus: &bus,
        bodies,
        objects: &WithoutKey,
        settings,
    };
    let consuming = consume::consume::<D>(&ports, clock, message, i64::MAX);
    // As on its last receive, so that a panic gives its final result.
    let result = match queue::caught(consuming, queue::PANIC_RECEIVES_MAX).await {
        Err(fault) if fault.class != crate::fault::Class::Reject => return Err(fault),
        result => result,
    };
    let given = bus
        .given
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let effect = |entry: Outgoing| {
        let detail: Value = serde_json::from_str(&entry.detail).unwrap_or_default();
        PlannedEffect {
            kind: entry.detail_type,
            id: detail["id"].as_str().unwrap_or_default().to_owned(),
            is_again: detail["generation"].is_string(),
        }
    };
    Ok(Predicted {
        result,
        effects: given.into_iter().map(effect).collect(),
    })
}
