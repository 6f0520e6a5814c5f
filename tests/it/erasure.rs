//! What is left of a customer once `sluice erase` has run, in the deployed tables and queues.

use serde_json::{Value, json};
use sluice_local::contents::items;

use crate::consumers::message;
use crate::replay::{leave_pending, sluice};
use crate::world::{World, eventually, intent, now_s, unique};

const EMAIL: &str = "ada@example.com";

/// Every item and message of a stack as text, except for compressed parts.
fn everything(world: &World) -> String {
    let mut all = String::new();
    for table in world.info().tables.keys() {
        let items = world.stack(|stack| items(stack.aws(), world.info(), table));
        all.push_str(&Value::Array(items.expect("readable")).to_string());
    }
    all
}

/// A payment intent of a customer, with a charge of its own.
fn of_customer(event: &str, object: &str, customer: &str, charge: &str, noise: usize) -> Value {
    let mut body = intent(event, object, "succeeded", now_s(), "succeeded");
    let fields = &mut body["data"]["object"];
    fields["customer"] = json!(customer);
    fields["receipt_email"] = json!(EMAIL);
    fields["latest_charge"] = json!(charge);
    // Noise that doesn't compress well: the body is stored in parts of its own.
    let mut seed = 7_u64;
    let text = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("{seed:016x}")
    });
    fields["description"] = json!(text.take(noise / 16).collect::<String>());
    body
}

fn refund(event: &str, object: &str, charge: &str) -> Value {
    json!({
        "id": event, "object": "event", "type": "refund.created", "livemode": false, "created": now_s(),
        "api_version": "2025-09-30.clover", "pending_webhooks": 1, "request": { "id": null, "idempotency_key": null },
        "data": { "object": {
            "id": object, "object": "refund", "status": "succeeded", "amount": 100, "currency": "usd", "charge": charge,
            "instructions_email": EMAIL,
        } },
    })
}

