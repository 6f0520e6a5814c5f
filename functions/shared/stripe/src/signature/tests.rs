//! The rule case by case, with the signatures of an independent implementation (Python's `hmac`) as anchors.

use super::*;

pub(super) const SECRET: &str = "whsec_test_secret";
pub(super) const OTHER_SECRET: &str = "whsec_other_secret";
pub(super) const BODY: &[u8] = b"{\n  \"id\": \"evt_test_webhook\",\n  \"object\": \"event\"\n}";
pub(super) const T: i64 = 1_735_689_600;
/// Python: `hmac.new(SECRET, b"1735689600." + BODY, sha256).hexdigest()`.
pub(super) const V1: &str = "7704f67a31dd4cb846fe00f4d5b32c6a19ea6bcbe315463477d6a77fc1869179";
/// The same under `OTHER_SECRET`.
pub(super) const OTHER_V1: &str =
    "7ff68fd004b40817c9565a162708ecee1fecba528aa97eafa1757af9f29a3307";

/// The verdict on `BODY` at `T` with `SECRET`.
pub(super) fn check(header: impl AsRef<[u8]>) -> Result<Verified, Refusal> {
    verify(
        BODY,
        Some(header.as_ref()),
        &[SECRET],
        T,
        Tolerance::default(),
    )
}

fn check_body(body: &[u8], v1: &str) -> Result<Verified, Refusal> {
    verify(
        body,
        Some(format!("t={T},v1={v1}").as_bytes()),
        &[SECRET],
        T,
        Tolerance::default(),
    )
}

pub(super) const OK: Result<Verified, Refusal> = Ok(Verified {
    timestamp_s: T,
    by: 1,
});

#[test]
fn a_signature_made_elsewhere_verifies_and_is_the_one_that_sign_makes() {
    assert_eq!(check(format!("t={T},v1={V1}")), OK);
    assert_eq!(sign(BODY, SECRET, T), format!("t={T},v1={V1}"));
    assert_eq!(
        check(format!("t={T},v1={V1}")).map(Verified::timestamp_s),
        Ok(T)
    );
}

#[test]
fn a_secret_longer_than_a_hash_block_verifies() {
    let header =
        format!("t={T},v1=4a34dc0628115e5bc2b9cbfae8b4c96f64ea322a6885f13dd2a441ffbba75b9a");
    let verdict = verify(
        BODY,
        Some(header.as_bytes()),
        &["k".repeat(200)],
        T,
        Tolerance::default(),
    );
    assert_eq!(verdict, OK);
}

#[test]
fn any_bytes_can_be_a_body() {
    let not_utf8 = "b45e77169acabeae9531d3ebb9618ae6c1848200b6d52661fdf1d3e8484f25ea";
    assert_eq!(check_body(b"\xff\xfe\x00\x80", not_utf8), OK);
    let empty = "59b7a0a2445b876af0c38beb1244d7778bbd211046bebb74e7230da7e5004c22";
    assert_eq!(check_body(b"", empty), OK);
    for body in [&b"\xef\xbb\xbf{}"[..], b"\0", b".", b"1735689600."] {
        assert_eq!(
            verify(
                body,
                Some(sign(body, SECRET, T).as_bytes()),
                &[SECRET],
                T,
                Tolerance::default()
            ),
            OK
        );
    }
}

#[test]
fn a_body_that_was_changed_on_the_way_is_refused() {
    let with_bom = [b"\xef\xbb\xbf", BODY].concat();
    let with_line_break = [BODY, b"\n"].concat();
    let without_line_breaks: Vec<u8> = BODY.iter().copied().filter(|&byte| byte != b'\n').collect();
    let in_base64 = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, BODY).into_bytes();
    let mut one_byte_changed = BODY.to_vec();
    one_byte_changed[10] ^= 0x20;
    let cut = BODY[..BODY.len() - 1].to_vec();
    for body in [
        with_bom,
        with_line_break,
        without_line_breaks,
        in_base64,
        one_byte_changed,
        cut,
        Vec::new(),
    ] {
        assert_eq!(
            check_body(&body, V1),
            Err(Refusal::NoMatch),
            "{:?}",
            String::from_utf8_lossy(&body)
        );
    }
}

