//! Rebuild and import: an object's projection made anew, or made before its first event, and nothing told of it.
//!
//! **Rebuild** puts right what a domain's code got wrong. An event that comes again is added to what is known, so a state that was
//! wrongly taken for the last one stays. A rebuild makes new evidence instead, of the bodies that the ledger still has of the
//! events that the item names, read by the code of now, and of the object as Stripe has it, where there is a key. Of what
//! can't be had again the item's own is kept. **Import** adds Stripe's object to what there is, usually nothing.
//!
//! Guarantee: each write goes through the version condition, so events that come in meanwhile are neither lost nor undone; and
//! it is muted, so nobody is told. Facts stay as they are: one that the old code missed is told when its event is
//! replayed, and one that was told is not told again. A level is told with the next change, or by a forced replay.
//!
//! Failure window: a crash between two objects leaves the first done and the second untouched. An object that needs no
//! change is not written, so going over all of them again is safe and cheap.
//!
//! What isn't known: without a key, events beyond [`projection::HISTORY_MAX`] and events that left no trace in the item take
//! no part. Replay them afterwards.

use std::future::Future;

use serde_json::{Value, json};

use crate::batch;
use crate::clock::Clock;
use crate::consume::{self, CONFLICTS_MAX, Event, Place};
use crate::detail::Manner;
use crate::domain::{Domain, Lacks, Projected};
use crate::effect::Scope;
use crate::fault::Fault;
use crate::fetch::{Fetch, Fetched, Objects, Proof, is_of_one_object};
use crate::ledger::Bodies;
use crate::order::candidate::{Candidate, Source};
use crate::order::evidence::Evidence;
use crate::projection::{self, Item, Projections};
use crate::reconcile::Listed;

/// What an import leaves in an item's history, where an event's id would be.
pub const IMPORTED: &str = "import";

/// How often one object's fetch waits for the budget before that is an error.
const WAITS_MAX: u32 = 20;

/// The ports of a rebuild.
#[derive(Debug)]
pub struct Ports<'a, P, L, O, S> {
    /// The domain's table.
    pub projections: &'a P,
    /// Bodies of the ledger.
    pub bodies: &'a L,
    /// Stripe's objects.
    pub objects: &'a O,
    /// The domain's settings: what is derived of a state is derived by these.
    pub settings: &'a S,
}

/// What became of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// There was none, and now there is.
    Made,
    /// The state is another, or whether it is the last, or whether it is a guess.
    Changed,
    /// It is as it was, and was not written.
    Same,
    /// Neither Stripe nor the ledger could be asked: it is as it was.
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
    /// The state that it had; null where it had none.
    pub before: Value,
    /// The state that it has, or in a dry run would have.
    pub after: Value,
    /// Stripe was asked and answered.
    pub is_fetched: bool,
    /// The state is a guess.
    pub is_guess: bool,
    /// Why Stripe's answer was of no use, where it was asked: a fault's code.
    pub note: Option<&'static str>,
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
    /// A page of the objects of a kind, newest first, ended ones too; after this id, where one is named.
    ///
    /// # Errors
    /// `Retry` where Stripe can't be asked now; `Reject` where it refuses what is asked, or has no list of that kind.
    fn existing(
        &self,
        scope: &Scope,
        kind: &str,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Listed<Shown>, Fault>> + Send;
}

/// Makes one object's projection anew. With `is_dry` nothing is written. `None` where there is no item of this key.
///
/// # Errors
/// `Retry` where a table or Stripe can't be asked now, or writes keep meeting others; `Reject` where the domain can't read
/// an event or object that it has to: the item is as it was.
pub async fn rebuild<D: Domain>(
    ports: &Ports<'_, impl Projections, impl Bodies, impl Objects, D::Settings>,
    clock: &impl Clock,
    key: &str,
    is_dry: bool,
) -> Result<Option<Rebuilt>, Fault> {
    let rebuilding = rebuild_once::<D>(ports, clock, key, is_dry);
    batch::caught(rebuilding, batch::PANIC_RECEIVES_MAX).await
}

