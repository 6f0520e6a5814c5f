//! The expected result: of the events that Stripe delivered, by the domains' own pure functions over the simulated
//! Stripe's own objects. Order, evidence and a consumer's steps have no part in it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};
use sluice_domains::{Visit, by_name};
use sluice_kernel::consumer::fetch::Fetch;
use sluice_kernel::consumer::projection;
use sluice_kernel::domain::{Domain, Lacks};
use sluice_kernel::effects::effect::{fact_id, level_key};
use sluice_kernel::event::{Event, Scope};
use sluice_stripe_sim::{ApiVersion, Key, Moment, Occurrence, World};

use crate::setup::{version_of, versions_of};

/// Key → the level's value, and the time until which it holds.
pub(crate) type Levels = BTreeMap<String, (Value, Option<i64>)>;

/// Domain → the projection's key → the object at the end, in each API version that differs.
pub(crate) type Objects = BTreeMap<&'static str, BTreeMap<String, Vec<Rendering>>>;

/// An object as one API version shows it. One whole rendering is kept: a state is of one event or answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rendering {
    /// Its state.
    pub(crate) state: Value,
    /// Its levels.
    pub(crate) levels: Levels,
}

/// What has to exist at the end.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// Objects with a delivered event.
    pub(crate) objects: Objects,
    /// Id → the fact's content.
    pub(crate) facts: BTreeMap<String, Value>,
    /// What may exist as well.
    pub(crate) undelivered: Undelivered,
}

/// What no delivered event says. An import or a fetch may have brought it, and then it has to be like this.
#[derive(Debug, Default)]
pub(crate) struct Undelivered {
    /// Objects that can be imported.
    pub(crate) objects: Objects,
    /// Facts of events that were not delivered. An object that is fetched whole may say them too.
    pub(crate) facts: BTreeMap<String, Value>,
}

/// Events that were delivered, and those that weren't.
type Events<'a> = (Vec<&'a Occurrence>, Vec<&'a Occurrence>);

/// Adds one domain's part to the truth.
struct Add<'a>(&'a mut Truth, &'a World, &'a Events<'a>, &'a [String]);

impl Visit for Add<'_> {
    type Output = Result<(), String>;

    fn visit<D: Domain>(self) -> Self::Output {
        let Self(truth, world, events, kinds) = self;
        truth.add::<D>(world, events)?;
        truth.add_imported::<D>(world, kinds)
    }
}

impl Truth {
    /// The truth of these events, by id, and of objects of these kinds. The kinds can be imported, and have the names
    /// that the operator's program uses.
    ///
    /// # Errors
    /// If a domain refuses what Stripe has, in words.
    pub(crate) fn of(
        world: &World,
        delivered: &BTreeSet<String>,
        kinds: &[String],
    ) -> Result<Self, String> {
        let mut truth = Self::default();
        let events: Events<'_> = world
            .events()
            .iter()
            .partition(|event| delivered.contains(&event.id));
        for domain in sluice_domains::ALL {
            let add = Add(&mut truth, world, &events, kinds);
            by_name(domain, add).transpose()?;
        }
        Ok(truth)
    }

    /// Adds one domain's part of the delivered and the undelivered events, in the order in which they happened.
    fn add<D: Domain>(
        &mut self,
        world: &World,
        (delivered, others): &Events<'_>,
    ) -> Result<(), String> {
        let refused = |event: &Event| {
            let (name, kind) = (D::NAME, event.kind.clone());
            move |fault| format!("{name} refuses {kind}: {fault}")
        };
        // By the item that keeps it, which isn't always the object's own: a domain may keep for one object what
        // another's event says.
        let mut last: BTreeMap<String, &Occurrence> = BTreeMap::new();
        for occurrence in delivered.iter().filter(|event| D::handles(&event.kind)) {
            // Facts are the same in every version.
            let version = version_of(&occurrence.object.scope);
            let shown = world.event(occurrence, version)["data"]["object"].take();
            let event = as_event(occurrence, shown);
            for fact in D::facts(&event).map_err(refused(&event))? {
                self.facts.insert(fact_id(&fact, &event.scope), fact.data);
            }
            let projected = D::project(&event).map_err(refused(&event))?;
            last.insert(projection::key(&event.scope, &projected.object), occurrence);
        }
        for (kept_as, occurrence) in last {
            let key = asked_for::<D>(world, occurrence);
            let renderings = renderings::<D>(world, &key, |object| as_event(occurrence, object))?;
            let objects = self.objects.entry(D::NAME).or_default();
            objects.insert(kept_as, renderings);
        }
        for occurrence in others.iter().filter(|event| D::handles(&event.kind)) {
            let shown = world.shown(occurrence, version_of(&occurrence.object.scope));
            let event = as_event(occurrence, shown);
            for fact in D::facts(&event).map_err(refused(&event))? {
                let id = fact_id(&fact, &event.scope);
                self.undelivered.facts.insert(id, fact.data);
            }
        }
        Ok(())
    }

