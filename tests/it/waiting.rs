//! Events that wait for their endpoint's configuration: counted, planned, and published by a replay once they fit.

use serde_json::{Value, json};

use crate::replay::sluice;
use crate::world::{World, eventually, paid, shared};

/// Changes the entry's endpoint to another one, as if its own had been deployed with another scope.
fn correct(world: &World, event: &str, endpoint: &str) {
    let input = json!({
        "TableName": world.info().tables["ledger"],
        "Key": { "pk": { "S": format!("evt#{event}") }, "sk": { "S": "entry" } },
        "UpdateExpression": "SET endpoint = :endpoint",
        "ExpressionAttributeValues": { ":endpoint": { "S": endpoint } },
    });
    let update = |aws: &sluice_local::aws::Aws| aws.json("DynamoDB_20120810.UpdateItem", &input);
    world
        .stack(|stack| update(stack.aws()))
        .expect("the entry is changed");
}

#[test]
fn a_replay_publishes_what_waited_once_its_endpoint_fits_and_says_before_how_many_would_be() {
    let world = shared();
    let (event, object, body) = paid();
    let mut connected: Value = serde_json::from_str(&body).expect("JSON");
    connected["account"] = json!("acct_waits");
    let answer = world.deliver(&connected.to_string());
    assert_eq!((answer.status, answer.words().as_str()), (200, "accepted"));
    assert_eq!(world.state(&event).as_deref(), Some("ledger_only"));
    let (status, _) = sluice(world, &["status"]);
    assert!(status[0]["waiting_for_configuration"].as_u64() >= Some(1));
    let why = ["--yes", "--why", "the scope is right now", "--settle", "0"];

    let counts = |found: &Value| ["waiting", "admitted"].map(|name| found[name].clone());
    let (plan, _) = sluice(world, &["replay", &event]);
    assert_eq!(counts(&plan[0]["plan"]), [json!(1), json!(0)]);
    let (said, _) = sluice(world, &[&["replay", event.as_str()], &why[..]].concat());
    let run = &said.last().expect("a run")["run"];
    assert_eq!(counts(run), [json!(1), json!(0)]);
    assert_eq!(world.state(&event).as_deref(), Some("ledger_only"));

    correct(world, &event, "connect");
    let (plan, _) = sluice(world, &["replay", &event]);
    assert_eq!(counts(&plan[0]["plan"]), [json!(0), json!(1)]);
    let outcomes = &plan[0]["plan"]["domains"]["payments"]["outcomes"];
    assert_eq!(*outcomes, json!({ "applied": 1 }));
    let (said, _) = sluice(world, &[&["replay", event.as_str()], &why[..]].concat());
    let run = &said.last().expect("a run")["run"];
    assert_eq!(counts(run), [json!(0), json!(1)]);
    world.sweep();
    assert_eq!(
        world.on_bus(&event)["detail"]["sluice"]["account"],
        "acct_waits"
    );
    let key = format!("acct_waits#test#{object}");
    eventually("the projection", || {
        (world.document("payments", &key)["state"]["status"] == "succeeded").then_some(())
    });
    assert_eq!(
        (world.published(&event), world.state(&event).as_deref()),
        (1, Some("published"))
    );
}