#[test]
fn an_erased_customer_leaves_ids_and_hashes_and_nobody_else_loses_anything() {
    let world = &World::own(|_| {});
    let (customer, charge) = (unique("cus"), unique("ch"));
    let [paid, large, refunded, other] = [(); 4].map(|()| unique("evt"));
    let [intent_1, intent_2, refund_1, intent_3] = ["pi", "pi", "re", "pi"].map(unique);
    let first = of_customer(&paid, &intent_1, &customer, &charge, 0).to_string();
    let bodies = [
        // It comes before the charge that it names is known to belong to the customer: a later pass finds it.
        refund(&refunded, &refund_1, &charge).to_string(),
        first.clone(),
        of_customer(&large, &intent_2, &customer, &unique("ch"), 900_000).to_string(),
        of_customer(&other, &intent_3, &unique("cus"), &unique("ch"), 0).to_string(),
    ];
    for body in &bodies {
        assert_eq!(world.deliver(body).words(), "accepted");
    }
    let charged = json!({
        "id": unique("evt"), "object": "event", "type": "charge.succeeded", "livemode": false, "created": now_s(),
        "api_version": "2025-09-30.clover", "pending_webhooks": 1, "request": { "id": null, "idempotency_key": null },
        "data": { "object": {
            "id": charge, "object": "charge", "status": "succeeded", "amount": 4_200, "amount_refunded": 0, "currency": "usd",
            "customer": customer, "billing_details": { "email": EMAIL },
        } },
    });
    assert_eq!(world.deliver(&charged.to_string()).words(), "accepted");
    for object in [&intent_1, &intent_2, &refund_1, &intent_3, &charge] {
        world.settled("payments", object);
    }
    let parsed = |body: &str| -> Value { serde_json::from_str(body).expect("JSON") };
    let letters = [message(&parsed(&first)), message(&parsed(&bodies[3]))];
    world.enqueue("payments_dead_letters", &letters);
    let before = world.story(&paid).expect("an entry").entry;

    let (plan, code) = sluice(world, &["erase", &customer]);
    assert_eq!(code, 0);
    let counts = |report: &Value| {
        let names = ["erased", "bodies", "projections", "dead_letters"];
        names.map(|name| report[name].clone())
    };
    assert_eq!(
        counts(&plan[0]),
        [json!(false), json!(4), json!(4), json!(1)]
    );
    let found = &plan[0]["found"];
    let row = json!({
        "event": refunded, "type": "refund.created", "object": refund_1, "mode": "test", "item": "entry",
    });
    let bodies_found = found["bodies"].as_array().expect("a list");
    assert!(bodies_found.contains(&row), "{found}");
    let row =
        json!({ "domain": "payments", "key": format!("platform#test#{charge}"), "kind": "charge" });
    let projections_found = found["projections"].as_array().expect("a list");
    assert!(projections_found.contains(&row), "{found}");
    assert_eq!(found["dead_letters"][0]["event"], json!(paid));
    for nothing in ["waits", "mentions", "unseen", "also_named"] {
        assert_eq!(plan[0][nothing], json!([]), "{nothing}");
    }
    assert!(
        world.story(&paid).expect("an entry").body.is_some(),
        "a plan does nothing"
    );

    let (done, code) = sluice(world, &["erase", &customer, "--yes"]);
    assert_eq!(
        (done[0]["erased"].clone(), done[0]["bodies"].clone(), code),
        (json!(true), json!(4), 0)
    );
    for event in [&paid, &large, &refunded] {
        let story = world.story(event).expect("ids stay");
        assert_eq!((story.body, story.entry.state), (None, "published"));
    }
    assert_eq!(
        world.story(&paid).expect("an entry").entry.hash,
        before.hash
    );
    for object in [&intent_1, &intent_2, &refund_1, &charge] {
        let document = world.projection("payments", object).expect("a tombstone")["doc"].clone();
        assert_eq!(
            (&document["state"]["status"], &document["terminal"]),
            (&json!("deleted"), &json!(true))
        );
        assert!(
            document["second"].is_i64() && document["history"].is_array(),
            "{document}"
        );
    }
    let left = everything(world);
    assert!(!left.contains(EMAIL) && !left.contains(&customer), "{left}");
    assert!(
        !left.contains("part#"),
        "the large body's parts are deleted"
    );
    eventually("the other's dead letter alone", || {
        (world.depth("payments_dead_letters") == 1).then_some(())
    });

    // The other customer's bodies are unchanged, and a second run has nothing to do.
    assert_eq!(
        world.story(&other).expect("an entry").body.as_deref(),
        Some(bodies[3].as_bytes())
    );
    assert_eq!(
        world.settled("payments", &intent_3)["state"]["status"],
        "succeeded"
    );
    let (again, _) = sluice(world, &["erase", &customer, "--yes"]);
    assert_eq!(
        (&again[0]["bodies"], &again[0]["projections"]),
        (&json!(0), &json!(0))
    );

    // A duplicate is still one, and an event that comes late doesn't bring the object back.
    assert_eq!(world.deliver(&first).words(), "duplicate");
    let (late, marker) = (unique("evt"), unique("pi"));
    let mut body = intent(&late, &intent_1, "processing", now_s() + 60, "processing");
    body["data"]["object"]["customer"] = json!(customer);
    assert_eq!(world.deliver(&body.to_string()).words(), "accepted");
    let marked = intent(&unique("evt"), &marker, "succeeded", now_s(), "succeeded").to_string();
    assert_eq!(world.deliver(&marked).words(), "accepted");
    world.settled("payments", &marker);
    eventually("the late event at its domain", || {
        (world.depth("payments") == 0).then_some(())
    });
    assert_eq!(
        world.settled("payments", &intent_1)["state"]["status"],
        "deleted"
    );
    assert!(world.story(&paid).expect("an entry").body.is_none());
}

/// A queue's message of an event of this account.
fn message_of(event: &Value, account: &str) -> String {
    let mut message: Value = serde_json::from_str(&message(event)).expect("JSON");
    message["detail"]["sluice"]["account"] = json!(account);
    message.to_string()
}

/// The rows of one of the report's lists, by one of their fields.
fn listed(report: &Value, pointer: &str, field: &str) -> Vec<String> {
    let rows = report.pointer(pointer).and_then(Value::as_array);
    let rows = rows.into_iter().flatten();
    let mut found: Vec<_> = rows
        .filter_map(|row| row[field].as_str().map(str::to_owned))
        .collect();
    found.sort();
    found
}

