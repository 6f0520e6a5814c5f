//! Runs of all kinds: their records, and the list of all.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_kernel::replay::{RunState, Runs};

use super::*;
use crate::runs::bulk::{BulkRun, BulkRuns};
use crate::runs::moves::{AliasMoves, Move, MoveState};
use crate::runs::replays::DynamoRuns;
use crate::runs::{RunKind, RunStore, State};

mod replays;

fn bulk(name: &str, at_ms: i64) -> BulkRun {
    BulkRun {
        name: name.to_owned(),
        who: "ada".to_owned(),
        why: Some("a test".to_owned()),
        asked: Value::Null,
        at: Value::Null,
        at_ms,
        looked: 0,
        failed: 0,
        counts: BTreeMap::new(),
        state: State::Running,
    }
}

fn moved(at_ms: i64) -> Move {
    Move {
        role: "payments".to_owned(),
        from: "13".to_owned(),
        to: "12".to_owned(),
        who: "ada".to_owned(),
        why: "it rejects refunds".to_owned(),
        at_ms,
        state: MoveState::Begun,
    }
}

#[tokio::test]
async fn a_bulk_run_is_begun_once_and_saved_by_the_program_that_saw_it_last() {
    let config = dynamo().await;
    let runs = BulkRuns::new(&config, OUTCOMES.to_owned(), RunKind::Rebuild, 35);
    assert_eq!(runs.find("r-1").await, Ok(None));
    let mut run = bulk("r-1", 1_000);
    let first = runs.begin(&run, None).await.expect("begun");
    // As after a lost answer: the stored item equals the one to write.
    assert_eq!(runs.begin(&run, None).await, Ok(first.clone()));
    run.at = json!({ "after": "k", "over": false });
    run.looked = 100;
    let fault = runs.begin(&run, None).await.expect_err("there is one");
    assert_eq!(fault.code, "run.taken");

    let second = runs.save(&run, &first).await.expect("saved");
    assert_eq!(
        runs.find("r-1").await,
        Ok(Some((run.clone(), second.clone())))
    );
    assert_eq!(runs.save(&run, &first).await, Ok(second.clone()), "its own");
    run.looked = 200;
    let fault = runs.save(&run, &first).await.expect_err("another saved it");
    assert_eq!(fault.code, "run.taken");
    run.state = State::Done;
    let third = runs.save(&run, &second).await.expect("saved");
    assert_eq!(runs.find("r-1").await, Ok(Some((run, third))));

    let imports = BulkRuns::new(&config, OUTCOMES.to_owned(), RunKind::Import, 35);
    assert_eq!(imports.find("r-1").await, Ok(None), "of another kind");
}

#[tokio::test]
async fn a_record_that_an_earlier_version_wrote_is_found_and_gone_on_with() {
    let config = dynamo().await;
    let document = json!({
        "name": "rebuild-billing-1", "who": "ada", "why": null, "at": { "after": "k", "over": false }, "at_ms": 7,
        "looked": 3, "failed": 0, "counts": { "same": 3 }, "standing": "running",
    });
    let put = Client::new(&config)
        .put_item()
        .table_name(OUTCOMES)
        .item("pk", text("rebuild#rebuild-billing-1"))
        .item("sk", text("run"))
        .item("doc", text(document.to_string()))
        .item("expires_at", entry::number(99));
    put.send().await.expect("written");
    let runs = BulkRuns::new(&config, OUTCOMES.to_owned(), RunKind::Rebuild, 35);
    let found = runs.find("rebuild-billing-1").await.expect("read");
    let (mut run, held) = found.expect("there");
    assert_eq!((run.looked, &run.why), (3, &None));
    run.looked = 6;
    assert!(runs.save(&run, &held).await.is_ok());
}

#[tokio::test]
async fn a_move_of_an_alias_is_begun_once_and_completed_and_read_oldest_first() {
    let moves = AliasMoves::new(&dynamo().await, OUTCOMES.to_owned());
    let mut first = moved(1_000);
    assert_eq!(moves.begin(&first, None).await, Ok(true));
    assert_eq!(
        moves.begin(&first, None).await,
        Ok(true),
        "its own, as after a lost answer"
    );
    let other = Move {
        who: "bob".to_owned(),
        ..first.clone()
    };
    assert_eq!(moves.begin(&other, None).await, Ok(false));
    first.state = MoveState::Done;
    assert_eq!(moves.complete(&first).await, Ok(()));
    let second = moved(2_000);
    assert_eq!(moves.begin(&second, None).await, Ok(true));
    assert_eq!(moves.of("payments").await, Ok(vec![first, second]));
    assert_eq!(moves.of("billing").await, Ok(Vec::new()));
}

