//! What commands print: tables and lines with colour for people, one JSON object per line for machines.
//!
//! Colour goes to a terminal only, and follows `NO_COLOR` and `--color`. Every write may find that its reader has gone
//! (`sluice event list | head`): that ends the command without an error message.

use std::io::Write;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;

use sluice_operations::problem::Problem;

/// Names of fields and columns.
pub(crate) const DIM: Style = Style::new().dimmed();
/// What the line is about.
pub(crate) const BOLD: Style = Style::new().bold();
/// As it should be.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Worth a look.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
/// Wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// Absent, or of no interest.
pub(crate) const PLAIN: Style = Style::new();

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Also into a file or a pipe.
    Always,
    /// Never.
    Never,
}

/// Standard output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    colour: Colour,
}

impl Output {
    pub(crate) fn new(json: bool, colour: Colour) -> Self {
        Self { json, colour }
    }

    /// Whether machines read it: commands then write [`Output::value`] only.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    fn stream(&self) -> AutoStream<std::io::StdoutLock<'static>> {
        let out = std::io::stdout().lock();
        match self.colour {
            Colour::Auto => AutoStream::auto(out),
            Colour::Always => AutoStream::new(out, ColorChoice::Always),
            Colour::Never => AutoStream::never(out),
        }
    }

    /// A line for people; may hold [`paint`]ed parts.
    pub(crate) fn line(&self, text: impl AsRef<str>) -> Result<(), Problem> {
        Ok(writeln!(self.stream(), "{}", text.as_ref())?)
    }

    /// Text that has its own line ends; may hold [`paint`]ed parts.
    pub(crate) fn text(&self, text: impl AsRef<str>) -> Result<(), Problem> {
        Ok(write!(self.stream(), "{}", text.as_ref())?)
    }

    /// A line of JSON for machines.
    pub(crate) fn value(&self, value: &impl Serialize) -> Result<(), Problem> {
        // As a value: then the fields are in the order of their names for every type.
        let line = serde_json::to_value(value).map_err(Problem::failed)?;
        Ok(writeln!(std::io::stdout().lock(), "{line}")?)
    }

    /// Bytes as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), Problem> {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes)?;
        Ok(out.flush()?)
    }

    /// Writes what is still buffered, at the end.
    pub(crate) fn flush(&self) -> Result<(), Problem> {
        Ok(std::io::stdout().flush()?)
    }
}

/// Text in a style; the stream takes the style out if its output has no colour.
pub(crate) fn paint(style: Style, text: impl AsRef<str>) -> String {
    format!("{style}{}{style:#}", text.as_ref())
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn new(style: Style, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { text, style }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(PLAIN, text)
    }
}

/// Lays out rows in columns as wide as their widest cell, under a heading. It is for tables that fit in memory;
/// streamed output uses [`row`] with widths of its own.
pub(crate) fn table<const N: usize>(heading: [&str; N], rows: &[[Cell; N]]) -> String {
    let mut widths = heading.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.text.chars().count());
        }
    }
    let mut text = row(&heading.map(|name| Cell::new(DIM, name)), widths) + "\n";
    for cells in rows {
        text.push_str(&row(cells, widths));
        text.push('\n');
    }
    text
}

/// One row, with each cell padded to its width, except the last.
pub(crate) fn row<const N: usize>(cells: &[Cell; N], widths: [usize; N]) -> String {
    let mut text = String::new();
    let last = cells.iter().rposition(|cell| !cell.text.is_empty());
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        text.push_str(&paint(cell.style, &cell.text));
        if last.is_none_or(|last| index >= last) {
            break;
        }
        let pad = width.saturating_sub(cell.text.chars().count()) + 2;
        text.extend(std::iter::repeat_n(' ', pad));
    }
    text
}

/// One line per field under a title, without the empty fields.
pub(crate) fn fields(title: &str, fields: &[(&str, String)]) -> String {
    let mut text = paint(BOLD, title) + "\n";
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!(
            "  {} {value}\n",
            paint(DIM, format!("{name:<12}"))
        ));
    }
    text
}

/// A JSON value as people read it: empty for null, a text without its quotes.
pub(crate) fn said(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
pub(crate) fn without_colour(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_without_its_colour() {
        let rows = [
            [Cell::from("1"), Cell::new(BAD, "payments"), Cell::from("x")],
            [Cell::from("22"), Cell::from("–"), Cell::from("")],
        ];
        let text = table(["#", "domain", "code"], &rows);
        assert_eq!(
            without_colour(&text),
            "#   domain    code\n1   payments  x\n22  –\n"
        );
        assert!(text.contains("\u{1b}[31mpayments"), "{text:?}");
    }

    #[test]
    fn fields_without_a_value_are_not_shown() {
        let text = fields(
            "evt_1",
            &[("type", "x.y".to_owned()), ("due", String::new())],
        );
        assert_eq!(without_colour(&text), "evt_1\n  type         x.y\n");
    }
}
