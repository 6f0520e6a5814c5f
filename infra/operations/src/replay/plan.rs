//! What a replay would do: each domain's decision over the stored projections, without a write.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::json;
use sluice_adapters::clock::SystemClock;
use sluice_adapters::ledger::DynamoLedger;
use sluice_adapters::projections::DynamoProjections;
use sluice_domains::{Answer, Visit, by_name};
use sluice_kernel::bus::detail::{self, EmitMode, Message};
use sluice_kernel::clock::Clock;
use sluice_kernel::domain::Domain;
use sluice_kernel::replay::dry_run::{Overlay, Predicted, dry_run};
use sluice_kernel::replay::{Admissions, Entries, Ledgered, Replayable, Run};

use crate::domains;
use crate::problem::Problem;
use crate::stack::Stack;

/// The most events that are predicted one by one. Further events are only counted.
pub const FORESEEN_MAX: usize = 10_000;

/// Entries that are read at once.
const READ_EVENTS: usize = 100;

/// What one domain would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// The number of events by outcome, with the code if the event is rejected or there is more to say.
    pub outcomes: BTreeMap<String, usize>,
    /// The number of effects that would be emitted, by kind and by whether they are emitted again.
    #[serde(serialize_with = "effects")]
    pub effects: BTreeMap<(String, bool), usize>,
}

fn effects<S: Serializer>(
    effects: &BTreeMap<(String, bool), usize>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(
        effects
            .iter()
            .map(|((kind, again), n)| json!({ "kind": kind, "again": again, "count": n })),
    )
}

/// What a run would do.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// Events in its list.
    pub events: usize,
    /// Without an entry or a whole body, or kept in the ledger on purpose.
    pub skipped: usize,
    /// Events that waited for their endpoint's configuration, and fit it now.
    pub admitted: usize,
    /// Events that still don't fit it.
    pub waiting: usize,
    /// Events of a type that no domain takes.
    #[serde(rename = "to_no_domain")]
    pub nowhere: usize,
    /// Events beyond [`FORESEEN_MAX`].
    #[serde(rename = "not_foreseen")]
    pub uncounted: usize,
    /// Facts and levels are emitted again.
    pub forced: bool,
    /// What each domain would do.
    pub domains: BTreeMap<String, Expected>,
    /// The run, which hasn't begun.
    #[serde(skip)]
    pub(super) run: Run,
    /// Its list.
    #[serde(skip)]
    pub(super) ids: Vec<String>,
}

/// What a prediction needs.
struct Tools<'a> {
    stack: &'a Stack,
    ledger: DynamoLedger<SystemClock>,
    overlays: BTreeMap<&'a str, Overlay<'a, DynamoProjections>>,
}

impl Plan {
    /// Predicts what a run over these events would do.
    ///
    /// # Errors
    /// If a table can't be read.
    pub(super) async fn of(
        stack: &Stack,
        run: Run,
        ids: Vec<String>,
        admissions: Admissions<'_>,
    ) -> Result<Self, Problem> {
        let sdk = stack.aws.sdk();
        let mut tables = BTreeMap::new();
        for domain in stack.domains() {
            let table = stack.table(domain)?.to_owned();
            tables.insert(domain.to_owned(), DynamoProjections::new(sdk, table));
        }
        let tools = Tools {
            stack,
            ledger: DynamoLedger::new(sdk, stack.table("ledger")?.to_owned(), SystemClock),
            overlays: tables
                .iter()
                .map(|(name, table)| (name.as_str(), Overlay::over(table)))
                .collect(),
        };
        let mut plan = Self {
            events: ids.len(),
            skipped: 0,
            admitted: 0,
            waiting: 0,
            nowhere: 0,
            uncounted: ids.len().saturating_sub(FORESEEN_MAX),
            forced: run.forced,
            domains: BTreeMap::new(),
            run,
            ids: Vec::new(),
        };
        for some in ids[..ids.len().min(FORESEEN_MAX)].chunks(READ_EVENTS) {
            for ledgered in tools.ledger.entries(some, SystemClock.now_ms()).await? {
                match ledgered {
                    Some(ledgered) => plan.add(&tools, ledgered, &admissions).await?,
                    None => plan.skipped += 1,
                }
            }
        }
        plan.ids = ids;
        Ok(plan)
    }

