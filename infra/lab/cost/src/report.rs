//! The tables, in Markdown.

use std::fmt;

use sluice_report::{LEFT, NONE, RIGHT, grouped, heading, row};

use crate::measure::Measured;
use crate::model::{Assumptions, Bill, Row, bill, float, mean};
use crate::scale::{Limit, RATES, limits};

/// The most dollars that Sluice may cost per million events, without what is apart.
pub const TARGET: f64 = 6.0;

/// The result of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What was measured.
    pub measured: Measured,
    /// What was assumed.
    pub assumed: Assumptions,
    /// What it costs.
    pub bill: Bill,
    limits: Vec<Limit>,
}

impl Report {
    /// The tables of these figures.
    #[must_use]
    pub fn of(measured: Measured, assumed: Assumptions) -> Self {
        Self {
            bill: bill(&measured, &assumed),
            limits: limits(&measured, &assumed),
            measured,
            assumed,
        }
    }

    /// Whether the target is met.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.bill.sums().0 <= TARGET
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ours, usual) = self.bill.sums();
        writeln!(f, "## $ a million events\n")?;
        f.write_str(&lines("", &self.bill.rows))?;
        let [ours, usual] = [ours, usual].map(|sum| format!("**{sum:.2}**"));
        let target = format!("target: {TARGET:.2}");
        f.write_str(&row(["**sum**", &ours, &usual, &target]))?;
        writeln!(f)?;
        f.write_str(&lines("apart", &self.bill.apart))?;
        writeln!(f, "\n## $ a month, whatever comes\n")?;
        f.write_str(&lines("", &self.bill.monthly))?;
        let monthly: f64 = self.bill.monthly.iter().map(|row| row.ours).sum();
        f.write_str(&row(["**sum**", &format!("**{monthly:.2}**"), "", ""]))?;
        writeln!(f, "\n## Measured\n\n{}", self.figures())?;
        writeln!(f, "## What has to be raised\n")?;
        let rates = RATES.map(|rate| (format!("{}/s", number(rate)), RIGHT));
        let first = [("", LEFT), ("as deployed", RIGHT)].map(|(text, of)| (text.to_owned(), of));
        let columns = first.into_iter().chain(rates);
        f.write_str(&heading(columns.chain([("raised by".to_owned(), LEFT)])))?;
        for limit in &self.limits {
            let needs = limit.needs.map(|need| match need > limit.limit {
                true => format!("**{}**", number(need)),
                false => number(need),
            });
            let most = match limit.limit.is_finite() {
                true => number(limit.limit),
                false => "none".to_owned(),
            };
            let needs = needs.iter().map(String::as_str);
            let cells = [limit.what, &most].into_iter().chain(needs);
            f.write_str(&row(cells.chain([limit.raise])))?;
        }
        Ok(())
    }
}

impl Report {
    /// What was measured, as a table.
    fn figures(&self) -> String {
        let measured = &self.measured;
        let entries = &measured.entries;
        let mut text = heading([("", LEFT), ("", LEFT)]);
        let mut row = |name: &str, value: String| text += &row([name, &value]);
        row("events", measured.events.to_string());
        let bodies = spread(entries.iter().map(|entry| entry.body));
        row("an event's body, bytes", bodies);
        row(
            "its entry, bytes",
            spread(entries.iter().map(|entry| entry.marked)),
        );
        let within = entries.iter().filter(|entry| entry.marked <= 1024).count();
        let share = 100.0 * float(within) / float(entries.len().max(1));
        row("entries of at most 1 KB", format!("{share:.0} %"));
        row(
            "its copy in by_time, bytes",
            spread(entries.iter().map(|entry| entry.by_time)),
        );
        for (domain, items) in &measured.projections {
            let writes = mean(items, |item| item.writes);
            let bytes = spread(items.iter().map(|item| item.bytes));
            row(
                &format!("projections of {domain}, bytes"),
                format!("{bytes}; {} objects, {writes:.1} writes each", items.len()),
            );
        }
        row("effects", measured.effects.to_string());
        for (function, log) in &measured.logs {
            let lines = log.lines.max(1);
            let value = format!(
                "{} lines of {} bytes; {} ms each here, which says nothing of Lambda",
                log.lines,
                log.bytes / lines,
                log.duration_ms / lines as u64
            );
            row(&format!("log of {function}"), value);
        }
        let calls = measured.calls.iter().map(|(call, count)| {
            let table = call.table.as_deref().map(|table| format!(" {table}"));
            let each = float(*count) / float(measured.events.max(1));
            format!(
                "{} {}{}: {each:.3}",
                call.function,
                call.operation,
                table.unwrap_or_default()
            )
        });
        row("calls an event", calls.collect::<Vec<_>>().join("<br>"));
        text
    }
}

/// A table of these lines of the bill, its first column under this heading.
fn lines(first: &str, bill: &[Row]) -> String {
    let columns = [
        (first, LEFT),
        ("Sluice", RIGHT),
        ("usual design", RIGHT),
        ("from", LEFT),
    ];
    let mut text = heading(columns);
    for line in bill {
        let usual = line.usual.map(|usual| format!("{usual:.2}"));
        let usual = usual.as_deref().unwrap_or(NONE);
        text += &row([line.name, &format!("{:.2}", line.ours), usual, &line.from]);
    }
    text
}

/// Mean, median and maximum.
fn spread(figures: impl Iterator<Item = usize>) -> String {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_unstable();
    let (Some(median), Some(most)) = (figures.get(figures.len() / 2), figures.last()) else {
        return "none".to_owned();
    };
    let mean = mean(&figures, |figure| *figure);
    format!("mean {mean:.0}, median {median}, largest {most}")
}

/// A figure as people read it.
fn number(figure: f64) -> String {
    if figure < 10.0 {
        return format!("{figure:.1}").trim_end_matches(".0").to_owned();
    }
    grouped(format!("{figure:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_people_read_them() {
        let written = [0.25, 2.0, 12.6, 1_000.0, 1_234_567.0].map(number);
        assert_eq!(written, ["0.2", "2", "13", "1,000", "1,234,567"]);
        assert_eq!(spread([3, 1, 8].into_iter()), "mean 4, median 3, largest 8");
        assert_eq!(spread([].into_iter()), "none");
    }

    #[test]
    fn each_table_has_its_heading_and_rows_of_as_many_cells() {
        let report = Report::of(Measured::default(), Assumptions::default()).to_string();
        let tables = report.split("\n\n").filter(|part| part.starts_with('|'));
        for table in tables {
            let cells: Vec<_> = table
                .lines()
                .map(|line| line.matches('|').count())
                .collect();
            assert!(cells.len() > 2, "{table}");
            assert!(cells.iter().all(|count| *count == cells[0]), "{table}");
        }
    }
}
