//! Projections: the state that a domain derives, one item an object, written with one conditional write an event.
//!
//! An item holds the state, what it rests on ([`Evidence`]), a bounded history of event ids, the set of facts ever
//! emitted, and the effects still pending. Rules, each of which the consumer's guarantees need:
//!
//! - the write is conditional on the item's version; a conflict is read again and decided afresh;
//! - a write keeps what is pending, whoever called for it; only effects known to be on the bus are cleared, by id;
//! - an event with pending effects is never evicted from the history, and a fact never from the set.

use std::collections::BTreeSet;
use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::consume::Event;
use crate::domain::{Domain, Projected};
use crate::effect::{self, Fact, Level, Pending};
use crate::fault::Fault;
use crate::order::{self, Evidence, Place};
use crate::outcome::Outcome;

/// The version of an item's form. A reader of this version reads all before it.
pub const SCHEMA: u32 = 1;

/// How many event ids an item remembers, beside those with pending effects. An older duplicate is placed as older by
/// its `created`, and its facts are in the set.
pub const HISTORY_MAX: usize = 16;

/// The most facts that one object may call for: an item holds at most 400 KB.
pub const FACTS_MAX: usize = 1_000;

/// A projection item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item<S> {
    /// [`SCHEMA`] when it was written.
    pub schema: u32,
    /// What the domain keeps of the object.
    pub state: S,
    /// What the state rests on.
    pub evidence: Evidence,
    /// Ids of the events that were written here, newest last.
    pub history: Vec<String>,
    /// Ids of the facts ever called for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub facts: BTreeSet<String>,
    /// Effects not yet known to be on the bus.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Pending>,
}

/// What an event makes of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<S> {
    /// The item to write, or `None` where nothing changes.
    pub write: Option<Item<S>>,
    /// For the log.
    pub outcome: Outcome,
}

/// What a domain said of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Said<S> {
    /// The object as the event shows it.
    pub projected: Projected<S>,
    /// What the event says happened.
    pub facts: Vec<Fact>,
}

/// Decides what an event makes of an item. `version` is the item's, 0 for none.
///
/// `levels` is the domain's diff, asked for only when the state changes hands.
///
/// # Errors
/// `Reject` with `projection.too_many_facts`.
pub fn step<S: Clone>(
    item: Option<&Item<S>>,
    version: u64,
    event: &Event,
    said: &Said<S>,
    levels: impl FnOnce(Option<&S>, &S) -> Vec<Level>,
) -> Result<Step<S>, Fault> {
    if item.is_some_and(|item| item.history.contains(&event.id)) {
        return Ok(Step {
            write: None,
            outcome: Outcome::Duplicate,
        });
    }
    let Projected {
        terminal, state, ..
    } = &said.projected;
    let place = order::place(
        item.map(|item| &item.evidence),
        *terminal,
        event.created,
        &event.id,
    );
    let known = |id: &str| item.is_some_and(|item| item.facts.contains(id));
    let mut new_facts = Vec::new();
    for fact in &said.facts {
        let id = effect::fact_id(fact, &event.scope);
        if !known(&id) && !new_facts.iter().any(|(new, _)| *new == id) {
            new_facts.push((id, fact.clone()));
        }
    }
    let (newer, tie) = match place {
        Place::Newer { tie } => (true, tie),
        Place::Older { tie } => (false, tie),
    };
    // Nothing new to remember: an older event without a fact of its own leaves the item as it is.
    let tie_is_news = tie && item.is_some_and(|item| !item.evidence.tie_unresolved);
    if !newer && new_facts.is_empty() && !tie_is_news {
        return Ok(Step {
            write: None,
            outcome: Outcome::Stale,
        });
    }

    let seq = version + 1;
    let mut pending = item.map(|item| item.pending.clone()).unwrap_or_default();
    let mut facts = item.map(|item| item.facts.clone()).unwrap_or_default();
    for (id, fact) in new_facts {
        facts.insert(id);
        pending.push(effect::pending_fact(fact, event));
    }
    if facts.len() > FACTS_MAX {
        return Err(Fault::reject(
            "projection.too_many_facts",
            format!("more than {FACTS_MAX} facts of one object"),
        ));
    }
    let (state, evidence) = match item {
        Some(item) if !newer => {
            let tie_unresolved = item.evidence.tie_unresolved || tie;
            (
                item.state.clone(),
                Evidence {
                    tie_unresolved,
                    ..item.evidence.clone()
                },
            )
        }
        _ => {
            let before = item.map(|item| &item.state);
            let changed = levels(before, state);
            pending.extend(
                changed
                    .into_iter()
                    .map(|level| effect::pending_level(level, event, seq)),
            );
            let evidence = Evidence {
                terminal: *terminal,
                created: event.created,
                event: event.id.clone(),
                tie_unresolved: tie,
            };
            (state.clone(), evidence)
        }
    };
    let mut history = item.map(|item| item.history.clone()).unwrap_or_default();
    history.push(event.id.clone());
    evict(&mut history, &pending);
    let outcome = if newer {
        Outcome::Applied
    } else {
        Outcome::Stale
    };
    Ok(Step {
        write: Some(Item {
            schema: SCHEMA,
            state,
            evidence,
            history,
            facts,
            pending,
        }),
        outcome,
    })
}

/// Drops the oldest ids beyond the bound, but none whose effects are pending.
fn evict(history: &mut Vec<String>, pending: &[Pending]) {
    let mut excess = history.len().saturating_sub(HISTORY_MAX);
    history.retain(|id| {
        let evicted = excess > 0 && !pending.iter().any(|effect| effect.event == *id);
        excess -= usize::from(evicted);
        !evicted
    });
}

/// The item without the effects that are known to be on the bus; `None` where it had none of them.
pub fn clear<S: Clone>(item: &Item<S>, emitted: &[String]) -> Option<Item<S>> {
    let mut item = item.clone();
    let before = item.pending.len();
    item.pending.retain(|effect| !emitted.contains(&effect.id));
    (item.pending.len() < before).then_some(item)
}

/// A stored item, not yet read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Counts the writes of this item, from 1.
    pub version: u64,
    /// The item, as JSON.
    pub document: String,
}

/// A domain's table of projections.
pub trait Projections: Sync {
    /// Reads an item as it is now, not as it was a moment ago.
    ///
    /// # Errors
    /// `Retry` where the table can't be reached.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Stored>, Fault>> + Send;

    /// Writes an item if its version is still `expected` (0: there is none), and makes it `expected + 1`. `Ok(false)`
    /// where it isn't. A repetition of a write whose answer was lost may be told `false` too.
    ///
    /// # Errors
    /// `Retry` where the table can't be reached: the write may or may not have happened.
    fn put(
        &self,
        key: &str,
        expected: u64,
        document: &str,
    ) -> impl Future<Output = Result<bool, Fault>> + Send;
}

/// The key of an object's item: account, mode and object id.
pub fn key(event: &Event, object: &str) -> String {
    format!("{}#{object}", event.scope.key())
}

/// What one call of a domain says of an event.
///
/// # Errors
/// Whatever the domain rejects.
pub fn ask<D: Domain>(event: &Event) -> Result<Said<D::State>, Fault> {
    Ok(Said {
        projected: D::project(event)?,
        facts: D::facts(event)?,
    })
}
