//! Thin events: the same changes as API v2 reports them.
//!
//! For each event there is a thin event with an id and type of its own (`v1.` before the snapshot's type), made in the
//! same second. It names the object and where to fetch it, and carries nothing of it. As delivered it has no `data`;
//! fetched, it also names its snapshot (`snapshot_event`). Stripe's `changes` are left out.

use serde_json::{Value, json};

use crate::body::written;
use crate::iso;
use crate::paths::url_of;
use crate::world::{Key, Moment, Occurrence, World};

impl World {
    /// The event's thin form as Stripe delivers it.
    #[must_use]
    pub fn thin(&self, event: &Occurrence) -> Value {
        let reason = event.request.as_ref().map(|(id, key)| {
            json!({ "type": "request", "request": { "id": id, "idempotency_key": key } })
        });
        let mut thin = notification(
            &event.thin_id(),
            &event.thin_kind(),
            event.thin_created_ms(),
            event.object.scope.livemode,
        );
        thin["related_object"] = self.reference_to(&event.object);
        thin["reason"] = reason.into();
        if let Some(account) = &event.object.scope.account {
            thin["context"] = json!(account);
        }
        thin
    }

    /// The event's thin form as `/v2/core/events/{id}` serves it.
    #[must_use]
    pub fn thin_fetched(&self, event: &Occurrence) -> Value {
        let mut thin = self.thin(event);
        thin["snapshot_event"] = json!(event.id);
        if thin.get("context").is_none() {
            thin["context"] = Value::Null;
        }
        thin
    }

    /// The bytes of [`World::thin`], written as [`World::body`] writes.
    #[must_use]
    pub fn thin_body(&self, event: &Occurrence) -> Vec<u8> {
        written(&self.thin(event))
    }

    /// How an event names its object: id, kind and path. Null if the API has no path to it.
    pub(super) fn reference_to(&self, object: &Key) -> Value {
        let Some(state) = self.state_at(object, Moment::End) else {
            return Value::Null;
        };
        let truth = &state.truth;
        let Some(url) = url_of(truth) else {
            return Value::Null;
        };
        let mut reference = json!({ "type": truth["object"], "url": url });
        // A singleton of an account has no id.
        if let Some(id) = truth["id"].as_str().filter(|id| !id.is_empty()) {
            reference["id"] = json!(id);
        }
        reference
    }
}

/// The fields that every event of API v2 has.
pub(super) fn notification(id: &str, kind: &str, created_ms: i64, livemode: bool) -> Value {
    json!({
        "id": id,
        "object": "v2.core.event",
        "type": kind,
        "livemode": livemode,
        "created": iso::written(created_ms),
        "related_object": null,
        "reason": null,
    })
}
