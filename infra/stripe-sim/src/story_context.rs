//! What a story is played with: one account and mode, a clock of its own, ids, and a few verbs.
//!
//! After a change without an event, the last event of an object would no longer show its state. So a story that ends
//! with such a change panics: silence has to be asked for.

use std::collections::BTreeSet;

use fastrand::Rng;
use serde_json::{Value, json};

use crate::ids;
use crate::world::{About, Key, Moment, Notice, Occurrence, Scope, World};

/// The random streams of a play.
#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) objects: Rng,
    pub(crate) events: Rng,
    pub(crate) dice: Rng,
}

/// A story that is being played.
#[derive(Debug)]
pub(crate) struct StoryContext<'w> {
    world: &'w mut World,
    scope: Scope,
    now: i64,
    streams: Streams,
    /// Whether what happens now is a client's request, or Stripe's own doing.
    by_request: bool,
    /// The current request, with its idempotency key: all that Stripe does for one request names the same one.
    request: Option<(String, String)>,
    made: Vec<Key>,
    unreported: BTreeSet<String>,
}

impl<'w> StoryContext<'w> {
    pub(crate) fn new(world: &'w mut World, scope: Scope, now: i64, streams: Streams) -> Self {
        Self {
            world,
            scope,
            now,
            streams,
            by_request: true,
            request: None,
            made: Vec::new(),
            unreported: BTreeSet::new(),
        }
    }

    /// Ends the story.
    ///
    /// # Panics
    /// If a change had no event: that is the story's mistake.
    pub(crate) fn end(self) -> Vec<Key> {
        assert!(
            self.unreported.is_empty(),
            "no event reports the last change of {:?}",
            self.unreported
        );
        self.made
    }

    /// Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// The account and mode of the story.
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Lets time pass: what happens then is another request.
    pub(crate) fn wait(&mut self, seconds: i64) {
        self.now += seconds;
        self.request = None;
    }

    /// Lets up to a second pass: what Stripe does in one go often shares a second, but not always.
    pub(crate) fn breathe(&mut self) {
        self.now += self.streams.dice.i64(0..=1);
    }

    /// Lets a second pass within what Stripe does in one go.
    pub(crate) fn pass_a_second(&mut self) {
        self.now += 1;
    }

    /// From here on Stripe acts without a request: events name no request.
    pub(crate) fn stripe_acts(&mut self) {
        self.by_request = false;
    }

    /// From here on a client makes requests.
    pub(crate) fn somebody_acts(&mut self) {
        self.by_request = true;
        self.request = None;
    }

    /// A fresh id.
    pub(crate) fn id(&mut self, prefix: &str) -> String {
        ids::id(&mut self.streams.objects, prefix, self.scope.livemode)
    }

    /// This number of characters that look random.
    pub(crate) fn token(&mut self, length: usize) -> String {
        ids::token(&mut self.streams.objects, length)
    }

    /// A random number for the story, bounds included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        self.streams.dice.i64(low..=high)
    }

    /// A price in minor units, 5.00 to 500.00.
    pub(crate) fn amount(&mut self) -> i64 {
        self.between(10, 1_000) * 50
    }

    /// A template of this kind with this id, made now in this mode, with its fields set.
    pub(crate) fn blank(&self, template: &str, id: &str) -> Value {
        let mut object = crate::templates::template(template);
        set(&mut object, "id", json!(id));
        set(&mut object, "created", json!(self.now));
        set(&mut object, "livemode", json!(self.scope.livemode));
        object
    }

    /// Whether there is such an object.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.world.state_at(&self.key(id), Moment::End).is_some()
    }

    /// The account's first object of this kind that isn't deleted, by id.
    pub(crate) fn first_of(&self, kind: &str) -> Option<String> {
        let keys = self.world.keys_of(&self.scope, kind).into_iter();
        let mut there = keys.filter(|key| !self.world.is_deleted(key, Moment::End));
        there.next().map(|key| key.id.clone())
    }

    /// The object as it is now.
    ///
    /// # Panics
    /// If there is none: that is the story's mistake.
    pub(crate) fn get(&self, id: &str) -> &Value {
        let state = self.world.state_at(&self.key(id), Moment::End);
        &state.expect("a story asks for objects that it made").truth
    }

    /// A field of an object, as text; empty if it has none.
    pub(crate) fn text(&self, id: &str, field: &str) -> String {
        self.get(id)[field].as_str().unwrap_or_default().to_owned()
    }

    /// Makes an object without an event.
    pub(crate) fn put(&mut self, id: &str, truth: Value) {
        let key = self.key(id);
        self.world.write(&key, self.now, truth, false);
        self.made.push(key);
    }

    /// Changes an object; an event has to follow.
    pub(crate) fn change(&mut self, id: &str, change: impl FnOnce(&mut Value)) {
        let mut truth = self.get(id).clone();
        change(&mut truth);
        self.world.write(&self.key(id), self.now, truth, false);
        self.unreported.insert(id.to_owned());
    }

    /// Emits an event about the object as it is now.
    pub(crate) fn emit(&mut self, kind: &str, id: &str) {
        let key = self.key(id);
        let write = self.world.entry_at(&key, Moment::End);
        let write = write.expect("a story uses objects that it made");
        let before = kind
            .ends_with(".updated")
            .then(|| self.world.entry_before(&key, write))
            .flatten();
        let events = &mut self.streams.events;
        let id_of_event = ids::event_id(events, kind);
        let request = self.by_request.then(|| {
            let served = &mut self.request;
            let made = || (ids::id(events, "req", false), ids::uuid(events));
            served.get_or_insert_with(made).clone()
        });
        self.unreported.remove(id);
        let seen = self.world.last_entry();
        self.world.happen(Occurrence {
            id: id_of_event,
            kind: kind.to_owned(),
            created: self.now,
            object: key,
            request,
            write,
            before,
            seen,
        });
    }

    /// Emits an event about an object that doesn't exist yet: a preview, which the API doesn't serve.
    pub(crate) fn preview(&mut self, kind: &str, id: &str, truth: Value) {
        self.world.write(&self.key(id), self.now, truth, true);
        self.emit(kind, id);
    }

    /// Stripe reports usage that this meter couldn't take, with API v2 alone.
    pub(crate) fn report_meter_errors(&mut self, meter: &str) {
        let meter = self.key(meter);
        let id = ids::thin_id(&format!("{} {}", meter.id, self.now), meter.scope.livemode);
        self.world.note(Notice {
            id,
            created: self.now,
            about: About::MeterErrors(meter),
        });
    }

    /// Makes an object and emits an event about it.
    pub(crate) fn create(&mut self, kind: &str, id: &str, truth: Value) {
        self.put(id, truth);
        self.emit(kind, id);
    }

    /// Changes an object and emits an event about it.
    pub(crate) fn update(&mut self, kind: &str, id: &str, change: impl FnOnce(&mut Value)) {
        self.change(id, change);
        self.emit(kind, id);
    }

    /// Deletes an object and emits an event about it: the event shows it as it was.
    pub(crate) fn delete(&mut self, kind: &str, id: &str) {
        let truth = self.get(id).clone();
        self.world.write(&self.key(id), self.now, truth, true);
        self.emit(kind, id);
    }

    fn key(&self, id: &str) -> Key {
        Key {
            scope: self.scope.clone(),
            id: id.to_owned(),
        }
    }
}

/// Sets a field that the object has; other fields are left out.
fn set(object: &mut Value, field: &str, value: Value) {
    if let Some(there) = object.get_mut(field) {
        *there = value;
    }
}
