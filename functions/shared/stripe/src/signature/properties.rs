//! The rule as properties over generated deliveries.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// Bytes of any kind, sometimes of a realistic size.
fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![8 => vec(any::<u8>(), 0..300), 1 => vec(any::<u8>(), 1_000..8_000)]
}

fn secret() -> impl Strategy<Value = String> {
    prop_oneof![4 => "whsec_[A-Za-z0-9]{1,40}", 1 => "[!-~]{1,150}", 1 => "\\PC{1,20}"]
        .prop_filter("blank", |secret| !is_blank(secret.as_bytes()))
}

fn t() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 1_500_000_000_i64..4_000_000_000, 1 => 0_i64..=999_999_999_999]
}

fn v1_of(body: &[u8], secret: &str, t: i64) -> String {
    let header = sign(body, secret, t);
    header
        .split_once(',')
        .expect("sign separates with a comma")
        .1
        .to_owned()
}

proptest! {
    #[test]
    fn any_valid_signing_verifies_for_every_rotation_of_secrets(
        body in body(),
        signing in vec(secret(), 1..4),
        known in vec(secret(), 0..4),
        shared in any::<Index>(),
        place in any::<Index>(),
        noise in vec("(v0=[0-9a-f]{64}|v1=[A-Za-z0-9]{0,70}|[a-su-z]{1,3}=[^,]{0,5}|)", 0..4),
        noise_place in any::<Index>(),
        t in t(),
        seconds in 1_u32..=Tolerance::SECONDS_MAX,
        skew in -1_f64..=1.0,
    ) {
        let mut entries = vec![format!("t={t}")];
        entries.extend(signing.iter().map(|secret| v1_of(&body, secret, t)));
        for entry in noise {
            let at = noise_place.index(entries.len() + 1);
            entries.insert(at, entry);
        }
        let mut secrets = known;
        let at = place.index(secrets.len() + 1);
        secrets.insert(at, signing[shared.index(signing.len())].clone());
        #[expect(clippy::cast_possible_truncation, reason = "at most an hour of seconds")]
        let now_s = t + (skew * f64::from(seconds)) as i64;
        let tolerance = Tolerance::seconds(seconds).expect("generated in range");
        let header = entries.join(",");
        prop_assert_eq!(
            verify(&body, Some(header.as_bytes()), &secrets, now_s, tolerance).map(Verified::timestamp_s),
            Ok(t),
            "{}", header
        );
    }

    #[test]
    fn blanks_around_entries_change_no_verdict(
        body in body(), secret in secret(), t in t(), off in -600_i64..600,
        entries in vec("(v0=[0-9a-f]{64}|v1=[ A-Za-z0-9]{0,70}|t=[0-9]{1,3}|[a-z]{1,3}=?[^,]{0,5}|)", 0..3),
        place in any::<Index>(),
        blanks in vec("[ \t]{0,3}", 12),
    ) {
        let signed = sign(&body, &secret, t);
        let mut all: Vec<&str> = signed.split(',').collect();
        let at = place.index(all.len() + 1);
        all.splice(at..at, entries.iter().map(String::as_str));
        // Blanks at an entry's ends don't count either.
        let spaced: Vec<String> = all
            .iter()
            .zip(blanks.chunks_exact(2))
            .map(|(entry, around)| format!("{}{entry}{}", around[0], around[1]))
            .collect();
        let verdict = |header: &str| verify(&body, Some(header.as_bytes()), &[&secret], t + off, Tolerance::default());
        prop_assert_eq!(verdict(&spaced.join(",")), verdict(&all.join(",")), "{:?}", spaced);
    }

    #[test]
    fn a_body_with_one_bit_changed_never_verifies(
        body in vec(any::<u8>(), 1..300), secret in secret(), t in t(), at in any::<Index>(), bit in 0..8,
    ) {
        let header = sign(&body, &secret, t);
        let mut changed = body;
        let at = at.index(changed.len());
        changed[at] ^= 1_u8 << bit;
        let verdict = verify(&changed, Some(header.as_bytes()), &[secret], t, Tolerance::default());
        prop_assert_eq!(verdict, Err(Refusal::NoMatch));
    }

    #[test]
    fn a_header_with_one_bit_changed_in_t_or_signature_never_verifies(
        body in body(), secret in secret(), t in t(), at in any::<Index>(), bit in 0..8,
    ) {
        let mut header = sign(&body, &secret, t).into_bytes();
        // Everything but the keys: `t=` and `,v1=`.
        let digits = 2..header.len() - 64 - 4;
        let places: Vec<usize> = digits.chain(header.len() - 64..header.len()).collect();
        let at = places[at.index(places.len())];
        header[at] ^= 1_u8 << bit;
        prop_assert!(verify(&body, Some(&header), &[secret], t, Tolerance::default()).is_err());
    }

    #[test]
    fn every_single_character_of_a_valid_header_matters(
        body in body(), secret in secret(), t in t(), at in any::<Index>(),
    ) {
        let mut header = sign(&body, &secret, t).into_bytes();
        let at = at.index(header.len());
        header.remove(at);
        prop_assert!(verify(&body, Some(&header), &[secret], t, Tolerance::default()).is_err());
    }

    #[test]
    fn a_secret_that_did_not_sign_never_verifies(body in body(), a in secret(), b in secret(), t in t()) {
        prop_assume!(a != b);
        let header = sign(&body, &a, t);
        let verdict = verify(&body, Some(header.as_bytes()), &[b], t, Tolerance::default());
        prop_assert_eq!(verdict, Err(Refusal::NoMatch));
    }

    #[test]
    fn the_age_decides_exactly_at_the_tolerance(
        body in body(), secret in secret(), t in t(), seconds in 1_u32..=Tolerance::SECONDS_MAX, off in -4_000_i64..4_000,
    ) {
        let header = sign(&body, &secret, t);
        let tolerance = Tolerance::seconds(seconds).expect("generated in range");
        let verdict = verify(&body, Some(header.as_bytes()), &[secret], t + off, tolerance);
        let expected = if off > i64::from(seconds) {
            Err(Refusal::TooOld)
        } else if off < -i64::from(seconds) {
            Err(Refusal::TooNew)
        } else {
            Ok(Verified { timestamp_s: t, by: 1 })
        };
        prop_assert_eq!(verdict, expected);
    }

    #[test]
    fn arbitrary_bytes_neither_panic_nor_verify(
        body in body(),
        header in prop_oneof![vec(any::<u8>(), 0..400), "(t|v1|v0|=|,|[0-9a-f]{1,64}){0,40}".prop_map(String::into_bytes)],
        secrets in vec(vec(any::<u8>(), 0..80), 0..4),
        now_s in any::<i64>(),
    ) {
        prop_assert!(verify(&body, Some(&header), &secrets, now_s, Tolerance::default()).is_err());
    }
}
