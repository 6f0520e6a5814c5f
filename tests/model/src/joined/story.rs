//! The joined model's counterexamples in words.

use std::collections::BTreeSet;

use super::action::{Action, End};
use super::protocol::{Joined, Kind};
use super::world::{
    Attempt, Effect, Event, Level, Message, RECONCILE, Refresh, RefreshStep, ReplayStep, Step,
    Sweep, Work, World,
};
use crate::checking::Described;

impl Described for Joined {
    const STEP_WIDTH: usize = 40;

    fn title(&self) -> String {
        let events = if self.events == 1 {
            "1 event".to_owned()
        } else {
            format!("{} events", self.events)
        };
        let replay = match self.replay {
            None => "",
            Some(Kind::Plain) => ", a plain replay",
            Some(Kind::Forced) => ", a forced replay",
        };
        let reconcile = if self.reconciles > 0 {
            ", reconcile"
        } else {
            ""
        };
        let refreshes = self.refreshes.iter().map(|kind| format!(", {}", a(*kind)));
        let refreshes: String = refreshes.collect();
        let restore = if self.restores { ", a restore" } else { "" };
        format!("{events}{reconcile}{replay}{refreshes}{restore}")
    }

    fn line(&self, before: &World, action: Action, after: &World) -> (String, String, String) {
        let (actor, step, then) = match action {
            Action::Deliver { event } => (
                "Stripe",
                format!("delivers event {}", event + 1),
                String::new(),
            ),
            Action::GiveUp { event } => (
                "Stripe",
                format!("gives event {} up", event + 1),
                String::new(),
            ),
            Action::Lapse { event } => (
                "time",
                format!("lapses the claim of event {}", event + 1),
                String::new(),
            ),
            Action::Again { message } => (
                "queue",
                format!("has {} again", describe_message(message)),
                String::new(),
            ),
            Action::Redrive { message } => (
                "operator",
                format!("redrives {}", describe_message(message)),
                String::new(),
            ),
            Action::Arrive { level } => (
                "receiver",
                format!("is given {}", describe_level(level)),
                match after.receiver.level {
                    Some(held) if held == level => "holds it".to_owned(),
                    _ => "drops it".to_owned(),
                },
            ),
            Action::Ingest { place, end } => ingest(before, after, place, end),
            Action::SweepPick { event } => (
                "sweep",
                format!("picks event {}", event + 1),
                "Publish next".to_owned(),
            ),
            Action::Sweep { end } => ("sweep", sweep_step(before, end), sweep_next(after)),
            Action::ReconcileBegin => ("reconcile", "begins".to_owned(), reconcile_next(after)),
            Action::ReconcileLook => (
                "reconcile",
                "compares with the ledger".to_owned(),
                reconcile_next(after),
            ),
            Action::ReconcileCrash => ("reconcile", "crashes".to_owned(), reconcile_next(after)),
            Action::ReplayBegin => ("replay", "begins".to_owned(), replay_next(after)),
            Action::Replay { end } => ("replay", replay_step(before, end), replay_next(after)),
            Action::ReplayResume => ("replay", "is resumed".to_owned(), replay_next(after)),
            Action::RefreshBegin { shown } => (
                "operator",
                format!("begins {}", refreshing(after)),
                shown_state(shown),
            ),
            Action::Refresh { end } => ("operator", refresh_step(before, end), refresh_next(after)),
            Action::RefreshAgain { shown } => (
                "operator",
                format!("runs {} once more", refreshing(after)),
                shown_state(shown),
            ),
            Action::Backup => ("backup", "keeps the item".to_owned(), item_in_words(before)),
            Action::Restore => ("backup", "is restored".to_owned(), item_in_words(after)),
            Action::Receive { worker, message } => (
                WORKERS[worker],
                format!("Receive {}", describe_message(message)),
                work_next(before, after, worker),
            ),
            Action::Work { worker, end } => (
                WORKERS[worker],
                work_step(before, worker, end),
                work_next(before, after, worker),
            ),
            Action::DeadLetter { worker } => (
                WORKERS[worker],
                work_step(before, worker, End::Crash).replace("crashes before", "gives up at"),
                String::new(),
            ),
        };
        (actor.to_owned(), step, then)
    }

