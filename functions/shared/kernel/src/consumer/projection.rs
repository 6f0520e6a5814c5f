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
//! An event may come by a forced replay, under a generation ([`EmitMode::Forced`]). Its facts that were known are told again
//! under the generation's id, those that weren't are told for the first time, and the object's current levels are told at a new
//! seq: each once a generation, however often the replay delivers, since the item remembers what its last
//! [`GENERATIONS_MAX`] generations told. A message of an older generation that comes back tells its facts again by the same
//! ids, which receivers drop, and its levels at another seq, which says the same.
//!
//! Or it may be suppressed ([`EmitMode::Suppressed`]): its facts count as known and nothing is emitted. If the write changes the
//! object's levels, receivers still have the old ones, and the event of that very change may be on its way, stale by now. So
//! the item keeps the state whose levels were emitted last ([`Item::emitted`]), and owes the levels: the next message that isn't
//! suppressed emits them, whatever it brings, a stale event or a check included. One thing is emitted at once: where a level
//! is still pending, receivers are about to get what is no longer so, and get what is so right after it.
//!
//! # Seq
//!
//! A level's seq is the time of the write in Unix milliseconds, or one more than the item's last one if that is greater. So it
//! grows with each write of the item, also when clocks disagree, and it goes on growing after a restore from backup, in
//! another Region and in a new stack, where the item's version starts lower.

pub mod forms;

use std::collections::BTreeSet;
use std::future::Future;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bus::detail::EmitMode;
use crate::consumer::order::candidate::Source;
use crate::consumer::order::evidence::Evidence;
use crate::domain::Domain;
use crate::effects::effect::{self, Fact, Level, Pending};
use crate::event::{Event, Scope};
use crate::fault::Fault;
use crate::outcome::Outcome;

/// The version of an item's form. A reader of this version reads all before it, see [`forms`].
pub const SCHEMA: u32 = 2;

/// How many event ids an item remembers, beside those with pending effects. It tells a duplicate from a stale event in
/// the log and no more: evidence and facts take a second delivery in without a change.
pub const HISTORY_MAX: usize = 16;

/// The most facts of one kind that an object remembers. Further ones of that kind are neither kept nor emitted, and the
/// message's note says so ([`TOO_MANY_FACTS`]); the state and facts of other kinds are as ever. An item holds at most 400 KB,
/// which is some 4,000 ids, and only one kind of an object's facts repeats without end: failed attempts.
pub const FACTS_OF_KIND_MAX: usize = 1_000;

/// The code of a fact beyond [`FACTS_OF_KIND_MAX`].
pub const TOO_MANY_FACTS: &str = "projection.too_many_facts";

/// How many generations an item remembers what they told, the latest; beyond [`FACTS_OF_KIND_MAX`] facts in all, fewer.
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
    /// The levels have changed in a write that emitted nothing: the next message that isn't suppressed emits them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub levels_owed: bool,
    /// While levels are owed, the state whose levels were emitted last, if it is another than today's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emitted: Option<S>,
    /// The seq of the levels that were called for last; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seq: u64,
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(seq: &u64) -> bool {
    *seq == 0
}

/// What a message brings to an item.
#[derive(Debug)]
pub struct Input<'a, D: Domain> {
    /// The event, or what stands for one.
    pub event: &'a Event,
    /// What is emitted of it.
    pub mode: EmitMode<'a>,
    /// The item's evidence with what the event, and a fetch on its account, added to it.
    pub evidence: Evidence<D::State>,
    /// What it says happened.
    pub facts: &'a [Fact],
    /// The domain's settings.
    pub settings: &'a D::Settings,
    /// The time of the write, in Unix milliseconds.
    pub now_ms: i64,
}

/// What an event makes of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<S> {
    /// The item to write, or `None` where nothing changes.
    pub write: Option<Item<S>>,
    /// For the log.
    pub outcome: Outcome,
    /// How many facts were beyond [`FACTS_OF_KIND_MAX`], and weren't emitted.
    pub facts_dropped: usize,
}

