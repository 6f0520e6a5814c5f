//! Sizes, counts and times at their limits.

use super::tests::{BODY, OK, OTHER_V1, SECRET, T, V1, check};
use super::*;

#[test]
fn a_header_of_a_megabyte_is_refused_by_its_length() {
    let valid = sign(BODY, SECRET, T);
    let padded_to = |bytes: usize| format!("{valid},{}", "x".repeat(bytes - valid.len() - 1));
    assert_eq!(check(padded_to(1024 * 1024)), Err(Refusal::TooLarge));
    assert_eq!(
        check(padded_to(HEADER_BYTES_MAX + 1)),
        Err(Refusal::TooLarge)
    );
    assert_eq!(check(padded_to(HEADER_BYTES_MAX)), OK);
    assert_eq!(check(",".repeat(1024 * 1024)), Err(Refusal::TooLarge));
}

#[test]
fn v1_entries_are_bounded_in_number_readable_or_not() {
    let valid = sign(BODY, SECRET, T);
    let ten_thousand = format!("t={T}{},v1={V1}", format!(",v1={OTHER_V1}").repeat(9_999));
    assert_eq!(check(ten_thousand), Err(Refusal::TooLarge));
    let with_more =
        |entry: &str, more: usize| format!("{}{},v1={V1}", &valid[..12], entry.repeat(more));
    assert_eq!(
        check(with_more(",v1=", V1_ENTRIES_MAX)),
        Err(Refusal::TooLarge)
    );
    assert_eq!(check(with_more(",v1=", V1_ENTRIES_MAX - 1)), OK);
    assert_eq!(
        check(with_more(&format!(",v1={OTHER_V1}"), V1_ENTRIES_MAX - 1)),
        OK
    );
}

#[test]
fn the_time_counts_in_both_directions_and_its_bounds_are_within() {
    let header = sign(BODY, SECRET, T);
    let at = |now_s| {
        verify(
            BODY,
            Some(header.as_bytes()),
            &[SECRET],
            now_s,
            Tolerance::default(),
        )
    };
    for now_s in [T - 300, T - 1, T, T + 1, T + 300] {
        assert_eq!(at(now_s), OK, "{}", now_s - T);
    }
    for now_s in [T + 301, T + 86_400, i64::MAX] {
        assert_eq!(at(now_s), Err(Refusal::TooOld), "{now_s}");
    }
    for now_s in [T - 301, T - 86_400, 0, -1, i64::MIN] {
        assert_eq!(at(now_s), Err(Refusal::TooNew), "{now_s}");
    }
}

#[test]
fn the_ends_of_time_are_judged_without_overflow() {
    for (t, now_s, verdict) in [
        (
            0,
            0,
            Ok(Verified {
                timestamp_s: 0,
                by: 1,
            }),
        ),
        (0, i64::MAX, Err(Refusal::TooOld)),
        (999_999_999_999, i64::MIN, Err(Refusal::TooNew)),
        (
            999_999_999_999,
            999_999_999_999,
            Ok(Verified {
                timestamp_s: 999_999_999_999,
                by: 1,
            }),
        ),
        (
            1_000_000_000_000,
            1_000_000_000_000,
            Err(Refusal::Malformed),
        ),
        (-1, -1, Err(Refusal::Malformed)),
        (i64::MIN, i64::MIN, Err(Refusal::Malformed)),
    ] {
        let header = sign(BODY, SECRET, t);
        assert_eq!(
            verify(
                BODY,
                Some(header.as_bytes()),
                &[SECRET],
                now_s,
                Tolerance::default()
            ),
            verdict,
            "{t}"
        );
    }
}

#[test]
fn the_tolerance_can_be_set_but_not_turned_off() {
    assert_eq!(Tolerance::default().as_seconds(), 300);
    assert_eq!(Tolerance::seconds(300), Ok(Tolerance::default()));
    for seconds in [1, 3_600] {
        assert_eq!(
            Tolerance::seconds(seconds).map(Tolerance::as_seconds),
            Ok(seconds)
        );
    }
    for seconds in [0, 3_601, u32::MAX] {
        assert_eq!(
            Tolerance::seconds(seconds),
            Err(ToleranceOutOfRange { seconds })
        );
    }
    let header = sign(BODY, SECRET, T);
    let one = Tolerance::seconds(1).expect("1 is in range");
    let at = |now_s| verify(BODY, Some(header.as_bytes()), &[SECRET], now_s, one);
    assert_eq!(
        [at(T - 2), at(T - 1), at(T + 1), at(T + 2)],
        [Err(Refusal::TooNew), OK, OK, Err(Refusal::TooOld)]
    );
}
