//! ISO 8601 times, as thin events write them (`2026-11-22T10:50:00.123Z`), to unix seconds and back.
//!
//! The profile is RFC 3339: a full date and time with seconds, an optional fraction and a zone (`Z` or an offset).
//! Anything else isn't a time. The crate `time` reads and writes it; the AWS SDK's signatures link it anyway.

use ::time::OffsetDateTime;
use ::time::format_description::well_known::Rfc3339;

/// The time in unix seconds, rounded down, or `None` if this isn't an RFC 3339 time.
pub(crate) fn unix_seconds(text: &str) -> Option<i64> {
    // `time` accepts any character between date and time.
    matches!(text.as_bytes().get("2026-11-22".len()), Some(b'T' | b't')).then_some(())?;
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(time.unix_timestamp())
}

/// That second as [`unix_seconds`] reads it, in UTC: `2026-11-22T10:50:00Z`. An empty text for a year without four
/// digits.
#[cfg(feature = "client")]
pub(crate) fn written(unix_s: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(unix_s).ok();
    time.and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}
