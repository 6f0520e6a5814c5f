//! Rows in columns, for a terminal.

use std::fmt::Write;

/// Lays rows out in columns as wide as their widest cell, under a heading and a rule.
pub fn columns<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = heading.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let mut line = |cells: [&str; N]| {
        let mut row = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            write!(row, "{cell:<width$}  ").expect("writing to a String cannot fail");
        }
        text.push_str(row.trim_end());
        text.push('\n');
    };
    line(heading);
    let rules = widths.map(|width| "-".repeat(width));
    line(rules.each_ref().map(String::as_str));
    for row in rows {
        line(row.each_ref().map(String::as_str));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["1", "payments"], ["22", "–"]].map(|row| row.map(str::to_owned));
        assert_eq!(
            columns(["#", "domain"], &rows),
            "#   domain\n--  --------\n1   payments\n22  –\n"
        );
    }
}
