//! Times as API v2 writes them: `2026-01-05T09:00:05.902Z`.

/// Unix seconds and milliseconds, as text. From the year 1970 on.
pub(crate) fn written(second: i64, millis: i64) -> String {
    let (day, rest) = (second.div_euclid(86_400), second.rem_euclid(86_400));
    let (year, month, day) = date(day);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Unix milliseconds of such a text; the part of a second may be missing or longer, the zone is UTC (`Z` or
/// `+00:00`). `None` for anything else.
pub(crate) fn read(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z').or(text.strip_suffix("+00:00"))?;
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let (date, time) = whole.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let sound = (1970..10_000).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && part.bytes().all(|byte| byte.is_ascii_digit());
    if !sound {
        return None;
    }
    let millis: i64 = format!("{part:0<3}")[..3].parse().ok()?;
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds * 1_000 + millis)
}

fn numbers(text: &str, between: char) -> Option<[i64; 3]> {
    let mut parts = text.split(between).map(|part| {
        let digits = part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten()
    });
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

/// Days since 1970-01-01, by the calendar that begins its years in March: the leap day is then the last of the year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let of_years = year * 365 + year / 4 - year / 100 + year / 400;
    of_years + (month * 153 + 2) / 5 + day - 1 - 719_468
}

/// The year, month and day of so many days since 1970-01-01.
fn date(days_since: i64) -> (i64, i64, i64) {
    // Right or one too late: a year has at least 365 days.
    let mut year = 1970 + days_since / 365;
    while days(year, 1, 1) > days_since {
        year -= 1;
    }
    let mut month = 12;
    while days(year, month, 1) > days_since {
        month -= 1;
    }
    (year, month, days_since - days(year, month, 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_it_was() {
        assert_eq!(written(1_767_603_605, 902), "2026-01-05T09:00:05.902Z");
        assert_eq!(written(951_782_400, 0), "2000-02-29T00:00:00.000Z");
        for second in (0..4_000_000_000).step_by(86_399 * 37) {
            let text = written(second, 7);
            assert_eq!(read(&text), Some(second * 1_000 + 7), "{text}");
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
            "2026-13-05T09:00:05Z",
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
