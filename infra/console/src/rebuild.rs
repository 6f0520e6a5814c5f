//! `sluice rebuild`: a domain's projections made anew, in place and muted, by the domain's code as this program was built with it.
//!
//! Deploy the mended domain first, and run the program of the same version: what the function writes meanwhile is then
//! right already.

use clap::Args as ClapArgs;
use serde_json::json;
use sluice_adapters::clock::SystemClock;
use sluice_adapters::ledger::DynamoLedger;
use sluice_adapters::objects::StripeObjects;
use sluice_adapters::projections::DynamoProjections;
use sluice_kernel::domain::Domain;
use sluice_kernel::fault::Fault;
use sluice_kernel::rebuild::{Ports, Rebuilt, rebuild};

use crate::context::Context;
use crate::problem::Problem;
use crate::seed::{self, How, PAGE_OBJECTS, Run};

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  sluice rebuild billing                                 says what would change, and does nothing
  sluice rebuild billing --why 'fixed in 1.4' --yes      does it; nobody is told
  sluice rebuild payments platform#live#pi_3Qabc         one object, by its projection's key
  sluice replay --type 'invoice.*' --domain billing --force --why 'tell it' --yes
                                                         tells facts and levels again, where that is wanted")]
pub(crate) struct Args {
    /// The domain.
    domain: String,
    /// Keys of projections (`account#mode#object`, as `state show` has them); all, where none is named.
    #[arg(value_name = "KEY", conflicts_with = "resume")]
    keys: Vec<String>,
    /// Don't ask Stripe: the ledger's bodies and the projections' own rows have to do.
    #[arg(long)]
    without_key: bool,
    #[command(flatten)]
    how: How,
}

type Tools = (DynamoProjections, DynamoLedger<SystemClock>, StripeObjects);

pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let Args { domain, how, .. } = &args;
    if !context.domains().any(|known| known == domain) {
        let known: Vec<_> = context.domains().collect();
        return Err(Problem::Usage(format!(
            "{domain}: there are {}",
            known.join(", ")
        )));
    }
    let sdk = context.aws.sdk();
    let tools = (
        DynamoProjections::new(sdk, context.table(domain)?.to_owned()),
        DynamoLedger::new(sdk, context.table("ledger")?.to_owned(), SystemClock),
        seed::stripe(context, how.rate, !args.without_key).await?,
    );
    let mut run = Run::begin(context, "rebuild", domain, how).await?;
    if !args.keys.is_empty() {
        for key in &args.keys {
            match one(context, domain, &tools, key, !how.yes).await? {
                Ok(None) => return Err(Problem::NotFound(format!("{domain} has no {key}"))),
                Ok(Some(rebuilt)) => run.count(key, Ok(rebuilt))?,
                Err(fault) => run.count(key, Err(fault))?,
            }
        }
        return run.end(None).await;
    }
    let page = i32::try_from(PAGE_OBJECTS).unwrap_or(i32::MAX);
    loop {
        let after = run.at["after"].as_str().map(str::to_owned);
        if run.at["over"] == true {
            return run.end(None).await;
        }
        let (keys, next) = tools.0.keys(after.as_deref(), page).await?;
        for key in &keys {
            // One that has gone meanwhile is none of ours.
            let rebuilt = one(context, domain, &tools, key, !how.yes).await?;
            if let Some(result) = rebuilt.transpose() {
                run.count(key, result)?;
            }
        }
        run.at = json!({ "after": next, "over": next.is_none() });
        if let Some(reason) = run.too_many() {
            return run.end(Some(reason)).await;
        }
        run.save("running").await?;
    }
}

/// What became of one object: its own fault, or a problem of the whole run.
type One = Result<Result<Option<Rebuilt>, Fault>, Problem>;

async fn one(context: &Context, domain: &str, tools: &Tools, key: &str, is_dry: bool) -> One {
    match domain {
        payments::Payments::NAME => of::<payments::Payments>(context, tools, key, is_dry).await,
        billing::Billing::NAME => of::<billing::Billing>(context, tools, key, is_dry).await,
        subscriptions::Subscriptions::NAME => {
            of::<subscriptions::Subscriptions>(context, tools, key, is_dry).await
        }
        _ => of::<connect::Connect>(context, tools, key, is_dry).await,
    }
}

async fn of<D: Domain>(
    context: &Context,
    (projections, bodies, objects): &Tools,
    key: &str,
    is_dry: bool,
) -> One {
    let ports = Ports {
        projections,
        bodies,
        objects,
        settings: &context.settings::<D>()?,
    };
    Ok(rebuild::<D>(&ports, &SystemClock, key, is_dry).await)
}
