//! Erasing: each body separately, in every form of storage, and nothing stored beside it.

use sluice_kernel::delivery::ledger::Arrival;
use sluice_kernel::erase::Account;

use super::*;
use crate::erase::{Content, Erased, Eraser, Kept, Place};

/// An entry that is on the bus, and another account's event of the same id, stored in parts.
async fn conflict(config: &SdkConfig, bodies: [&[u8]; 2]) -> DynamoLedger<TestClock> {
    let ledger = DynamoLedger::new(config, LEDGER.to_owned(), TestClock::default());
    published(&ledger, &arrival("evt_1", "attempt", bodies[0])).await;
    let mut other = arrival("evt_1", "attempt-2", bodies[1]);
    other.head.account = Some("acct_1".into());
    assert_eq!(ledger.claim(&other).await, Ok(Claimed::Conflict));
    assert_eq!(ledger.keep_other(&other).await, Ok(()));
    ledger
}

async fn published(ledger: &DynamoLedger<TestClock>, arrival: &Arrival<'_>) {
    let claimed = ledger.claim(arrival).await;
    if claimed == Ok(Claimed::Won { complete: false }) {
        assert_eq!(ledger.complete(arrival).await, Ok(()));
    }
    assert_eq!(ledger.mark(arrival, arrival.received_at_ms).await, Ok(true));
}

async fn kept(config: &SdkConfig) -> Vec<Kept> {
    let eraser = Eraser::new(config, LEDGER.to_owned());
    let (mut all, mut from) = (Vec::new(), None);
    loop {
        let (page, next) = eraser.bodies(from).await.expect("read");
        all.extend(page);
        from = next;
        if from.is_none() {
            break;
        }
    }
    all.sort_by(|one, other| (&one.id, &one.place).cmp(&(&other.id, &other.place)));
    all
}

/// The sort keys of an event's items.
async fn items(config: &SdkConfig, id: &str) -> Vec<String> {
    let query = Client::new(config)
        .query()
        .table_name(LEDGER)
        .key_condition_expression("pk = :pk")
        .expression_attribute_values(":pk", entry::pk(id));
    let items = query.into_paginator().items().send().try_collect().await;
    let sk = |item: &entry::Item| item["sk"].as_s().expect("a text").clone();
    items.expect("read").iter().map(sk).collect()
}

fn parts_of(body: &[u8], items: &[String]) -> usize {
    let stored = crate::codec::encode(body).bytes;
    let prefix = entry::part_prefix(&entry::sha256(&stored));
    items.iter().filter(|sk| sk.starts_with(&prefix)).count()
}

#[tokio::test]
async fn a_large_body_of_another_event_under_an_id_is_read_and_erased_without_the_entrys_own() {
    let config = dynamo().await;
    let own = noise_body("evt_1", 500_000);
    let others = noise_body("another", 900_000);
    let ledger = conflict(&config, [&own, &others]).await;
    let all = kept(&config).await;
    let [entry, other] = &all[..] else {
        panic!("{} bodies", all.len());
    };
    assert_eq!(
        (&entry.account, &entry.content),
        (&Account::Known(None), &Content::Body(own.clone()))
    );
    assert_eq!(
        (&other.account, &other.content),
        (
            &Account::Known(Some("acct_1".to_owned())),
            &Content::Body(others.clone())
        )
    );
    let before = items(&config, "evt_1").await;
    let counts = [&own, &others].map(|body| parts_of(body, &before));
    assert!(counts[0] > 0 && counts[1] > 1, "{counts:?}");

    let eraser = Eraser::new(&config, LEDGER.to_owned());
    let erased = eraser.erase("evt_1", &other.place, 7).await;
    assert_eq!(erased, Ok(Erased::Done));
    let left = items(&config, "evt_1").await;
    assert_eq!(parts_of(&others, &left), 0);
    assert_eq!(left.len(), 1 + counts[0], "{left:?}");
    let (_, body) = ledger.read("evt_1").await.expect("read").expect("there");
    assert_eq!(body, Some(own));
}

#[tokio::test]
async fn an_erased_entry_keeps_what_another_event_has_under_its_id() {
    let config = dynamo().await;
    let own = noise_body("evt_1", 500_000);
    let others = noise_body("another", 900_000);
    let ledger = conflict(&config, [&own, &others]).await;
    let eraser = Eraser::new(&config, LEDGER.to_owned());
    // Again as after an interruption: steps that were done are found done.
    for at_ms in [7, 8] {
        let erased = eraser.erase("evt_1", &Place::Entry, at_ms).await;
        assert_eq!(erased, Ok(Erased::Done));
    }
    let all = kept(&config).await;
    assert_eq!(all[0].content, Content::Erased);
    assert_eq!(all[1].content, Content::Body(others));
    assert_eq!(parts_of(&own, &items(&config, "evt_1").await), 0);
    let (entry, body) = ledger.read("evt_1").await.expect("read").expect("there");
    assert_eq!(body, None);
    assert_eq!(entry.hash, entry::sha256(&own));
}

