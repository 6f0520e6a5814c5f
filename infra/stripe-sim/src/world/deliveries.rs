//! What became of an event's deliveries: how many endpoints haven't taken it yet.
//!
//! Stripe shows that as `pending_webhooks`, which counts down, and filters its list of events by it
//! (`delivery_success`). The world only keeps the count; whoever delivers tells it. It is no part of an event's history:
//! the same event's bytes differ from one delivery to the next.

use std::collections::BTreeMap;

use super::World;

/// How many endpoints have still to take an event of which nobody has said anything.
pub const PENDING_WEBHOOKS_DEFAULT: u32 = 1;

/// The endpoints that have still to take each event, by the event's id.
pub(super) type Pending = BTreeMap<String, u32>;

impl World {
    /// How many endpoints haven't taken this event (by id, a twin's or a thin one's too) with a 2xx, as
    /// `pending_webhooks` shows it.
    #[must_use]
    pub fn pending_webhooks(&self, event_id: &str) -> u32 {
        let pending = self.pending.get(event_id);
        pending.copied().unwrap_or(PENDING_WEBHOOKS_DEFAULT)
    }

    /// Says to how many endpoints the event goes (or has still to go).
    pub fn set_pending_webhooks(&mut self, event_id: &str, endpoints: u32) {
        self.pending.insert(event_id.to_owned(), endpoints);
    }

    /// Says how a delivery went. One that was taken counts [`World::pending_webhooks`] down, down to 0: to be noted at
    /// the first 2xx of each endpoint and not for duplicates after it. One that failed leaves the event pending.
    pub fn note_delivery(&mut self, event_id: &str, delivered: bool) {
        let pending = self.pending_webhooks(event_id);
        self.set_pending_webhooks(event_id, pending.saturating_sub(u32::from(delivered)));
    }

    /// What `delivery_success` filters by: whether every endpoint has taken the event.
    pub(crate) fn is_delivered(&self, event_id: &str) -> bool {
        self.pending_webhooks(event_id) == 0
    }
}
