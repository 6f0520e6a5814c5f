//! What a replay would do: each domain's decision over the stored projections, without a write.

use std::collections::BTreeMap;

use serde_json::json;
use sluice_adapters::clock::SystemClock;
use sluice_adapters::ledger::DynamoLedger;
use sluice_adapters::projections::DynamoProjections;
use sluice_domains::{Answer, Visit, by_name};
use sluice_kernel::bus::detail::{self, Manner, Message};
use sluice_kernel::bus::route::{self, Route};
use sluice_kernel::clock::Clock;
use sluice_kernel::domain::Domain;
use sluice_kernel::replay::foresee::{Foreseen, Overlay, foresee};
use sluice_kernel::replay::{Admissions, Entries, Replayable, Run};

use crate::context::Context;
use crate::output::{Cell, counted, table};
use sluice_operations::domains;
use sluice_operations::problem::Problem;

/// The most events that are foreseen one by one; beyond, they are only counted.
pub(crate) const FORESEEN_MAX: usize = 10_000;

/// Entries that are read at a time.
const READ_EVENTS: usize = 100;

/// What the plan counts, by domain.
#[derive(Debug, Default)]
struct Counts {
    /// By outcome, with the code where it is rejected or there is more to say.
    outcomes: BTreeMap<String, usize>,
    /// By kind, and whether they are told again.
    effects: BTreeMap<(String, bool), usize>,
}

/// What the plan counts of events, whatever their domain.
#[derive(Debug, Default)]
struct Totals {
    events: usize,
    /// Without an entry or a whole body, or kept in the ledger on purpose.
    skipped: usize,
    /// Waited for their endpoint's configuration, and fit it now.
    admitted: usize,
    /// Still don't fit it.
    waiting: usize,
    /// Of a type that no domain takes.
    nowhere: usize,
    /// Beyond [`FORESEEN_MAX`].
    uncounted: usize,
}

/// Shows the plan.
pub(crate) async fn show(
    context: &Context,
    run: &Run,
    ids: &[String],
    admissions: Admissions<'_>,
) -> Result<(), Problem> {
    let sdk = context.stack.aws.sdk();
    let ledger = DynamoLedger::new(sdk, context.stack.table("ledger")?.to_owned(), SystemClock);
    let mut tables = BTreeMap::new();
    for domain in context.stack.domains() {
        tables.insert(
            domain.to_owned(),
            DynamoProjections::new(sdk, context.stack.table(domain)?.to_owned()),
        );
    }
    let overlays: BTreeMap<&str, _> = tables
        .iter()
        .map(|(name, table)| (name.as_str(), Overlay::over(table)))
        .collect();
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    let mut totals = Totals {
        events: ids.len(),
        uncounted: ids.len().saturating_sub(FORESEEN_MAX),
        ..Totals::default()
    };
    for some in ids[..ids.len().min(FORESEEN_MAX)].chunks(READ_EVENTS) {
        for ledgered in ledger.entries(some, SystemClock.now_ms()).await? {
            let judged = ledgered.as_ref().map(|ledgered| admissions.judge(ledgered));
            let (Some((mut entry, body)), Some(judged)) = (ledgered, judged) else {
                totals.skipped += 1;
                continue;
            };
            let (manner, only) = match judged {
                Replayable::Again => (run.manner(), run.domain.as_deref()),
                // Published for the first time, to every domain.
                Replayable::Admit { account, .. } => {
                    totals.admitted += 1;
                    entry.origin.account = account.map(Into::into);
                    (Manner::Plain, None)
                }
                Replayable::Waits => {
                    totals.waiting += 1;
                    continue;
                }
                Replayable::Never => {
                    totals.skipped += 1;
                    continue;
                }
            };
            let outgoing = detail::outgoing_in(manner, &entry.origin, body.as_deref());
            let message = detail::read(&format!(r#"{{"detail":{}}}"#, outgoing.detail));
            let domains = domains_of(only, &entry.origin.kind);
            if domains.is_empty() {
                totals.nowhere += 1;
            }
            for domain in domains {
                let Some(overlay) = overlays.get(domain) else {
                    continue;
                };
                let counted = counts.entry(domain.to_owned()).or_default();
                let message = match &message {
                    Ok(message) => message,
                    Err(unread) => {
                        *counted
                            .outcomes
                            .entry(format!("rejected {}", unread.fault.code))
                            .or_default() += 1;
                        continue;
                    }
                };
                count(domain, overlay, &ledger, message, context, counted).await?;
            }
        }
    }
    print(context, run, &counts, &totals)
}

/// The domains that an event of this type reaches: the one that is asked for; else the one of its row, or, of a type without
/// one, those that would take it.
pub(crate) fn domains_of(only: Option<&str>, kind: &str) -> Vec<&'static str> {
    let all = sluice_domains::ALL.into_iter();
    if let Some(wanted) = only {
        return all.filter(|domain| *domain == wanted).collect();
    }
    let bare = kind.strip_prefix("v1.").unwrap_or(kind);
    match route::route(kind) {
        Route::Domain(domain) => vec![domain],
        Route::LedgerOnly(_) => Vec::new(),
        Route::Unrouted => all
            .filter(|domain| by_name(domain, Handles(bare)) == Some(true))
            .collect(),
    }
}

/// Whether a domain has a use for events of a type.
struct Handles<'a>(&'a str);

