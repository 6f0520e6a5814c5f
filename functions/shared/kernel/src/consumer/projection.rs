//! Projections: the state that a domain derives, one item per object, written with one conditional write per event.
//!
//! An item holds the state and its evidence ([`Evidence`]), a bounded history of event ids, the set of facts ever
//! emitted, and the effects still pending. The consumer's guarantees need each of these rules:
//!
//! - the write is conditional on the item's version; after a conflict the item is read and decided again;
//! - a write keeps what is pending, whichever event caused it; only effects known to be on the bus are cleared, by id;
//! - an event with pending effects is never evicted from the history, and a fact never from the set.
//!
//! # Emitted again, and not emitted
//!
//! An event may come by a forced replay, under a generation ([`EmitMode::Forced`]). Its known facts are emitted again
//! under the generation's id, and its other facts are emitted for the first time. The object's current levels are
//! emitted at a new seq. Each happens once per generation, however often the replay delivers: the item remembers what
//! its last [`GENERATIONS_MAX`] generations emitted. If a message of an older generation comes back, it emits its facts
//! again with the same ids, which receivers drop. It emits its levels with another seq and the same content.
//!
//! Or it may be suppressed ([`EmitMode::Suppressed`]): its facts count as known and nothing is emitted. If the write
//! changes the object's levels, receivers still have the old ones. The event of that very change may still be on its
//! way, and be stale by now. So the item keeps the state whose levels were emitted last ([`Item::emitted`]), and owes
//! the levels. The next message that isn't suppressed emits them, whatever it brings, even if it is a stale event or a
//! check. One case emits at once: if a level is still pending, receivers are about to get an outdated value, so they
//! get the current one right after it.
//!
//! # Seq
//!
//! A level's seq is the time of the write in Unix milliseconds, or one more than the item's last seq if that is
//! greater. So it grows with each write of the item, even if clocks disagree. It also keeps growing after a restore
//! from backup, in another Region and in a new stack, where the item's version starts lower.

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

/// The version of an item's format. A reader of this version reads all earlier ones, see [`forms`].
pub const SCHEMA: u32 = 2;

/// How many event ids an item remembers, beside those with pending effects. They only distinguish a duplicate from a
/// stale event in the log: evidence and facts accept a second delivery without a change.
pub const HISTORY_MAX: usize = 16;

/// The most facts of one kind that an object remembers. Further facts of that kind are neither kept nor emitted, and
/// the message's note says so ([`PROJECTION_TOO_MANY_FACTS`](crate::code::PROJECTION_TOO_MANY_FACTS)). The state and
/// the facts of other kinds aren't affected. An item holds at most 400 KB, which is about 4,000 ids. Only one kind of an
/// object's facts repeats without end: failed attempts.
pub const FACTS_OF_KIND_MAX: usize = 1_000;

/// For how many generations an item remembers what they emitted: the latest ones, and fewer beyond
/// [`FACTS_OF_KIND_MAX`] facts in all.
pub const GENERATIONS_MAX: usize = 4;

/// What a forced replay emitted for an object. If it exists, the levels were emitted again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// The replay's run.
    pub id: String,
    /// Ids, without the generation, of the facts that it emitted.
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
    /// The state (`state` in the document), whether it is a guess (`tie_unresolved`), and its evidence.
    #[serde(flatten)]
    pub evidence: Evidence<S>,
    /// What the domain computes from the state for readers ([`Domain::derived`]), with the settings of the last write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived: Option<Value>,
    /// A write that emitted nothing has changed the levels: the next message that isn't suppressed emits them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub levels_owed: bool,
    /// While levels are owed, the state whose levels were emitted last, if it differs from the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emitted: Option<S>,
    /// The seq of the latest levels; 0 if there were none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seq: u64,
    /// Ids of the events that were written here, newest last.
    pub history: Vec<String>,
    /// Ids of all facts that became known.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub facts: BTreeSet<String>,
    /// What the last forced replays emitted, latest last.
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
    /// The event, or its substitute.
    pub event: &'a Event,
    /// How its effects are emitted.
    pub mode: EmitMode<'a>,
    /// The item's evidence, with what the event and a fetch for it added.
    pub evidence: Evidence<D::State>,
    /// The facts that it reports.
    pub facts: &'a [Fact],
    /// The domain's settings.
    pub settings: &'a D::Settings,
    /// The time of the write, in Unix milliseconds.
    pub now_ms: i64,
}

/// What an event changes in an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<S> {
    /// The item to write, or `None` if nothing changes.
    pub write: Option<Item<S>>,
    /// The outcome, for the log.
    pub outcome: Outcome,
    /// How many facts were beyond [`FACTS_OF_KIND_MAX`], and weren't emitted.
    pub facts_dropped: usize,
}

