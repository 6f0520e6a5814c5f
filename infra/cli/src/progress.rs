//! The progress of long work, on the last line of a terminal. Nothing of it is written into a pipe or a file, or for
//! machines.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use crate::context::Context;
use sluice_operations::times::span;

/// Characters of the bar.
const BAR: usize = 24;

/// How often the line is written again.
const EVERY: Duration = Duration::from_millis(100);

/// A line that shows progress. It disappears when this is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    total: Option<usize>,
    is_shown: bool,
    began: Instant,
    /// Where the work began: a run that is resumed doesn't begin at 0.
    first: Option<usize>,
    written: Option<Instant>,
}

impl Progress {
    /// Shows progress out of this total, if it is known.
    pub(crate) fn new(context: &Context, what: &'static str, total: Option<usize>) -> Self {
        Self {
            what,
            total,
            is_shown: !context.out.is_json() && std::io::stderr().is_terminal(),
            began: Instant::now(),
            first: None,
            written: None,
        }
    }

    /// This number is done.
    pub(crate) fn at(&mut self, done: usize) {
        self.say(done, "");
    }

    /// This number is done, with more text after it.
    pub(crate) fn say(&mut self, done: usize, more: &str) {
        let first = *self.first.get_or_insert(done);
        if !self.is_shown || self.written.is_some_and(|at| at.elapsed() < EVERY) {
            return;
        }
        self.written = Some(Instant::now());
        let line = line(self.what, done, self.total, self.left_ms(first, done));
        anstream::eprint!("\r{line}{more}\u{1b}[K");
    }

    /// How long the rest takes, at the pace so far.
    fn left_ms(&self, first: usize, done: usize) -> Option<i64> {
        let (worked, left) = (done.checked_sub(first)?, self.total?.checked_sub(done)?);
        let took_ms = i64::try_from(self.began.elapsed().as_millis()).ok()?;
        let left_ms = took_ms.checked_mul(i64::try_from(left).ok()?)?;
        left_ms.checked_div(i64::try_from(worked).ok()?)
    }
}

impl Progress {
    /// Removes the line, so that something else can be printed.
    pub(crate) fn clear(&mut self) {
        if self.written.take().is_some() {
            anstream::eprint!("\r\u{1b}[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn line(what: &str, done: usize, total: Option<usize>, left_ms: Option<i64>) -> String {
    let Some(total) = total.filter(|total| *total > 0) else {
        return format!("{done} {what}");
    };
    let full = (done * BAR / total).min(BAR);
    let bar = format!("{}{}", "█".repeat(full), "░".repeat(BAR - full));
    let left = left_ms.map_or_else(String::new, |ms| format!(", {} left", span(ms)));
    format!("{bar} {done} of {total} {what}{left}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_the_work_is_done_and_never_fuller() {
        assert_eq!(line("events", 7, None, None), "7 events");
        let half = line("events", 50, Some(100), Some(61_000));
        assert_eq!(
            half,
            format!(
                "{}{} 50 of 100 events, 61 s left",
                "█".repeat(12),
                "░".repeat(12)
            )
        );
        assert!(line("events", 300, Some(100), None).starts_with(&"█".repeat(BAR)));
        assert_eq!(line("events", 0, Some(0), None), "0 events");
    }
}
