//! Imports a merchant's existing objects from Stripe's lists.
//!
//! For an object that is new here, the state is written and nothing is emitted. Its first event emits its levels, also
//! an event that was already on its way. An object that is known and has changed is corrected and its levels are
//! emitted, as by a check of reconcile: after a gap, no event brings the change any more.
//!
//! The lists are read kind by kind, newest first. What was imported before and hasn't changed isn't written again.

use serde_json::{Value, json};
use sluice_adapters::clock::SystemClock;
use sluice_adapters::ledger::DynamoLedger;
use sluice_adapters::objects::StripeObjects;
use sluice_adapters::outcomes::DynamoOutcomes;
use sluice_adapters::projections::DynamoProjections;
use sluice_domains::{Answer, IMPORTS, Visit, by_name};
use sluice_kernel::clock::Clock;
use sluice_kernel::domain::Domain;
use sluice_kernel::event::Scope;
use sluice_kernel::fault::Fault;
use sluice_kernel::rebuild::{Existing, Ports, Rebuilt, Shown, import};
use sluice_kernel::reconcile::{Listed, Listing};

use crate::domains;
use crate::problem::Problem;
use crate::replay::target::Target;
use crate::runs::{Bulk, Ended, Pages, RunKind, Start, Tally, Watch};
use crate::stack::{PLATFORM, Stack};
use crate::stripe::{outcomes, stripe};

/// How often one page waits for the budget before that is an error.
const WAITS_MAX: u32 = 20;

/// A platform's connected accounts: each is an object of its own scope.
const ACCOUNT: &str = "account";

/// What is imported if no kind is named: customers, subscriptions and, for a platform, connected accounts.
const BY_DEFAULT: [&str; 3] = ["customer", "subscription", ACCOUNT];

/// The order in which kinds are named to people; those of further domains follow.
const ORDER: [&str; 9] = [
    "customer",
    "subscription",
    "subscription_schedule",
    ACCOUNT,
    "invoice",
    "payment_intent",
    "charge",
    "dispute",
    "payout",
];

/// The kinds of objects that can be imported, by Stripe's names.
pub fn kinds() -> Vec<&'static str> {
    let mut kinds: Vec<_> = IMPORTS
        .iter()
        .flat_map(|(_, kinds)| *kinds)
        .copied()
        .collect();
    let place = |kind: &&str| ORDER.iter().position(|one| one == kind);
    kinds.sort_by_key(|kind| place(kind).unwrap_or(ORDER.len()));
    kinds
}

/// The domain that imports objects of a kind.
fn domain_of(kind: &str) -> Option<&'static str> {
    let mut domains = IMPORTS.iter();
    let found = domains.find(|(_, kinds)| kinds.contains(&kind));
    found.map(|(domain, _)| *domain)
}

/// What to import.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Whose mode: chooses the API key.
    pub livemode: bool,
    /// The connected account that the objects belong to; without it, the platform's own.
    pub account: Option<String>,
    /// As [`kinds`] has them; if none is named, customers, subscriptions and, for a platform, connected accounts.
    pub kinds: Vec<String>,
    /// Requests to Stripe per second, at most.
    pub rate: u32,
    /// The run stops if more than this share of the objects fails, in percent.
    pub stop_percent: u32,
}

/// An import that has begun: it has a name, by which it can be resumed.
pub struct Import<'a> {
    stack: &'a Stack,
    scope: Scope,
    walks: Vec<Walk>,
    stripe: StripeObjects,
    ledger: DynamoLedger<SystemClock>,
    bus: Target,
    outcomes: DynamoOutcomes,
    bulk: Bulk,
}

/// One kind, and where its objects go.
struct Walk {
    kind: String,
    domain: &'static str,
    projections: DynamoProjections,
}

/// Begins an import, or reads the one that is to be resumed.
///
/// # Errors
/// `Usage` for kinds that can't be imported; `Failed` without an API key for the mode; `NotFound` if there is no run to
/// resume; what AWS refuses.
pub async fn begin(stack: &Stack, wanted: Wanted, start: Start) -> Result<Import<'_>, Problem> {
    let keyed = match &wanted.account {
        Some(account) => Some(stack.account_key(account).await),
        None => None,
    };
    let account = keyed.filter(|account| account != PLATFORM);
    let mut kinds = wanted.kinds;
    if kinds.is_empty() {
        kinds = BY_DEFAULT.map(str::to_owned).to_vec();
        kinds.retain(|kind| kind != ACCOUNT || account.is_none());
    }
    if account.is_some() && kinds.iter().any(|kind| kind == ACCOUNT) {
        return Err(Problem::Usage(
            "connected accounts are the platform's: leave out --account".to_owned(),
        ));
    }
    let walks: Result<Vec<_>, _> = kinds
        .into_iter()
        .map(|kind| Walk::of(stack, kind))
        .collect();
    let scope = Scope {
        account,
        livemode: wanted.livemode,
    };
    let stripe = stripe(stack, wanted.rate, true).await?;
    if !stripe.has_key(scope.livemode).await? {
        return Err(Problem::Failed(
            "the stack has no API key for this mode: see the parameter ApiKeySecretArn".to_owned(),
        ));
    }
    let of = scope.key().replace('#', "-");
    let ledger = stack.table("ledger")?.to_owned();
    Ok(Import {
        walks: walks?,
        ledger: DynamoLedger::new(stack.aws.sdk(), ledger, SystemClock),
        bus: Target::of(stack, None)?,
        outcomes: outcomes(stack)?,
        bulk: Bulk::begin(
            stack,
            RunKind::Import,
            &of,
            start,
            wanted.stop_percent,
            Value::Null,
        )
        .await?,
        stack,
        scope,
        stripe,
    })
}

