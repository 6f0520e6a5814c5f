//! The template's main variants as deployed: every other test runs with its defaults; here every optional feature is
//! switched on at once, and the list of addresses refuses a stranger.

use serde_json::{Value, json};

use sluice_local::template;

use crate::replay::sluice;
use crate::world::{World, paid, shared};

/// A key's ARN. The emulator encrypts nothing and accepts any key; for tables it doesn't even report the key, so only
/// the template's own rules check it there.
const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555";

fn with(parameters: &[(&str, &str)]) -> World {
    World::own(|options| {
        let pairs = parameters.iter();
        options
            .parameters
            .extend(pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    })
}

fn ask(world: &World, target: &str, input: &Value) -> Value {
    world
        .stack(|stack| stack.aws().json(target, input))
        .expect("answered")
}

/// Makes the archive as the template describes it; the emulator makes archives by its API only.
fn make_archive(world: &World, retention_days: i64) {
    let path = sluice_local::stack::root().join("template.yaml");
    let text = std::fs::read_to_string(path).expect("the template");
    let whole = template::read(&text).expect("the template as JSON");
    let properties = &whole["Resources"]["EventArchive"]["Properties"];
    assert_eq!(
        properties["RetentionDays"],
        json!({ "Ref": "RetentionDays" })
    );
    let bus = ask(
        world,
        "AWSEvents.DescribeEventBus",
        &json!({ "Name": world.info().bus }),
    );
    let input = json!({
        "ArchiveName": "archive", "EventSourceArn": bus["Arn"], "RetentionDays": retention_days,
        "EventPattern": properties["EventPattern"].to_string(), "KmsKeyIdentifier": KEY,
    });
    ask(world, "AWSEvents.CreateArchive", &input);
}

/// The number of events in the archive, after everything put on the bus before has been handled.
fn archived(world: &World) -> i64 {
    world.see_all_of_the_bus();
    let archive = ask(
        world,
        "AWSEvents.DescribeArchive",
        &json!({ "ArchiveName": "archive" }),
    );
    archive["EventCount"].as_i64().expect("a count")
}

/// One webhook from ingest to its projection.
fn takes_one(world: &World) {
    let (event, object, body) = paid();
    let answer = world.deliver(&body);
    assert_eq!((answer.status, answer.words().as_str()), (200, "accepted"));
    assert_eq!(world.state(&event).as_deref(), Some("published"));
    let document = world.settled("payments", &object);
    assert_eq!(document["state"]["status"], "succeeded");
}

#[test]
fn by_default_it_takes_a_webhook_and_every_name_begins_with_the_stacks() {
    let world = shared();
    takes_one(world);
    let info = world.info();
    let last = |url: &String| url.rsplit('/').next().unwrap_or_default().to_owned();
    let names = (info.functions.values().cloned())
        .chain(info.tables.values().cloned())
        .chain(info.queues.values().map(last))
        .chain([info.bus.clone()]);
    let odd: Vec<_> = names.filter(|name| !name.starts_with("sluice-")).collect();
    assert!(odd.is_empty(), "{odd:?}");
    let table = json!({ "TableName": info.tables["ledger"] });
    let described = ask(world, "DynamoDB_20120810.DescribeTable", &table);
    assert_ne!(described["Table"]["DeletionProtectionEnabled"], true);
}

#[test]
fn with_a_key_an_archive_and_all_that_is_optional_it_takes_a_webhook() {
    let world = with(&[
        ("KmsKeyArn", KEY),
        ("Archive", "true"),
        ("DeletionProtection", "true"),
        ("Tracing", "Active"),
        ("AllowedSources", "203.0.113.7,127.0.0.1"),
        ("Revision", "0123456789abcdef"),
        ("IngestReservedConcurrency", "20"),
        ("DomainReservedConcurrency", "10"),
        ("ScheduledReservedConcurrency", "1"),
        ("SteadyType", "payment_intent.succeeded"),
        ("AlarmTopicArn", "arn:aws:sns:us-east-1:000000000000:alarms"),
    ]);
    make_archive(&world, 35);
    takes_one(&world);
    // The event, but neither its effects nor what a replay puts on the bus again.
    assert_eq!(archived(&world), 1);
    let again = json!({ "Entries": [{
        "EventBusName": world.info().bus, "Source": "sluice.stripe", "DetailType": "customer.created",
        "Detail": json!({ "sluice": { "generation": "replay" }, "id": "evt_again" }).to_string(),
    }] });
    ask(&world, "AWSEvents.PutEvents", &again);
    assert_eq!(archived(&world), 1);
    let info = world.info();
    for table in info.tables.values() {
        let described = ask(
            &world,
            "DynamoDB_20120810.DescribeTable",
            &json!({ "TableName": table }),
        );
        let protected = &described["Table"]["DeletionProtectionEnabled"];
        assert_eq!(*protected, true, "{table}");
    }
    for (name, queue) in &info.queues {
        let input = json!({ "QueueUrl": queue, "AttributeNames": ["All"] });
        let attributes = ask(&world, "AmazonSQS.GetQueueAttributes", &input);
        let attributes = &attributes["Attributes"];
        // Data that the key can't encrypt is kept without it.
        match name.as_str() {
            "bus_dead_letters" | "rule_dead_letters" => {
                assert_eq!(attributes["KmsMasterKeyId"], Value::Null, "{queue}");
                assert_eq!(attributes["SqsManagedSseEnabled"], "true", "{queue}");
            }
            _ => assert_eq!(attributes["KmsMasterKeyId"], KEY, "{queue}"),
        }
    }
    // With a revision the queues go to the aliases. Nothing is known about a key that doesn't exist.
    let (found, _) = sluice(&world, &["doctor"]);
    let levels = |area: &str, subject: &str| -> Vec<&str> {
        let of_it = found
            .iter()
            .filter(|it| it["area"] == area && it["subject"] == subject);
        of_it
            .map(|it| it["level"].as_str().expect("a level"))
            .collect()
    };
    for domain in sluice_domains::ALL {
        // It runs, and its queue calls it.
        assert_eq!(levels("functions", domain), ["good", "good"], "{found:#?}");
        let alias = format!("{domain}:live");
        assert_eq!(levels("functions", &alias), ["good"], "{found:#?}");
    }
    assert_eq!(levels("encryption", "key"), ["unknown"], "{found:#?}");
    assert_eq!(
        levels("encryption", "key policy"),
        ["unknown"],
        "{found:#?}"
    );
    assert_eq!(levels("account", "concurrency"), ["good"], "{found:#?}");
    let left_out = world.stack(|stack| stack.notes().to_vec());
    assert!(
        left_out
            .iter()
            .any(|note| note.starts_with("EventArchive ")),
        "{left_out:?}"
    );
}

#[test]
fn a_delivery_from_an_address_that_is_not_listed_is_answered_403_and_leaves_nothing() {
    let world = with(&[("AllowedSources", "203.0.113.7")]);
    let (event, _, body) = paid();
    let answer = world.deliver(&body);
    assert_eq!(answer.status, 403);
    assert_eq!(answer.words(), "refused source.not_allowed");
    assert_eq!(world.state(&event), None);
}
