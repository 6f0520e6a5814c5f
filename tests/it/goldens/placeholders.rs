//! Replaces in a text what differs from run to run by what it is: `<time>`, `<span>`, `<uuid>`, `<hex>`, `<port>`…

/// Numbers in JSON that a clock, a meter or the machine's speed decides, by their keys.
const MEASURED: [&str; 3] = ["behind_s", "duration_ms", "lag_ms"];

/// How long before the simulated Stripe's start the first event of a story may be, in seconds.
const STORIES_S_MAX: i64 = 60 * 86_400;

/// Replaces what differs from run to run.
#[derive(Debug, Clone)]
pub(super) struct Placeholders {
    /// When the test began, in Unix seconds: later times are the run's own.
    begun_s: i64,
    /// When the simulated Stripe began, in Unix seconds: times from then on are kept as their distance from it.
    stripe_s: Option<i64>,
    /// A file that is given to a command.
    file: Option<String>,
}

impl Placeholders {
    pub(super) fn new(begun_s: i64, stripe_s: Option<i64>) -> Self {
        Self {
            begun_s,
            stripe_s,
            file: None,
        }
    }

    /// The same, if commands are given this file.
    pub(super) fn with_file(self, file: &str) -> Self {
        Self {
            file: Some(file.to_owned()),
            ..self
        }
    }

