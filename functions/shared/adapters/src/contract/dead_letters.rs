//! What operators did with dead letters, and which messages they discarded.

use sluice_kernel::erase::Account;

use super::*;
use crate::code;
use crate::dead_letters::{Done, DynamoDeadLetters, KeptLetter, Note};
use crate::entry::{Item, number};
use crate::erase::{Content, Eraser};
use crate::records::{DynamoRecords, StoredRecord};

const NOW_S: i64 = 1_000;

fn letters(config: &SdkConfig) -> DynamoDeadLetters {
    DynamoDeadLetters::new(config, LEDGER.to_owned(), OUTCOMES.to_owned(), 35)
}

fn note(done: Done, why: &'static str) -> Note<'static> {
    Note {
        done,
        subject: "evt_1",
        domain: "payments",
        code: "unknown",
        cause: "",
        who: "ada",
        why,
        at_ms: 1_000_000,
    }
}

async fn all(config: &SdkConfig, table: &str) -> Vec<Item> {
    let scan = Client::new(config).scan().table_name(table);
    scan.send().await.expect("read").items.expect("there")
}

#[tokio::test]
async fn a_note_says_what_was_done_by_whom_and_why_and_the_newest_of_a_deed_stands() {
    let config = dynamo().await;
    for (done, why) in [
        (Done::Discarded, "a test"),
        (Done::Redriven, "once"),
        (Done::Redriven, "again"),
    ] {
        assert_eq!(letters(&config).note(&note(done, why)).await, Ok(()));
    }
    let mut items = all(&config, OUTCOMES).await;
    items.sort_by_key(|item| item["sk"].as_s().ok().cloned());
    let said = |name: &str| -> Vec<_> { items.iter().map(|item| item[name].clone()).collect() };
    assert_eq!(
        said("sk"),
        ["discarded#payments", "redriven#payments"].map(text)
    );
    assert_eq!(said("outcome"), ["discarded", "redriven"].map(text));
    assert_eq!(said("why"), ["a test", "again"].map(text));
    for (name, value) in [
        ("pk", text("evt#evt_1")),
        ("domain", text("payments")),
        ("code", text("unknown")),
        ("cause", text("")),
        ("who", text("ada")),
        ("at", number(1_000_000)),
        ("expires_at", number(1_000 + 35 * 86_400)),
    ] {
        assert_eq!(items[0][name], value, "{name}");
    }
    assert_eq!(items[0].len(), 10);
}

#[tokio::test]
async fn a_given_up_message_is_found_with_its_account_and_without_one_where_it_says_none() {
    let config = dynamo().await;
    let message = |account: &str| {
        format!(r#"{{"detail":{{"sluice":{{"account":{account}}},"id":"evt_1"}}}}"#)
    };
    let of = |account: Option<&str>| Account::Known(account.map(str::to_owned));
    for (n, message, account) in [
        (0, message("null"), of(None)),
        (1, message("\"acct_1\""), of(Some("acct_1"))),
        (2, "no JSON".to_owned(), Account::Unknown),
    ] {
        let (id, message_id) = (format!("evt_{n}"), format!("m-{n}"));
        let letters = letters(&config);
        let letter = KeptLetter {
            subject: &id,
            message_id: &message_id,
            text: &message,
            at_ms: 1_000_000,
        };
        assert_eq!(letters.keep(letter).await, Ok(()));
        let eraser = Eraser::new(&config, LEDGER.to_owned());
        let (found, _) = eraser.bodies(None).await.expect("read");
        let found = found.into_iter().find(|one| one.id == id).expect("there");
        assert_eq!(found.account, account);
        assert_eq!(found.content, Content::Body(message.into_bytes()));
    }
    let items = all(&config, LEDGER).await;
    assert!(
        items
            .iter()
            .all(|item| item["expires_at"] == number(1_000 + 35 * 86_400))
    );
}

/// What operators read of the table, in the order of subjects.
async fn records(config: &SdkConfig) -> Vec<StoredRecord> {
    let records = DynamoRecords::new(config, OUTCOMES.to_owned());
    let (mut all, mut from) = (Vec::new(), None);
    loop {
        let (page, next) = records.page(from, NOW_S).await.expect("read");
        all.extend(page);
        from = next;
        if from.is_none() {
            break;
        }
    }
    all.sort_by(|one, other| one.subject.cmp(&other.subject));
    all
}

#[tokio::test]
async fn operators_read_records_that_have_not_expired_and_no_note_among_them() {
    let config = dynamo().await;
    let outcomes = DynamoOutcomes::new(&config, OUTCOMES.to_owned(), 1);
    let record = |subject: &str, kind: Option<&str>, at_ms| Record {
        subject: subject.to_owned(),
        domain: "payments",
        word: RecordKind::Failing,
        code: code::LEDGER_UNAVAILABLE,
        cause: "GetItem: timeout".to_owned(),
        digest: "0011".to_owned(),
        kind: kind.map(str::to_owned),
        account: None,
        message_id: "m-1".to_owned(),
        receives: 500,
        at_ms,
        is_fallback: false,
    };
    let expired_at_ms = (NOW_S - 86_400) * 1_000;
    for one in [
        record("evt_1", Some("charge.succeeded"), 5_000),
        record("evt_2", Some("charge.succeeded"), expired_at_ms),
        record("message-3", None, 7_000),
    ] {
        assert_eq!(outcomes.record(&one).await, Ok(()));
    }
    let noted = note(Done::Redriven, "again");
    assert_eq!(letters(&config).note(&noted).await, Ok(()));

    let found = records(&config).await;
    let subjects: Vec<_> = found.iter().map(|one| one.subject.as_str()).collect();
    assert_eq!(subjects, ["evt_1", "message-3"]);
    assert_eq!(
        found[0],
        StoredRecord {
            subject: "evt_1".to_owned(),
            domain: "payments".to_owned(),
            outcome: "failing".to_owned(),
            code: "ledger.unavailable".to_owned(),
            cause: "GetItem: timeout".to_owned(),
            digest: "0011".to_owned(),
            kind: "charge.succeeded".to_owned(),
            at_ms: 5_000,
        }
    );
    assert_eq!((found[1].kind.as_str(), found[1].at_ms), ("", 7_000));
}

#[tokio::test]
async fn more_records_than_a_page_holds_are_all_read() {
    let config = dynamo().await;
    let outcomes = DynamoOutcomes::new(&config, OUTCOMES.to_owned(), 35);
    // A page ends at one megabyte.
    for n in 0..5 {
        let record = Record {
            subject: format!("evt_{n}"),
            domain: "payments",
            word: RecordKind::Rejected,
            code: code::OBJECT_FIELD_MISSING,
            cause: "x".repeat(300_000),
            digest: "0011".to_owned(),
            kind: None,
            account: None,
            message_id: "m-1".to_owned(),
            receives: 1,
            at_ms: 1_000_000,
            is_fallback: false,
        };
        assert_eq!(outcomes.record(&record).await, Ok(()));
    }
    let first = DynamoRecords::new(&config, OUTCOMES.to_owned());
    let (page, next) = first.page(None, NOW_S).await.expect("read");
    assert!(page.len() < 5 && next.is_some(), "{} in a page", page.len());
    assert_eq!(records(&config).await.len(), 5);
}
