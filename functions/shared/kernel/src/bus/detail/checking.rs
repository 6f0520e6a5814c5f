//! A message that asks a domain to compare its projection with Stripe's object.
//!
//! It has the form of a thin event, and no body. It only says which object to compare.

use serde_json::json;

use super::{BodyPlace, Metadata};
use crate::bus::{self, Outgoing};
use crate::event::Scope;

/// An object that a domain is asked to compare with Stripe's.
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    /// The object's account and mode.
    pub scope: &'a Scope,
    /// An event about the object, one of `/v1/events`. For 30 days it proves that the object existed.
    pub event: &'a str,
    /// That event's type: the rules route the message to the object's domain by it.
    pub kind: &'a str,
    /// The object's id.
    pub object: &'a str,
    /// Stripe's name for its kind.
    pub object_kind: &'a str,
    /// The object's parent at Stripe, if objects of this kind are requested through their parent.
    pub parent: Option<&'a str>,
}

/// The field that marks a check as standing for an event that Stripe failed to make.
pub const UNGENERATED: &str = "ungenerated";

/// Makes the bus entry that asks an object's domain to fetch it and to compare it with the projection.
pub fn check(check: &Check<'_>, via: &str, now_ms: i64, traceparent: &str) -> Outgoing {
    checked(check, None, via, now_ms, traceparent)
}

/// The same for an object whose event Stripe failed to make. [`Check::event`] is the event that says so, and `said_s`
/// is its `created` in Unix seconds. The check emits the facts of the missing event, always dated `said_s`. So one
/// notice gives the same facts, however often and whenever the object is fetched for it.
pub fn check_ungenerated(
    check: &Check<'_>,
    said_s: i64,
    via: &str,
    now_ms: i64,
    traceparent: &str,
) -> Outgoing {
    checked(check, Some(said_s), via, now_ms, traceparent)
}

fn checked(
    check: &Check<'_>,
    ungenerated_s: Option<i64>,
    via: &str,
    now_ms: i64,
    traceparent: &str,
) -> Outgoing {
    let tag = Metadata {
        account: check.scope.account.clone(),
        endpoint: via.to_owned(),
        livemode: Some(check.scope.livemode),
        created: ungenerated_s,
        via: Some(via.to_owned()),
        check: true,
        received_at_ms: now_ms,
        traceparent: traceparent.to_owned(),
        generation: None,
        suppressed: false,
        body: BodyPlace::Inline,
    };
    let mut detail = json!({
        "sluice": tag,
        "id": check.event,
        "object": "v2.core.event",
        "type": check.kind,
        "livemode": check.scope.livemode,
        "related_object": { "id": check.object, "type": check.object_kind },
    });
    if let Some(parent) = check.parent {
        detail["related_object"]["parent"] = json!(parent);
    }
    if ungenerated_s.is_some() {
        detail[UNGENERATED] = json!(true);
    }
    Outgoing {
        source: bus::SOURCE_EVENTS,
        detail_type: check.kind.to_owned(),
        detail: detail.to_string(),
        traceparent: traceparent.to_owned(),
    }
}
