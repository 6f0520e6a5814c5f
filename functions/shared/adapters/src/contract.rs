//! The adapters against an emulated DynamoDB: the same suites that the ports in memory pass, and tests that are
//! specific to items.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, Projection, ProjectionType, ScalarAttributeType,
};
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use sluice_harness::build::{arrival, noise_body};
use sluice_harness::clock::TestClock;
use sluice_kernel::delivery::ledger::{Claimed, Ledger};
use sluice_kernel::outcome::{Outcome, Outcomes, Record, RecordKind};

use crate::aws::sdk_config_of;
use crate::bulk_items;
use crate::code;
use crate::entry::{self, ENTRY, text};
use crate::ledger::DynamoLedger;
use crate::outcomes::DynamoOutcomes;
use crate::receipts::DynamoReceipts;
use crate::reconcile_store::DynamoNotes;

const LEDGER: &str = "ledger";
const PROJECTIONS: &str = "projections";
const OUTCOMES: &str = "outcomes";
const RECEIPTS: &str = "receipts";

/// What the index by time carries besides keys.
const BY_TIME_PROJECTED: [&str; 5] = ["type", "account", "livemode", "created", "object_id"];

/// An empty DynamoDB of this test's own, with the template's tables.
async fn dynamo() -> SdkConfig {
    let config = sdk_config_of(
        judge::region(),
        Credentials::new("test", "test", None, None, "test"),
        Some(judge::endpoint().await),
    );
    // A call's time limit isn't part of the contract, and an emulator on a busy machine is slow.
    let patient = TimeoutConfig::builder().operation_timeout(Duration::from_secs(120));
    let config = config.into_builder().timeout_config(patient.build());
    let config = config.build();
    let client = Client::new(&config);
    let with_sk = [("pk", "S"), ("sk", "S")];
    let of_indexes = [
        ("due_shard", "S"),
        ("due_at", "N"),
        ("seen", "S"),
        ("received_at", "N"),
    ];
    let ledger = [&with_sk[..], &of_indexes].concat();
    let due = ("due", "due_shard", "due_at", ProjectionType::KeysOnly);
    let by_time = ("by_time", "seen", "received_at", ProjectionType::Include);
    create(&client, LEDGER, &ledger, &[due, by_time]).await;
    let outcomes = [&with_sk[..], &[("kind_shard", "S"), ("at", "N")]].concat();
    let by_time = ("by_time", "kind_shard", "at", ProjectionType::All);
    create(&client, OUTCOMES, &outcomes, &[by_time]).await;
    let by_owner = ("by_owner", "owner", "pk", ProjectionType::All);
    create(
        &client,
        PROJECTIONS,
        &[("pk", "S"), ("owner", "S")],
        &[by_owner],
    )
    .await;
    create(&client, RECEIPTS, &[("pk", "S")], &[]).await;
    config
}

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(kind)
        .build()
        .expect("complete")
}

