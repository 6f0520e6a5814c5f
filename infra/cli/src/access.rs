//! `sluice access`: what a customer may use, and until when.

use clap::Subcommand;
use sluice_operations::access::{self, Access};
use sluice_operations::problem::Problem;
use sluice_operations::times::time_of_ms;

use crate::context::Context;
use crate::output::{Cell, GOOD, WARN, fields, paint, table};

const EXAMPLES: &str = "Examples:
  sluice access show cus_1
  sluice access show cus_1 --account acct_1 --json | jq .uses

Exit code 3: nothing is known of the customer.";

/// What to do with access.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What a customer may use now, and until when.
    #[command(after_help = EXAMPLES)]
    Show(Args),
}

/// Whose access.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The customer (`cus_…`).
    customer: String,
    /// The connected account that the customer belongs to; without it, the platform's own.
    #[arg(long, default_value = "platform")]
    account: String,
}

/// Does it.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Problem> {
    let Command::Show(Args { customer, account }) = command;
    for access in access::of(&context.stack, &customer, &account).await? {
        match context.out.is_json() {
            true => context.out.value(&access)?,
            false => print(context, &access)?,
        }
    }
    Ok(())
}

fn print(context: &Context, access: &Access) -> Result<(), Problem> {
    let partial = match access.partial {
        true => {
            "an event shows ten items or entitlements, and there are more; see the runbook object.partial"
        }
        false => "",
    };
    let assumed = match access.assumed {
        true => {
            "an end, since events don't say what an unpaid invoice was for; see the runbook object.partial"
        }
        false => "",
    };
    context.out.text(fields(
        &format!("{} ({})", access.customer, access.mode),
        &[
            ("rests on", access.rests_on.join(" ")),
            ("partial", partial.to_owned()),
            ("assumed", assumed.to_owned()),
        ],
    ))?;
    let rows: Vec<_> = access
        .uses
        .iter()
        .map(|(name, one)| {
            let quantity = one.quantity.map(|quantity| quantity.to_string());
            let until = one
                .until
                .map_or_else(|| "no end known".to_owned(), |s| time_of_ms(s * 1_000));
            [
                Cell::new(GOOD, name),
                Cell::from(quantity.unwrap_or_default()),
                Cell::from(until),
            ]
        })
        .collect();
    match rows.is_empty() {
        true => context.out.line(paint(WARN, "  may use nothing now")),
        false => context
            .out
            .text(table(["may use", "quantity", "until"], &rows)),
    }
}
