//! Events to train on and to measure with.
//!
//! There are two sources. One is the sample events of `tests/events`. The other is every lifecycle of the simulated
//! Stripe in each of its tested API versions, live and test, on the platform and on a connected account, with its thin
//! events too. The simulation always uses the same people and prices, and its ids share a word: a dictionary would
//! learn them and look better than it is. So its events are disguised first ([`crate::disguise`]), and written as
//! Stripe writes: `id` and `object` before everything else.

use std::path::Path;

use fastrand::Rng;
use serde_json::Value;
use sluice_stripe_sim::body::written;
use sluice_stripe_sim::{ApiVersion, Occurrence, Options, Scope, Story, World};

use crate::disguise::Disguise;

/// An event's body, and where it comes from.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    /// Stripe's type.
    pub(crate) kind: String,
    pub(crate) source: Source,
    pub(crate) bytes: Vec<u8>,
}

/// Where a body comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file of `tests/events/stripe`.
    Sample,
    /// A lifecycle at an API version, or its thin events.
    Played(Story, Option<ApiVersion>),
}

/// The sample events.
///
/// # Errors
/// If the folder or a file in it can't be read.
pub(crate) fn samples(folder: &Path) -> Result<Vec<Body>, std::io::Error> {
    let mut paths = std::fs::read_dir(folder)?
        .map(|file| file.map(|file| file.path()))
        .collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let bytes = std::fs::read(path)?;
        let event: Value = serde_json::from_slice(&bytes)?;
        Ok(Body {
            kind: event["type"].as_str().unwrap_or_default().to_owned(),
            source: Source::Sample,
            bytes,
        })
    };
    paths.iter().map(read).collect()
}

/// Every lifecycle, once for each seed.
pub(crate) fn played(seeds: std::ops::Range<u64>) -> Vec<Body> {
    seeds.flat_map(played_once).collect()
}

fn played_once(seed: u64) -> Vec<Body> {
    let mut bodies = Vec::new();
    let mut dice = Rng::with_seed(seed ^ 0x00d1_c700);
    for story in Story::ALL
        .into_iter()
        .chain([Story::Onboarding, Story::Offboarding])
    {
        let mut world = World::new(seed.wrapping_mul(1_000) + story as u64, Options::default());
        match story {
            Story::Onboarding => drop(world.connect(true)),
            Story::Offboarding => {
                let scope = world.connect(false);
                world.disconnect(&scope);
            }
            _ => {
                let scope = match dice.u8(..3) {
                    0 => world.connect(dice.bool()),
                    _ => Scope::platform(dice.bool()),
                };
                world.play(story, &scope);
            }
        }
        for event in world.events() {
            // A connected account comes with its onboarding, which is a lifecycle of its own.
            let is_onboarding = event.kind.starts_with("account.")
                || event.kind.starts_with("capability.")
                || event.kind.starts_with("person.");
            if is_onboarding && !matches!(story, Story::Onboarding | Story::Offboarding) {
                continue;
            }
            bodies.extend(bodies_of(&world, event, story, &mut dice));
        }
    }
    bodies
}

fn bodies_of(world: &World, event: &Occurrence, story: Story, dice: &mut Rng) -> Vec<Body> {
    let mut bodies: Vec<_> = ApiVersion::TESTED
        .into_iter()
        .map(|version| Body {
            kind: event.kind.clone(),
            source: Source::Played(story, Some(version)),
            bytes: written(&Disguise::new(dice).event(world.event(event, version))),
        })
        .collect();
    bodies.push(Body {
        kind: event.thin_kind(),
        source: Source::Played(story, None),
        bytes: written(&Disguise::new(dice).event(world.thin(event))),
    });
    bodies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lifecycle_is_played_and_a_seed_plays_the_same_again() {
        let bodies = played(1..2);
        for story in Story::ALL
            .into_iter()
            .chain([Story::Onboarding, Story::Offboarding])
        {
            let is_of = |body: &Body| matches!(body.source, Source::Played(of, _) if of == story);
            assert!(bodies.iter().any(is_of), "{story:?}");
        }
        let again = played(1..2);
        assert!(
            bodies
                .iter()
                .zip(&again)
                .all(|(one, two)| one.bytes == two.bytes)
        );
    }
}
