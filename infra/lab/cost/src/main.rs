//! `sluice-cost`: measures a run on the local AWS, and prints and writes what a million events cost. Ends with 1 if the
//! target isn't met, and with 2 if the run couldn't be made.

use std::process::ExitCode;

use clap::Parser;
use sluice_cost::model::Assumptions;
use sluice_cost::report::Report;
use sluice_cost::setup::{EVENTS_MAX, Options};
use sluice_local::problem::{Problem, exit_code};
use sluice_local::stack;
use sluice_report::{publish, steps};

#[derive(Parser)]
#[command(
    about = "What a million events cost: AWS's list prices x what the deployed functions were measured to do."
)]
struct Arguments {
    /// What the simulated Stripe's events depend on.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many events are measured, at least.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=EVENTS_MAX as i64))]
    events: u32,
    /// Messages that a domain gets at once. The local AWS gathers none by time; AWS fills batches from some ten events
    /// per second and domain.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=10))]
    batch: u8,
    /// How long an invocation of ingest takes on AWS, in milliseconds. By default: two writes of 5 ms, a put on the bus of
    /// 7 ms, and 0.4 ms of CPU at a seventh of a core.
    #[arg(long, default_value_t = Assumptions::default().ingest_ms, value_parser = ms)]
    ingest_ms: f64,
    /// How long an invocation of a domain takes on AWS with a whole batch, in milliseconds. By default: a read and a write
    /// of 5 ms, ten messages side by side, and half a millisecond of CPU each at a seventh of a core.
    #[arg(long, default_value_t = Assumptions::default().batch_ms, value_parser = ms)]
    batch_ms: f64,
    /// How many of a hundred events cause an effect; as measured if it isn't given.
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=100))]
    effects: Option<u8>,
}

/// Between 1 and what Lambda allows.
fn ms(text: &str) -> Result<f64, String> {
    let ms: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    match (1.0..=900_000.0).contains(&ms) {
        true => Ok(ms),
        false => Err("from 1 to 900,000 milliseconds".to_owned()),
    }
}

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<bool, Problem> {
    let mut progress = steps();
    println!("building the functions");
    let mut local = stack::Options::built_here()?;
    let folder = local.root.join("target/cost");
    std::fs::create_dir_all(&folder).map_err(|error| Problem::file(&folder, error))?;
    local.log = folder.join("ministack.log");
    let options = Options {
        seed: arguments.seed,
        events: arguments.events as usize,
    };
    let measured = sluice_cost::run(options, local, &mut progress)?;
    let assumed = Assumptions {
        batch: f64::from(arguments.batch),
        ingest_ms: arguments.ingest_ms,
        batch_ms: arguments.batch_ms,
        effects_percent: arguments.effects.map(f64::from),
        ..Assumptions::default()
    };
    let report = Report::of(measured, assumed);
    let path = folder.join("cost.md");
    publish(&report, &path).map_err(|error| Problem::file(&path, error))?;
    if !report.is_met() {
        let (ours, _) = report.bill.sums();
        println!(
            "the target is {} $, and this is {ours:.2} $",
            sluice_cost::report::TARGET
        );
    }
    Ok(report.is_met())
}
