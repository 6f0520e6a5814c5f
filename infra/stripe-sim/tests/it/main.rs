//! The simulated Stripe, through its public interface.

mod api;
mod deliveries;
mod receiver;
mod runs;
mod server;
mod stories;
mod thin;
mod truth;
mod versions;

use sluice_stripe_sim::{Options, Scope, Story, World};

/// A world in which every story was played, for the platform and for two connected accounts.
fn full_world(seed: u64) -> World {
    let mut world = World::new(seed, Options::default());
    let mut scopes = vec![Scope::platform(true), Scope::platform(false)];
    scopes.push(world.connect(true));
    scopes.push(world.connect(false));
    for story in Story::ALL {
        for scope in &scopes {
            world.play(story, scope);
        }
    }
    world
}

/// A world with one story of the platform, live.
fn played(story: Story) -> World {
    let mut world = World::new(3, Options::default());
    world.play(story, &Scope::platform(true));
    world
}
