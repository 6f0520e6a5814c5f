//! Which objects the domains are asked to compare with Stripe's.

use std::collections::BTreeMap;

use super::report::Report;
use super::{Listing, NotedTie, Notes, Plan, Ports, Standings, VIA, ties, window};
use crate::bus::{BATCH_ENTRIES_MAX, Bus, Outgoing, detail};
use crate::delivery::ledger::Ledger;
use crate::event::{Head, Scope};

/// Objects to check, one event for each: those that were seen first, which changed last.
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

/// Asks the domains to check the ties that they left unresolved, and the sample.
pub(super) async fn ask<L: Ledger + Standings>(
    ports: &Ports<'_, impl Listing, L, impl Notes, impl Bus>,
    plan: &Plan<'_>,
    sample: &Sample,
    report: &mut Report,
) {
    let ties = ties::in_turn(ports, report).await;
    let ties_checked = ties.iter().map(|NotedTie { tie, .. }| detail::Check {
        scope: &tie.scope,
        event: &tie.event,
        kind: &tie.kind,
        object: &tie.object,
        object_kind: &tie.object_kind,
        parent: tie.parent.as_deref(),
    });
    let sampled = sample.events.values().map(|one| detail::Check {
        scope: &one.scope,
        event: &one.event,
        kind: &one.kind,
        object: &one.object,
        object_kind: &one.object_kind,
        parent: None,
    });
    let checks: Vec<_> = ties_checked.chain(sampled).collect();
    let entries: Vec<Outgoing> = checks
        .iter()
        .map(|check| detail::check(check, VIA, report.began_ms, plan.traceparent))
        .collect();
    let mut taken = Vec::with_capacity(entries.len());
    for batch in entries.chunks(BATCH_ENTRIES_MAX) {
        let results = ports.bus.publish(batch).await;
        let is_taken = |at| results.get(at).is_some_and(Result::is_ok);
        taken.extend((0..batch.len()).map(is_taken));
    }
    report.checked += taken.iter().filter(|is_taken| **is_taken).count() as u64;
    // A tie whose check the bus refused keeps its turn.
    let asked = ties.into_iter().zip(taken);
    let asked = asked.filter_map(|(noted, is_taken)| is_taken.then_some(noted.tie));
    let asked: Vec<_> = asked.collect();
    if !asked.is_empty() {
        // If this fails, they have their turn again in the next run.
        let _ = ports.notes.ties_asked(&asked, report.began_ms).await;
    }
    let since_ms = report.began_ms - window::DRIFT_S * 1_000;
    report.drifted = ports.notes.drifted_since(since_ms).await.ok();
}