/// Decides what an event changes in an item; `version` is the item's, 0 for none.
///
/// The domain is asked for its levels only if the state changes or is emitted again, if levels are owed, or if the
/// settings differ from those of the item's last write. If the settings differ, the current levels are emitted.
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

    let mut plan = EffectPlan::begin(item, event, mode);
    for fact in facts {
        plan.fact(fact, D::overtaken(fact, head.state()).as_deref());
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
    // Nothing new to remember: an older event without a new fact leaves the item as it is.
    let is_same = item.is_some_and(|item| item.evidence == evidence);
    let has_levels = resettled || (was_owed && emits);
    let facts_dropped = plan.dropped;
    if !plan.is_news && is_same && !has_levels {
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
    // The state of the levels that receivers have.
    let since = item.and_then(|item| item.emitted.clone()).or(before);
    match is_owed && emits {
        true => plan.changed(all_levels::<D>(since.as_ref(), head.state(), settings), seq),
        false if was_owed || resettled => {
            let before = item.map(|item| item.evidence.head().state());
            plan.changed(all_levels::<D>(before, head.state(), settings), seq);
        }
        false => plan.changed(changed, seq),
    }
    if plan.repeats_levels {
        plan.current(D::levels(None, head.state(), settings), seq);
    }
    let mut history = item.map(|item| item.history.clone()).unwrap_or_default();
    if !known {
        history.push(event.id.clone());
    }
    evict(&mut history, &plan.pending);
    let stays_owed = is_owed && !emits;
    let write = Item {
        schema: SCHEMA,
        emitted: since.filter(|since| stays_owed && since != head.state()),
        evidence,
        derived,
        levels_owed: stays_owed,
        seq: match plan.has_level_of(seq) {
            true => seq,
            false => item.map_or(0, |item| item.seq),
        },
        history,
        facts: plan.facts,
        generations: plan.generations,
        pending: plan.pending,
    };
    Step {
        write: Some(write),
        outcome,
        facts_dropped,
    }
}

/// The current levels, and the previous ones that the object no longer gives: only a change names those.
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

/// How an event changes an item's set of facts, its generations and its pending effects.
struct EffectPlan<'a> {
    event: &'a Event,
    mode: EmitMode<'a>,
    facts: BTreeSet<String>,
    generations: Vec<Generation>,
    pending: Vec<Pending>,
    /// There is a fact or a generation that the item didn't know.
    is_news: bool,
    /// The generation is new to the item: its levels are to be emitted again.
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
            // It goes last, so that it isn't forgotten while it is in use.
            let generation = at.map_or_else(
                || Generation {
                    id: id.to_owned(),
                    facts: BTreeSet::new(),
                },
                |at| generations.remove(at),
            );
            generations.push(generation);
        }
        let mut plan = Self {
            event,
            mode,
            facts: item.map(|item| item.facts.clone()).unwrap_or_default(),
            generations,
            pending: item.map(|item| item.pending.clone()).unwrap_or_default(),
            is_news: is_new,
            repeats_levels: is_new,
            dropped: 0,
        };
        plan.forget_old_generations();
        plan
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
        // A fact that is emitted for the first time counts for the generation: it isn't repeated under the generation's
        // name.
        let generation = again.and_then(|_| self.generations.last_mut());
        let repeats = generation.is_some_and(|one| one.facts.insert(id));
        self.is_news |= is_new || repeats;
        match self.mode {
            EmitMode::Suppressed => {}
            _ if is_new || repeats => {
                let again = again.filter(|_| !is_new);
                let fact = fact.clone();
                self.add(effect::pending_fact(fact, self.event, again, overtaken));
            }
            _ => {}
        }
        self.forget_old_generations();
    }

    /// Whether there is no room for another fact of a kind.
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

    /// Adds the levels that a change of the state emits.
    fn changed(&mut self, levels: Vec<Level>, seq: u64) {
        for level in levels {
            let key = effect::level_key(&level, &self.event.scope);
            let is_pending = |pending: &Pending| pending.detail["key"] == *key;
            if self.mode != EmitMode::Suppressed || self.pending.iter().any(is_pending) {
                self.add(effect::pending_level(level, self.event, seq, None));
            }
        }
    }

    /// Adds the current levels, which a generation emits again, except those that a change emits at the same time.
    fn current(&mut self, levels: Vec<Level>, seq: u64) {
        if let EmitMode::Forced(generation) = self.mode {
            for level in levels {
                self.add(effect::pending_level(
                    level,
                    self.event,
                    seq,
                    Some(generation),
                ));
            }
        }
    }

    fn add(&mut self, effect: Pending) {
        if !self.pending.iter().any(|pending| pending.id == effect.id) {
            self.pending.push(effect);
        }
    }

    /// Keeps the latest generations, and always the last one.
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

/// Drops the oldest ids beyond the bound, except those with pending effects.
fn evict(history: &mut Vec<String>, pending: &[Pending]) {
    let mut excess = history.len().saturating_sub(HISTORY_MAX);
    history.retain(|id| {
        let evicted = excess > 0 && !pending.iter().any(|effect| effect.event == *id);
        excess -= usize::from(evicted);
        !evicted
    });
}

/// The item without the effects that are known to be on the bus; `None` if it had none of them.
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
    /// `Retry` if the table can't be reached.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Stored>, Fault>> + Send;

    /// Writes an item if its version is still `expected` (0: there is none), and sets it to `expected + 1`. `Ok(false)`
    /// if the version differs. With an owner (see [`owner_key`]), the item is found by the owner too. A repeated write
    /// may also give `false`, if the first answer was lost.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached: the write may or may not have happened.
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

/// The account, mode and object of a key; `None` if the text is no key.
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

/// What the keys of an owner's items have in common: account, mode and the owner's id.
pub fn owner_key(scope: &Scope, owner: &str) -> String {
    format!("{}#{owner}", scope.key())
}
