//! `sluice event`: events, as the ledger has them.

use clap::Subcommand;

use crate::context::Context;
use sluice_operations::problem::Problem;

pub(crate) mod list;
pub(crate) mod search;
pub(crate) mod show;

const EXAMPLES: &str = "Examples:
  sluice event list                                    the newest fifty of the last day
  sluice event list --since 7d --type 'charge.*' --limit 0
  sluice event list --state due                        what waits for sweep
  sluice event list --outcome rejected --domain billing
  sluice event list --json --limit 0 | jq -r .id       ids for other programs";

const SEARCH_EXAMPLES: &str = r#"Examples:
  sluice event search 'data.object.metadata.order = 1234' --since 7d
  sluice event search 'data.object.amount > 100000' 'data.object.currency = jpy' --type 'charge.*'
  sluice event search 'data.object.lines.data[*].price.id = price_1' --limit 0
  sluice event search 'data.object.metadata."my key" ~ "two words"' --since 36d --yes

A path is names and indexes from the event down; [*] is any element. A value without quotes is one word, and stands for the
text too: 1234 finds the number and "1234". Quotes, as in JSON, find the text alone. Numbers are compared exactly.

No index knows bodies, so each body of the window is read, and DynamoDB bills the reads. What it costs is said first and last.
More than 10,000 events take --yes. Where it ended is said too: --after goes on there."#;

const TAIL_EXAMPLES: &str = "Examples:
  sluice event tail                                    every new event, until Ctrl-C
  sluice event tail --type 'invoice.*' --account acct_1
  sluice event tail --outcome rejected --since 1h      rejected ones, beginning an hour ago";

const SHOW_EXAMPLES: &str = "Examples:
  sluice event show evt_1                              each step: received, crashed, swept, applied, replayed …
  sluice event show evt_1 --body > event.json          what Stripe sent, byte for byte
  sluice event show evt_1 --json | jq .steps           the steps, for a program

Exit code 3: the ledger has no such event.";

/// What to do with events.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Events by time, filtered; the newest first.
    #[command(after_help = EXAMPLES)]
    List(list::Args),
    /// Events by what is in their bodies; the newest first.
    #[command(after_help = SEARCH_EXAMPLES)]
    Search(search::Args),
    /// New events as they come, until you stop it.
    #[command(after_help = TAIL_EXAMPLES)]
    Tail(list::TailArgs),
    /// The whole story of an event: where it stands, and what became of it.
    #[command(after_help = SHOW_EXAMPLES)]
    Show(show::Args),
}

/// Does it.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Problem> {
    match command {
        Command::List(args) => list::run(context, args).await,
        Command::Search(args) => search::run(context, args).await,
        Command::Tail(args) => list::tail(context, args).await,
        Command::Show(args) => show::run(context, args).await,
    }
}
