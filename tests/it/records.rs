//! More records of outcomes than a list looks at: the program and the console say where they stopped, lead on, and what is
//! done with all that match is done with all.

use serde_json::Value;
use sluice_adapters::outcomes::DynamoOutcomes;
use sluice_kernel::code;
use sluice_kernel::outcome::{Outcomes, Record, RecordKind};
use tokio::task::JoinSet;

use crate::browser::{Browser, between};
use crate::consumers::message;
use crate::replay::{program, sluice};
use crate::world::{World, now_s, paid};

/// What a list looks at.
const READ_MAX: usize = 5_000;

/// The records that are older than those.
const OLDER: usize = 30;

/// What payments rejected, at this time.
pub(crate) fn record(subject: String, digest: &str, at_ms: i64) -> Record {
    Record {
        subject,
        domain: "payments",
        word: RecordKind::Rejected,
        code: code::OBJECT_FIELD_MISSING,
        cause: format!("no text at {digest}"),
        digest: digest.to_owned(),
        kind: Some("charge.succeeded".to_owned()),
        account: None,
        message_id: "m-1".to_owned(),
        receives: 1,
        at_ms,
        is_fallback: false,
    }
}

/// Records it, as the domains do.
pub(crate) fn put(world: &World, records: Vec<Record>) {
    let table = world.info().tables["outcomes"].clone();
    world.with_sdk(async |sdk| {
        let mut records = records.into_iter();
        loop {
            let mut puts: JoinSet<_> = records
                .by_ref()
                .take(50)
                .map(|record| {
                    let outcomes = DynamoOutcomes::new(sdk, table.clone(), 35);
                    async move { outcomes.record(&record).await }
                })
                .collect();
            if puts.is_empty() {
                return;
            }
            while let Some(put) = puts.join_next().await {
                assert_eq!(put.expect("it ends"), Ok(()));
            }
        }
    });
}

fn count(groups: &[Value], digest: &str) -> Option<u64> {
    let group = groups.iter().find(|group| group["digest"] == digest);
    group.and_then(|group| group["count"].as_u64())
}

#[test]
fn more_records_than_a_list_looks_at_are_counted_as_at_least_and_all_that_match_are_found() {
    let world = World::own(|_| {});
    let now_ms = 1_000 * now_s();
    let newer = (0..READ_MAX).map(|n| {
        let at_ms = now_ms - 60_000 + i64::try_from(n).expect("few");
        record(format!("evt_new{n}"), "newer", at_ms)
    });
    let older = (0..OLDER).map(|n| {
        let at_ms = now_ms - 120_000 + i64::try_from(n).expect("few");
        record(format!("evt_old{n}"), "older", at_ms)
    });
    // A dead letter whose record is the oldest of all.
    let (event, _, body) = paid();
    let body: Value = serde_json::from_str(&body).expect("JSON");
    world.enqueue("payments_dead_letters", &[message(&body)]);
    let dead = record(event, "dead", now_ms - 180_000);
    put(&world, newer.chain(older).chain([dead]).collect());

    let listed = program(&world, &["rejected", "list", "--json"]).output();
    let listed = listed.expect("it runs");
    let (said, more) = (listed.stdout, String::from_utf8_lossy(&listed.stderr));
    let said = String::from_utf8_lossy(&said);
    let groups: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(count(&groups, "newer"), Some(5_000), "{groups:?} {more}");
    assert_eq!(count(&groups, "older"), None);
    assert!(more.starts_with("At least: 5000 records"), "{more}");
    let until = more.trim().split("--until ").nth(1);
    let until = until.expect("a way to go on");
    let (groups, _) = sluice(&world, &["rejected", "list", "--until", until]);
    assert_eq!(count(&groups, "older"), Some(OLDER as u64));
    // All that match are looked for, and not only among the newest.
    let retry = [
        "rejected", "retry", "--domain", "payments", "--digest", "older",
    ];
    let (plan, _) = sluice(&world, &retry);
    assert_eq!(plan[0]["plan"]["skipped"], OLDER, "{plan:?}");
    // The cause of a letter is looked up by its event.
    let (causes, _) = sluice(&world, &["dlq", "list"]);
    assert!(
        causes.iter().any(|cause| cause["digest"] == "dead"),
        "{causes:?}"
    );

    let browser = Browser::open(&world, &[]);
    assert!(browser.page("/").contains("≥ 1000"));
    let first = browser.page("/failures");
    assert!(
        first.contains("5000 records were looked at") && !first.contains("digest=older"),
        "{first}"
    );
    let older = |page: &str| between(page, "rel=\"next\" href=\"", "\"").replace("&amp;", "&");
    let second = browser.page(&older(&first));
    assert!(
        second.contains("digest=older") && !second.contains("rel=\"next\""),
        "{second}"
    );
    // A cause that the newest records don't have: the page says how far it looked, and leads on.
    let cause = "/failures/cause?domain=payments&code=object.field_missing&digest=older";
    let first = browser.page(cause);
    assert!(first.contains("0 of them match"), "{first}");
    let second = browser.page(&older(&first));
    assert!(second.contains("evt_old29"), "{second}");
    let plan = "/replays?outcome=rejected&code=object.field_missing&cause=older&domain=payments";
    assert!(browser.page(plan).contains(&format!("{OLDER} skipped")));
}
