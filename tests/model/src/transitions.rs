//! What can happen in each world that stateright visits, and the properties to check.

use stateright::{Model, Property};

use crate::action::Action;
use crate::properties;
use crate::protocol::Protocol;
use crate::world::{Step, SweepStep, World};

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.attempts)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for attempt in 0..self.attempts {
            let step = world.attempts[usize::from(attempt)].step;
            // Deliveries of equal bytes are alike: they begin in order.
            let before = attempt
                .checked_sub(1)
                .map(|before| world.attempts[usize::from(before)].step);
            if step == Step::Waiting && before == Some(Step::Waiting) {
                continue;
            }
            actions.extend(Self::next_of_attempt(world, attempt));
            if world.attempts[usize::from(attempt)].live() {
                actions.push(Action::Crash { attempt });
            }
        }
        if self.may_lapse(world) {
            actions.push(Action::Lapse);
        }
        for sweep in [0, 1] {
            if self.may_pick(world, sweep) {
                actions.push(Action::SweepPick { sweep });
            }
            actions.extend(Self::next_of_sweep(world, sweep));
            if world.sweeps[usize::from(sweep)] != SweepStep::Idle {
                actions.push(Action::SweepCrash { sweep });
            }
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let after = self.after(world, action);
        (after != *world).then_some(after)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
