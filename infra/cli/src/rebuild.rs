//! `sluice rebuild`: rebuilds a domain's projections in place, by the domain's code that this program was built with.
//!
//! Deploy the corrected domain first, and run the program of the same version: what the function writes meanwhile is then
//! right already.

use clap::Args as ClapArgs;
use serde_json::json;
use sluice_adapters::clock::SystemClock;
use sluice_adapters::ledger::DynamoLedger;
use sluice_adapters::objects::StripeObjects;
use sluice_adapters::outcomes::DynamoOutcomes;
use sluice_adapters::projections::DynamoProjections;
use sluice_domains::{Answer, Visit, by_name};
use sluice_kernel::domain::Domain;
use sluice_kernel::fault::Fault;
use sluice_kernel::rebuild::{Mode, Ports, Rebuilt, rebuild};

use crate::context::Context;
use crate::replay::target::Target;
use crate::seed::{How, PAGE_OBJECTS, Run};
use sluice_operations::domains;
use sluice_operations::problem::Problem;
use sluice_operations::stripe::{outcomes, stripe};

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
    /// Keys of projections (`account#mode#object`, as `state show` has them); all, where none is named.
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

/// What a rebuild works with.
struct Tools {
    projections: DynamoProjections,
    ledger: DynamoLedger<SystemClock>,
    stripe: StripeObjects,
    bus: Target,
    outcomes: DynamoOutcomes,
    mode: Mode,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let Args { domain, how, .. } = &args;
    domains::check_code(&context.stack, domain)?;
    let sdk = context.stack.aws.sdk();
    let tools = Tools {
        projections: DynamoProjections::new(sdk, context.stack.table(domain)?.to_owned()),
        ledger: DynamoLedger::new(sdk, context.stack.table("ledger")?.to_owned(), SystemClock),
        stripe: stripe(&context.stack, how.rate, !args.without_key).await?,
        bus: Target::of(context, None)?,
        outcomes: outcomes(&context.stack)?,
        mode: match (how.yes, args.reopen, args.emit) {
            (false, reopens, _) => Mode::Plan { reopens },
            (true, true, _) => Mode::Reopen,
            (true, false, true) => Mode::Emit,
            (true, false, false) => Mode::Suppress,
        },
    };
    let mut run = Run::begin(context, "rebuild", domain, how).await?;
    if !args.keys.is_empty() {
        for key in &args.keys {
            match one(context, domain, &tools, key).await? {
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
        let (keys, next) = tools.projections.keys(after.as_deref(), page).await?;
        for key in &keys {
            // One that has gone meanwhile is none of ours.
            let rebuilt = one(context, domain, &tools, key).await?;
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

async fn one(context: &Context, domain: &str, tools: &Tools, key: &str) -> One {
    struct Rebuild<'a>(&'a Context, &'a Tools, &'a str);

    impl<'a> Visit for Rebuild<'a> {
        type Output = Answer<'a, One>;

        fn visit<D: Domain>(self) -> Self::Output {
            let Self(context, tools, key) = self;
            Box::pin(of::<D>(context, tools, key))
        }
    }

    match by_name(domain, Rebuild(context, tools, key)) {
        Some(rebuilt) => rebuilt.await,
        None => Err(domains::without_code(domain)),
    }
}

async fn of<D: Domain>(context: &Context, tools: &Tools, key: &str) -> One {
    let ports = Ports {
        projections: &tools.projections,
        bus: &tools.bus,
        bodies: &tools.ledger,
        objects: &tools.stripe,
        outcomes: &tools.outcomes,
        settings: &context.stack.settings::<D>()?,
    };
    Ok(rebuild::<D>(&ports, &SystemClock, key, tools.mode).await)
}
