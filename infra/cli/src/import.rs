//! `sluice import`: imports a merchant's existing objects from Stripe's lists.

use clap::builder::PossibleValuesParser;
use clap::{Args as ClapArgs, ValueEnum};
use sluice_operations::import::{Wanted, begin, kinds};
use sluice_operations::problem::Problem;

use crate::bulk::{How, Show};
use crate::context::Context;

/// Stripe's modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    Live,
    Test,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  sluice import --mode live                                  counts what would come in
  sluice import --mode live --why 'before go-live' --yes     customers, subscriptions and connected accounts
  sluice import --mode live --account acct_1 --kind customer --kind subscription --why 'its own' --yes")]
pub(crate) struct Args {
    /// Whose mode: chooses the API key.
    #[arg(long, value_enum)]
    mode: Mode,
    /// The connected account whose objects come in; without it, the platform's own.
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// What comes in; by default customers, subscriptions and, of a platform, connected accounts.
    #[arg(long = "kind", value_parser = PossibleValuesParser::new(names()), value_name = "KIND")]
    kinds: Vec<String>,
    #[command(flatten)]
    how: How,
}

/// The kinds, as options have them: `payment-intent`.
fn names() -> Vec<&'static str> {
    let kinds = kinds().into_iter();
    // clap takes names that live as long as the program, and asks for them once.
    kinds.map(|kind| &*kind.replace('_', "-").leak()).collect()
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let how = args.how;
    let start = how.start(context).await?;
    let kinds = args.kinds.iter().map(|kind| kind.replace('-', "_"));
    let wanted = Wanted {
        livemode: args.mode == Mode::Live,
        account: args.account,
        kinds: kinds.collect(),
        rate: how.rate,
        stop_percent: how.stop_percent,
    };
    let import = begin(&context.stack, wanted, start).await?;
    how.begun(context, import.name())?;
    let mut show = Show::on(context, &how);
    let ended = import.resume(&mut show).await?;
    show.end("import", &ended)
}
