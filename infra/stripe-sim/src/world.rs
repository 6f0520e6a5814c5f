//! The world: every state that every object has ever had, and every event.
//!
//! It is a log. A story writes states and emits events about them; nothing is ever overwritten. So the world can show
//! any object as it is now, as it was at a second, or as it was at an event, at any API version. An event's
//! `previous_attributes` is computed from the state before and the state after, never written by hand.
//!
//! Guarantee: a world is a function of its seed, its options and the calls made on it. It reads no clock.

mod accounts;
mod deliveries;
mod endpoints;
mod money;
mod notices;
mod thin;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use serde_json::Value;

use crate::ids::{Purpose, stream};
use crate::version::ApiVersion;
use accounts::Connections;
use deliveries::Pending;

pub use deliveries::PENDING_WEBHOOKS_DEFAULT;
pub use endpoints::WebhookEndpoint;
pub use notices::{About, GENERATION_FAILURE, METER_ERRORS, Notice};

/// The account and mode that objects belong to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// A connected account; `None` for the platform's own.
    pub account: Option<String>,
    /// Live or test mode.
    pub livemode: bool,
}

impl Scope {
    /// The platform's own objects.
    #[must_use]
    pub fn platform(livemode: bool) -> Self {
        Self {
            account: None,
            livemode,
        }
    }
}

/// An object's full name: ids are unique only within an account and mode.
///
/// Objects without an id at Stripe have one here: [`BALANCE`], and the result of [`entitlements_of`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The account and mode that it belongs to.
    pub scope: Scope,
    /// Stripe's id for it.
    pub id: String,
}

/// The organization's id.
pub const ORGANIZATION: &str = "org_6SluiceSampleOrganization";

/// The balance's id here; it has none at Stripe.
pub const BALANCE: &str = "balance";

/// The id of the platform's own account, to which all keys belong.
pub const OWN_ACCOUNT: &str = "acct_1SluiceSimPlatform";

/// The id here of a customer's summary of entitlements; it has none at Stripe.
#[must_use]
pub fn entitlements_of(customer: &str) -> String {
    format!("entitlements of {customer}")
}

/// What a world starts from.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Unix seconds of the first story.
    pub start: i64,
    /// The account's default API version, for answers to requests without `Stripe-Version`.
    pub api_version: ApiVersion,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            // 2026-01-05T09:00:00Z.
            start: 1_767_603_600,
            api_version: ApiVersion::V2025_09_30,
        }
    }
}

/// A moment in the world's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// After everything in the log.
    End,
    /// At the end of this second (Unix).
    Second(i64),
    /// Right after this entry of the log. Stories are logged one after another, whatever their seconds, so this is
    /// meaningful only for the objects of one story.
    Write(usize),
}

/// A state that an object had.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) at: i64,
    pub(crate) truth: Value,
    pub(crate) deleted: bool,
}

/// An event of Stripe's: it reports that a state came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// `evt_…`, unique in the whole world.
    pub id: String,
    /// `payment_intent.succeeded`.
    pub kind: String,
    /// Unix seconds.
    pub created: i64,
    /// The object that it is about.
    pub object: Key,
    /// The request that caused it, with its idempotency key; `None` for what Stripe does without a request.
    pub request: Option<(String, String)>,
    /// The log's entry with the state that it shows.
    pub(crate) write: usize,
    /// The entry with the state before, on `*.updated` types.
    pub(crate) before: Option<usize>,
    /// The log's last entry when the event was made. It gives the states of other objects that older shapes show
    /// inside.
    pub(crate) seen: usize,
}

/// A simulated Stripe with its whole past.
#[derive(Debug)]
pub struct World {
    pub(crate) seed: u64,
    pub(crate) options: Options,
    pub(crate) plays: u64,
    pub(crate) clock: i64,
    pub(crate) dice: Rng,
    pub(crate) log: Vec<State>,
    /// Each object's entries in the log, by time and then by their order.
    objects: BTreeMap<Key, Vec<usize>>,
    /// By `created` and then by their order.
    events: Vec<Occurrence>,
    /// Connected accounts in the order in which they connected, with the mode that they were made in.
    pub(crate) accounts: Vec<Scope>,
    connections: Connections,
    /// Events of API v2 that have no snapshot, by `created`.
    notices: Vec<Notice>,
    pending: Pending,
    /// The platform's webhook endpoints, in the order in which they were made.
    endpoints: Vec<WebhookEndpoint>,
}