    async fn add(
        &mut self,
        tools: &Tools<'_>,
        ledgered: Ledgered,
        admissions: &Admissions<'_>,
    ) -> Result<(), Problem> {
        let judged = admissions.judge(&ledgered);
        let (mut entry, body) = ledgered;
        let (manner, only) = match judged {
            Replayable::Again => (self.run.emit_mode(), self.run.domain.as_deref()),
            // It is published for the first time, to every domain.
            Replayable::Admit { account, .. } => {
                self.admitted += 1;
                entry.origin.account = account.map(Into::into);
                (EmitMode::Normal, None)
            }
            Replayable::Waits => {
                self.waiting += 1;
                return Ok(());
            }
            Replayable::Never => {
                self.skipped += 1;
                return Ok(());
            }
        };
        let outgoing = detail::encode_in(manner, &entry.origin, body.as_deref());
        let message = detail::read(&format!(r#"{{"detail":{}}}"#, outgoing.detail));
        let domains = domains::of_type(only, &entry.origin.kind);
        if domains.is_empty() {
            self.nowhere += 1;
        }
        for domain in domains {
            let Some(overlay) = tools.overlays.get(domain) else {
                continue;
            };
            let expected = self.domains.entry(domain.to_owned()).or_default();
            match &message {
                Ok(message) => {
                    let Tools { stack, ledger, .. } = tools;
                    let predicted = dry_run_in(domain, overlay, ledger, message, stack).await?;
                    expected.add(predicted);
                }
                Err(unread) => {
                    let outcome = format!("rejected {}", unread.fault.code);
                    *expected.outcomes.entry(outcome).or_default() += 1;
                }
            }
        }
        Ok(())
    }
}

impl Expected {
    fn add(&mut self, predicted: Predicted) {
        let outcome = match predicted.result {
            Ok(consumed) => {
                let note = consumed.note.map(|note| format!(" {note}"));
                format!("{}{}", consumed.outcome.as_str(), note.unwrap_or_default())
            }
            Err(fault) => format!("rejected {}", fault.code),
        };
        *self.outcomes.entry(outcome).or_default() += 1;
        for effect in predicted.effects {
            let kind = (effect.kind, effect.is_again);
            *self.effects.entry(kind).or_default() += 1;
        }
    }
}

/// What the domain of this name would do.
async fn dry_run_in(
    domain: &str,
    overlay: &Overlay<'_, DynamoProjections>,
    ledger: &DynamoLedger<SystemClock>,
    message: &Message,
    stack: &Stack,
) -> Result<Predicted, Problem> {
    struct Foresee<'a>(
        &'a Overlay<'a, DynamoProjections>,
        &'a DynamoLedger<SystemClock>,
        &'a Message,
        &'a Stack,
    );

    impl<'a> Visit for Foresee<'a> {
        type Output = Answer<'a, Result<Predicted, Problem>>;

        fn visit<D: Domain>(self) -> Self::Output {
            let Self(overlay, ledger, message, stack) = self;
            Box::pin(dry_run_of::<D>(overlay, ledger, message, stack))
        }
    }

    match by_name(domain, Foresee(overlay, ledger, message, stack)) {
        Some(predicted) => predicted.await,
        None => Err(domains::without_code(domain)),
    }
}

async fn dry_run_of<D: Domain>(
    overlay: &Overlay<'_, DynamoProjections>,
    ledger: &DynamoLedger<SystemClock>,
    message: &Message,
    stack: &Stack,
) -> Result<Predicted, Problem> {
    let settings = stack.settings::<D>()?;
    Ok(dry_run::<D>(overlay, ledger, &SystemClock, message, &settings).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_domain_would_emit_is_listed_by_kind_and_whether_it_is_again() {
        let predicted = Expected {
            outcomes: BTreeMap::from([("applied".to_owned(), 3)]),
            effects: BTreeMap::from([
                (("Access".to_owned(), false), 2),
                (("Access".to_owned(), true), 1),
            ]),
        };
        assert_eq!(
            json!(predicted),
            json!({ "outcomes": { "applied": 3 }, "effects": [
                { "kind": "Access", "again": false, "count": 2 }, { "kind": "Access", "again": true, "count": 1 },
            ] })
        );
    }
}
