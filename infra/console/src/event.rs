//! `sluice event`: events, as the ledger has them.

use clap::Subcommand;

use crate::context::Context;
use crate::problem::Problem;

pub(crate) mod show;

/// What to do with events.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The whole story of an event: where it stands, and what became of it.
    Show(show::Args),
}

/// Does it.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Problem> {
    match command {
        Command::Show(args) => show::run(context, args).await,
    }
}
