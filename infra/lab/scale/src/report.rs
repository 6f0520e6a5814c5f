//! The tables, in Markdown.

use std::fmt;

use crate::judge::{Size, findings};
use crate::measure::{Fixed, Measured, Stated, Work};

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What each size came to, the smallest first.
    pub sizes: Vec<Size>,
    /// What was the same at each.
    pub fixed: Fixed,
    /// Over how many days the entries were spread.
    pub days: u16,
}

impl Report {
    /// What isn't as it is stated, a sentence each.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        findings(&self.sizes, &self.fixed, self.days)
    }

    /// A table with a row a piece of work, and a column a size.
    fn table(
        &self,
        f: &mut fmt::Formatter<'_>,
        what: &str,
        cell: impl Fn(&Measured) -> String,
    ) -> fmt::Result {
        write!(f, "| {what}, of a ledger with |")?;
        for size in &self.sizes {
            write!(f, " {} |", grouped(size.entries))?;
        }
        writeln!(
            f,
            " stated |\n|---|{}---|",
            "---:|".repeat(self.sizes.len())
        )?;
        for work in Work::ALL {
            write!(f, "| {} |", work.words(&self.fixed))?;
            for size in &self.sizes {
                let cell = size.figures.get(&work).map(&cell);
                // This machine was too slow for it.
                write!(f, " {} |", cell.unwrap_or_else(|| "–".to_owned()))?;
            }
            let stated = match work.stated(0, self.days) {
                Stated::Flat => "flat",
                Stated::Linear(_) => "linear",
            };
            writeln!(f, " {stated} |")?;
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
        writeln!(f, "The calls, of the largest ledger:\n\n| | |\n|---|---|")?;
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
            writeln!(
                f,
                "| {} | {} |",
                work.words(&self.fixed),
                operations.join(", ")
            )?;
        }
        Ok(())
    }
}

fn half(units: f64) -> String {
    let whole = units.trunc();
    let text = grouped_text(&format!("{whole:.0}"));
    match units > whole {
        true => format!("{text}.5"),
        false => text,
    }
}

pub(crate) fn grouped(count: impl ToString) -> String {
    grouped_text(&count.to_string())
}

fn grouped_text(digits: &str) -> String {
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    groups.join(",")
}
