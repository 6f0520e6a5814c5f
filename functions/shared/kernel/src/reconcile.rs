//! Reconcile: compares Stripe's own list of events with the ledger, and lets in what is missing.
//!
//! Runs on a schedule. For the platform and for each connected account it walks List Events over a window that
//! overlaps the one before, looks each event up in the ledger, and takes what the ledger lacks, or holds unpublished
//! under a lapsed claim, through the same claim as the door ([`crate::take`]). So a late delivery, a sweep or another
//! reconcile at the same moment is one more parallel delivery, which the protocol absorbs.
//!
//! Delivery guarantee: an event that Stripe lists, of a type that is subscribed to, and made between the first run and
//! [`Plan::settle_s`] ago, is on the bus or due once the walk over its window has ended.
//!
//! Failure windows: the cursor is written after the page that it speaks of was dealt with. A crash in between deals
//! with that page again; two runs at once deal with pages twice, and whichever cursor is written last is true.
//!
//! What bounds a run: its pages, its time, Stripe's budget. Whatever is left is the next run's; accounts that were
//! reached longest ago come first.
//!
//! A sample of the objects that were seen is then checked: the domain is asked, by a message on the bus
//! ([`crate::detail::check`]), to fetch the object and hold it against its projection. The domain mends through its
//! usual conditional write and notes the drift. So are the objects of events that Stripe says it failed to make
//! ([`ungenerated`]).

mod check;
pub mod ports;
pub mod report;
pub mod ungenerated;
pub mod window;

pub use ports::{Ask, Listed, Listing, Notes, Standings};

use std::collections::{BTreeMap, BTreeSet};

use crate::bus::Bus;
use crate::clock::Clock;
use crate::effect::Scope;
use crate::endpoint::{self, Endpoint};
use crate::event::Head;
use crate::fault::{Class, Fault};
use crate::ledger::{Arrival, Ledger, is_expired};
use crate::take::{self, Taken};

use check::Sample;
use report::{AccountsFrom, Report};
use window::{Cursor, Walk};

/// The word for what came in this way, in the entry and on the bus.
pub const VIA: &str = "reconcile";

/// Events of one page, which is also the most that Stripe lists at once.
pub const PAGE_EVENTS_MAX: usize = 100;

/// The most connected accounts that are asked for, a run and mode.
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
    /// No page is begun after this.
    pub until_ms: i64,
    /// When this run's claims lapse.
    pub lapses_at_ms: i64,
    /// How long an entry counts, in seconds.
    pub retention_s: i64,
    /// A walk ends this many seconds before now: what is on its way isn't missing yet.
    pub settle_s: i64,
    /// The most pages a run.
    pub pages_max: u32,
    /// The most objects that are checked a run, beside unresolved ties.
    pub checks_max: usize,
}

/// Runs once. The report is stored, and returned for the log.
///
/// # Errors
/// `Retry` where the cursors can't be read or the report can't be stored. What stops a walk is in the report.
pub async fn run<L: Ledger + Standings>(
    ports: &Ports<'_, impl Listing, L, impl Notes, impl Bus>,
    clock: &impl Clock,
    plan: &Plan<'_>,
) -> Result<Report, Fault> {
    let began_ms = clock.now_ms();
    let mut report = Report::begun(began_ms, plan.attempt);
    let cursors = ports.notes.cursors().await?;
    let mut sample = Sample::of(plan.checks_max);
    let mut scopes = scopes(ports, plan, &cursors, began_ms, &mut report).await;
    // The ones reached longest ago first, so that a bound never starves an account.
    scopes.sort_by_key(|(scope, _)| {
        let cursor = cursors.get(&scope.key());
        cursor.map_or(i64::MIN, |cursor| cursor.through_s)
    });
    for (index, (scope, endpoint)) in scopes.iter().enumerate() {
        let mut walker = Walker {
            ports,
            clock,
            plan,
            scope,
            endpoint,
            report: &mut report,
            sample: &mut sample,
        };
        match walker.walk(cursors.get(&scope.key())).await {
            Ok(Ended::Whole) => report.scopes_whole += 1,
            Ok(Ended::OutOfBounds) => {
                report.more = true;
                break;
            }
            Err(fault) => {
                report.stop(&fault);
                // Another account may be well: this one may have been disconnected.
                if fault.code != "stripe.account_unreachable" || index + 1 == scopes.len() {
                    break;
                }
            }
        }
    }
    ungenerated::ask(ports, clock, plan, &cursors, &mut report).await;
    check::ask(ports, plan, &sample, &mut report).await;
    report.ended_ms = clock.now_ms();
    ports.notes.save_report(&report).await?;
    Ok(report)
}

type Walked = (Scope, String);