fn sorted<const N: usize>(ids: [&String; N]) -> Vec<String> {
    let mut ids: Vec<_> = ids.into_iter().cloned().collect();
    ids.sort();
    ids
}

#[test]
fn what_belongs_to_others_stays_and_what_mentions_the_customer_or_can_not_be_seen_is_listed() {
    let world = &World::own(|_| {});
    let customer = unique("cus");
    let [paid, mentioning, conflicting, given_up, connected] = [(); 5].map(|()| unique("evt"));
    let [intent_1, intent_2, intent_3, intent_4, intent_5] = [(); 5].map(|()| unique("pi"));
    let own = of_customer(&paid, &intent_1, &customer, &unique("ch"), 0);
    let mut mention = of_customer(&mentioning, &intent_2, &unique("cus"), &unique("ch"), 0);
    mention["data"]["object"]["metadata"] = json!({ "referred_by": customer });
    let others = of_customer(&conflicting, &intent_3, &unique("cus"), &unique("ch"), 0);
    for body in [&own, &mention, &others] {
        assert_eq!(world.deliver(&body.to_string()).words(), "accepted");
    }
    // Another event under the id of another customer's event, too large for one item.
    let other = of_customer(&conflicting, &intent_4, &customer, &unique("ch"), 900_000);
    let refused = world.deliver(&other.to_string());
    assert_eq!(refused.words(), "conflict claim.conflict");
    for object in [&intent_1, &intent_2, &intent_3] {
        world.settled("payments", object);
    }
    // A dead letter is kept when it is discarded, if the ledger doesn't have its body.
    let lone = of_customer(&given_up, &intent_5, &customer, &unique("ch"), 0);
    world.enqueue("payments_dead_letters", &[message(&lone)]);
    let discard = ["dlq", "discard", "payments", "--why", "a test", "--yes"];
    assert_eq!(sluice(world, &discard).0[0]["discarded"], 1);
    // A dead letter from before the account was stored with it, of a connected account.
    let of_account = of_customer(&connected, &unique("pi"), &customer, &unique("ch"), 0);
    let old = json!({ "TableName": world.info().tables["ledger"], "Item": {
        "pk": { "S": format!("evt#{connected}") }, "sk": { "S": "discarded#m-1" },
        "message": { "S": message_of(&of_account, "acct_1") }, "expires_at": { "N": "99999999999" },
    } });
    world
        .stack(|stack| stack.aws().json("DynamoDB_20120810.PutItem", &old))
        .expect("written");
    let nameless =
        json!({ "detail": { "data": { "object": { "customer": customer } } } }).to_string();
    let letters = [
        message(&own),
        message_of(&of_account, "acct_1"),
        nameless.clone(),
    ];
    world.enqueue("payments_dead_letters", &letters);
    let subject = sluice_kernel::outcome::subject_of_message(&nameless);

    let (plan, code) = sluice(world, &["erase", &customer]);
    let plan = &plan[0];
    assert_eq!(code, 4, "something could not be judged");
    assert_eq!(
        listed(plan, "/found/bodies", "event"),
        sorted([&paid, &conflicting, &given_up]),
        "{plan}"
    );
    assert_eq!(
        listed(plan, "/found/bodies", "item"),
        ["discarded", "entry", "other"]
    );
    let key = format!("platform#test#{intent_1}");
    assert_eq!(listed(plan, "/found/projections", "key"), [key]);
    assert_eq!(
        listed(plan, "/found/dead_letters", "event"),
        [paid.as_str()]
    );
    assert_eq!(
        listed(plan, "/mentions", "event"),
        sorted([&mentioning, &connected])
    );
    assert_eq!(listed(plan, "/mentions", "account"), ["acct_1", "acct_1"]);
    assert_eq!(
        listed(plan, "/mentions", "dead_letter"),
        [connected.as_str()]
    );
    assert_eq!(listed(plan, "/unseen", "dead_letter"), [subject.as_str()]);
    let metadata = plan["mentions"].as_array().expect("a list").iter();
    let metadata = metadata.filter(|row| row["fields"] == json!(["metadata"]));
    assert_eq!(metadata.count(), 1);
    assert!(!plan.to_string().contains("referred_by"), "no contents");

    let bounded = ["erase", &customer, "--letters", "1"];
    let (report, code) = sluice(world, &bounded);
    assert_eq!(code, 4);
    let left = &report[0]["dead_letters_not_looked_at"];
    assert_eq!(left, &json!({ "payments": 2 }), "{}", report[0]);

    let (done, code) = sluice(world, &["erase", &customer, "--yes"]);
    assert_eq!(code, 4);
    let counts = ["bodies", "projections", "dead_letters"].map(|name| done[0][name].as_u64());
    assert_eq!(counts, [Some(3), Some(1), Some(1)], "{}", done[0]);
    for (event, body) in [(&mentioning, &mention), (&conflicting, &others)] {
        let story = world.story(event).expect("an entry");
        assert_eq!(story.body, Some(body.to_string().into_bytes()));
        assert_eq!(story.others, Vec::<Value>::new());
    }
    let left = everything(world);
    assert!(
        !left.contains("part#") && !left.contains(&intent_5),
        "neither the other event's parts nor the letter that was given up: {left}"
    );
    assert_eq!(world.depth("payments_dead_letters"), 2);

    // Those of the connected account are erased with it, and a person decides about the others.
    let (_, code) = sluice(world, &["erase", &customer, "--account", "acct_1", "--yes"]);
    assert_eq!(code, 4, "the letter that doesn't say whose it is stays");
    assert!(!everything(world).contains("discarded#m-1"));
    assert_eq!(world.depth("payments_dead_letters"), 1);
    let decided = ["erase", &customer, &intent_2, &subject, "--yes"];
    let (done, code) = sluice(world, &decided);
    assert_eq!((&done[0]["bodies"], code), (&json!(1), 0), "{}", done[0]);
    assert!(world.story(&mentioning).expect("an entry").body.is_none());
    assert_eq!(
        world.settled("payments", &intent_2)["state"]["status"],
        "deleted"
    );
    assert_eq!(world.depth("payments_dead_letters"), 0);

    // A message that the bus couldn't decrypt shows no owner.
    world.enqueue("bus_dead_letters", &["encrypted".to_owned()]);
    let (done, code) = sluice(world, &["erase", &customer, "--yes"]);
    let left = &done[0]["dead_letters_not_looked_at"];
    assert_eq!((left, code), (&json!({ "bus": 1 }), 4), "{}", done[0]);
}