async fn rebuild_once<D: Domain>(
    ports: &Ports<'_, impl Projections, impl Bodies, impl Objects, D::Settings>,
    clock: &impl Clock,
    key: &str,
    is_dry: bool,
) -> Result<Option<Rebuilt>, Fault> {
    let Some((scope, object)) = projection::scope_and_object(key) else {
        return Err(Fault::reject(
            "rebuild.bad_key",
            "not account#mode#object, as keys are",
        ));
    };
    for _ in 0..CONFLICTS_MAX {
        let (Some(item), version) = consume::read::<D>(ports.projections, key).await? else {
            return Ok(None);
        };
        let events = ledgered::<D>(ports.bodies, clock, &scope, &item).await?;
        let mut found = Vec::new();
        let mut owner = None;
        for event in &events {
            let projected = D::project(event)?;
            if projected.object == object {
                owner = projected.owner.clone().or(owner);
                found.push(Candidate::of_event::<D>(event, projected));
            }
        }
        let before = json!(item.evidence.head().state());
        let stub = stub::<D>(&scope, object, &before, events.last(), &item);
        let mut note = None;
        let mut is_fetched = false;
        match fetch::<D>(ports.objects, clock, &stub, object).await {
            Ok(Some((candidate, its_owner))) => {
                is_fetched = true;
                owner = its_owner.or(owner);
                found.push(candidate);
            }
            Ok(None) => {}
            // This object's own trouble. The run's is an error.
            Err(fault) if is_of_one_object(&fault) => note = Some(fault.code),
            Err(fault) => return Err(fault),
        }
        let is_unfounded = found.is_empty();
        let owner = owner.or_else(|| D::owner(item.evidence.head().state()));
        if !is_fetched {
            // What can't be had again stands as it was read then.
            let kept = item.evidence.members().iter();
            found.extend(
                kept.filter(|member| !is_read_again(member, &events))
                    .cloned(),
            );
        }
        let evidence = match is_unfounded {
            true => Some(item.evidence.clone()),
            false => evidence_of(found),
        };
        let Some(evidence) = evidence else {
            continue;
        };
        let is_guess = !evidence.head().is_decided();
        // What is derived follows the settings, also of an object that can't be read again.
        let is_derived_as = item.derived == D::derived(evidence.head().state(), ports.settings);
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
        if is_dry || matches!(rebuilt.change, Change::Same | Change::Unfounded) {
            return Ok(Some(rebuilt));
        }
        let place = (key, owner.as_deref());
        if muted::<D>(
            (ports.projections, ports.settings),
            place,
            Some(&item),
            version,
            &stub,
            evidence,
        )
        .await?
        {
            return Ok(Some(rebuilt));
        }
    }
    Err(consume::contended())
}

/// Adds an object, as Stripe shows it, to a domain's projections. With `is_dry` nothing is written.
///
/// # Errors
/// As [`rebuild`].
pub async fn import<D: Domain>(
    ports: &Ports<'_, impl Projections, impl Bodies, impl Objects, D::Settings>,
    clock: &impl Clock,
    scope: &Scope,
    shown: &Shown,
    is_dry: bool,
) -> Result<Rebuilt, Fault> {
    let importing = import_once::<D>(ports, clock, scope, shown, is_dry);
    batch::caught(importing, batch::PANIC_RECEIVES_MAX).await
}

