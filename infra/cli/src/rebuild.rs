//! `sluice rebuild`: rebuilds a domain's projections in place, by the domain's code that this program was built with.
//!
//! Deploy the corrected domain first, and run the program of the same version. Then what the function writes meanwhile
//! is right already.

use clap::Args as ClapArgs;
use sluice_operations::domains;
use sluice_operations::problem::Problem;
use sluice_operations::rebuild::{Wanted, begin};

use crate::bulk::{How, Show};
use crate::context::Context;

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  sluice rebuild billing                                 says what would change, and does nothing
  sluice rebuild billing --why 'fixed in 1.4' --yes      does it; levels that change are emitted with each object's next event
  sluice rebuild billing --emit --why 'fixed' --yes      does it, and emits levels that change at once
  sluice rebuild payments platform#live#pi_3Qabc         one object, by its projection's key
  sluice rebuild payments platform#live#du_1Qabc --reopen --why 'the bank reopened it' --yes
                                                         replaces an ended state by Stripe's later answer
  sluice replay --type 'invoice.*' --domain billing --force --why 'missed' --yes
                                                         emits facts and levels again, if that is wanted")]
pub(crate) struct Args {
    /// The domain.
    domain: String,
    /// Keys of projections (`account#mode#object`, as `state show` has them); all if none is named.
    #[arg(value_name = "KEY", conflicts_with = "resume")]
    keys: Vec<String>,
    /// Don't ask Stripe: the ledger's bodies and the projections' own rows have to do.
    #[arg(long)]
    without_key: bool,
    /// Emit levels that change or are owed at once. Without this they are emitted with each object's next event.
    #[arg(long)]
    emit: bool,
    /// Where an object's state is an ended one and Stripe answers otherwise now (`check.terminal_contradicted`), take Stripe's
    /// answer, and emit the levels. Wants the objects' keys.
    #[arg(long, requires = "keys", conflicts_with = "without_key")]
    reopen: bool,
    #[command(flatten)]
    how: How,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let how = args.how;
    domains::check_code(&context.stack, &args.domain)?;
    let start = how.start(context).await?;
    let wanted = Wanted {
        domain: args.domain,
        keys: args.keys,
        without_key: args.without_key,
        emit: args.emit,
        reopen: args.reopen,
        rate: how.rate,
        stop_percent: how.stop_percent,
    };
    let rebuild = begin(&context.stack, wanted, start).await?;
    how.begun(context, rebuild.name())?;
    let mut show = Show::on(context, &how);
    let ended = rebuild.resume(&mut show).await?;
    show.end("rebuild", &ended)
}