#[test]
fn what_would_emit_pending_effects_is_not_erased_before_it_has() {
    let world = &World::own(|_| {});
    let (customer, event, object) = (unique("cus"), unique("evt"), unique("pi"));
    let body = of_customer(&event, &object, &customer, &unique("ch"), 0);
    assert_eq!(world.deliver(&body.to_string()).words(), "accepted");
    world.settled("payments", &object);
    leave_pending(world, "payments", &object, &event);
    world.enqueue("payments_dead_letters", &[message(&body)]);

    let (done, code) = sluice(world, &["erase", &customer, "--yes"]);
    assert_eq!(code, 4);
    let waits = done[0]["waits"].as_array().expect("a list");
    assert_eq!(waits.len(), 3, "letter, body and projection: {waits:?}");
    let counts = ["bodies", "projections", "dead_letters"].map(|name| done[0][name].as_u64());
    assert_eq!(counts, [Some(0); 3]);
    assert!(world.story(&event).expect("an entry").body.is_some());
    assert_eq!(world.depth("payments_dead_letters"), 1);

    let (_, code) = sluice(world, &["dlq", "redrive", "payments", "--yes"]);
    assert_eq!(code, 0);
    world.settled("payments", &object);
    world.see_all_of_the_bus();
    let kinds = world.effects(&object);
    let kinds: Vec<_> = kinds.iter().map(|effect| &effect["detail-type"]).collect();
    assert!(kinds.contains(&&json!("Left")), "{kinds:?}");
    let (done, code) = sluice(world, &["erase", &customer, "--yes"]);
    assert_eq!((&done[0]["bodies"], code), (&json!(1), 0), "{}", done[0]);
}
