//! Notices of events that Stripe failed to generate, as it sends and serves them.

use serde_json::{Value, json};

use super::shown::written;
use super::thin::notification;
use crate::iso;
use crate::world::{GENERATION_FAILURE, Notice, World};

impl World {
    /// A notice as Stripe delivers it: it doesn't say yet what failed.
    #[must_use]
    pub fn notice(&self, notice: &Notice) -> Value {
        let livemode = notice.failed.object.scope.livemode;
        notification(
            &notice.id,
            GENERATION_FAILURE,
            notice.created * 1_000,
            livemode,
        )
    }

    /// A notice as `/v2/core/events/{id}` serves it.
    #[must_use]
    pub fn notice_fetched(&self, notice: &Notice) -> Value {
        let failed = &notice.failed;
        let mut impact = json!({
            "event_type": failed.kind, "related_object": self.reference(failed),
        });
        if let Some(account) = &failed.object.scope.account {
            impact["context"] = json!(account);
        }
        let mut told = self.notice(notice);
        told["context"] = Value::Null;
        told["data"] = json!({
            "alert_id": format!("alert_{}", &notice.id[notice.id.len() - 16..]),
            "grouping_key": format!("event_generation_failure.{}", failed.kind),
            "impact": impact,
            "resolved_at": iso::written(notice.created, 0),
            "summary": "An event could not be generated; the change that it would have told of stands.",
        });
        told
    }

    /// The bytes of [`World::notice`], written as [`World::body`] writes.
    #[must_use]
    pub fn notice_body(&self, notice: &Notice) -> Vec<u8> {
        written(&self.notice(notice))
    }
}
