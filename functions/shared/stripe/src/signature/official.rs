//! Test cases from Stripe's official libraries, and cases in which those libraries differ from each other.
//!
//! If the libraries differ, Sluice gives the stricter answer, and the test says so.

use super::tests::{BODY, OTHER_SECRET, OTHER_V1, SECRET, T, V1, check};
use super::*;

fn at(header: &str, now_s: i64, tolerance_s: u32) -> Result<Verified, Refusal> {
    let tolerance = Tolerance::seconds(tolerance_s).expect("the test's tolerance is in range");
    verify(BODY, Some(header.as_bytes()), &[SECRET], now_s, tolerance)
}

/// Common to all of them.
mod all {
    use super::*;

    #[test]
    fn a_valid_header_and_payload_pass() {
        assert!(check(sign(BODY, SECRET, T)).is_ok());
    }

    #[test]
    fn a_malformed_header_is_refused() {
        assert_eq!(
            check("i'm not even a real signature header"),
            Err(Refusal::Malformed)
        );
    }

    #[test]
    fn a_header_without_the_expected_scheme_is_refused() {
        assert_eq!(check(format!("t={T},v0={V1}")), Err(Refusal::NoV1));
    }

    #[test]
    fn a_header_without_a_valid_signature_for_the_payload_is_refused() {
        assert_eq!(check(format!("t={T},v1=bad_signature")), Err(Refusal::NoV1));
        assert_eq!(check(format!("t={T},v1={OTHER_V1}")), Err(Refusal::NoMatch));
    }

    #[test]
    fn a_header_with_a_bad_signature_after_the_valid_one_passes() {
        assert!(check(format!("{},v1=bad_signature", sign(BODY, SECRET, T))).is_ok());
    }

    #[test]
    fn a_timestamp_outside_the_tolerance_is_refused() {
        assert_eq!(at(&sign(BODY, SECRET, T - 15), T, 10), Err(Refusal::TooOld));
    }

    #[test]
    fn a_valid_signature_for_another_payload_is_refused() {
        assert_eq!(check(sign(b"{}", SECRET, T)), Err(Refusal::NoMatch));
    }

    #[test]
    fn an_old_timestamp_without_a_tolerance_does_not_pass_here() {
        // Python, Ruby, Node, PHP and Java accept t=12345 when the tolerance is left out or 0. Here the tolerance can't
        // be left out.
        assert_eq!(check(sign(BODY, SECRET, 12_345)), Err(Refusal::TooOld));
        assert!(Tolerance::seconds(0).is_err());
    }
}

mod python {
    use super::*;

    #[test]
    fn of_two_timestamps_none_is_taken() {
        // Python, PHP, Ruby and Java use the first; Node and Go the last.
        let signature = &sign(BODY, SECRET, T)["t=1735689600,".len()..];
        assert_eq!(
            check(format!("t={T},t=12345,{signature}")),
            Err(Refusal::Malformed)
        );
        assert_eq!(
            check(format!("t=12345,t={T},{signature}")),
            Err(Refusal::Malformed)
        );
    }

    #[test]
    fn digits_of_other_scripts_are_no_digits() {
        // int("１７") is 17 in Python.
        assert_eq!(
            check(format!("t=１７３５６８９６００,v1={V1}")),
            Err(Refusal::Malformed)
        );
        assert_eq!(
            check(format!("t=1_735_689_600,v1={V1}")),
            Err(Refusal::Malformed)
        );
    }

    #[test]
    fn a_signature_outside_ascii_before_the_good_one_does_not_throw() {
        // hmac.compare_digest raises TypeError on text outside ASCII.
        assert!(check(format!("t={T},v1=ÿ,v1={V1}")).is_ok());
    }
}

mod node {
    use super::*;

    #[test]
    fn an_empty_header_is_a_missing_one() {
        assert_eq!(check(""), Err(Refusal::Missing));
        assert_eq!(
            verify(BODY, None, &[SECRET], T, Tolerance::default()),
            Err(Refusal::Missing)
        );
    }

    #[test]
    fn a_signature_of_another_length_before_the_good_one_does_not_throw() {
        // crypto.timingSafeEqual throws on unequal lengths; Node's library guards against it.
        assert!(check(format!("t={T},v1=,v1=abc,v1={V1}")).is_ok());
    }

    #[test]
    fn a_time_that_only_starts_with_digits_is_refused() {
        // parseInt("1735689600junk", 10) is 1735689600.
        assert_eq!(check(format!("t={T}junk,v1={V1}")), Err(Refusal::Malformed));
    }

    #[test]
    fn a_body_that_was_parsed_and_written_again_is_refused() {
        let header = sign(BODY, SECRET, T);
        let rewritten = br#"{"id":"evt_test_webhook","object":"event"}"#;
        assert_eq!(
            verify(
                rewritten,
                Some(header.as_bytes()),
                &[SECRET],
                T,
                Tolerance::default()
            ),
            Err(Refusal::NoMatch)
        );
    }
}

