//! What reconcile needs from others: Stripe's lists, the ledger, and a place for its notes.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use super::report::Report;
use super::window::Cursor;
use crate::delivery::endpoint::Payload;
use crate::delivery::ledger::EntryState;
use crate::event::Scope;
use crate::fault::Fault;
use crate::outcome::Tie;

/// A request for a page of Stripe's list of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The account and mode.
    pub scope: Scope,
    /// Which of Stripe's two lists: that of snapshots, or that of thin events.
    pub payload: Payload,
    /// Made at this second or later.
    pub from_s: i64,
    /// Made at this second or before.
    pub to_s: i64,
    /// Where this page begins, as the page before said ([`Listed::Page::next`]); none for the first.
    pub after: Option<String>,
    /// Exact types or patterns (`charge.*`); none means all. Stripe may list more: the answer is filtered again.
    pub types: Vec<String>,
}

/// A request for a page of what Stripe says it failed to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskUngenerated {
    /// The mode.
    pub livemode: bool,
    /// Said at this second or later.
    pub from_s: i64,
    /// Said at this second or before.
    pub to_s: i64,
    /// Where this page begins, as the page before said; none for the first.
    pub after: Option<String>,
    /// The longest that the whole page may take, in milliseconds, including the reading of each item.
    pub within_ms: u64,
}

/// An event that Stripe failed to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ungenerated {
    /// The event that says so, one of `/v2/core/events`.
    pub notice_id: String,
    /// When it was said, in Unix seconds.
    pub noticed_s: i64,
    /// The account and mode that the event would have had.
    pub scope: Scope,
    /// Its type.
    pub kind: String,
    /// The object's id; none if Stripe doesn't say, or if there is one per account.
    pub object: Option<String>,
    /// Stripe's name for its kind.
    pub object_kind: Option<String>,
}

/// The answer to a request for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed<T> {
    /// A page.
    Page {
        /// What it lists.
        items: Vec<T>,
        /// Where the next page begins, in the list's own form; none if this is the last.
        next: Option<String>,
    },
    /// There is no key for this mode.
    NoKey,
    /// The budget is spent.
    Spent {
        /// When to ask again, in milliseconds from now.
        wait_ms: u64,
    },
}

/// Stripe's lists.
pub trait Listing: Sync {
    /// Whether there is a key for this mode.
    ///
    /// # Errors
    /// `Retry` if that can't be found out.
    fn has_key(&self, livemode: bool) -> impl Future<Output = Result<bool, Fault>> + Send;

    /// A page of events, newest first, each as its JSON.
    ///
    /// # Errors
    /// `Retry` if Stripe can't be asked now; `Reject` if it refuses the request.
    fn events(&self, ask: &Ask) -> impl Future<Output = Result<Listed<Vec<u8>>, Fault>> + Send;

    /// A page of connected accounts' ids.
    ///
    /// # Errors
    /// As [`Listing::events`]; `stripe.key_refused` if the key may not list accounts.
    fn accounts(
        &self,
        livemode: bool,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Listed<String>, Fault>> + Send;

    /// A page of what Stripe has said it failed to make, newest first, at most [`super::ungenerated::PAGE_MAX`].
    ///
    /// # Errors
    /// As [`Listing::events`]; `stripe.key_refused` if the key may not read events of API v2.
    fn ungenerated(
        &self,
        ask: &AskUngenerated,
    ) -> impl Future<Output = Result<Listed<Ungenerated>, Fault>> + Send;
}

/// The ledger as reconcile reads it, beside [`crate::delivery::ledger::Ledger`].
pub trait Standings: Sync {
    /// The state of each event, in the order of the ids; `None` if there is no entry. At most
    /// [`super::PAGE_EVENTS_MAX`].
    ///
    /// # Errors
    /// `Retry` if the ledger can't be read.
    fn standings(
        &self,
        ids: &[&str],
    ) -> impl Future<Output = Result<Vec<Option<EntryState>>, Fault>> + Send;

    /// Accounts with an event of this mode since a moment, as far as the ledger knows; at most `limit`.
    ///
    /// # Errors
    /// `Retry` if the ledger can't be read.
    fn accounts_seen(
        &self,
        livemode: bool,
        since_ms: i64,
        limit: usize,
    ) -> impl Future<Output = Result<BTreeSet<String>, Fault>> + Send;
}

/// A tie that a domain recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedTie {
    /// The tie, as it was found last.
    pub tie: Tie,
    /// Since when it waits for a check, in Unix milliseconds: since it was first recorded, or since a check was last
    /// asked for. Finding it again doesn't change this.
    pub waits_since_ms: i64,
}

/// Where cursors and reports are kept.
pub trait Notes: Sync {
    /// Every cursor, by the key of its scope.
    ///
    /// # Errors
    /// `Retry` if they can't be read: without them, no progress is known.
    fn cursors(&self) -> impl Future<Output = Result<BTreeMap<String, Cursor>, Fault>> + Send;

    /// Replaces a scope's cursor.
    ///
    /// # Errors
    /// `Retry` if it can't be written: the next run processes the same pages again.
    fn save_cursor(
        &self,
        scope: &str,
        cursor: &Cursor,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Forgets the cursor of a scope whose account was disconnected. A cursor that is saved later exists again.
    ///
    /// # Errors
    /// `Retry` if it can't be written: a later run forgets it.
    fn forget_cursor(
        &self,
        scope: &str,
        now_s: i64,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Keeps a run's report.
    ///
    /// # Errors
    /// `Retry` if it can't be written.
    fn save_report(&self, report: &Report) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Ties that domains left unresolved, at most `limit`, in no meaningful order.
    ///
    /// # Errors
    /// `Retry` if they can't be read.
    fn ties(&self, limit: usize) -> impl Future<Output = Result<Vec<NotedTie>, Fault>> + Send;

    /// Records that checks of these ties' objects were asked for at `at_ms` (Unix milliseconds). A tie that was
    /// resolved meanwhile stays removed, and one that was recorded again stays recorded.
    ///
    /// # Errors
    /// `Retry` if it can't be written: they come first again.
    fn ties_asked(
        &self,
        ties: &[Tie],
        at_ms: i64,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// How many checks found drift since a moment.
    ///
    /// # Errors
    /// `Retry` if they can't be read.
    fn drifted_since(&self, since_ms: i64) -> impl Future<Output = Result<u64, Fault>> + Send;
}
