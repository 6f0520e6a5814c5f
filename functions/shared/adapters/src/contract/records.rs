//! The index of the outcomes: what is in it, and how operators list records by it.

use std::collections::BTreeSet;

use super::dead_letters::{letters, note};
use super::*;
use crate::dead_letters::Done;
use crate::entry::Item;
use crate::records::{DynamoRecords, Page, Position, StoredRecord, Wanted};

const NOW_S: i64 = 1_000;

fn outcomes(config: &SdkConfig) -> DynamoOutcomes {
    DynamoOutcomes::new(config, OUTCOMES.to_owned(), 1)
}

fn record(subject: &str, word: RecordKind, at_ms: i64) -> Record {
    Record {
        subject: subject.to_owned(),
        domain: "payments",
        word,
        code: code::LEDGER_UNAVAILABLE,
        cause: "GetItem: timeout".to_owned(),
        digest: "0011".to_owned(),
        kind: Some("charge.succeeded".to_owned()),
        account: None,
        message_id: "m-1".to_owned(),
        receives: 500,
        at_ms,
        is_fallback: false,
    }
}

async fn put(config: &SdkConfig, records: impl IntoIterator<Item = Record>) {
    for record in records {
        assert_eq!(outcomes(config).record(&record).await, Ok(()));
    }
}

async fn page(
    config: &SdkConfig,
    wanted: &Wanted,
    after: Option<Position>,
    rows: usize,
    looks: usize,
) -> Page {
    let records = DynamoRecords::new(config, OUTCOMES.to_owned());
    let mut walk = records.walk(wanted.clone(), after, NOW_S, looks);
    walk.page(rows, looks).await.expect("read")
}

/// All wanted records, each page by a walk of its own, whose position went through a URL.
async fn all(config: &SdkConfig, wanted: &Wanted, rows: usize, looks: usize) -> Vec<StoredRecord> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = page(config, wanted, after.take(), rows, looks).await;
        assert!(page.records.len() <= rows && page.looked_at <= looks);
        all.extend(page.records);
        let Some(next) = page.next else {
            return all;
        };
        let written = serde_json::to_string(&next).expect("JSON");
        after = serde_json::from_str(&written).expect("a position");
    }
}

fn subjects(records: &[StoredRecord]) -> Vec<&str> {
    records.iter().map(|one| one.subject.as_str()).collect()
}

#[tokio::test]
async fn operators_read_records_that_have_not_expired_the_newest_first_and_no_note_among_them() {
    let config = dynamo().await;
    let nameless = Record {
        kind: None,
        account: Some("acct_1".to_owned()),
        ..record("message-3", RecordKind::Failing, 7_000)
    };
    let records = [record("evt_1", RecordKind::Failing, 5_000), nameless];
    put(&config, records).await;
    // Between the two others in time: only its expiry leaves it out.
    let kept_for_no_day = DynamoOutcomes::new(&config, OUTCOMES.to_owned(), 0);
    let expired = record("evt_2", RecordKind::Failing, 6_000);
    assert_eq!(kept_for_no_day.record(&expired).await, Ok(()));
    let noted = note(Done::Redriven, "again");
    assert_eq!(letters(&config).note(&noted).await, Ok(()));

    let found = all(&config, &Wanted::default(), 100, 100).await;
    assert_eq!(subjects(&found), ["message-3", "evt_1"]);
    assert_eq!(
        found[1],
        StoredRecord {
            subject: "evt_1".to_owned(),
            domain: "payments".to_owned(),
            outcome: "failing".to_owned(),
            code: "ledger.unavailable".to_owned(),
            cause: "GetItem: timeout".to_owned(),
            digest: "0011".to_owned(),
            kind: "charge.succeeded".to_owned(),
            account: None,
            at_ms: 5_000,
        }
    );
    assert_eq!(found[0].kind, "");
    assert_eq!(found[0].account.as_deref(), Some("acct_1"));
}

