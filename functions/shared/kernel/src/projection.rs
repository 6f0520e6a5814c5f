//! Projections: the state that a domain derives, one item an object, written with one conditional write an event.
//!
//! An item holds the state and what it rests on ([`Evidence`]), a bounded history of event ids, the set of facts ever
//! emitted, and the effects still pending. Rules, each of which the consumer's guarantees need:
//!
//! - the write is conditional on the item's version; a conflict is read again and decided afresh;
//! - a write keeps what is pending, whoever called for it; only effects known to be on the bus are cleared, by id;
//! - an event with pending effects is never evicted from the history, and a fact never from the set.
//!
//! # Told again, and not told
//!
//! An event may come by a forced replay, under a generation ([`Manner::Again`]). Its facts that were known are told again
//! under the generation's id, those that weren't are told for the first time, and the object's current levels are told at a new
//! seq: each once a generation, however often the replay delivers, since the item remembers what its last
//! [`GENERATIONS_MAX`] generations told. A message of an older generation that comes back tells its facts again by the same
//! ids, which receivers drop, and its levels at another seq, which says the same.
//!
//! Or it may be muted ([`Manner::Muted`]). Its facts count as known and nothing is told of it, so receivers go on with what
//! they were told before: the next change of the state tells the difference to the muted one, and a forced replay tells
//! what is current. The seq is the item's version, so it never goes back. One thing is told in spite of all: where a level
//! is still pending, receivers are about to hear what is no longer so, and hear what is so right after it.

pub mod forms;

use std::collections::BTreeSet;
use std::future::Future;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::consume::Event;
use crate::detail::Manner;
use crate::domain::Domain;
use crate::effect::{self, Fact, Level, Pending, Scope};
use crate::fault::Fault;
use crate::order::candidate::Source;
use crate::order::evidence::Evidence;
use crate::outcome::Outcome;

/// The version of an item's form. A reader of this version reads all before it, see [`forms`].
pub const SCHEMA: u32 = 2;

/// How many event ids an item remembers, beside those with pending effects. It tells a duplicate from a stale event in
/// the log and no more: evidence and facts take a second delivery in without a change.
pub const HISTORY_MAX: usize = 16;

/// The most facts that one object may call for: an item holds at most 400 KB.
pub const FACTS_MAX: usize = 1_000;

/// How many generations an item remembers what they told, the latest; beyond [`FACTS_MAX`] facts in all, fewer.
pub const GENERATIONS_MAX: usize = 4;

/// What a forced replay told of an object. That it is there says that the levels were told again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// The replay's run.
    pub id: String,
    /// Ids, without the generation, of the facts that it told.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub facts: BTreeSet<String>,
}

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
    /// What the domain computes of the state for readers ([`Domain::derived`]), by the settings of when it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived: Option<Value>,
    /// The levels have changed with the settings in a write that emitted nothing: the next event emits them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub levels_owed: bool,
    /// Ids of the events that were written here, newest last.
    pub history: Vec<String>,
    /// Ids of the facts ever called for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub facts: BTreeSet<String>,
    /// What the last forced replays told, latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generations: Vec<Generation>,
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
/// event, and a fetch on its account, added to it; `manner` says what is told of it.
///
/// The domain is asked for its levels only when the state changes or is told again, or when the settings are others than
/// those that the item was written by: then the levels as they are now are emitted.
///
/// # Errors
/// `Reject` with `projection.too_many_facts`.
pub fn step<D: Domain>(
    item: Option<&Item<D::State>>,
    version: u64,
    event: &Event,
    manner: Manner<'_>,
    evidence: Evidence<D::State>,
    facts: &[Fact],
    settings: &D::Settings,
) -> Result<Step<D::State>, Fault> {
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

    let mut telling = Telling::begin(item, event, manner);
    for fact in facts {
        telling.fact(fact, D::overtaken(fact, head.state()).as_deref());
    }
    if telling.facts.len() > FACTS_MAX {
        return Err(Fault::reject(
            "projection.too_many_facts",
            format!("more than {FACTS_MAX} facts of one object"),
        ));
    }
    let derived = D::derived(head.state(), settings);
    let resettled = item.is_some_and(|item| {
        let of_before = || D::derived(item.evidence.head().state(), settings);
        let by_settings = match state_changes {
            true => of_before(),
            false => derived.clone(),
        };
        item.derived != by_settings
    });
    let emits = manner != Manner::Muted;
    let is_owed = resettled || item.is_some_and(|item| item.levels_owed);
    // Nothing new to remember: an older event without a fact of its own leaves the item as it is.
    let is_same = item.is_some_and(|item| item.evidence == evidence);
    let has_levels = resettled || (is_owed && emits);
    if !telling.is_news && is_same && !has_levels {
        return Ok(Step {
            write: None,
            outcome,
        });
    }
    let seq = version + 1;
    if is_owed {
        telling.changed(D::levels(None, head.state(), settings), seq);
    } else if state_changes {
        telling.changed(D::levels(before.as_ref(), head.state(), settings), seq);
    }
    if telling.repeats_levels {
        telling.current(D::levels(None, head.state(), settings), seq);
    }
    let mut history = item.map(|item| item.history.clone()).unwrap_or_default();
    if !known {
        history.push(event.id.clone());
    }
    evict(&mut history, &telling.pending);
    let write = Item {
        schema: SCHEMA,
        evidence,
        derived,
        levels_owed: is_owed && !emits,
        history,
        facts: telling.facts,
        generations: telling.generations,
        pending: telling.pending,
    };
    Ok(Step {
        write: Some(write),
        outcome,
    })
}

