//! Compares scopes with the ledger, page by page.
//!
//! A scope that fails is recorded, and the run continues with the next one. Only faults of the run itself end it: the
//! ledger or the notes can't be reached, the budget or the time is used up, or Stripe gives [`SILENT_MAX`] scopes in a
//! row no answer.
//!
//! The scope whose last attempt is longest ago comes first. An attempt is recorded before the first request. So even a
//! scope at which the whole invocation ends takes no other's turn. The platform's own scopes come before the accounts,
//! with at most half of a run's pages while accounts wait.

use std::collections::VecDeque;

use super::pages::{Stop, begin_again, patiently};
use super::targets::Target;
use super::window::{Cursor, Walk};
use super::{Ask, Listing, Notes, Run, Standings, VIA, is_subscribed};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::code;
use crate::delivery::ledger::{Arrival, Ledger, is_expired};
use crate::delivery::record::{self, DeliveryOutcome};
use crate::event::Head;
use crate::fault::{Class, Fault};

/// If this many scopes in a row get no answer from Stripe, the cause isn't the scopes.
pub const SILENT_MAX: u32 = 3;

/// How far an attempt got.
enum Ended {
    /// Everything that has settled was compared.
    Whole,
    /// The scope's share of the pages is used up: the others come first.
    ShareUsed,
    /// The run's pages or time are used up.
    OutOfBounds,
}

