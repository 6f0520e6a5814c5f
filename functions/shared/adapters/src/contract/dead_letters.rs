//! What operators did with dead letters, and which messages they discarded.

use sluice_kernel::erase::Account;

use super::*;
use crate::dead_letters::{Done, DynamoDeadLetters, KeptLetter, Note};
use crate::entry::{Item, number};
use crate::erase::{Content, Eraser};

pub(super) fn letters(config: &SdkConfig) -> DynamoDeadLetters {
    DynamoDeadLetters::new(config, LEDGER.to_owned(), OUTCOMES.to_owned(), 35)
}

pub(super) fn note(done: Done, why: &'static str) -> Note<'static> {
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
