//! Running the checker, and telling a counterexample so that a person can follow it.

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model, Path};

use crate::action::{Action, Bus, Call};
use crate::protocol::Protocol;
use crate::world::{Answer, Entry, Step, SweepStep, World};

/// What the checker found in one configuration.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// How many different worlds there are.
    pub worlds: usize,
    /// Promises that don't hold, each with a story that breaks it. [`find`] tells the shortest.
    pub broken: Vec<(&'static str, String)>,
    /// What the model was to reach and never did.
    pub never_seen: Vec<&'static str>,
}

/// Looks at every world that the configuration can reach, on as many threads as the machine has.
#[must_use]
pub fn check(protocol: Protocol) -> Verdict {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let checker = protocol.checker().threads(threads).spawn_bfs().join();
    let (failing, sometimes): (Vec<_>, Vec<_>) = protocol
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
                    tell(protocol, property.name, &path.into_vec()),
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

/// The shortest story that breaks this promise or, for a sight, leads to it; `None` if there is none.
#[must_use]
pub fn find(protocol: Protocol, property: &'static str) -> Option<String> {
    let search = |depth: usize| {
        let wanted = HasDiscoveries::AnyOf(BTreeSet::from([property]));
        let checker = protocol
            .checker()
            .finish_when(wanted)
            .target_max_depth(depth);
        let checker = checker.spawn_bfs().join();
        checker.discovery(property).map(Path::into_vec)
    };
    // The checker looks at worlds in blocks and keeps the last discovery of a block, which need not be the shortest.
    // So the depth grows until there is one. A depth of 0 is no limit, and a limit itself is out of bounds.
    let worlds = search(0)?.len();
    let path = (2..=worlds + 1).find_map(search)?;
    Some(tell(protocol, property, &path))
}

fn tell(protocol: Protocol, property: &str, path: &[(World, Option<Action>)]) -> String {
    let mut story = format!("{property} ({:?} body)\n", protocol.size);
    for (number, (world, action)) in path.iter().enumerate() {
        if let Some(action) = action {
            let (actor, step, then) = line(world, *action, &protocol.after(world, *action));
            let arrow = if then.is_empty() { "" } else { "→ " };
            let line = format!("{:>3}. {actor:<11}{step:<26}{arrow}{then}", number + 1);
            story.push_str(line.trim_end());
            story.push('\n');
        }
    }
    if let Some((world, _)) = path.last() {
        let entry = world
            .entry
            .as_ref()
            .map_or_else(|| "no entry".to_owned(), ledger_row);
        let body = match world.entry.as_ref().and_then(|entry| entry.body) {
            Some(_) if protocol.body_complete(world) => "",
            Some(_) => " (parts missing)",
            None => "",
        };
        story.push_str(&format!(
            "     in the end: {entry}{body}; copies on the bus: {}",
            world.copies
        ));
    }
    story
}

fn line(before: &World, action: Action, after: &World) -> (String, String, String) {
    let of_attempt = |attempt: u8, verb: &str, result: &str| {
        let now = after.attempts[usize::from(attempt)];
        let learnt = before.attempts[usize::from(attempt)].outcome != now.outcome;
        let outcome = now
            .outcome
            .filter(|_| learnt)
            .map_or_else(String::new, |outcome| format!("{outcome:?}, "));
        (
            format!("delivery {}", attempt + 1),
            format!("{verb}{result}"),
            format!("{outcome}{}", next_step(now.step)),
        )
    };
    let of_sweep = |sweep: u8, verb: &str, result: &str| {
        let next = match after.sweeps[usize::from(sweep)] {
            SweepStep::Idle => "ends",
            SweepStep::Publish => "Publish next",
            SweepStep::Clear => "Clear next",
            SweepStep::Postpone => "Postpone next",
        };
        (
            format!("sweep {}", sweep + 1),
            format!("{verb}{result}"),
            next.to_owned(),
        )
    };
    match action {
        Action::Claim { attempt, call } => of_attempt(attempt, "Claim", how_call(call)),
        Action::TakeOver { attempt, call } => of_attempt(attempt, "TakeOver", how_call(call)),
        Action::StorePart { attempt, call } => {
            let version = Protocol::version(attempt);
            let part = match before.attempts[usize::from(attempt)].step {
                Step::StorePart(part) => part + 1,
                _ => 0,
            };
            of_attempt(
                attempt,
                &format!("StorePart {version:?}{part}"),
                how_call(call),
            )
        }
        Action::NameBody { attempt, call } => of_attempt(
            attempt,
            &format!("NameBody {:?}", Protocol::version(attempt)),
            how_call(call),
        ),
        Action::Publish { attempt, bus } => of_attempt(attempt, "Publish", how_bus(bus)),
        Action::Mark { attempt, call } => of_attempt(attempt, "Mark", how_call(call)),
        Action::Defer { attempt, call } => of_attempt(attempt, "Defer", how_call(call)),
        Action::Crash { attempt } => (
            format!("delivery {}", attempt + 1),
            "crashes".to_owned(),
            String::new(),
        ),
        Action::Lapse => {
            let holder = before.entry.as_ref().map_or(0, |entry| entry.attempt + 1);
            (
                "time".to_owned(),
                format!("lapses the claim of {holder}"),
                String::new(),
            )
        }
        Action::SweepPick { sweep } => of_sweep(sweep, "Pick", ""),
        Action::SweepPublish { sweep, bus } => of_sweep(sweep, "Publish", how_bus(bus)),
        Action::SweepClear { sweep, call } => of_sweep(sweep, "Clear", how_call(call)),
        Action::SweepPostpone { sweep } => of_sweep(sweep, "Postpone", ""),
        Action::SweepCrash { sweep } => (
            format!("sweep {}", sweep + 1),
            "crashes".to_owned(),
            String::new(),
        ),
    }
}

const fn how_call(call: Call) -> &'static str {
    match call {
        Call::Done => "",
        Call::AnswerLost => " (answer lost)",
        Call::Failed => " (fails)",
    }
}

const fn how_bus(bus: Bus) -> &'static str {
    match bus {
        Bus::Accepted => "",
        Bus::Refused => " (entry refused)",
        Bus::AnswerLost => " (answer lost)",
        Bus::Failed => " (fails)",
    }
}

fn next_step(step: Step) -> String {
    match step {
        Step::Answered(Answer::Accepted) => "200 accepted".to_owned(),
        Step::Answered(Answer::Duplicate) => "200 duplicate".to_owned(),
        Step::Answered(Answer::Queued) => "200 queued".to_owned(),
        Step::Answered(Answer::Held) => "409".to_owned(),
        Step::Failed => "5xx".to_owned(),
        Step::TakeOver { seen, .. } => format!("lapsed under {}: TakeOver next", seen + 1),
        Step::StorePart(part) => format!("StorePart {} next", part + 1),
        Step::Defer { .. } => "Defer next".to_owned(),
        Step::Waiting => String::new(),
        Step::Claim | Step::NameBody | Step::Publish | Step::Mark => {
            format!("{step:?} next")
        }
    }
}

fn ledger_row(entry: &Entry) -> String {
    let mut row = format!("entry of delivery {}", entry.attempt + 1);
    match entry.body {
        Some(version) => row.push_str(&format!(" with body {version:?}")),
        None => row.push_str(" without a body"),
    }
    for (holds, word) in [
        (entry.lapsed, "lapsed"),
        (entry.published, "published"),
        (entry.due, "due"),
    ] {
        if holds {
            row.push_str(", ");
            row.push_str(word);
        }
    }
    if !entry.published && !entry.due {
        row.push_str(", neither published nor due");
    }
    row
}
