//! What a run compares: each account and mode that the endpoints are for, and in which of Stripe's lists.
//!
//! Connected accounts are read from Stripe. The list takes at most half of a run's time and waits for the budget as a
//! walk does. The next run continues it where it was left; meanwhile the accounts that have a cursor are known. If
//! Stripe doesn't list accounts, the known accounts are those that have a cursor and those that deliveries named
//! lately.
//!
//! A new account is compared from the last run in which every account was known, less the overlap: it was connected
//! since. Earlier events aren't compared: what an account did before it was connected was never to be delivered here.
//!
//! An account that was unreachable for long is tried daily. It is forgotten once nothing of it can be listed any more
//! and neither Stripe nor a delivery names it ([`Cursor::is_put_off`], [`Cursor::is_gone`]).

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use super::pages::{Stop, no_key, patiently};
use super::report::AccountsFrom;
use super::window::{self, Cursor, Walk};
use super::{ACCOUNTS_MAX, Listing, Notes, Run, Standings};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::delivery::endpoint::{self, Payload};
use crate::delivery::ledger::Ledger;
use crate::event::Scope;
use crate::fault::{Class, Fault};

/// A scope in one of Stripe's lists.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) scope: Scope,
    pub(super) payload: Payload,
    /// The name of the endpoint through which missing events are ingested.
    pub(super) endpoint: String,
    /// The first second that is compared, if it has no cursor.
    pub(super) since_s: i64,
}

impl Target {
    /// The key of its cursor.
    pub(super) fn key(&self) -> String {
        self.scope.key() + suffix(self.payload)
    }
}

fn suffix(payload: Payload) -> &'static str {
    match payload {
        Payload::Snapshot => "",
        Payload::Thin => "#thin",
    }
}

/// The connected accounts of a mode, to be found in one of Stripe's lists of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Family {
    livemode: bool,
    payload: Payload,
}

impl Family {
    /// The suffix of the keys of its accounts' cursors.
    fn ending(self) -> String {
        let mode = if self.livemode { "live" } else { "test" };
        format!("#{mode}{}", suffix(self.payload))
    }

    /// The key of the cursor of its list: `accounts#live`.
    fn key(self) -> String {
        format!("accounts{}", self.ending())
    }
}

/// How far a run got with a list of accounts. In its cursor, `since_s` is the first run, `through_s` is when all
/// accounts were last known, and the walk is the list in progress.
#[derive(Debug)]
pub(super) struct AccountList {
    family: Family,
    cursor: Cursor,
    walk: Walk,
    /// The list was read to its end.
    is_read: bool,
    /// The part of it that was read in this run.
    listed: BTreeSet<String>,
}

/// Accounts, and from which second on a new one is compared.
#[derive(Debug, Default)]
struct Known {
    accounts: BTreeSet<String>,
    since_s: i64,
}

