//! What can happen in each world that stateright visits, and the properties to check.

use stateright::{Model, Property};

use super::action::{Action, End};
use super::properties;
use super::protocol::Joined;
use super::world::World;

impl Model for Joined {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::default()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        actions.extend(self.progress(world));
        self.outside(world, actions);
        if world.disturbances < self.disturbances {
            Self::disturbed(world, actions);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let after = self.after(world, action);
        // A lost answer to a claim that was not carried out: the SDK claims again and learns the same.
        match action {
            Action::Ingest {
                place,
                end: End::AnswerLost,
            } if after.attempts[place].is_none() => None,
            _ => Some(after),
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
