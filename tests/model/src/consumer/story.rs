//! The consumer's counterexamples in words.

use std::collections::BTreeSet;

use super::action::{Action, Bus, Write};
use super::protocol::Consumer;
use super::world::{EffectId, Item, Level, Pending, Step, World};
use crate::checking::Described;

impl Described for Consumer {
    const STEP_WIDTH: usize = 43;

    fn title(&self) -> String {
        let same_change = if self.same_change {
            ", two of one change"
        } else {
            ""
        };
        format!("{} events{same_change}", self.events)
    }

    fn line(&self, before: &World, action: Action, after: &World) -> (String, String, String) {
        let at_work = |worker: usize, step: &str, how: &str| {
            let subject = subject(before, worker);
            (
                format!("worker {}", worker + 1),
                format!("{step} {subject}{how}"),
                next_step(before, after, worker),
            )
        };
        match action {
            Action::Receive { worker, event } => (
                format!("worker {}", worker + 1),
                format!("Receive event {}", event + 1),
                next_step(before, after, worker),
            ),
            Action::Apply { worker, write } => at_work(worker, "Apply", how_write(write)),
            Action::Emit { worker, bus } => at_work(worker, "Emit", how_bus(bus)),
            Action::Clear { worker, write } => at_work(worker, "Clear", how_write(write)),
            Action::Acknowledge { worker } => at_work(worker, "Acknowledge", ""),
            Action::Crash { worker } => at_work(worker, "crashes over", ""),
            Action::DeadLetter { worker } => at_work(worker, "gives up", ""),
            Action::Redeliver { event } => (
                "queue".to_owned(),
                format!("has event {} again", event + 1),
                String::new(),
            ),
            Action::Deliver { level } => (
                "receiver".to_owned(),
                format!("is given {}", describe_level(level)),
                match after.receiver {
                    Some(held) if held == level => "holds it".to_owned(),
                    _ => "drops it".to_owned(),
                },
            ),
        }
    }

    fn ending(&self, world: &World) -> String {
        let facts = |counts: &[u8]| {
            let each: Vec<_> = counts.iter().map(u8::to_string).collect();
            each.join(", ")
        };
        let receiver = world
            .receiver
            .map_or_else(|| "nothing".to_owned(), describe_level);
        format!(
            "{}; facts minted {}, emitted {}; receiver holds {receiver}",
            row(&world.item),
            facts(&world.minted),
            facts(&world.emitted),
        )
    }
}

/// The subject of the worker's next call.
fn subject(world: &World, worker: usize) -> String {
    match &world.workers[worker] {
        None => String::new(),
        Some(at_work) => match &at_work.step {
            Step::Apply { .. } | Step::Acknowledge => format!("event {}", at_work.event + 1),
            Step::Emit { effects, .. } | Step::Clear { effects, .. } => describe_effects(effects),
        },
    }
}

fn next_step(before: &World, after: &World, worker: usize) -> String {
    let version = if before.item.version == after.item.version {
        String::new()
    } else {
        format!("version {}, ", after.item.version)
    };
    let Some(at_work) = &after.workers[worker] else {
        return version.trim_end_matches(", ").to_owned();
    };
    let next = match &at_work.step {
        Step::Apply { read } if read.version == 0 => "read nothing, Apply next".to_owned(),
        Step::Apply { read } => format!("read version {}, Apply next", read.version),
        Step::Emit { .. } => "Emit next".to_owned(),
        Step::Clear { .. } => "Clear next".to_owned(),
        Step::Acknowledge => "Acknowledge next".to_owned(),
    };
    format!("{version}{next}")
}

fn describe_level(level: Level) -> String {
    format!("level {} (seq {})", level.value + 1, level.seq)
}

fn describe_effects(effects: &BTreeSet<Pending>) -> String {
    let each: Vec<_> = effects
        .iter()
        .map(|pending| match pending.id {
            EffectId::Fact(fact) => format!("fact {}", fact + 1),
            EffectId::Level(seq) => describe_level(Level {
                seq,
                value: pending.event,
            }),
        })
        .collect();
    each.join(", ")
}

const fn how_write(write: Write) -> &'static str {
    match write {
        Write::Done => "",
        Write::AnswerLost => " (answer lost)",
        Write::Failed => " (fails)",
    }
}

const fn how_bus(bus: Bus) -> &'static str {
    match bus {
        Bus::Accepted => "",
        Bus::FirstRefused => " (first refused)",
        Bus::AnswerLost => " (answer lost)",
    }
}

fn row(item: &Item) -> String {
    let state = item.state.map_or_else(
        || "no state".to_owned(),
        |state| format!("state {}", state + 1),
    );
    let pending = if item.pending.is_empty() {
        "nothing pending".to_owned()
    } else {
        format!("pending {}", describe_effects(&item.pending))
    };
    format!("version {}, {state}, {pending}", item.version)
}