#[tokio::test]
async fn only_records_of_outcomes_are_in_the_index_each_once_in_its_newest_kind() {
    let config = dynamo().await;
    let tie = sluice_kernel::outcome::Tie {
        scope: sluice_kernel::event::Scope {
            account: None,
            livemode: true,
        },
        domain: "payments".to_owned(),
        object: "pi_1".to_owned(),
        object_kind: "payment_intent".to_owned(),
        parent: None,
        event: "evt_1".to_owned(),
        kind: "payment_intent.succeeded".to_owned(),
        at_ms: 1,
    };
    let tie = sluice_kernel::outcome::Finding::Tie(tie);
    assert_eq!(outcomes(&config).remark(&tie).await, Ok(()));
    let noted = note(Done::Discarded, "a test");
    assert_eq!(letters(&config).note(&noted).await, Ok(()));
    let indexed = async || -> Vec<Item> {
        let scan = Client::new(&config).scan().table_name(OUTCOMES);
        let scan = scan.index_name("by_time").send().await;
        scan.expect("read").items.expect("there")
    };
    assert_eq!(indexed().await, Vec::<Item>::new());
    for (at_ms, word, kind) in [
        (1_000, RecordKind::Failing, "failing"),
        (2_000, RecordKind::Rejected, "rejected"),
        (3_000, RecordKind::Ended(Outcome::Applied), "ended"),
        (4_000, RecordKind::Ended(Outcome::Rejected), "rejected"),
        (5_000, RecordKind::Ended(Outcome::Stale), "ended"),
    ] {
        put(&config, [record("evt_1", word, at_ms)]).await;
        let items = indexed().await;
        assert_eq!(items.len(), 1, "{word:?}");
        let place = items[0]["kind_shard"].as_s().expect("a text");
        assert_eq!(place.split('#').next(), Some(kind));
        // The whole item: what a list shows, and what a later record adds to it.
        assert_eq!(items[0]["message"], text("m-1"));
    }
}

/// One every ten milliseconds, over both outcomes and three digests.
async fn mixed(config: &SdkConfig, count: usize) {
    let records = (0..count).map(|n| Record {
        word: match n % 2 {
            0 => RecordKind::Rejected,
            _ => RecordKind::Failing,
        },
        digest: format!("d-{}", n % 3),
        account: (n % 5 == 0).then(|| "acct_1".to_owned()),
        ..record(
            &format!("evt_{n:03}"),
            RecordKind::Rejected,
            10_000 + 10 * i64::try_from(n).expect("small"),
        )
    });
    put(config, records).await;
}

#[tokio::test]
async fn pages_that_are_read_one_after_the_other_have_each_wanted_record_once_in_order() {
    let config = dynamo().await;
    mixed(&config, 120).await;
    // Many of one millisecond, in the middle of which pages end.
    let crowd = (0..40).map(|n| record(&format!("evt_c{n}"), RecordKind::Rejected, 10_605));
    put(&config, crowd).await;
    for (rows, looks) in [(7, 1_000), (1_000, 7), (1, 1), (1_000, 1_000)] {
        let found = all(&config, &Wanted::default(), rows, looks).await;
        assert_eq!(found.len(), 160);
        assert!(found.is_sorted_by_key(|one| -one.at_ms));
        let different: BTreeSet<_> = found.iter().map(|one| &one.subject).collect();
        assert_eq!(different.len(), 160, "{rows} {looks}");
    }
    let of = |wanted: Wanted| {
        let config = config.clone();
        async move { all(&config, &wanted, 9, 30).await.len() }
    };
    let some = |text: &str| Some(text.to_owned());
    for (wanted, count) in [
        (
            Wanted {
                outcome: some("rejected"),
                ..Wanted::default()
            },
            100,
        ),
        (
            Wanted {
                digest: some("d-1"),
                outcome: some("failing"),
                ..Wanted::default()
            },
            20,
        ),
        (
            Wanted {
                account: some("acct_1"),
                ..Wanted::default()
            },
            24,
        ),
        (
            Wanted {
                kind: some("charge.refunded"),
                ..Wanted::default()
            },
            0,
        ),
        (
            Wanted {
                since_ms: Some(10_100),
                until_ms: Some(10_200),
                ..Wanted::default()
            },
            10,
        ),
        (
            Wanted {
                since_ms: Some(10_200),
                until_ms: Some(10_200),
                ..Wanted::default()
            },
            0,
        ),
    ] {
        assert_eq!(of(wanted.clone()).await, count, "{wanted:?}");
    }
}