/// The scopes that the endpoints are for, each with the name of its endpoint.
async fn scopes<L: Ledger + Standings>(
    ports: &Ports<'_, impl Listing, L, impl Notes, impl Bus>,
    plan: &Plan<'_>,
    cursors: &BTreeMap<String, Cursor>,
    now_ms: i64,
    report: &mut Report,
) -> Vec<Walked> {
    let mut found: BTreeMap<String, Walked> = BTreeMap::new();
    for (name, endpoint) in plan.endpoints {
        let livemode = endpoint.livemode;
        match ports.listing.has_key(livemode).await {
            Ok(true) => {}
            // Said by every run, whether there is something to compare or not.
            Ok(false) => {
                report.stop(&no_key());
                continue;
            }
            Err(fault) => {
                report.stop(&fault);
                continue;
            }
        }
        let mut add = |account: Option<String>| {
            let scope = Scope { account, livemode };
            let walked = (scope.clone(), name.clone());
            found.entry(scope.key()).or_insert(walked);
        };
        if endpoint.scope != endpoint::Scope::Connect {
            add(None);
        }
        if endpoint.scope != endpoint::Scope::Platform {
            let accounts = match all_accounts(ports.listing, livemode, report).await {
                Ok(accounts) => accounts,
                Err(fault) => {
                    report.accounts_from = AccountsFrom::Seen;
                    report.accounts_code = Some(fault.code.to_owned());
                    seen_accounts(ports.ledger, cursors, livemode, now_ms, report).await
                }
            };
            // Its own account is the platform's scope, under whatever name deliveries or an earlier walk had it.
            let others = accounts
                .into_iter()
                .filter(|account| !endpoint::is_own(plan.endpoints.values(), livemode, account));
            others.for_each(|account| add(Some(account)));
        }
    }
    found.into_values().collect()
}

async fn all_accounts(
    listing: &impl Listing,
    livemode: bool,
    report: &mut Report,
) -> Result<BTreeSet<String>, Fault> {
    let mut accounts = BTreeSet::new();
    let mut after: Option<String> = None;
    loop {
        let (items, has_more) = match listing.accounts(livemode, after.as_deref()).await? {
            Listed::Page { items, has_more } => (items, has_more),
            Listed::NoKey => return Err(no_key()),
            Listed::Spent { wait_ms } => return Err(spent(wait_ms)),
        };
        after = items.last().cloned();
        accounts.extend(items);
        if !has_more || after.is_none() {
            return Ok(accounts);
        }
        if accounts.len() >= ACCOUNTS_MAX {
            report.more = true;
            return Ok(accounts);
        }
    }
}

/// Accounts that a walk has reached before, or that deliveries named lately.
async fn seen_accounts(
    ledger: &impl Standings,
    cursors: &BTreeMap<String, Cursor>,
    livemode: bool,
    now_ms: i64,
    report: &mut Report,
) -> BTreeSet<String> {
    let since_ms = now_ms - window::SEEN_S * 1_000;
    let mut accounts = match ledger.accounts_seen(livemode, since_ms, ACCOUNTS_MAX).await {
        Ok(accounts) => accounts,
        Err(_) => {
            report.accounts_from = AccountsFrom::Unknown;
            BTreeSet::new()
        }
    };
    let mode = if livemode { "#live" } else { "#test" };
    let walked = cursors.keys().filter_map(|key| key.strip_suffix(mode));
    accounts.extend(
        walked
            .filter(|key| key.starts_with("acct_"))
            .map(str::to_owned),
    );
    accounts
}

fn no_key() -> Fault {
    Fault::retry("reconcile.no_key", "there is no API key for this mode")
}

fn spent(wait_ms: u64) -> Fault {
    Fault::retry("stripe.budget_spent", "no request is left for now").with_delay(wait_ms)
}

enum Ended {
    /// Everything that has settled was compared.
    Whole,
    /// The run's pages or time are used up.
    OutOfBounds,
}

struct Walker<'a, 'p, S, L, N, B, C> {
    ports: &'a Ports<'p, S, L, N, B>,
    clock: &'a C,
    plan: &'a Plan<'a>,
    scope: &'a Scope,
    endpoint: &'a str,
    report: &'a mut Report,
    sample: &'a mut Sample,
}

