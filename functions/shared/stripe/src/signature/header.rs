//! Reads a `Stripe-Signature` header, strictly and within bounds.
//!
//! This is the one thing that is parsed before the signature holds, so it gets any bytes of any length from strangers.
//! It reads each byte a bounded number of times and allocates only the readable signatures, of which there are at most
//! [`V1_ENTRIES_MAX`].

use super::{HEADER_BYTES_MAX, Refusal, TIMESTAMP_DIGITS_MAX, V1_ENTRIES_MAX};

/// What the header says. `v1` is never empty.
pub(super) struct SignatureHeader<'a> {
    /// `t` as it was sent, including leading zeros: the text that Stripe signed.
    pub(super) timestamp_text: &'a [u8],
    /// The same in unix seconds.
    pub(super) timestamp_s: i64,
    /// The readable `v1` entries, decoded.
    pub(super) v1: Vec<[u8; 32]>,
}

impl<'a> SignatureHeader<'a> {
    /// The first five checks of the order given in [`super`].
    pub(super) fn read(header: &'a [u8]) -> Result<Self, Refusal> {
        if header.is_empty() {
            return Err(Refusal::Missing);
        }
        if header.len() > HEADER_BYTES_MAX {
            return Err(Refusal::TooLarge);
        }

        let mut timestamp_text = None;
        let mut v1_entries = 0;
        let mut v1 = Vec::new();
        for entry in header.split(|&byte| byte == b',') {
            let (key, value) = key_and_value(without_blanks(entry));
            match key {
                b"t" if timestamp_text.is_some() => return Err(Refusal::Malformed),
                b"t" => timestamp_text = Some(value),
                b"v1" => {
                    v1_entries += 1;
                    if v1_entries <= V1_ENTRIES_MAX {
                        v1.extend(digest_from_hex(value));
                    }
                }
                _ => {}
            }
        }

        let timestamp_text = timestamp_text.ok_or(Refusal::Malformed)?;
        let timestamp_s = seconds_from_digits(timestamp_text).ok_or(Refusal::Malformed)?;
        if v1_entries > V1_ENTRIES_MAX {
            return Err(Refusal::TooLarge);
        }
        if v1.is_empty() {
            return Err(Refusal::NoV1);
        }
        Ok(Self {
            timestamp_text,
            timestamp_s,
            v1,
        })
    }
}

/// An entry without the blanks around it: HTTP lets a proxy put spaces and tabs around a list's commas.
fn without_blanks(entry: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = entry.iter().position(|byte| !is_blank(byte));
    let end = entry.iter().rposition(|byte| !is_blank(byte));
    match (start, end) {
        (Some(start), Some(end)) => &entry[start..=end],
        _ => b"",
    }
}

/// Splits an entry at its first `=`. An entry without one is a key without a value, so that a bare `t` still counts as
/// a `t`.
fn key_and_value(entry: &[u8]) -> (&[u8], &[u8]) {
    match entry.iter().position(|&byte| byte == b'=') {
        Some(at) => (&entry[..at], &entry[at + 1..]),
        None => (entry, b""),
    }
}

fn seconds_from_digits(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > TIMESTAMP_DIGITS_MAX {
        return None;
    }
    // Twelve digits are far from i64's end: so nothing here can overflow.
    digits.iter().try_fold(0, |seconds, digit| {
        digit
            .is_ascii_digit()
            .then(|| seconds * 10 + i64::from(digit - b'0'))
    })
}

fn digest_from_hex(hex: &[u8]) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if hex.len() != 2 * digest.len() {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(digest)
}

/// Lower case only: Stripe writes nothing else, and one spelling of a signature is enough.
fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}
