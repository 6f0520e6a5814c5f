//! Events that Stripe never made. Stripe says so later, with an event of [`KIND`], and no list has the missing events.
//!
//! Stripe is asked for what it has said since the last run, whether an endpoint is subscribed to that type or not. For
//! each event that would have been ours, a message asks its object's domain to check the object. The message says what
//! the missing event would have said, like a thin event of its type.
//!
//! Failure windows: the cursor is written after the page's checks are on the bus, so a crash in between asks for them
//! once more. A check that is asked for twice finds nothing to fix the second time. Its facts have the same ids,
//! because they are dated when Stripe said so, and never when the object was fetched.

use std::collections::{BTreeMap, BTreeSet};

use super::pages::{Stop, begin_again, patiently};
use super::report::Report;
use super::window::Cursor;
use super::{
    AskUngenerated, Listing, Notes, Plan, Ports, Standings, Ungenerated, VIA, is_subscribed,
};
use crate::bus::{Bus, Outgoing, detail};
use crate::clock::Clock;
use crate::delivery::endpoint;
use crate::delivery::ledger::Ledger;
use crate::fault::{Class, Fault};

/// The type of the event that says so.
pub const KIND: &str = "v2.core.health.event_generation_failure.resolved";

/// How many of them are listed at once: each may need a request of its own.
pub const PAGE_MAX: usize = 20;

/// No page is requested with less time than this left: it wouldn't be answered.
const WITHIN_MS_MIN: i64 = 1_000;

/// The key of a mode's cursor, which no scope has.
fn key(livemode: bool) -> String {
    let mode = if livemode { "live" } else { "test" };
    format!("ungenerated#{mode}")
}

/// Asks for checks of the objects whose events Stripe failed to make. Faults are in the report, and stop nothing else.
pub(super) async fn ask<L: Ledger + Standings>(
    ports: &Ports<'_, impl Listing, L, impl Notes, impl Bus>,
    clock: &impl Clock,
    plan: &Plan<'_>,
    cursors: &BTreeMap<String, Cursor>,
    report: &mut Report,
) {
    let modes: BTreeSet<bool> = plan.endpoints.values().map(|one| one.livemode).collect();
    for livemode in modes {
        if !matches!(ports.listing.has_key(livemode).await, Ok(true)) {
            continue;
        }
        let cursor = cursors.get(&key(livemode));
        if let Err(fault) = walk(ports, clock, plan, livemode, cursor, report).await {
            report
                .ungenerated_code
                .get_or_insert_with(|| fault.code.to_string());
        }
    }
}

async fn walk<L: Ledger + Standings>(
    ports: &Ports<'_, impl Listing, L, impl Notes, impl Bus>,
    clock: &impl Clock,
    plan: &Plan<'_>,
    livemode: bool,
    cursor: Option<&Cursor>,
    report: &mut Report,
) -> Result<(), Fault> {
    let now_s = clock.now_ms() / 1_000;
    let mut cursor = match cursor {
        Some(cursor) => cursor.clone(),
        None => Cursor::first(now_s),
    };
    // Nothing is on its way here: what Stripe said is listed.
    let Some(mut walk) = cursor.next_walk(now_s, 0) else {
        return Ok(());
    };
    let mut again_s = None;
    for _ in 0..plan.pages_max {
        let until_ms = plan.until_ms - WITHIN_MS_MIN;
        if clock.now_ms() > until_ms {
            break;
        }
        let ask = || {
            let left_ms = plan.until_ms - clock.now_ms();
            let ask = AskUngenerated {
                livemode,
                from_s: walk.from_s,
                to_s: walk.asked_to_s(),
                after: walk.after.clone(),
                within_ms: u64::try_from(left_ms).unwrap_or(0),
            };
            async move { ports.listing.ungenerated(&ask).await }
        };
        let listed = patiently(clock, until_ms, ask).await;
        let (items, next) = match listed {
            Ok(page) => page,
            Err(Stop::Scope(fault)) if fault.class == Class::Reject => {
                begin_again(&mut walk, &mut again_s, fault).map_err(Stop::into_fault)?;
                continue;
            }
            Err(stop) => return Err(stop.into_fault()),
        };
        if !check(ports, plan, &items, report).await {
            // The next run asks for the rest, from the same place.
            break;
        }
        let is_last = next.is_none();
        walk.reached_s = items.last().map(|one| one.noticed_s).or(walk.reached_s);
        walk.after = next;
        match is_last {
            true => cursor.ended(&walk),
            false => cursor.walk = Some(walk.clone()),
        }
        ports.notes.save_cursor(&key(livemode), &cursor).await?;
        if is_last {
            return Ok(());
        }
    }
    (report.more, report.ungenerated_more) = (true, true);
    Ok(())
}

/// Asks the domains to check the objects that would have come in here; whether the bus accepted all messages.
async fn check<L: Ledger + Standings>(
    ports: &Ports<'_, impl Listing, L, impl Notes, impl Bus>,
    plan: &Plan<'_>,
    items: &[Ungenerated],
    report: &mut Report,
) -> bool {
    let keyed = items.iter().map(|one| keyed(plan, one));
    let ours: Vec<_> = keyed.filter(|one| is_ours(plan, one)).collect();
    let entries: Vec<Outgoing> = ours
        .iter()
        .inspect(|_| report.ungenerated += 1)
        .filter_map(|one| {
            let check = detail::Check {
                scope: &one.scope,
                event: &one.notice_id,
                kind: &one.kind,
                object: one.object.as_deref()?,
                object_kind: one.object_kind.as_deref()?,
                parent: None,
            };
            Some(detail::check_ungenerated(
                &check,
                one.noticed_s,
                VIA,
                report.began_ms,
                plan.traceparent,
            ))
        })
        .collect();
    for batch in entries.chunks(crate::bus::BATCH_ENTRIES_MAX) {
        let results = ports.bus.publish(batch).await;
        let taken = results.iter().filter(|result| result.is_ok()).count();
        report.checked += taken as u64;
        if taken < batch.len() {
            return false;
        }
    }
    true
}

/// The same, as the platform's own if it names the account of an endpoint.
fn keyed(plan: &Plan<'_>, one: &Ungenerated) -> Ungenerated {
    let mut keyed = one.clone();
    let endpoints = plan.endpoints.values();
    keyed.scope.account = keyed
        .scope
        .account
        .filter(|account| !endpoint::is_own(endpoints, one.scope.livemode, account));
    keyed
}

/// Whether an endpoint takes events of this account and mode, and is subscribed to the type.
fn is_ours(plan: &Plan<'_>, one: &Ungenerated) -> bool {
    let not = match one.scope.account {
        Some(_) => endpoint::AccountScope::Platform,
        None => endpoint::AccountScope::Connect,
    };
    let mut endpoints = plan.endpoints.values();
    let is_taken = endpoints.any(|it| it.livemode == one.scope.livemode && it.scope != not);
    // Stripe may say so about the snapshot or the thin event: either way it is the same missing change.
    let kind = one.kind.strip_prefix("v1.").unwrap_or(&one.kind);
    let is_expected = |kind: &str| is_subscribed(plan.types, kind);
    is_taken && (is_expected(kind) || is_expected(&format!("v1.{kind}")))
}
