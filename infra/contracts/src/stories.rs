//! The simulated Stripe's stories, played through a domain: what it stores and emits for each, in each API version.
//!
//! Each event is one step as the consumer makes it (`kernel::consumer::projection`), without a key of Stripe's. Facts
//! and levels are what the consumer would publish. There is no table and no queue here: other tests cover how
//! deliveries are handled.
//!
//! [`judge`] checks what every domain has to guarantee; the domain's own tests check the rest.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sluice_kernel::bus::detail::EmitMode;
use sluice_kernel::consumer::order::candidate::Candidate;
use sluice_kernel::consumer::order::evidence::Evidence;
use sluice_kernel::consumer::projection::{self, Input, Item};
use sluice_kernel::domain::Domain;
use sluice_kernel::effects::effect::{Fact, Pending};
use sluice_kernel::event::{Event, Scope};
use sluice_kernel::fault::Fault;
use sluice_stripe_sim::{ApiVersion, Moment, Occurrence, Options, Scope as SimScope, Story, World};

use crate::schemas::check;

/// A story's name and its events, in the order in which they happened.
pub type Tale = (String, Vec<Event>);

/// Every story of the simulation, each in a world of its own, in this API version. The seed is fixed, so ids and
/// seconds are the same in every version.
pub fn all(seed: u64, version: ApiVersion) -> Vec<Tale> {
    let named = |(name, world): (String, World)| {
        let events = world.events().iter();
        let events = events.map(|event| as_event(&world, event, version));
        (name, events.collect())
    };
    worlds(seed).map(named).collect()
}

/// What the simulated Stripe has settled in the end for each story, by currency.
pub fn settled(seed: u64) -> BTreeMap<String, BTreeMap<String, i64>> {
    worlds(seed)
        .map(|(name, world)| (name, world.settled()))
        .collect()
}

/// The same events, consumed as thin ones: late, each with its object as Stripe has it after the story's end.
pub fn all_fetched(seed: u64, version: ApiVersion) -> Vec<Tale> {
    let named = |(name, world): (String, World)| {
        let events = world.events().iter();
        let events = events.map(|event| as_thin_event(&world, event, version));
        (name, events.collect())
    };
    worlds(seed).map(named).collect()
}

fn worlds(seed: u64) -> impl Iterator<Item = (String, World)> {
    let alone = move |story: &Story| {
        let mut world = World::new(seed, Options::default());
        match story {
            // Only connected accounts have these types.
            Story::Onboarding => {
                world.connect(true);
            }
            Story::RecipientOnboarding => {
                world.connect_recipient(true);
            }
            Story::Restricted => {
                let account = world.connect(true);
                world.restrict(&account);
            }
            Story::Reconnecting => {
                let account = world.connect(true);
                world.reconnect(&account);
            }
            Story::Offboarding => {
                let account = world.connect(true);
                world.disconnect(&account);
            }
            story => {
                world.play(*story, &SimScope::platform(true));
            }
        }
        (format!("{story:?}"), world)
    };
    let stories = Story::ALL.iter().chain(&Story::OF_ACCOUNTS);
    stories.map(alone)
}

/// One story's events.
///
/// # Panics
/// If there is no story of this name.
pub fn one(name: &str, seed: u64, version: ApiVersion) -> Vec<Event> {
    let tale = all(seed, version)
        .into_iter()
        .find(|(story, _)| story == name);
    tale.expect("the story").1
}

/// An event, as a domain sees it.
pub fn as_event(world: &World, happened: &Occurrence, version: ApiVersion) -> Event {
    let snapshot = world.event(happened, version);
    Event {
        id: happened.id.clone(),
        kind: happened.kind.clone(),
        scope: Scope {
            account: happened.object.scope.account.clone(),
            livemode: happened.object.scope.livemode,
        },
        created: happened.created,
        api_version: Some(version.name().to_owned()),
        request: happened.request.as_ref().map(|(id, _)| id.clone()),
        object: snapshot["data"]["object"].clone(),
        previous_attributes: snapshot["data"].get("previous_attributes").cloned(),
    }
}

fn as_thin_event(world: &World, happened: &Occurrence, version: ApiVersion) -> Event {
    let key = &happened.object;
    // A charge's refunds cause facts. Longer lists would give another state than snapshots do.
    let object = match world.kind(key) {
        Some("charge") => world.whole_at(key, version, Moment::End),
        _ => world.object_at(key, version, Moment::End),
    };
    let mut object = object.expect("what happened, happened to an object");
    if world.is_deleted(key, Moment::End) {
        object = json!({ "id": object["id"], "object": object["object"], "deleted": true });
    }
    Event {
        object,
        previous_attributes: None,
        ..as_event(world, happened, version)
    }
}

