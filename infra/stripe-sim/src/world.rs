//! The world: every state that every object has ever had, and every event.
//!
//! It is a log. A story writes states and emits events about them; nothing is ever overwritten. So any object can be
//! asked for as it is now, as it was at a second, or as it was at an event, at any API version; and an event's
//! `previous_attributes` is computed from the state before and the state after, never written by hand.
//!
//! Guarantee: a world is a function of its seed, its options and the calls made on it. It reads no clock.

mod accounts;
mod deliveries;
mod endpoints;
mod money;
mod notices;
mod organization;
mod present;
mod thin;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use serde_json::{Value, json};

use crate::body::written;
use crate::diff::previous_attributes;
use crate::ids::{Purpose, stream};
use crate::render::Lens;
use crate::stage::{Stage, Streams};
use crate::stories::Story;
use crate::version::ApiVersion;
use accounts::Connections;
use deliveries::Pending;

pub use deliveries::PENDING_WEBHOOKS_DEFAULT;
pub use endpoints::WebhookEndpoint;
pub use notices::{About, GENERATION_FAILURE, METER_ERRORS, Notice};
pub use organization::ORGANIZATION;
pub use present::STORY_S_MAX;

/// Whose objects, and in which mode.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// A connected account; the platform's own where there is none.
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
/// Objects that Stripe gives no id have one here: [`BALANCE`], and what [`entitlements_of`] says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Whose it is.
    pub scope: Scope,
    /// Stripe's id of it.
    pub id: String,
}

/// Since this version a connected account's events name it twice, in `account` and in `context`
/// (<https://docs.stripe.com/changelog/basil/2025-04-30/additional-context-organization-events>).
const CONTEXT_SINCE: ApiVersion = ApiVersion::V2025_04_30;

/// What the balance is called here, which has no id.
pub const BALANCE: &str = "balance";

/// The id of the platform's own account, to which all keys belong.
pub const OWN_ACCOUNT: &str = "acct_1SluiceSimPlatform";

/// What a customer's summary of entitlements is called here, which has no id.
#[must_use]
pub fn entitlements_of(customer: &str) -> String {
    format!("entitlements of {customer}")
}

/// What a world starts from.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Unix seconds of the first story.
    pub start: i64,
    /// The account's default API version: what a request without `Stripe-Version` is answered in.
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
    /// After everything that was ever written.
    End,
    /// At the end of this second (Unix).
    Second(i64),
    /// Right after this entry of the log. Stories are logged one after another, whatever their seconds: meaningful
    /// for the objects of one story.
    Write(usize),
}

/// A state that an object had.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) at: i64,
    pub(crate) truth: Value,
    pub(crate) deleted: bool,
}

/// An event of Stripe's: that a state came about.
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
    /// The request that caused it, with its idempotency key; none for what Stripe does by itself.
    pub request: Option<(String, String)>,
    /// The entry of the log with the state that it shows.
    pub(crate) write: usize,
    /// The entry with the state before, on `*.updated` types.
    pub(crate) before: Option<usize>,
    /// The log's last entry when the event was made: how other objects stood that older shapes show inside.
    pub(crate) seen: usize,
}

/// A Stripe with all of its past.
#[derive(Debug)]
pub struct World {
    seed: u64,
    options: Options,
    plays: u64,
    clock: i64,
    dice: Rng,
    log: Vec<State>,
    /// Each object's entries in the log, by time and then by their order.
    objects: BTreeMap<Key, Vec<usize>>,
    /// By `created` and then by their order.
    events: Vec<Occurrence>,
    /// Connected accounts in the order in which they came, with the mode that they were made in.
    accounts: Vec<Scope>,
    connections: Connections,
    /// Events of API v2 that have no snapshot twin, by `created`.
    notices: Vec<Notice>,
    pending: Pending,
    /// Where the platform has events delivered to, in the order in which they were made.
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

    /// Plays a story, beginning now, and returns the objects that it made. The next one begins up to 90 s later:
    /// stories overlap.
    pub fn play(&mut self, story: Story, scope: &Scope) -> Vec<Key> {
        self.plays += 1;
        let (made, _) = self.perform(story, scope, self.plays);
        self.clock += self.dice.i64(0..=90);
        made
    }

    /// Plays a story once in each scope **with equal object ids** (event ids differ, as do seconds): what happens to
    /// accounts that were copied from each other, and what makes an id alone a bad key.
    pub fn play_alike(&mut self, story: Story, scopes: &[Scope]) -> Vec<Vec<Key>> {
        let objects = self.plays + 1;
        let mut made = Vec::new();
        for scope in scopes {
            self.plays += 1;
            made.push(self.perform(story, scope, objects).0);
            self.clock += self.dice.i64(0..=90);
        }
        made
    }

    /// Plays so many stories, drawn from [`Story::ALL`] and the scopes.
    pub fn play_some(&mut self, stories: usize, scopes: &[Scope]) {
        for _ in 0..stories {
            if let Some((story, scope)) = self.draw(scopes) {
                self.play(story, scope);
            }
        }
    }

