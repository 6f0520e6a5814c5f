//! Replay runs: their record, their list, and what is recorded of their events.

use sluice_kernel::replay::{Run, Runs};

use super::*;
use crate::code;
use crate::runs::replays::{CHUNK_IDS, DynamoRuns};

pub(super) fn run(id: &str) -> Run {
    Run {
        id: id.to_owned(),
        who: "ada".to_owned(),
        why: "a test".to_owned(),
        forced: true,
        domain: Some("payments".to_owned()),
        total: 3,
        canary: 1,
        rate_per_s: 10,
        stop_percent: 5,
        settle_ms: 1_000,
        started_at_ms: 1_000_000,
        at_ms: 1_000_000,
        ..Run::default()
    }
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("evt_{n}")).collect()
}

#[tokio::test]
async fn a_run_is_made_once_and_saved_by_the_one_that_has_seen_it_last() {
    let runs = DynamoRuns::new(&dynamo().await, OUTCOMES.to_owned(), 35);
    let mut run = run("r-1");
    assert_eq!(runs.find("r-1").await, Ok(None));
    assert_eq!(runs.create(&run, &ids(3), None).await, Ok(()));
    assert_eq!(runs.find("r-1").await, Ok(Some((run.clone(), 1))));
    // As after a lost answer: the stored item equals the one to write.
    assert_eq!(runs.save(&run, 0).await, Ok(true));
    run.next = 2;
    assert_eq!(runs.save(&run, 0).await, Ok(false));
    assert_eq!(runs.save(&run, 1).await, Ok(true));
    run.next = 3;
    assert_eq!(runs.save(&run, 1).await, Ok(false));
    assert_eq!(runs.find("r-1").await.expect("read").expect("there").1, 2);
    let other = ["evt_other".to_owned()];
    for list in [&ids(3)[..], &other] {
        let fault = runs.create(&run, list, None).await.expect_err("exists");
        assert_eq!(fault.code, "replay.exists");
    }
    assert_eq!(runs.ids("r-1", 0, 9).await, Ok(ids(3)), "its list stays");
}

#[tokio::test]
async fn a_list_is_read_from_any_place_over_its_chunks() {
    let runs = DynamoRuns::new(&dynamo().await, OUTCOMES.to_owned(), 35);
    let all = ids(2 * CHUNK_IDS + 5);
    assert_eq!(runs.create(&run("r-1"), &all, None).await, Ok(()));
    let mut read = Vec::new();
    while read.len() < all.len() {
        let some = runs.ids("r-1", read.len(), 700).await.expect("read");
        assert!(!some.is_empty());
        read.extend(some);
    }
    assert_eq!(read, all);
    assert_eq!(runs.ids("r-1", all.len(), 700).await, Ok(Vec::new()));
    assert_eq!(runs.ids("r-2", 0, 700).await, Ok(Vec::new()));
}

#[tokio::test]
async fn more_events_are_noted_and_looked_up_than_one_call_takes() {
    let config = dynamo().await;
    let runs = DynamoRuns::new(&config, OUTCOMES.to_owned(), 35);
    let outcomes = DynamoOutcomes::new(&config, OUTCOMES.to_owned(), 35);
    let all = ids(120);
    assert_eq!(runs.note(&run("r-1"), &all, 7).await, Ok(()));
    let noted = Client::new(&config).scan().table_name(OUTCOMES);
    let noted = noted.send().await.expect("read").items.expect("some");
    assert_eq!(noted.len(), all.len());
    for item in &noted {
        assert_eq!(item["sk"], text("replay#r-1"));
        assert_eq!(item["forced"], AttributeValue::Bool(true));
    }

    for (n, word, at_ms) in [
        (0, RecordKind::Rejected, 1_000),
        (110, RecordKind::Failing, 1_000),
        (119, RecordKind::Rejected, 999),
    ] {
        let record = Record {
            subject: all[n].clone(),
            domain: "payments",
            word,
            code: code::OBJECT_FIELD_MISSING,
            cause: String::new(),
            digest: String::new(),
            kind: None,
            account: None,
            message_id: "m-1".to_owned(),
            receives: 1,
            at_ms,
            is_fallback: false,
        };
        assert_eq!(outcomes.record(&record).await, Ok(()));
    }
    let failed = runs.failed(&all, &["payments", "billing"], 1_000).await;
    assert_eq!(failed, Ok(2));
}
