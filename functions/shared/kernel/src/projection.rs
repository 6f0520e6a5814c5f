//! Projections: the state that a domain derives, one item an object, written with one conditional write an event.
//!
//! An item holds the state and what it rests on ([`Evidence`]), a bounded history of event ids, the set of facts ever
//! emitted, and the effects still pending. Rules, each of which the consumer's guarantees need:
//!
//! - the write is conditional on the item's version; a conflict is read again and decided afresh;
//! - a write keeps what is pending, whoever called for it; only effects known to be on the bus are cleared, by id;
//! - an event with pending effects is never evicted from the history, and a fact never from the set.

use std::collections::BTreeSet;
use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::consume::Event;
use crate::effect::{self, Fact, Level, Pending, Scope};
use crate::fault::Fault;
use crate::order::candidate::Source;
use crate::order::evidence::Evidence;
use crate::outcome::Outcome;

/// The version of an item's form. A reader of this version reads all before it.
pub const SCHEMA: u32 = 1;

/// How many event ids an item remembers, beside those with pending effects. It tells a duplicate from a stale event in
/// the log and no more: evidence and facts take a second delivery in without a change.
pub const HISTORY_MAX: usize = 16;

/// The most facts that one object may call for: an item holds at most 400 KB.
pub const FACTS_MAX: usize = 1_000;

/// A projection item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(
    serialize = "S: Serialize + Clone + PartialEq",
    deserialize = "S: Deserialize<'de> + Clone"
))]
pub struct Item<S> {
    /// [`SCHEMA`] when it was written.
    pub schema: u32,
    /// The state (`state` in the document), whether it is a guess (`tie_unresolved`), and what it rests on.
    #[serde(flatten)]
    pub evidence: Evidence<S>,
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

/// Decides what an event makes of an item. `version` is the item's, 0 for none; `evidence` is the item's with what the
/// event, and a fetch on its account, added to it.
///
/// `levels` is the domain's diff, asked for only when the state changes.
///
/// # Errors
/// `Reject` with `projection.too_many_facts`.
pub fn step<S: Clone + PartialEq>(
    item: Option<&Item<S>>,
    version: u64,
    event: &Event,
    evidence: Evidence<S>,
    facts: &[Fact],
    levels: impl FnOnce(Option<&S>, &S) -> Vec<Level>,
) -> Result<Step<S>, Fault> {
    let before = item.map(|item| item.evidence.head().state().clone());
    let head = evidence.head();
    let state_changes = before.as_ref() != Some(head.state());
    let is_head = matches!(&head.candidate().source, Source::Event { id, .. } if *id == event.id);
    let known = item.is_some_and(|item| item.history.contains(&event.id));
    let outcome = match known {
        true => Outcome::Duplicate,
        false if is_head || state_changes => Outcome::Applied,
        false => Outcome::Stale,
    };

    let mut all_facts = item.map(|item| item.facts.clone()).unwrap_or_default();
    let mut pending = item.map(|item| item.pending.clone()).unwrap_or_default();
    let mut new_facts = false;
    for fact in facts {
        if all_facts.insert(effect::fact_id(fact, &event.scope)) {
            new_facts = true;
            pending.push(effect::pending_fact(fact.clone(), event));
        }
    }
    if all_facts.len() > FACTS_MAX {
        return Err(Fault::reject(
            "projection.too_many_facts",
            format!("more than {FACTS_MAX} facts of one object"),
        ));
    }
    // Nothing new to remember: an older event without a fact of its own leaves the item as it is.
    if !new_facts && item.is_some_and(|item| item.evidence == evidence) {
        return Ok(Step {
            write: None,
            outcome,
        });
    }
    if state_changes {
        let seq = version + 1;
        let changed = levels(before.as_ref(), head.state());
        pending.extend(
            changed
                .into_iter()
                .map(|level| effect::pending_level(level, event, seq)),
        );
    }
    let mut history = item.map(|item| item.history.clone()).unwrap_or_default();
    if !known {
        history.push(event.id.clone());
    }
    evict(&mut history, &pending);
    let write = Item {
        schema: SCHEMA,
        evidence,
        history,
        facts: all_facts,
        pending,
    };
    Ok(Step {
        write: Some(write),
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
    /// where it isn't. With an owner (see [`owner_key`]), the item is found by it too. A repetition of a write whose answer was lost may be told `false` too.
    ///
    /// # Errors
    /// `Retry` where the table can't be reached: the write may or may not have happened.
    fn put(
        &self,
        key: &str,
        expected: u64,
        document: &str,
        owner: Option<&str>,
    ) -> impl Future<Output = Result<bool, Fault>> + Send;
}

/// The key of an object's item: account, mode and object id.
pub fn key(scope: &Scope, object: &str) -> String {
    format!("{}#{object}", scope.key())
}

/// What an owner's items have in common: account, mode and the owner's id.
pub fn owner_key(scope: &Scope, owner: &str) -> String {
    format!("{}#{owner}", scope.key())
}
