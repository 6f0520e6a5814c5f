//! Which effects of a message's object are not emitted yet: what would be lost by giving the message up.
//!
//! Effects are stored with the object's item and emitted by the next message of that object
//! ([`crate::consumer::consume`]). So an operator who gives up the last such message loses them. The item itself says
//! whether there are any, whatever became of the message. A thin event is applied only after Stripe was asked, and a
//! rejected one isn't applied at all, but the item may still have pending effects.
//!
//! The domain decides the item's key, because some objects are kept under another one's id ([`Domain::project`]). A
//! snapshot shows the object. A thin event and a check only name it. For these, the domain is asked where it keeps that
//! object when Stripe has deleted it, which takes no more than its kind and id.

use serde_json::{Map, Value, json};

use crate::bus::detail::Message;
use crate::clock::Clock;
use crate::code;
use crate::consumer::consume;
use crate::consumer::projection::{self, Projections, forms};
use crate::delivery::ledger::Bodies;
use crate::domain::Domain;
use crate::event::{Event, Scope};
use crate::fault::{Class, Fault};
use crate::queue::{PANIC_RECEIVES_MAX, caught};

/// How many effects of the message's object are pending in this domain's table.
///
/// # Errors
/// `Retry` if a table can't be read. `Reject` if the message doesn't say which object it is about: nothing is known
/// about its effects then. An item that can't be read is `Retry` with `projection.unreadable` or `projection.newer`.
pub async fn effects_of<D: Domain>(
    projections: &impl Projections,
    bodies: &impl Bodies,
    clock: &impl Clock,
    message: &Message,
) -> Result<usize, Fault> {
    let body = match consume::read_body(bodies, clock, message).await {
        // The fields that a pointer keeps of the event name the object too.
        Err(fault) if fault.class == Class::Reject => None,
        body => body?,
    };
    let body = body.as_ref().unwrap_or(&message.event);
    let Some(key) = key_of::<D>(message, body).await? else {
        return Ok(0);
    };
    let Some(stored) = projections.get(&key).await? else {
        return Ok(0);
    };
    Ok(forms::read::<D::State>(&stored.document)?.pending.len())
}

/// The key of the item that the message is about; `None` for a thin event without an object, which is never applied.
async fn key_of<D: Domain>(message: &Message, body: &Value) -> Result<Option<String>, Fault> {
    let scope = consume::scope(message)?;
    let mut object = match body["object"] == "v2.core.event" {
        true => match body["related_object"].as_object() {
            None => return Ok(None),
            Some(related) => named(related),
        },
        false => body["data"]["object"].as_object().cloned().ok_or_else(|| {
            Fault::reject(
                code::EVENT_NO_OBJECT,
                "the event has no data.object to look for",
            )
        })?,
    };
    let shown = project::<D>(message, &scope, body, object.clone()).await;
    let found = match shown {
        Ok(found) => found,
        Err(_) => {
            object.insert("deleted".to_owned(), json!(true));
            project::<D>(message, &scope, body, object).await?
        }
    };
    Ok(Some(projection::key(&scope, &found)))
}

/// A deleted object of this kind and id, as Stripe's API would show it.
fn named(related: &Map<String, Value>) -> Map<String, Value> {
    let mut object = Map::from_iter([("deleted".to_owned(), json!(true))]);
    for (field, from) in [("id", "id"), ("object", "type")] {
        if let Some(value) = related.get(from) {
            object.insert(field.to_owned(), value.clone());
        }
    }
    object
}

/// The id under which the domain keeps the object.
async fn project<D: Domain>(
    message: &Message,
    scope: &Scope,
    body: &Value,
    object: Map<String, Value>,
) -> Result<String, Fault> {
    let kind = message.kind.strip_prefix("v1.").unwrap_or(&message.kind);
    let event = Event {
        id: message.id.clone(),
        kind: kind.to_owned(),
        scope: scope.clone(),
        created: message.tag.created.unwrap_or_default(),
        api_version: body["api_version"].as_str().map(str::to_owned),
        request: None,
        object: Value::Object(object),
        previous_attributes: None,
    };
    let projecting = async { D::project(&event) };
    Ok(caught(projecting, PANIC_RECEIVES_MAX).await?.object)
}
