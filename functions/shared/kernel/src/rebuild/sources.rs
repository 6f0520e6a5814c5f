//! What an object's projection is rebuilt from: its events in the ledger, and Stripe's answer.

use serde_json::{Value, json};

use super::{REBUILT, WAITS_MAX};
use crate::clock::Clock;
use crate::code;
use crate::consumer::consume;
use crate::consumer::fetch::{Fetch, Fetched, Objects, Proof};
use crate::consumer::order::candidate::{Candidate, Source};
use crate::consumer::projection::Item;
use crate::delivery::ledger::Bodies;
use crate::domain::{Domain, Projected};
use crate::event::{Event, Scope};
use crate::fault::Fault;

/// The events that the item names, if the ledger has them and the domain uses them. Thin events have no object.
pub(super) async fn ledgered<D: Domain>(
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

/// What to ask Stripe for: the object of the newest event, or the one that the state names.
pub(super) fn stub<D: Domain>(
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
        id: item
            .history
            .last()
            .map_or(REBUILT, String::as_str)
            .to_owned(),
        kind: neutral(&object),
        scope: scope.clone(),
        created: item.evidence.second(),
        api_version: None,
        request: None,
        object,
        previous_attributes: None,
    }
}

/// A type that says nothing about what happened: `charge.updated`.
pub(super) fn neutral(object: &Value) -> String {
    let kind = match object["object"].as_str().unwrap_or_default() {
        "subscription" => "customer.subscription",
        kind => kind,
    };
    format!("{kind}.updated")
}

pub(super) type WithOwner<S> = (Candidate<S>, Option<String>);

/// The object as Stripe has it; `None` if there is no key, or no way to fetch it.
pub(super) async fn fetch<D: Domain>(
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
                let fault = Fault::retry(code::STRIPE_BUDGET_SPENT, "no fetch is left for now");
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
    let owner = D::owner(&projected.state);
    let candidate = Candidate::fetched(&shown, api_version.as_deref(), date_s, took_ms, projected);
    Ok(Some((candidate, owner)))
}

pub(super) fn is_read_again<S>(member: &Candidate<S>, events: &[Event]) -> bool {
    match &member.source {
        Source::Event { id, .. } => events.iter().any(|event| event.id == *id),
        Source::Fetch { .. } => false,
    }
}
