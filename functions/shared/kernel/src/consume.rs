//! One message to one domain: read → apply → emit → clear.
//!
//! Delivery guarantee: a message may come any number of times and in any order; the projection and the set of effects
//! by id end as if each event had come once. The steps and the windows between them:
//!
//! | a crash after | leaves | the redelivery |
//! |---|---|---|
//! | read | nothing | starts over |
//! | apply | the new state, its effects pending | finds itself in the history, emits what is pending, clears |
//! | emit | the same | emits again (receivers drop it by id), clears |
//! | clear | a finished item | finds itself in the history, acknowledges |
//!
//! Every delivery, whatever its outcome, emits everything pending before it is acknowledged: the event that called for
//! an effect may never be delivered again.

use serde_json::Value;

use crate::bus::{Bus, Refusal};
use crate::clock::Clock;
use crate::detail::{self, BodyPlace, Message};
use crate::domain::Domain;
use crate::effect::{self, Pending, Scope};
use crate::fault::Fault;
use crate::ledger::Bodies;
use crate::order::candidate::Candidate;
use crate::order::evidence::Evidence;
use crate::outcome::Outcome;
use crate::projection::{self, Item, Projections, Stored};

/// How often a write that met another's is decided afresh before the message goes back to its queue.
pub const CONFLICTS_MAX: u32 = 8;

/// An event as a domain sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `evt_…`.
    pub id: String,
    /// Stripe's type.
    pub kind: String,
    /// Account and mode.
    pub scope: Scope,
    /// Unix seconds.
    pub created: i64,
    /// The API version that the object is in.
    pub api_version: Option<String>,
    /// `data.object`.
    pub object: Value,
    /// `data.previous_attributes`, on `*.updated` types.
    pub previous_attributes: Option<Value>,
}

/// The ports that a consumer needs.
#[derive(Debug)]
pub struct Ports<'a, P, B, L> {
    /// The domain's own table.
    pub projections: &'a P,
    /// Where effects go.
    pub bus: &'a B,
    /// Bodies of events that travel as pointers.
    pub bodies: &'a L,
}

/// Applies one message to the domain's projection.
///
/// # Errors
/// `Retry` where it may work later, `Reject` where it never will.
pub async fn consume<D: Domain>(
    ports: &Ports<'_, impl Projections, impl Bus, impl Bodies>,
    clock: &impl Clock,
    message: &Message,
) -> Result<Outcome, Fault> {
    if !D::handles(&message.kind) {
        return Ok(Outcome::Ignored);
    }
    let Some(event) = read_event(ports.bodies, clock, message).await? else {
        return Ok(Outcome::Ignored);
    };
    apply::<D>(ports, &event, &message.tag.traceparent).await
}

/// The event, from the message or from the ledger; `None` for thin events, which carry no object.
async fn read_event(
    bodies: &impl Bodies,
    clock: &impl Clock,
    message: &Message,
) -> Result<Option<Event>, Fault> {
    let from_ledger = match message.tag.body {
        BodyPlace::Inline => None,
        BodyPlace::Ledger => {
            let body = bodies
                .body(&message.id, clock.now_ms())
                .await?
                .ok_or_else(|| {
                    Fault::reject(
                        "ledger.body_missing",
                        "the ledger has no whole body of the event any more",
                    )
                })?;
            let event: Value = serde_json::from_slice(&body).map_err(|_| {
                Fault::reject("event.not_json", "the stored body is not readable as JSON")
            })?;
            Some(event)
        }
    };
    let event = from_ledger.as_ref().unwrap_or(&message.event);
    if event.get("object").and_then(Value::as_str) == Some("v2.core.event") {
        return Ok(None);
    }
    let livemode = message
        .tag
        .livemode
        .ok_or_else(|| Fault::reject("event.no_livemode", "the event has no boolean livemode"))?;
    let created = event
        .get("created")
        .and_then(Value::as_i64)
        .ok_or_else(|| {
            Fault::reject("event.no_created", "the event has no whole-second created")
        })?;
    let object = event
        .pointer("/data/object")
        .filter(|object| object.is_object())
        .ok_or_else(|| Fault::reject("event.no_object", "the event has no data.object"))?;
    Ok(Some(Event {
        id: message.id.clone(),
        kind: message.kind.clone(),
        scope: Scope {
            account: message.tag.account.clone(),
            livemode,
        },
        created,
        api_version: event
            .get("api_version")
            .and_then(Value::as_str)
            .map(str::to_owned),
        object: object.clone(),
        previous_attributes: event
            .pointer("/data/previous_attributes")
            .filter(|previous| previous.is_object())
            .cloned(),
    }))
}