#[tokio::test]
async fn an_event_that_is_not_on_the_bus_keeps_its_body_and_the_parts_that_are_being_stored() {
    let config = dynamo().await;
    let ledger = DynamoLedger::new(&config, LEDGER.to_owned(), TestClock::default());
    let body = noise_body("evt_1", 500_000);
    let arrival = arrival("evt_1", "attempt", &body);
    assert_eq!(
        ledger.claim(&arrival).await,
        Ok(Claimed::Won { complete: false })
    );
    let unseen = |all: Vec<Kept>| all[0].content.clone();
    assert_eq!(
        unseen(kept(&config).await),
        Content::Unseen("its body was never stored to the end".to_owned())
    );
    assert_eq!(ledger.complete(&arrival).await, Ok(()));
    let before = items(&config, "evt_1").await;
    let eraser = Eraser::new(&config, LEDGER.to_owned());
    let erased = eraser.erase("evt_1", &Place::Entry, 7).await;
    assert_eq!(erased, Ok(Erased::Waits));
    let beside = Place::Beside("discarded#m-1".to_owned());
    let erased = eraser.erase("evt_1", &beside, 7).await;
    assert_eq!(erased, Ok(Erased::Done));
    assert_eq!(items(&config, "evt_1").await, before);
}

#[tokio::test]
async fn a_given_up_dead_letter_is_its_accounts_and_is_erased_where_the_ledger_has_no_entry() {
    let config = dynamo().await;
    let message = |account: &str| {
        format!(r#"{{"detail":{{"sluice":{{"account":{account}}},"id":"evt_1"}}}}"#)
    };
    let connected = || Account::Known(Some("acct_1".to_owned()));
    for (n, stored, message, account) in [
        (
            0,
            Some("platform"),
            "no JSON".to_owned(),
            Account::Known(None),
        ),
        (1, Some("acct_1"), "no JSON".to_owned(), connected()),
        // From before the account was stored with the message.
        (2, None, message("null"), Account::Known(None)),
        (3, None, message("\"acct_1\""), connected()),
        (4, None, "no JSON".to_owned(), Account::Unknown),
    ] {
        let id = format!("evt_{n}");
        let sk = "discarded#m-1";
        let put = Client::new(&config)
            .put_item()
            .table_name(LEDGER)
            .item("pk", entry::pk(&id))
            .item("sk", text(sk))
            .item("message", text(&message));
        let put = match stored {
            Some(account) => put.item("account", text(account)),
            None => put,
        };
        put.send().await.expect("put");
        let all = kept(&config).await;
        let [one] = &all[..] else {
            panic!("{} bodies", all.len());
        };
        assert_eq!((&one.id, &one.account), (&id, &account));
        assert_eq!(one.content, Content::Body(message.into_bytes()));
        let eraser = Eraser::new(&config, LEDGER.to_owned());
        assert_eq!(
            eraser.erase(&id, &one.place, 7).await,
            Ok(Erased::Done),
            "nothing is on its way to the bus"
        );
        assert_eq!(kept(&config).await, []);
    }
}

#[tokio::test]
async fn a_body_that_can_not_be_read_says_why_and_stops_nothing() {
    let config = dynamo().await;
    let ledger = DynamoLedger::new(&config, LEDGER.to_owned(), TestClock::default());
    let large = noise_body("evt_1", 500_000);
    let small = br#"{"id":"evt_2"}"#;
    for (id, body) in [("evt_1", &large[..]), ("evt_2", small), ("evt_3", small)] {
        published(&ledger, &arrival(id, "attempt", body)).await;
    }
    let client = Client::new(&config);
    let part = items(&config, "evt_1").await;
    let part = part.iter().find(|sk| sk.starts_with("part#"));
    let delete = client
        .delete_item()
        .table_name(LEDGER)
        .key("pk", entry::pk("evt_1"))
        .key("sk", text(part.expect("a part")));
    delete.send().await.expect("deleted");
    let update = client
        .update_item()
        .table_name(LEDGER)
        .key("pk", entry::pk("evt_2"))
        .key("sk", text(ENTRY))
        .update_expression("SET codec = :codec")
        .expression_attribute_values(":codec", text("zstd.99"));
    update.send().await.expect("changed");
    let all = kept(&config).await;
    let contents: Vec<_> = all.into_iter().map(|one| one.content).collect();
    let missing = Content::Unseen("a part of its body is missing".to_owned());
    assert_eq!(contents[0], missing);
    assert!(
        matches!(&contents[1], Content::Unseen(why) if why.starts_with("ledger.codec_unknown")),
        "{:?}",
        contents[1]
    );
    assert_eq!(contents[2], Content::Body(small.to_vec()));
}

#[tokio::test]
async fn a_projection_without_a_document_is_seen_all_the_same() {
    let config = dynamo().await;
    let put = Client::new(&config)
        .put_item()
        .table_name(PROJECTIONS)
        .item("pk", text("platform#live#ch_1"));
    put.send().await.expect("put");
    let eraser = Eraser::new(&config, LEDGER.to_owned());
    let (found, _) = eraser.projections(PROJECTIONS, None).await.expect("read");
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&*found[0].key, &found[0].stored),
        ("platform#live#ch_1", &None)
    );
}