    /// The text with placeholders.
    pub(super) fn apply(&self, text: &str) -> String {
        let text = match &self.file {
            Some(file) => text.replace(file, "<file>"),
            None => text.to_owned(),
        };
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            let is_start = !out.ends_with(|last: char| last.is_ascii_alphanumeric() || last == '_');
            match is_start.then(|| self.first(rest)).flatten() {
                Some((taken, placeholder)) => {
                    out.push_str(&placeholder);
                    at += taken;
                }
                None => {
                    let next = rest.chars().next().expect("not at the end");
                    out.push(next);
                    at += next.len_utf8();
                }
            }
        }
        out
    }

    /// The same for a table or sentences for people: the width of a column depends on what is replaced.
    pub(super) fn apply_to_words(&self, text: &str) -> String {
        let text = self.apply(text);
        let lines = text.lines().map(|line| {
            let indent: String = line.chars().take_while(|it| *it == ' ').collect();
            let cells = line
                .split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty());
            format!("{indent}{}\n", cells.collect::<Vec<_>>().join("  "))
        });
        lines.collect()
    }

    /// The length of the text's beginning that is to be replaced, and its replacement.
    fn first(&self, text: &str) -> Option<(usize, String)> {
        measured(text)
            .or_else(|| port(text))
            .or_else(|| self.instant(text))
            .or_else(|| uuid(text))
            .or_else(|| run_name(text))
            .or_else(|| smoke(text))
            .or_else(|| self.day(text))
            .or_else(|| hexadecimal(text))
            .or_else(|| span(text))
            .or_else(|| self.number(text))
    }

    /// `1764518637` and, in milliseconds, `1764518637123`; in keys with fifteen digits.
    fn number(&self, text: &str) -> Option<(usize, String)> {
        let digits = run(text, |it| it.is_ascii_digit());
        let number: i64 = digits.parse().ok()?;
        let is_bounded = !text[digits.len()..].starts_with(|it: char| it.is_ascii_alphanumeric());
        let seconds = match digits.len() {
            10 => number,
            13 | 15 => number / 1_000,
            _ => return None,
        };
        let placeholder = self.time(seconds)?;
        is_bounded.then_some((digits.len(), placeholder))
    }

    /// `2026-11-30T16:03:57.123Z`, with a space for the `T`, and without the end.
    fn instant(&self, text: &str) -> Option<(usize, String)> {
        const SHAPE: &str = "dddd-dd-dd dd:dd:dd";
        let head = text.get(..SHAPE.len())?;
        let fits = SHAPE
            .chars()
            .zip(head.chars())
            .all(|(shape, it)| match shape {
                'd' => it.is_ascii_digit(),
                ' ' => it == ' ' || it == 'T',
                other => it == other,
            });
        if !fits {
            return None;
        }
        let part = |from: usize, to: usize| head[from..to].parse::<i64>().ok();
        let days = days(part(0, 4)?, part(5, 7)?, part(8, 10)?);
        let seconds = days * 86_400 + part(11, 13)? * 3_600 + part(14, 16)? * 60 + part(17, 19)?;
        let end = run(&text[SHAPE.len()..], |it| it == '.' || it.is_ascii_digit()).len();
        let zone = usize::from(text[SHAPE.len() + end..].starts_with('Z'));
        Some((SHAPE.len() + end + zone, self.time(seconds)?))
    }

    /// `20787#3`: the days since 1970 and a part of a day, under which the ledger lists its entries.
    fn day(&self, text: &str) -> Option<(usize, String)> {
        let digits = run(text, |it| it.is_ascii_digit());
        let day: i64 = digits.parse().ok()?;
        let begun = self.begun_s / 86_400;
        let fits = (begun..=begun + 1).contains(&day) && text[digits.len()..].starts_with('#');
        fits.then(|| (digits.len(), "<day>".to_owned()))
    }

    /// The placeholder for a time; `None` for a time that is the same in every run.
    fn time(&self, seconds: i64) -> Option<String> {
        // Up to a hundred years ahead: expiry times. Since shortly before: times that the next run of reconcile reads
        // again.
        if (self.begun_s - 7_200..self.begun_s + 36_525 * 86_400).contains(&seconds) {
            return Some("<time>".to_owned());
        }
        let since = seconds - self.stripe_s?;
        Some(match since >= -STORIES_S_MAX {
            true => format!("<stripe{since:+}>"),
            false => "<before>".to_owned(),
        })
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March have the leap day at their end.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

fn run(text: &str, wanted: impl Fn(char) -> bool) -> &str {
    &text[..text.find(|it| !wanted(it)).unwrap_or(text.len())]
}

/// `127.0.0.1:40123`.
fn port(text: &str) -> Option<(usize, String)> {
    const HOST: &str = "127.0.0.1:";
    let digits = run(text.strip_prefix(HOST)?, |it| it.is_ascii_digit());
    Some((HOST.len() + digits.len(), format!("{HOST}<port>")))
}

fn uuid(text: &str) -> Option<(usize, String)> {
    const LENGTH: usize = 36;
    let head = text.get(..LENGTH)?;
    let fits = head.char_indices().all(|(at, it)| match at {
        8 | 13 | 18 | 23 => it == '-',
        _ => it.is_ascii_hexdigit(),
    });
    fits.then(|| (LENGTH, "<uuid>".to_owned()))
}

/// The end of a run's name: `20261130T160357-3fa2`.
fn run_name(text: &str) -> Option<(usize, String)> {
    const SHAPE: &str = "ddddddddTdddddd-hhhh";
    let head = text.get(..SHAPE.len())?;
    let fits = SHAPE
        .chars()
        .zip(head.chars())
        .all(|(shape, it)| match shape {
            'd' => it.is_ascii_digit(),
            'h' => it.is_ascii_hexdigit(),
            other => it == other,
        });
    fits.then(|| (SHAPE.len(), "<run>".to_owned()))
}

/// The event that `sluice smoke` makes, and its object: `evt_smoke18c6d2f0a1b2c3d4`.
fn smoke(text: &str) -> Option<(usize, String)> {
    let name = ["evt_smoke", "clock_smoke"]
        .into_iter()
        .find(|name| text.starts_with(name))?;
    let digits = run(&text[name.len()..], |it| it.is_ascii_hexdigit());
    Some((name.len() + digits.len(), format!("{name}<hex>")))
}

/// The id of a trace, alone or with the id of a span in a `traceparent`; the moment that names a run; and the digest of a
/// plan, which the ids that SQS gives to letters are a part of. Shorter and longer ones are digests of values that are
/// the same in every run.
fn hexadecimal(text: &str) -> Option<(usize, String)> {
    let is_digit = |it: char| it.is_ascii_digit() || ('a'..='f').contains(&it);
    let digits = run(text, is_digit);
    let rest = &text[digits.len()..];
    if rest.starts_with(|it: char| it.is_ascii_alphanumeric()) {
        return None;
    }
    match digits.len() {
        11 => Some((11, "<moment>".to_owned())),
        24 => Some((24, "<plan>".to_owned())),
        32 => {
            let span = rest.strip_prefix('-').map(|rest| run(rest, is_digit));
            let span = span.filter(|span| span.len() == 16);
            let more = span.map_or(0, |span| span.len() + 1);
            let placeholder = if more == 0 {
                "<trace>"
            } else {
                "<trace>-<span>"
            };
            Some((32 + more, placeholder.to_owned()))
        }
        _ => None,
    }
}

/// A duration, as the operator's program prints it: `3 s`, `12 min`, `5 h`, `2 d`, `40 ms`.
fn span(text: &str) -> Option<(usize, String)> {
    let digits = run(text, |it| it.is_ascii_digit());
    if digits.is_empty() {
        return None;
    }
    let rest = text[digits.len()..].strip_prefix(' ')?;
    let unit = run(rest, |it| it.is_ascii_alphanumeric());
    let is_unit = ["s", "min", "h", "d", "ms"].contains(&unit);
    is_unit.then(|| (digits.len() + 1 + unit.len(), "<span>".to_owned()))
}

/// `lag_ms":12`, and `lag_ms\":12` in JSON within JSON.
fn measured(text: &str) -> Option<(usize, String)> {
    let key = run(text, |it| it.is_ascii_lowercase() || it == '_');
    if !MEASURED.contains(&key) {
        return None;
    }
    let between = run(&text[key.len()..], |it| ['\\', '"', ':'].contains(&it));
    let begin = key.len() + between.len();
    let number = run(&text[begin..], |it| {
        it.is_ascii_digit() || ['.', '-'].contains(&it)
    });
    let fits = between.ends_with("\":") && !number.is_empty();
    fits.then(|| (begin + number.len(), format!("{key}{between}<measured>")))
}

#[test]
fn what_differs_from_run_to_run_is_replaced_and_what_does_not_is_kept() {
    let placeholders = Placeholders::new(1_796_000_000, Some(1_790_000_000));
    for (text, wanted) in [
        (
            r#"{"at":1796000010,"at_ms":1796000010123}"#,
            r#"{"at":<time>,"at_ms":<time>}"#,
        ),
        (
            "created 1790000060, 1767603600",
            "created <stripe+60>, <before>",
        ),
        ("001796000010123#import", "<time>#import"),
        ("2026-01-05T09:00:00Z", "<before>"),
        ("at 2026-11-30T16:03:57.123Z.", "at <time>."),
        ("evt_17960000101 1796000010x", "evt_17960000101 1796000010x"),
        ("http://127.0.0.1:40123/x", "http://127.0.0.1:<port>/x"),
        ("7bf73129-1428-4cd3-a780-95db273d1602", "<uuid>"),
        (
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-<trace>-<span>-01",
        ),
        ("replay-20261130T160357-3fa2", "replay-<run>"),
        ("rebuild-payments-1a22d395876", "rebuild-payments-<moment>"),
        (r#""plan":"38772cb6c1f1be8e88e32e38""#, r#""plan":"<plan>""#),
        (
            "00112233aabb 0011223344556677",
            "00112233aabb 0011223344556677",
        ),
        (r#"{\"lag_ms\":12}"#, r#"{\"lag_ms\":<measured>}"#),
        ("20787#3, 20780#3", "<day>#3, 20780#3"),
        ("12 s ago, 3 seconds", "<span> ago, 3 seconds"),
    ] {
        assert_eq!(placeholders.apply(text), wanted);
    }
}
