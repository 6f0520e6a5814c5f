//! `sluice show`: an event or an object, whichever the id names.

use crate::context::Context;
use crate::{event, state};
use sluice_operations::problem::Problem;

/// What to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sluice show evt_1\n  sluice show cus_1 --account acct_1")]
pub(crate) struct Args {
    /// An event's id, an object's id, or a projection's whole key (`acct_1#live#ch_1`).
    id: String,
    /// The connected account that the object belongs to; without it, the platform's own.
    #[arg(long, default_value = "platform")]
    account: String,
    /// The event's stored body alone, byte for byte.
    #[arg(long, conflicts_with = "json")]
    body: bool,
}

/// Shows it.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let Args { id, account, body } = args;
    match (id.starts_with("evt_"), body) {
        (true, _) => event::show::run(context, event::show::Args { id, body }).await,
        (false, true) => Err(Problem::Usage("--body is for events (evt_…)".to_owned())),
        (false, false) => state::show(context, state::Args { id, account }).await,
    }
}
