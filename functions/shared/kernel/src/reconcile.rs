//! Reconcile: compares Stripe's own list of events with the ledger, and lets in what is missing.
//!
//! Runs on a schedule. For the platform and for each connected account it walks Stripe's list of snapshot events, or that of
//! thin events if an endpoint is sent those ([`crate::delivery::endpoint::Payload`]), over a window that overlaps the one before. It
//! looks each event up in the ledger. What the ledger lacks, or holds unpublished under a lapsed claim, it takes through the
//! same claim as a delivery ([`crate::delivery::record`]). So a late delivery, a sweep or another reconcile at the same moment is one more
//! parallel delivery, which the protocol absorbs.
//!
//! Delivery guarantee: an event that Stripe lists, of a type that is subscribed to, and made between the first run and
//! [`Plan::settle_s`] ago, is on the bus or due once the walk over its window has ended. For an account that was connected
//! later, it holds from then on.
//!
//! Failure windows: the cursor is written after the page that it speaks of was dealt with. A crash in between deals
//! with that page again; two runs at once deal with pages twice, and whichever cursor is written last is true.
//!
//! What bounds a run: its pages, its time, Stripe's budget. Whatever is left is the next run's, in which the scopes whose
//! last attempt is longest ago come first. A scope that fails ends neither the run nor another scope's turn ([`walk`]); it
//! is in the report, with its code and since when.
//!
//! A sample of the objects that were seen is then checked: the domain is asked, by a message on the bus
//! ([`crate::bus::detail::check`]), to fetch the object and hold it against its projection. The domain mends through its
//! usual conditional write and notes the drift. So are the objects of events that Stripe says it failed to make
//! ([`ungenerated`]).
//!
//! | Module | |
//! |---|---|
//! | `targets` | whose events: the platform, and the connected accounts |
//! | [`walk`] | which scope next, and its pages against the ledger |
//! | [`window`] | which stretch of time, and how far a scope came |
//! | [`ungenerated`] | events that Stripe never made |
//! | `check` | which objects are checked |
//! | `pages` | one page of a list, waiting for the budget |
//! | [`report`] | what a run found, and what it doesn't cover |
//! | [`ports`] | what it asks of others |

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

/// The word for what came in this way, in the entry and on the bus.
pub const VIA: &str = "reconcile";

/// Events of one page, which is also the most that Stripe lists at once.
pub const PAGE_EVENTS_MAX: usize = 100;

/// The most connected accounts of a mode that a run reads from Stripe; the next run goes on with the list.
pub const ACCOUNTS_MAX: usize = 10_000;

/// The most unresolved ties that are checked, a run.
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
    /// Reads the head of an event, as the door does.
    pub head: for<'b> fn(&'b [u8]) -> Option<Head<'b>>,
}

/// How a run is bounded, and for what it looks.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The endpoints, by name: whose events come in.
    pub endpoints: &'a BTreeMap<String, Endpoint>,
    /// The types that are subscribed to; none means all.
    pub types: &'a [String],
    /// Names this invocation, and no other.
    pub attempt: &'a str,
    /// The trace context of this run.
    pub traceparent: &'a str,
    /// Nothing is asked of Stripe after this.
    pub until_ms: i64,
    /// When this run's claims lapse.
    pub lapses_at_ms: i64,
    /// How long an entry counts, in seconds.
    pub retention_s: i64,
    /// A walk ends this many seconds before now: what is on its way isn't missing yet.
    pub settle_s: i64,
    /// The most pages of events that are asked for a run, those that aren't answered among them.
    pub pages_max: u32,
    /// The most objects that are checked a run, beside unresolved ties.
    pub checks_max: usize,
}

/// Of a run's time, the part that is kept for events that Stripe failed to make: one in so many.
const UNGENERATED_SHARE: i64 = 8;

/// A run at work.
struct Run<'a, 'p, S, L, N, B, C> {
    ports: &'a Ports<'p, S, L, N, B>,
    clock: &'a C,
    plan: &'a Plan<'a>,
    /// No page of a scope's events is begun after this.
    walks_until_ms: i64,
    /// As they are kept, by the key of their scope.
    cursors: BTreeMap<String, Cursor>,
    lists: Vec<AccountList>,
    report: Report,
    sample: Sample,
}

/// Runs once. The report is stored, and returned for the log.
///
/// # Errors
/// `Retry` where the cursors can't be read or the report can't be stored. What fails for a scope, or stops the walks, is in
/// the report.
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

/// Whether a type is meant by these names and patterns (`charge.*`, `*`); none means all.
pub fn is_subscribed(patterns: &[String], kind: &str) -> bool {
    patterns.is_empty()
        || patterns
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => kind.starts_with(prefix),
                None => pattern == kind,
            })
}