/// What a domain stored and emitted.
#[derive(Debug)]
pub struct Played<S> {
    /// By the object's key.
    pub states: BTreeMap<String, S>,
    /// By id: each fact as it was first emitted.
    pub facts: BTreeMap<String, Pending>,
    /// In the order in which they were emitted.
    pub levels: Vec<Pending>,
    /// What the domain's table would contain, with versions.
    items: BTreeMap<String, (Item<S>, u64)>,
}

impl<S> Played<S> {
    /// The facts' kinds, objects and data, without what depends on the event that caused them.
    pub fn facts_said(&self) -> BTreeMap<&str, &Value> {
        let facts = self.facts.iter();
        facts
            .map(|(id, fact)| (&**id, &fact.detail["data"]))
            .collect()
    }

    /// Whether a state is a guess that a key of Stripe's would resolve: several events share one second, and none of
    /// them is shown to be the last.
    pub fn is_guess(&self) -> bool
    where
        S: Clone + PartialEq,
    {
        let mut items = self.items.values();
        items.any(|(item, _)| !item.evidence.head().is_decided())
    }

    /// How often a kind of fact was emitted.
    pub fn count(&self, kind: &str) -> usize {
        self.facts.values().filter(|fact| fact.kind == kind).count()
    }

    /// The last value of each level, with its end.
    pub fn last_levels(&self) -> BTreeMap<&str, (&Value, &Value)> {
        let mut last = BTreeMap::new();
        for level in &self.levels {
            let key = level.detail["key"].as_str().expect("a level has a key");
            last.insert(key, (&level.detail["data"], &level.detail["until"]));
        }
        last
    }

    /// Every effect.
    pub fn effects(&self) -> impl Iterator<Item = &Pending> {
        self.facts.values().chain(&self.levels)
    }
}

/// An event, as a domain reads it.
#[derive(Debug)]
pub struct Read<S> {
    /// The object's key.
    pub key: String,
    event: Event,
    candidate: Candidate<S>,
    facts: Vec<Fact>,
}

/// Reads an event as a domain does.
///
/// # Errors
/// The domain's `Reject`, with the event's type.
pub fn read<D: Domain>(event: &Event) -> Result<Read<D::State>, (String, Fault)> {
    let refused = |fault| (event.kind.clone(), fault);
    let projected = D::project(event).map_err(refused)?;
    Ok(Read {
        key: projection::key(&event.scope, &projected.object),
        candidate: Candidate::of_event::<D>(event, projected),
        facts: D::facts(event).map_err(refused)?,
        event: event.clone(),
    })
}

/// Plays events through a domain, in the order given. Events that it doesn't handle are left out.
///
/// # Errors
/// The domain's `Reject`, with the event's type.
pub fn play<D: Domain>(events: &[Event]) -> Result<Played<D::State>, (String, Fault)> {
    let own = events.iter().filter(|event| D::handles(&event.kind));
    let read: Result<Vec<_>, _> = own.map(read::<D>).collect();
    apply::<D>(&read?)
}

/// The same with events that have been read.
///
/// # Errors
/// If something doesn't fit into an item, with the event's type.
pub fn apply<'a, D: Domain>(
    events: impl IntoIterator<Item = &'a Read<D::State>>,
) -> Result<Played<D::State>, (String, Fault)>
where
    D::State: 'a,
{
    let mut played = Played {
        states: BTreeMap::new(),
        facts: BTreeMap::new(),
        levels: Vec::new(),
        items: BTreeMap::new(),
    };
    for read in events {
        let (key, event, candidate) = (&read.key, &read.event, read.candidate.clone());
        let there = played.items.get(key);
        let (item, version) = (
            there.map(|(item, _)| item),
            there.map_or(0, |(_, version)| *version),
        );
        let evidence = match item {
            Some(item) => item.evidence.add(candidate),
            None => Evidence::of(candidate),
        };
        let input = Input::<D> {
            event,
            mode: EmitMode::Normal,
            evidence,
            facts: &read.facts,
            settings: &D::Settings::default(),
            now_ms: event.created * 1_000,
        };
        let step = projection::step(item, version, input);
        let Some(mut item) = step.write else {
            continue;
        };
        for effect in std::mem::take(&mut item.pending) {
            if effect.detail["class"] == "fact" {
                played.facts.insert(effect.id.clone(), effect);
            } else {
                played.levels.push(effect);
            }
        }
        let state = item.evidence.head().state().clone();
        played.states.insert(key.clone(), state);
        played.items.insert(key.clone(), (item, version + 1));
    }
    Ok(played)
}

