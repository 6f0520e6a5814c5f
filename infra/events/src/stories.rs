//! The simulated Stripe's stories, played through a domain: what it keeps and says of each, in each API version.
//!
//! The state is decided as the consumer decides it (`kernel::order`), without a key; facts and levels are what it would
//! publish. There is no table and no queue here: how deliveries are handled is tested elsewhere.
//!
//! [`judge`] holds a domain to what every domain has to keep; the domain's own tests say the rest.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_kernel::consume::Event;
use sluice_kernel::domain::Domain;
use sluice_kernel::effect::{self, Pending, Scope};
use sluice_kernel::fault::Fault;
use sluice_kernel::order::candidate::Candidate;
use sluice_kernel::order::evidence::Evidence;
use sluice_stripe_sim::{ApiVersion, Occurrence, Options, Scope as SimScope, Story, World};

use crate::check;

/// A story's name and its events, in the order in which they happened.
pub type Tale = (String, Vec<Event>);

/// Every story of the simulation, each in a world of its own, told in this API version. One seed, one world: the same
/// ids and seconds in every version.
pub fn all(seed: u64, version: ApiVersion) -> Vec<Tale> {
    let alone = |story: &Story| {
        let mut world = World::new(seed, Options::default());
        world.play(*story, &SimScope::platform(true));
        (format!("{story:?}"), events(&world, version))
    };
    let mut tales: Vec<_> = Story::ALL.iter().map(alone).collect();
    let mut world = World::new(seed, Options::default());
    world.connect(true);
    tales.push(("Onboarding".to_owned(), events(&world, version)));
    tales
}

/// One story's events.
///
/// # Panics
/// Where there is no story of this name.
pub fn one(name: &str, seed: u64, version: ApiVersion) -> Vec<Event> {
    let tale = all(seed, version)
        .into_iter()
        .find(|(story, _)| story == name);
    tale.expect("the story").1
}

fn events(world: &World, version: ApiVersion) -> Vec<Event> {
    let events = world.events().iter();
    events
        .map(|event| as_event(world, event, version))
        .collect()
}

/// What happened, as a domain sees it.
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
        object: snapshot["data"]["object"].clone(),
        previous_attributes: snapshot["data"].get("previous_attributes").cloned(),
    }
}

/// What a domain kept and said.
#[derive(Debug)]
pub struct Told<S> {
    /// By the object's key.
    pub states: BTreeMap<String, S>,
    /// By id: the first telling of each.
    pub facts: BTreeMap<String, Pending>,
    /// In the order in which they were told.
    pub levels: Vec<Pending>,
}

impl<S> Told<S> {
    /// The facts' kinds, objects and data, without what depends on the event that told them.
    pub fn facts_said(&self) -> BTreeMap<&str, &Value> {
        let facts = self.facts.iter();
        facts
            .map(|(id, fact)| (&**id, &fact.detail["data"]))
            .collect()
    }

    /// How often a kind of fact was told.
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

/// Plays events through a domain, in the order given. What it doesn't handle is left out.
///
/// # Errors
/// The domain's `Reject`, with the event's type.
pub fn play<D: Domain>(events: &[Event]) -> Result<Told<D::State>, (String, Fault)> {
    let mut told = Told {
        states: BTreeMap::new(),
        facts: BTreeMap::new(),
        levels: Vec::new(),
    };
    let mut evidence: BTreeMap<String, (Evidence<D::State>, u64)> = BTreeMap::new();
    for event in events.iter().filter(|event| D::handles(&event.kind)) {
        let refused = |fault| (event.kind.clone(), fault);
        let projected = D::project(event).map_err(refused)?;
        for fact in D::facts(event).map_err(refused)? {
            let pending = effect::pending_fact(fact, event);
            told.facts.entry(pending.id.clone()).or_insert(pending);
        }
        let key = format!("{}#{}", event.scope.key(), projected.object);
        let candidate = Candidate::of_event(event, projected);
        let (next, seq) = match evidence.remove(&key) {
            Some((there, seq)) => (there.add(candidate), seq + 1),
            None => (Evidence::of(candidate), 1),
        };
        let state = next.head().state().clone();
        let before = told.states.get(&key);
        if before != Some(&state) {
            let levels = D::levels(before, &state).into_iter();
            told.levels
                .extend(levels.map(|level| effect::pending_level(level, event, seq)));
        }
        evidence.insert(key.clone(), (next, seq));
        told.states.insert(key, state);
    }
    Ok(told)
}

/// The most that a state may take as JSON, in bytes: an item holds evidence, history and facts beside it, and should
/// cost one write unit.
pub const STATE_BYTES_MAX: usize = 512;

/// What one story made of a domain, by API version, oldest first.
pub type Judged<S> = Vec<(String, Vec<(ApiVersion, Told<S>)>)>;

/// Plays every story through a domain, in every version that is tested, forwards and backwards, and returns what it
/// told.
///
/// # Panics
/// Where the domain refuses an event, where the order makes a difference, where an effect isn't what its schema says,
/// where a state is large, or where it can't be read back.
pub fn judge<D: Domain>() -> Judged<D::State>
where
    D::State: std::fmt::Debug,
{
    let mut judged: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for version in ApiVersion::TESTED {
        for (name, mut events) in all(11, version) {
            let at = format!("{name} at {version}");
            let told = played::<D>(&events, &at);
            events.reverse();
            let backwards = played::<D>(&events, &at);
            assert_eq!(told.states, backwards.states, "{at}");
            assert_eq!(told.facts_said(), backwards.facts_said(), "{at}");
            assert_eq!(told.last_levels(), backwards.last_levels(), "{at}");
            judged.entry(name).or_default().push((version, told));
        }
    }
    judged.into_iter().collect()
}

fn played<D: Domain>(events: &[Event], at: &str) -> Told<D::State>
where
    D::State: std::fmt::Debug,
{
    let told = play::<D>(events)
        .unwrap_or_else(|(kind, fault)| panic!("{at}: {kind} is refused: {fault}"));
    for effect in told.effects() {
        check(effect).unwrap_or_else(|wrong| panic!("{at}: {wrong}"));
    }
    for (key, state) in &told.states {
        let text = serde_json::to_string(state).expect("a state has a JSON form");
        assert!(
            text.len() <= STATE_BYTES_MAX,
            "{at}: {} bytes of {key}: {text}",
            text.len()
        );
        let read: D::State = serde_json::from_str(&text).expect("what was written can be read");
        assert_eq!(read, *state, "{at}: {key}");
    }
    told
}
