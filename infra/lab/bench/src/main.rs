//! `make bench`: compares Sluice's functions with what teams would otherwise use, as Lambda runs them, on this machine.
//!
//! Each contestant is a process that polls this program's Runtime API and calls this program's AWS; see [`lambda`] and
//! [`stub`]. Rounds are interleaved (A B C, A B C, …), so that other work on the machine affects all contestants alike.
//! The report shows the median with the least and the greatest. A run counts only if it was correct ([`judge`]):
//! otherwise the program ends with 1. Speed decides nothing.

mod batch;
mod contestant;
mod delivery;
mod http;
mod judge;
mod lambda;
mod limits;
mod measure;
mod problem;
mod process;
mod report;
mod role;
mod scenario;
mod stub;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use contestant::Programs;
use measure::{Bench, Measured};
use problem::{Problem, Result, While};
use report::Report;
use scenario::{Course, SCENARIOS, Scenario};
use stub::Stub;

/// How often a scenario of a series is run: growth shows in fewer rounds than a comparison needs.
const SERIES_ROUNDS_MAX: usize = 3;

/// The paths where a machine has its trust store.
const TRUST_STORES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// Measures Sluice's functions beside what teams would otherwise use.
#[derive(Debug, Parser)]
#[command(name = "sluice-bench")]
struct Options {
    /// Fewer rounds and events: a look, not a measurement.
    #[arg(long)]
    quick: bool,
    /// How often each contestant runs through each scenario.
    #[arg(long)]
    rounds: Option<usize>,
    /// These scenarios only, comma-separated.
    #[arg(long, value_delimiter = ',')]
    scenarios: Vec<String>,
    /// These contestants only, comma-separated.
    #[arg(long, value_delimiter = ',')]
    contestants: Vec<String>,
    /// Ingest's binary.
    #[arg(long, default_value = "target/release/ingest")]
    ingest: PathBuf,
    /// The binary of payments, a consumer.
    #[arg(long, default_value = "target/release/payments")]
    payments: PathBuf,
    /// Python with the peers' packages.
    #[arg(long, default_value = ".venv/bench/bin/python")]
    python: PathBuf,
    /// Node.
    #[arg(long, default_value = "/usr/bin/node")]
    node: PathBuf,
    /// The folder of the peers and the results.
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("bench: a contestant was wrong, or something has grown: see above");
            ExitCode::FAILURE
        }
        Err(problem) => {
            eprintln!("bench: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether every run was correct.
fn run(options: &Options) -> Result<bool> {
    let cores = process::cores()?;
    match cores {
        Some(cores) => {
            process::pin(cores.own)?;
            if process::are_one_core(cores) {
                println!(
                    "Functions and emulator are on two threads of one core, and slow each other down."
                );
            }
        }
        None => println!("There is one processor only: functions and emulator share it."),
    }
    std::fs::create_dir_all(&options.folder).during(&options.folder.display().to_string())?;
    let folder = options.folder.canonicalize()?;
    let programs = Programs {
        ingest: std::path::absolute(&options.ingest)?,
        payments: std::path::absolute(&options.payments)?,
        python: std::path::absolute(&options.python)?,
        node: std::path::absolute(&options.node)?,
        peers: folder.clone(),
    };
    let contestants = contestant::contestants(&programs, &options.contestants)?;
    let scenarios = wanted(&options.scenarios, options.quick)?;
    let rounds = options.rounds.unwrap_or(if options.quick { 1 } else { 5 });

    let (ca, trust, log) = (
        folder.join("ca.pem"),
        folder.join("trust.pem"),
        folder.join("functions.log"),
    );
    let stub = Stub::start(contestant::stored_secret(), &ca)?;
    trust_too(&ca, &trust)?;
    let bench = Bench {
        stub: &stub,
        cores,
        trust: &trust,
        ca: &ca,
        log: &log,
    };

    let mut lines = File::create(folder.join("runs.jsonl")).during("runs.jsonl")?;
    let mut measured: Vec<Measured> = Vec::new();
    let mut right = true;
    for scenario in &scenarios {
        let begun = Instant::now();
        let rounds = match scenario.series {
            Some(_) => rounds.min(SERIES_ROUNDS_MAX),
            None => rounds,
        };
        for round in 1..=rounds {
            for contestant in contestants.iter().filter(|one| one.runs(scenario)) {
                let one = bench.measure(contestant, scenario, round)?;
                println!("{}", progress(scenario, &one, rounds));
                for wrong in &one.wrong {
                    right = false;
                    eprintln!(
                        "  WRONG: {} in {}: {wrong}",
                        contestant.title, scenario.name
                    );
                }
                let line = serde_json::to_string(&one).during("runs.jsonl")?;
                writeln!(lines, "{line}").during("runs.jsonl")?;
                measured.push(one);
            }
        }
        println!("{} took {} s", scenario.name, begun.elapsed().as_secs());
    }

    let report = Report {
        contestants: &contestants,
        measured: &measured,
        folder: &folder,
    };
    let text = report.page(&scenarios);
    for passed in limits::passed(&folder.join("ours.zip"), &measured) {
        right = false;
        eprintln!("  TOO LARGE: {passed}");
    }
    std::fs::write(folder.join("report.md"), &text).during("report.md")?;
    println!(
        "\n{text}The tables are in {0}/report.md, every run in {0}/runs.jsonl.",
        folder.display()
    );
    Ok(right)
}

fn wanted(names: &[String], quick: bool) -> Result<Vec<Scenario>> {
    let known = || {
        SCENARIOS
            .iter()
            .map(|one| one.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    if let Some(unknown) = names
        .iter()
        .find(|name| SCENARIOS.iter().all(|one| one.name != **name))
    {
        return Err(Problem::new(format!(
            "{unknown} is no scenario: {}",
            known()
        )));
    }
    // A series shows growth, which a quick look doesn't.
    let is_wanted = |one: &&Scenario| match names.is_empty() {
        true => !quick || one.series.is_none(),
        false => names.iter().any(|name| name == one.name),
    };
    let chosen = SCENARIOS.iter().filter(is_wanted).copied();
    Ok(chosen
        .map(|one| if quick { one.quick() } else { one })
        .collect())
}

fn progress(scenario: &Scenario, one: &Measured, rounds: usize) -> String {
    let head = format!(
        "{}/{rounds} {:<16} {:<12}",
        one.round, one.scenario, one.contestant
    );
    match scenario.course {
        Course::Cold { .. } => format!(
            "{head} first answer {:.2} ms, until ready {:.2} ms, CPU {:.2} ms",
            one.first_answer_ms, one.init_ms, one.first_answer_cpu_ms
        ),
        Course::Warm { .. } => format!(
            "{head} CPU {:.0} µs, p50 {} µs, p99 {} µs, {:.0}/s, {:.1} MB",
            one.cpu_us,
            report::one(one.p50_us),
            report::one(one.p99_us),
            one.per_second,
            one.resident_peak_mb
        ),
    }
}

/// Writes a trust store as a function has it in Lambda, with the stub's CA added: reading some 140 roots is part of a
/// first connection.
fn trust_too(ca: &Path, trust: &Path) -> Result<()> {
    let own = TRUST_STORES
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok());
    if own.is_none() {
        println!(
            "This machine has no trust store (apt install ca-certificates): cold starts over TLS look too good."
        );
    }
    let ca = std::fs::read_to_string(ca).during("the stub's CA")?;
    std::fs::write(trust, own.unwrap_or_default() + &ca).during(&trust.display().to_string())
}
