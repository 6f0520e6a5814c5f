//! Runs the checker, and prints a counterexample so that a person can follow it.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::Hash;

use stateright::{Checker, HasDiscoveries, Model, Path};

/// A model with counterexamples that can be printed.
pub trait Described: Model + Copy + Send + Sync + 'static
where
    Self::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    Self::Action: Copy + Debug + PartialEq + Send + Sync + 'static,
{
    /// The width of the column of steps.
    const STEP_WIDTH: usize;

    /// The configuration, in a few words.
    fn title(&self) -> String;

    /// One action: the actor, the step, and its result, which may be empty.
    fn line(
        &self,
        before: &Self::State,
        action: Self::Action,
        after: &Self::State,
    ) -> (String, String, String);

    /// The state at the end.
    fn ending(&self, world: &Self::State) -> String;
}

/// What the checker found in one configuration.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The number of different worlds.
    pub worlds: usize,
    /// Promises that don't hold, each with a story that breaks it. [`find`] returns the shortest.
    pub broken: Vec<(&'static str, String)>,
    /// The sights that the model should have reached and didn't.
    pub never_seen: Vec<&'static str>,
}

/// Checks every world that the configuration can reach, on as many threads as the machine has.
#[must_use]
pub fn check<M: Described>(model: M) -> Verdict
where
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Copy + Debug + PartialEq + Send + Sync + 'static,
{
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let checker = model.checker().threads(threads).spawn_bfs().join();
    let (failing, sometimes): (Vec<_>, Vec<_>) = model
        .properties()
        .into_iter()
        .partition(|property| property.expectation.discovery_is_failure());
    Verdict {
        worlds: checker.unique_state_count(),
        broken: failing
            .iter()
            .filter_map(|property| {
                let path = checker.discovery(property.name)?;
                Some((
                    property.name,
                    describe_path(model, property.name, &path.into_vec()),
                ))
            })
            .collect(),
        never_seen: sometimes
            .iter()
            .map(|property| property.name)
            .filter(|name| checker.discovery(name).is_none())
            .collect(),
    }
}

/// The shortest story that breaks this promise or, for a sight, that leads to it; `None` if there is none.
#[must_use]
pub fn find<M: Described>(model: M, property: &'static str) -> Option<String>
where
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Copy + Debug + PartialEq + Send + Sync + 'static,
{
    let search = |depth: usize| {
        let wanted = HasDiscoveries::AnyOf(BTreeSet::from([property]));
        let checker = model.checker().finish_when(wanted).target_max_depth(depth);
        let checker = checker.spawn_bfs().join();
        checker.discovery(property).map(Path::into_vec)
    };
    // The checker visits worlds in blocks and keeps the last discovery of a block, which need not be the shortest. So
    // the depth grows until there is one. A depth of 0 is no limit, and a limit itself is out of bounds.
    let worlds = search(0)?.len();
    let path = (2..=worlds + 1).find_map(search)?;
    Some(describe_path(model, property, &path))
}

fn describe_path<M: Described>(
    model: M,
    property: &str,
    path: &[(M::State, Option<M::Action>)],
) -> String
where
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Copy + Debug + PartialEq + Send + Sync + 'static,
{
    let mut story = format!("{property} ({})\n", model.title());
    for (number, steps) in path.windows(2).enumerate() {
        if let [(before, Some(action)), (after, _)] = steps {
            let (actor, step, then) = model.line(before, *action, after);
            let arrow = if then.is_empty() { "" } else { "→ " };
            let width = M::STEP_WIDTH;
            let line = format!("{:>3}. {actor:<11}{step:<width$} {arrow}{then}", number + 1);
            story.push_str(line.trim_end());
            story.push('\n');
        }
    }
    if let Some((world, _)) = path.last() {
        story.push_str(&format!("     in the end: {}", model.ending(world)));
    }
    story
}