    /// Adds one domain's part of the objects that can be imported and have no delivered event.
    fn add_imported<D: Domain>(&mut self, world: &World, kinds: &[String]) -> Result<(), String> {
        let events = world.events().iter();
        let handled = events.filter(|event| D::handles(&event.kind));
        let own: BTreeSet<_> = handled
            .filter_map(|event| world.kind(&event.object))
            .collect();
        let can_be = |kind: &str| own.contains(kind) && kinds.contains(&kind.replace('_', "-"));
        let there = self.objects.entry(D::NAME).or_default();
        let imported = self.undelivered.objects.entry(D::NAME).or_default();
        let is_listed =
            |key: &&Key| world.kind(key).is_some_and(can_be) && !world.is_deleted(key, Moment::End);
        for key in world.objects().filter(is_listed) {
            let as_it_is = |object| as_it_is(key, object);
            let event = as_it_is(whole(world, key, version_of(&key.scope)));
            let projected = D::project(&event)
                .map_err(|fault| format!("{} refuses {}: {fault}", D::NAME, key.id))?;
            let kept_as = projection::key(&event.scope, &projected.object);
            if !there.contains_key(&kept_as) {
                imported.insert(kept_as, renderings::<D>(world, key, as_it_is)?);
            }
        }
        Ok(())
    }
}

/// An object at the world's end, whole.
fn whole(world: &World, key: &Key, version: ApiVersion) -> Value {
    let object = world.whole_at(key, version, Moment::End);
    let object = object.unwrap_or_default();
    match world.is_deleted(key, Moment::End) {
        true => json!({ "id": object["id"], "object": object["object"], "deleted": true }),
        false => object,
    }
}

/// The object at the world's end, in each version in which it is shown. `event_of` puts it into an event.
fn renderings<D: Domain>(
    world: &World,
    key: &Key,
    event_of: impl Fn(Value) -> Event,
) -> Result<Vec<Rendering>, String>
where
    D::State: Serialize,
{
    let mut renderings = Vec::new();
    for version in versions_of(&key.scope, world.options().api_version) {
        let event = event_of(whole(world, key, version));
        let projected = D::project(&event)
            .map_err(|fault| format!("{} refuses {}: {fault}", D::NAME, event.kind))?;
        let levels = D::levels(None, &projected.state, &D::Settings::default());
        let levels = levels.into_iter().map(|level| {
            let key = level_key(&level, &event.scope);
            (key, (level.data, level.until))
        });
        let rendering = Rendering {
            state: serde_json::to_value(&projected.state).map_err(|error| error.to_string())?,
            levels: levels.collect(),
        };
        if !renderings.contains(&rendering) {
            renderings.push(rendering);
        }
    }
    Ok(renderings)
}

/// An event about this object, as it is.
fn as_it_is(key: &Key, object: Value) -> Event {
    let kind = match object["object"].as_str().unwrap_or_default() {
        "subscription" => "customer.subscription",
        kind => kind,
    };
    Event {
        id: String::new(),
        kind: format!("{kind}.updated"),
        scope: scope_of(key),
        created: 0,
        api_version: None,
        request: None,
        object,
        previous_attributes: None,
    }
}

fn scope_of(key: &Key) -> Scope {
    Scope {
        account: key.scope.account.clone(),
        livemode: key.scope.livemode,
    }
}

/// The object that shows the state: the event's own, or the one that the domain asks Stripe for instead (the account
/// that an application was connected to).
fn asked_for<D: Domain>(world: &World, occurrence: &Occurrence) -> Key {
    let own = &occurrence.object;
    let shown = world.event(occurrence, version_of(&own.scope))["data"]["object"].take();
    let event = as_event(occurrence, shown);
    let asked = Fetch::of_snapshot(&event).filter(|_| D::lacks(&event) == Lacks::State);
    let other = asked.and_then(|fetch| {
        let key = Key {
            scope: own.scope.clone(),
            id: fetch.id?,
        };
        (world.kind(&key) == Some(&*fetch.kind)).then_some(key)
    });
    other.unwrap_or_else(|| own.clone())
}

fn as_event(occurrence: &Occurrence, object: Value) -> Event {
    Event {
        id: occurrence.id.clone(),
        kind: occurrence.kind.clone(),
        scope: scope_of(&occurrence.object),
        created: occurrence.created,
        api_version: None,
        request: occurrence.request.as_ref().map(|(id, _)| id.clone()),
        object,
        previous_attributes: None,
    }
}

#[cfg(test)]
mod tests {
    use sluice_stripe_sim::{Options, Story};