impl World {
    /// An empty world.
    #[must_use]
    pub fn new(seed: u64, options: Options) -> Self {
        Self {
            seed,
            options,
            plays: 0,
            clock: options.start,
            dice: stream(seed, 0, Purpose::World),
            log: Vec::new(),
            objects: BTreeMap::new(),
            events: Vec::new(),
            accounts: Vec::new(),
            connections: Connections::new(),
            notices: Vec::new(),
            pending: Pending::new(),
            endpoints: Vec::new(),
        }
    }

    /// The options it was made with.
    #[must_use]
    pub fn options(&self) -> Options {
        self.options
    }

    /// The second (Unix) at which the next story begins.
    #[must_use]
    pub fn clock(&self) -> i64 {
        self.clock
    }

    /// Moves the second at which the next story begins.
    pub fn advance(&mut self, seconds: u32) {
        self.clock += i64::from(seconds);
    }

    /// Every event, by `created` and within a second in the order in which things happened.
    #[must_use]
    pub fn events(&self) -> &[Occurrence] {
        &self.events
    }

    /// The events of each object, in the order in which they happened.
    #[must_use]
    pub fn histories(&self) -> BTreeMap<&Key, Vec<&Occurrence>> {
        let mut histories: BTreeMap<&Key, Vec<&Occurrence>> = BTreeMap::new();
        for event in &self.events {
            histories.entry(&event.object).or_default().push(event);
        }
        histories
    }

    /// Every object there ever was.
    pub fn objects(&self) -> impl Iterator<Item = &Key> {
        self.objects.keys()
    }

    /// Connected accounts, in the order in which they connected; `livemode` is the mode that they were made in.
    #[must_use]
    pub fn accounts(&self) -> &[Scope] {
        &self.accounts
    }

    /// The second after the last change, event or notice.
    #[must_use]
    pub fn end(&self) -> i64 {
        let changed = self.log.iter().map(|state| state.at).max();
        // Some events change nothing and only mark a date, and notices come later than what they are about.
        let reported = self.events.last().map(|event| event.created);
        let noticed = self.notices.last().map(|notice| notice.created);
        let last = changed.max(reported).max(noticed);
        last.map_or(self.options.start, |last| last + 1)
    }

    /// Whether the object was deleted by then. A canceled object isn't deleted.
    #[must_use]
    pub fn is_deleted(&self, key: &Key, moment: Moment) -> bool {
        self.state_at(key, moment)
            .is_some_and(|state| state.deleted)
    }

    /// Stripe's name for the kind of object: `payment_intent`.
    #[must_use]
    pub fn kind(&self, key: &Key) -> Option<&str> {
        self.state_at(key, Moment::End)?.truth["object"].as_str()
    }

    pub(crate) fn state_at(&self, key: &Key, moment: Moment) -> Option<&State> {
        self.entry_at(key, moment).map(|entry| &self.log[entry])
    }

    pub(crate) fn entry_at(&self, key: &Key, moment: Moment) -> Option<usize> {
        let entries = self.objects.get(key)?.iter().rev().copied();
        let there = |entry: &usize| match moment {
            Moment::End => true,
            Moment::Second(second) => self.log[*entry].at <= second,
            Moment::Write(write) => *entry <= write,
        };
        { entries }.find(there)
    }

    /// The log's last entry.
    pub(crate) fn last_entry(&self) -> usize {
        self.log.len().saturating_sub(1)
    }

    pub(crate) fn write(&mut self, key: &Key, at: i64, truth: Value, deleted: bool) {
        let entry = self.log.len();
        self.log.push(State { at, truth, deleted });
        let entries = self.objects.entry(key.clone()).or_default();
        let place = entries.partition_point(|other| self.log[*other].at <= at);
        entries.insert(place, entry);
    }

    pub(crate) fn happen(&mut self, event: Occurrence) {
        let place = self
            .events
            .partition_point(|other| other.created <= event.created);
        self.events.insert(place, event);
    }

    /// The entry before this one, in the object's own history.
    pub(crate) fn entry_before(&self, key: &Key, entry: usize) -> Option<usize> {
        let entries = self.objects.get(key)?;
        let place = entries.iter().position(|other| *other == entry)?;
        entries.get(place.checked_sub(1)?).copied()
    }

    /// The ids of every kind of object, for the server's lists.
    pub(crate) fn keys_of<'w>(&'w self, scope: &Scope, kind: &str) -> BTreeSet<&'w Key> {
        self.objects
            .keys()
            .filter(|key| key.scope == *scope && self.kind(key) == Some(kind))
            .collect()
    }
}
