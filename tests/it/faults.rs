//! Each AWS call of each function is throttled, failed, delayed past its deadline, reset, or carried out with its
//! answer lost: each fault alone, for one event at a time, and all of them mixed. Every run must end like an
//! undisturbed one.
//!
//! The faults are made on the connection between the real functions and the local AWS. A rule is aimed by a text that
//! occurs only in one event's calls, so all are tried concurrently. `3` stands for every try that the SDK makes of a
//! call, so that the function itself has to handle the fault; after that the connection works for this event.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_adapters::aws::{ATTEMPT_TIMEOUT, ATTEMPTS_MAX};

use crate::trial::{SAMPLES, Trial, created, deliver_all, judge, until_all_has_happened};
use crate::world::World;

/// Each fault's description, and the part of a rule that causes it.
fn kinds() -> [(&'static str, Value); 6] {
    let late_ms = (ATTEMPT_TIMEOUT + Duration::from_millis(300)).as_millis();
    let late_ms = u64::try_from(late_ms).unwrap_or(u64::MAX);
    [
        (
            "throttled",
            json!({ "error": { "code": "ThrottlingException", "status": 400 }, "times": ATTEMPTS_MAX }),
        ),
        (
            "failed",
            json!({ "error": { "code": "InternalServerError", "status": 500 }, "times": ATTEMPTS_MAX }),
        ),
        (
            "too late",
            json!({ "latency": late_ms, "times": ATTEMPTS_MAX }),
        ),
        ("reset", json!({ "reset": true, "times": ATTEMPTS_MAX })),
        (
            "answer lost",
            json!({ "response": { "abort_frac": 0.0 }, "times": 1 }),
        ),
        (
            "every answer lost",
            json!({ "response": { "abort_frac": 0.0 }, "times": ATTEMPTS_MAX }),
        ),
    ]
}

/// An operation of a service, and texts that occur only in the intended calls; a text that begins with `!` must not
/// occur.
#[derive(Clone, Copy)]
struct Call<'a> {
    service: &'a str,
    operation: &'a str,
    texts: &'a [&'a str],
}

fn dynamo<'a>(operation: &'a str, texts: &'a [&'a str]) -> Call<'a> {
    Call {
        service: "dynamodb",
        operation,
        texts,
    }
}