    fn ending(&self, world: &World) -> String {
        let events: Vec<_> = (0..self.events)
            .zip(&world.events)
            .map(|(event, state)| describe_event(event, state, world))
            .collect();
        let held = world.receiver.level;
        format!(
            "{}; {}; receiver holds {}",
            events.join("; "),
            item_in_words(world),
            held.map_or_else(|| "no level".to_owned(), describe_level)
        )
    }
}

const INGESTS: [&str; 3] = ["ingest 1", "ingest 2", "reconcile"];
const WORKERS: [&str; 2] = ["worker 1", "worker 2"];

const fn how(end: End) -> &'static str {
    match end {
        End::Done | End::Crash => "",
        End::AnswerLost => " (answer lost)",
        End::Refused => " (refused)",
    }
}

fn step_or_crash(step: &str, end: End) -> String {
    match end {
        End::Crash => format!("crashes before {step}"),
        _ => format!("{step}{}", how(end)),
    }
}

fn ingest(before: &World, after: &World, place: usize, end: End) -> (&'static str, String, String) {
    let Some(Attempt { event, step }) = before.attempts[place] else {
        return (INGESTS[place], String::new(), String::new());
    };
    let step = format!("{} event {}", step_name(step), event + 1);
    let acknowledged = |world: &World| world.events[usize::from(event)].acknowledged;
    let then = match after.attempts[place] {
        Some(attempt) => format!("{} next", step_name(attempt.step)),
        None if end == End::Crash => String::new(),
        None if place == RECONCILE => reconcile_next(after),
        None if !acknowledged(before) && acknowledged(after) => "200".to_owned(),
        None if acknowledged(before) => "its answer changes nothing".to_owned(),
        None => "not acknowledged".to_owned(),
    };
    (INGESTS[place], step_or_crash(&step, end), then)
}

const fn step_name(step: Step) -> &'static str {
    match step {
        Step::Claim => "Claim",
        Step::Publish => "Publish",
        Step::Mark => "Mark",
        Step::Defer { .. } => "Defer",
    }
}

fn sweep_step(world: &World, end: End) -> String {
    match world.sweep {
        Some(Sweep::Publish { event }) => {
            step_or_crash(&format!("Publish event {}", event + 1), end)
        }
        Some(Sweep::Clear { event }) => step_or_crash(&format!("Clear event {}", event + 1), end),
        None => String::new(),
    }
}

fn sweep_next(world: &World) -> String {
    match world.sweep {
        Some(Sweep::Publish { .. }) => "Publish next",
        Some(Sweep::Clear { .. }) => "Clear next",
        None => "ends",
    }
    .to_owned()
}

fn reconcile_next(world: &World) -> String {
    match (world.attempts[RECONCILE], world.reconcile.walk) {
        (Some(attempt), _) => format!(
            "{} event {} next",
            step_name(attempt.step),
            attempt.event + 1
        ),
        (None, Some(walk)) => format!("looks at event {} next", walk.event + 1),
        (None, None) if world.reconcile.passed => "ends, has passed".to_owned(),
        (None, None) => "ends, will come back".to_owned(),
    }
}

fn replay_step(world: &World, end: End) -> String {
    let Some(replay) = world.replay else {
        return String::new();
    };
    let message = Message {
        event: replay.cursor,
        generation: replay.generation,
    };
    let step = match replay.step {
        ReplayStep::Publish => format!("Publish {}", describe_message(message)),
        _ => format!("Advance over {}", describe_message(message)),
    };
    step_or_crash(&step, end)
}

fn replay_next(world: &World) -> String {
    match world.replay.map(|replay| replay.step) {
        Some(ReplayStep::Publish) => "Publish next",
        Some(ReplayStep::Advance) => "Advance next",
        Some(ReplayStep::Dead) => "can be resumed",
        Some(ReplayStep::Finished) => "ends",
        None => "",
    }
    .to_owned()
}

fn work_step(world: &World, worker: usize, end: End) -> String {
    let Some(at_work) = &world.workers[worker] else {
        return String::new();
    };
    let message = describe_message(at_work.message);
    let step = match &at_work.work {
        Work::Apply { .. } => format!("Apply {message}"),
        Work::Emit(effects) => format!("Emit {}", describe_effects(effects)),
        Work::Clear(effects) => format!("Clear {}", describe_effects(effects)),
        Work::Acknowledge => format!("Acknowledge {message}"),
    };
    match end {
        End::Refused => format!("{step} (first refused)"),
        _ => step_or_crash(&step, end),
    }
}