/// A sparse index: name, hash key, range key, projection (`Include` is of [`BY_TIME_PROJECTED`]).
type Index = (&'static str, &'static str, &'static str, ProjectionType);

async fn create(client: &Client, table: &str, attributes: &[(&str, &str)], indexes: &[Index]) {
    let mut create = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in attributes {
        let attribute = AttributeDefinition::builder()
            .attribute_name(*name)
            .attribute_type(ScalarAttributeType::from(*kind))
            .build()
            .expect("complete");
        create = create.attribute_definitions(attribute);
    }
    create = create.key_schema(key("pk", KeyType::Hash));
    if attributes.iter().any(|(name, _)| *name == "sk") {
        create = create.key_schema(key("sk", KeyType::Range));
    }
    for (name, hash, range, projection) in indexes.iter().cloned() {
        let included = BY_TIME_PROJECTED.map(str::to_owned).to_vec();
        let included = (projection == ProjectionType::Include).then_some(included);
        let projection = Projection::builder()
            .projection_type(projection)
            .set_non_key_attributes(included);
        let index = GlobalSecondaryIndex::builder()
            .index_name(name)
            .key_schema(key(hash, KeyType::Hash))
            .key_schema(key(range, KeyType::Range))
            .projection(projection.build())
            .build()
            .expect("complete");
        create = create.global_secondary_indexes(index);
    }
    create.send().await.expect("created");
}

mod bodies;
mod by_time;
mod dead_letters;
mod erase;
mod judge;
mod listing;
#[cfg(debug_assertions)]
mod lost;
mod notes;
mod projections;
mod records;
mod rules;
mod runs;

mod ledger {
    use super::*;

    sluice_harness::ledger_conformance!(async |clock| {
        DynamoLedger::new(&dynamo().await, LEDGER.to_owned(), clock)
    });
    sluice_harness::standings_conformance!(async |clock| {
        DynamoLedger::new(&dynamo().await, LEDGER.to_owned(), clock)
    });
    sluice_harness::waiting_conformance!(async |clock| {
        DynamoLedger::new(&dynamo().await, LEDGER.to_owned(), clock)
    });
}

mod receipts {
    use super::*;

    sluice_harness::receipts_conformance!(async || {
        DynamoReceipts::new(&dynamo().await, RECEIPTS.to_owned())
    });
}

mod ties {
    use super::*;

    sluice_harness::ties_conformance!(async || ties_of(&dynamo().await));
}

/// The table of outcomes, and reconcile's view of it.
fn ties_of(config: &SdkConfig) -> (DynamoOutcomes, DynamoNotes) {
    let (ledger, outcomes) = (LEDGER.to_owned(), OUTCOMES.to_owned());
    (
        DynamoOutcomes::new(config, outcomes.clone(), 35),
        DynamoNotes::new(config, ledger, outcomes, 35),
    )
}

#[tokio::test]
async fn a_typical_entry_is_small_and_its_parts_stay_under_an_items_limit() {
    let config = dynamo().await;
    let ledger = DynamoLedger::new(&config, LEDGER.to_owned(), TestClock::default());
    let client = Client::new(&config);
    let small = arrival(
        "evt_1",
        "attempt",
        br#"{"id":"evt_1","type":"charge.succeeded"}"#,
    );
    assert_eq!(
        ledger.claim(&small).await,
        Ok(Claimed::Won { complete: true })
    );
    let item = client
        .get_item()
        .table_name(LEDGER)
        .key("pk", entry::pk("evt_1"))
        .key("sk", text(ENTRY));
    let item = item.send().await.expect("read").item.expect("there");
    let bytes = entry::bytes_of(&item);
    assert!(bytes < 450, "an entry without its body takes {bytes} bytes");

    let body = noise_body("evt_2", 900_000);
    let large = arrival("evt_2", "attempt", &body);
    assert_eq!(
        ledger.claim(&large).await,
        Ok(Claimed::Won { complete: false })
    );
    assert_eq!(ledger.complete(&large).await, Ok(()));
    let parts = client
        .query()
        .table_name(LEDGER)
        .key_condition_expression("pk = :pk AND begins_with(sk, :part)")
        .expression_attribute_values(":pk", entry::pk("evt_2"))
        .expression_attribute_values(":part", text("part#"));
    let parts = parts.send().await.expect("read").items.expect("there");
    assert!(parts.len() > 1);
    for part in parts {
        let bytes = entry::bytes_of(&part);
        assert!(bytes < 400 * 1024, "{bytes}");
    }
}

#[tokio::test]
async fn an_item_that_is_filled_in_is_what_a_claim_and_a_mark_leave() {
    let config = dynamo().await;
    let ledger = DynamoLedger::new(&config, LEDGER.to_owned(), TestClock::default());
    let arrival = arrival(
        "evt_1",
        "attempt",
        br#"{"id":"evt_1","type":"charge.succeeded"}"#,
    );
    let published_at_ms = arrival.received_at_ms + 40;
    assert_eq!(
        ledger.claim(&arrival).await,
        Ok(Claimed::Won { complete: true })
    );
    assert_eq!(ledger.mark(&arrival, published_at_ms).await, Ok(true));
    let item = Client::new(&config)
        .get_item()
        .table_name(LEDGER)
        .key("pk", entry::pk("evt_1"))
        .key("sk", text(ENTRY));
    let item = item.send().await.expect("read").item;
    assert_eq!(bulk_items::published(&arrival, published_at_ms), item);
    let large = noise_body("evt_2", 100_000);
    let large = sluice_harness::build::arrival("evt_2", "attempt", &large);
    assert_eq!(bulk_items::published(&large, published_at_ms), None);
}

#[tokio::test]
async fn of_two_large_bodies_that_are_stored_at_once_each_gets_its_own_parts() {
    let config = dynamo().await;
    let ledger = DynamoLedger::new(&config, LEDGER.to_owned(), TestClock::default());
    let bodies = ["evt_1", "evt_2"].map(|id| (id, noise_body(id, 100_000)));
    let arrivals = bodies
        .each_ref()
        .map(|(id, body)| arrival(id, "attempt", body));
    for arrival in &arrivals {
        assert_eq!(
            ledger.claim(arrival).await,
            Ok(Claimed::Won { complete: false })
        );
    }
    for arrival in &arrivals {
        assert_eq!(ledger.complete(arrival).await, Ok(()));
    }
    for (id, body) in &bodies {
        let (_, stored) = ledger.read(id).await.expect("read").expect("there");
        assert_eq!(stored.as_ref(), Some(body), "{id}");
    }
}

#[tokio::test]
async fn the_newest_record_of_an_event_and_domain_stands_and_a_fallback_takes_no_failing_ones_place()
 {
    let config = dynamo().await;
    let outcomes = DynamoOutcomes::new(&config, OUTCOMES.to_owned(), 35);
    let record = |word, code, is_fallback| Record {
        subject: "evt_1".to_owned(),
        domain: "payments",
        word,
        code,
        cause: "no text at status".to_owned(),
        digest: "0011".to_owned(),
        kind: Some("charge.succeeded".to_owned()),
        account: None,
        message_id: "m-1".to_owned(),
        receives: 500,
        at_ms: 1_000,
        is_fallback,
    };
    let item = async || {
        let scan = Client::new(&config).scan().table_name(OUTCOMES);
        let items = scan.send().await.expect("read").items.expect("there");
        assert_eq!(items.len(), 1);
        items[0].clone()
    };
    let (failing, rejected) = (RecordKind::Failing, RecordKind::Rejected);
    let ended = RecordKind::Ended(Outcome::Applied);
    for (word, code, is_fallback, stands) in [
        (
            failing,
            code::MESSAGE_UNANSWERED,
            true,
            "message.unanswered",
        ),
        (
            failing,
            code::LEDGER_UNAVAILABLE,
            false,
            "ledger.unavailable",
        ),
        (
            failing,
            code::MESSAGE_UNANSWERED,
            true,
            "ledger.unavailable",
        ),
        (ended, code::MESSAGE_RECOVERED, false, "message.recovered"),
        (failing, code::BATCH_NO_TIME, true, "batch.no_time"),
        (
            rejected,
            code::OBJECT_FIELD_MISSING,
            false,
            "object.field_missing",
        ),
    ] {
        let recorded = outcomes.record(&record(word, code, is_fallback)).await;
        assert_eq!(recorded, Ok(()));
        assert_eq!(item().await["code"], text(stands));
    }
    let item = item().await;
    for (name, value) in [
        ("pk", "evt#evt_1"),
        ("sk", "payments"),
        ("outcome", "rejected"),
        ("type", "charge.succeeded"),
        ("message", "m-1"),
    ] {
        assert_eq!(item[name], text(value), "{name}");
    }
    assert_eq!(item["receives"], AttributeValue::N("500".to_owned()));
    assert!(!item.contains_key("account"));
}

#[tokio::test]
async fn a_ledger_that_can_not_be_reached_is_a_fault_that_promises_nothing() {
    let nowhere = sdk_config_of(
        Region::from_static("us-east-1"),
        Credentials::new("test", "test", None, None, "test"),
        // Port 1 on loopback: refused at once.
        Some("http://127.0.0.1:1".to_owned()),
    );
    let ledger = DynamoLedger::new(&nowhere, LEDGER.to_owned(), TestClock::default());
    let fault = ledger
        .claim(&arrival("evt_1", "a", b"{}"))
        .await
        .expect_err("unreachable");
    assert_eq!(fault.code, "ledger.unavailable");
    assert_eq!(fault.class, sluice_kernel::fault::Class::Retry);
}