/// What an item's set of facts, its generations and its pending effects become as an event is taken in.
struct Telling<'a> {
    event: &'a Event,
    manner: Manner<'a>,
    facts: BTreeSet<String>,
    generations: Vec<Generation>,
    pending: Vec<Pending>,
    /// There is a fact or a generation that the item didn't know.
    is_news: bool,
    /// The generation is new to the item: its levels are to be told again.
    repeats_levels: bool,
}

impl<'a> Telling<'a> {
    fn begin<S>(item: Option<&Item<S>>, event: &'a Event, manner: Manner<'a>) -> Self {
        let mut generations = item
            .map(|item| item.generations.clone())
            .unwrap_or_default();
        let mut is_new = false;
        if let Manner::Again(id) = manner {
            let at = generations
                .iter()
                .position(|generation| generation.id == id);
            is_new = at.is_none();
            // The last, so that it isn't forgotten while it is at work.
            let generation = at.map_or_else(
                || Generation {
                    id: id.to_owned(),
                    facts: BTreeSet::new(),
                },
                |at| generations.remove(at),
            );
            generations.push(generation);
        }
        let mut telling = Self {
            event,
            manner,
            facts: item.map(|item| item.facts.clone()).unwrap_or_default(),
            generations,
            pending: item.map(|item| item.pending.clone()).unwrap_or_default(),
            is_news: is_new,
            repeats_levels: is_new,
        };
        telling.forget_old_generations();
        telling
    }

    fn fact(&mut self, fact: &Fact, overtaken: Option<&str>) {
        let id = effect::fact_id(fact, &self.event.scope);
        let is_new = self.facts.insert(id.clone());
        let again = match self.manner {
            Manner::Again(again) => Some(again),
            Manner::Plain | Manner::Muted => None,
        };
        // A fact that the generation tells for the first time is told by it: it isn't told again under its name.
        let told = again.and_then(|_| self.generations.last_mut());
        let repeats = told.is_some_and(|told| told.facts.insert(id));
        self.is_news |= is_new || repeats;
        match self.manner {
            Manner::Muted => {}
            _ if is_new || repeats => {
                let again = again.filter(|_| !is_new);
                let fact = fact.clone();
                self.tell(effect::pending_fact(fact, self.event, again, overtaken));
            }
            _ => {}
        }
        self.forget_old_generations();
    }

    /// The levels that a change of the state calls for.
    fn changed(&mut self, levels: Vec<Level>, seq: u64) {
        for level in levels {
            let key = effect::level_key(&level, &self.event.scope);
            let about_to_hear = |pending: &Pending| pending.detail["key"] == *key;
            if self.manner != Manner::Muted || self.pending.iter().any(about_to_hear) {
                self.tell(effect::pending_level(level, self.event, seq, None));
            }
        }
    }

    /// The levels as they are, told again by a generation; but for those that a change tells at the same time.
    fn current(&mut self, levels: Vec<Level>, seq: u64) {
        if let Manner::Again(generation) = self.manner {
            for level in levels {
                self.tell(effect::pending_level(
                    level,
                    self.event,
                    seq,
                    Some(generation),
                ));
            }
        }
    }

    fn tell(&mut self, effect: Pending) {
        if !self.pending.iter().any(|pending| pending.id == effect.id) {
            self.pending.push(effect);
        }
    }

    /// Keeps the latest, and always the last.
    fn forget_old_generations(&mut self) {
        let facts = |generations: &[Generation]| -> usize {
            generations.iter().map(|one| one.facts.len()).sum()
        };
        while self.generations.len() > GENERATIONS_MAX
            || (self.generations.len() > 1 && facts(&self.generations) > FACTS_MAX)
        {
            self.generations.remove(0);
        }
    }
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

/// The account and mode, and the object, that a key is of; `None` where it is no key.
pub fn scope_and_object(key: &str) -> Option<(Scope, &str)> {
    let (account, rest) = key.split_once('#')?;
    let (mode, object) = rest.split_once('#')?;
    let livemode = match mode {
        "live" => true,
        "test" => false,
        _ => return None,
    };
    let account = (account != "platform").then(|| account.to_owned());
    let is_named = !object.is_empty() && account.as_deref() != Some("");
    is_named.then_some((Scope { account, livemode }, object))
}

/// What an owner's items have in common: account, mode and the owner's id.
pub fn owner_key(scope: &Scope, owner: &str) -> String {
    format!("{}#{owner}", scope.key())
}
