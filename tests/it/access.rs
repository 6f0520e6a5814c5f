//! May this customer use X, and until when? Answered from the deployed table, by the Rust function and by the query
//! that is documented for other languages.

use serde_json::{Value, json};
use sluice_adapters::projections::DynamoProjections;
use sluice_kernel::consumer::projection::{Stored, owner_key};
use sluice_kernel::event;
use sluice_stripe_sim::{Key, Options, Scope, Story, World as Stripe};
use subscriptions::access::RENEWAL_LEEWAY_S;
use subscriptions::customer::{Until, of_stored};

use crate::truth::body;
use crate::world::{World, eventually, shared};

const PAGE: &str = include_str!("../../functions/README.md");

/// The values after the flags of the documented command.
fn documented(flag: &str) -> &'static str {
    let (_, command) = PAGE.split_once("aws dynamodb query").expect("it is there");
    let (command, _) = command.split_once("```").expect("it ends");
    let (_, value) = command.split_once(flag).expect("the flag is there");
    let value = value.trim_start();
    match value.strip_prefix('\'') {
        Some(quoted) => quoted.split('\'').next(),
        None => value.split_whitespace().next(),
    }
    .expect("a value")
}

/// The documents that the documented query finds.
fn by_the_documented_query(world: &World, owner: &str) -> Vec<Value> {
    let values = documented("--expression-attribute-values").replace("platform#live#cus_…", owner);
    assert!(values.contains(owner), "{values}");
    let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let query = json!({
        "TableName": world.info().tables["subscriptions"],
        "IndexName": documented("--index-name"),
        "KeyConditionExpression": documented("--key-condition-expression"),
        "ExpressionAttributeNames": json(documented("--expression-attribute-names")),
        "ExpressionAttributeValues": json(&values),
    });
    let answer = world
        .stack(|stack| stack.aws().json("DynamoDB_20120810.Query", &query))
        .expect("answered");
    let items = answer["Items"].as_array().cloned().unwrap_or_default();
    let documents = items
        .iter()
        .map(|item| item["doc"]["S"].as_str().expect("a doc"));
    documents.map(json).collect()
}

fn only(keys: &[Key], prefix: &str) -> Key {
    let mut found = keys.iter().filter(|key| key.id.starts_with(prefix));
    found.next().expect("one of them").clone()
}

fn product(subscription: &Value) -> String {
    let product = &subscription["items"]["data"][0]["price"]["product"];
    product.as_str().expect("a product").to_owned()
}

#[test]
fn a_customer_with_an_active_and_a_canceled_subscription_may_use_what_the_active_one_gives_until_it_ends()
 {
    let world = shared();
    let own = Scope::platform(false);
    let mut stripe = Stripe::new(21, Options::default());
    let active = stripe.play(Story::RenewalRecovered, &own);
    let canceled = stripe.play(Story::TrialCanceled, &own);
    let (customer, other) = (only(&active, "cus_").id, only(&canceled, "cus_").id);
    let (active, canceled) = (only(&active, "sub_"), only(&canceled, "sub_"));
    // Both subscriptions belong to one customer.
    for event in stripe.events() {
        let wanted = [&active.id, &canceled.id, &customer].contains(&&event.object.id)
            || event.object.id.ends_with(&customer);
        if wanted {
            let body = body(&stripe, event).replace(&other, &customer);
            assert_eq!(world.deliver(&body).words(), "accepted");
        }
    }
    let status = |key: &Key, wanted: &str| {
        let document = world.projection("subscriptions", &key.id)?["doc"].clone();
        (document["state"]["status"] == wanted).then_some(())
    };
    eventually("the active one", || status(&active, "active"));
    eventually("the canceled one", || status(&canceled, "canceled"));
    eventually("an empty queue", || {
        (world.depth("subscriptions") == 0).then_some(())
    });

    let scope = event::Scope {
        account: None,
        livemode: false,
    };
    let owner = owner_key(&scope, &customer);
    let table = world.info().tables["subscriptions"].clone();
    let found: Vec<(String, Stored)> = world.with_sdk(async |config| {
        let projections = DynamoProjections::new(config, table);
        projections.of_owner(&owner).await.expect("found")
    });
    assert_eq!(found.len(), 4, "{found:?}");

    let object = |key: &Key| stripe.object(None, false, &key.id).expect("there");
    let (active, canceled) = (object(&active), object(&canceled));
    let period_end = active["items"]["data"][0]["current_period_end"].as_i64();
    let end = period_end.expect("a period") + RENEWAL_LEEWAY_S;
    let access = |now| of_stored(found.iter().map(|(_, stored)| stored), now).expect("readable");
    let now = stripe.end();
    assert!(now < end);
    for what in [product(&active), "team".to_owned()] {
        assert_eq!(access(now).until(&what), Some(Until::Second(end)), "{what}");
        assert_eq!(access(end).until(&what), None, "{what}");
    }
    assert_eq!(access(now).until(&product(&canceled)), None);

    // Another language finds the same by the documented query.
    let read = |(_, stored): &(String, Stored)| serde_json::from_str(&stored.document);
    let mut ours: Vec<Value> = found
        .iter()
        .map(read)
        .collect::<Result<_, _>>()
        .expect("JSON");
    let mut theirs = by_the_documented_query(world, &owner);
    ours.sort_by_key(Value::to_string);
    theirs.sort_by_key(Value::to_string);
    assert_eq!(ours, theirs);

    // A query for another owner finds nothing of it.
    let other = owner_key(&scope, &other);
    assert!(by_the_documented_query(world, &other).is_empty());
}
