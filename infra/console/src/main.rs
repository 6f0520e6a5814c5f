//! `sluice`, the operator's program.
//!
//! Exit codes: 0 done; 1 what was asked for isn't there, or can't be reached; 2 the call can't be understood.

mod show;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Looks into a Sluice stack.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, about, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  sluice show evt_1Qabc                     an event: where it stands, and what became of it
  sluice show evt_1Qabc --body > event.json its body, byte for byte
  sluice show pi_3Qabc --account acct_1     a connected account's object, as its domain has it
  sluice verify < vectors.jsonl             judges signatures, a JSON line each";

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows an event (`evt_…`) as the ledger has it, or an object as its domain has it.
    Show {
        /// An event's id, an object's id, or a projection's whole key (`acct_1#live#ch_1`).
        id: String,
        /// The connected account that the object belongs to; without it, the platform's own.
        #[arg(long, default_value = "platform")]
        account: String,
        /// One line of JSON, for machines.
        #[arg(long, conflicts_with = "body")]
        json: bool,
        /// The event's stored body alone, byte for byte.
        #[arg(long)]
        body: bool,
        /// What describes the running stack; `make run` writes it.
        #[arg(long, default_value = "target/local/stack.json")]
        stack_file: PathBuf,
    },
    /// Judges signatures: reads lines of JSON {name, secrets, header_b64, header_null, body_b64, now, tolerance} from
    /// standard input and answers {"name", "verdict"} a line, where the verdict is "ok" or a code.
    Verify,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Verify => verify::run(),
        Command::Show {
            id,
            account,
            json,
            body,
            stack_file,
        } => {
            let form = match (json, body) {
                (true, _) => show::Form::Json,
                (_, true) => show::Form::Body,
                _ => show::Form::Words,
            };
            show::run(&id, &account, form, &stack_file)
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("sluice: {problem}");
            ExitCode::FAILURE
        }
    }
}