impl<S, L, N, B, C> Walker<'_, '_, S, L, N, B, C>
where
    S: Listing,
    L: Ledger + Standings,
    N: Notes,
    B: Bus,
    C: Clock,
{
    async fn walk(&mut self, cursor: Option<&Cursor>) -> Result<Ended, Fault> {
        let now_s = self.clock.now_ms() / 1_000;
        let mut cursor = match cursor {
            Some(cursor) => cursor.clone(),
            None => {
                let first = Cursor::first(now_s);
                // Before anything is listed: what comes after this second is ours to find.
                self.save(&first).await?;
                first
            }
        };
        let Some(mut walk) = cursor.next_walk(now_s, self.plan.settle_s) else {
            return Ok(Ended::Whole);
        };
        if let Some(gap_s) = cursor.gap_s(now_s) {
            self.report.gap_s = self.report.gap_s.max(gap_s);
        }
        self.report.covers(walk.from_s, walk.to_s);
        loop {
            if self.report.pages >= self.plan.pages_max || self.clock.now_ms() >= self.plan.until_ms
            {
                return Ok(Ended::OutOfBounds);
            }
            let listed = self.ports.listing.events(&self.ask(&walk)).await;
            let (items, has_more) = match listed {
                Ok(Listed::Page { items, has_more }) => (items, has_more),
                Ok(Listed::NoKey) => return Err(no_key()),
                Ok(Listed::Spent { wait_ms }) => {
                    let left_ms = self.plan.until_ms - self.clock.now_ms();
                    if i64::try_from(wait_ms).unwrap_or(i64::MAX) >= left_ms {
                        return Err(spent(wait_ms));
                    }
                    self.clock.sleep_ms(wait_ms).await;
                    continue;
                }
                // Stripe no longer knows the event that the page begins after: from the window's start again.
                Err(fault) if fault.class == Class::Reject && walk.after.is_some() => {
                    walk.after = None;
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            self.report.pages += 1;
            let last = self.page(&items, &mut walk).await?;
            if has_more && let Some(last) = last {
                walk.after = Some(last);
                cursor.walk = Some(walk.clone());
                self.save(&cursor).await?;
            } else {
                cursor.ended(&walk);
                self.save(&cursor).await?;
                return Ok(Ended::Whole);
            }
        }
    }

    fn ask(&self, walk: &Walk) -> Ask {
        Ask {
            scope: self.scope.clone(),
            from_s: walk.from_s,
            to_s: walk.to_s,
            after: walk.after.clone(),
            types: self.plan.types.to_vec(),
        }
    }

    async fn save(&self, cursor: &Cursor) -> Result<(), Fault> {
        self.ports
            .notes
            .save_cursor(&self.scope.key(), cursor)
            .await
    }

    /// Compares a page; returns the id of its last event.
    async fn page(&mut self, items: &[Vec<u8>], walk: &mut Walk) -> Result<Option<String>, Fault> {
        let mut listed = Vec::with_capacity(items.len());
        let mut last = None;
        for body in items {
            let Some(mut head) = (self.ports.head)(body) else {
                self.report.unreadable += 1;
                continue;
            };
            last = Some(head.id.to_string());
            // The list of an account doesn't repeat whose it is. Of the platform's own events an account at most stands in
            // their context, and is its own.
            let account = self.scope.account.as_deref();
            if account.is_none() && head.context.is_some() {
                head.account = None;
            }
            if head.account.is_none() {
                head.account = account.map(Into::into);
            }
            let ours = head.account.as_deref() == account
                && head.livemode.unwrap_or(self.scope.livemode) == self.scope.livemode;
            if !ours {
                self.report.unreadable += 1;
            } else if is_subscribed(self.plan.types, &head.kind) {
                listed.push((head, body.as_slice()));
            }
        }
        let ids: Vec<&str> = listed.iter().map(|(head, _)| &*head.id).collect();
        let standings = match ids.is_empty() {
            true => Vec::new(),
            false => self.ports.ledger.standings(&ids).await?,
        };
        let now_ms = self.clock.now_ms();
        for ((head, body), standing) in listed.into_iter().zip(standings) {
            self.report.seen += 1;
            self.sample.offer(self.scope, &head);
            let created_s = head.created.unwrap_or(walk.from_s);
            let held = self.report.held;
            match standing.filter(|standing| !is_expired(standing, now_ms)) {
                Some(standing) if standing.published_at_ms.is_some() => {}
                Some(standing) if standing.due_at_ms.is_some() => self.report.due += 1,
                // This scope's endpoint publishes what the live one only stored.
                Some(standing) if standing.ledger_only.is_some() => {
                    self.report.missing += 1;
                    self.take(head, body).await?;
                }
                Some(standing) if standing.lapses_at_ms > now_ms => self.report.held += 1,
                Some(_) => {
                    self.report.stuck += 1;
                    self.take(head, body).await?;
                }
                None => {
                    self.report.missing += 1;
                    self.take(head, body).await?;
                }
            }
            if self.report.held > held {
                let earliest_s = walk.held_s.unwrap_or(created_s).min(created_s);
                walk.held_s = Some(earliest_s);
            }
        }
        Ok(last)
    }

    async fn take(&mut self, head: Head<'_>, body: &[u8]) -> Result<(), Fault> {
        let now_ms = self.clock.now_ms();
        let arrival = Arrival {
            head,
            endpoint: self.endpoint,
            via: Some(VIA),
            body,
            attempt: self.plan.attempt,
            received_at_ms: now_ms,
            lapses_at_ms: self.plan.lapses_at_ms,
            expires_at_s: now_ms / 1_000 + self.plan.retention_s,
            traceparent: self.plan.traceparent,
            ledger_only: None,
        };
        match take::take(self.ports.ledger, self.ports.bus, self.clock, &arrival).await? {
            Taken::Accepted { .. } | Taken::Queued { .. } => self.report.recovered += 1,
            // A delivery came in between.
            Taken::Duplicate => {}
            // A walk comes by again.
            Taken::Held => self.report.held += 1,
            Taken::Conflict => self.report.conflicts += 1,
        }
        Ok(())
    }
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
