//! Thin events: their ids, types and times.

use super::Occurrence;
use crate::ids::thin_id;

impl Occurrence {
    /// The thin event's id, `evt_65…`: unique in the whole world.
    #[must_use]
    pub fn thin_id(&self) -> String {
        thin_id(&self.id, self.object.scope.livemode)
    }

    /// The thin event's type: `v1.payment_intent.succeeded`.
    #[must_use]
    pub fn thin_kind(&self) -> String {
        format!("v1.{}", self.kind)
    }

    /// When the thin event was made, in Unix milliseconds: in the second of the snapshot's `created`.
    pub(crate) fn thin_created_ms(&self) -> i64 {
        let part = self.id.bytes().fold(7, |sum, byte| {
            (sum * 31 + i64::from(byte)).rem_euclid(1_000)
        });
        self.created * 1_000 + part
    }
}
