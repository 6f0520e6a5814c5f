//! Reconcile: compares Stripe's own list of events with the ledger, and ingests what is missing.
//!
//! It runs on a schedule. For the platform and for each connected account it walks Stripe's list of snapshot events, or
//! that of thin events if an endpoint is sent those ([`crate::delivery::endpoint::Payload`]). Each walk covers a window
//! that overlaps the one before. It looks each event up in the ledger. If the ledger lacks an event, or holds it
//! unpublished under a lapsed claim, reconcile ingests it through the same claim as a delivery
//! ([`crate::delivery::record`]). So a late delivery, a sweep or another reconcile at the same moment is one more
//! parallel delivery, which the protocol absorbs.
//!
//! Delivery guarantee: an event is on the bus or due once the walk over its window has ended. This holds for each event
//! that Stripe lists, of a type that is subscribed to, and made between the first run and [`Plan::settle_s`] ago. For
//! an account that was connected later, it holds from then on.
//!
//! Failure windows: the cursor is written after its page was processed. A crash in between processes that page again.
//! Two parallel runs process pages twice, and whichever cursor is written last is true.
//!
//! A run is bounded by its pages, its time and Stripe's budget. The rest is left to the next run, in which the scopes
//! whose last attempt is longest ago come first. A scope that fails ends neither the run nor another scope's turn
//! ([`walk`]). The report has its code and since when it fails.
//!
//! A sample of the objects that were seen is then checked: a message on the bus ([`crate::bus::detail::check`]) asks
//! the domain to fetch the object and to compare it with its projection. The domain corrects the projection through its
//! usual conditional write and records the drift. The objects of events that Stripe says it failed to make are checked
//! too ([`ungenerated`]).
//!
//! | Module | |
//! |---|---|
//! | `targets` | what to compare: the platform, and the connected accounts |
//! | [`walk`] | which scope is next, and its pages compared with the ledger |
//! | [`window`] | which time range, and how far a scope was compared |
//! | [`ungenerated`] | events that Stripe never made |
//! | `check` | which objects are checked |
//! | `pages` | one page of a list, waiting for the budget |
//! | [`report`] | what a run found, and what it doesn't cover |
//! | [`ports`] | what it needs from others |

mod check;
mod pages;
pub mod ports;
pub mod report;
mod targets;
mod ties;
pub mod ungenerated;
pub mod walk;
pub mod window;

pub use ports::{Ask, AskUngenerated, Listed, Listing, NotedTie, Notes, Standings, Ungenerated};
pub use ties::TIES_READ_MAX;

use std::collections::BTreeMap;

use crate::bus::Bus;
use crate::clock::Clock;
use crate::delivery::endpoint::Endpoint;
use crate::delivery::ledger::Ledger;
use crate::event::Head;
use crate::fault::Fault;

use check::Sample;
use report::Report;
use targets::AccountList;
use window::Cursor;

/// The word for events that came in this way, in the entry and on the bus.
pub const VIA: &str = "reconcile";

/// Events of one page, which is also the most that Stripe lists at once.
pub const PAGE_EVENTS_MAX: usize = 100;

/// The most connected accounts of a mode that a run reads from Stripe; the next run continues the list.
pub const ACCOUNTS_MAX: usize = 10_000;

/// The most unresolved ties that are checked per run.
pub const TIES_MAX: usize = 50;

/// What a run works with.
#[derive(Debug)]
pub struct Ports<'a, S, L, N, B> {
    /// Stripe's lists.
    pub listing: &'a S,
    /// The ledger.
    pub ledger: &'a L,
    /// Cursors and reports.
    pub notes: &'a N,
    /// The bus.
    pub bus: &'a B,
    /// Reads the head of an event, as ingest does.
    pub head: for<'b> fn(&'b [u8]) -> Option<Head<'b>>,
}

/// How a run is bounded, and what it looks for.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The endpoints, by name: they decide which accounts' events come in.
    pub endpoints: &'a BTreeMap<String, Endpoint>,
    /// The event types that are subscribed to; none means all.
    pub types: &'a [String],
    /// The name of this invocation, and of no other.
    pub attempt: &'a str,
    /// The trace context of this run.
    pub traceparent: &'a str,
    /// No request is sent to Stripe after this.
    pub until_ms: i64,
    /// When this run's claims lapse.
    pub lapses_at_ms: i64,
    /// How long an entry is kept, in seconds.
    pub retention_s: i64,
    /// A walk ends this many seconds before now: an event that is on its way isn't missing yet.
    pub settle_s: i64,
    /// The most pages of events that a run asks for, including requests without an answer.
    pub pages_max: u32,
    /// The most objects that a run checks, beside unresolved ties.
    pub checks_max: usize,
}

/// The part of a run's time that is kept for events that Stripe failed to make, as the divisor: one eighth.
const UNGENERATED_SHARE: i64 = 8;

/// A run in progress.
struct Run<'a, 'p, S, L, N, B, C> {
    ports: &'a Ports<'p, S, L, N, B>,
    clock: &'a C,
    plan: &'a Plan<'a>,
    /// No page of a scope's events is requested after this.
    walks_until_ms: i64,
    /// The stored cursors, by the key of their scope.
    cursors: BTreeMap<String, Cursor>,
    lists: Vec<AccountList>,
    report: Report,
    sample: Sample,
}

/// Runs once. The report is stored, and returned for the log.
///
/// # Errors
/// `Retry` if the cursors can't be read or the report can't be stored. The faults of scopes, and what stops the walks,
/// are in the report.
pub async fn run<L: Ledger + Standings>(
    ports: &Ports<'_, impl Listing, L, impl Notes, impl Bus>,
    clock: &impl Clock,
    plan: &Plan<'_>,
) -> Result<Report, Fault> {
    let began_ms = clock.now_ms();
    let mut run = Run {
        ports,
        clock,
        plan,
        walks_until_ms: plan.until_ms - (plan.until_ms - began_ms) / UNGENERATED_SHARE,
        cursors: ports.notes.cursors().await?,
        lists: Vec::new(),
        report: Report::begun(began_ms, plan.attempt),
        sample: Sample::of(plan.checks_max),
    };
    let targets = run.targets().await;
    let compared: Vec<_> = targets.iter().map(|one| (one.key(), one.since_s)).collect();
    run.walk_all(targets).await;
    run.keep_lists().await;
    run.report.behind_s = run.behind_s(&compared);
    let Run {
        cursors,
        mut report,
        sample,
        ..
    } = run;
    ungenerated::ask(ports, clock, plan, &cursors, &mut report).await;
    check::ask(ports, plan, &sample, &mut report).await;
    report.ended_ms = clock.now_ms();
    ports.notes.save_report(&report).await?;
    Ok(report)
}

/// Whether these names and patterns (`charge.*`, `*`) include a type; none means all.
pub fn is_subscribed(patterns: &[String], kind: &str) -> bool {
    patterns.is_empty()
        || patterns
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => kind.starts_with(prefix),
                None => pattern == kind,
            })
}
