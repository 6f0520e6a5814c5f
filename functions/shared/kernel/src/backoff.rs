//! When to retry a message that failed.
//!
//! A queue redelivers a failed message after its visibility timeout, whatever the reason. The reason matters. A caller
//! that comes back too soon meets the same limit again. An outage ends at an unknown time. A caller that only
//! conflicted with another writer needn't wait at all. So each fault has a [`Pace`]. [`delay_s`] computes seconds from
//! the pace and from how often the message has been received.
//!
//! | pace | at first | then |
//! |---|---|---|
//! | `Throttled` | 5 to 10 s | doubling, never less than half of the longest |
//! | `Outage` | up to 2 s | doubling, anything up to the longest |
//! | `Contention` | up to 2 s, for [`SHORT_RECEIVES`] receives | as `Outage` |
//! | `Untouched` | none, for [`SHORT_RECEIVES`] receives | as `Outage` |
//!
//! If the fault names a delay (`Retry-After`), the delay is never shorter than that. The choice between the shortest
//! and the longest delay is computed from the message's id and the receive's number. So messages that failed together
//! don't come back together, and nothing here is random.
//!
//! Guarantee: after [`RAMP_RECEIVES`] receives no delay is below [`FLOOR_S`], whatever the faults were. No delay is
//! ever above [`DELAY_S_MAX`]. With a queue's receive limit, at least a day passes before a message becomes a dead
//! letter, and less than the seven days for which a queue keeps it. A test here and `tests/template` check the numbers.

use sha2::{Digest, Sha256};

use crate::fault::{Fault, Pace};

/// The longest that a growing delay gets, in seconds. A longer `Retry-After` is cut to this.
pub const CEILING_S: u32 = 900;

/// The longest delay, in seconds: [`CEILING_S`], plus room to spread the messages that have to wait for that long.
pub const DELAY_S_MAX: u32 = 1_000;

/// The shortest delay after [`RAMP_RECEIVES`] receives, in seconds.
pub const FLOOR_S: u32 = 200;

/// The number of receives that may have short delays.
pub const RAMP_RECEIVES: u32 = 29;

/// For this number of receives, contention has short delays, and an untouched message comes back at once.
pub const SHORT_RECEIVES: u32 = 20;

/// The longest first delay of an outage, in seconds.
const OUTAGE_S: u32 = 2;

/// The longest first delay after throttling, in seconds.
const THROTTLED_S: u32 = 10;

/// The longest delay of contention while it is short, in seconds.
const CONTENTION_S: u32 = 2;

/// The seconds for which to hide a message that failed with this fault on its `receives`th receive.
pub fn delay_s(fault: &Fault, message_id: &str, receives: u32) -> u32 {
    let (shortest, longest) = bounds(fault, receives);
    shortest + draw(message_id, receives) % (longest - shortest + 1)
}

/// The shortest and the longest delay, in seconds.
fn bounds(fault: &Fault, receives: u32) -> (u32, u32) {
    let (shortest, longest) = match fault.pace {
        Pace::Throttled => {
            let longest = doubled(THROTTLED_S, receives);
            (longest / 2, longest)
        }
        Pace::Outage => (0, doubled(OUTAGE_S, receives)),
        Pace::Contention if receives <= SHORT_RECEIVES => (0, CONTENTION_S),
        Pace::Untouched if receives <= SHORT_RECEIVES => (0, 0),
        Pace::Contention | Pace::Untouched => (0, doubled(OUTAGE_S, receives - SHORT_RECEIVES)),
    };
    let floor = if longest == CEILING_S { FLOOR_S } else { 0 };
    let shortest = match fault.after_ms {
        // A delay that the fault names replaces the computed one.
        Some(after_ms) => {
            let after_s = u32::try_from(after_ms.div_ceil(1_000)).unwrap_or(CEILING_S);
            after_s.clamp(floor, CEILING_S)
        }
        None => shortest.max(floor),
    };
    let spread = longest.max(shortest.saturating_add(shortest / 2));
    (shortest, spread.min(DELAY_S_MAX))
}

/// `first_s` doubled with each receive after the first, up to the ceiling.
fn doubled(first_s: u32, receives: u32) -> u32 {
    let factor = 1_u32
        .checked_shl(receives.saturating_sub(1))
        .unwrap_or(u32::MAX);
    first_s.saturating_mul(factor).min(CEILING_S)
}