    use super::*;

    fn truth_of(world: &World, delivered: &BTreeSet<String>) -> Result<Truth, String> {
        let kinds = ["customer", "subscription", "invoice", "payment-intent"];
        Truth::of(world, delivered, &kinds.map(str::to_owned))
    }

    #[test]
    fn of_two_refunds_whose_events_came_there_are_two_facts_and_of_none_nothing() {
        let mut world = World::new(3, Options::default());
        world.play(
            Story::TwoEqualRefunds,
            &sluice_stripe_sim::Scope::platform(false),
        );
        let all = world
            .events()
            .iter()
            .map(|event| event.id.clone())
            .collect();
        let truth = truth_of(&world, &all).expect("every story can be read");
        let refunds = truth
            .facts
            .keys()
            .filter(|id| id.starts_with("Refunded#platform#test#"));
        assert_eq!(refunds.count(), 2);
        assert!(
            truth.objects["payments"]
                .keys()
                .any(|key| key.starts_with("platform#test#re_"))
        );
        let none = truth_of(&world, &BTreeSet::new()).expect("nothing can be read");
        assert!(none.facts.is_empty() && none.objects.values().all(BTreeMap::is_empty));
    }

    #[test]
    fn an_accounts_state_is_that_of_its_last_event_its_connection_included() {
        let mut world = World::new(3, Options::default());
        let account = world.connect(false);
        let id = account.account.clone().expect("a connected account");
        let ready = |world: &World| {
            let all = world.events().iter().map(|event| event.id.clone());
            let truth = truth_of(world, &all.collect()).expect("every story can be read");
            let key = format!("{id}#test#{id}");
            assert!(
                truth.objects["connect"]
                    .keys()
                    .all(|key| !key.contains("ca_"))
            );
            // An account is the same in every version.
            let [account] = &truth.objects["connect"][&key][..] else {
                panic!("{:?}", truth.objects["connect"][&key]);
            };
            let (level, _) = &account.levels[&format!("AccountReady#{key}")];
            (account.state["status"].clone(), level["ready"].clone())
        };
        assert_eq!(ready(&world), (json!("ready"), json!(true)));
        // After a new connection it is as it was, which only Stripe's API shows.
        world.reconnect(&account);
        assert_eq!(ready(&world), (json!("ready"), json!(true)));
        // Its story takes weeks, and the next one comes after it.
        world.advance(60 * 86_400);
        world.disconnect(&account);
        assert_eq!(ready(&world), (json!("deauthorized"), json!(false)));
    }

    #[test]
    fn what_was_there_before_the_first_delivery_may_be_imported_and_has_to_reach_nobody() {
        let mut world = World::new(3, Options::default());
        let scope = sluice_stripe_sim::Scope::platform(false);
        world.play(Story::Subscription, &scope);
        let is_without = |objects: &Objects| objects.values().all(BTreeMap::is_empty);
        let nothing = truth_of(&world, &BTreeSet::new()).expect("every story can be read");
        assert!(is_without(&nothing.objects) && nothing.facts.is_empty());
        let imported = &nothing.undelivered.objects;
        let mut keys = imported["subscriptions"]
            .keys()
            .chain(imported["billing"].keys());
        for prefix in ["cus_", "in_", "sub_"] {
            let prefix = format!("platform#test#{prefix}");
            assert!(keys.clone().any(|key| key.starts_with(&prefix)), "{prefix}");
        }
        let subscription = keys.find(|key| key.contains("#sub_")).expect("one");
        let renderings = &imported["subscriptions"][subscription];
        assert!(renderings.iter().all(|one| one.levels.len() == 1));

        let all = world.events().iter().map(|event| event.id.clone());
        let all = truth_of(&world, &all.collect()).expect("every story can be read");
        assert!(is_without(&all.undelivered.objects) && all.undelivered.facts.is_empty());
        assert_eq!(&all.objects["subscriptions"][subscription], renderings);
    }

    #[test]
    fn an_object_has_as_many_renderings_as_versions_say_different_things_of_it() {
        let mut world = World::new(3, Options::default());
        world.play(
            Story::Subscription,
            &sluice_stripe_sim::Scope::platform(false),
        );
        let all = world.events().iter().map(|event| event.id.clone());
        let truth = truth_of(&world, &all.collect()).expect("every story can be read");
        let mut payments = truth.objects["payments"].iter();
        let (_, intent) = payments
            .find(|(key, _)| key.contains("#pi_"))
            .expect("a renewal's");
        // An older version says which invoice it is for, and a newer one can't.
        let says: Vec<_> = intent
            .iter()
            .map(|one| one.state["invoice"].is_string())
            .collect();
        assert_eq!(says, [false, true]);
    }
}
