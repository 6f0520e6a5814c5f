//! `sluice access`: what a customer may use, and until when.

use clap::Subcommand;
use serde_json::json;
use sluice_adapters::projections::DynamoProjections;
use subscriptions::customer::{Until, of_stored};

use crate::context::Context;
use crate::output::{Cell, GOOD, WARN, fields, paint, table};
use sluice_operations::problem::Problem;
use sluice_operations::times::now_ms;
use sluice_operations::times::time_of_ms;

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
    let account = context.stack.account_key(&account).await;
    let projections = DynamoProjections::new(
        context.stack.aws.sdk(),
        context.stack.table("subscriptions")?.to_owned(),
    );
    let mut known = false;
    for mode in ["live", "test"] {
        let owner = format!("{account}#{mode}#{customer}");
        let items = projections.of_owner(&owner).await?;
        if items.is_empty() {
            continue;
        }
        known = true;
        let access = of_stored(items.iter().map(|(_, stored)| stored), now_ms() / 1_000)?;
        let rests_on: Vec<_> = items.iter().map(|(key, _)| key.as_str()).collect();
        let uses = access.uses.iter().map(|(name, one)| match one.until {
            Until::Open => (name, one.quantity, None),
            Until::Second(second) => (name, one.quantity, Some(second)),
        });
        if context.out.is_json() {
            let uses: serde_json::Map<_, _> = uses
                .map(|(name, quantity, until)| {
                    (
                        name.clone(),
                        json!({ "quantity": quantity, "until": until }),
                    )
                })
                .collect();
            context.out.value(&json!({
                "customer": customer, "account": account, "mode": mode, "uses": uses,
                "partial": access.partial, "assumed": access.assumed, "rests_on": rests_on,
            }))?;
            continue;
        }
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
            &format!("{customer} ({mode})"),
            &[
                ("rests on", rests_on.join(" ")),
                ("partial", partial.to_owned()),
                ("assumed", assumed.to_owned()),
            ],
        ))?;
        let rows: Vec<_> = uses
            .map(|(name, quantity, until)| {
                let quantity = quantity.map(|quantity| quantity.to_string());
                let until =
                    until.map_or_else(|| "no end known".to_owned(), |s| time_of_ms(s * 1_000));
                [
                    Cell::new(GOOD, name),
                    Cell::from(quantity.unwrap_or_default()),
                    Cell::from(until),
                ]
            })
            .collect();
        match rows.is_empty() {
            true => context.out.line(paint(WARN, "  may use nothing now"))?,
            false => context
                .out
                .text(table(["may use", "quantity", "until"], &rows))?,
        }
    }
    match known {
        true => Ok(()),
        false => Err(Problem::NotFound(format!(
            "nothing is known of {customer} ({account})"
        ))),
    }
}
