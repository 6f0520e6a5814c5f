//! Kills each function, as built, before and after each AWS call that it makes, for one event at a time. Then Stripe,
//! the queue or the next sweep comes again, and the run must end like an undisturbed one.
//!
//! A kill is an abort of the real process between two of its steps (`sluice_adapters::faults`). Every kill is aimed by
//! a text that occurs only in one event's calls, and happens once. So all of them are tried concurrently on one stack;
//! at the end each must have happened.

use serde_json::{Value, json};

use crate::trial::{SAMPLES, Trial, created, deliver_all, judge, until_all_has_happened};
use crate::world::{World, unique};

const KILLS: [&str; 2] = ["kill-before", "kill-after"];

/// A stack with functions that can be killed, and with short waits: a claim lapses four seconds after its delivery
/// came.
fn mortal() -> World {
    World::own(|options| {
        options.client_faults = true;
        let short = [
            ("MaxReceiveCount", "100"),
            ("QueueVisibilitySeconds", "2"),
            ("DomainTimeoutSeconds", "10"),
            ("IngestTimeoutSeconds", "3"),
        ];
        options
            .parameters
            .extend(short.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let margin = [("LAPSE_MARGIN_MS".to_owned(), "1000".to_owned())];
        options
            .environment
            .insert("IngestFunction".to_owned(), margin.into());
    })
}

/// Trials, and the rules that go wrong for them.
struct Plan<'a> {
    world: &'a World,
    at: i64,
    trials: Vec<Trial>,
    rules: Vec<Value>,
}

impl Plan<'_> {
    /// A rule for the `nth` call of an operation that a function makes with this text in it.
    fn rule(&mut self, function: &str, call: &str, nth: u32, text: &str, act: impl Into<Value>) {
        self.rules.push(json!({
            "id": unique("r"), "function": self.world.info().functions[function], "call": call,
            "contains": text, "from": nth, "times": 1, "do": act.into(),
        }));
    }

    fn trial(&mut self, trial: Trial) {
        self.trials.push(trial);
    }
}

