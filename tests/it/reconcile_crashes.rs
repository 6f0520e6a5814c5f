//! Reconcile is killed before and after each AWS call that it makes, and each call is lost, once and every time, before
//! it is carried out and after. Its next runs continue, and must record every event of Stripe, although nothing was
//! delivered.

use serde_json::{Value, json};
use sluice_kernel::reconcile::report::Report;
use sluice_local::contents::items;
use sluice_stripe_sim::api::Terms;
use sluice_stripe_sim::server::Server;
use sluice_stripe_sim::{Scope, Story};

use crate::reconcile::{at_once, stripe};
use crate::truth::world_with_key;
use crate::world::{World, unique};

/// Its calls, each with a text that occurs in no other call: cursors, the key, a page's entries, claim, publish, mark,
/// cursor, ties, checks, the tie's turn, drift, report.
const CALLS: [(&str, &str); 12] = [
    ("Query", "cursor#"),
    ("GetSecretValue", ""),
    ("BatchGetItem", "evt#"),
    ("PutItem", "\"evt#"),
    ("PutEvents", "\\\"via\\\":\\\"reconcile\\\""),
    ("UpdateItem", "published_at"),
    ("PutItem", "\"cursor#"),
    ("Query", "\"ties\""),
    ("PutEvents", "\\\"check\\\":true"),
    ("UpdateItem", "\"ties\""),
    ("Query", "\"drift\""),
    ("PutItem", "\"report#"),
];

/// The fault for each, and how often: three times is every try that the SDK makes.
const ACTS: [(&str, u64); 5] = [
    ("kill-before", 1),
    ("kill-after", 1),
    ("drop-before", 3),
    ("drop-after", 1),
    ("drop-after", 3),
];

/// The most runs that the test needs: each fault ends at most one.
const RUNS_MAX: usize = CALLS.len() * ACTS.len() + 10;

#[test]
fn reconcile_killed_and_failed_at_each_of_its_calls_lets_in_all_that_stripe_has() {
    let mut stripe = stripe(24);
    let scopes = [Scope::platform(false), stripe.connect(false)];
    for scope in &scopes {
        for story in [
            Story::Purchase,
            Story::TwoEqualRefunds,
            Story::DeclinedThenPaid,
        ] {
            stripe.play(story, scope);
        }
    }
    let begun_s = stripe.options().start - 10;
    let server = Server::start(stripe, Terms::default(), 0).expect("a port");
    let world = world_with_key(&server, |options| {
        at_once(options);
        options.client_faults = true;
    });
    let deployed_long_ago = || {
        for scope in &scopes {
            world.deployed_at(scope, begun_s);
        }
    };
    deployed_long_ago();
    note_a_tie(&world);
    let rules = rules(&world);
    world
        .stack(|stack| stack.client_faults().expect("asked for").set(&json!(rules)))
        .expect("rules are written");
    let mut runs = 0;
    while !silent(&world, &rules).is_empty() {
        runs += 1;
        assert!(
            runs < RUNS_MAX,
            "never happened: {:#?}",
            silent(&world, &rules)
        );
        let whole = world.try_reconcile();
        let _ = world.try_sweep();
        let_claims_lapse(&world);
        if whole.is_ok_and(|report| is_whole(&report)) {
            // The remaining rules need a run that has something to do.
            deployed_long_ago();
            forget_an_event(&world);
        }
    }
    println!("{runs} runs");

    deployed_long_ago();
    crate::world::eventually("a run that finds nothing to do", || {
        let_claims_lapse(&world);
        let _ = world.sweep();
        let report = world.try_reconcile().ok()?;
        deployed_long_ago();
        (is_whole(&report) && report.completeness_percent() == Some(100.0)).then_some(())
    });
    world.drained();
    world.see_all_of_the_bus();
    let stripe = server.world();
    for event in stripe.events() {
        assert_eq!(
            world.state(&event.id).as_deref(),
            Some("published"),
            "{}",
            event.id
        );
        assert!(world.published(&event.id) > 0, "{}", event.id);
    }
    world.is_as_stripe_has_it(&stripe);
}