mod go {
    use super::*;

    #[test]
    fn one_valid_signature_among_several_passes() {
        assert!(check(format!("t={T},v1={OTHER_V1},v1={V1},v1={OTHER_V1}")).is_ok());
    }

    #[test]
    fn a_header_that_is_no_list_of_pairs_is_refused() {
        for header in ["invalid header format", "t=", "t=x", "t=1=2", "="] {
            assert_eq!(check(header), Err(Refusal::Malformed), "{header}");
        }
    }

    #[test]
    fn a_stray_entry_beside_a_valid_pair_is_ignored() {
        // Go refuses the whole header; the others don't.
        assert!(check(format!("{},stray", sign(BODY, SECRET, T))).is_ok());
    }

    #[test]
    fn upper_case_hex_is_refused() {
        // Go decodes the hex and accepts; the others compare text.
        assert_eq!(
            check(format!("t={T},v1={}", V1.to_uppercase())),
            Err(Refusal::NoV1)
        );
    }

    #[test]
    fn a_custom_tolerance_is_honoured() {
        let header = sign(BODY, SECRET, T - 600);
        assert_eq!(at(&header, T, 300), Err(Refusal::TooOld));
        assert!(at(&header, T, 600).is_ok());
    }
}

mod ruby {
    use super::*;

    #[test]
    fn a_time_without_digits_is_no_zero() {
        // "abc".to_i is 0 in Ruby.
        assert_eq!(check(format!("t=abc,v1={V1}")), Err(Refusal::Malformed));
        assert_eq!(check(format!("t,v1={V1}")), Err(Refusal::Malformed));
    }

    #[test]
    fn a_payload_outside_ascii_passes() {
        let body = "{\"name\":\"Zoë 🧾\"}".as_bytes();
        let header = sign(body, SECRET, T);
        assert!(
            verify(
                body,
                Some(header.as_bytes()),
                &[SECRET],
                T,
                Tolerance::default()
            )
            .is_ok()
        );
    }
}

mod php {
    use super::*;

    #[test]
    fn a_timestamp_too_far_in_the_future_is_refused() {
        // PHP and .NET refuse, the others accept.
        assert_eq!(at(&sign(BODY, SECRET, T + 15), T, 10), Err(Refusal::TooNew));
        assert!(at(&sign(BODY, SECRET, T + 10), T, 10).is_ok());
    }

    #[test]
    fn a_time_that_is_numeric_but_not_digits_is_refused() {
        // is_numeric("1735689600.0") and is_numeric("1e9") are true in PHP.
        for t in ["1735689600.0", "1.7356896e9", " 1735689600", "+1735689600"] {
            assert_eq!(
                check(format!("t={t},v1={V1}")),
                Err(Refusal::Malformed),
                "{t:?}"
            );
        }
    }
}

mod java {
    use super::*;

    #[test]
    fn a_time_of_zero_is_only_old() {
        // Java and PHP read "no timestamp" out of 0 or less; here it is a time like any other, long past.
        assert_eq!(check(sign(BODY, SECRET, 0)), Err(Refusal::TooOld));
        assert_eq!(check(format!("t=-1,v1={V1}")), Err(Refusal::Malformed));
    }

    #[test]
    fn a_time_beyond_64_bits_does_not_throw() {
        assert_eq!(
            check(format!("t=9223372036854775808,v1={V1}")),
            Err(Refusal::Malformed)
        );
    }
}

mod dotnet {
    use super::*;

    #[test]
    fn a_header_with_v1_twice_and_v0_passes_while_a_secret_is_rolled() {
        let header = format!("t={T},v1={V1},v1={OTHER_V1},v0={}", "0".repeat(64));
        for secrets in [
            &[SECRET][..],
            &[OTHER_SECRET],
            &[SECRET, OTHER_SECRET],
            &[OTHER_SECRET, SECRET],
        ] {
            assert!(
                verify(
                    BODY,
                    Some(header.as_bytes()),
                    secrets,
                    T,
                    Tolerance::default()
                )
                .is_ok()
            );
        }
    }

    #[test]
    fn outdated_and_too_recent_timestamps_are_refused() {
        let header = sign(BODY, SECRET, T);
        assert_eq!(at(&header, T + 301, 300), Err(Refusal::TooOld));
        assert_eq!(at(&header, T - 301, 300), Err(Refusal::TooNew));
        assert!(at(&header, T + 300, 300).is_ok());
        assert!(at(&header, T - 300, 300).is_ok());
    }

    #[test]
    fn an_empty_secret_is_no_secret() {
        assert_eq!(
            verify(
                BODY,
                Some(sign(BODY, "", T).as_bytes()),
                &[""],
                T,
                Tolerance::default()
            ),
            Err(Refusal::NoSecret)
        );
    }
}