/// The most that an item may take as JSON, in bytes: one write unit.
pub const ITEM_BYTES_MAX: usize = 1_024;

/// A story of an object that has more elements than Stripe shows: its item and state may be larger.
const LARGE: &str = "LongLists";

/// A story that no version before 2025-03-31 can show: each item has a period of its own.
const NEW_SHAPE: &str = "MixedIntervals";

/// The most that a state may take as JSON, in bytes: an item holds evidence, history and facts beside it.
pub const STATE_BYTES_MAX: usize = 512;

/// What a domain made of one story, by API version, oldest first.
pub type Judged<S> = Vec<(String, Vec<(ApiVersion, Played<S>)>)>;

/// Judges every story ([`judge`]), and compares each API version with the newest: the same states, facts with their
/// data, and last levels. Returns the kinds of effects that were emitted.
///
/// # Panics
/// If a version makes a difference, and if [`judge`] panics.
pub fn alike_in_every_version<D: Domain>() -> BTreeSet<String>
where
    D::State: std::fmt::Debug,
{
    let mut kinds = BTreeSet::new();
    for (name, versions) in judge::<D>() {
        let Some((_, newest)) = versions.last() else {
            continue;
        };
        kinds.extend(newest.effects().map(|effect| effect.kind.clone()));
        for (version, played) in &versions {
            let at = format!("{name} at {version}");
            if name == NEW_SHAPE && *version < ApiVersion::V2025_09_30 {
                continue;
            }
            assert_eq!(played.states, newest.states, "{at}");
            assert_eq!(played.facts_said(), newest.facts_said(), "{at}");
            assert_eq!(played.last_levels(), newest.last_levels(), "{at}");
        }
    }
    kinds
}

/// Plays every story through a domain, in every version that is tested: forwards, backwards, and as thin events.
/// Returns what it emitted.
///
/// # Panics
/// If the domain refuses an event, or if the order makes a difference. If fetched objects give another state than their
/// events, or other facts. If an effect doesn't match its schema. If a state is large or can't be read back.
pub fn judge<D: Domain>() -> Judged<D::State>
where
    D::State: std::fmt::Debug,
{
    let mut judged: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for version in ApiVersion::TESTED {
        for (name, mut events) in all(11, version) {
            let at = format!("{name} at {version}");
            let played = play_well::<D>(&events, &at);
            events.reverse();
            let backwards = play_well::<D>(&events, &at);
            assert_eq!(played.states, backwards.states, "{at}");
            assert_eq!(played.facts_said(), backwards.facts_said(), "{at}");
            assert_eq!(played.last_levels(), backwards.last_levels(), "{at}");
            judged.entry(name).or_default().push((version, played));
        }
        for (name, events) in all_fetched(11, version) {
            let at = format!("{name}, fetched at {version}");
            let fetched = play_well::<D>(&events, &at);
            let played = judged.get(&name).and_then(|versions| versions.last());
            let (_, played) = played.expect("the same stories");
            assert_eq!(fetched.states, played.states, "{at}");
            let said = played.facts_said();
            for (id, data) in fetched.facts_said() {
                assert_eq!(said.get(id), Some(&data), "{at}: {id}");
            }
        }
    }
    judged.into_iter().collect()
}

fn play_well<D: Domain>(events: &[Event], at: &str) -> Played<D::State>
where
    D::State: std::fmt::Debug,
{
    let played = play::<D>(events)
        .unwrap_or_else(|(kind, fault)| panic!("{at}: {kind} is refused: {fault}"));
    for effect in played.effects() {
        check(effect).unwrap_or_else(|wrong| panic!("{at}: {wrong}"));
    }
    let is_large = at.starts_with(LARGE);
    for (key, (item, _)) in &played.items {
        let text = serde_json::to_string(item).expect("an item has a JSON form");
        let read: Item<D::State> =
            serde_json::from_str(&text).expect("what was written can be read");
        assert_eq!(read, *item, "{at}: {key}");
        // Candidates of one second are kept side by side until a later event comes: those items are larger for a while.
        assert!(
            is_large || text.len() <= ITEM_BYTES_MAX || item.evidence.members().len() > 1,
            "{at}: {} bytes of {key}: {text}",
            text.len()
        );
        let text =
            serde_json::to_string(item.evidence.head().state()).expect("a state has a JSON form");
        assert!(
            is_large || text.len() <= STATE_BYTES_MAX,
            "{at}: {} bytes of {key}: {text}",
            text.len()
        );
    }
    played
}
