//! Rebuild and import: an object's projection is recomputed, or made before its first event.
//!
//! **Rebuild** corrects what a domain's code got wrong. An event that comes again is added to what is known, so a state
//! that was wrongly considered the last one stays. A rebuild makes new evidence instead. It reads, with the current
//! code, the events that the item names, if the ledger still has their bodies. If there is a key, it also uses the
//! object as Stripe has it. What can't be read again is kept from the item. **Import** adds Stripe's object to what
//! exists, usually nothing.
//!
//! Guarantee: each write goes through the version condition, so events that come in meanwhile are neither lost nor
//! undone. Facts stay as they are. A fact that the old code missed is emitted when its event is replayed, and one that
//! was emitted isn't emitted again.
//!
//! # What is emitted
//!
//! | | an object that is new here | one that is known |
//! |---|---|---|
//! | rebuild | | nothing, or with [`Mode::Emit`] its levels |
//! | import | nothing | its levels, if they change or are owed: like a check of reconcile |
//!
//! What a suppressed write changes is owed ([`Item::levels_owed`]): the object's next message emits it, even if that
//! message is stale by then. So a change isn't swallowed if it was imported or rebuilt before its event came. If no
//! event comes any more (after a gap in reconcile), an import of the known object emits what it changes.
//!
//! # Terminal states that are wrong
//!
//! A terminal state stays even if Stripe answers otherwise later; the answer is recorded with
//! [`code::CHECK_TERMINAL_CONTRADICTED`]. [`Mode::Reopen`] replaces the state with the answer
//! ([`Evidence::reopened`]) and emits the levels.
//!
//! # Guesses
//!
//! If an answer of Stripe is of the same second as an event, it may be unknown which was later. Such a tie is recorded
//! ([`crate::outcome::Tie`]), and reconcile has the domain check the object.
//!
//! Failure window: a crash between two objects leaves the first done and the second untouched. An object that needs no
//! change is not written, so running over all of them again is safe and cheap.
//!
//! Limits: without a key, events beyond [`projection::HISTORY_MAX`] and events that left no trace in the item are not
//! used. Replay them afterwards.

mod item;
mod sources;

use std::future::Future;

use serde_json::{Value, json};

use crate::bus::Bus;
use crate::clock::Clock;
use crate::code::{self, Code};
use crate::consumer::consume::{self, CONFLICTS_MAX};
use crate::consumer::fetch::{Objects, is_of_one_object};
use crate::consumer::order::candidate::Candidate;
use crate::consumer::order::evidence::Evidence;
use crate::consumer::projection::{self, Item, Projections};
use crate::delivery::ledger::Bodies;
use crate::domain::{Domain, Lacks};
use crate::event::{Event, Scope};
use crate::fault::Fault;
use crate::outcome::Outcomes;
use crate::queue;
use crate::reconcile::Listed;

use item::There;
use sources::{fetch, is_read_again, ledgered, neutral, stub};

/// What an import leaves in an item's history, where an event's id would be.
pub const IMPORTED: &str = "import";

/// What a rebuild leaves in the history of an item that names no event.
pub const REBUILT: &str = "rebuild";

/// How often one object's fetch waits for the budget before that is an error.
const WAITS_MAX: u32 = 20;

/// How a rebuild is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Only finds out what would change; with `reopens`, what [`Mode::Reopen`] would change.
    Plan {
        /// Whether a contradicted terminal state would be replaced.
        reopens: bool,
    },
    /// Nothing is emitted now. Levels that change are owed.
    Suppress,
    /// Levels that change, or are owed, are emitted.
    Emit,
    /// As `Emit`. If Stripe's answer contradicts an object's terminal state, the answer replaces the state.
    Reopen,
}

/// The ports of a rebuild.
#[derive(Debug)]
pub struct Ports<'a, P, B, L, O, N, S> {
    /// The domain's table.
    pub projections: &'a P,
    /// Where levels are emitted.
    pub bus: &'a B,
    /// Bodies of the ledger.
    pub bodies: &'a L,
    /// Stripe's objects.
    pub objects: &'a O,
    /// Where a guess is recorded, for reconcile.
    pub outcomes: &'a N,
    /// The domain's settings, from which derived values are computed.
    pub settings: &'a S,
}

/// What became of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// There was none, and now there is one.
    Made,
    /// The state changed, or whether it is the last, or whether it is a guess.
    Changed,
    /// It is unchanged, and was not written.
    Same,
    /// Neither Stripe nor the ledger could be asked: it is unchanged.
    Unfounded,
}

impl Change {
    /// The word for tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Changed => "changed",
            Self::Same => "same",
            Self::Unfounded => "unfounded",
        }
    }
}

/// An object before and after.
#[derive(Debug, Clone, PartialEq)]
pub struct Rebuilt {
    /// What became of it.
    pub change: Change,
    /// The state that it had; null if it had none.
    pub before: Value,
    /// The state that it has, or would have in a dry run.
    pub after: Value,
    /// Stripe was asked and answered.
    pub is_fetched: bool,
    /// The state is a guess.
    pub is_guess: bool,
    /// Why Stripe's answer was of no use, if Stripe was asked: a fault's code.
    pub note: Option<Code>,
}

