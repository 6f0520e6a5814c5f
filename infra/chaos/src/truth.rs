//! What has to come out: of the events that Stripe delivered, by the domains' own pure functions over the simulated
//! Stripe's own objects. Neither order, nor evidence, nor the steps of a consumer have a part in it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};
use sluice_kernel::consume::Event;
use sluice_kernel::domain::Domain;
use sluice_kernel::effect::{Scope, fact_id, level_key};
use sluice_kernel::projection;
use sluice_stripe_sim::{Moment, Occurrence, World};

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
        for history in world.histories().values() {
            let history: Vec<_> = history
                .iter()
                .copied()
                .filter(|event| delivered.contains(&event.id))
                .collect();
            truth.add::<payments::Payments>(world, &history)?;
            truth.add::<billing::Billing>(world, &history)?;
            truth.add::<subscriptions::Subscriptions>(world, &history)?;
            truth.add::<connect::Connect>(world, &history)?;
        }
        Ok(truth)
    }

    /// Of one object's events, in the order in which they happened.
    fn add<D: Domain>(&mut self, world: &World, history: &[&Occurrence]) -> Result<(), String>
    where
        D::State: Serialize,
    {
        let own: Vec<_> = history
            .iter()
            .filter(|event| D::handles(&event.kind))
            .collect();
        let refused = |event: &Event| {
            let (name, kind) = (D::NAME, event.kind.clone());
            move |fault| format!("{name} refuses {kind}: {fault}")
        };
        let Some(last) = own.last() else {
            return Ok(());
        };
        // States, facts and levels are alike in every version, but for what a version doesn't say.
        let version = version_of(&last.object.scope);
        for occurrence in &own {
            let shown = world.event(occurrence, version)["data"]["object"].take();
            let event = as_event(occurrence, shown);
            for fact in D::facts(&event).map_err(refused(&event))? {
                self.facts.insert(fact_id(&fact, &event.scope), fact.data);
            }
        }
        let key = &last.object;
        let mut object = world
            .whole_at(key, version, Moment::End)
            .unwrap_or_default();
        if world.is_deleted(key, Moment::End) {
            object = json!({ "id": object["id"], "object": object["object"], "deleted": true });
        }
        let event = as_event(last, object);
        let projected = D::project(&event).map_err(refused(&event))?;
        for level in D::levels(None, &projected.state, &D::Settings::default()) {
            self.levels
                .insert(level_key(&level, &event.scope), (level.data, level.until));
        }
        let state = serde_json::to_value(&projected.state).map_err(|error| error.to_string())?;
        let kept_as = projection::key(&event.scope, &projected.object);
        self.states
            .entry(D::NAME)
            .or_default()
            .insert(kept_as, state);
        Ok(())
    }
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
}
