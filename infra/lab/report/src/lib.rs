//! What the tools of the lab print: tables in Markdown, their figures, and the steps of a run.
//!
//! It depends on nothing, so that the benchmark can use it in its release build.

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

/// A column of text.
pub const LEFT: &str = "---";

/// A column of figures.
pub const RIGHT: &str = "---:";

/// The text in place of a missing figure.
pub const NONE: &str = "–";

/// The first two lines of a table: each column's heading, and how it is aligned: [`LEFT`], [`RIGHT`].
pub fn heading<H: AsRef<str>>(columns: impl IntoIterator<Item = (H, &'static str)>) -> String {
    let (headings, rules): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    format!("{}|{}|\n", row(headings), rules.join("|"))
}

/// A line of a table.
pub fn row(cells: impl IntoIterator<Item: AsRef<str>>) -> String {
    let mut line = "|".to_owned();
    for cell in cells {
        let cell = cell.as_ref();
        if !cell.is_empty() {
            line.push(' ');
            line.push_str(cell);
        }
        line.push_str(" |");
    }
    line.push('\n');
    line
}

/// A whole number with a comma before every three digits: `1,234,567`.
pub fn grouped(count: impl ToString) -> String {
    let digits = count.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// Prints each step of a run, with the seconds since this was called.
pub fn steps() -> impl FnMut(&str) {
    let start = Instant::now();
    move |step| println!("{:>5} s  {step}", start.elapsed().as_secs())
}

/// Writes a report into a file, prints it, and says where it is.
///
/// # Errors
/// When the file can't be written.
pub fn publish(report: &impl Display, file: &Path) -> io::Result<()> {
    fs::write(file, report.to_string())?;
    println!("\n{report}\nwritten to {}", file.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_cell_for_each_column_and_empty_ones_take_no_room() {
        let table = heading([("", LEFT), ("calls", RIGHT)]) + &row(["list", "12"]) + &row(["", ""]);
        assert_eq!(table, "| | calls |\n|---|---:|\n| list | 12 |\n| | |\n");
    }

    #[test]
    fn digits_are_grouped_by_three_from_the_right() {
        let written = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(written, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_report_is_kept_as_it_is_printed_and_a_missing_folder_is_an_error() {
        let folder = std::env::temp_dir().join(format!("sluice-report-{}", std::process::id()));
        let file = folder.join("it.md");
        assert!(publish(&"| |", &file).is_err());
        fs::create_dir_all(&folder).expect("a folder");
        publish(&"| |", &file).expect("written");
        assert_eq!(fs::read_to_string(&file).expect("there"), "| |");
        fs::remove_dir_all(&folder).expect("it was there");
    }
}