fn publish<'a>(texts: &'a [&'a str]) -> Call<'a> {
    Call {
        service: "events",
        operation: "PutEvents",
        texts,
    }
}

/// A rule for these calls.
fn rule(call: Call<'_>, kind: &Value) -> Value {
    let having = call.texts.iter().map(|text| match text.strip_prefix('!') {
        Some(text) => format!("!contains(to_string(@), '{text}')"),
        None => format!("contains(to_string(@), '{text}')"),
    });
    let mut rule = kind.clone();
    rule["service"] = call.service.into();
    rule["operation"] = call.operation.into();
    rule["body"] = having.collect::<Vec<_>>().join(" && ").into();
    rule
}

/// A stack with a breakable connection to its AWS and with short waits: a claim lapses four seconds after its delivery
/// came.
fn wired() -> World {
    World::own(|options| {
        options.faults = true;
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

/// Breaks the connection by the rules, delivers, repairs it, judges; returns the rules that haven't fired.
fn run(world: &World, at: i64, trials: &[Trial], rules: &[Value]) -> Vec<Value> {
    world.break_wire(json!(rules));
    deliver_all(world, trials);
    // Consumers come last: the rules that have still to fire are theirs.
    for trial in trials {
        world.settled(trial.domain, &trial.object);
    }
    let counts = world.stack(|stack| {
        let faults = stack.faults().expect("a stack with faults");
        faults.counts().expect("readable")
    });
    let silent: Vec<_> = rules
        .iter()
        .zip(&counts)
        .filter(|(_, count)| **count == 0)
        .map(|(rule, _)| rule.clone())
        .collect();
    world.restore_wire();
    judge(world, at, trials);
    println!(
        "{} events, {} faults",
        trials.len(),
        counts.iter().sum::<u64>()
    );
    silent
}

#[test]
fn whatever_happens_to_a_call_of_ingest_the_event_is_published_and_applied() {
    let world = wired();
    let at = created();
    until_all_has_happened(
        || of_ingest(at),
        |trials, rules| run(&world, at, trials, rules),
    );
}

/// Trials, and the rules that go wrong for them.
fn of_ingest(at: i64) -> (Vec<Trial>, Vec<Value>) {
    let (mut trials, mut rules) = (Vec::new(), Vec::new());
    let refused = kinds()[1].1.clone();
    let unanswered = kinds()[5].1.clone();
    for (name, kind) in kinds() {
        // Each environment reads the secret at its first delivery.
        rules.push(rule(
            Call {
                service: "secretsmanager",
                operation: "GetSecretValue",
                texts: &["SecretId"],
            },
            &kind,
        ));
        let mut small = |what: &str, before: &[(Call<'_>, &Value)], call: Call<'_>| {
            let trial = Trial::of("payments", &format!("{what}, {name}"), at);
            let event = trial.event.clone();
            let aimed = |call: Call<'_>, kind: &Value| {
                let texts = [call.texts, &[&event]].concat();
                rule(
                    Call {
                        texts: &texts,
                        ..call
                    },
                    kind,
                )
            };
            rules.extend(before.iter().map(|(call, kind)| aimed(*call, kind)));
            rules.push(aimed(call, &kind));
            trials.push(trial);
        };
        small("claim", &[], dynamo("PutItem", &["evt#"]));
        small("publish", &[], publish(&["sluice.stripe"]));
        small(
            "mark",
            &[],
            dynamo("UpdateItem", &["published_at = if_not_exists"]),
        );
        small(
            "defer",
            &[(publish(&["sluice.stripe"]), &refused)],
            dynamo("UpdateItem", &["due_at = :due"]),
        );
        // The delivery is acknowledged, since it is on the bus, but the ledger doesn't know.
        let mark_fails = (
            dynamo("UpdateItem", &["published_at = if_not_exists"]),
            &refused,
        );
        small(
            "mark, then defer",
            &[mark_fails],
            dynamo("UpdateItem", &["due_at = :due"]),
        );
        // The claim exists, unknown to the attempt that made it. The next delivery reads it; a later one takes it over.
        let claim_unknown = (dynamo("PutItem", &["evt#"]), &unanswered);
        small("look again", &[claim_unknown], dynamo("GetItem", &["evt#"]));
        small(
            "take over",
            &[claim_unknown],
            dynamo("UpdateItem", &[":theirs"]),
        );
        for (what, operation, text) in [
            ("part", "PutItem", "part#"),
            ("naming of parts", "UpdateItem", "parts_hash = :parts_hash"),
        ] {
            let trial = Trial::large("payments", &format!("{what}, {name}"), at);
            rules.push(rule(dynamo(operation, &[text, &trial.event]), &kind));
            trials.push(trial);
        }
    }
    (trials, rules)
}

#[test]
fn whatever_happens_to_a_call_of_sweep_every_due_event_is_published() {
    let world = wired();
    let at = created();
    until_all_has_happened(
        || of_sweep(at),
        |trials, rules| run(&world, at, trials, rules),
    );
}

/// Trials, and the rules that go wrong for them.
fn of_sweep(at: i64) -> (Vec<Trial>, Vec<Value>) {
    let (mut trials, mut rules) = (Vec::new(), Vec::new());
    let refused = kinds()[1].1.clone();
    for (name, kind) in kinds() {
        rules.push(rule(dynamo("Query", &["due_shard"]), &kind));
        let mut calls = vec![
            (
                Trial::of("payments", &format!("take up, {name}"), at),
                "GetItem",
                "evt#",
            ),
            (
                Trial::of("payments", &format!("mark, {name}"), at),
                "UpdateItem",
                "published_at = if_not_exists",
            ),
            (
                Trial::large("payments", &format!("body, {name}"), at),
                "Query",
                "evt#",
            ),
        ];
        for (trial, operation, text) in calls.drain(..) {
            rules.push(rule(publish(&["sluice.stripe", &trial.event]), &refused));
            rules.push(rule(dynamo(operation, &[text, &trial.event]), &kind));
            trials.push(trial);
        }
    }
    // A publish that fails fails its whole batch and postpones it by half a minute, so there is only one of those.
    for (name, kind) in [&kinds()[4], &kinds()[0]] {
        let trial = Trial::of("payments", &format!("publish, {name}"), at);
        let call = ["sluice.stripe", trial.event.as_str()];
        rules.push(rule(publish(&call), &refused));
        rules.push(rule(publish(&call), kind));
        trials.push(trial);
    }
    (trials, rules)
}

#[test]
fn whatever_happens_to_a_call_of_a_domain_each_event_is_applied_and_emitted_once() {
    let world = wired();
    let at = created();
    until_all_has_happened(
        || of_domains(at),
        |trials, rules| run(&world, at, trials, rules),
    );
}

/// Trials, and the rules that go wrong for them.
fn of_domains(at: i64) -> (Vec<Trial>, Vec<Value>) {
    let (mut trials, mut rules) = (Vec::new(), Vec::new());
    for (n, (name, kind)) in kinds().into_iter().enumerate() {
        for (m, (domain, _)) in SAMPLES.into_iter().enumerate() {
            // One runner serves all domains: the first is tried in full, the others with two kinds each.
            if m > 0 && (m + n) % 3 != 0 {
                continue;
            }
            for (what, service, operation, texts) in [
                ("read", "dynamodb", "GetItem", &[][..]),
                ("apply", "dynamodb", "PutItem", &["pending"]),
                ("emit", "events", "PutEvents", &["sluice.effects"]),
                ("clear", "dynamodb", "PutItem", &["!pending", "\"doc\""]),
            ] {
                let trial = Trial::of(domain, &format!("{domain}: {what}, {name}"), at);
                let texts = [texts, &[trial.object.as_str()]].concat();
                let call = Call {
                    service,
                    operation,
                    texts: &texts,
                };
                rules.push(rule(call, &kind));
                trials.push(trial);
            }
        }
        for operation in ["GetItem", "Query"] {
            let name = format!("pointer: {operation}, {name}");
            let trial = Trial::large("payments", &name, at);
            rules.push(rule(dynamo(operation, &["evt#", &trial.event]), &kind));
            trials.push(trial);
        }
    }
    (trials, rules)
}

#[test]
fn all_faults_mixed_at_once_lose_nothing_and_double_nothing() {
    let world = wired();
    let at = created();
    let trials: Vec<_> = (0..80)
        .map(|n| {
            let (domain, _) = SAMPLES[n % SAMPLES.len()];
            Trial::of(domain, &format!("{domain} {n}, all mixed"), at)
        })
        .collect();
    let rules: Vec<_> = kinds()
        .into_iter()
        .map(|(_, mut kind)| {
            kind["service"] = "*".into();
            kind["times"] = json!(60);
            kind["probability"] = json!(0.12);
            kind
        })
        .collect();
    let silent = run(&world, at, &trials, &rules);
    assert!(silent.is_empty(), "never happened: {silent:#?}");
}