impl Walk {
    fn of(stack: &Stack, kind: String) -> Result<Self, Problem> {
        let unknown = || Problem::Usage(format!("objects of the kind {kind} can't be imported"));
        let domain = domain_of(&kind).ok_or_else(unknown)?;
        let table = stack.table(domain)?.to_owned();
        Ok(Self {
            kind,
            domain,
            projections: DynamoProjections::new(stack.aws.sdk(), table),
        })
    }
}

impl Import<'_> {
    /// Its name, by which it is resumed.
    pub fn name(&self) -> &str {
        self.bulk.name()
    }

    /// Reads Stripe's lists from the place that the run has reached.
    ///
    /// # Errors
    /// Any problem that isn't one object's own. The run can be resumed.
    pub async fn resume(self, watch: &mut dyn Watch) -> Result<Ended, Problem> {
        let is_dry = self.bulk.is_plan();
        let tools = Tools {
            stack: self.stack,
            scope: self.scope,
            stripe: self.stripe,
            ledger: self.ledger,
            bus: self.bus,
            outcomes: self.outcomes,
            is_dry,
        };
        let lists = Lists {
            tools,
            walks: self.walks,
        };
        self.bulk.resume(lists, watch).await
    }
}

/// What an import works with.
struct Tools<'a> {
    stack: &'a Stack,
    scope: Scope,
    stripe: StripeObjects,
    ledger: DynamoLedger<SystemClock>,
    bus: Target,
    outcomes: DynamoOutcomes,
    is_dry: bool,
}

/// Stripe's lists, kind by kind. A place is `{"over": [kinds], "kind": kind, "after": id}`.
struct Lists<'a> {
    tools: Tools<'a>,
    walks: Vec<Walk>,
}

impl Lists<'_> {
    /// The first kind that isn't finished.
    fn current(&self, at: &Value) -> Option<&Walk> {
        let over = at["over"].as_array();
        let is_over = |walk: &Walk| over.is_some_and(|over| over.contains(&json!(walk.kind)));
        self.walks.iter().find(|walk| !is_over(walk))
    }
}

impl Pages for Lists<'_> {
    fn is_over(&self, at: &Value) -> bool {
        self.current(at).is_none()
    }

    async fn page(&mut self, at: &Value, tally: &mut Tally<'_>) -> Result<Value, Problem> {
        let Some(walk) = self.current(at) else {
            return Ok(at.clone());
        };
        let kind = &*walk.kind;
        let after = at["after"].as_str().filter(|_| at["kind"] == kind);
        let Tools { scope, .. } = &self.tools;
        let (items, next) = page(&self.tools.stripe, scope, kind, after).await?;
        for shown in &items {
            let id = shown.object["id"].as_str().unwrap_or_default();
            // A connected account's own projection is in the account's own scope, as its events are.
            let own = match kind {
                ACCOUNT => Scope {
                    account: Some(id.to_owned()),
                    ..scope.clone()
                },
                _ => scope.clone(),
            };
            let result = self.tools.take(walk, &own, shown).await?;
            tally.count(&format!("{}#{id}", own.key()), result)?;
        }
        let mut over = at["over"].as_array().cloned().unwrap_or_default();
        if next.is_none() {
            over.push(json!(kind));
        }
        Ok(json!({ "over": over, "kind": kind, "after": next }))
    }
}

async fn page(
    stripe: &StripeObjects,
    scope: &Scope,
    kind: &str,
    after: Option<&str>,
) -> Result<(Vec<Shown>, Option<String>), Problem> {
    for _ in 0..WAITS_MAX {
        match stripe.existing(scope, kind, after).await? {
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

/// What became of one object: the object's own fault, or a problem of the whole run.
type One = Result<Result<Rebuilt, Fault>, Problem>;

impl Tools<'_> {
    async fn take(&self, walk: &Walk, scope: &Scope, shown: &Shown) -> One {
        struct Import<'a>(&'a Tools<'a>, &'a DynamoProjections, &'a Scope, &'a Shown);

        impl<'a> Visit for Import<'a> {
            type Output = Answer<'a, One>;

            fn visit<D: Domain>(self) -> Self::Output {
                let Self(tools, projections, scope, shown) = self;
                Box::pin(of::<D>(tools, projections, scope, shown))
            }
        }

        let visit = Import(self, &walk.projections, scope, shown);
        match by_name(walk.domain, visit) {
            Some(imported) => imported.await,
            None => Err(domains::without_code(walk.domain)),
        }
    }
}

async fn of<D: Domain>(
    tools: &Tools<'_>,
    projections: &DynamoProjections,
    scope: &Scope,
    shown: &Shown,
) -> One {
    let ports = Ports {
        projections,
        bus: &tools.bus,
        bodies: &tools.ledger,
        objects: &tools.stripe,
        outcomes: &tools.outcomes,
        settings: &tools.stack.settings::<D>()?,
    };
    Ok(import::<D>(&ports, &SystemClock, scope, shown, tools.is_dry).await)
}

#[cfg(test)]
mod tests {
    use sluice_kernel::bus::route::{Route, route};

    use super::*;

    #[test]
    fn each_kind_goes_to_the_domain_of_its_events() {
        assert!(kinds().starts_with(&ORDER), "{:?}", kinds());
        for kind in ORDER {
            let event = match kind {
                "subscription" => "customer.subscription.updated".to_owned(),
                "payment_intent" => "payment_intent.succeeded".to_owned(),
                "dispute" => "charge.dispute.updated".to_owned(),
                kind => format!("{kind}.updated"),
            };
            let domain = domain_of(kind).expect("a domain");
            assert_eq!(route(&event), Route::Domain(domain), "{event}");
        }
        assert_eq!(domain_of("nosuch"), None);
    }
}
