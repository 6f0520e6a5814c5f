//! What has to come out: of the events that Stripe delivered, by the domains' own pure functions over the simulated
//! Stripe's own objects. Neither order, nor evidence, nor the steps of a consumer have a part in it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};
use sluice_kernel::consume::Event;
use sluice_kernel::domain::{Domain, Lacks};
use sluice_kernel::effect::{Scope, fact_id, level_key};
use sluice_kernel::fetch::Fetch;
use sluice_kernel::projection;
use sluice_stripe_sim::{Key, Moment, Occurrence, World};

use crate::stage::version_of;

/// What has to be there at the end.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// Domain → the projection's key → its state.
    pub(crate) states: BTreeMap<&'static str, BTreeMap<String, Value>>,
    /// Id → what the fact says.
    pub(crate) facts: BTreeMap<String, Value>,
    /// Key → the level's value, and until when it holds.
    pub(crate) levels: BTreeMap<String, (Value, Option<i64>)>,
}

impl Truth {
    /// Of these events, by id.
    ///
    /// # Errors
    /// Where a domain refuses what Stripe has, in words.
    pub(crate) fn of(world: &World, delivered: &BTreeSet<String>) -> Result<Self, String> {
        let mut truth = Self::default();
        let delivered: Vec<_> = world
            .events()
            .iter()
            .filter(|event| delivered.contains(&event.id))
            .collect();
        truth.add::<payments::Payments>(world, &delivered)?;
        truth.add::<billing::Billing>(world, &delivered)?;
        truth.add::<subscriptions::Subscriptions>(world, &delivered)?;
        truth.add::<connect::Connect>(world, &delivered)?;
        Ok(truth)
    }

    /// Of the events, in the order in which they happened, what is one domain's.
    fn add<D: Domain>(&mut self, world: &World, delivered: &[&Occurrence]) -> Result<(), String>
    where
        D::State: Serialize,
    {
        let refused = |event: &Event| {
            let (name, kind) = (D::NAME, event.kind.clone());
            move |fault| format!("{name} refuses {kind}: {fault}")
        };
        // By the item that keeps it, which isn't always the object's own: a domain may keep of one what another's event says.
        let mut last: BTreeMap<String, &Occurrence> = BTreeMap::new();
        for occurrence in delivered.iter().filter(|event| D::handles(&event.kind)) {
            // States, facts and levels are alike in every version, but for what a version doesn't say.
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
            let key = &asked_for::<D>(world, occurrence);
            let object = world.whole_at(key, version_of(&key.scope), Moment::End);
            let mut object = object.unwrap_or_default();
            if world.is_deleted(key, Moment::End) {
                object = json!({ "id": object["id"], "object": object["object"], "deleted": true });
            }
            let event = as_event(occurrence, object);
            let projected = D::project(&event).map_err(refused(&event))?;
            for level in D::levels(None, &projected.state, &D::Settings::default()) {
                self.levels
                    .insert(level_key(&level, &event.scope), (level.data, level.until));
            }
            let state =
                serde_json::to_value(&projected.state).map_err(|error| error.to_string())?;
            self.states
                .entry(D::NAME)
                .or_default()
                .insert(kept_as, state);
        }
        Ok(())
    }
}

/// The object that shows the state: the event's own, or the one that the domain has Stripe asked for in its place (the account
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
        scope: Scope {
            account: occurrence.object.scope.account.clone(),
            livemode: occurrence.object.scope.livemode,
        },
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
        let truth = Truth::of(&world, &all).expect("every story can be read");
        let refunds = truth
            .facts
            .keys()
            .filter(|id| id.starts_with("Refunded#platform#test#"));
        assert_eq!(refunds.count(), 2);
        assert!(
            truth.states["payments"]
                .keys()
                .any(|key| key.starts_with("platform#test#re_"))
        );
        let none = Truth::of(&world, &BTreeSet::new()).expect("nothing can be read");
        assert!(none.facts.is_empty() && none.states.is_empty());
    }

    #[test]
    fn an_accounts_state_is_that_of_its_last_event_its_connection_included() {
        let mut world = World::new(3, Options::default());
        let account = world.connect(false);
        let id = account.account.clone().expect("a connected account");
        let ready = |world: &World| {
            let all = world.events().iter().map(|event| event.id.clone());
            let truth = Truth::of(world, &all.collect()).expect("every story can be read");
            let key = format!("{id}#test#{id}");
            assert!(
                truth.states["connect"]
                    .keys()
                    .all(|key| !key.contains("ca_"))
            );
            let status = truth.states["connect"][&key]["status"].clone();
            let (level, _) = &truth.levels[&format!("AccountReady#{key}")];
            (status, level["ready"].clone())
        };
        assert_eq!(ready(&world), (json!("ready"), json!(true)));
        // Connected again it is as it was, which only Stripe's API shows.
        world.reconnect(&account);
        assert_eq!(ready(&world), (json!("ready"), json!(true)));
        // Its story takes weeks, and the next one comes after it.
        world.advance(60 * 86_400);
        world.disconnect(&account);
        assert_eq!(ready(&world), (json!("deauthorized"), json!(false)));
    }
}
