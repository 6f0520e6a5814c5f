//! What reconcile works with, in memory: Stripe's lists as a test sets them, and cursors and reports.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use sluice_kernel::effect::Scope;
use sluice_kernel::fault::Fault;
use sluice_kernel::outcome::Tie;
use sluice_kernel::reconcile::report::Report;
use sluice_kernel::reconcile::ungenerated::{self, Ungenerated};
use sluice_kernel::reconcile::window::Cursor;
use sluice_kernel::reconcile::{Ask, Listed, Listing, Notes};

#[derive(Debug, Default)]
struct Lists {
    /// By the scope's key, in the order in which they were made.
    events: BTreeMap<String, Vec<Value>>,
    accounts: Option<Vec<String>>,
    /// How many pages are answered before the fault.
    fault_after: Option<(usize, Fault)>,
    asked: Vec<Ask>,
    /// In the order in which Stripe said so.
    ungenerated: Vec<Ungenerated>,
}

/// Stripe's lists. Pages have as many events as the test says.
#[derive(Debug)]
pub struct MemoryLists {
    page: usize,
    inner: Mutex<Lists>,
}

impl MemoryLists {
    /// With nothing on them, and pages of this many; with pages of none there is no key.
    pub fn of_pages(page: usize) -> Self {
        Self {
            page,
            inner: Mutex::default(),
        }
    }

    /// Adds an event of the scope, newer than those before.
    pub fn add(&self, scope: &Scope, event: Value) {
        self.inner()
            .events
            .entry(scope.key())
            .or_default()
            .push(event);
    }

    /// Lists these connected accounts from now on; before, the key may not list any.
    pub fn set_accounts(&self, accounts: &[&str]) {
        let accounts = accounts.iter().map(|account| (*account).to_owned());
        self.inner().accounts = Some(accounts.collect());
    }

    /// Answers so many pages, and then this fault, once.
    pub fn fail_after(&self, pages: usize, fault: Fault) {
        self.inner().fault_after = Some((pages, fault));
    }

    /// Says that an event was never made, later than those before.
    pub fn fail_to_generate(&self, event: Ungenerated) {
        self.inner().ungenerated.push(event);
    }

    /// What was asked since the last call of this.
    pub fn take_asked(&self) -> Vec<Ask> {
        std::mem::take(&mut self.inner().asked)
    }

    fn inner(&self) -> MutexGuard<'_, Lists> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listing for MemoryLists {
    async fn has_key(&self, _livemode: bool) -> Result<bool, Fault> {
        Ok(self.page > 0)
    }

    async fn events(&self, ask: &Ask) -> Result<Listed<Vec<u8>>, Fault> {
        tokio::task::yield_now().await;
        let mut inner = self.inner();
        match inner.fault_after.take() {
            Some((0, fault)) => return Err(fault),
            Some((pages, fault)) => inner.fault_after = Some((pages - 1, fault)),
            None => {}
        }
        inner.asked.push(ask.clone());
        let events = inner.events.get(&ask.scope.key());
        let in_window = events.into_iter().flatten().rev().filter(|event| {
            let created = event["created"].as_i64().unwrap_or_default();
            (ask.from_s..=ask.to_s).contains(&created)
        });
        let rest: Vec<_> = match &ask.after {
            None => in_window.collect(),
            Some(after) => in_window
                .skip_while(|event| event["id"] != **after)
                .skip(1)
                .collect(),
        };
        Ok(Listed::Page {
            has_more: rest.len() > self.page,
            items: rest
                .into_iter()
                .take(self.page)
                .map(|event| event.to_string().into_bytes())
                .collect(),
        })
    }

    async fn accounts(
        &self,
        _livemode: bool,
        after: Option<&str>,
    ) -> Result<Listed<String>, Fault> {
        let refused = || Fault::retry("stripe.key_refused", "in memory");
        let accounts = self.inner().accounts.clone().ok_or_else(refused)?;
        let begin = after.map_or(0, |after| {
            let at = accounts.iter().position(|account| account == after);
            at.map_or(accounts.len(), |at| at + 1)
        });
        let rest = &accounts[begin..];
        Ok(Listed::Page {
            has_more: rest.len() > self.page,
            items: rest.iter().take(self.page).cloned().collect(),
        })
    }

    async fn ungenerated(
        &self,
        livemode: bool,
        from_s: i64,
        to_s: i64,
    ) -> Result<Listed<Ungenerated>, Fault> {
        let told = self.inner().ungenerated.clone();
        let told = told
            .into_iter()
            .rev()
            .filter(|one| one.scope.livemode == livemode && (from_s..=to_s).contains(&one.told_s));
        let told: Vec<_> = told.collect();
        Ok(Listed::Page {
            has_more: told.len() > ungenerated::PAGE_MAX,
            items: told.into_iter().take(ungenerated::PAGE_MAX).collect(),
        })
    }
}

#[derive(Debug, Default)]
struct Kept {
    cursors: BTreeMap<String, Cursor>,
    reports: Vec<Report>,
    ties: Vec<Tie>,
    drifted: u64,
    fails: bool,
}

/// Cursors, reports, ties.
#[derive(Debug, Default)]
pub struct MemoryNotes {
    inner: Mutex<Kept>,
}

impl MemoryNotes {
    /// A scope's cursor.
    pub fn cursor(&self, scope: &Scope) -> Option<Cursor> {
        self.inner().cursors.get(&scope.key()).cloned()
    }

    /// The reports, oldest first.
    pub fn reports(&self) -> Vec<Report> {
        self.inner().reports.clone()
    }

    /// Notes a tie, as a domain does.
    pub fn add_tie(&self, tie: Tie) {
        self.inner().ties.push(tie);
    }

    /// No cursor can be written until this is taken back.
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
        let mut inner = self.inner();
        if inner.fails {
            return Err(Fault::retry("reconcile.unavailable", "in memory"));
        }
        inner.cursors.insert(scope.to_owned(), cursor.clone());
        Ok(())
    }

    async fn save_report(&self, report: &Report) -> Result<(), Fault> {
        self.inner().reports.push(report.clone());
        Ok(())
    }

    async fn ties(&self, limit: usize) -> Result<Vec<Tie>, Fault> {
        Ok(self.inner().ties.iter().take(limit).cloned().collect())
    }

    async fn forget_ties(&self, ties: &[Tie]) -> Result<(), Fault> {
        self.inner().ties.retain(|tie| !ties.contains(tie));
        Ok(())
    }

    async fn drifted_since(&self, _since_ms: i64) -> Result<u64, Fault> {
        Ok(self.inner().drifted)
    }
}
