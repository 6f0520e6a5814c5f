//! Reconcile as it runs on its schedule: one bounded run of [`sluice_kernel::reconcile`], and one log line.

pub mod code;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_kernel::bus::Bus;
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::endpoint::Endpoint;
use sluice_kernel::delivery::ledger::Ledger;
use sluice_kernel::fault::Fault;
use sluice_kernel::reconcile::report::Report;
use sluice_kernel::reconcile::{Listing, Notes, Plan, Ports, Standings, run};
use sluice_stripe::event::parse_head;

/// A run begins no page with less time than this left before the invocation's deadline: the run lists the page,
/// compares it, and records every event that the ledger lacks. That takes longest when it lacks all of them.
pub const RESERVE_MS: i64 = 60_000;

const DAY_S: i64 = 86_400;

/// What doesn't change from run to run.
#[derive(Debug)]
pub struct Settings {
    /// The endpoints, by name.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// The types that are subscribed to; none means all.
    pub types: Vec<String>,
    /// How long an entry counts.
    pub retention_days: u32,
    /// How long after the deadline the claims of this run lapse.
    pub lapse_margin_ms: u32,
    /// A walk ends this long before now.
    pub settle_s: u32,
    /// The most pages per run.
    pub pages_max: u32,
    /// The most objects that are checked per run.
    pub checks_max: u32,
}

/// The invocation.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    /// Lambda's request id: names the run.
    pub id: &'a str,
    /// When it ends.
    pub deadline_ms: i64,
    /// The trace context of the run.
    pub traceparent: &'a str,
}

/// Runs once and logs what was found; it returns the report, for an operator who invokes it by hand.
///
/// # Errors
/// `Retry` if the cursors can't be read or the report can't be stored: the next run does the same again.
pub async fn run_once<L: Ledger + Standings>(
    ports: (&impl Listing, &L, &impl Notes, &impl Bus),
    clock: &impl Clock,
    settings: &Settings,
    invocation: Invocation<'_>,
) -> Result<Value, Fault> {
    let (listing, ledger, notes, bus) = ports;
    let ports = Ports {
        listing,
        ledger,
        notes,
        bus,
        head: |body| parse_head(body).ok(),
    };
    let plan = Plan {
        endpoints: &settings.endpoints,
        types: &settings.types,
        attempt: invocation.id,
        traceparent: invocation.traceparent,
        until_ms: invocation.deadline_ms - RESERVE_MS,
        lapses_at_ms: invocation.deadline_ms + i64::from(settings.lapse_margin_ms),
        retention_s: i64::from(settings.retention_days) * DAY_S,
        settle_s: i64::from(settings.settle_s),
        pages_max: settings.pages_max,
        checks_max: settings.checks_max as usize,
    };
    match run(&ports, clock, &plan).await {
        Ok(report) => {
            log(&report);
            Ok(json!(report))
        }
        Err(fault) => {
            tracing::error!(
                code = fault.code.as_str(),
                cause = fault.cause,
                "reconcile failed"
            );
            Err(fault)
        }
    }
}

/// The code for the log, the worst first.
fn code(report: &Report) -> Option<&str> {
    let stopped = report.stopped.as_deref();
    match () {
        () if report.missing + report.stuck > 0 => Some(code::RECONCILE_MISSING.as_str()),
        () if report.gap_s > 0 => Some(code::RECONCILE_GAP.as_str()),
        () => stopped
            .or(report.accounts_code.as_deref())
            .or(report.ungenerated_code.as_deref()),
    }
}

fn log(report: &Report) {
    for failure in &report.failures {
        tracing::warn!(
            code = failure.code,
            scope = failure.scope,
            since_s = failure.since_s,
            "a scope could not be compared"
        );
    }
    if report.is_behind() {
        tracing::warn!(
            code = code::RECONCILE_BEHIND.as_str(),
            behind_s = report.behind_s,
            "not everything was compared for hours"
        );
    }
    tracing::info!(
        code = code(report),
        stopped = report.stopped,
        accounts = ?report.accounts_from,
        accounts_more = report.accounts_more,
        scopes = report.scopes_whole,
        scopes_failed = report.scopes_failed,
        scopes_left = report.scopes_left,
        scopes_put_off = report.scopes_put_off,
        scopes_forgotten = report.scopes_forgotten,
        behind_s = report.behind_s,
        requests = report.requests,
        pages = report.pages,
        seen = report.seen,
        missing = report.missing,
        stuck = report.stuck,
        recovered = report.recovered,
        held = report.held,
        due = report.due,
        conflicts = report.conflicts,
        unreadable = report.unreadable,
        ties = report.ties,
        ties_without_key = report.ties_without_key,
        ungenerated = report.ungenerated,
        ungenerated_more = report.ungenerated_more,
        checked = report.checked,
        drifted = report.drifted,
        gap_s = report.gap_s,
        more = report.more,
        completeness = report.completeness_percent(),
        duration_ms = report.ended_ms - report.began_ms,
        "reconciled"
    );
}