impl<S, L, N, B, C> Run<'_, '_, S, L, N, B, C>
where
    S: Listing,
    L: Ledger + Standings,
    N: Notes,
    B: Bus,
    C: Clock,
{
    /// What to compare, in order: the platform's own, then the accounts, each in its turn.
    pub(super) async fn targets(&mut self) -> Vec<Target> {
        let mut found = BTreeMap::new();
        let mut families = BTreeMap::<Family, Known>::new();
        for (name, endpoint) in self.plan.endpoints {
            let (livemode, payload) = (endpoint.livemode, endpoint.payload);
            match self.ports.listing.has_key(livemode).await {
                Ok(true) => {}
                // Every run says so, whether there is something to compare or not.
                Ok(false) => {
                    self.report.stop(&no_key());
                    continue;
                }
                Err(fault) => {
                    self.report.stop(&fault);
                    continue;
                }
            }
            let mut add = |account: Option<String>, since_s: i64| {
                let target = Target {
                    scope: Scope { account, livemode },
                    payload,
                    endpoint: name.clone(),
                    since_s,
                };
                found.entry(target.key()).or_insert(target);
            };
            if endpoint.scope != endpoint::AccountScope::Connect {
                add(None, self.clock.now_ms() / 1_000);
            }
            if endpoint.scope == endpoint::AccountScope::Platform {
                continue;
            }
            let family = Family { livemode, payload };
            let known = match families.entry(family) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => {
                    let known = self.accounts(family).await.unwrap_or_else(|fault| {
                        self.report.stop(&fault);
                        Known::default()
                    });
                    unknown.insert(known)
                }
            };
            // Its own account is the platform's scope, whatever name deliveries or an earlier walk gave it.
            let others = known.accounts.iter().filter(|account| {
                !endpoint::is_own(self.plan.endpoints.values(), livemode, account)
            });
            others.for_each(|account| add(Some(account.clone()), known.since_s));
        }
        self.in_turn(found)
    }

    /// Leaves out accounts that are put off, and sorts the others.
    fn in_turn(&mut self, found: BTreeMap<String, Target>) -> Vec<Target> {
        let now_ms = self.clock.now_ms();
        let (put_off, mut due): (Vec<_>, Vec<_>) = found.into_iter().partition(|(key, target)| {
            let cursor = self.cursors.get(key);
            target.scope.account.is_some() && cursor.is_some_and(|one| one.is_put_off(now_ms))
        });
        self.report.scopes_put_off = put_off.len() as u64;
        due.sort_by_key(|(key, target)| {
            let turn_ms = self.cursors.get(key).map_or(i64::MIN, Cursor::turn_ms);
            (target.scope.account.is_some(), turn_ms)
        });
        due.into_iter().map(|(_, target)| target).collect()
    }

    /// The connected accounts, as far as they are known.
    async fn accounts(&mut self, family: Family) -> Result<Known, Fault> {
        let now_s = self.clock.now_ms() / 1_000;
        let cursor = self.list_cursor(family, now_s).await?;
        let walk = cursor.walk.clone();
        let walk = walk.unwrap_or_else(|| Walk::over(cursor.through_s, now_s));
        let mut is_whole = walk.after.is_none();
        let mut list = AccountList {
            family,
            cursor,
            walk,
            is_read: false,
            listed: BTreeSet::new(),
        };
        let read = self.read(&mut list, &mut is_whole).await;
        is_whole &= list.is_read;
        let mut known = Known {
            accounts: list.listed.clone(),
            since_s: (list.cursor.through_s - window::OVERLAP_S)
                .max(list.cursor.since_s)
                .max(now_s - window::LISTED_S),
        };
        let mut is_named = is_whole;
        if let Err(fault) = read {
            self.report.accounts_from = AccountsFrom::Seen;
            self.report.accounts_code = Some(fault.code.to_string());
            known.since_s = list.cursor.since_s.max(now_s - window::SEEN_S);
            match self.accounts_seen(family.livemode).await {
                Ok(seen) => {
                    known.accounts.extend(seen);
                    is_named = true;
                }
                Err(_) => self.report.accounts_from = AccountsFrom::Unknown,
            }
        } else if !list.is_read {
            (self.report.accounts_more, self.report.more) = (true, true);
        }
        if is_named {
            self.forget(family, &known.accounts, is_whole).await;
        }
        if !is_whole {
            known.accounts.extend(self.with_cursor(family));
        }
        self.lists.push(list);
        Ok(known)
    }

    /// Reads Stripe's list from where it was left, for at most half of the time.
    async fn read(&self, list: &mut AccountList, is_whole: &mut bool) -> Result<(), Fault> {
        let (listing, livemode) = (self.ports.listing, list.family.livemode);
        let now_ms = self.clock.now_ms();
        let until_ms = now_ms + (self.walks_until_ms - now_ms) / 2;
        let mut again = list.walk.after.is_some();
        while list.listed.len() < ACCOUNTS_MAX && self.clock.now_ms() < until_ms {
            let after = list.walk.after.as_deref();
            let listed = patiently(self.clock, until_ms, || listing.accounts(livemode, after));
            match listed.await {
                Ok((items, next)) => {
                    list.listed.extend(items);
                    list.walk.after = next;
                    if list.walk.after.is_none() {
                        list.is_read = true;
                        break;
                    }
                }
                Err(Stop::Run(_)) => break,
                // Stripe no longer knows the account that the page begins after.
                Err(Stop::Scope(fault)) if fault.class == Class::Reject && again => {
                    list.walk.after = None;
                    (again, *is_whole) = (false, true);
                }
                Err(Stop::Scope(fault)) => return Err(fault),
            }
        }
        Ok(())
    }

    /// The cursor of a list. The first one is stored before anything is listed: accounts that exist then aren't new.
    async fn list_cursor(&mut self, family: Family, now_s: i64) -> Result<Cursor, Fault> {
        let key = family.key();
        if let Some(cursor) = self.cursors.get(&key) {
            return Ok(cursor.clone());
        }
        // An earlier version stored no such cursor: it has compared accounts since its first run.
        let ending = family.ending();
        let of_accounts = self.cursors.iter();
        let of_accounts = of_accounts.filter(|(key, _)| account_of(key, &ending).is_some());
        let of_accounts: Vec<_> = of_accounts.map(|(_, cursor)| cursor).collect();
        let since_s = of_accounts.iter().map(|cursor| cursor.since_s).min();
        let through_s = of_accounts.iter().map(|cursor| cursor.through_s).max();
        let mut cursor = Cursor::first(since_s.unwrap_or(now_s));
        cursor.through_s = through_s.unwrap_or(now_s);
        self.save(&key, &cursor).await?;
        Ok(cursor)
    }

    async fn accounts_seen(&self, livemode: bool) -> Result<BTreeSet<String>, Fault> {
        let since_ms = self.clock.now_ms() - window::SEEN_S * 1_000;
        let ledger = self.ports.ledger;
        ledger.accounts_seen(livemode, since_ms, ACCOUNTS_MAX).await
    }

    /// The accounts that a walk has reached before.
    fn with_cursor(&self, family: Family) -> Vec<String> {
        let ending = family.ending();
        let accounts = self.cursors.keys();
        let accounts = accounts.filter_map(|key| account_of(key, &ending));
        accounts.map(str::to_owned).collect()
    }

    /// Forgets the cursors of accounts that aren't named here and are gone.
    async fn forget(&mut self, family: Family, named: &BTreeSet<String>, is_whole: bool) {
        let now_s = self.clock.now_ms() / 1_000;
        for account in self.with_cursor(family) {
            let key = account.clone() + &family.ending();
            let cursor = self.cursors.get(&key);
            let is_gone = cursor.is_some_and(|cursor| cursor.is_gone(now_s, is_whole));
            // If a cursor can't be forgotten now, a later run forgets it.
            if !named.contains(&account)
                && is_gone
                && self.ports.notes.forget_cursor(&key, now_s).await.is_ok()
            {
                self.cursors.remove(&key);
                self.report.scopes_forgotten += 1;
            }
        }
    }

    /// Stores how far the lists were read. All accounts are known once a list was read to its end and each one on it
    /// has a cursor.
    pub(super) async fn keep_lists(&mut self) {
        for mut list in std::mem::take(&mut self.lists) {
            let ending = list.family.ending();
            let has_cursor = |account: &String| {
                let is_own =
                    endpoint::is_own(self.plan.endpoints.values(), list.family.livemode, account);
                is_own || self.cursors.contains_key(&(account.clone() + &ending))
            };
            if !list.listed.iter().all(has_cursor) {
                list.walk.held_s = Some(list.cursor.through_s);
            }
            let mut cursor = list.cursor.clone();
            if list.is_read {
                cursor.ended(&list.walk);
            } else if list.walk.after.is_some() {
                cursor.walk = Some(list.walk);
            }
            if cursor != list.cursor
                && let Err(fault) = self.save(&list.family.key(), &cursor).await
            {
                self.report.stop(&fault);
            }
        }
    }
}

/// The account of a cursor's key, if it is one of a family.
fn account_of<'a>(key: &'a str, ending: &str) -> Option<&'a str> {
    let account = key.strip_suffix(ending)?;
    account.starts_with("acct_").then_some(account)
}
