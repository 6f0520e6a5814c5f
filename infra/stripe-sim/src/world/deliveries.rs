//! What became of an event's deliveries: how many endpoints haven't acknowledged it yet.
//!
//! Stripe shows that as `pending_webhooks`, which counts down, and filters its list of events by it
//! (`delivery_success`). The world only keeps the count; the deliverer reports it. It isn't part of an event's history:
//! the same event's bytes differ from one delivery to the next.

use std::collections::BTreeMap;

use super::World;

/// How many endpoints have still to acknowledge an event for which no count was reported.
pub const PENDING_WEBHOOKS_DEFAULT: u32 = 1;

/// How many endpoints have still to acknowledge each event, by the event's id.
pub(super) type Pending = BTreeMap<String, u32>;

impl World {
    /// How many endpoints haven't acknowledged this event with a 2xx, as `pending_webhooks` shows it. The id may be a
    /// second event's or a thin event's too.
    #[must_use]
    pub fn pending_webhooks(&self, event_id: &str) -> u32 {
        let pending = self.pending.get(event_id);
        pending.copied().unwrap_or(PENDING_WEBHOOKS_DEFAULT)
    }

    /// Sets the number of endpoints that the event goes to (or has still to go to).
    pub fn set_pending_webhooks(&mut self, event_id: &str, endpoints: u32) {
        self.pending.insert(event_id.to_owned(), endpoints);
    }

    /// Records how a delivery ended. An acknowledged one counts [`World::pending_webhooks`] down, down to 0: record the
    /// first 2xx of each endpoint, and no duplicates after it. A failed one leaves the event pending.
    pub fn note_delivery(&mut self, event_id: &str, delivered: bool) {
        let pending = self.pending_webhooks(event_id);
        self.set_pending_webhooks(event_id, pending.saturating_sub(u32::from(delivered)));
    }

    /// What `delivery_success` filters by: whether every endpoint has acknowledged the event.
    pub(crate) fn is_delivered(&self, event_id: &str) -> bool {
        self.pending_webhooks(event_id) == 0
    }
}
