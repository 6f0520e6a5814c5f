//! What can happen in each world that stateright visits, and the properties to check.

use stateright::{Model, Property};

use super::properties;
use super::protocol::Scopes;
use super::world::{ACCOUNTS, Action, Event, World};

impl Model for Scopes {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::default()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.run.is_some() {
            actions.push(Action::Step);
            if world.crashes < self.crashes {
                actions.push(Action::Crash);
            }
        } else if world.runs < self.runs {
            actions.push(Action::Begin);
        }
        let unborn = (0..ACCOUNTS).filter(|index| world.accounts[*index].event == Event::Unborn);
        actions.extend(unborn.map(|account| Action::Happens { account }));
        if !world.well_again {
            actions.push(Action::Heals);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        Some(self.after(world, action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