/// Makes a plan, delivers all, judges all, and checks that every rule has fired.
///
/// One call may contain several events. Of the rules that it matches, the first is carried out, or all that refuse
/// entries. Kills come first: a killed call is repeated with all of its events, but a call with a refused entry carries
/// the others past their kill.
fn run(world: &World, make: impl Fn(&mut Plan<'_>)) {
    let at = created();
    let made = || {
        let mut plan = Plan {
            world,
            at,
            trials: Vec::new(),
            rules: Vec::new(),
        };
        make(&mut plan);
        plan.rules.sort_by_key(|rule| rule["do"].is_object());
        (plan.trials, plan.rules)
    };
    until_all_has_happened(made, |trials, rules| {
        world
            .stack(|stack| {
                stack
                    .client_faults()
                    .expect("a mortal stack")
                    .set(&json!(rules))
            })
            .expect("rules are written");
        deliver_all(world, trials);
        judge(world, at, trials);
        let fired = world
            .stack(|stack| stack.client_faults().expect("a mortal stack").fired())
            .expect("readable");
        let kills = fired
            .iter()
            .filter_map(|fired| fired["did"].as_str())
            .filter(|did| did.starts_with("kill"));
        println!("{} kills so far", kills.count());
        let is_silent = |rule: &&Value| !fired.iter().any(|fired| fired["rule"] == rule["id"]);
        rules.iter().filter(is_silent).cloned().collect()
    });
}

#[test]
fn ingest_killed_before_and_after_each_of_its_calls_loses_nothing_and_publishes_all() {
    run(&mortal(), kills_of_ingest);
}

fn kills_of_ingest(plan: &mut Plan<'_>) {
    for kill in KILLS {
        plan.rule("ingest", "GetSecretValue", 1, "", kill);
        for (call, nth) in [("PutItem", 1), ("PutEvents", 1), ("UpdateItem", 1)] {
            let trial = Trial::of("payments", &format!("{kill} {call}"), plan.at);
            plan.rule("ingest", call, nth, &trial.event, kill);
            plan.trial(trial);
        }
        // Claim, part, naming the parts, publish, mark.
        for (call, nth) in [
            ("PutItem", 1),
            ("PutItem", 2),
            ("UpdateItem", 1),
            ("PutEvents", 1),
            ("UpdateItem", 2),
        ] {
            let trial = Trial::large("payments", &format!("large, {kill} {call} {nth}"), plan.at);
            plan.rule("ingest", call, nth, &trial.event, kill);
            plan.trial(trial);
        }
        // The next delivery reads the dead attempt's claim; a later one takes it over.
        for (call, name) in [("GetItem", "look again"), ("UpdateItem", "take over")] {
            let trial = Trial::of("payments", &format!("{kill} {name}"), plan.at);
            plan.rule("ingest", "PutItem", 1, &trial.event, "kill-after");
            plan.rule("ingest", call, 1, &trial.event, kill);
            plan.trial(trial);
        }
        let trial = Trial::of("payments", &format!("{kill} defer"), plan.at);
        refuse(plan, "ingest", &trial);
        plan.rule("ingest", "UpdateItem", 1, &trial.event, kill);
        plan.trial(trial);
    }
}

/// The bus refuses the event once.
fn refuse(plan: &mut Plan<'_>, function: &str, trial: &Trial) {
    let entries = json!({ "fail-entries": 0 });
    plan.rule(function, "PutEvents", 1, &trial.event, entries);
}

#[test]
fn sweep_killed_before_and_after_each_of_its_calls_publishes_all() {
    run(&mortal(), kills_of_sweep);
}

fn kills_of_sweep(plan: &mut Plan<'_>) {
    for kill in KILLS {
        // A query of the index of due events names no event.
        plan.rule("sweep", "Query", 1, "due_shard", kill);
        for call in ["GetItem", "PutEvents", "UpdateItem"] {
            let trial = Trial::of("payments", &format!("{kill} {call}"), plan.at);
            refuse(plan, "ingest", &trial);
            plan.rule("sweep", call, 1, &trial.event, kill);
            plan.trial(trial);
        }
        let trial = Trial::large("payments", &format!("{kill} read of a body"), plan.at);
        refuse(plan, "ingest", &trial);
        plan.rule("sweep", "Query", 1, &trial.event, kill);
        plan.trial(trial);
        let trial = Trial::of("payments", &format!("{kill} postpone"), plan.at);
        refuse(plan, "ingest", &trial);
        refuse(plan, "sweep", &trial);
        plan.rule("sweep", "UpdateItem", 1, &trial.event, kill);
        plan.trial(trial);
    }
}

#[test]
fn each_domain_killed_before_and_after_each_of_its_calls_applies_and_emits_all_once() {
    let world = mortal();
    run(&world, kills_of_domains);
    // The bus refuses the effect, and the message's delay is set. It is tried alone, because a kill for another message
    // of the same batch would come before that.
    for kill in KILLS {
        run(&world, |plan| {
            let trial = Trial::of("payments", &format!("{kill} delay"), plan.at);
            let refused = json!({ "fail-entries": 0 });
            plan.rule("payments", "PutEvents", 1, &trial.object, refused);
            plan.rule("payments", "ChangeMessageVisibilityBatch", 1, "", kill);
            plan.trial(trial);
        });
    }
}

fn kills_of_domains(plan: &mut Plan<'_>) {
    for kill in KILLS {
        for (domain, _) in SAMPLES {
            // Read, apply, emit, clear.
            for (call, nth) in [
                ("GetItem", 1),
                ("PutItem", 1),
                ("PutEvents", 1),
                ("PutItem", 2),
            ] {
                let name = format!("{domain}: {kill} {call} {nth}");
                let trial = Trial::of(domain, &name, plan.at);
                plan.rule(domain, call, nth, &trial.object, kill);
                plan.trial(trial);
            }
        }
        // A pointer's entry and its parts are read from the ledger.
        for call in ["GetItem", "Query"] {
            let trial = Trial::large("payments", &format!("pointer: {kill} {call}"), plan.at);
            plan.rule("payments", call, 1, &trial.event, kill);
            plan.trial(trial);
        }
    }
}
