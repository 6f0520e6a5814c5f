//! `/v1/events`: newest first, of one account and mode, for 30 days.
//!
//! An event is shown in the account's default API version, whatever `Stripe-Version` says: at Stripe an event is
//! frozen when it is made.

use serde_json::Value;

use super::{Call, Error, page};
use crate::world::Occurrence;

/// The most types that one request may name.
const TYPES_MAX: usize = 20;

pub(crate) fn retrieve(call: &Call<'_>, id: &str) -> Result<Value, Error> {
    call.query.only(&["expand"])?;
    let visible = visible(call);
    let found = visible.iter().find(|event| event.id == id);
    let missing = || {
        let other_mode = call.world.events().iter().any(|event| {
            event.id == id
                && event.object.scope.account == call.scope.account
                && event.object.scope.livemode != call.scope.livemode
        });
        Error::missing("event", id, "id", call.scope.livemode, other_mode)
    };
    found.map(|event| show(call, event)).ok_or_else(missing)
}

pub(crate) fn list(call: &Call<'_>) -> Result<Value, Error> {
    call.query.only(&[
        "created",
        "delivery_success",
        "ending_before",
        "limit",
        "starting_after",
        "type",
        "types",
    ])?;
    let created = call.query.created()?;
    let patterns = patterns(call)?;
    let delivered = call.query.flag("delivery_success")?;
    let matching: Vec<_> = visible(call)
        .into_iter()
        .filter(|event| created.allows(event.created))
        .filter(|event| delivered.is_none_or(|it| it == call.world.is_delivered(&event.id)))
        .filter(|event| patterns.is_empty() || patterns.iter().any(|one| matches(one, &event.kind)))
        .collect();
    let (shown, has_more) = page::page(call, &matching, "event", |event| &event.id)?;
    let data = shown.iter().map(|event| show(call, event)).collect();
    Ok(page::list(data, has_more, "/v1/events"))
}

fn show(call: &Call<'_>, event: &Occurrence) -> Value {
    call.world.event(event, call.world.options().api_version)
}

/// What the account can see at this second, newest first.
fn visible<'a>(call: &Call<'a>) -> Vec<&'a Occurrence> {
    let oldest = call.terms.events_kept_s.map(|kept| call.now - kept);
    let events = call.world.events().iter().rev();
    events
        .filter(|event| event.object.scope == *call.scope)
        .filter(|event| event.created <= call.now)
        .filter(|event| oldest.is_none_or(|oldest| event.created >= oldest))
        .collect()
}

fn patterns<'a>(call: &Call<'a>) -> Result<Vec<&'a str>, Error> {
    let types = call.query.list("types");
    if types.len() > TYPES_MAX {
        let message = format!("You can only specify up to {TYPES_MAX} types.");
        return Err(Error::bad_parameter("types", &message));
    }
    match call.query.get("type") {
        Some(_) if !types.is_empty() => Err(Error::bad_parameter(
            "types",
            "You may only specify one of these parameters: type, types.",
        )),
        Some(one) => Ok(vec![one]),
        None => Ok(types),
    }
}

/// Whether `charge.failed`, `charge.*` or `*` matches a type.
pub(crate) fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => kind.starts_with(prefix),
        None => pattern == kind,
    }
}
