//! How times, states, codes and counts look. A state is a word with a colour, never a colour alone.

use maud::{Markup, html};
use sluice_operations::times::{span, time_of_ms};

/// How a word looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Warn,
    Bad,
    Dim,
    Plain,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Dim => "dim",
            Self::Plain => "plain",
        }
    }

    /// Of a state, an outcome or a level, as the library names it.
    fn of(word: &str) -> Self {
        match word {
            "published" | "applied" | "accepted" | "done" | "good" => Self::Good,
            "rejected" | "lapsed" | "failed" | "conflict" | "wrong" | "dead" | "gone" => Self::Bad,
            "failing" | "due" | "held" | "queued" | "refused" | "stopped" | "look" | "unknown"
            | "crashed" => Self::Warn,
            "ledger_only" | "expired" | "stale" | "ignored" | "duplicate" => Self::Dim,
            _ => Self::Plain,
        }
    }
}

/// A word with its colour.
pub(crate) fn word(word: &str) -> Markup {
    toned(Tone::of(word), word)
}

/// A text in a tone.
pub(crate) fn toned(tone: Tone, text: &str) -> Markup {
    html! { span class={ "word " (tone.class()) } { (text) } }
}

/// A time in UTC, to the second; to the millisecond in its title.
pub(crate) fn time(ms: i64) -> Markup {
    let exact = time_of_ms(ms);
    let seconds = time_of_ms(ms - ms.rem_euclid(1_000));
    let short = seconds.trim_end_matches('Z').replace('T', " ");
    html! { time datetime=(exact) title=(exact) { (short) } }
}

/// A time of day in UTC, to the millisecond; the day is in its title.
pub(crate) fn clock(ms: i64) -> Markup {
    let exact = time_of_ms(ms);
    let of_day = exact.split('T').nth(1).unwrap_or_default();
    let of_day = of_day.trim_end_matches('Z');
    let of_day = match of_day.split_once('.') {
        Some((seconds, fraction)) => format!("{seconds}.{fraction:0<3}"),
        None => format!("{of_day}.000"),
    };
    html! { time datetime=(exact) title=(exact) { (of_day) } }
}

/// How long ago a time was.
pub(crate) fn ago(ms: i64, now_ms: i64) -> String {
    format!("{} ago", span((now_ms - ms).max(0)))
}

/// A count; `unknown` for none.
pub(crate) fn count(count: Option<f64>) -> String {
    count.map_or_else(|| "unknown".to_owned(), |count| format!("{count:.0}"))
}

/// A command to copy.
pub(crate) fn command(text: &str) -> Markup {
    html! {
        span.command { code { (text) } button type="button" data-copy=(text) { "Copy" } }
    }
}

/// A table's rows beyond those that are shown.
pub(crate) fn more(left: usize, command_for_all: &str) -> Markup {
    html! {
        @if left > 0 { p.dim { (left) " more aren't shown. All of them: " (command(command_for_all)) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_to_the_second_and_a_step_to_the_millisecond() {
        let shown = time(1_767_225_600_120).into_string();
        assert!(shown.contains(">2026-01-01 00:00:00<"), "{shown}");
        assert!(shown.contains("2026-01-01T00:00:00.12Z"), "{shown}");
        assert!(
            clock(1_767_225_600_120)
                .into_string()
                .contains(">00:00:00.120<")
        );
        assert!(
            clock(1_767_225_600_000)
                .into_string()
                .contains(">00:00:00.000<")
        );
    }

    #[test]
    fn what_is_not_known_is_said_and_is_not_zero() {
        assert_eq!(count(None), "unknown");
        assert_eq!(count(Some(0.0)), "0");
    }
}