async fn import_once<D: Domain>(
    ports: &Ports<'_, impl Projections, impl Bodies, impl Objects, D::Settings>,
    clock: &impl Clock,
    scope: &Scope,
    shown: &Shown,
    is_dry: bool,
) -> Result<Rebuilt, Fault> {
    let livemode = shown.object["livemode"].as_bool();
    if livemode.is_some_and(|livemode| livemode != scope.livemode) {
        let cause = "Stripe listed an object of the other mode";
        return Err(Fault::retry("stripe.key_wrong_mode", cause));
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
    let owner = projected.owner.clone();
    let key = projection::key(scope, &projected.object);
    let object = projected.object.clone();
    let version = shown.api_version.as_deref();
    let (date_s, took_ms) = (shown.date_s, shown.took_ms);
    let mut candidate = Candidate::fetched(&shown.object, version, date_s, took_ms, projected);
    // A list of objects shows the first page of each one's own lists.
    if D::lacks(&event) == Lacks::State
        && let Some((whole, _)) = fetch::<D>(ports.objects, clock, &event, &object).await?
    {
        candidate = whole;
    }
    for _ in 0..CONFLICTS_MAX {
        let (item, version) = consume::read::<D>(ports.projections, &key).await?;
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
            note: None,
        };
        if is_dry || rebuilt.change == Change::Same {
            return Ok(rebuilt);
        }
        let place = (&*key, owner.as_deref());
        if muted::<D>(
            (ports.projections, ports.settings),
            place,
            item.as_ref(),
            version,
            &event,
            evidence,
        )
        .await?
        {
            return Ok(rebuilt);
        }
    }
    Err(consume::contended())
}

/// Writes, telling nobody. `Ok(false)` where another write was first.
async fn muted<D: Domain>(
    (projections, settings): (&impl Projections, &D::Settings),
    (key, owner): (&str, Option<&str>),
    item: Option<&Item<D::State>>,
    version: u64,
    event: &Event,
    evidence: Evidence<D::State>,
) -> Result<bool, Fault> {
    // No facts: one that was never told stays to be told when its event is replayed.
    let step = projection::step::<D>(item, version, event, Manner::Muted, evidence, &[], settings)?;
    let owner = owner.map(|owner| projection::owner_key(&event.scope, owner));
    let place = Place {
        key,
        owner: owner.as_deref(),
    };
    match step.write {
        None => Ok(true),
        Some(item) => consume::write(projections, place, version, &item).await,
    }
}

/// The events that the item names, as far as the ledger has them and the domain has a use for them. Thin ones have no object.
async fn ledgered<D: Domain>(
    bodies: &impl Bodies,
    clock: &impl Clock,
    scope: &Scope,
    item: &Item<D::State>,
) -> Result<Vec<Event>, Fault> {
    let mut ids: Vec<&str> = item.history.iter().map(String::as_str).collect();
    for member in item.evidence.members() {
        if let Source::Event { id, .. } = &member.source
            && !ids.contains(&id.as_str())
        {
            ids.push(id);
        }
    }
    let mut events = Vec::new();
    for id in ids {
        let Some(body) = bodies.body(id, clock.now_ms()).await? else {
            continue;
        };
        let Ok(body) = serde_json::from_slice::<Value>(&body) else {
            continue;
        };
        let (Some(kind), Some(created)) = (body["type"].as_str(), body["created"].as_i64()) else {
            continue;
        };
        let object = &body["data"]["object"];
        if !object.is_object() || !D::handles(kind) {
            continue;
        }
        let previous = &body["data"]["previous_attributes"];
        let request = consume::request_of(&body);
        events.push(Event {
            id: id.to_owned(),
            kind: kind.to_owned(),
            scope: scope.clone(),
            created,
            api_version: body["api_version"].as_str().map(str::to_owned),
            request,
            object: object.clone(),
            previous_attributes: previous.is_object().then(|| previous.clone()),
        });
    }
    Ok(events)
}

/// What to ask Stripe for: the object of the newest event, or what the state says that it is.
fn stub<D: Domain>(
    scope: &Scope,
    object: &str,
    state: &Value,
    newest: Option<&Event>,
    item: &Item<D::State>,
) -> Event {
    if let Some(event) = newest {
        return event.clone();
    }
    let kind = match &state["object"] {
        Value::String(kind) if kind == "gone" => &state["was"],
        kind => kind,
    };
    let id = match object.split_once(':') {
        Some((_, owner)) => owner,
        None => object,
    };
    let object = json!({ "id": id, "object": kind, "customer": id, "account": scope.account });
    Event {
        id: item.history.last().cloned().unwrap_or_default(),
        kind: neutral(&object),
        scope: scope.clone(),
        created: item.evidence.second(),
        api_version: None,
        request: None,
        object,
        previous_attributes: None,
    }
}