/// A tie of an object that Stripe has no path for, so that every run finds it.
fn note_a_tie(world: &World) {
    let texts = [
        ("pk", "ties"),
        ("sk", "platform#test#di_1"),
        ("domain", "subscriptions"),
        ("object", "di_1"),
        ("object_type", "discount"),
        ("event", "evt_1"),
        ("type", "customer.discount.updated"),
    ];
    let texts = texts.map(|(name, value)| (name.to_owned(), json!({ "S": value })));
    let mut item = Value::Object(texts.into_iter().collect());
    item["livemode"] = json!({ "BOOL": false });
    item["at"] = json!({ "N": "1" });
    let input = json!({ "TableName": world.info().tables["outcomes"], "Item": item });
    world
        .stack(|stack| stack.aws().json("DynamoDB_20120810.PutItem", &input))
        .expect("a tie");
}

/// A rule for each act at each call.
fn rules(world: &World) -> Vec<Value> {
    let function = &world.info().functions["reconcile"];
    let rule = |(call, text): (&str, &str), (act, times): (&str, u64)| {
        json!({
            "id": unique("r"), "function": function, "call": call, "contains": text, "times": times, "do": act,
        })
    };
    let of_call = |call| ACTS.map(|act| rule(call, act));
    CALLS.into_iter().flat_map(of_call).collect()
}

/// The rules that haven't fired as often as they can.
fn silent(world: &World, rules: &[Value]) -> Vec<Value> {
    let fired = world
        .stack(|stack| stack.client_faults().expect("asked for").fired())
        .expect("readable");
    let count = |rule: &Value| {
        fired
            .iter()
            .filter(|fired| fired["rule"] == rule["id"])
            .count() as u64
    };
    let silent = rules
        .iter()
        .filter(|rule| rule["times"].as_u64() > Some(count(rule)));
    silent.cloned().collect()
}

fn is_whole(report: &Report) -> bool {
    report.stopped.is_none() && report.scopes_failed == 0 && !report.more && report.held == 0
}

/// As if a run's time had passed: the claims of dead runs have lapsed.
fn let_claims_lapse(world: &World) {
    for item in unpublished(world) {
        update(
            world,
            &item,
            "SET lapse = :past",
            json!({ ":past": { "N": "1" } }),
        );
    }
}

/// Removes a published event from the ledger, as if it had never come, so that a run has one to record.
fn forget_an_event(world: &World) {
    let published = entries(world)
        .into_iter()
        .find(|item| !item["published_at"].is_null());
    if let Some(item) = published {
        let input = json!({
            "TableName": world.info().tables["ledger"], "Key": { "pk": item["pk"], "sk": item["sk"] },
        });
        world
            .stack(|stack| stack.aws().json("DynamoDB_20120810.DeleteItem", &input))
            .expect("deleted");
    }
}

fn unpublished(world: &World) -> Vec<Value> {
    let is_open = |item: &Value| item["published_at"].is_null() && item["due_at"].is_null();
    entries(world).into_iter().filter(is_open).collect()
}

fn entries(world: &World) -> Vec<Value> {
    let items = world.stack(|stack| items(stack.aws(), world.info(), "ledger"));
    let items = items.expect("readable").into_iter();
    items.filter(|item| item["sk"]["S"] == "entry").collect()
}

fn update(world: &World, item: &Value, expression: &str, values: Value) {
    let input = json!({
        "TableName": world.info().tables["ledger"], "Key": { "pk": item["pk"], "sk": item["sk"] },
        "UpdateExpression": expression, "ExpressionAttributeValues": values,
    });
    world
        .stack(|stack| stack.aws().json("DynamoDB_20120810.UpdateItem", &input))
        .expect("updated");
}
