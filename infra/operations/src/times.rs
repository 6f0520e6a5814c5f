//! Times as people enter them: how long ago (`90s`, `15m`, `24h`, `7d`), a day (`2026-11-24`), or an instant in ISO
//! 8601 (`2026-11-24T12:00:00Z`).

use std::time::{SystemTime, UNIX_EPOCH};

use aws_smithy_types::date_time::{DateTime, Format};

/// The largest span that can be entered: a hundred years.
const SPAN_DAYS_MAX: i64 = 36_500;

/// A time relative to now, or an absolute time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// This number of milliseconds ago.
    Ago(i64),
    /// At this time, in Unix milliseconds.
    At(i64),
}

impl When {
    /// In Unix milliseconds.
    pub fn ms(self, now_ms: i64) -> i64 {
        match self {
            Self::Ago(ms) => now_ms - ms,
            Self::At(ms) => ms,
        }
    }
}

impl std::str::FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is no time: say 15m, 24h, 7d, 2026-11-24 or 2026-11-24T12:00:00Z");
        let unit_ms = match text.chars().last() {
            Some('s') => Some(1_000),
            Some('m') => Some(60_000),
            Some('h') => Some(3_600_000),
            Some('d') => Some(86_400_000),
            _ => None,
        };
        if let Some(unit_ms) = unit_ms {
            let count: i64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
            let ms = count
                .checked_mul(unit_ms)
                .filter(|ms| (0..=SPAN_DAYS_MAX * 86_400_000).contains(ms));
            return ms.map(Self::Ago).ok_or_else(wrong);
        }
        let whole = match text.len() {
            10 => format!("{text}T00:00:00Z"),
            _ => text.to_owned(),
        };
        let at = DateTime::from_str(&whole, Format::DateTimeWithOffset).map_err(|_| wrong())?;
        at.to_millis().map(Self::At).map_err(|_| wrong())
    }
}

/// Now, in Unix milliseconds.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// ISO 8601 in UTC, to the millisecond.
pub fn time_of_ms(ms: i64) -> String {
    DateTime::from_millis(ms)
        .fmt(Format::DateTime)
        .unwrap_or_default()
}

/// A span of time in its largest whole unit: `3 s`, `12 min`, `5 h`, `2 d`.
pub fn span(ms: i64) -> String {
    match ms / 1_000 {
        s if s < 120 => format!("{s} s"),
        s if s < 7_200 => format!("{} min", s / 60),
        s if s < 172_800 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_span_ago_a_day_or_an_instant() {
        for (text, when) in [
            ("15m", When::Ago(900_000)),
            ("2d", When::Ago(172_800_000)),
            ("1970-01-02", When::At(86_400_000)),
            ("1970-01-01T00:00:01Z", When::At(1_000)),
            ("1970-01-01T01:00:01+01:00", When::At(1_000)),
        ] {
            assert_eq!(text.parse(), Ok(when), "{text}");
        }
        for text in [
            "",
            "h",
            "-3h",
            "yesterday",
            "2026-13-01",
            "9999999999999d",
            "é",
        ] {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_span_is_said_in_its_largest_whole_unit() {
        let spans = [3_000, 720_000, 18_000_000, 180_000_000].map(span);
        assert_eq!(spans, ["3 s", "12 min", "5 h", "2 d"]);
    }
}