/// A type that says nothing of what happened: `charge.updated`.
fn neutral(object: &Value) -> String {
    let kind = match object["object"].as_str().unwrap_or_default() {
        "subscription" => "customer.subscription",
        kind => kind,
    };
    format!("{kind}.updated")
}

type WithOwner<S> = (Candidate<S>, Option<String>);

/// The object as Stripe has it; `None` where there is no key, or no way to it.
async fn fetch<D: Domain>(
    objects: &impl Objects,
    clock: &impl Clock,
    stub: &Event,
    object: &str,
) -> Result<Option<WithOwner<D::State>>, Fault> {
    let Some(mut fetch) = Fetch::of_snapshot(stub) else {
        return Ok(None);
    };
    if !stub.id.starts_with("evt_") {
        fetch.proof = None;
    } else {
        fetch.proof = Some(Proof::Snapshot(stub.id.clone()));
    }
    let mut waits = 0;
    let fetched = loop {
        match objects.fetch(&fetch).await? {
            Fetched::Spent { wait_ms } if waits < WAITS_MAX => {
                waits += 1;
                clock.sleep_ms(wait_ms).await;
            }
            Fetched::Spent { wait_ms } => {
                let fault = Fault::retry("stripe.budget_spent", "no fetch is left for now");
                return Err(fault.with_delay(wait_ms));
            }
            other => break other,
        }
    };
    let (shown, found, api_version, date_s, took_ms, is_deleted) = match fetched {
        Fetched::Found {
            object,
            whole,
            api_version,
            date_s,
            took_ms,
        } => {
            let whole = whole.unwrap_or_else(|| object.clone());
            (object, whole, api_version, date_s, took_ms, false)
        }
        Fetched::Deleted {
            object,
            date_s,
            took_ms,
        } => {
            let gone = json!({ "id": fetch.id, "object": fetch.kind, "deleted": true });
            let gone = object.unwrap_or(gone);
            (Value::Null, gone, None, date_s, took_ms, true)
        }
        Fetched::NoKey | Fetched::NoPath | Fetched::Spent { .. } => return Ok(None),
    };
    let as_is = Event {
        kind: neutral(&found),
        object: found,
        api_version: api_version.clone(),
        previous_attributes: None,
        ..stub.clone()
    };
    let mut projected: Projected<D::State> = D::project(&as_is)?;
    if projected.object != object {
        return Ok(None);
    }
    projected.terminal |= is_deleted;
    let owner = projected.owner.clone();
    let candidate = Candidate::fetched(&shown, api_version.as_deref(), date_s, took_ms, projected);
    Ok(Some((candidate, owner)))
}

fn is_read_again<S>(member: &Candidate<S>, events: &[Event]) -> bool {
    match &member.source {
        Source::Event { id, .. } => events.iter().any(|event| event.id == *id),
        Source::Fetch { .. } => false,
    }
}

fn evidence_of<S: Clone + PartialEq>(candidates: Vec<Candidate<S>>) -> Option<Evidence<S>> {
    let mut candidates = candidates.into_iter();
    let first = Evidence::of(candidates.next()?);
    Some(candidates.fold(first, |evidence, candidate| evidence.add(candidate)))
}

/// Whether two say the same of the object, whatever they rest on.
fn is_as<S: Clone + PartialEq>(one: &Evidence<S>, other: &Evidence<S>) -> bool {
    let (its, others) = (one.head(), other.head());
    its.state() == others.state()
        && its.is_decided() == others.is_decided()
        && one.terminal() == other.terminal()
}
