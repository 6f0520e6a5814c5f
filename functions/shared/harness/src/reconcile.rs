//! What reconcile uses, in memory: Stripe's lists as a test sets them, and cursors and reports.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use sluice_kernel::clock::Clock;
use sluice_kernel::code;
use sluice_kernel::consumer::fetch::budget::Budget;
use sluice_kernel::delivery::endpoint::Payload;
use sluice_kernel::event::Scope;
use sluice_kernel::fault::Fault;
use sluice_kernel::outcome::{Finding, Tie};
use sluice_kernel::reconcile::report::Report;
use sluice_kernel::reconcile::ungenerated;
use sluice_kernel::reconcile::window::Cursor;
use sluice_kernel::reconcile::{
    Ask, AskUngenerated, Listed, Listing, NotedTie, Notes, Ungenerated,
};

use crate::clock::TestClock;
use crate::noted::Noted;

/// The requests that remain in the budget.
#[derive(Debug)]
struct Metered {
    budget: Budget,
    clock: TestClock,
}

#[derive(Debug, Default)]
struct Lists {
    /// By the scope's key and the list, in the order in which they were made.
    events: BTreeMap<(String, Payload), Vec<Value>>,
    accounts: Option<Vec<String>>,
    /// The number of pages of events that are answered before the fault.
    fault_after: Option<(usize, Fault)>,
    /// What each request for a scope's events fails with.
    refused: BTreeMap<String, Fault>,
    /// Requests that name a place in a list of events are refused.
    forgetful: bool,
    /// The scope with requests that are never answered.
    hangs: Option<String>,
    /// What each request for accounts fails with, after this number of pages.
    accounts_fault: Option<(usize, Fault)>,
    metered: Option<Metered>,
    asked: Vec<Ask>,
    asked_ungenerated: Vec<AskUngenerated>,
    accounts_asked: usize,
    /// In the order in which Stripe said so.
    ungenerated: Vec<Ungenerated>,
    /// Modes without a key.
    keyless: BTreeSet<bool>,
}

impl Lists {
    /// Takes a request out of the budget, if there is one; otherwise returns how long to wait.
    fn spent_ms(&mut self) -> Option<u64> {
        let metered = self.metered.as_mut()?;
        let ticks_ms = u64::try_from(metered.clock.now_ms()).unwrap_or_default();
        metered.budget.take(ticks_ms).err()
    }
}

/// Stripe's lists, paged as Stripe pages each. Pages have as many items as the test says.
#[derive(Debug)]
pub struct MemoryLists {
    page: usize,
    inner: Mutex<Lists>,
}

impl MemoryLists {
    /// Empty lists with pages of this size; a size of 0 means that there is no key.
    pub fn of_pages(page: usize) -> Self {
        Self {
            page,
            inner: Mutex::default(),
        }
    }

    /// Adds a snapshot event of the scope, newer than those before.
    pub fn add(&self, scope: &Scope, event: Value) {
        self.add_to(scope, Payload::Snapshot, event);
    }

    /// Adds an event to one of a scope's two lists, newer than those before.
    pub fn add_to(&self, scope: &Scope, payload: Payload, event: Value) {
        let mut inner = self.inner();
        let events = inner.events.entry((scope.key(), payload)).or_default();
        events.push(event);
    }

    /// Lists these connected accounts from now on; before, the key may not list any.
    pub fn set_accounts(&self, accounts: &[&str]) {
        let accounts = accounts.iter().map(|account| (*account).to_owned());
        self.inner().accounts = Some(accounts.collect());
    }

    /// Answers this number of pages, and then this fault, once.
    pub fn fail_after(&self, pages: usize, fault: Fault) {
        self.inner().fault_after = Some((pages, fault));
    }

    /// Answers each request for a scope's events with this fault, until it is reset with `None`.
    pub fn refuse(&self, scope: &Scope, fault: Option<Fault>) {
        let mut inner = self.inner();
        match fault {
            Some(fault) => inner.refused.insert(scope.key(), fault),
            None => inner.refused.remove(&scope.key()),
        };
    }

    /// From now on refuses each place in a list of events: only first pages are answered.
    pub fn forget_places(&self) {
        self.inner().forgetful = true;
    }

    /// Answers no request for this scope's events, not even with a fault, until it is reset with `None`.
    pub fn hang(&self, scope: Option<&Scope>) {
        self.inner().hangs = scope.map(Scope::key);
    }

    /// Answers this number of pages of accounts, and then this fault, until it is reset with `None`.
    pub fn refuse_accounts(&self, after: Option<(usize, Fault)>) {
        self.inner().accounts_fault = after;
    }

