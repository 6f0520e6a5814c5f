//! Trains the dictionary that the ledger's bodies are compressed with, and measures what it does.

mod corpus;
mod disguise;
mod measure;
mod train;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The dictionary of the ledger's bodies.
#[derive(Parser)]
#[command(name = "dictionary")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Trains a dictionary with this id, and writes it beside the codec. The codec has to name it before it is used.
    Train {
        /// A new one: an id that was ever shipped keeps its dictionary.
        #[arg(long)]
        id: u8,
        /// The most bytes that it may have.
        #[arg(long, default_value_t = train::BYTES)]
        bytes: usize,
        /// The file to write.
        #[arg(long, default_value = "functions/shared/adapters/src/codec")]
        into: PathBuf,
        /// The sample events.
        #[arg(long, default_value = "tests/events/stripe")]
        samples: PathBuf,
    },
    /// Prints the size of a ledger item, for events that the dictionary was trained on and for others.
    Measure {
        /// The sample events.
        #[arg(long, default_value = "tests/events/stripe")]
        samples: PathBuf,
    },
    /// Prints what other sizes and levels would give, in bytes and time.
    Sizes {
        /// The sample events.
        #[arg(long, default_value = "tests/events/stripe")]
        samples: PathBuf,
    },
}

fn run(command: Command) -> Result<(), Box<dyn std::error::Error>> {
    match command {
        Command::Train {
            id,
            bytes,
            into,
            samples,
        } => train::write(id, bytes, &into, &samples),
        Command::Measure { samples } => measure::items(&samples),
        Command::Sizes { samples } => measure::sizes(&samples),
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
