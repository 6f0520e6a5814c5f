//! Which stretch of time a walk covers, and how far it came.
//!
//! Stripe lists events newest first, deliveries are on their way for a while, and an event may be listed a little after its
//! `created`. So a walk ends some minutes before now, begins [`OVERLAP_S`] before the end of the last one, and goes on page by page from where it
//! was stopped. A cursor only ever says what was done: whichever of two is written last is true.

use serde::{Deserialize, Serialize};

/// A walk begins this long before the end of the last whole one.
pub const OVERLAP_S: i64 = 3_600;

/// Stripe lists events for 30 days; what is older can't be compared.
pub const LISTED_S: i64 = 30 * 86_400;

/// Accounts are known from deliveries of this long, where they can't be listed.
pub const SEEN_S: i64 = 7 * 86_400;

/// Drift is reported that was found within this long before a run.
pub const DRIFT_S: i64 = 86_400;

/// A walk that was begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    /// From this second on (Unix).
    pub from_s: i64,
    /// To the end of this one.
    pub to_s: i64,
    /// The last event that was dealt with; none at the start.
    pub after: Option<String>,
    /// The earliest second of an event that was in another attempt's hands: a walk comes by again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_s: Option<i64>,
}

/// How far a scope was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Nothing made before this second is looked for: the first run, or what an operator asked for.
    pub since_s: i64,
    /// Everything since, up to this second, was compared.
    pub through_s: i64,
    /// The walk that goes on.
    pub walk: Option<Walk>,
}

impl Cursor {
    /// Of a scope that is looked at for the first time.
    pub fn first(now_s: i64) -> Self {
        Self {
            since_s: now_s,
            through_s: now_s,
            walk: None,
        }
    }

    /// What to walk over now: the walk that was stopped, or the next, which ends `settle_s` before now; `None` where
    /// nothing has settled since.
    pub fn next_walk(&self, now_s: i64, settle_s: i64) -> Option<Walk> {
        if let Some(walk) = &self.walk {
            return Some(walk.clone());
        }
        let to_s = now_s - settle_s;
        let from_s = (self.through_s - OVERLAP_S)
            .max(self.since_s)
            .max(now_s - LISTED_S);
        (from_s <= to_s).then_some(Walk {
            from_s,
            to_s,
            after: None,
            held_s: None,
        })
    }

    /// How many seconds can't be compared any more, because the last walk ended longer ago than Stripe lists.
    pub fn gap_s(&self, now_s: i64) -> Option<i64> {
        let lost = now_s - LISTED_S - self.through_s;
        (lost > 0).then_some(lost)
    }

    /// A walk came to its end. It never passes an event that was held: whoever held it may have died.
    pub fn ended(&mut self, walk: &Walk) {
        let to_s = walk
            .held_s
            .map_or(walk.to_s, |held_s| held_s.min(walk.to_s));
        self.through_s = self.through_s.max(to_s);
        self.walk = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE_S: i64 = 300;
    const DAY_S: i64 = 86_400;

    #[test]
    fn nothing_before_the_first_run_is_looked_for() {
        let cursor = Cursor::first(1_000_000);
        assert_eq!(cursor.next_walk(1_000_000 + SETTLE_S - 1, SETTLE_S), None);
        let walk = cursor.next_walk(1_000_000 + SETTLE_S + 60, SETTLE_S);
        let walk = walk.expect("a minute has settled");
        assert_eq!((walk.from_s, walk.to_s), (1_000_000, 1_000_060));
    }

    #[test]
    fn walks_overlap_and_together_cover_every_second() {
        let mut cursor = Cursor::first(0);
        let mut covered_to = 0;
        let mut now_s = 0;
        for step in [400, 3_600, 60, 7 * DAY_S, 1, 3_600] {
            now_s += step;
            if let Some(walk) = cursor.next_walk(now_s, SETTLE_S) {
                assert!(walk.from_s <= covered_to, "{walk:?} leaves a hole");
                covered_to = walk.to_s;
                cursor.ended(&walk);
            }
            assert_eq!(cursor.gap_s(now_s), None);
        }
        assert_eq!(covered_to, now_s - SETTLE_S);
    }

    #[test]
    fn a_stopped_walk_goes_on_and_the_next_begins_where_it_ended() {
        let mut cursor = Cursor::first(0);
        let mut walk = cursor.next_walk(10_000, SETTLE_S).expect("settled");
        walk.after = Some("evt_7".to_owned());
        cursor.walk = Some(walk.clone());
        assert_eq!(cursor.next_walk(90_000, SETTLE_S), Some(walk.clone()));
        cursor.ended(&walk);
        let next = cursor.next_walk(90_000, SETTLE_S).expect("settled");
        assert_eq!(next.from_s, walk.to_s - OVERLAP_S);
        assert_eq!(next.after, None);
    }

    #[test]
    fn what_stripe_lists_no_more_is_a_gap_and_is_said() {
        let cursor = Cursor::first(0);
        let now_s = LISTED_S + 500;
        assert_eq!(cursor.gap_s(now_s), Some(500));
        assert_eq!(
            cursor.next_walk(now_s, SETTLE_S).expect("settled").from_s,
            500
        );
    }
}
