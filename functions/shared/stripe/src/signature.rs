//! Whether a body was signed by Stripe: the check of the `Stripe-Signature` header.
//!
//! # The rule
//!
//! The header is a list of `key=value` entries between commas, such as
//! `t=1735689600,v1=5257a8…,v1=9f86d0…,v0=6ffbb5…`. Spaces and tabs around an entry don't count, since HTTP lets a proxy add
//! them. A body is accepted if, and only if,
//!
//! - the header has exactly one `t`, of 1 to 12 ASCII digits;
//! - at least one `v1` equals, in lower-case hexadecimal, the HMAC-SHA256 of `t`'s text, a full stop and the raw body,
//!   keyed with the whole text of one of the secrets (including `whsec_`);
//! - `t` and now are at most the tolerance apart, **in both directions**.
//!
//! Every other key is ignored, including `v0`: Stripe puts a fake `v0` on test events, and an older scheme must never
//! be accepted in place of the current one. A `v1` that isn't 64 lower-case hexadecimal digits is ignored and does no
//! harm. Keys and values are used exactly as written: no blanks around the `=`, no change of case. A secret that is
//! empty or only white space is skipped, since anyone could sign with it. The age check can be set but not turned off.
//!
//! # The order of the checks
//!
//! 1. [`Refusal::Missing`]: no header, or an empty one.
//! 2. [`Refusal::TooLarge`]: more than [`HEADER_BYTES_MAX`] bytes, before anything in it is read.
//! 3. [`Refusal::Malformed`]: not exactly one `t`, or one that isn't 1 to 12 digits.
//! 4. [`Refusal::TooLarge`] again: more than [`V1_ENTRIES_MAX`] `v1` entries, readable or not.
//! 5. [`Refusal::NoV1`]: no `v1` that can be read.
//! 6. [`Refusal::NoSecret`]: nothing to verify with. This comes after the header's own faults, so that a plainly forged
//!    delivery gets that answer with any configuration.
//! 7. [`Refusal::NoMatch`]: the HMACs.
//! 8. [`Refusal::TooOld`], [`Refusal::TooNew`]. These come last, as in Stripe's libraries: only a holder of a secret
//!    learns anything about the server's clock, and "too old" always means a genuine delivery.
//!
//! # What it guarantees, and what not
//!
//! The HMAC is computed once for each usable secret. Every result is compared with every readable `v1`, in constant
//! time and without stopping at a match. So the time depends on the sizes of body and header and on the number of
//! secrets. It doesn't depend on which of them matched or on how far a forgery agrees. [`Verified::by`] says which
//! matched, for an operator's log; the response must not contain it.
//!
//! An accepted body can be accepted again until its `t` is too old: a recorded delivery can be replayed within the
//! tolerance. The ledger's claim on the event's id makes that harmless.

#[cfg(test)]
mod bounds;
mod header;
#[cfg(test)]
mod official;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};

use ctutils::{Choice, CtEq as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use header::SignatureHeader;

use crate::code::{self, Code};

/// The longest header that is read, in bytes. Stripe's has about 150, and some 70 more for each further active secret.
pub const HEADER_BYTES_MAX: usize = 8_192;

/// The most `v1` entries that a header may have. Stripe sends one for each active secret.
pub const V1_ENTRIES_MAX: usize = 100;

/// The most digits that `t` may have: enough for the next 30,000 years.
pub const TIMESTAMP_DIGITS_MAX: usize = 12;

/// Verifies a delivery: `body` as it came over the wire, the value of its `Stripe-Signature` header, the secrets of the
/// endpoint it came to, and the time now in unix seconds.
///
/// The [module](self) states the rule, the order of the checks and the guarantees. `header` may be any bytes.
///
/// # Errors
/// The first check that fails, as a [`Refusal`].
pub fn verify<S: AsRef<[u8]>>(
    body: &[u8],
    header: Option<&[u8]>,
    secrets: &[S],
    now_s: i64,
    tolerance: Tolerance,
) -> Result<Verified, Refusal> {
    let header = SignatureHeader::read(header.unwrap_or_default())?;

    let mut usable_secrets = secrets
        .iter()
        .map(AsRef::as_ref)
        .enumerate()
        .filter(|(_, secret)| !is_blank(secret))
        .peekable();
    if usable_secrets.peek().is_none() {
        return Err(Refusal::NoSecret);
    }

    let mut by = 0_u32;
    for (place, secret) in usable_secrets {
        let expected = hmac_of(header.timestamp_text, body, secret);
        let mut matched = Choice::FALSE;
        for candidate in &header.v1 {
            // No early exit, here or above: every pair is compared.
            matched |= expected.ct_eq(candidate);
        }
        // The last bit stands for all indexes from there on.
        by |= u32::from(matched.to_bool()) << place.min(31);
    }
    if by == 0 {
        return Err(Refusal::NoMatch);
    }

    let tolerance_s = i64::from(tolerance.as_seconds());
    // Saturating: `now_s` is any i64, and the largest distance is still only "too far".
    if now_s.saturating_sub(header.timestamp_s) > tolerance_s {
        return Err(Refusal::TooOld);
    }
    if header.timestamp_s.saturating_sub(now_s) > tolerance_s {
        return Err(Refusal::TooNew);
    }
    Ok(Verified {
        timestamp_s: header.timestamp_s,
        by,
    })
}

/// A full header value as Stripe would send it for this body, secret and time (unix seconds): `t=…,v1=…`.
///
/// For tests and local tools. It signs any input: with a `t` that is negative or has more than [`TIMESTAMP_DIGITS_MAX`]
/// digits, or with a blank secret, the result is one that [`verify`] refuses.
#[must_use]
pub fn sign(body: &[u8], secret: impl AsRef<[u8]>, t: i64) -> String {
    let timestamp_text = t.to_string();
    let mut header = format!("t={timestamp_text},v1=");
    for byte in hmac_of(timestamp_text.as_bytes(), body, secret.as_ref()) {
        write!(header, "{byte:02x}").expect("writing to a String cannot fail");
    }
    header
}

fn hmac_of(timestamp_text: &[u8], body: &[u8], secret: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(timestamp_text);
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

/// Empty, or nothing but white space and control characters: such as a template's placeholder or a stray line.
fn is_blank(secret: &[u8]) -> bool {
    // Bytes that aren't UTF-8 are no text, so they can't be blank text.
    str::from_utf8(secret)
        .is_ok_and(|text| text.chars().all(|c| c.is_whitespace() || c.is_control()))
}

/// The proof that a body was signed with one of the secrets, within the tolerance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    timestamp_s: i64,
    /// A bit for each index in the list of secrets.
    by: u32,
}

impl Verified {
    /// When Stripe signed this delivery, in unix seconds: each retry has a new signature, so this is not the event's
    /// time.
    #[must_use]
    pub fn timestamp_s(self) -> i64 {
        self.timestamp_s
    }

    /// The indexes, from 0, of the secrets that the delivery was signed with. While a secret is rolled, Stripe signs
    /// with two. This is for the log of the operator who rolls it: the response must not contain it.
    pub fn by(self) -> impl Iterator<Item = usize> {
        (0..32).filter(move |place| self.by & (1 << place) != 0)
    }
}

/// How far a delivery's `t` may lie from now, before or after: 1 to [`Tolerance::SECONDS_MAX`] seconds.
///
/// There is no value that turns the check off. The default is the 300 seconds of Stripe's own libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tolerance {
    seconds: u32,
}