fn work_next(before: &World, after: &World, worker: usize) -> String {
    let version = if before.item.version == after.item.version {
        String::new()
    } else {
        format!("version {}, ", after.item.version)
    };
    let next = match after.workers[worker].as_ref().map(|at| &at.work) {
        Some(Work::Apply { .. }) => "Apply next",
        Some(Work::Emit(_)) => "Emit next",
        Some(Work::Clear(_)) => "Clear next",
        Some(Work::Acknowledge) => "Acknowledge next",
        None => return version.trim_end_matches(", ").to_owned(),
    };
    format!("{version}{next}")
}

fn describe_message(message: Message) -> String {
    match message.generation {
        0 => format!("event {}", message.event + 1),
        generation => format!("event {} under generation {generation}", message.event + 1),
    }
}

fn describe_level(level: Level) -> String {
    format!("level {} (seq {})", level.value + 1, level.seq)
}

fn describe_effects(effects: &BTreeSet<Effect>) -> String {
    let each: Vec<_> = effects
        .iter()
        .map(|effect| match *effect {
            Effect::Fact(Message {
                event,
                generation: 0,
            }) => format!("fact {}", event + 1),
            Effect::Fact(fact) => format!("fact {}#{}", fact.event + 1, fact.generation),
            Effect::Level(level) => describe_level(level),
        })
        .collect();
    each.join(", ")
}

fn describe_event(event: u8, way: &Event, world: &World) -> String {
    let mut row = format!("event {}", event + 1);
    if way.acknowledged {
        row.push_str(" acknowledged,");
    }
    match way.entry {
        None => row.push_str(" not in the ledger"),
        Some(entry) => {
            for (holds, word) in [
                (entry.published, " published"),
                (entry.due, " due"),
                (!entry.published && !entry.due, " neither published nor due"),
            ] {
                if holds {
                    row.push_str(word);
                }
            }
        }
    }
    let acted: Vec<_> = Message::all()
        .filter(|fact| fact.event == event && world.receiver.acted.of(*fact) > 0)
        .map(|fact| {
            let times = world.receiver.acted.of(fact);
            let fact = describe_effects(&BTreeSet::from([Effect::Fact(fact)]));
            if times > 1 {
                format!("{fact} twice")
            } else {
                fact
            }
        })
        .collect();
    if acted.is_empty() {
        row.push_str(", not acted on");
    } else {
        row.push_str(&format!(", acted on {}", acted.join(", ")));
    }
    row
}

/// A command with its article.
const fn a(kind: Refresh) -> &'static str {
    match kind {
        Refresh::Suppressed => "a suppressed rebuild",
        Refresh::Emitting => "a rebuild that emits",
        Refresh::Import => "an import",
    }
}

fn refreshing(world: &World) -> &'static str {
    let running = world.refreshing.as_ref();
    running.map_or("", |running| a(running.kind))
}

fn shown_state(shown: u8) -> String {
    format!("is shown state {}", shown + 1)
}

fn refresh_step(world: &World, end: End) -> String {
    let Some(running) = &world.refreshing else {
        return String::new();
    };
    let step = match &running.step {
        RefreshStep::Write => "Write".to_owned(),
        RefreshStep::Emit(effects) => format!("Emit {}", describe_effects(effects)),
        RefreshStep::Clear(effects) => format!("Clear {}", describe_effects(effects)),
        RefreshStep::Dead => String::new(),
    };
    match end {
        End::Refused => format!("{step} (first refused)"),
        _ => step_or_crash(&step, end),
    }
}

fn refresh_next(world: &World) -> String {
    match world.refreshing.as_ref().map(|running| &running.step) {
        Some(RefreshStep::Emit(_)) => "Emit next".to_owned(),
        Some(RefreshStep::Clear(_)) => "Clear next".to_owned(),
        Some(RefreshStep::Dead) => "can be run again".to_owned(),
        Some(RefreshStep::Write) | None => format!("ends, {}", item_in_words(world)),
    }
}

fn item_in_words(world: &World) -> String {
    let item = &world.item;
    let state = item.state.map_or_else(
        || "no state".to_owned(),
        |state| format!("state {}", state + 1),
    );
    let pending = if item.pending.is_empty() {
        String::new()
    } else {
        format!(", pending {}", describe_effects(&item.pending))
    };
    let owed = if item.owed { ", level owed" } else { "" };
    format!("{state}{pending}{owed}")
}