impl Visit for Handles<'_> {
    type Output = bool;

    fn visit<D: Domain>(self) -> bool {
        D::handles(self.0)
    }
}

/// What the domain of this name would do.
async fn foresee_in(
    domain: &str,
    overlay: &Overlay<'_, DynamoProjections>,
    ledger: &DynamoLedger<SystemClock>,
    message: &Message,
    context: &Context,
) -> Result<Foreseen, Problem> {
    struct Foresee<'a>(
        &'a Overlay<'a, DynamoProjections>,
        &'a DynamoLedger<SystemClock>,
        &'a Message,
        &'a Context,
    );

    impl<'a> Visit for Foresee<'a> {
        type Output = Answer<'a, Result<Foreseen, Problem>>;

        fn visit<D: Domain>(self) -> Self::Output {
            let Self(overlay, ledger, message, context) = self;
            Box::pin(foresee_of::<D>(overlay, ledger, message, context))
        }
    }

    match by_name(domain, Foresee(overlay, ledger, message, context)) {
        Some(foreseen) => foreseen.await,
        None => Err(domains::without_code(domain)),
    }
}

async fn foresee_of<D: Domain>(
    overlay: &Overlay<'_, DynamoProjections>,
    ledger: &DynamoLedger<SystemClock>,
    message: &Message,
    context: &Context,
) -> Result<Foreseen, Problem> {
    let settings = context.stack.settings::<D>()?;
    Ok(foresee::<D>(overlay, ledger, &SystemClock, message, &settings).await?)
}

async fn count(
    domain: &str,
    overlay: &Overlay<'_, DynamoProjections>,
    ledger: &DynamoLedger<SystemClock>,
    message: &Message,
    context: &Context,
    counts: &mut Counts,
) -> Result<(), Problem> {
    let foreseen = foresee_in(domain, overlay, ledger, message, context).await?;
    let outcome = match foreseen.result {
        Ok(consumed) => {
            let note = consumed.note.map(|note| format!(" {note}"));
            format!("{}{}", consumed.outcome.as_str(), note.unwrap_or_default())
        }
        Err(fault) => format!("rejected {}", fault.code),
    };
    *counts.outcomes.entry(outcome).or_default() += 1;
    for effect in foreseen.effects {
        *counts
            .effects
            .entry((effect.kind, effect.is_again))
            .or_default() += 1;
    }
    Ok(())
}

fn print(
    context: &Context,
    run: &Run,
    counts: &BTreeMap<String, Counts>,
    totals: &Totals,
) -> Result<(), Problem> {
    let Totals {
        events: total,
        skipped,
        admitted,
        waiting,
        nowhere,
        uncounted,
    } = *totals;
    if context.out.is_json() {
        let domains: BTreeMap<_, _> = counts
            .iter()
            .map(|(domain, counts)| {
                let effects: Vec<_> = counts
                    .effects
                    .iter()
                    .map(|((kind, again), n)| json!({ "kind": kind, "again": again, "count": n }))
                    .collect();
                (
                    domain,
                    json!({ "outcomes": counts.outcomes, "effects": effects }),
                )
            })
            .collect();
        let plan = json!({
            "events": total, "skipped": skipped, "admitted": admitted, "waiting": waiting, "to_no_domain": nowhere, "not_foreseen": uncounted,
            "forced": run.forced, "domains": domains,
        });
        return context.out.value(&json!({ "plan": plan }));
    }
    let mut rows = Vec::new();
    for (domain, counts) in counts {
        for (outcome, n) in &counts.outcomes {
            rows.push([domain.as_str(), outcome, &n.to_string()].map(Cell::from));
        }
        for ((kind, again), n) in &counts.effects {
            let what = format!("emits {kind}{}", if *again { " again" } else { "" });
            rows.push([domain.as_str(), &what, &n.to_string()].map(Cell::from));
        }
    }
    context.out.line(counted(total, "event"))?;
    for (n, what) in [
        (
            skipped,
            "are skipped: no entry, no whole body, or kept in the ledger on purpose",
        ),
        (
            admitted,
            "waited for their endpoint's configuration and fit it now: sweep publishes them for the first time",
        ),
        (
            waiting,
            "still don't fit their endpoint: they go on waiting (sluice event show says why)",
        ),
        (nowhere, "reach no domain"),
        (
            uncounted,
            "are not foreseen: a plan looks at the first 10,000",
        ),
    ] {
        if n > 0 {
            context.out.line(format!("{n} {what}"))?;
        }
    }
    context
        .out
        .text(table(["domain", "would", "events"], &rows))
}
