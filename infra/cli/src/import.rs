//! `sluice import`: imports a merchant's existing objects from Stripe's lists.
//!
//! Of an object that is new here, state is written and nothing is emitted: its first event emits its levels, also one that
//! was on its way. An object that is known and has changed is corrected, and its levels are emitted, as by a check of
//! reconcile: after a gap no event brings the change any more.
//!
//! The walk is kind by kind, newest first. What was imported before and hasn't changed isn't written again.

use clap::{Args as ClapArgs, ValueEnum};
use serde_json::json;
use sluice_adapters::clock::SystemClock;
use sluice_adapters::ledger::DynamoLedger;
use sluice_adapters::objects::StripeObjects;
use sluice_adapters::outcomes::DynamoOutcomes;
use sluice_adapters::projections::DynamoProjections;
use sluice_domains::{Answer, Visit, by_name};
use sluice_kernel::clock::Clock;
use sluice_kernel::domain::Domain;
use sluice_kernel::event::Scope;
use sluice_kernel::fault::Fault;
use sluice_kernel::rebuild::{Existing, Ports, Rebuilt, Shown, import};
use sluice_kernel::reconcile::{Listed, Listing};

use sluice_operations::stack::PLATFORM;

use crate::context::Context;
use crate::replay::target::Target;
use crate::seed::{How, Run};
use sluice_operations::domains;
use sluice_operations::problem::Problem;
use sluice_operations::stripe::{outcomes, stripe};

/// How often one page waits for the budget before that is an error.
const WAITS_MAX: u32 = 20;

/// Kinds that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Customer,
    Subscription,
    SubscriptionSchedule,
    Account,
    Invoice,
    PaymentIntent,
    Charge,
    Dispute,
    Payout,
}

impl Kind {
    /// Stripe's name of it.
    fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Subscription => "subscription",
            Self::SubscriptionSchedule => "subscription_schedule",
            Self::Account => "account",
            Self::Invoice => "invoice",
            Self::PaymentIntent => "payment_intent",
            Self::Charge => "charge",
            Self::Dispute => "dispute",
            Self::Payout => "payout",
        }
    }

    fn domain(self) -> &'static str {
        match self {
            Self::Customer | Self::Subscription | Self::SubscriptionSchedule => "subscriptions",
            Self::Invoice => "billing",
            Self::PaymentIntent | Self::Charge | Self::Dispute => "payments",
            Self::Account | Self::Payout => "connect",
        }
    }
}

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
    #[arg(long = "kind", value_enum, value_name = "KIND")]
    kinds: Vec<Kind>,
    #[command(flatten)]
    how: How,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let Args { how, account, .. } = &args;
    let keyed = match account {
        Some(account) => Some(context.stack.account_key(account).await),
        None => None,
    };
    let account = keyed.filter(|account| account != PLATFORM);
    let scope = Scope {
        account: account.clone(),
        livemode: args.mode == Mode::Live,
    };
    let mut kinds = args.kinds.clone();
    if kinds.is_empty() {
        kinds = vec![Kind::Customer, Kind::Subscription, Kind::Account];
        kinds.retain(|kind| *kind != Kind::Account || account.is_none());
    }
    if account.is_some() && kinds.contains(&Kind::Account) {
        return Err(Problem::Usage(
            "connected accounts are the platform's: leave out --account".to_owned(),
        ));
    }
    let stripe = stripe(&context.stack, how.rate, true).await?;
    if !stripe.has_key(scope.livemode).await? {
        return Err(Problem::Failed(
            "the stack has no API key for this mode: see the parameter ApiKeySecretArn".to_owned(),
        ));
    }
    let of = scope.key().replace('#', "-");
    let mut run = Run::begin(context, "import", &of, how).await?;
    let ledger = DynamoLedger::new(
        context.stack.aws.sdk(),
        context.stack.table("ledger")?.to_owned(),
        SystemClock,
    );
    for kind in kinds {
        if run.at["over"]
            .as_array()
            .is_some_and(|over| over.contains(&json!(kind.name())))
        {
            continue;
        }
        let table = context.stack.table(kind.domain())?.to_owned();
        let tools = Tools {
            projections: DynamoProjections::new(context.stack.aws.sdk(), table),
            ledger: ledger.clone(),
            stripe: &stripe,
            bus: Target::of(context, None)?,
            outcomes: outcomes(&context.stack)?,
            context,
        };
        if let Some(reason) = walk(&mut run, &tools, &scope, kind, !how.yes).await? {
            return run.end(Some(reason)).await;
        }
    }
    run.end(None).await
}