/// An object as a page of Stripe's list shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The object.
    pub object: Value,
    /// The API version that it is in.
    pub api_version: Option<String>,
    /// The answer's `Date`, in Unix seconds.
    pub date_s: i64,
    /// How long the answer took, in milliseconds.
    pub took_ms: u32,
}

/// Stripe's lists of objects.
pub trait Existing: Sync {
    /// A page of the objects of a kind, newest first, including ended ones; after this id, if one is named.
    ///
    /// # Errors
    /// `Retry` if Stripe can't be asked now; `Reject` if it refuses the request, or has no list of that kind.
    fn existing(
        &self,
        scope: &Scope,
        kind: &str,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Listed<Shown>, Fault>> + Send;
}

/// Rebuilds one object's projection. `None` if there is no item with this key.
///
/// # Errors
/// `Retry` if a table or Stripe can't be asked now, or writes keep conflicting. `Reject` if the domain can't read an
/// event or object that it has to read; the item is unchanged then.
pub async fn rebuild<D: Domain>(
    ports: &Ports<
        '_,
        impl Projections,
        impl Bus,
        impl Bodies,
        impl Objects,
        impl Outcomes,
        D::Settings,
    >,
    clock: &impl Clock,
    key: &str,
    mode: Mode,
) -> Result<Option<Rebuilt>, Fault> {
    let rebuilding = ports.rebuild::<D>(clock, key, mode);
    queue::caught(rebuilding, queue::PANIC_RECEIVES_MAX).await
}

/// Adds an object, as Stripe shows it, to a domain's projections. With `is_dry` nothing is written.
///
/// # Errors
/// As [`rebuild`].
pub async fn import<D: Domain>(
    ports: &Ports<
        '_,
        impl Projections,
        impl Bus,
        impl Bodies,
        impl Objects,
        impl Outcomes,
        D::Settings,
    >,
    clock: &impl Clock,
    scope: &Scope,
    shown: &Shown,
    is_dry: bool,
) -> Result<Rebuilt, Fault> {
    let importing = ports.import::<D>(clock, scope, shown, is_dry);
    queue::caught(importing, queue::PANIC_RECEIVES_MAX).await
}

impl<P, B, L, O, N, S> Ports<'_, P, B, L, O, N, S>
where
    P: Projections,
    B: Bus,
    L: Bodies,
    O: Objects,
    N: Outcomes,
{
    async fn rebuild<D: Domain<Settings = S>>(
        &self,
        clock: &impl Clock,
        key: &str,
        mode: Mode,
    ) -> Result<Option<Rebuilt>, Fault> {
        let Some((scope, object)) = projection::scope_and_object(key) else {
            return Err(Fault::reject(
                code::REBUILD_BAD_KEY,
                "not account#mode#object, as keys are",
            ));
        };
        let tables = (self.projections, self.bus);
        for _ in 0..CONFLICTS_MAX {
            let (Some(item), version) = consume::read::<D>(self.projections, key).await? else {
                return Ok(None);
            };
            let events = ledgered::<D>(self.bodies, clock, &scope, &item).await?;
            let mut found = Vec::new();
            let mut owner = None;
            for event in &events {
                let projected = D::project(event)?;
                if projected.object == object {
                    owner = D::owner(&projected.state).or(owner);
                    found.push(Candidate::of_event::<D>(event, projected));
                }
            }
            let before = json!(item.evidence.head().state());
            let stub = stub::<D>(&scope, object, &before, events.last(), &item);
            let mut note = None;
            let mut answer = None;
            match fetch::<D>(self.objects, clock, &stub, object).await {
                Ok(Some((candidate, its_owner))) => {
                    owner = its_owner.or(owner);
                    found.push(candidate.clone());
                    answer = Some(candidate);
                }
                Ok(None) => {}
                // This fault concerns only this object. A fault of the whole run is an error.
                Err(fault) if is_of_one_object(&fault) => note = Some(fault.code),
                Err(fault) => return Err(fault),
            }
            let (is_fetched, is_unfounded) = (answer.is_some(), found.is_empty());
            let owner = owner.or_else(|| D::owner(item.evidence.head().state()));
            if !is_fetched {
                // What can't be read again stays as it was read then.
                let kept = item.evidence.members().iter();
                found.extend(
                    kept.filter(|member| !is_read_again(member, &events))
                        .cloned(),
                );
            }
            // Nothing is left if everything that was found has been dropped because of the reopening.
            let mut evidence = match is_unfounded {
                true => item.evidence.clone(),
                false => {
                    let replaced = item.evidence.replaced_by(found);
                    replaced.unwrap_or_else(|| item.evidence.clone())
                }
            };
            if let Some(answer) = answer.filter(|answer| evidence.is_contradicted_by(answer)) {
                match mode {
                    Mode::Reopen | Mode::Plan { reopens: true } => {
                        evidence = Evidence::reopened(answer);
                    }
                    _ => note = Some(code::CHECK_TERMINAL_CONTRADICTED),
                }
            }
            let is_guess = !evidence.head().is_decided();
            // Derived values follow the settings, even for an object that can't be read again.
            let is_derived_as = item.derived == D::derived(evidence.head().state(), self.settings);
            let rebuilt = Rebuilt {
                change: match is_as(&item.evidence, &evidence) && is_derived_as {
                    true if is_unfounded => Change::Unfounded,
                    true => Change::Same,
                    false => Change::Changed,
                },
                before,
                after: json!(evidence.head().state()),
                is_fetched,
                is_guess,
                note,
            };
            let emits = matches!(mode, Mode::Emit | Mode::Reopen);
            let is_done = matches!(rebuilt.change, Change::Same | Change::Unfounded);
            if matches!(mode, Mode::Plan { .. }) {
                return Ok(Some(rebuilt));
            }
            let is_kept = is_done && !(emits && owes(&item));
            let there = There::<D> {
                key,
                owner: owner.as_deref(),
                item: Some(&item),
                version,
            };
            if is_kept
                || there
                    .write(tables, self.settings, clock, &stub, evidence, emits)
                    .await?
            {
                if is_guess {
                    there.note(self.outcomes, clock, &stub, object).await?;
                }
                return Ok(Some(rebuilt));
            }
        }
        Err(consume::contended())
    }

    async fn import<D: Domain<Settings = S>>(
        &self,
        clock: &impl Clock,
        scope: &Scope,
        shown: &Shown,
        is_dry: bool,
    ) -> Result<Rebuilt, Fault> {
        let livemode = shown.object["livemode"].as_bool();
        if livemode.is_some_and(|livemode| livemode != scope.livemode) {
            let cause = "Stripe listed an object of the other mode";
            return Err(Fault::retry(code::STRIPE_KEY_WRONG_MODE, cause));
        }
        let event = Event {
            id: IMPORTED.to_owned(),
            kind: neutral(&shown.object),
            scope: scope.clone(),
            created: shown.date_s,
            api_version: shown.api_version.clone(),
            request: None,
            object: shown.object.clone(),
            previous_attributes: None,
        };
        let projected = D::project(&event)?;
        let owner = D::owner(&projected.state);
        let key = projection::key(scope, &projected.object);
        let object = projected.object.clone();
        let version = shown.api_version.as_deref();
        let (date_s, took_ms) = (shown.date_s, shown.took_ms);
        let mut candidate = Candidate::fetched(&shown.object, version, date_s, took_ms, projected);
        // A list of objects shows the first page of each one's own lists.
        if D::lacks(&event) == Lacks::State
            && let Some((whole, _)) = fetch::<D>(self.objects, clock, &event, &object).await?
        {
            candidate = whole;
        }
        let tables = (self.projections, self.bus);
        for _ in 0..CONFLICTS_MAX {
            let (item, version) = consume::read::<D>(self.projections, &key).await?;
            let contradicts = item
                .as_ref()
                .is_some_and(|item| item.evidence.is_contradicted_by(&candidate));
            let evidence = match &item {
                Some(item) => item.evidence.add(candidate.clone()),
                None => Evidence::of(candidate.clone()),
            };
            let rebuilt = Rebuilt {
                change: match &item {
                    None => Change::Made,
                    Some(item) if is_as(&item.evidence, &evidence) => Change::Same,
                    Some(_) => Change::Changed,
                },
                before: json!(item.as_ref().map(|item| item.evidence.head().state())),
                after: json!(evidence.head().state()),
                is_fetched: true,
                is_guess: !evidence.head().is_decided(),
                note: contradicts.then_some(code::CHECK_TERMINAL_CONTRADICTED),
            };
            // Levels that were never emitted, because the object was imported before its first event, wait for that
            // event.
            let owes = |item: &Item<D::State>| {
                owes(item) && (!item.pending.is_empty() || item.emitted.is_some())
            };
            if is_dry {
                return Ok(rebuilt);
            }
            let is_kept = rebuilt.change == Change::Same && !item.as_ref().is_some_and(owes);
            let there = There::<D> {
                key: &key,
                owner: owner.as_deref(),
                item: item.as_ref(),
                version,
            };
            let emits = item.is_some();
            if is_kept
                || there
                    .write(tables, self.settings, clock, &event, evidence, emits)
                    .await?
            {
                if rebuilt.is_guess {
                    there.note(self.outcomes, clock, &event, &object).await?;
                }
                return Ok(rebuilt);
            }
        }
        Err(consume::contended())
    }
}

/// Whether there is something to emit although nothing changes.
fn owes<S>(item: &Item<S>) -> bool {
    item.levels_owed || !item.pending.is_empty()
}

/// Whether both say the same about the object, whatever their evidence.
fn is_as<S: Clone + PartialEq>(one: &Evidence<S>, other: &Evidence<S>) -> bool {
    let (its, others) = (one.head(), other.head());
    its.state() == others.state()
        && its.is_decided() == others.is_decided()
        && one.terminal() == other.terminal()
}
