//! ISO 8601 times, as thin events write them (`2026-11-22T10:50:00.123Z`), to unix seconds.
//!
//! A few lines instead of a crate: this runs at the door, where every dependency costs start-up time, and takes only
//! the profile of RFC 3339: a full date and time with seconds, an optional fraction (dropped, which rounds down) and
//! a zone (`Z` or an offset). Anything else is no time. A property test holds it against a full implementation.

/// The time in unix seconds, rounded down, or `None` if this isn't an RFC 3339 time.
pub(crate) fn unix_seconds(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let (date_time, rest) = bytes.split_at_checked("2026-11-22T10:50:00".len())?;
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        m0,
        m1,
        b'-',
        d0,
        d1,
        b'T' | b't',
        h0,
        h1,
        b':',
        i0,
        i1,
        b':',
        s0,
        s1,
    ] = *date_time
    else {
        return None;
    };
    let year = number(&[y0, y1, y2, y3])?;
    let month = number(&[m0, m1]).filter(|month| (1..=12).contains(month))?;
    let day = number(&[d0, d1]).filter(|day| (1..=days_in_month(year, month)).contains(day))?;
    let hour = number(&[h0, h1]).filter(|&hour| hour < 24)?;
    let minute = number(&[i0, i1]).filter(|&minute| minute < 60)?;
    // 60 is a leap second; it counts as the first second of the next minute, as unix time has it.
    let second = number(&[s0, s1]).filter(|&second| second <= 60)?;
    let offset_s = offset_seconds(without_fraction(rest)?)?;
    Some(
        days_since_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
            - offset_s,
    )
}

/// That second as [`unix_seconds`] reads it, in UTC: `2026-11-22T10:50:00Z`. For years of four digits.
#[cfg(feature = "client")]
pub(crate) fn written(unix_s: i64) -> String {
    let (days, second) = (unix_s.div_euclid(86_400), unix_s.rem_euclid(86_400));
    // As in `days_since_epoch`, the other way round: 400 years have 146,097 days.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months + 2) / 5 + 1;
    let month = if months < 10 { months + 3 } else { months - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Drops `.123`; `None` for a full stop without digits.
fn without_fraction(rest: &[u8]) -> Option<&[u8]> {
    let Some(fraction) = rest.strip_prefix(b".") else {
        return Some(rest);
    };
    let digits = fraction
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    (digits > 0).then(|| &fraction[digits..])
}

fn offset_seconds(zone: &[u8]) -> Option<i64> {
    match *zone {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] => {
            let hours = number(&[h0, h1]).filter(|&hours| hours < 24)?;
            let minutes = number(&[m0, m1]).filter(|&minutes| minutes < 60)?;
            let seconds = hours * 3_600 + minutes * 60;
            Some(if sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + i64::from(digit - b'0'))
    })
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, for years from 0.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    // Counted in years that begin on the first of March, so that the leap day is a year's last.
    let years = if month <= 2 { year - 1 } else { year };
    let months = (month + 9) % 12;
    let leap_days = years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400);
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    years * 365 + leap_days + (153 * months + 2) / 5 + (day - 1) - 719_468
}