/// A number that is the same for the same message and receive, and nearly random over all of them.
fn draw(message_id: &str, receives: u32) -> u32 {
    let hash = Sha256::new()
        .chain_update(message_id)
        .chain_update(receives.to_be_bytes())
        .finalize();
    hash.iter()
        .take(4)
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::code;

    /// `MaxReceiveCount` of the template.
    const RECEIVES_MAX: u32 = 500;

    const DAY_S: u32 = 86_400;

    const PACES: [Pace; 4] = [
        Pace::Outage,
        Pace::Throttled,
        Pace::Contention,
        Pace::Untouched,
    ];

    fn fault(pace: Pace, after_ms: Option<u64>) -> Fault {
        Fault {
            after_ms,
            ..Fault::retry(code::STRIPE_UNAVAILABLE, "").paced(pace)
        }
    }

    #[test]
    fn a_message_has_at_least_a_day_before_it_is_a_dead_letter_whatever_its_faults() {
        let shortest = |receives| {
            let of = |pace| {
                [None, Some(0), Some(1)].map(|after_ms| bounds(&fault(pace, after_ms), receives).0)
            };
            PACES.into_iter().flat_map(of).min().unwrap_or(0)
        };
        let reach: u32 = (1..=RECEIVES_MAX).map(shortest).sum();
        assert!(reach >= DAY_S, "given up after {reach} s");
        assert_eq!(shortest(RAMP_RECEIVES), 0);
        assert!((RAMP_RECEIVES + 1..=RECEIVES_MAX).all(|receives| shortest(receives) == FLOOR_S));
    }

    #[test]
    fn a_message_is_a_dead_letter_before_its_queue_forgets_it() {
        let longest = |receives| {
            let of = |pace| {
                [None, Some(u64::MAX)].map(|after_ms| bounds(&fault(pace, after_ms), receives).1)
            };
            PACES.into_iter().flat_map(of).max().unwrap_or(0)
        };
        // Each receive also takes a whole invocation of half a minute.
        let reach: u32 = (1..=RECEIVES_MAX).map(|n| longest(n) + 30).sum();
        assert!(reach < 7 * DAY_S, "it may take {reach} s");
    }

    #[test]
    fn an_outage_backs_off_with_full_jitter() {
        let longest = |receives| bounds(&fault(Pace::Outage, None), receives);
        assert_eq!(longest(1), (0, 2));
        assert_eq!(longest(2), (0, 4));
        assert_eq!(longest(9), (0, 512));
        assert_eq!(longest(10), (FLOOR_S, CEILING_S));
        assert_eq!(longest(u32::MAX), (FLOOR_S, CEILING_S));
    }

    #[test]
    fn who_was_throttled_waits_the_time_given_and_else_the_longest_of_all() {
        let given = |seconds: u64, receives| {
            bounds(&fault(Pace::Throttled, Some(seconds * 1_000 - 1)), receives)
        };
        assert_eq!(given(3, 1), (3, 10));
        assert_eq!(given(60, 1), (60, 90));
        // The same delay is named again and again: from some point on it counts as a lasting fault.
        assert_eq!(given(1, 40), (FLOOR_S, CEILING_S));
        assert_eq!(given(900, 40), (900, DELAY_S_MAX));
        assert_eq!(given(86_400, 1), (CEILING_S, DELAY_S_MAX));
        for receives in 1..100 {
            let throttled = bounds(&fault(Pace::Throttled, None), receives);
            for pace in PACES {
                let other = bounds(&fault(pace, None), receives);
                assert!(throttled.0 >= other.0 && throttled.1 >= other.1);
            }
        }
    }

    #[test]
    fn contention_is_short_and_what_is_untouched_comes_back_at_once_until_that_has_gone_on_for_long()
     {
        for receives in 1..=SHORT_RECEIVES {
            assert_eq!(bounds(&fault(Pace::Contention, None), receives), (0, 2));
            assert_eq!(bounds(&fault(Pace::Untouched, None), receives), (0, 0));
        }
        for pace in [Pace::Contention, Pace::Untouched] {
            assert_eq!(bounds(&fault(pace, None), SHORT_RECEIVES + 1), (0, 2));
            assert_eq!(bounds(&fault(pace, None), SHORT_RECEIVES + 9), (0, 512));
        }
    }

    #[test]
    fn messages_that_failed_together_do_not_come_back_together() {
        let fault = fault(Pace::Outage, None);
        let mut seconds: Vec<_> = (0..100)
            .map(|n| delay_s(&fault, &format!("message-{n}"), 6))
            .collect();
        seconds.sort_unstable();
        seconds.dedup();
        // A hundred draws of 65 seconds.
        assert!(seconds.len() > 30, "{seconds:?}");
    }

    proptest! {
        #[test]
        fn a_delay_is_the_same_again_never_sooner_than_given_and_never_above_the_most(
            pace in prop::sample::select(PACES.to_vec()),
            after_ms in prop::option::of(any::<u64>()),
            id in ".{0,40}",
            receives in any::<u32>(),
        ) {
            let fault = fault(pace, after_ms);
            let seconds = delay_s(&fault, &id, receives);
            prop_assert_eq!(seconds, delay_s(&fault, &id, receives));
            prop_assert!(seconds <= DELAY_S_MAX);
            let given_ms = after_ms.unwrap_or(0).min(u64::from(CEILING_S) * 1_000);
            prop_assert!(u64::from(seconds) * 1_000 >= given_ms);
        }
    }
}