#[test]
fn the_full_stop_belongs_between_time_and_body() {
    // Otherwise a digit could move from the body to the time.
    let header = format!(
        "t={}1,v1={}",
        &T.to_string()[..9],
        &sign(b"1.{}", SECRET, T / 10)["t=173568960,v1=".len()..]
    );
    assert_eq!(
        verify(
            b"{}",
            Some(header.as_bytes()),
            &[SECRET],
            T,
            Tolerance::default()
        ),
        Err(Refusal::NoMatch)
    );
}

#[test]
fn no_header_and_an_empty_one_are_missing() {
    assert_eq!(
        verify(BODY, None, &[SECRET], T, Tolerance::default()),
        Err(Refusal::Missing)
    );
    assert_eq!(check(""), Err(Refusal::Missing));
}

#[test]
fn exactly_one_t_is_required() {
    for header in [
        " ".to_owned(),
        ",".to_owned(),
        "=".to_owned(),
        ",,,=,=,".to_owned(),
        format!("v1={V1}"),
        format!("t={T},t={T},v1={V1}"),
        format!("t={T},v1={V1},t={T}"),
        format!("t={T},v1={V1},t=1"),
        format!("t=,t={T},v1={V1}"),
        format!("t={T},v1={V1},t"),
        format!("T={T},v1={V1}"),
        format!("t ={T},v1={V1}"),
        format!("t= {T},v1={V1}"),
        format!("\nt={T},v1={V1}"),
        " ".to_owned(),
        // Two headers that a proxy joined into one.
        format!("t={T},v1={V1},t={T},v1={V1}"),
    ] {
        assert_eq!(check(&header), Err(Refusal::Malformed), "{header}");
    }
}

#[test]
fn t_is_one_to_twelve_ascii_digits() {
    for t in [
        "",
        " ",
        "now",
        "-1",
        "+1735689600",
        " 1735689600",
        "1735689600\n",
        "1_735_689_600",
        "1.7e9",
        "1735689600.0",
        "0x6774",
        "=1735689600",
        "1735689600=",
        "١٧٣٥٦٨٩٦٠٠",
        "1735689600\0",
        "0001735689600",
        "9999999999999",
        "18446744073709551616",
        "99999999999999999999999999999999999999",
    ] {
        assert_eq!(
            check(format!("t={t},v1={V1}")),
            Err(Refusal::Malformed),
            "{t:?}"
        );
    }
    let mut not_utf8 = b"t=\xff1735689600,v1=".to_vec();
    not_utf8.extend(V1.as_bytes());
    assert_eq!(check(not_utf8), Err(Refusal::Malformed));
}

#[test]
fn t_is_signed_as_it_stands() {
    // Python signed "001735689600.": leading zeros are part of the text.
    let v1 = "f863ecf71f28961ca98aad03b1771c8f71f3d6c92a0128eeadbcef39f13c5fb7";
    assert_eq!(check(format!("t=001735689600,v1={v1}")), OK);
    assert_eq!(
        check(format!("t=1735689600,v1={v1}")),
        Err(Refusal::NoMatch)
    );
}

#[test]
fn only_v1_counts() {
    for header in [
        format!("t={T}"),
        format!("t={T},"),
        format!("t={T},v0={V1}"),
        format!("t={T},v2={V1}"),
        format!("t={T},V1={V1}"),
        format!("t={T},v1 ={V1}"),
        format!("t={T},\u{a0}v1={V1}"),
        format!("t={T},\r\nv1={V1}"),
        format!("t={T}, ,\t"),
        format!("t={T},v10={V1}"),
        format!("t={T},v={V1},1={V1},={V1}"),
        format!("t={T};v1={V1}"),
    ] {
        // The last one makes one long `t`.
        let expected = if header.contains(';') {
            Refusal::Malformed
        } else {
            Refusal::NoV1
        };
        assert_eq!(check(&header), Err(expected), "{header}");
    }
}

