//! `sluice-scale`: measures list, sweep and replay over ledgers of growing size, and prints and writes what each took
//! of AWS. Ends with 1 if something isn't as stated, and with 2 if it couldn't be measured.

use std::process::ExitCode;

use clap::Parser;
use sluice_local::problem::{Problem, exit_code};
use sluice_local::stack::root;
use sluice_report::{publish, steps};
use sluice_scale::Options;
use sluice_scale::measure::Fixed;

/// Events of the newest hour, and so the fewest entries.
const NEWEST: usize = 1_000;

/// Events that are due when sweep runs.
const DUE: usize = 200;

/// The number of days over which the entries are spread: a ledger keeps them for 35 days.
const DAYS: u16 = 30;

/// The most entries; this process needs some 3 GB for them.
const ENTRIES_MAX: usize = 1_000_000;

#[derive(Parser)]
#[command(
    about = "How the cost of list, sweep and replay grows with the ledger, in AWS calls and capacity units."
)]
struct Arguments {
    /// Entries of the ledgers, comma-separated: from 1000 to 1000000.
    #[arg(long, default_value = "1000,10000,100000", value_parser = entries)]
    entries: Entries,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entries(Vec<usize>);

/// The given sizes, the smallest first.
fn entries(text: &str) -> Result<Entries, String> {
    let size = |text: &str| {
        let text = text.trim();
        let size = text
            .parse()
            .map_err(|_| format!("{text:?} is no number of entries: say 1000,10000,100000"))?;
        match (NEWEST..=ENTRIES_MAX).contains(&size) {
            true => Ok(size),
            false => Err(format!("{size} isn't from {NEWEST} to {ENTRIES_MAX}")),
        }
    };
    let mut sizes: Vec<usize> = text.split(',').map(size).collect::<Result<_, _>>()?;
    sizes.sort_unstable();
    sizes.dedup();
    match sizes.len() {
        1 => Err("growth is between two sizes: give two or more".to_owned()),
        _ => Ok(Entries(sizes)),
    }
}

fn main() -> ExitCode {
    exit_code(run(Arguments::parse()))
}

fn run(arguments: Arguments) -> Result<bool, Problem> {
    let mut progress = steps();
    let folder = root().join("target/bench");
    std::fs::create_dir_all(&folder).map_err(|error| Problem::file(&folder, error))?;
    println!("building the operator's program");
    let options = Options {
        entries: arguments.entries.0,
        days: DAYS,
        fixed: Fixed {
            newest: NEWEST,
            due: DUE,
        },
        folder: folder.join("scale"),
    };
    let report = sluice_scale::run(&options, &mut progress)?;
    let path = folder.join("scale.md");
    publish(&report, &path).map_err(|error| Problem::file(&path, error))?;
    let findings = report.findings();
    for finding in &findings {
        println!("not as stated: {finding}");
    }
    Ok(findings.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_come_in_order_each_once_and_bad_ones_are_named() {
        let sizes = entries("10000, 1000,10000");
        assert_eq!(sizes, Ok(Entries(vec![1_000, 10_000])));
        for (text, word) in [
            ("", "no number"),
            ("1000;2000", "no number"),
            ("1000,999", "999 isn't from"),
            ("1000,2000000", "2000000 isn't from"),
            ("5000", "two or more"),
        ] {
            let said = entries(text).expect_err(text);
            assert!(said.contains(word), "{said}");
        }
    }
}