    /// A story, and one of the scopes for it; none without scopes.
    fn draw<'s>(&mut self, scopes: &'s [Scope]) -> Option<(Story, &'s Scope)> {
        let story = Story::ALL[self.dice.usize(..Story::ALL.len())];
        let index = (!scopes.is_empty()).then(|| self.dice.usize(..scopes.len()))?;
        Some((story, &scopes[index]))
    }

    /// Plays a story from now on. Returns the objects that it made, and the second in which it ended.
    fn perform(&mut self, story: Story, scope: &Scope, objects: u64) -> (Vec<Key>, i64) {
        let streams = Streams {
            objects: stream(self.seed, objects, Purpose::Objects),
            events: stream(self.seed, self.plays, Purpose::Events),
            // Alike plays tell the same story.
            dice: stream(self.seed, objects, Purpose::Story),
        };
        let now = self.clock;
        let mut stage = Stage::new(self, scope.clone(), now, streams);
        story.tell(&mut stage);
        let end = stage.now();
        (stage.end(), end)
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

    /// Connected accounts, in the order in which they came; `livemode` is the mode that they were made in.
    #[must_use]
    pub fn accounts(&self) -> &[Scope] {
        &self.accounts
    }

    /// The second after the last thing that happened (or is told to have happened).
    #[must_use]
    pub fn end(&self) -> i64 {
        let changed = self.log.iter().map(|state| state.at).max();
        // Some events change nothing but the calendar, and notices come later than what they are about.
        let told = self.events.last().map(|event| event.created);
        let noticed = self.notices.last().map(|notice| notice.created);
        let last = changed.max(told).max(noticed);
        last.map_or(self.options.start, |last| last + 1)
    }

    /// The object as it is at the end, in the default API version. A deleted one is shown as it last was.
    #[must_use]
    pub fn object(&self, account: Option<&str>, livemode: bool, id: &str) -> Option<Value> {
        let key = Key {
            scope: Scope {
                account: account.map(str::to_owned),
                livemode,
            },
            id: id.to_owned(),
        };
        self.object_at(&key, self.options.api_version, Moment::End)
    }

    /// The object as it was at a moment, at an API version.
    #[must_use]
    pub fn object_at(&self, key: &Key, version: ApiVersion, moment: Moment) -> Option<Value> {
        self.lens(&key.scope, moment, version).object(&key.id)
    }

    /// The same with what Stripe shows only to those who ask: lists to their end, a subscription's latest invoice.
    #[must_use]
    pub fn whole_at(&self, key: &Key, version: ApiVersion, moment: Moment) -> Option<Value> {
        self.lens(&key.scope, moment, version).whole(&key.id)
    }

    /// Whether the object was deleted by then. Canceled is not deleted.
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

    /// The object as the event shows it.
    #[must_use]
    pub fn shown(&self, event: &Occurrence, version: ApiVersion) -> Value {
        self.view(event, event.write, event.seen, version)
    }

    /// The object as it was before an event of an `*.updated` type.
    #[must_use]
    pub fn shown_before(&self, event: &Occurrence, version: ApiVersion) -> Option<Value> {
        let before = event.before?;
        Some(self.view(event, before, event.write.saturating_sub(1), version))
    }

    fn view(&self, event: &Occurrence, write: usize, seen: usize, version: ApiVersion) -> Value {
        self.lens(&event.object.scope, Moment::Write(seen), version)
            .show(&self.log[write].truth)
    }

    /// The event as Stripe sends and serves it at an API version: a snapshot.
    #[must_use]
    pub fn event(&self, event: &Occurrence, version: ApiVersion) -> Value {
        let object = self.shown(event, version);
        let mut data = json!({ "object": object });
        if let Some(before) = self.shown_before(event, version) {
            data["previous_attributes"] = previous_attributes(&before, &data["object"]);
        }
        let (request, key) = event.request.clone().unzip();
        let mut snapshot = json!({
            "id": event.id,
            "object": "event",
            "api_version": version.name(),
            "created": event.created,
            "data": data,
            "livemode": event.object.scope.livemode,
            "pending_webhooks": self.pending_webhooks(&event.id),
            "request": { "id": request, "idempotency_key": key },
            "type": event.kind,
        });
        if let Some(account) = &event.object.scope.account {
            snapshot["account"] = json!(account);
            if version >= CONTEXT_SINCE {
                snapshot["context"] = json!(account);
            }
        }
        snapshot
    }

    /// The bytes of [`World::event`], as Stripe writes its webhooks.
    #[must_use]
    pub fn body(&self, event: &Occurrence, version: ApiVersion) -> Vec<u8> {
        written(&self.event(event, version))
    }

    fn lens<'w>(&'w self, scope: &'w Scope, moment: Moment, version: ApiVersion) -> Lens<'w> {
        Lens {
            world: self,
            scope,
            moment,
            version,
        }
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
