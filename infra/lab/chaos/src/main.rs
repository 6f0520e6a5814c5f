//! `sluice-chaos`: makes one run, and prints its progress and its table. Ends with 1 if anything is lost, doubled,
//! drifted or unexplained, and with 2 if the run couldn't be made.

use std::process::ExitCode;

use clap::Parser;
use sluice_chaos::plan::{EVENTS_MAX, MINUTES_MAX, Options};
use sluice_chaos::setup::PARAMETERS;
use sluice_local::problem::{Problem, exit_code};
use sluice_local::stack;
use sluice_report::steps;

#[derive(Parser)]
#[command(
    about = "A simulated Stripe delivers while everything fails; then what came out is compared with what it has."
)]
struct Arguments {
    /// What everything depends on: the same seed is the same plan.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many events happen.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=EVENTS_MAX as i64))]
    events: Option<u32>,
    /// For how many minutes they are delivered. By default as fast as the local AWS is sure to take them.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(MINUTES_MAX)))]
    minutes: Option<u32>,
    /// Makes no faults at all, and kills no call of the operators.
    #[arg(long)]
    peace: bool,
}

/// The number of events if neither a number nor a time is given.
const EVENTS: u32 = 1_000;

/// Events per minute if only the minutes are given.
const EVENTS_A_MINUTE: u32 = 1_000;

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<bool, Problem> {
    let of_minutes = arguments
        .minutes
        .map(|minutes| minutes.saturating_mul(EVENTS_A_MINUTE));
    let events = arguments.events.or(of_minutes).unwrap_or(EVENTS) as usize;
    let mut options = Options::new(arguments.seed, events.min(EVENTS_MAX), arguments.minutes);
    if arguments.peace {
        options.kinds.clear();
    }
    let local = stack::Options::built_here()?;
    println!("Other than in the template, so that minutes show what takes days:");
    for (name, value, why) in PARAMETERS {
        println!("  {name} {value}: {why}");
    }
    let report = sluice_chaos::run(&options, local, &mut steps())?;
    println!("\n{report}");
    Ok(report.findings.is_right())
}
