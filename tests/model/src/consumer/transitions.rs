//! What can happen in each world that stateright visits, and the properties to check.

use stateright::{Model, Property};

use super::action::Action;
use super::properties;
use super::protocol::Consumer;
use super::world::World;

impl Model for Consumer {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.events)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let disturbable = world.disturbances < self.disturbances;
        for worker in [0, 1] {
            if world.workers[worker].is_some() {
                let every = if disturbable { usize::MAX } else { 1 };
                actions.extend(Self::next_of_worker(world, worker).into_iter().take(every));
                if disturbable {
                    actions.push(Action::Crash { worker });
                    if world.dead.len() < self.dead_letters {
                        actions.push(Action::DeadLetter { worker });
                    }
                }
            } else if worker == 0 || world.workers[0].is_some() {
                // Workers are alike: the second receives only while the first is active.
                actions.extend(
                    (0..self.events)
                        .filter(|event| world.queue[usize::from(*event)] > 0)
                        .map(|event| Action::Receive { worker, event }),
                );
            }
        }
        if world.redeliveries < self.redeliveries {
            actions.extend(
                (0..self.events)
                    .filter(|event| world.queue[usize::from(*event)] == 0)
                    .map(|event| Action::Redeliver { event }),
            );
        }
        actions.extend(world.bus.iter().map(|&level| Action::Deliver { level }));
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let after = self.after(world, action);
        (after != *world).then_some(after)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
