//! Compares `signature::verify` with a plain implementation of the same rule.
//!
//! An input is three bytes and then text. Two bytes are the distance of now from 1,700,000,000 (little-endian, signed),
//! and one byte has a bit for each configured secret. The text is the header up to the first line break, then the body.
//! Placeholders let the fuzzer reach what only holders of a secret can reach. In the header `*` stands for the right
//! signature under the first secret, `@` for the one under the second, over the first `t` of the header.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_stripe::signature::{
    HEADER_BYTES_MAX, Refusal, TIMESTAMP_DIGITS_MAX, Tolerance, V1_ENTRIES_MAX, Verified, sign,
    verify,
};

const EPOCH_S: i64 = 1_700_000_000;
const SIGNING: [&str; 2] = ["whsec_first", "whsec_second"];
const SECRETS: [&str; 5] = [SIGNING[0], SIGNING[1], "", " \t", "whsec_third"];

fuzz_target!(|input: &[u8]| {
    let Some((&[low, high, chosen], text)) = input.split_first_chunk::<3>() else {
        return;
    };
    let now_s = EPOCH_S + i64::from(i16::from_le_bytes([low, high]));
    let secrets: Vec<&str> = SECRETS
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| chosen >> bit & 1 == 1)
        .map(|(_, secret)| secret)
        .collect();
    let (template, body) = match text.iter().position(|&byte| byte == b'\n') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[][..]),
    };
    let header = signed(template, body);

    let verdict = verify(body, Some(&header), &secrets, now_s, Tolerance::default());
    assert_eq!(
        verdict.map(Verified::timestamp_s),
        plainly(body, &header, &secrets, now_s),
        "header {:?}, now {now_s}, secrets {secrets:?}",
        String::from_utf8_lossy(&header)
    );

    // The order of the secrets changes nothing but their indexes.
    let reversed: Vec<&str> = secrets.iter().rev().copied().collect();
    let mirrored = verify(body, Some(&header), &reversed, now_s, Tolerance::default());
    let by = |verified: Verified| {
        verified
            .by()
            .map(|place| secrets[place])
            .collect::<Vec<_>>()
    };
    let by_mirrored = |verified: Verified| {
        let mut by: Vec<_> = verified.by().map(|place| reversed[place]).collect();
        by.reverse();
        by
    };
    assert_eq!(
        verdict.map(Verified::timestamp_s),
        mirrored.map(Verified::timestamp_s)
    );
    assert_eq!(verdict.map(by), mirrored.map(by_mirrored));
    assert_eq!(
        verify(body, None, &secrets, now_s, Tolerance::default()),
        Err(Refusal::Missing)
    );

    // What `sign` makes verifies with the secret, and with no other.
    let own = sign(body, SIGNING[0], now_s);
    let verdict = verify(
        body,
        Some(own.as_bytes()),
        &secrets,
        now_s,
        Tolerance::default(),
    );
    assert_eq!(
        verdict.is_ok(),
        secrets.contains(&SIGNING[0]),
        "{verdict:?}"
    );
});

/// The header with its placeholders filled in.
fn signed(template: &[u8], body: &[u8]) -> Vec<u8> {
    let named = template
        .split(|&byte| byte == b',')
        .find_map(|entry| {
            let blanks = |byte: &&u8| matches!(byte, b' ' | b'\t');
            let before = entry.iter().take_while(blanks).count();
            let after = entry[before..].iter().rev().take_while(blanks).count();
            entry[before..entry.len() - after].strip_prefix(b"t=")
        });
    let t = named
        .and_then(|t| str::from_utf8(t).ok()?.parse().ok())
        .unwrap_or(EPOCH_S);
    let mut header = Vec::new();
    for &byte in template {
        match byte {
            b'*' => header.extend(v1(body, SIGNING[0], t).as_bytes()),
            b'@' => header.extend(v1(body, SIGNING[1], t).as_bytes()),
            _ => header.push(byte),
        }
    }
    header
}

fn v1(body: &[u8], secret: &str, t: i64) -> String {
    let header = sign(body, secret, t);
    header
        .split_once(",v1=")
        .expect("sign writes a v1")
        .1
        .to_owned()
}

/// The rule again, written with texts and lists, without regard to time or memory.
fn plainly(body: &[u8], header: &[u8], secrets: &[&str], now_s: i64) -> Result<i64, Refusal> {
    if header.is_empty() {
        return Err(Refusal::Missing);
    }
    if header.len() > HEADER_BYTES_MAX {
        return Err(Refusal::TooLarge);
    }
    // Each byte as the character of that number: reversible, and ASCII stays what it is.
    let header: String = header.iter().copied().map(char::from).collect();
    let entries: Vec<(&str, &str)> = header
        .split(',')
        .map(|entry| entry.trim_matches([' ', '\t']))
        .map(|entry| entry.split_once('=').unwrap_or((entry, "")))
        .collect();
    let values = |wanted: &str| -> Vec<&str> {
        entries
            .iter()
            .filter(|(key, _)| *key == wanted)
            .map(|(_, value)| *value)
            .collect()
    };
    let &[t] = values("t").as_slice() else {
        return Err(Refusal::Malformed);
    };
    if t.is_empty()
        || t.len() > TIMESTAMP_DIGITS_MAX
        || !t.chars().all(|digit| digit.is_ascii_digit())
    {
        return Err(Refusal::Malformed);
    }
    let t_s: i64 = t.parse().expect("twelve digits fit");
    let v1_entries = values("v1");
    if v1_entries.len() > V1_ENTRIES_MAX {
        return Err(Refusal::TooLarge);
    }
    if !v1_entries
        .iter()
        .any(|entry| entry.len() == 64 && entry.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')))
    {
        return Err(Refusal::NoV1);
    }
    let usable: Vec<&&str> = secrets
        .iter()
        .filter(|secret| !secret.trim().is_empty())
        .collect();
    if usable.is_empty() {
        return Err(Refusal::NoSecret);
    }
    // `sign` writes `t` without leading zeros. A header with them was never signed by Stripe nor by `signed` above,
    // and a match by chance doesn't happen.
    let canonical = t_s.to_string() == t;
    if !canonical
        || !usable
            .iter()
            .any(|secret| v1_entries.contains(&v1(body, secret, t_s).as_str()))
    {
        return Err(Refusal::NoMatch);
    }
    match now_s - t_s {
        ..-300 => Err(Refusal::TooNew),
        -300..=300 => Ok(t_s),
        301.. => Err(Refusal::TooOld),
    }
}