#[test]
fn a_v1_that_cannot_be_read_counts_for_nothing() {
    let upper = V1.to_uppercase();
    let mut one_upper = V1.to_owned();
    one_upper.replace_range(4..5, "F");
    assert_ne!(one_upper, V1);
    let truncated = &V1[..63];
    let longer = format!("{V1}0");
    let spaced = format!(" {V1}");
    let quoted = format!("\"{V1}\"");
    let with_equals = format!("{V1}=");
    for v1 in [
        "",
        &upper,
        &one_upper,
        truncated,
        &longer,
        &spaced,
        &quoted,
        &with_equals,
        "bad_signature",
        &"g".repeat(64),
        &"é".repeat(32),
    ] {
        assert_eq!(
            check(format!("t={T},v1={v1}")),
            Err(Refusal::NoV1),
            "{v1:?}"
        );
        assert_eq!(
            check(format!("t={T},v1={v1},v1={V1}")),
            OK,
            "{v1:?} before the good one"
        );
        assert_eq!(
            check(format!("t={T},v1={V1},v1={v1}")),
            OK,
            "{v1:?} after the good one"
        );
    }
}

#[test]
fn a_v1_of_arbitrary_bytes_counts_for_nothing() {
    let mut header = format!("t={T},v1=").into_bytes();
    header.extend([0xff; 64]);
    assert_eq!(check(&header), Err(Refusal::NoV1));
    header.extend(format!(",v1={V1},\u{0}\u{7f}").as_bytes());
    header.extend([0xff, 0xfe]);
    assert_eq!(check(&header), OK);
}

#[test]
fn other_keys_and_their_place_do_not_matter() {
    for header in [
        format!("v1={V1},t={T}"),
        format!("v0={OTHER_V1},v1={V1},t={T},v0="),
        format!("scheme=x,t={T},,v1={V1},=,flag,a=b=c"),
        format!("t={T},v1={V1},"),
    ] {
        assert_eq!(check(&header), OK, "{header}");
    }
}

#[test]
fn blanks_around_entries_do_not_matter() {
    for header in [
        format!("t={T}, v1={V1}, v0={OTHER_V1}"),
        format!(" t={T} ,\tv1={V1}\t"),
        format!("t={T} , , v1={OTHER_V1},   v1={V1} "),
        format!("\t \tv0=x, v1={V1},t={T}"),
    ] {
        assert_eq!(check(&header), OK, "{header:?}");
    }
    assert_eq!(
        check(format!("t={T}, t={T}, v1={V1}")),
        Err(Refusal::Malformed)
    );
    let many = ", v1=0".repeat(V1_ENTRIES_MAX + 1);
    assert_eq!(check(format!("t={T}{many}")), Err(Refusal::TooLarge));
}

#[test]
fn every_secret_is_held_against_every_v1() {
    let mine = sign(BODY, SECRET, T);
    let header = format!("{mine},v1={OTHER_V1}");
    let verdict = |header: &str, secrets: &[&str]| {
        verify(
            BODY,
            Some(header.as_bytes()),
            secrets,
            T,
            Tolerance::default(),
        )
        .map(Verified::timestamp_s)
    };
    for secrets in [
        &[SECRET][..],
        &[OTHER_SECRET],
        &["whsec_old", OTHER_SECRET],
        &["whsec_old", "whsec_older", SECRET],
        &["", SECRET],
    ] {
        assert_eq!(verdict(&header, secrets), Ok(T), "{secrets:?}");
    }
    assert_eq!(
        verdict(&header, &["whsec_old", "whsec_older"]),
        Err(Refusal::NoMatch)
    );
    assert_eq!(
        verdict(
            &format!("t={T},v1={OTHER_V1},v1={V1}"),
            &["whsec_old", SECRET]
        ),
        Ok(T)
    );
    assert_eq!(verdict(&mine, &[OTHER_SECRET]), Err(Refusal::NoMatch));
}

#[test]
fn a_secret_counts_with_its_prefix_and_to_the_byte() {
    for secret in [
        "test_secret",
        "WHSEC_test_secret",
        "whsec_test_secret ",
        "whsec_test_secret\n",
        " whsec_test_secret",
    ] {
        let verdict = verify(
            BODY,
            Some(sign(BODY, SECRET, T).as_bytes()),
            &[secret],
            T,
            Tolerance::default(),
        );
        assert_eq!(verdict, Err(Refusal::NoMatch), "{secret:?}");
    }
}

#[test]
fn secrets_can_be_bytes_of_any_owner() {
    let header = sign(BODY, b"\xff\x00", T);
    assert_eq!(
        verify(
            BODY,
            Some(header.as_bytes()),
            &[vec![0xff, 0x00]],
            T,
            Tolerance::default()
        ),
        OK
    );
    assert_eq!(
        verify(
            BODY,
            Some(header.as_bytes()),
            &[&b"\xff\x00"[..]],
            T,
            Tolerance::default()
        ),
        OK
    );
}