    /// Makes each request use up a budget, by a test's clock.
    pub fn meter(&self, per_second: u32, clock: &TestClock) {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        self.inner().metered = Some(Metered {
            budget: Budget::shared(number(per_second), NonZeroU32::MIN),
            clock: clock.clone(),
        });
    }

    /// Removes the key of this mode, or gives it back.
    pub fn set_key(&self, livemode: bool, has_key: bool) {
        let mut inner = self.inner();
        match has_key {
            true => inner.keyless.remove(&livemode),
            false => inner.keyless.insert(livemode),
        };
    }

    /// Says that an event was never made, later than the previous ones.
    pub fn fail_to_generate(&self, event: Ungenerated) {
        self.inner().ungenerated.push(event);
    }

    /// The requests for lists of events since the last call of this method.
    pub fn take_asked(&self) -> Vec<Ask> {
        std::mem::take(&mut self.inner().asked)
    }

    /// The requests for events that were never made since the last call of this method.
    pub fn take_asked_ungenerated(&self) -> Vec<AskUngenerated> {
        std::mem::take(&mut self.inner().asked_ungenerated)
    }

    /// The number of pages of accounts that were requested since the last call of this method.
    pub fn take_accounts_asked(&self) -> usize {
        std::mem::take(&mut self.inner().accounts_asked)
    }

    fn inner(&self) -> MutexGuard<'_, Lists> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A page of the rest of a list; the next page begins after the page's last item, by that item's name.
fn page_of<T>(rest: Vec<T>, limit: usize, name: impl Fn(&T) -> String) -> Listed<T> {
    let has_more = rest.len() > limit;
    let items: Vec<T> = rest.into_iter().take(limit).collect();
    Listed::Page {
        next: items.last().filter(|_| has_more).map(name),
        items,
    }
}

fn unknown_place() -> Fault {
    Fault::reject(code::STRIPE_REQUEST_REFUSED, "in memory: no such place")
}

/// The items after the one of this name; all items without a name.
///
/// # Errors
/// Stripe's fault, if there is no such item.
fn rest_of<T>(
    items: Vec<T>,
    after: Option<&str>,
    name: impl Fn(&T) -> String,
) -> Result<Vec<T>, Fault> {
    let Some(after) = after else {
        return Ok(items);
    };
    let place = items.iter().position(|item| name(item) == after);
    let place = place.ok_or_else(unknown_place)?;
    Ok(items.into_iter().skip(place + 1).collect())
}

impl Listing for MemoryLists {
    async fn has_key(&self, livemode: bool) -> Result<bool, Fault> {
        Ok(self.page > 0 && !self.inner().keyless.contains(&livemode))
    }

    async fn events(&self, ask: &Ask) -> Result<Listed<Vec<u8>>, Fault> {
        tokio::task::yield_now().await;
        let hangs = self.inner().hangs == Some(ask.scope.key());
        if hangs {
            self.inner().asked.push(ask.clone());
            std::future::pending::<()>().await;
        }
        let mut inner = self.inner();
        if let Some(wait_ms) = inner.spent_ms() {
            return Ok(Listed::Spent { wait_ms });
        }
        match inner.fault_after.take() {
            Some((0, fault)) => return Err(fault),
            Some((pages, fault)) => inner.fault_after = Some((pages - 1, fault)),
            None => {}
        }
        inner.asked.push(ask.clone());
        if let Some(fault) = inner.refused.get(&ask.scope.key()) {
            return Err(fault.clone());
        }
        if inner.forgetful && ask.after.is_some() {
            return Err(unknown_place());
        }
        let events = inner.events.get(&(ask.scope.key(), ask.payload));
        let events: Vec<_> = events.into_iter().flatten().rev().cloned().collect();
        // A page begins after a known event, in any second.
        let name = |event: &Value| event["id"].as_str().unwrap_or_default().to_owned();
        let rest = rest_of(events, ask.after.as_deref(), name)?;
        let in_window = rest.into_iter().filter(|event| {
            let created = event["created"].as_i64().unwrap_or_default();
            (ask.from_s..=ask.to_s).contains(&created)
        });
        Ok(match page_of(in_window.collect(), self.page, name) {
            Listed::Page { items, next } => {
                let items = items.iter().map(|event| event.to_string().into_bytes());
                Listed::Page {
                    items: items.collect(),
                    next,
                }
            }
            Listed::NoKey => Listed::NoKey,
            Listed::Spent { wait_ms } => Listed::Spent { wait_ms },
        })
    }