impl Tolerance {
    /// The longest tolerance, in seconds: a skew of an hour means a broken clock, and a longer tolerance only helps
    /// replays.
    pub const SECONDS_MAX: u32 = 3_600;

    /// A tolerance of this number of seconds.
    ///
    /// # Errors
    /// [`ToleranceOutOfRange`] for 0 and above [`Tolerance::SECONDS_MAX`].
    pub fn seconds(seconds: u32) -> Result<Self, ToleranceOutOfRange> {
        if (1..=Self::SECONDS_MAX).contains(&seconds) {
            Ok(Self { seconds })
        } else {
            Err(ToleranceOutOfRange { seconds })
        }
    }

    /// The tolerance in seconds.
    #[must_use]
    pub fn as_seconds(self) -> u32 {
        self.seconds
    }
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { seconds: 300 }
    }
}

/// A tolerance that [`Tolerance::seconds`] doesn't accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToleranceOutOfRange {
    /// The requested value, in seconds.
    pub seconds: u32,
}

impl ToleranceOutOfRange {
    /// The stable code of this fault.
    pub const CODE: Code = code::TOLERANCE_OUT_OF_RANGE;
}

impl fmt::Display for ToleranceOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a tolerance of {} s is outside 1 to {} s",
            self.seconds,
            Tolerance::SECONDS_MAX
        )
    }
}

impl std::error::Error for ToleranceOutOfRange {}

/// Why a delivery was refused. All but [`Refusal::NoSecret`] are the sender's fault; none reveals anything about a
/// secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// There is no header, or it is empty.
    Missing,
    /// The header is longer than [`HEADER_BYTES_MAX`], or has more than [`V1_ENTRIES_MAX`] `v1` entries.
    TooLarge,
    /// The header hasn't exactly one `t`, or `t` isn't 1 to [`TIMESTAMP_DIGITS_MAX`] ASCII digits.
    Malformed,
    /// No `v1` of 64 lower-case hexadecimal digits.
    NoV1,
    /// There is no secret to verify with: none was given, or only blank ones. The operator has to correct this, not the
    /// sender.
    NoSecret,
    /// No `v1` was made with one of the secrets from this `t` and this body.
    NoMatch,
    /// Signed with one of the secrets, but longer ago than the tolerance.
    TooOld,
    /// Signed with one of the secrets, but `t` lies further ahead of this clock than the tolerance.
    TooNew,
}

impl Refusal {
    /// Every refusal, in the order of the checks.
    pub const ALL: [Self; 8] = [
        Self::Missing,
        Self::TooLarge,
        Self::Malformed,
        Self::NoV1,
        Self::NoSecret,
        Self::NoMatch,
        Self::TooOld,
        Self::TooNew,
    ];

    /// The stable code, for answers, logs and alarms.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::Missing => code::SIGNATURE_MISSING,
            Self::TooLarge => code::SIGNATURE_TOO_LARGE,
            Self::Malformed => code::SIGNATURE_MALFORMED,
            Self::NoV1 => code::SIGNATURE_NO_V1,
            Self::NoSecret => code::SIGNATURE_NO_SECRET,
            Self::NoMatch => code::SIGNATURE_NO_MATCH,
            Self::TooOld => code::SIGNATURE_TOO_OLD,
            Self::TooNew => code::SIGNATURE_TOO_NEW,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is no Stripe-Signature header",
            Self::TooLarge => "the Stripe-Signature header is too long or has too many v1 entries",
            Self::Malformed => "the Stripe-Signature header has no single, readable t",
            Self::NoV1 => "the Stripe-Signature header has no readable v1 entry",
            Self::NoSecret => "no usable secret is configured for this endpoint",
            Self::NoMatch => "no v1 entry matches this body and t under the endpoint's secrets",
            Self::TooOld => "the signature is older than the tolerance",
            Self::TooNew => "the signature is further in the future than the tolerance",
        })
    }
}

impl std::error::Error for Refusal {}
