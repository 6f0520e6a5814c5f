//! Which time range a walk covers, and how far it got.
//!
//! Stripe lists events newest first, deliveries are on their way for a while, and an event may be listed a little after
//! its `created`. So a walk ends some minutes before now, and begins [`OVERLAP_S`] before the end of the last one. It
//! continues page by page from where it was stopped. A cursor only says what was done: whichever of two is written last
//! is true.

use serde::{Deserialize, Serialize};

use crate::code::{self, Code};

/// A walk begins this long before the end of the last whole one.
pub const OVERLAP_S: i64 = 3_600;

/// Stripe lists events for 30 days; what is older can't be compared.
pub const LISTED_S: i64 = 30 * 86_400;

/// If accounts can't be listed, they are known from the deliveries of this time.
pub const SEEN_S: i64 = 7 * 86_400;

/// The report counts drift that was found within this time before a run.
pub const DRIFT_S: i64 = 86_400;

/// An account that was unreachable for this long is tried again only after as long each time, and not in each run.
pub const UNREACHABLE_S: i64 = 86_400;

/// A walk that was begun and hasn't ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    /// The first second (Unix).
    pub from_s: i64,
    /// The last second, to its end.
    pub to_s: i64,
    /// Where the next page begins, as the page before said; none at the start.
    pub after: Option<String>,
    /// The second of the last event that was processed: where to begin again if Stripe no longer accepts `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached_s: Option<i64>,
    /// The earliest second of an event that another attempt held: a later walk sees it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_s: Option<i64>,
}

impl Walk {
    /// A walk over these seconds, both included, newest first.
    pub fn over(from_s: i64, to_s: i64) -> Self {
        Self {
            from_s,
            to_s,
            after: None,
            reached_s: None,
            held_s: None,
        }
    }

    /// The last second to ask for: without a page to continue from, processed events aren't asked for again.
    pub fn asked_to_s(&self) -> i64 {
        let reached_s = self.reached_s.filter(|_| self.after.is_none());
        reached_s.map_or(self.to_s, |reached_s| reached_s.min(self.to_s))
    }
}

/// How a scope has failed at each attempt since it last answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// Since this second (Unix).
    pub since_s: i64,
    /// The code of the last attempt's fault.
    pub code: String,
}

/// How far a scope was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Events made before this second aren't looked for: the first run, or what an operator asked for.
    pub since_s: i64,
    /// Everything since, up to this second, was compared.
    pub through_s: i64,
    /// The walk in progress.
    pub walk: Option<Walk>,
    /// When the scope was last attempted, in Unix milliseconds, whatever the result. None in older versions' cursors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempted_ms: Option<i64>,
    /// None if the last attempt was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
}

impl Cursor {
    /// The cursor of a scope that is compared for the first time.
    pub fn first(now_s: i64) -> Self {
        Self {
            since_s: now_s,
            through_s: now_s,
            walk: None,
            attempted_ms: None,
            failing: None,
        }
    }

    /// Its turn: the scope with the lowest value comes first. It is the last attempt and not the last success, so that
    /// a scope that fails takes no other's turn.
    pub fn turn_ms(&self) -> i64 {
        let progress_ms = self.through_s.saturating_mul(1_000);
        self.attempted_ms.unwrap_or(progress_ms)
    }

    /// Records that the last attempt failed.
    pub fn failed(&mut self, code: Code, now_s: i64) -> &Failing {
        let since_s = self.failing.as_ref().map_or(now_s, |one| one.since_s);
        self.failing.insert(Failing {
            since_s,
            code: code.to_string(),
        })
    }

    /// Whether the last attempt found that the key doesn't reach the account.
    pub fn is_unreachable(&self) -> bool {
        let failing = self.failing.as_ref();
        failing.is_some_and(|failing| failing.code == code::STRIPE_ACCOUNT_UNREACHABLE)
    }

    /// Whether to skip an account in this run: it was unreachable for long, and was tried lately.
    pub fn is_put_off(&self, now_ms: i64) -> bool {
        let since_s = self.failing.as_ref().map_or(i64::MAX, |one| one.since_s);
        self.is_unreachable()
            && now_ms / 1_000 >= since_s.saturating_add(UNREACHABLE_S)
            && now_ms < self.turn_ms() + UNREACHABLE_S * 1_000
    }

    /// Whether an account that isn't named any more may be forgotten. It may be, if nothing of it was compared for as
    /// long as Stripe lists events, and Stripe has said that it isn't connected. Stripe says so by its list or by its
    /// answer to the last attempt. An account that fails in another way is kept.
    pub fn is_gone(&self, now_s: i64, is_unlisted: bool) -> bool {
        self.through_s < now_s - LISTED_S && (is_unlisted || self.is_unreachable())
    }