/// What an import of one kind works with.
struct Tools<'a> {
    projections: DynamoProjections,
    ledger: DynamoLedger<SystemClock>,
    stripe: &'a StripeObjects,
    bus: Target,
    outcomes: DynamoOutcomes,
    context: &'a Context,
}

/// Walks one kind; the reason, where the run has to stop.
async fn walk(
    run: &mut Run<'_>,
    tools: &Tools<'_>,
    scope: &Scope,
    kind: Kind,
    is_dry: bool,
) -> Result<Option<String>, Problem> {
    let mut after = match run.at["kind"] == kind.name() {
        true => run.at["after"].as_str().map(str::to_owned),
        false => None,
    };
    loop {
        let (items, next) = page(tools.stripe, scope, kind, after.as_deref()).await?;
        for shown in &items {
            let id = shown.object["id"].as_str().unwrap_or_default();
            // A connected account's own projection is in its own scope, as its events are.
            let own = match kind {
                Kind::Account => Scope {
                    account: Some(id.to_owned()),
                    ..scope.clone()
                },
                _ => scope.clone(),
            };
            let result = take(kind, tools, &own, shown, is_dry).await?;
            run.count(&format!("{}#{id}", own.key()), result)?;
        }
        after = next;
        let is_over = after.is_none();
        let mut over = run.at["over"].as_array().cloned().unwrap_or_default();
        if is_over {
            over.push(json!(kind.name()));
        }
        run.at = json!({ "over": over, "kind": kind.name(), "after": after });
        let stopped = run.too_many();
        if is_over || stopped.is_some() {
            run.save("running").await?;
            return Ok(stopped);
        }
        run.save("running").await?;
    }
}

async fn page(
    stripe: &StripeObjects,
    scope: &Scope,
    kind: Kind,
    after: Option<&str>,
) -> Result<(Vec<Shown>, Option<String>), Problem> {
    for _ in 0..WAITS_MAX {
        match stripe.existing(scope, kind.name(), after).await? {
            Listed::Page { items, next } => return Ok((items, next)),
            Listed::NoKey => {
                return Err(Problem::Failed("there is no API key any more".to_owned()));
            }
            Listed::Spent { wait_ms } => SystemClock.sleep_ms(wait_ms).await,
        }
    }
    Err(Problem::Failed(
        "Stripe's rate limit leaves no request: try later with --resume".to_owned(),
    ))
}

/// What became of one object: its own fault, or a problem of the whole run.
type One = Result<Result<Rebuilt, Fault>, Problem>;

async fn take(kind: Kind, tools: &Tools<'_>, scope: &Scope, shown: &Shown, is_dry: bool) -> One {
    struct Import<'a>(&'a Tools<'a>, &'a Scope, &'a Shown, bool);

    impl<'a> Visit for Import<'a> {
        type Output = Answer<'a, One>;

        fn visit<D: Domain>(self) -> Self::Output {
            let Self(tools, scope, shown, is_dry) = self;
            Box::pin(of::<D>(tools, scope, shown, is_dry))
        }
    }

    let domain = kind.domain();
    match by_name(domain, Import(tools, scope, shown, is_dry)) {
        Some(imported) => imported.await,
        None => Err(domains::without_code(domain)),
    }
}

async fn of<D: Domain>(tools: &Tools<'_>, scope: &Scope, shown: &Shown, is_dry: bool) -> One {
    let ports = Ports {
        projections: &tools.projections,
        bus: &tools.bus,
        bodies: &tools.ledger,
        objects: tools.stripe,
        outcomes: &tools.outcomes,
        settings: &tools.context.stack.settings::<D>()?,
    };
    Ok(import::<D>(&ports, &SystemClock, scope, shown, is_dry).await)
}

#[cfg(test)]
mod tests {
    use sluice_kernel::bus::route::{Route, route};

    use super::*;

    #[test]
    fn each_kind_goes_to_the_domain_of_its_events() {
        for kind in Kind::value_variants() {
            let event = match kind {
                Kind::Subscription => "customer.subscription.updated".to_owned(),
                Kind::PaymentIntent => "payment_intent.succeeded".to_owned(),
                Kind::Dispute => "charge.dispute.updated".to_owned(),
                kind => format!("{}.updated", kind.name()),
            };
            assert_eq!(route(&event), Route::Domain(kind.domain()), "{event}");
        }
    }
}
