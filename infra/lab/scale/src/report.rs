//! The tables, in Markdown.

use std::fmt;

use sluice_report::{LEFT, NONE, RIGHT, grouped, heading, row};

use crate::judge::{Size, findings};
use crate::measure::{Fixed, Measured, Stated, Work};

/// The result of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The results for each size, the smallest first.
    pub sizes: Vec<Size>,
    /// What was the same at each size.
    pub fixed: Fixed,
    /// The number of days over which the entries were spread.
    pub days: u16,
}

impl Report {
    /// What isn't as stated, one sentence each.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        findings(&self.sizes, &self.fixed, self.days)
    }

    /// A table with one row per piece of work, and one column per size.
    fn table(
        &self,
        f: &mut fmt::Formatter<'_>,
        what: &str,
        cell: impl Fn(&Measured) -> String,
    ) -> fmt::Result {
        let sizes = self.sizes.iter();
        let sizes = sizes.map(|size| (grouped(size.entries), RIGHT));
        let first = (format!("{what}, of a ledger with"), LEFT);
        let columns = [first].into_iter().chain(sizes);
        f.write_str(&heading(columns.chain([("stated".to_owned(), LEFT)])))?;
        for work in Work::ALL {
            let mut cells = vec![work.words(&self.fixed)];
            cells.extend(self.sizes.iter().map(|size| {
                let cell = size.figures.get(&work).map(&cell);
                // This machine was too slow for it.
                cell.unwrap_or_else(|| NONE.to_owned())
            }));
            let stated = match work.stated(0, self.days) {
                Stated::Flat => "flat",
                Stated::Linear(_) => "linear",
                Stated::Bounded(_) => "bounded",
            };
            cells.push(stated.to_owned());
            f.write_str(&row(cells))?;
        }
        writeln!(f)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table(f, "AWS calls", |measured| grouped(measured.calls.sum()))?;
        self.table(f, "Capacity units, read + written", |measured| {
            let (read, write) = measured.calls.units();
            match write > 0.0 {
                true => format!("{} + {}", half(read), half(write)),
                false => half(read),
            }
        })?;
        self.table(f, "Seconds; MB resident", |measured| {
            let s = measured.took.as_secs_f64();
            match measured.peak_kib {
                0 => format!("{s:.2}"),
                kib => format!("{s:.2}; {}", kib / 1024),
            }
        })?;
        writeln!(f, "The calls, of the largest ledger:\n")?;
        f.write_str(&heading([("", LEFT), ("", LEFT)]))?;
        for (work, measured) in self
            .sizes
            .last()
            .map(|size| &size.figures)
            .into_iter()
            .flatten()
        {
            let operations = measured.calls.operations.iter();
            let operations: Vec<_> = operations
                .map(|(operation, count)| format!("{} {operation}", grouped(*count)))
                .collect();
            f.write_str(&row([work.words(&self.fixed), operations.join(", ")]))?;
        }
        Ok(())
    }
}

fn half(units: f64) -> String {
    let whole = units.trunc();
    let text = grouped(format!("{whole:.0}"));
    match units > whole {
        true => format!("{text}.5"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::aws::Calls;
    use crate::measure::Figures;

    #[test]
    fn a_piece_of_work_is_a_line_and_a_size_a_column_and_what_took_too_long_is_left_out() {
        let calls = Calls {
            operations: [("Query".to_owned(), 1_200)].into(),
            read_halves: 3,
            ..Calls::default()
        };
        let measured = Measured {
            events: 50,
            calls,
            took: Duration::from_millis(1_250),
            peak_kib: 0,
        };
        let size = |entries, figures| Size { entries, figures };
        let report = Report {
            sizes: vec![
                size(10_000, Figures::new()),
                size(1_000, [(Work::FirstPage, measured)].into()),
            ],
            fixed: Fixed {
                newest: 1_000,
                due: 200,
            },
            days: 30,
        };
        let text = report.to_string();
        let calls = "| AWS calls, of a ledger with | 10,000 | 1,000 | stated |\n|---|---:|---:|---|\n\
                     | list: the first 50 | – | 1,200 | flat |\n";
        assert!(text.starts_with(calls), "{text}");
        for line in [
            "| list: the first 50 | – | 1.5 | flat |",
            "| list: the first 50 | – | 1.25 | flat |",
            "| | |\n|---|---|\n| list: the first 50 | 1,200 Query |",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