    /// The walk to do now: the one that was stopped, or the next one, which ends `settle_s` before now; `None` if
    /// nothing has settled since.
    pub fn next_walk(&self, now_s: i64, settle_s: i64) -> Option<Walk> {
        if let Some(walk) = &self.walk {
            return Some(walk.clone());
        }
        let to_s = now_s - settle_s;
        let from_s = (self.through_s - OVERLAP_S)
            .max(self.since_s)
            .max(now_s - LISTED_S);
        (from_s <= to_s).then(|| Walk::over(from_s, to_s))
    }

    /// How many seconds can no longer be compared, because the last walk ended longer ago than Stripe lists events.
    pub fn gap_s(&self, now_s: i64) -> Option<i64> {
        let lost = now_s - LISTED_S - self.through_s;
        (lost > 0).then_some(lost)
    }

    /// Ends a walk. The cursor never passes an event that was held: the attempt that held it may have died.
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

    #[test]
    fn a_cursor_of_an_older_version_reads_and_has_its_turn_by_its_progress() {
        let old = r#"{"since_s":1,"through_s":7,"walk":{"from_s":1,"to_s":9,"after":"evt_1"}}"#;
        let cursor: Cursor = serde_json::from_str(old).expect("readable");
        assert_eq!((cursor.turn_ms(), &cursor.failing), (7_000, &None));
        assert_eq!(cursor.walk.expect("a walk").asked_to_s(), 9);
    }

    #[test]
    fn a_list_that_is_begun_again_is_asked_for_from_where_it_had_come_to() {
        let mut walk = Walk::over(10, 90);
        walk.reached_s = Some(40);
        assert_eq!(walk.asked_to_s(), 40);
        // The next page stays within what was asked for first.
        walk.after = Some("evt_1".to_owned());
        assert_eq!(walk.asked_to_s(), 90);
    }

    /// A cursor of which every attempt since this second has failed with this code.
    fn failing(code: Code, since_s: i64, attempted_s: i64) -> Cursor {
        let mut cursor = Cursor::first(since_s);
        cursor.failed(code, since_s);
        cursor.failed(code, attempted_s);
        cursor.attempted_ms = Some(attempted_s * 1_000);
        cursor
    }

    #[test]
    fn an_account_is_put_off_once_it_was_unreachable_for_a_day_and_then_tried_daily() {
        let hour_s = 3_600;
        let put_off = |code, tried_s, now_s| failing(code, 0, tried_s).is_put_off(now_s * 1_000);
        assert!(
            !put_off(code::STRIPE_ACCOUNT_UNREACHABLE, 22 * hour_s, 23 * hour_s),
            "for hours"
        );
        assert!(put_off(
            code::STRIPE_ACCOUNT_UNREACHABLE,
            24 * hour_s,
            25 * hour_s
        ));
        assert!(put_off(
            code::STRIPE_ACCOUNT_UNREACHABLE,
            24 * hour_s,
            47 * hour_s
        ));
        assert!(
            !put_off(code::STRIPE_ACCOUNT_UNREACHABLE, 24 * hour_s, 48 * hour_s),
            "a day ago"
        );
        // Any other fault may be gone by the next run.
        assert!(!put_off(code::STRIPE_KEY_REFUSED, 24 * hour_s, 25 * hour_s));
        assert!(!Cursor::first(0).is_put_off(90 * DAY_S * 1_000));
    }

    #[test]
    fn only_an_account_that_is_not_connected_and_of_which_nothing_can_be_listed_any_more_is_gone() {
        let gone = |code, day| failing(code, 0, day * DAY_S).is_gone(day * DAY_S, false);
        assert!(gone(code::STRIPE_ACCOUNT_UNREACHABLE, 31));
        assert!(!gone(code::STRIPE_ACCOUNT_UNREACHABLE, 29));
        assert!(!gone(code::STRIPE_KEY_REFUSED, 31), "it may be connected");
        // Reconcile itself may not have run for a month.
        assert!(!Cursor::first(0).is_gone(31 * DAY_S, false));
        assert!(Cursor::first(0).is_gone(31 * DAY_S, true));
        assert!(!Cursor::first(2 * DAY_S).is_gone(31 * DAY_S, true));
    }

    #[test]
    fn a_scope_fails_since_its_first_fault_whatever_the_last_one_is() {
        let mut cursor = Cursor::first(0);
        cursor.failed(code::STRIPE_UNAVAILABLE, 5);
        let failing = cursor.failed(code::STRIPE_KEY_REFUSED, 9);
        assert_eq!((failing.since_s, &*failing.code), (5, "stripe.key_refused"));
    }
}