async fn apply<D: Domain>(
    ports: &Ports<'_, impl Projections, impl Bus, impl Bodies>,
    event: &Event,
    traceparent: &str,
) -> Result<Outcome, Fault> {
    let projected = D::project(event)?;
    let facts = D::facts(event)?;
    let key = projection::key(&event.scope, &projected.object);
    let owner = projected
        .owner
        .as_deref()
        .map(|owner| projection::owner_key(&event.scope, owner));
    let place = Place {
        key: &key,
        owner: owner.as_deref(),
    };
    let candidate = Candidate::of_event(event, projected);
    for _ in 0..CONFLICTS_MAX {
        let (item, version) = read::<D>(ports.projections, &key).await?;
        let evidence = match &item {
            Some(item) => item.evidence.add(candidate.clone()),
            None => Evidence::of(candidate.clone()),
        };
        let step = projection::step(item.as_ref(), version, event, evidence, &facts, D::levels)?;
        let (item, version) = match step.write {
            None => (item, version),
            Some(item) => {
                if !write(ports.projections, place, version, &item).await? {
                    continue;
                }
                (Some(item), version + 1)
            }
        };
        if let Some(item) = item.filter(|item| !item.pending.is_empty()) {
            let emitted = emit(ports.bus, &item.pending, traceparent).await?;
            clear::<D>(ports.projections, place, version, item, &emitted).await?;
        }
        return Ok(step.outcome);
    }
    Err(contended())
}

/// Where an object's item is.
#[derive(Clone, Copy)]
struct Place<'a> {
    key: &'a str,
    owner: Option<&'a str>,
}

fn contended() -> Fault {
    Fault::retry(
        "projection.contended",
        format!("{CONFLICTS_MAX} writes in a row met another's"),
    )
}

/// Publishes all that is pending; returns the ids.
async fn emit(
    bus: &impl Bus,
    pending: &[Pending],
    traceparent: &str,
) -> Result<Vec<String>, Fault> {
    let entries: Vec<_> = pending
        .iter()
        .map(|effect| effect::outgoing(effect, traceparent))
        .collect();
    let results = bus.publish(&entries).await;
    if results.len() != entries.len() {
        return Err(Fault::retry(
            "effect.not_published",
            "the bus gave fewer results than entries",
        ));
    }
    for result in results {
        // Those that were taken stay pending too and are emitted again: receivers drop them by id.
        if let Err(Refusal::Form { cause } | Refusal::Later { cause }) = result {
            return Err(Fault::retry("effect.not_published", cause));
        }
    }
    Ok(pending.iter().map(|effect| effect.id.clone()).collect())
}

/// Takes exactly the emitted effects off the item. If this fails the message must come back: an item with pending
/// effects that no delivery will touch again would keep them for ever.
async fn clear<D: Domain>(
    projections: &impl Projections,
    place: Place<'_>,
    version: u64,
    item: Item<D::State>,
    emitted: &[String],
) -> Result<(), Fault> {
    let mut current = (Some(item), version);
    for _ in 0..CONFLICTS_MAX {
        let Some(cleared) = current
            .0
            .as_ref()
            .and_then(|item| projection::clear(item, emitted))
        else {
            return Ok(());
        };
        if write(projections, place, current.1, &cleared).await? {
            return Ok(());
        }
        current = read::<D>(projections, place.key).await?;
    }
    Err(contended())
}

type Versioned<S> = (Option<Item<S>>, u64);

async fn read<D: Domain>(
    projections: &impl Projections,
    key: &str,
) -> Result<Versioned<D::State>, Fault> {
    let Some(Stored { version, document }) = projections.get(key).await? else {
        return Ok((None, 0));
    };
    let item = serde_json::from_str(&document).map_err(|error| {
        // Retry, not Reject: an older version of the code may be reading what a newer one wrote.
        Fault::retry(
            "projection.unreadable",
            format!(
                "at line {} column {} of the stored item",
                error.line(),
                error.column()
            ),
        )
    })?;
    Ok((Some(item), version))
}

async fn write<S: serde::Serialize + Clone + PartialEq>(
    projections: &impl Projections,
    place: Place<'_>,
    expected: u64,
    item: &Item<S>,
) -> Result<bool, Fault> {
    let document = serde_json::to_string(item).map_err(|_| {
        Fault::reject(
            "projection.unwritable",
            "the domain's state has no JSON form",
        )
    })?;
    projections
        .put(place.key, expected, &document, place.owner)
        .await
}

/// Reads a message.
///
/// # Errors
/// `Reject` as [`detail::read`] has it.
pub fn read_message(text: &str) -> Result<Message, Fault> {
    detail::read(text)
}
