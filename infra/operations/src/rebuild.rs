//! Rebuilds a domain's projections in place, by the domain's code that this program was built with.
//!
//! Deploy the corrected domain first, and run the program of the same version. Then what the function writes meanwhile
//! is right already.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_adapters::clock::SystemClock;
use sluice_adapters::ledger::DynamoLedger;
use sluice_adapters::objects::StripeObjects;
use sluice_adapters::outcomes::DynamoOutcomes;
use sluice_adapters::projections::DynamoProjections;
use sluice_domains::{Answer, Visit, by_name};
use sluice_kernel::domain::Domain;
use sluice_kernel::fault::Fault;
use sluice_kernel::rebuild::{Mode, Ports, Rebuilt, rebuild};

mod plan;

pub use plan::{Plan, plan};

use crate::domains;
use crate::problem::Problem;
use crate::replay::target::Target;
use crate::runs::{Bulk, Ended, PAGE_OBJECTS, Pages, RunKind, Start, Tally, Watch};
use crate::stack::Stack;
use crate::stripe::{outcomes, stripe};

/// What to rebuild, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The domain.
    pub domain: String,
    /// Keys of projections (`account#mode#object`); all, if none is named.
    pub keys: Vec<String>,
    /// Stripe is not asked: only the ledger's bodies and the projections' own rows are used.
    pub without_key: bool,
    /// Levels that change or are owed are emitted at once. Otherwise each object's next event emits them.
    pub emit: bool,
    /// If an object's state is terminal and Stripe now answers otherwise, Stripe's answer is taken, and the levels are
    /// emitted.
    pub reopen: bool,
    /// Requests to Stripe per second, at most.
    pub rate: u32,
    /// The run stops if more than this share of the objects fails, in percent. This doesn't apply to objects that are
    /// named.
    pub stop_percent: u32,
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

/// A rebuild that has begun: it has a name, by which it can be resumed.
pub struct Rebuild<'a> {
    stack: &'a Stack,
    wanted: Wanted,
    tools: Tools,
    bulk: Bulk,
}

/// Begins a rebuild, or reads the one to resume.
///
/// # Errors
/// `Usage` for a domain that the stack or this program doesn't have, or for a run of another domain; `NotFound` if
/// there is no such run; what AWS refuses.
pub async fn begin(stack: &Stack, wanted: Wanted, start: Start) -> Result<Rebuild<'_>, Problem> {
    let Wanted { domain, .. } = &wanted;
    domains::check_code(stack, domain)?;
    let sdk = stack.aws.sdk();
    let tools = Tools {
        projections: DynamoProjections::new(sdk, stack.table(domain)?.to_owned()),
        ledger: DynamoLedger::new(sdk, stack.table("ledger")?.to_owned(), SystemClock),
        stripe: stripe(stack, wanted.rate, !wanted.without_key).await?,
        bus: Target::of(stack, None)?,
        outcomes: outcomes(stack)?,
        mode: match (&start, wanted.reopen, wanted.emit) {
            (Start::Plan { .. }, reopens, _) => Mode::Plan { reopens },
            (_, true, _) => Mode::Reopen,
            (_, false, true) => Mode::Emit,
            (_, false, false) => Mode::Suppress,
        },
    };
    let stop_percent = match wanted.keys.is_empty() {
        true => wanted.stop_percent,
        false => 100,
    };
    let asked = json!(wanted);
    let bulk = Bulk::begin(stack, RunKind::Rebuild, domain, start, stop_percent, asked).await?;
    Ok(Rebuild {
        stack,
        wanted,
        tools,
        bulk,
    })
}

/// What a run was asked to do; none if the program that began it didn't record that, or there is no such run.
///
/// # Errors
/// If the table of outcomes can't be read.
pub(crate) async fn asked(stack: &Stack, name: &str) -> Result<Option<Wanted>, Problem> {
    let asked = crate::runs::asked(stack, RunKind::Rebuild, name).await?;
    Ok(serde_json::from_value(asked).ok())
}

