//! Which objects the domains are asked to hold against Stripe's.

use std::collections::BTreeMap;

use super::report::Report;
use super::{Listing, Notes, Plan, Ports, Standings, TIES_MAX, VIA, window};
use crate::bus::{BATCH_ENTRIES_MAX, Bus, Outgoing};
use crate::detail;
use crate::effect::Scope;
use crate::event::Head;
use crate::ledger::Ledger;

/// Objects to check, one event for each: what was seen first, which is what changed last.
#[derive(Debug)]
pub(super) struct Sample {
    most: usize,
    events: BTreeMap<(String, String), Checked>,
}

#[derive(Debug)]
struct Checked {
    scope: Scope,
    event: String,
    kind: String,
    object: String,
    object_kind: String,
}

impl Sample {
    pub(super) fn of(most: usize) -> Self {
        Self {
            most,
            events: BTreeMap::new(),
        }
    }

    pub(super) fn offer(&mut self, scope: &Scope, head: &Head<'_>) {
        let object = head.object.as_ref();
        let id = object.and_then(|object| object.id.as_deref());
        let kind = object.and_then(|object| object.kind.as_deref());
        if self.events.len() >= self.most {
            return;
        }
        if let (Some(object), Some(object_kind)) = (id, kind) {
            let key = (scope.key(), object.to_owned());
            self.events.entry(key).or_insert_with(|| Checked {
                scope: scope.clone(),
                event: head.id.to_string(),
                kind: head.kind.to_string(),
                object: object.to_owned(),
                object_kind: object_kind.to_owned(),
            });
        }
    }
}

/// Asks the domains to check the ties that they left, and the sample.
pub(super) async fn ask<L: Ledger + Standings>(
    ports: &Ports<'_, impl Listing, L, impl Notes, impl Bus>,
    plan: &Plan<'_>,
    sample: &Sample,
    report: &mut Report,
) {
    let ties = ports.notes.ties(TIES_MAX).await.unwrap_or_default();
    report.ties = ties.len() as u64;
    let ties_checked = ties.iter().map(|tie| detail::Check {
        scope: &tie.scope,
        event: &tie.event,
        kind: &tie.kind,
        object: &tie.object,
        object_kind: &tie.object_kind,
    });
    let sampled = sample.events.values().map(|one| detail::Check {
        scope: &one.scope,
        event: &one.event,
        kind: &one.kind,
        object: &one.object,
        object_kind: &one.object_kind,
    });
    let checks: Vec<_> = ties_checked.chain(sampled).collect();
    let entries: Vec<Outgoing> = checks
        .iter()
        .map(|check| detail::check(check, VIA, report.began_ms, plan.traceparent))
        .collect();
    let mut all = true;
    for batch in entries.chunks(BATCH_ENTRIES_MAX) {
        let results = ports.bus.publish(batch).await;
        let taken = results.iter().filter(|result| result.is_ok()).count();
        report.checked += taken as u64;
        all &= taken == batch.len();
    }
    // What the bus didn't take is asked for by a later run.
    if all && !ties.is_empty() {
        let _ = ports.notes.forget_ties(&ties).await;
    }
    let since_ms = report.began_ms - window::DRIFT_S * 1_000;
    report.drifted = ports.notes.drifted_since(since_ms).await.ok();
}