    async fn accounts(
        &self,
        _livemode: bool,
        after: Option<&str>,
    ) -> Result<Listed<String>, Fault> {
        let mut inner = self.inner();
        if let Some(wait_ms) = inner.spent_ms() {
            return Ok(Listed::Spent { wait_ms });
        }
        inner.accounts_asked += 1;
        match inner.accounts_fault.take() {
            Some((0, fault)) => {
                inner.accounts_fault = Some((0, fault.clone()));
                return Err(fault);
            }
            Some((pages, fault)) => inner.accounts_fault = Some((pages - 1, fault)),
            None => {}
        }
        let refused = || Fault::retry(code::STRIPE_KEY_REFUSED, "in memory");
        let accounts = inner.accounts.clone().ok_or_else(refused)?;
        let rest = rest_of(accounts, after, String::clone)?;
        Ok(page_of(rest, self.page, String::clone))
    }

    async fn ungenerated(&self, ask: &AskUngenerated) -> Result<Listed<Ungenerated>, Fault> {
        let mut inner = self.inner();
        inner.asked_ungenerated.push(ask.clone());
        let listed = inner.ungenerated.iter().rev().cloned();
        let listed = listed.filter(|one| {
            let within = ask.from_s..=ask.to_s;
            one.scope.livemode == ask.livemode && within.contains(&one.noticed_s)
        });
        let name = |one: &Ungenerated| format!("/after/{}", one.notice_id);
        let rest = rest_of(listed.collect(), ask.after.as_deref(), name)?;
        Ok(page_of(rest, ungenerated::PAGE_MAX, name))
    }
}

#[derive(Debug, Default)]
struct Kept {
    cursors: BTreeMap<String, Cursor>,
    reports: Vec<Report>,
    fails: bool,
}

/// Cursors and reports, and what domains have recorded.
#[derive(Debug, Default)]
pub struct MemoryNotes {
    inner: Mutex<Kept>,
    noted: Noted,
}

impl MemoryNotes {
    /// With what domains record in this table.
    pub fn of(noted: Noted) -> Self {
        Self {
            noted,
            ..Self::default()
        }
    }

    /// A scope's cursor.
    pub fn cursor(&self, scope: &Scope) -> Option<Cursor> {
        self.inner().cursors.get(&scope.key()).cloned()
    }

    /// A cursor by its key, of any kind.
    pub fn cursor_of(&self, key: &str) -> Option<Cursor> {
        self.inner().cursors.get(key).cloned()
    }

    /// Keeps a cursor, as an earlier run did.
    pub fn put_cursor(&self, key: &str, cursor: Cursor) {
        self.inner().cursors.insert(key.to_owned(), cursor);
    }

    /// The reports, oldest first.
    pub fn reports(&self) -> Vec<Report> {
        self.inner().reports.clone()
    }

    /// Records a tie, as a domain does.
    pub fn add_tie(&self, tie: Tie) {
        self.noted.note(&Finding::Tie(tie));
    }

    fn reachable(&self) -> Result<(), Fault> {
        match self.inner().fails {
            true => Err(Fault::retry(code::RECONCILE_UNAVAILABLE, "in memory")),
            false => Ok(()),
        }
    }

    /// No cursor can be written and no tie be read until this is reset.
    pub fn set_failing(&self, fails: bool) {
        self.inner().fails = fails;
    }

    fn inner(&self) -> MutexGuard<'_, Kept> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notes for MemoryNotes {
    async fn cursors(&self) -> Result<BTreeMap<String, Cursor>, Fault> {
        tokio::task::yield_now().await;
        Ok(self.inner().cursors.clone())
    }

    async fn save_cursor(&self, scope: &str, cursor: &Cursor) -> Result<(), Fault> {
        tokio::task::yield_now().await;
        self.reachable()?;
        let mut inner = self.inner();
        inner.cursors.insert(scope.to_owned(), cursor.clone());
        Ok(())
    }

    async fn forget_cursor(&self, scope: &str, _now_s: i64) -> Result<(), Fault> {
        let mut inner = self.inner();
        if inner.fails {
            return Err(Fault::retry(code::RECONCILE_UNAVAILABLE, "in memory"));
        }
        inner.cursors.remove(scope);
        Ok(())
    }

    async fn save_report(&self, report: &Report) -> Result<(), Fault> {
        self.inner().reports.push(report.clone());
        Ok(())
    }

    async fn ties(&self, limit: usize) -> Result<Vec<NotedTie>, Fault> {
        self.reachable()?;
        Ok(self.noted.ties(limit))
    }

    async fn ties_asked(&self, ties: &[Tie], at_ms: i64) -> Result<(), Fault> {
        self.reachable()?;
        self.noted.ties_asked(ties, at_ms);
        Ok(())
    }

    async fn drifted_since(&self, since_ms: i64) -> Result<u64, Fault> {
        Ok(self.noted.drifted_since(since_ms))
    }
}
