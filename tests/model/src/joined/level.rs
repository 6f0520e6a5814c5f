//! When a write calls for the level, when it owes it, and under which `seq`.
//!
//! Time is a counter that only grows, and the latest `seq` that was given is the time. So clocks stand still between
//! two writes, which is the worst case for making one `seq` higher than the other. Only a restore takes longer than the
//! difference between clocks: it advances the time.

use super::protocol::Joined;
use super::world::{Effect, Item, Level};

impl Joined {
    /// An item that is about to be written calls for the level of its state. After that nothing is owed.
    pub(super) fn call_for_level(&self, item: &mut Item, now: u8) -> Option<Level> {
        item.owed = false;
        item.emitted = None;
        self.next_level(item, now)
    }

    /// A suppressed write has changed the state from `before`: the level is owed. If one is still pending, receivers
    /// are about to get an outdated value, so the level is also called for.
    pub(super) fn owe_level(&self, item: &mut Item, before: Option<u8>, now: u8) -> Option<Level> {
        let emitted = item.emitted.or(before);
        if self.rules.suppressed_writes_owe_their_level {
            item.owed = true;
            item.emitted = emitted.filter(|emitted| Some(*emitted) != item.state);
        }
        let is_level = |effect: &Effect| matches!(effect, Effect::Level(_));
        let is_pending = item.pending.iter().any(is_level);
        is_pending.then(|| self.next_level(item, now)).flatten()
    }

    fn next_level(&self, item: &mut Item, now: u8) -> Option<Level> {
        let seq = if !self.rules.seq_is_a_time {
            item.version
        } else if self.rules.seq_exceeds_the_last {
            now.max(item.seq + 1)
        } else {
            now
        };
        let value = item.state?;
        item.seq = seq;
        Some(Level { seq, value })
    }
}
