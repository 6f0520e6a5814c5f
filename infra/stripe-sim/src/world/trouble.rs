//! What Stripe itself gets wrong: one change told by two events, and a change that is told by none.
//!
//! A change without an event is still a change: the objects are as they are, only nobody hears of it. Some time later
//! Stripe says that it failed to generate the event, with an event of API v2,
//! `v2.core.health.event_generation_failure.resolved`. Its data say which type and which object; they come with the
//! fetched event, not with the delivered one.

use serde_json::{Value, json};

use super::{Occurrence, Scope, World};
use crate::ids::{Purpose, event_id, stream, thin_id};
use crate::iso;

/// The type of the event that tells of events that weren't generated.
pub const GENERATION_FAILURE: &str = "v2.core.health.event_generation_failure.resolved";

/// That Stripe failed to generate an event, as it says itself, to the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `evt_…`, one of `/v2/core/events`.
    pub id: String,
    /// Unix seconds.
    pub created: i64,
    /// The event that was never made.
    pub failed: Occurrence,
}

impl Notice {
    /// Who is told: the platform, in the mode of the change.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::platform(self.failed.object.scope.livemode)
    }
}

impl World {
    /// Tells one change twice: a second event beside this one, the same but for its id. Returns the new id; `None`
    /// where there is no such event.
    pub fn twin(&mut self, event: &str) -> Option<String> {
        let place = self.events.iter().position(|one| one.id == event)?;
        let mut twin = self.events[place].clone();
        // A stream of its own: ids of stories stay as they are.
        self.plays += 1;
        let mut dice = stream(self.seed, self.plays, Purpose::Twins);
        twin.id = event_id(&mut dice, &twin.kind);
        let id = twin.id.clone();
        self.events.insert(place + 1, twin);
        Some(id)
    }

    /// Gives so many of a hundred events a twin. Returns how many.
    pub fn twin_some(&mut self, percent: u8) -> usize {
        self.plays += 1;
        let mut dice = stream(self.seed, self.plays, Purpose::Twins);
        let events = self.events.iter().map(|event| event.id.clone());
        let chosen: Vec<_> = events.filter(|_| dice.u8(0..100) < percent).collect();
        let made = chosen.iter().filter_map(|event| self.twin(event));
        made.count()
    }

    /// Lets Stripe fail to generate this event: it is in no list and is delivered to nobody, as if it had never been, and
    /// so many seconds later Stripe says so. Returns the notice's id; `None` where there is no such event.
    ///
    /// The object's last event may then show less than the truth.
    pub fn fail_to_generate(&mut self, event: &str, told_after_s: u32) -> Option<String> {
        let place = self.events.iter().position(|one| one.id == event)?;
        let failed = self.events.remove(place);
        let id = thin_id(&failed.thin_id(), failed.object.scope.livemode);
        self.notices.push(Notice {
            id: id.clone(),
            created: failed.created + i64::from(told_after_s),
            failed,
        });
        self.notices.sort_by_key(|notice| notice.created);
        Some(id)
    }

    /// Lets Stripe fail to generate so many events, drawn from all. Returns how many: fewer only where
    /// there are fewer.
    pub fn fail_to_generate_some(&mut self, events: usize, told_after_s: u32) -> usize {
        self.plays += 1;
        let mut dice = stream(self.seed, self.plays, Purpose::Twins);
        let mut failed = 0;
        while failed < events && !self.events.is_empty() {
            let event = self.events[dice.usize(..self.events.len())].id.clone();
            self.fail_to_generate(&event, told_after_s);
            failed += 1;
        }
        failed
    }

    /// What Stripe has said of events that it failed to generate, by `created`.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// A notice as Stripe delivers it: it doesn't say yet what failed.
    #[must_use]
    pub fn notice(&self, notice: &Notice) -> Value {
        let livemode = notice.failed.object.scope.livemode;
        super::thin::notification(
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
            "resolved_at": iso::written(notice.created * 1_000),
            "summary": "An event could not be generated; the change that it would have told of stands.",
        });
        told
    }

    /// The bytes of [`World::notice`], written as [`World::body`] writes.
    #[must_use]
    pub fn notice_body(&self, notice: &Notice) -> Vec<u8> {
        super::written(&self.notice(notice))
    }
}