#[tokio::test]
async fn a_page_looks_at_no_more_than_it_may_and_says_how_far_it_looked_though_it_found_nothing() {
    let config = dynamo().await;
    mixed(&config, 60).await;
    let nobodys = Wanted {
        code: Some("object.partial".to_owned()),
        ..Wanted::default()
    };
    let first = page(&config, &nobodys, None, 10, 25).await;
    assert_eq!((first.records.len(), first.looked_at), (0, 25));
    // The newest is at 10,590.
    assert_eq!(first.looked_to_ms, Some(10_350));
    let second = page(&config, &nobodys, first.next, 10, 35).await;
    assert_eq!(second.looked_at, 35);
    assert_eq!(second.looked_to_ms, Some(10_000));
    assert_eq!(second.next, None, "nothing follows");
    // A page that is full with the last record says so.
    let rows = page(&config, &Wanted::default(), None, 60, 100).await;
    assert_eq!((rows.records.len(), rows.next), (60, None));
}

#[tokio::test]
async fn more_records_than_one_answer_holds_are_all_read() {
    let config = dynamo().await;
    // An answer ends at one megabyte, and these are of one shard.
    let subjects = (0..).map(|n| format!("evt_{n}"));
    let of_one = subjects.filter(|subject| entry::shard(&format!("{subject}#payments"), 8) == 3);
    let records = of_one.take(5).map(|subject| Record {
        cause: "x".repeat(300_000),
        ..record(&subject, RecordKind::Rejected, 1_000_000)
    });
    put(&config, records).await;
    let query = Client::new(&config).query().table_name(OUTCOMES);
    let query = query
        .index_name("by_time")
        .key_condition_expression("kind_shard = :shard")
        .expression_attribute_values(":shard", text("rejected#3"));
    let one = query.send().await.expect("read");
    assert!(one.count() < 5 && one.last_evaluated_key().is_some());
    assert_eq!(all(&config, &Wanted::default(), 100, 100).await.len(), 5);
}

#[tokio::test]
async fn what_a_domain_recorded_of_some_subjects_is_read_by_their_names() {
    let config = dynamo().await;
    let records = (0..150).map(|n| record(&format!("evt_{n}"), RecordKind::Failing, 5_000));
    put(&config, records).await;
    let expired = record("evt_old", RecordKind::Failing, (NOW_S - 86_400) * 1_000);
    put(&config, [expired]).await;
    let names: Vec<_> = (0..200).map(|n| format!("evt_{n}")).collect();
    let names = names.iter().map(String::as_str);
    // A subject may be named twice: two letters of one event.
    let names = names.chain(["evt_1", "evt_old"]);
    let stored = DynamoRecords::new(&config, OUTCOMES.to_owned());
    let found = stored.of("payments", names.clone(), NOW_S).await;
    let found = found.expect("read");
    assert_eq!(found.len(), 150);
    assert_eq!(found["evt_149"].code, "ledger.unavailable");
    let other = stored.of("billing", names, NOW_S).await;
    assert!(other.expect("read").is_empty());
}

#[test]
fn the_template_has_the_index_with_whole_items() {
    let template = include_str!("../../../../../template.yaml");
    let index = "            - { AttributeName: kind_shard, KeyType: HASH }
            - { AttributeName: at, KeyType: RANGE }
          Projection: { ProjectionType: ALL }
";
    assert!(template.contains(index), "{index}");
}
