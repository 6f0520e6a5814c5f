//! The same suites once more over a connection that loses the first try of every call, before or after it is carried
//! out; and tests that are specific to a lost answer.

use std::path::{Path, PathBuf};

use aws_smithy_runtime_api::client::http::{HttpClient, http_client_fn};
use serde_json::{Value, json};
use sluice_kernel::consumer::projection::Projections;
use tempfile::TempDir;

use super::*;
use crate::aws::ATTEMPTS_MAX;
use crate::faults::through;
use crate::projections::DynamoProjections;

/// The configuration with these rules, and their file, which must exist as long as the configuration and its clients.
fn ruled(config: &SdkConfig, rules: &Value) -> (SdkConfig, PathBuf) {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("rules");
    std::fs::write(&file, rules.to_string()).expect("written");
    let config = through(config, &file, "test");
    let client = config.http_client().expect("that of the rules");
    let client = http_client_fn(move |settings, components| {
        let _kept = &folder;
        client.http_connector(settings, components)
    });
    (config.into_builder().http_client(client).build(), file)
}

/// A rule applies to the first try of every call.
async fn first_tries(act: &str) -> SdkConfig {
    let rules = json!([{ "id": "first", "call": "*", "first-tries": true, "do": act }]);
    ruled(&dynamo().await, &rules).0
}

/// The next call of this operation is carried out, and its answer lost.
fn next_answer_lost(config: &SdkConfig, call: &str) -> (SdkConfig, PathBuf) {
    ruled(
        config,
        &json!([{ "id": "next", "call": call, "times": 1, "do": "drop-after" }]),
    )
}

fn fired(file: &Path) -> usize {
    let mut path = file.to_owned().into_os_string();
    path.push(".fired");
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

mod ledger_where_calls_are_lost {
    use super::*;

    sluice_harness::ledger_conformance!(async |clock| {
        DynamoLedger::new(&first_tries("drop-before").await, LEDGER.to_owned(), clock)
    });
}

mod ledger_where_answers_are_lost {
    use super::*;

    sluice_harness::ledger_conformance!(async |clock| {
        DynamoLedger::new(&first_tries("drop-after").await, LEDGER.to_owned(), clock)
    });
}

mod projections_where_calls_are_lost {
    use super::*;

    sluice_harness::projections_conformance!(async || {
        DynamoProjections::new(&first_tries("drop-before").await, PROJECTIONS.to_owned())
    });
}

mod receipts_where_calls_are_lost {
    use super::*;

    sluice_harness::receipts_conformance!(async || {
        DynamoReceipts::new(&first_tries("drop-before").await, RECEIPTS.to_owned())
    });
}

mod receipts_where_answers_are_lost {
    use super::*;

    sluice_harness::receipts_conformance!(async || {
        DynamoReceipts::new(&first_tries("drop-after").await, RECEIPTS.to_owned())
    });
}

mod ties_where_calls_are_lost {
    use super::*;

    sluice_harness::ties_conformance!(async || ties_of(&first_tries("drop-before").await));
}

mod ties_where_answers_are_lost {
    use super::*;

    sluice_harness::ties_conformance!(async || ties_of(&first_tries("drop-after").await));
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_won_again() {
    let (config, file) = next_answer_lost(&dynamo().await, "PutItem");
    let ledger = DynamoLedger::new(&config, LEDGER.to_owned(), TestClock::default());
    let claimed = ledger.claim(&arrival("evt_1", "a", b"{}")).await;
    assert_eq!(claimed, Ok(Claimed::Won { complete: true }));
    assert_eq!(fired(&file), 1);
}

#[tokio::test]
async fn a_claim_whose_every_answer_was_lost_promises_nothing_and_is_still_the_attempts_own() {
    let rules =
        json!([{ "id": "all", "call": "PutItem", "times": ATTEMPTS_MAX, "do": "drop-after" }]);
    let (config, file) = ruled(&dynamo().await, &rules);
    let ledger = DynamoLedger::new(&config, LEDGER.to_owned(), TestClock::default());
    let arrival = arrival("evt_1", "a", b"{}");
    let fault = ledger.claim(&arrival).await.expect_err("unanswered");
    assert_eq!(fault.code, "ledger.unavailable");
    assert_eq!(fired(&file), ATTEMPTS_MAX as usize);
    assert_eq!(
        ledger.claim(&arrival).await,
        Ok(Claimed::Won { complete: true })
    );
}

#[tokio::test]
async fn a_projection_whose_writes_answer_was_lost_is_seen_as_a_conflict_and_reads_as_written() {
    let (config, file) = next_answer_lost(&dynamo().await, "PutItem");
    let table = DynamoProjections::new(&config, PROJECTIONS.to_owned());
    // The repeated put meets its own item. The writer reads again, and recognizes its own write.
    assert_eq!(table.put("key", 0, "{}", None).await, Ok(false));
    assert_eq!(fired(&file), 1);
    let stored = table.get("key").await.expect("read").expect("there");
    assert_eq!((stored.version, stored.document.as_str()), (1, "{}"));
}