#[tokio::test]
async fn runs_of_all_kinds_are_listed_newest_first_page_by_page_as_they_now_stand() {
    let config = dynamo().await;
    let store = RunStore::new(&config, OUTCOMES.to_owned());
    let list = async |after: Option<&str>, limit| store.list(after, limit).await.expect("read");
    let none = list(None, 10).await;
    assert_eq!((none.runs.len(), none.next), (0, None));

    let replays = DynamoRuns::new(&config, OUTCOMES.to_owned(), 35);
    let mut replay = replays::run("replay-1");
    replay.started_at_ms = 1_000;
    let plan = Some("0011".to_owned());
    let created = replays.create(&replay, &["evt_1".to_owned()], plan).await;
    assert_eq!(created, Ok(()));
    (replay.next, replay.published, replay.failed) = (2, 2, 1);
    replay.standing = RunState::Stopped("1 of 2 failed".to_owned());
    assert_eq!(replays.save(&replay, 1).await, Ok(true));
    for (kind, name, at_ms) in [
        (RunKind::Rebuild, "rebuild-billing-1", 2_000),
        (RunKind::Import, "import-platform-1", 4_000),
    ] {
        let runs = BulkRuns::new(&config, OUTCOMES.to_owned(), kind, 35);
        let mut run = bulk(name, at_ms);
        let held = runs.begin(&run, None).await.expect("begun");
        (run.at_ms, run.looked) = (9_000, 5);
        run.counts.insert("same".to_owned(), 5);
        runs.save(&run, &held).await.expect("saved");
    }
    let moves = AliasMoves::new(&config, OUTCOMES.to_owned());
    assert_eq!(moves.begin(&moved(3_000), None).await, Ok(true));

    let first = list(None, 3).await;
    let of = |page: &crate::runs::Page| -> Vec<_> {
        let runs = page.runs.iter();
        runs.map(|run| (run.kind, run.name.clone(), run.began_ms))
            .collect()
    };
    assert_eq!(
        of(&first),
        [
            (RunKind::Import, "import-platform-1".to_owned(), 4_000),
            (RunKind::Rollback, "payments".to_owned(), 3_000),
            (RunKind::Rebuild, "rebuild-billing-1".to_owned(), 2_000),
        ]
    );
    assert_eq!(first.runs[0].at_ms, 9_000);
    assert_eq!((first.runs[0].done, first.runs[0].counts["same"]), (5, 5));
    let versions = first.runs[1].versions.as_ref();
    assert_eq!(versions, Some(&["13".to_owned(), "12".to_owned()]));
    let rest = list(first.next.as_deref(), 3).await;
    assert_eq!(of(&rest), [(RunKind::Replay, "replay-1".to_owned(), 1_000)]);
    let replayed = &rest.runs[0];
    assert_eq!(replayed.state, State::Stopped("1 of 2 failed".to_owned()));
    assert_eq!(
        (replayed.done, replayed.total, replayed.failed),
        (2, Some(3), 1)
    );
    assert_eq!(
        (replayed.who.as_str(), replayed.why.as_str()),
        ("ada", "a test")
    );
    assert_eq!(replayed.plan.as_deref(), Some("0011"));
    assert_eq!(rest.next, None);
    assert_eq!(json!(replayed)["state"], "stopped", "{}", json!(replayed));
    for run in first.runs.iter().chain(&rest.runs) {
        let found = store.find(run.kind, &run.name, run.began_ms).await;
        assert_eq!(found, Ok(Some(run.clone())));
    }
    assert_eq!(
        store.find(RunKind::Replay, "replay-1", 1_001).await,
        Ok(None)
    );
}

#[tokio::test]
async fn a_place_without_a_record_is_not_shown() {
    let config = dynamo().await;
    let runs = BulkRuns::new(&config, OUTCOMES.to_owned(), RunKind::Import, 35);
    runs.begin(&bulk("i-1", 1_000), None).await.expect("begun");
    let delete = Client::new(&config)
        .delete_item()
        .table_name(OUTCOMES)
        .key("pk", text("import#i-1"))
        .key("sk", text("run"));
    delete
        .send()
        .await
        .expect("as if it had never been written");
    runs.begin(&bulk("i-2", 500), None).await.expect("begun");
    let listed = RunStore::new(&config, OUTCOMES.to_owned())
        .list(None, 10)
        .await;
    let listed = listed.expect("read").runs;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0].name, "i-2");
}