impl Rebuild<'_> {
    /// Its name, by which it is resumed.
    pub fn name(&self) -> &str {
        self.bulk.name()
    }

    /// When it was begun or last made progress, in Unix milliseconds.
    pub fn at_ms(&self) -> i64 {
        self.bulk.at_ms()
    }

    /// Goes through the objects from the place that the run has reached.
    ///
    /// # Errors
    /// Any problem that isn't one object's own. The run can be resumed. `NotFound` for a key that the domain doesn't
    /// have.
    pub async fn resume(self, watch: &mut dyn Watch) -> Result<Ended, Problem> {
        let Self {
            stack,
            wanted,
            tools,
            bulk,
        } = self;
        let of = Of {
            stack,
            domain: &wanted.domain,
            tools: &tools,
        };
        match wanted.keys.is_empty() {
            true => bulk.resume(All(of), watch).await,
            false => {
                let named = Named {
                    of,
                    keys: &wanted.keys,
                    is_done: false,
                };
                bulk.resume(named, watch).await
            }
        }
    }
}

/// The domain, and what the rebuild works with.
struct Of<'a> {
    stack: &'a Stack,
    domain: &'a str,
    tools: &'a Tools,
}

/// All projections of a domain. A place is `{"after": key, "over": bool}`.
struct All<'a>(Of<'a>);

impl Pages for All<'_> {
    fn is_over(&self, at: &Value) -> bool {
        at["over"] == true
    }

    async fn page(&mut self, at: &Value, tally: &mut Tally<'_>) -> Result<Value, Problem> {
        let page = i32::try_from(PAGE_OBJECTS).unwrap_or(i32::MAX);
        let projections = &self.0.tools.projections;
        let (keys, next) = projections.keys(at["after"].as_str(), page).await?;
        for key in &keys {
            // A projection that has gone meanwhile is left out.
            if let Some(result) = self.0.one(key).await?.transpose() {
                tally.count(key, result)?;
            }
        }
        Ok(json!({ "after": next, "over": next.is_none() }))
    }
}

/// The named objects, as one page.
struct Named<'a> {
    of: Of<'a>,
    keys: &'a [String],
    is_done: bool,
}

impl Pages for Named<'_> {
    fn is_over(&self, _: &Value) -> bool {
        self.is_done
    }

    async fn page(&mut self, at: &Value, tally: &mut Tally<'_>) -> Result<Value, Problem> {
        let domain = self.of.domain;
        for key in self.keys {
            let missing = || Problem::NotFound(format!("{domain} has no {key}"));
            let result = self.of.one(key).await?.transpose().ok_or_else(missing)?;
            tally.count(key, result)?;
        }
        self.is_done = true;
        Ok(at.clone())
    }
}

/// What became of one object: the object's own fault, or a problem of the whole run.
type One = Result<Result<Option<Rebuilt>, Fault>, Problem>;

impl Of<'_> {
    async fn one(&self, key: &str) -> One {
        struct Rebuild<'a>(&'a Stack, &'a Tools, &'a str);

        impl<'a> Visit for Rebuild<'a> {
            type Output = Answer<'a, One>;

            fn visit<D: Domain>(self) -> Self::Output {
                let Self(stack, tools, key) = self;
                Box::pin(of::<D>(stack, tools, key))
            }
        }

        match by_name(self.domain, Rebuild(self.stack, self.tools, key)) {
            Some(rebuilt) => rebuilt.await,
            None => Err(domains::without_code(self.domain)),
        }
    }
}

async fn of<D: Domain>(stack: &Stack, tools: &Tools, key: &str) -> One {
    let ports = Ports {
        projections: &tools.projections,
        bus: &tools.bus,
        bodies: &tools.ledger,
        objects: &tools.stripe,
        outcomes: &tools.outcomes,
        settings: &stack.settings::<D>()?,
    };
    Ok(rebuild::<D>(&ports, &SystemClock, key, tools.mode).await)
}
