//! Events of API v2 that have no snapshot, as Stripe sends and serves them.

use serde_json::{Value, json};

use super::thin::notification;
use crate::body::written;
use crate::iso;
use crate::world::{About, Notice, Occurrence, World};

impl World {
    /// A notice as Stripe delivers it: without its data.
    #[must_use]
    pub fn notice(&self, notice: &Notice) -> Value {
        let scope = notice.scope();
        let created_ms = notice.created * 1_000;
        let mut thin = notification(&notice.id, notice.kind(), created_ms, scope.livemode);
        if let About::MeterErrors(meter) = &notice.about {
            thin["related_object"] = self.reference_to(meter);
        }
        if let Some(account) = scope.account {
            thin["context"] = json!(account);
        }
        thin
    }

    /// A notice as `/v2/core/events/{id}` serves it.
    #[must_use]
    pub fn notice_fetched(&self, notice: &Notice) -> Value {
        let mut fetched = self.notice(notice);
        fetched["data"] = match &notice.about {
            About::Ungenerated(failed) => self.failure(notice, failed),
            About::MeterErrors(_) => meter_errors(notice),
        };
        if fetched.get("context").is_none() {
            fetched["context"] = Value::Null;
        }
        fetched
    }

    fn failure(&self, notice: &Notice, failed: &Occurrence) -> Value {
        let mut impact = json!({
            "event_type": failed.kind, "related_object": self.reference_to(&failed.object),
        });
        if let Some(account) = &failed.object.scope.account {
            impact["context"] = json!(account);
        }
        json!({
            "alert_id": format!("alert_{}", &notice.id[notice.id.len() - 16..]),
            "grouping_key": format!("event_generation_failure.{}", failed.kind),
            "impact": impact,
            "resolved_at": iso::written(notice.created * 1_000),
            "summary": "An event could not be generated; the change that it would have reported stands.",
        })
    }

    /// The bytes of [`World::notice`], written as [`World::body`] writes.
    #[must_use]
    pub fn notice_body(&self, notice: &Notice) -> Vec<u8> {
        written(&self.notice(notice))
    }
}

/// What a meter refused in the last five minutes.
fn meter_errors(notice: &Notice) -> Value {
    let error = json!({
        "error_message": "Customer mapping key stripe_customer_id not found in payload.",
        "request": { "identifier": &notice.id[notice.id.len() - 16..] },
    });
    json!({
        "developer_message_summary": "There is 1 invalid event",
        "reason": {
            "error_count": 1,
            "error_types": [{
                "code": "meter_event_no_customer_defined",
                "error_count": 1,
                "sample_errors": [error],
            }],
        },
        "validation_end": iso::written(notice.created * 1_000),
        "validation_start": iso::written((notice.created - 300) * 1_000),
    })
}