impl<S, L, N, B, C> Run<'_, '_, S, L, N, B, C>
where
    S: Listing,
    L: Ledger + Standings,
    N: Notes,
    B: Bus,
    C: Clock,
{
    /// Walks over the targets in their order, until all are compared or the run ends.
    pub(super) async fn walk_all(&mut self, targets: Vec<Target>) {
        let mut queue = shared_out(targets, self.plan.pages_max);
        let mut silent = 0;
        while let Some((target, share)) = queue.pop_front() {
            let requests = self.report.requests;
            let attempt = self.attempt(&target, share).await;
            if self.report.requests > requests {
                silent = match &attempt {
                    Err(Stop::Scope(fault)) if fault.code == code::STRIPE_UNAVAILABLE => silent + 1,
                    _ => 0,
                };
            }
            match attempt {
                Ok(Ended::Whole) => self.report.scopes_whole += 1,
                Ok(Ended::ShareUsed) => queue.push_back((target, u32::MAX)),
                Ok(Ended::OutOfBounds) => {
                    queue.push_front((target, share));
                    return self.leave(&queue);
                }
                Err(Stop::Run(fault)) => {
                    self.report.stop(&fault);
                    queue.push_front((target, share));
                    return self.leave(&queue);
                }
                Err(Stop::Scope(fault)) if silent >= SILENT_MAX => {
                    self.report.stop(&fault);
                    return self.leave(&queue);
                }
                Err(Stop::Scope(_)) => {}
            }
        }
    }

    /// Ends the run and leaves these to the next one.
    fn leave(&mut self, left: &VecDeque<(Target, u32)>) {
        let since_ms = left.iter().map(|(target, _)| {
            let cursor = self.cursors.get(&target.key());
            let in_walk = |cursor: &&Cursor| cursor.walk.is_some() && cursor.failing.is_none();
            match cursor.filter(|cursor| !in_walk(cursor)) {
                Some(cursor) => cursor.turn_ms(),
                None => 0,
            }
        });
        self.report.left_since_ms = since_ms.min();
        self.report.scopes_left = left.len() as u64;
        self.report.more = true;
    }

    /// How far the scope that is furthest behind is behind, in seconds; an account that is unreachable doesn't count.
    pub(super) fn behind_s(&self, targets: &[(String, i64)]) -> i64 {
        let settled_s = self.clock.now_ms() / 1_000 - self.plan.settle_s;
        let compared_to = targets.iter().filter_map(|(key, since_s)| {
            let cursor = self.cursors.get(key);
            let is_known = cursor.is_none_or(|cursor| !cursor.is_unreachable());
            is_known.then(|| cursor.map_or(*since_s, |cursor| cursor.through_s))
        });
        compared_to
            .map(|to_s| settled_s - to_s)
            .max()
            .unwrap_or(0)
            .max(0)
    }

    /// Whether the run has a page and time left.
    fn has_room(&self) -> bool {
        self.report.requests < self.plan.pages_max && self.has_time()
    }

    fn has_time(&self) -> bool {
        self.clock.now_ms() < self.walks_until_ms
    }

    /// Walks over a scope; a fault of the scope itself is recorded in its cursor and in the report.
    async fn attempt(&mut self, target: &Target, share: u32) -> Result<Ended, Stop> {
        let key = target.key();
        let known = self.cursors.get(&key).cloned();
        let is_new = known.is_none();
        let mut cursor = known.unwrap_or_else(|| Cursor::first(target.since_s));
        if !self.has_time() {
            return Ok(Ended::OutOfBounds);
        }
        if is_new {
            // Saved before anything is listed: events after that second still have to be found.
            self.save(&key, &cursor).await.map_err(Stop::Run)?;
        }
        let now_ms = self.clock.now_ms();
        let Some(walk) = cursor.next_walk(now_ms / 1_000, self.plan.settle_s) else {
            return Ok(Ended::Whole);
        };
        if !self.has_room() {
            return Ok(Ended::OutOfBounds);
        }
        cursor.attempted_ms = Some(now_ms);
        // A failed save is ignored: if cursors can't be saved, the cursor of the first page stops the run.
        let _ = self.save(&key, &cursor).await;
        let walked = self.walk(target, &mut cursor, walk, share).await;
        if let Err(Stop::Scope(fault)) = &walked {
            let failing = cursor.failed(fault.code, self.clock.now_ms() / 1_000);
            self.report.failed(key.clone(), failing);
            self.save(&key, &cursor).await.map_err(Stop::Run)?;
        }
        walked
    }

    async fn walk(
        &mut self,
        target: &Target,
        cursor: &mut Cursor,
        mut walk: Walk,
        share: u32,
    ) -> Result<Ended, Stop> {
        let key = target.key();
        let requests = self.report.requests;
        let mut again_s = None;
        loop {
            if !self.has_room() {
                return Ok(Ended::OutOfBounds);
            }
            if self.report.requests - requests >= share {
                return Ok(Ended::ShareUsed);
            }
            let ask = self.ask(target, &walk);
            let listing = self.ports.listing;
            let listed = patiently(self.clock, self.walks_until_ms, || listing.events(&ask)).await;
            if !matches!(listed, Err(Stop::Run(_))) {
                self.report.requests += 1;
            }
            let (items, next) = match listed {
                Ok(page) => page,
                Err(Stop::Scope(fault)) if fault.class == Class::Reject => {
                    begin_again(&mut walk, &mut again_s, fault)?;
                    continue;
                }
                Err(stop) => return Err(stop),
            };
            self.report.pages += 1;
            self.report.covers(walk.from_s, walk.to_s);
            cursor.failing = None;
            if let Some(gap_s) = cursor.gap_s(self.clock.now_ms() / 1_000) {
                self.report.gap_s = self.report.gap_s.max(gap_s);
            }
            self.page(target, &items, &mut walk).await?;
            let is_last = next.is_none();
            walk.after = next;
            match is_last {
                true => cursor.ended(&walk),
                false => cursor.walk = Some(walk.clone()),
            }
            self.save(&key, cursor).await.map_err(Stop::Run)?;
            if is_last {
                return Ok(Ended::Whole);
            }
        }
    }

    fn ask(&self, target: &Target, walk: &Walk) -> Ask {
        Ask {
            scope: target.scope.clone(),
            payload: target.payload,
            from_s: walk.from_s,
            to_s: walk.asked_to_s(),
            after: walk.after.clone(),
            types: self.plan.types.to_vec(),
        }
    }

    /// Writes a cursor, and remembers it.
    pub(super) async fn save(&mut self, key: &str, cursor: &Cursor) -> Result<(), Fault> {
        self.ports.notes.save_cursor(key, cursor).await?;
        self.cursors.insert(key.to_owned(), cursor.clone());
        Ok(())
    }

    /// Compares a page.
    async fn page(
        &mut self,
        target: &Target,
        items: &[Vec<u8>],
        walk: &mut Walk,
    ) -> Result<(), Stop> {
        let mut listed = Vec::with_capacity(items.len());
        for body in items {
            let Some(mut head) = (self.ports.head)(body) else {
                self.report.unreadable += 1;
                continue;
            };
            // The list is newest first: everything after this second was seen.
            let created_s = head.created;
            let created_s = created_s.filter(|at_s| (walk.from_s..=walk.to_s).contains(at_s));
            walk.reached_s = created_s.or(walk.reached_s);
            // The list of an account doesn't repeat the account. The platform's own events name an account only in
            // their context, and that account is the platform's own.
            let account = target.scope.account.as_deref();
            if account.is_none() && head.context.is_some() {
                head.account = None;
            }
            if head.account.is_none() {
                head.account = account.map(Into::into);
            }
            let livemode = target.scope.livemode;
            let ours =
                head.account.as_deref() == account && head.livemode.unwrap_or(livemode) == livemode;
            if !ours {
                self.report.unreadable += 1;
            } else if is_subscribed(self.plan.types, &head.kind) {
                listed.push((head, body.as_slice()));
            }
        }
        let ids: Vec<&str> = listed.iter().map(|(head, _)| &*head.id).collect();
        let standings = match ids.is_empty() {
            true => Vec::new(),
            false => {
                let standings = self.ports.ledger.standings(&ids).await;
                standings.map_err(Stop::of_ledger)?
            }
        };
        let now_ms = self.clock.now_ms();
        for ((head, body), standing) in listed.into_iter().zip(standings) {
            self.report.seen += 1;
            self.sample.offer(&target.scope, &head);
            let created_s = head.created.unwrap_or(walk.from_s);
            let held = self.report.held;
            match standing.filter(|standing| !is_expired(standing, now_ms)) {
                Some(standing) if standing.published_at_ms.is_some() => {}
                Some(standing) if standing.due_at_ms.is_some() => self.report.due += 1,
                // This scope's endpoint publishes what the live one only stored.
                Some(standing) if standing.ledger_only.is_some() => {
                    self.report.missing += 1;
                    self.take(target, head, body).await?;
                }
                Some(standing) if standing.lapses_at_ms > now_ms => self.report.held += 1,
                Some(_) => {
                    self.report.stuck += 1;
                    self.take(target, head, body).await?;
                }
                None => {
                    self.report.missing += 1;
                    self.take(target, head, body).await?;
                }
            }
            if self.report.held > held {
                let earliest_s = walk.held_s.unwrap_or(created_s).min(created_s);
                walk.held_s = Some(earliest_s);
            }
        }
        Ok(())
    }

    async fn take(&mut self, target: &Target, head: Head<'_>, body: &[u8]) -> Result<(), Stop> {
        let now_ms = self.clock.now_ms();
        let arrival = Arrival {
            head,
            endpoint: &target.endpoint,
            via: Some(VIA),
            body,
            attempt: self.plan.attempt,
            received_at_ms: now_ms,
            lapses_at_ms: self.plan.lapses_at_ms,
            expires_at_s: now_ms / 1_000 + self.plan.retention_s,
            traceparent: self.plan.traceparent,
            ledger_only: None,
        };
        let taken =
            record::record_and_publish(self.ports.ledger, self.ports.bus, self.clock, &arrival)
                .await;
        match taken.map_err(Stop::of_ledger)? {
            DeliveryOutcome::Accepted { .. } | DeliveryOutcome::Queued { .. } => {
                self.report.recovered += 1
            }
            // A delivery came in between.
            DeliveryOutcome::Duplicate => {}
            // A later walk sees it again.
            DeliveryOutcome::Held => self.report.held += 1,
            DeliveryOutcome::Conflict => self.report.conflicts += 1,
        }
        Ok(())
    }
}

/// The targets with the number of pages that each may take before the others had their turn. That is all pages, except
/// for the platform's own scopes: they come first, and share half of the pages while accounts wait.
fn shared_out(targets: Vec<Target>, pages_max: u32) -> VecDeque<(Target, u32)> {
    let is_own = |target: &Target| target.scope.account.is_none();
    let own = targets.iter().filter(|target| is_own(target)).count();
    let share = match own < targets.len() {
        true => (pages_max / 2 / u32::try_from(own.max(1)).unwrap_or(u32::MAX)).max(1),
        false => u32::MAX,
    };
    let shared = targets.into_iter().map(|target| {
        let share = if is_own(&target) { share } else { u32::MAX };
        (target, share)
    });
    shared.collect()
}