#[test]
fn an_empty_or_blank_secret_never_verifies_anything() {
    for secret in ["", " ", "\t\r\n", "\0", "\u{a0}\u{3000}"] {
        let header = sign(BODY, secret, T);
        let verdict = |secrets: &[&str]| {
            verify(
                BODY,
                Some(header.as_bytes()),
                secrets,
                T,
                Tolerance::default(),
            )
        };
        assert_eq!(verdict(&[secret]), Err(Refusal::NoSecret), "{secret:?}");
        assert_eq!(verdict(&[secret, ""]), Err(Refusal::NoSecret), "{secret:?}");
        assert_eq!(
            verdict(&[secret, SECRET]),
            Err(Refusal::NoMatch),
            "{secret:?}"
        );
    }
    // Python's HMAC under the empty key.
    let under_empty = "9108775bae229562c2d866255ad217f38cfd4e5d8a5ada6d98237f4cd5d68258";
    assert_eq!(sign(BODY, "", T), format!("t={T},v1={under_empty}"));
    assert_eq!(
        verify::<&str>(
            BODY,
            Some(sign(BODY, SECRET, T).as_bytes()),
            &[],
            T,
            Tolerance::default()
        ),
        Err(Refusal::NoSecret)
    );
}

#[test]
fn a_stranger_learns_nothing_about_the_clock() {
    let forged = format!("t=1,v1={OTHER_V1}");
    assert_eq!(check(forged), Err(Refusal::NoMatch));
}

#[test]
fn the_checks_come_in_the_documented_order() {
    let too_long = "t".repeat(HEADER_BYTES_MAX + 1);
    assert_eq!(
        check(too_long),
        Err(Refusal::TooLarge),
        "length before form"
    );
    assert_eq!(
        check(format!("t=x{}", ",v1=".repeat(101))),
        Err(Refusal::Malformed),
        "t before the number of v1"
    );
    assert_eq!(
        check(format!("t=1{}", ",v1=".repeat(101))),
        Err(Refusal::TooLarge),
        "number before form of v1"
    );
    let without_secret =
        |header: &str| verify::<&str>(BODY, Some(header.as_bytes()), &[], T, Tolerance::default());
    assert_eq!(without_secret(""), Err(Refusal::Missing));
    assert_eq!(without_secret("junk"), Err(Refusal::Malformed));
    assert_eq!(
        without_secret("t=1"),
        Err(Refusal::NoV1),
        "the header's own faults before ours"
    );
    assert_eq!(
        without_secret(&format!("t=1,v1={V1}")),
        Err(Refusal::NoSecret),
        "ours before the time"
    );
}

#[test]
fn codes_are_stable_and_distinct() {
    assert_eq!(
        Refusal::ALL.map(Refusal::code),
        [
            "signature.missing",
            "signature.too_large",
            "signature.malformed",
            "signature.no_v1",
            "signature.no_secret",
            "signature.no_match",
            "signature.too_old",
            "signature.too_new",
        ]
    );
    let texts: std::collections::HashSet<String> =
        Refusal::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), Refusal::ALL.len());
}

#[test]
fn which_of_several_secrets_it_was_signed_with_is_shown_by_their_places() {
    let by = |header: String, secrets: &[&str]| {
        let verified = verify(
            BODY,
            Some(header.as_bytes()),
            secrets,
            T,
            Tolerance::default(),
        );
        verified.map(|verified| verified.by().collect::<Vec<_>>())
    };
    let (one, both) = (
        format!("t={T},v1={OTHER_V1}"),
        format!("t={T},v1={OTHER_V1},v1={V1}"),
    );
    assert_eq!(by(one.clone(), &[SECRET, OTHER_SECRET]), Ok(vec![1]));
    assert_eq!(
        by(both, &[SECRET, "whsec_third", OTHER_SECRET]),
        Ok(vec![0, 2])
    );
    // A blank secret keeps its index, and all indexes beyond the last bit share that bit.
    assert_eq!(by(one.clone(), &[" ", OTHER_SECRET]), Ok(vec![1]));
    let many: Vec<_> = std::iter::repeat_n("whsec_x", 40)
        .chain([OTHER_SECRET])
        .collect();
    assert_eq!(by(one, &many), Ok(vec![31]));
}