/// Decides what an event makes of an item; `version` is the item's, 0 for none.
///
/// The domain is asked for its levels only when the state changes or is emitted again, when levels are owed, or when the
/// settings are others than those that the item was written by: then the levels as they are now are emitted.
pub fn step<D: Domain>(
    item: Option<&Item<D::State>>,
    version: u64,
    input: Input<'_, D>,
) -> Step<D::State> {
    let Input {
        event,
        mode,
        evidence,
        facts,
        settings,
        now_ms,
    } = input;
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

    let mut telling = EffectPlan::begin(item, event, mode);
    for fact in facts {
        telling.fact(fact, D::overtaken(fact, head.state()).as_deref());
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
    let emits = mode != EmitMode::Suppressed;
    let was_owed = item.is_some_and(|item| item.levels_owed);
    // Nothing new to remember: an older event without a fact of its own leaves the item as it is.
    let is_same = item.is_some_and(|item| item.evidence == evidence);
    let has_levels = resettled || (was_owed && emits);
    let facts_dropped = telling.dropped;
    if !telling.is_news && is_same && !has_levels {
        return Step {
            write: None,
            outcome,
            facts_dropped,
        };
    }
    let last_seq = item.map_or(0, |item| item.seq).max(version);
    let seq = u64::try_from(now_ms).unwrap_or(0).max(last_seq + 1);
    let changed = match (state_changes, was_owed || resettled) {
        (true, false) => D::levels(before.as_ref(), head.state(), settings),
        _ => Vec::new(),
    };
    let is_owed = was_owed || resettled || (!emits && !changed.is_empty());
    // The state whose levels receivers have.
    let since = item.and_then(|item| item.emitted.clone()).or(before);
    match is_owed && emits {
        true => telling.changed(all_levels::<D>(since.as_ref(), head.state(), settings), seq),
        false if was_owed || resettled => {
            let before = item.map(|item| item.evidence.head().state());
            telling.changed(all_levels::<D>(before, head.state(), settings), seq);
        }
        false => telling.changed(changed, seq),
    }
    if telling.repeats_levels {
        telling.current(D::levels(None, head.state(), settings), seq);
    }
    let mut history = item.map(|item| item.history.clone()).unwrap_or_default();
    if !known {
        history.push(event.id.clone());
    }
    evict(&mut history, &telling.pending);
    let stays_owed = is_owed && !emits;
    let write = Item {
        schema: SCHEMA,
        emitted: since.filter(|since| stays_owed && since != head.state()),
        evidence,
        derived,
        levels_owed: stays_owed,
        seq: match telling.has_level_of(seq) {
            true => seq,
            false => item.map_or(0, |item| item.seq),
        },
        history,
        facts: telling.facts,
        generations: telling.generations,
        pending: telling.pending,
    };
    Step {
        write: Some(write),
        outcome,
        facts_dropped,
    }
}

/// The levels as they are, and those of before that the object gives no longer: only a change names them.
fn all_levels<D: Domain>(
    before: Option<&D::State>,
    state: &D::State,
    settings: &D::Settings,
) -> Vec<Level> {
    let mut levels = match before {
        Some(before) => D::levels(Some(before), state, settings),
        None => Vec::new(),
    };
    for level in D::levels(None, state, settings) {
        let is_there = |other: &Level| (other.kind, &other.key) == (level.kind, &level.key);
        if !levels.iter().any(is_there) {
            levels.push(level);
        }
    }
    levels
}

/// What an item's set of facts, its generations and its pending effects become as an event is taken in.
struct EffectPlan<'a> {
    event: &'a Event,
    mode: EmitMode<'a>,
    facts: BTreeSet<String>,
    generations: Vec<Generation>,
    pending: Vec<Pending>,
    /// There is a fact or a generation that the item didn't know.
    is_news: bool,
    /// The generation is new to the item: its levels are to be told again.
    repeats_levels: bool,
    /// Facts beyond the bound of their kind.
    dropped: usize,
}

impl<'a> EffectPlan<'a> {
    fn begin<S>(item: Option<&Item<S>>, event: &'a Event, mode: EmitMode<'a>) -> Self {
        let mut generations = item
            .map(|item| item.generations.clone())
            .unwrap_or_default();
        let mut is_new = false;
        if let EmitMode::Forced(id) = mode {
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
            mode,
            facts: item.map(|item| item.facts.clone()).unwrap_or_default(),
            generations,
            pending: item.map(|item| item.pending.clone()).unwrap_or_default(),
            is_news: is_new,
            repeats_levels: is_new,
            dropped: 0,
        };
        telling.forget_old_generations();
        telling
    }

    fn fact(&mut self, fact: &Fact, overtaken: Option<&str>) {
        let id = effect::fact_id(fact, &self.event.scope);
        if !self.facts.contains(&id) && self.is_full(fact.kind) {
            self.dropped += 1;
            return;
        }
        let is_new = self.facts.insert(id.clone());
        let again = match self.mode {
            EmitMode::Forced(again) => Some(again),
            EmitMode::Normal | EmitMode::Suppressed => None,
        };
        // A fact that the generation tells for the first time is told by it: it isn't told again under its name.
        let told = again.and_then(|_| self.generations.last_mut());
        let repeats = told.is_some_and(|told| told.facts.insert(id));
        self.is_news |= is_new || repeats;
        match self.mode {
            EmitMode::Suppressed => {}
            _ if is_new || repeats => {
                let again = again.filter(|_| !is_new);
                let fact = fact.clone();
                self.tell(effect::pending_fact(fact, self.event, again, overtaken));
            }
            _ => {}
        }
        self.forget_old_generations();
    }

    /// Whether there is no room for one more fact of a kind.
    fn is_full(&self, kind: &str) -> bool {
        self.facts.len() >= FACTS_OF_KIND_MAX && {
            let of_kind = |id: &&String| id.split('#').next() == Some(kind);
            self.facts.iter().filter(of_kind).count() >= FACTS_OF_KIND_MAX
        }
    }

    fn has_level_of(&self, seq: u64) -> bool {
        self.pending
            .iter()
            .any(|effect| effect.detail["seq"] == seq)
    }

    /// The levels that a change of the state calls for.
    fn changed(&mut self, levels: Vec<Level>, seq: u64) {
        for level in levels {
            let key = effect::level_key(&level, &self.event.scope);
            let about_to_hear = |pending: &Pending| pending.detail["key"] == *key;
            if self.mode != EmitMode::Suppressed || self.pending.iter().any(about_to_hear) {
                self.tell(effect::pending_level(level, self.event, seq, None));
            }
        }
    }

    /// The levels as they are, told again by a generation; but for those that a change tells at the same time.
    fn current(&mut self, levels: Vec<Level>, seq: u64) {
        if let EmitMode::Forced(generation) = self.mode {
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
            || (self.generations.len() > 1 && facts(&self.generations) > FACTS_OF_KIND_MAX)
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
