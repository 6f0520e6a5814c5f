//! What a million events cost: AWS's list prices × what the deployed functions were measured to do.
//!
//! # Layout
//! - [`prices`]: the list prices. [`units`]: how AWS counts sizes.
//! - [`setup`]: the run that is measured. [`measure`]: its figures, read from tables, logs and counted calls.
//! - [`model`]: the bill. [`scale`]: what has to be raised for more events per second. [`report`]: the tables.
//!
//! # What is measured
//! A simulated Stripe's lifecycles, each kind with the same probability, go through the functions as deployed on the
//! local AWS. Items are measured as they are stored, by DynamoDB's own counting. AWS calls are counted at the
//! functions' clients by operation and table; log lines are counted by bytes; metrics by their dimensions.
//!
//! # What isn't
//! How long an invocation takes on AWS, how full batches get there, and how many environments there are: these are
//! arguments ([`model::Assumptions`]). If ingest takes a tenth of a second more, that costs a third of a dollar.
//! Storage of projections grows with objects and not with events, and is left out. So are data transfer to Stripe and a
//! key of your own.

pub mod measure;
pub mod model;
pub mod prices;
pub mod report;
pub mod scale;
pub mod setup;
pub mod units;

use sluice_local::problem::Problem;
use sluice_local::stack;

use measure::Measured;
use setup::Options;

/// Runs the events through a stack of its own and measures it. `progress` gets what happens.
///
/// # Errors
/// If the run can't be made, or an event isn't taken in.
pub fn run(
    options: Options,
    local: stack::Options,
    progress: &mut dyn FnMut(&str),
) -> Result<Measured, Problem> {
    let path = local.root.join("template.yaml");
    let template = std::fs::read_to_string(&path).map_err(|error| Problem::file(&path, error))?;
    let played = setup::play(options, local, progress)?;
    Measured::of(&played, &template)
}
