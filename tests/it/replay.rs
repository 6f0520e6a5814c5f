//! Publishing again, with the operator's program as it is built: plans, replays, dead letters, rejected events.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;

use serde_json::{Value, json};
use sluice_local::operator::OperatorProgram;
use sluice_local::stack::root;

use crate::world::{World, eventually, intent, now_s, paid, unique};

pub(crate) static PROGRAM: LazyLock<OperatorProgram> =
    LazyLock::new(|| OperatorProgram::build(&root()).expect("it builds"));

/// A call of the program on this stack, with JSON output, by this operator.
pub(crate) fn program(world: &World, args: &[&str]) -> Command {
    let mut call = PROGRAM.call(args, world.described());
    call.env("USER", "an operator");
    call
}

/// Its output, one JSON value per line, and its exit code.
fn said(output: &Output) -> (Vec<Value>, i32) {
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    (lines.collect(), output.status.code().unwrap_or(-1))
}

pub(crate) fn sluice(world: &World, args: &[&str]) -> (Vec<Value>, i32) {
    let output = program(world, args).arg("--json").output();
    let output = output.expect("it runs");
    let (lines, code) = said(&output);
    if ![0, 4].contains(&code) {
        panic!("{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    (lines, code)
}

/// The fact ids of an object on the bus, each once.
pub(crate) fn facts(world: &World, object: &str) -> Vec<String> {
    world.see_all_of_the_bus();
    let effects = world.effects(object);
    let ids = effects
        .iter()
        .map(|effect| effect["detail"]["id"].as_str().expect("an id"));
    let mut ids: Vec<_> = ids.map(str::to_owned).collect();
    ids.sort();
    ids.dedup();
    ids
}

#[test]
fn a_plan_says_what_would_happen_and_does_nothing_and_a_forced_replay_does_what_it_said() {
    let world = crate::world::shared();
    let (event, object, body) = paid();
    world.deliver(&body);
    let before = world.settled("payments", &object);

    let (plan, _) = sluice(world, &["replay", &event]);
    let payments = &plan[0]["plan"]["domains"]["payments"];
    assert_eq!(payments["outcomes"], json!({ "duplicate": 1 }));
    assert_eq!(
        payments["effects"],
        json!([]),
        "a plain replay emits nothing"
    );
    let (plan, _) = sluice(world, &["replay", &event, "--force"]);
    let effects = &plan[0]["plan"]["domains"]["payments"]["effects"];
    assert_eq!(
        *effects,
        json!([{ "kind": "PaymentSucceeded", "again": true, "count": 1 }])
    );
    assert_eq!(world.published(&event), 1);
    assert_eq!(world.settled("payments", &object), before);

    let why = ["--why", "the receiver lost it", "--yes"];
    let (said, code) = sluice(world, &[&["replay", &event, "--force"], &why[..]].concat());
    let run = &said.last().expect("a run")["run"];
    assert_eq!(
        (code, &run["published"], &run["failed"]),
        (0, &json!(1), &json!(0))
    );
    let name = run["id"].as_str().expect("a name").to_owned();
    let fact = format!("PaymentSucceeded#platform#test#{object}");
    let again = format!("{fact}#{name}");
    eventually("both facts", || {
        (facts(world, &object) == [fact.clone(), again.clone()]).then_some(())
    });
    let after = world.settled("payments", &object);
    assert_eq!(after["state"], before["state"]);
    let noted = world.rejections(&event);
    let noted = noted
        .iter()
        .find(|note| note["outcome"]["S"] == "replayed")
        .expect("a note");
    assert_eq!(noted["who"]["S"], "an operator");
    assert_eq!(noted["why"]["S"], "the receiver lost it");
}

#[test]
fn one_domain_s_queue_is_reached_alone_and_what_is_rejected_there_stops_the_run_after_its_canary() {
    let world = crate::world::shared();
    let mut ids = Vec::new();
    for _ in 0..15 {
        let mut poison = intent(
            &unique("evt"),
            &unique("pi"),
            "succeeded",
            now_s(),
            "succeeded",
        );
        poison["data"]["object"]["status"] = Value::Null;
        ids.push(poison["id"].as_str().expect("an id").to_owned());
        world.deliver(&poison.to_string());
    }
    for id in &ids {
        eventually("a record", || world.rejections(id).pop());
    }
    let file = world.file(&ids.join("\n"));
    let call = [
        "replay", "--file", &file, "--domain", "payments", "--canary", "5", "--why", "a try",
        "--yes",
    ];
    let (said, code) = sluice(world, &call);
    assert_eq!(
        said[0]["plan"]["domains"]["payments"]["outcomes"]["rejected object.field_missing"],
        15
    );
    let run = &said.last().expect("a run")["run"];
    assert_eq!(code, 4);
    assert_eq!(run["standing"]["is"], "stopped");
    assert_eq!((&run["next"], &run["failed"]), (&json!(5), &json!(5)));
    world.see_all_of_the_bus();
    for id in &ids {
        assert_eq!(world.published(id), 1, "past the bus");
    }

    let (groups, _) = sluice(
        world,
        &["rejected", "list", "--code", "object.field_missing"],
    );
    let group = groups
        .iter()
        .find(|group| group["domain"] == "payments")
        .expect("a group");
    assert!(group["count"].as_u64() >= Some(15), "{group}");
    let digest = group["digest"].as_str().expect("a digest");
    let (plan, _) = sluice(
        world,
        &[
            "rejected", "retry", "--digest", digest, "--domain", "payments",
        ],
    );
    assert!(plan[0]["plan"]["events"].as_u64() >= Some(15));

    // Narrowed to these events by time, type and account: a second rejection is reported, and the record stays.
    let retry = [
        "rejected",
        "retry",
        "--digest",
        digest,
        "--domain",
        "payments",
        "--type",
        "payment_intent.*",
        "--account",
        "platform",
        "--from",
        "2020-01-01T00:00:00Z",
        "--stop-percent",
        "100",
        "--why",
        "a try",
        "--yes",
    ];
    let (said, code) = sluice(world, &retry);
    let run = &said.last().expect("a run")["run"];
    assert_eq!((code, &run["standing"]["is"]), (4, &json!("done")));
    assert!(run["failed"].as_u64() >= Some(15), "{run}");
    let nobodys = [&retry[..6], &["--type", "charge.*"]].concat();
    let output = program(world, &nobodys).arg("--json").output();
    let output = output.expect("it runs");
    assert_eq!(output.status.code(), Some(3), "nothing fits");
}

/// Leaves an effect of this event pending with one of the platform's objects in test mode, as a crash after its write
/// would.
pub(crate) fn leave_pending(world: &World, domain: &str, object: &str, event: &str) {
    let key = format!("platform#test#{object}");
    let mut document = world.document(domain, &key);
    document["pending"] = json!([{ "id": "Left#x", "kind": "Left", "event": event, "detail": { "id": "x", "object": object } }]);
    let input = json!({
        "TableName": world.info().tables[domain], "Key": { "pk": { "S": key } }, "UpdateExpression": "SET #d = :d",
        "ExpressionAttributeNames": { "#d": "doc" }, "ExpressionAttributeValues": { ":d": { "S": document.to_string() } },
    });
    world
        .stack(|stack| stack.aws().json("DynamoDB_20120810.UpdateItem", &input))
        .expect("written");
}

/// A message to payments that names this event and can't be applied.
fn dead_letter(event: &str) -> String {
    let body = intent(event, &unique("pi"), "succeeded", now_s(), "succeeded");
    crate::consumers::message(&body)
}

#[test]
fn dead_letters_of_three_causes_are_listed_by_cause_and_one_cause_is_moved_back() {
    let world = World::own(|_| {});
    let record = |event: &str, code: &str| {
        let item = json!({ "TableName": world.info().tables["outcomes"], "Item": {
            "pk": { "S": format!("evt#{event}") }, "sk": { "S": "payments" }, "outcome": { "S": "failing" },
            "code": { "S": code }, "cause": { "S": "as recorded" }, "digest": { "S": format!("digest-{code}") },
            "at": { "N": "1" }, "expires_at": { "N": "99999999999" },
        } });
        world
            .stack(|stack| stack.aws().json("DynamoDB_20120810.PutItem", &item))
            .expect("written");
    };
    let mut by_cause: Vec<(Option<&str>, Vec<String>)> = Vec::new();
    for (code, count) in [
        (Some("projection.unavailable"), 12),
        (Some("stripe.unavailable"), 2),
        (None, 1),
    ] {
        let ids: Vec<String> = (0..count).map(|_| unique("evt")).collect();
        for id in &ids {
            world.enqueue("payments_dead_letters", &[dead_letter(id)]);
            code.inspect(|code| record(id, code));
        }
        by_cause.push((code, ids));
    }
    let (listed, _) = sluice(&world, &["dlq", "list", "payments"]);
    let count = |listed: &[Value], code: &str| {
        listed
            .iter()
            .find(|group| group["code"] == code)
            .map_or(0, |group| group["count"].as_u64().expect("a count"))
    };
    let all = ["projection.unavailable", "stripe.unavailable", "unknown"];
    assert_eq!(all.map(|code| count(&listed, code)), [12, 2, 1]);

    let redrive = [
        "dlq",
        "redrive",
        "payments",
        "--code",
        "projection.unavailable",
    ];
    let (would, _) = sluice(&world, &redrive);
    assert_eq!(would[0]["would_redrive"], 12);
    let (moved, _) = sluice(&world, &[&redrive[..], &["--max", "11", "--yes"]].concat());
    assert_eq!(moved[0]["redriven"], 11);
    let (listed, _) = sluice(&world, &["dlq", "list", "payments"]);
    assert_eq!(all.map(|code| count(&listed, code)), [1, 2, 1]);
    eventually("the queue is worked off", || {
        (world.depth("payments") == 0).then_some(())
    });

    let (gone, code) = sluice(
        &world,
        &[
            "dlq", "discard", "payments", "--code", "unknown", "--why", "a test", "--yes",
        ],
    );
    assert_eq!((&gone[0]["discarded"], code), (&json!(1), 0));
    let event = &by_cause[2].1[0];
    let kept = world.rejections(event);
    assert_eq!(kept[0]["outcome"]["S"], "discarded");
    assert_eq!(kept[0]["why"]["S"], "a test");
    assert_eq!(world.depth("payments_dead_letters"), 3);

    // While an effect of its object is still pending, a dead letter can't be discarded.
    let (event, object, body) = paid();
    world.deliver(&body);
    world.settled("payments", &object);
    leave_pending(&world, "payments", &object, &event);
    let body: Value = serde_json::from_str(&body).expect("JSON");
    world.enqueue("payments_dead_letters", &[crate::consumers::message(&body)]);
    let discard = [
        "dlq", "discard", "payments", "--code", "unknown", "--why", "a test", "--yes",
    ];
    let (said, code) = sluice(&world, &discard);
    assert_eq!((code, &said[0]["discarded"]), (4, &json!(0)), "{said:?}");
    assert_eq!(world.depth("payments_dead_letters"), 4);
}

/// Kills what is still running when a test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Records this many events, and returns their ids.
pub(crate) fn recorded(world: &World, events: usize) -> Vec<String> {
    // Entries in bulk, as copies of one that ingest recorded; they have a type that no domain handles, so that no queue
    // fills.
    let first = unique("evt");
    let body = json!({
        "id": first, "object": "event", "type": "product.created", "livemode": false, "created": now_s(),
        "data": { "object": { "id": "prod_1", "object": "product" } },
    });
    world.deliver(&body.to_string());
    let key = json!({ "pk": { "S": format!("evt#{first}") }, "sk": { "S": "entry" } });
    let get = json!({ "TableName": world.info().tables["ledger"], "Key": key });
    let item = world
        .stack(|stack| stack.aws().json("DynamoDB_20120810.GetItem", &get))
        .expect("read");
    let ids: Vec<String> = (0..events).map(|n| format!("{first}n{n}")).collect();
    for some in ids.chunks(25) {
        let puts: Vec<Value> = some
            .iter()
            .map(|id| {
                let mut item = item["Item"].clone();
                item["pk"]["S"] = json!(format!("evt#{id}"));
                json!({ "PutRequest": { "Item": item } })
            })
            .collect();
        let mut requests = json!({});
        requests[&world.info().tables["ledger"]] = json!(puts);
        let input = json!({ "RequestItems": requests });
        world
            .stack(|stack| stack.aws().json("DynamoDB_20120810.BatchWriteItem", &input))
            .expect("written");
    }
    ids
}

#[test]
fn a_replay_of_many_events_that_is_killed_goes_on_where_it_was_in_the_same_generation() {
    // 2,000 by default: SLUICE_REPLAY_EVENTS=10000 is the full documented number.
    let events = std::env::var("SLUICE_REPLAY_EVENTS").map(|count| count.parse());
    let events: usize = events.map_or(2_000, |count| count.expect("a number of events"));
    let world = World::own(|_| {});
    let ids = recorded(&world, events);
    let first = ids[0].strip_suffix("n0").expect("a copy").to_owned();
    let file = world.file(&ids.join("\n"));
    let call = [
        "replay", "--file", &file, "--force", "--rate", "1000", "--settle", "0", "--why", "a test",
        "--yes",
    ];
    let mut command = program(&world, &call);
    let child = command
        .arg("--json")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut running = Running(child);
    let lines = BufReader::new(running.0.stdout.take().expect("its output")).lines();
    let begun = lines.map_while(Result::ok).find_map(|line| {
        let line: Value = serde_json::from_str(&line).ok()?;
        line["begun"].as_str().map(str::to_owned)
    });
    let name = begun.expect("it says which run it began");
    let key = json!({ "pk": { "S": format!("replay#{name}") }, "sk": { "S": "run" } });
    let get = json!({ "TableName": world.info().tables["outcomes"], "Key": key });
    let run = || -> Option<Value> {
        let found = world
            .stack(|stack| stack.aws().json("DynamoDB_20120810.GetItem", &get))
            .expect("read");
        serde_json::from_str(found["Item"]["doc"]["S"].as_str()?).ok()
    };
    eventually("a part of the run", || {
        run().filter(|run| run["next"].as_u64() >= Some(500))
    });
    running.0.kill().expect("killed");
    running.0.wait().expect("ended");
    let cut_at = run().expect("a run")["next"].as_u64().expect("a cursor");
    assert!(cut_at < events as u64, "it was cut off in the middle");

    let (said, code) = sluice(&world, &["replay", "--resume", &name, "--yes"]);
    let done = &said.last().expect("a run")["run"];
    assert_eq!((code, &done["standing"]["is"]), (0, &json!("done")));
    assert_eq!(
        (&done["next"], &done["skipped"]),
        (&json!(events), &json!(0))
    );
    assert_eq!(done["forced"], true);
    // Events that were published but not counted when the run was cut off, at most one batch, are published again and
    // counted once.
    assert_eq!(done["published"], events);
    // Each copy has the body of the first, and so its id on the bus, where the first occurs once itself.
    world.see_all_of_the_bus();
    assert!(
        world.published(&first) > events,
        "{} of them",
        world.published(&first)
    );
    for id in [&ids[0], &ids[events / 2], ids.last().expect("one")] {
        let notes = world.rejections(id);
        assert_eq!(
            notes[0]["sk"]["S"],
            format!("replay#{name}"),
            "in one run and no other"
        );
        assert_eq!(notes.len(), 1);
    }
}
