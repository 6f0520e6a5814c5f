//! Times as API v2 writes them: `2026-01-05T09:00:05.902Z`.

use std::num::NonZero;

use time::OffsetDateTime;
use time::format_description::well_known::iso8601::{Config, EncodedConfig, TimePrecision};
use time::format_description::well_known::{Iso8601, Rfc3339};

/// With exactly three digits of a second.
const MILLIS: EncodedConfig = Config::DEFAULT
    .set_time_precision(TimePrecision::Second {
        decimal_digits: NonZero::new(3),
    })
    .encode();

/// Unix milliseconds as text, in UTC. Empty for a year without four digits.
#[must_use]
pub fn written(at_ms: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000).ok();
    time.and_then(|time| time.format(&Iso8601::<MILLIS>).ok())
        .unwrap_or_default()
}

/// Unix milliseconds of such a text, rounded down; the part of a second may be missing or longer, the zone is UTC (`Z`
/// or `+00:00`). `None` for anything else.
pub(crate) fn read(text: &str) -> Option<i64> {
    let is_utc = text.ends_with('Z') || text.ends_with("+00:00");
    let has_t = text.as_bytes().get("2026-01-05".len()) == Some(&b'T');
    let time = (is_utc && has_t)
        .then(|| OffsetDateTime::parse(text, &Rfc3339).ok())
        .flatten()?;
    i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000_000)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_it_was() {
        assert_eq!(written(1_767_603_605_902), "2026-01-05T09:00:05.902Z");
        assert_eq!(written(1_767_603_605_900), "2026-01-05T09:00:05.900Z");
        assert_eq!(written(951_782_400_000), "2000-02-29T00:00:00.000Z");
        for second in (0..4_000_000_000).step_by(86_399 * 37) {
            let at_ms = second * 1_000 + 7;
            assert_eq!(read(&written(at_ms)), Some(at_ms), "{at_ms}");
        }
    }

    #[test]
    fn only_times_are_read() {
        assert_eq!(read("2026-01-05T09:00:05Z"), Some(1_767_603_605_000));
        assert_eq!(read("2026-01-05T09:00:05.5+00:00"), Some(1_767_603_605_500));
        for text in [
            "",
            "1767603605",
            "2026-01-05",
            "2026-01-05T09:00:05",
            "2026-01-05 09:00:05Z",
            "2026-01-05T09:00:05+01:00",
            "2026-13-05T09:00:05Z",
            "2026-02-31T09:00:05Z",
            "2026-01-05T24:00:05Z",
            "2026-01-05T09:00:05.xZ",
            "2026-01-05T09:00:05.é00Z",
            "2026-01-05-01T09:00:05Z",
            "+026-01-05T09:00:05Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
