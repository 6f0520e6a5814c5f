//! The counterexamples of ingest's model in words.

use crate::action::{Action, Bus, Call};
use crate::checking::Described;
use crate::protocol::Protocol;
use crate::world::{Answer, Entry, Step, SweepStep, World};

impl Described for Protocol {
    const STEP_WIDTH: usize = 25;

    fn title(&self) -> String {
        format!("{:?} body", self.size)
    }

    fn line(&self, before: &World, action: Action, after: &World) -> (String, String, String) {
        line(before, action, after)
    }

    fn ending(&self, world: &World) -> String {
        let entry = world
            .entry
            .as_ref()
            .map_or_else(|| "no entry".to_owned(), ledger_row);
        let body = match world.entry.as_ref().and_then(|entry| entry.body) {
            Some(_) if self.body_complete(world) => "",
            Some(_) => " (parts missing)",
            None => "",
        };
        format!("{entry}{body}; copies on the bus: {}", world.copies)
    }
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
