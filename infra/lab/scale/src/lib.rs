//! How cost grows with the ledger: the AWS calls and units of an operator's list, sweep, a replay and the console's
//! pages over growing ledgers.
//!
//! # Layout
//! - [`aws`]: the AWS that is measured, and counts. [`ledger`] and [`records`]: fill it.
//! - [`measure`]: what is measured, and what is stated of it. `program` runs the operator's program.
//!   `pages` asks its console for pages.
//! - [`judge`]: whether it is as stated. [`report`]: the tables.
//!
//! # What is measured
//! The operator's program as it is built and sweep's own code run over the adapters, with an emulated DynamoDB. Calls
//! by operation and capacity units are what AWS bills, and they are the same in every run. Time and memory are this
//! machine's, and are only shown.
//!
//! # What isn't
//! How long AWS takes, and what a domain does with an event that is replayed: the bus accepts each entry and delivers
//! none, and no object has a projection yet.

pub mod aws;
pub mod judge;
pub mod ledger;
pub mod measure;
mod pages;
mod program;
pub mod records;
pub mod report;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use sluice_local::problem::Problem;
use sluice_local::stack::root;
use sluice_report::grouped;

use aws::Aws;
use judge::Size;
use ledger::{Ledger, Spread};
use measure::{Bench, Fixed};
use records::Records;
use report::Report;

/// How often progress is reported while a ledger is filled.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// What to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Entries of the ledgers: each has more than the one before, and more than `fixed.newest`.
    pub entries: Vec<usize>,
    /// The number of days over which they are spread.
    pub days: u16,
    /// What is the same at each size.
    pub fixed: Fixed,
    /// The folder for what the operator's program reads and writes.
    pub folder: PathBuf,
}

/// Measures. `progress` gets what happens.
///
/// # Errors
/// If the ledger can't be filled, or a piece of work doesn't do what it should.
pub fn run(options: &Options, progress: &mut dyn FnMut(&str)) -> Result<Report, Problem> {
    let path = root().join("template.yaml");
    let template = std::fs::read_to_string(&path).map_err(|error| Problem::file(&path, error))?;
    let aws = Aws::start(&template)?;
    let bench = Bench::new(&aws, options.folder.clone(), options.fixed)?;
    let spread = Spread::until_today(options.days, options.fixed.newest);
    let mut ledger = Ledger::new(&aws, &root(), spread)?;
    let mut records = Records::new(&aws, spread);
    let mut sizes = Vec::new();
    for entries in &options.entries {
        let start = Instant::now();
        let mut said = Instant::now();
        ledger.fill(*entries, &mut |filled| {
            if said.elapsed() >= SAY_EVERY {
                progress(&format!(
                    "  {} of {} entries",
                    grouped(filled),
                    grouped(*entries)
                ));
                said = Instant::now();
            }
        })?;
        records.fill(*entries)?;
        progress(&format!(
            "{} entries and {} records, filled in {:.1} s",
            grouped(*entries),
            grouped(records.count()),
            start.elapsed().as_secs_f64()
        ));
        sizes.push(Size {
            entries: *entries,
            figures: bench.all(&mut ledger, progress)?,
        });
    }
    Ok(Report {
        sizes,
        fixed: options.fixed,
        days: options.days,
    })
}
