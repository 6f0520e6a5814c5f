//! The index by time: what is in it, and that nothing after the claim writes it.

use sluice_harness::clock::TestClock;
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::ledger::{Deferred, DueLedger};

use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};

use super::*;
use crate::entry::Item;
use crate::timeline::{Position, Seen, Step, Timeline, Wanted};

const DAY_MS: i64 = 86_400_000;

async fn walked(config: &SdkConfig, wanted: Wanted) -> Vec<Seen> {
    let mut walk = Timeline::new(config, LEDGER.to_owned()).walk(wanted);
    let mut all = Vec::new();
    while let Some(seen) = walk.next().await.expect("read") {
        all.push(seen);
    }
    all
}

/// The item of a claim of an event that was received then, of this type.
fn claimed(id: &str, kind: &str, account: Option<&str>, at_ms: i64) -> Item {
    let mut arrival = arrival(id, "attempt", b"{}");
    arrival.received_at_ms = at_ms;
    arrival.head.kind = kind.to_owned().into();
    arrival.head.account = account.map(|account| account.to_owned().into());
    entry::first(&arrival).0
}

/// Puts items as claims do, many per call.
async fn put(config: &SdkConfig, items: Vec<Item>) {
    for items in items.chunks(25) {
        let puts = items.iter().map(|item| {
            let put = PutRequest::builder().set_item(Some(item.clone()));
            let put = put.build().expect("complete");
            WriteRequest::builder().put_request(put).build()
        });
        let write = Client::new(config).batch_write_item();
        let write = write.request_items(LEDGER, puts.collect());
        write.send().await.expect("written");
    }
}

#[tokio::test]
async fn events_come_in_the_order_of_their_times_over_shards_pages_and_days() {
    let config = dynamo().await;
    let noon = 20_000 * DAY_MS + DAY_MS / 2;
    // Every seven minutes for three days, and more at one time than the first page of a shard holds.
    let times: Vec<_> = (0..600).map(|n| noon + n * 420_000).collect();
    let crowd = std::iter::repeat_n(noon + DAY_MS, 900);
    let mut items = Vec::new();
    for (n, at_ms) in times.iter().copied().chain(crowd).enumerate() {
        let kind = match n % 3 {
            0 => "charge.succeeded",
            1 => "charge.refunded",
            _ => "invoice.paid",
        };
        let account = (n % 2 == 1).then_some("acct_1");
        items.push(claimed(&format!("evt_{n}"), kind, account, at_ms));
    }
    put(&config, items).await;
    let all = walked(&config, Wanted::between(0, 30_000 * DAY_MS).of_days()).await;
    assert_eq!(all.len(), 1_500);
    assert!(all.is_sorted_by_key(|seen| seen.received_at_ms));
    let newest = Wanted {
        newest_first: true,
        ..Wanted::between(noon + 1, noon + DAY_MS).of_days()
    };
    let within = times
        .iter()
        .filter(|at_ms| (noon + 1..noon + DAY_MS).contains(*at_ms))
        .count();
    let found = walked(&config, newest).await;
    assert_eq!(found.len(), within);
    assert!(found.is_sorted_by_key(|seen| -seen.received_at_ms));

    let refunds = Wanted {
        types: vec!["*.refunded".to_owned()],
        account: Some("acct_1".to_owned()),
        ..Wanted::between(noon, noon + 4 * DAY_MS)
    };
    let found = walked(&config, refunds.clone()).await;
    // One in three is refunded, and every second of those belongs to the account.
    assert_eq!(found.len(), 1_500 / 6);
    assert!(found.iter().all(|seen| refunds.takes(seen)));
    let own = Wanted {
        types: vec!["charge.*".to_owned(), "invoice.paid".to_owned()],
        account: Some("platform".to_owned()),
        ..Wanted::between(noon, noon + 4 * DAY_MS)
    };
    assert_eq!(walked(&config, own).await.len(), 750);
}

#[tokio::test]
async fn a_walk_that_is_resumed_gives_each_event_once_even_within_one_millisecond() {
    let config = dynamo().await;
    let noon = 20_000 * DAY_MS + DAY_MS / 2;
    let times = [
        noon,
        noon + 1,
        noon + 1,
        noon + 1,
        noon + 1,
        noon + 1,
        noon + DAY_MS,
    ];
    let items = times.iter().enumerate();
    let items =
        items.map(|(n, at_ms)| claimed(&format!("evt_{n}"), "charge.succeeded", None, *at_ms));
    put(&config, items.collect()).await;
    let timeline = Timeline::new(&config, LEDGER.to_owned());
    for newest_first in [true, false] {
        let wanted = Wanted {
            newest_first,
            ..Wanted::between(noon, noon + 2 * DAY_MS)
        };
        // Each of them by a walk of its own.
        let mut position = None;
        let mut ids = Vec::new();
        while ids.len() <= times.len() {
            let mut walk = match position.take() {
                Some(position) => timeline.resume(wanted.clone(), position),
                None => timeline.walk(wanted.clone()),
            };
            let Some(seen) = walk.next().await.expect("read") else {
                break;
            };
            ids.push(seen.id);
            // As it is passed to another process and back.
            let written = serde_json::to_string(&walk.position()).expect("JSON");
            position = serde_json::from_str(&written).expect("a position");
        }
        let whole = walked(&config, wanted).await;
        assert_eq!((ids.len(), whole.len()), (times.len(), times.len()));
        let (first, last) = (whole[0].id.as_str(), whole[times.len() - 1].id.as_str());
        assert_eq!(
            (ids[0].as_str(), ids[times.len() - 1].as_str()),
            (first, last)
        );
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), times.len(), "none twice");
    }
}

#[tokio::test]
async fn a_walk_with_a_limit_of_calls_pauses_and_those_that_resume_it_give_each_event_once() {
    let config = dynamo().await;
    let noon = 20_000 * DAY_MS + DAY_MS / 2;
    // One in four hundred is wanted, over two days with an empty one between them, and many of one time.
    let times = (0..4_000).map(|n| match n {
        ..2_000 => noon + n * 10,
        2_000..2_400 => noon + 2 * DAY_MS,
        _ => noon + 2 * DAY_MS + n,
    });
    let mut items = Vec::new();
    for (n, at_ms) in times.enumerate() {
        let kind = match n % 400 {
            7 => "charge.refunded",
            _ => "invoice.paid",
        };
        items.push(claimed(&format!("evt_{n}"), kind, None, at_ms));
    }
    put(&config, items).await;
    let timeline = Timeline::new(&config, LEDGER.to_owned());
    for (newest_first, calls) in [(true, 8), (false, 8), (true, 20), (false, 1)] {
        let wanted = Wanted {
            newest_first,
            types: vec!["charge.refunded".to_owned()],
            ..Wanted::between(noon, noon + 3 * DAY_MS)
        };
        let (mut ids, mut walks) = (Vec::new(), 1);
        let mut walk = timeline.walk(wanted.clone());
        loop {
            match walk.next_within(calls).await.expect("read") {
                Step::Row(seen) => {
                    ids.push(seen.id);
                    assert!(walk.usage().read_units > 0.0);
                }
                Step::End => break,
                Step::Paused => {
                    let written = serde_json::to_string(&walk.position()).expect("JSON");
                    let read = serde_json::from_str::<Option<Position>>(&written).expect("read");
                    walk = timeline.resume(wanted.clone(), read.expect("it got somewhere"));
                    walks += 1;
                    assert!(walks < 100, "it gets no further");
                }
            }
        }
        assert!(walks > 2, "{walks}");
        let whole: Vec<_> = walked(&config, wanted).await;
        let whole: Vec<_> = whole.into_iter().map(|seen| seen.id).collect();
        assert_eq!(whole.len(), 10);
        assert_eq!(ids, whole, "{newest_first} {calls}");
    }
}

impl Wanted {
    /// The same span, limited to the days that this test uses: an open span is walked day by day.
    fn of_days(self) -> Self {
        Self {
            from_ms: self.from_ms.max(19_999 * DAY_MS),
            until_ms: self.until_ms.min(20_005 * DAY_MS),
            ..self
        }
    }
}

#[tokio::test]
async fn nothing_that_is_written_after_the_claim_changes_what_the_index_holds() {
    let config = dynamo().await;
    let clock = TestClock::default();
    let ledger = DynamoLedger::new(&config, LEDGER.to_owned(), clock.clone());
    let rows = async || -> Vec<Item> {
        let scan = Client::new(&config).scan().table_name(LEDGER);
        let scan = scan.index_name("by_time").send().await;
        scan.expect("read").items.expect("there")
    };
    let body = noise_body("evt_1", 900_000);
    let first = arrival("evt_1", "attempt", &body);
    let claimed = ledger.claim(&first).await;
    assert_eq!(claimed, Ok(Claimed::Won { complete: false }));
    let before = rows().await;
    assert_eq!(before.len(), 1);
    for name in ["pk", "sk", "seen", "received_at", "type", "created"] {
        assert!(before[0].contains_key(name), "{name}");
    }

    // Another attempt later, with another body of the same event and of another: taking over, parts, due, postponed,
    // published, and a conflict.
    clock.advance_ms(first.lapses_at_ms - clock.now_ms() + 1);
    let mut second = arrival("evt_1", "second", &body);
    second.received_at_ms = clock.now_ms();
    second.lapses_at_ms = clock.now_ms() + 1_000;
    let claimed = ledger.claim(&second).await;
    assert!(
        matches!(claimed, Ok(Claimed::TookOver { .. })),
        "{claimed:?}"
    );
    assert_eq!(rows().await, before);
    assert_eq!(ledger.complete(&second).await, Ok(()));
    assert_eq!(rows().await, before);
    let deferred = ledger.defer(&second, clock.now_ms()).await;
    assert_eq!(deferred, Ok(Deferred::Due));
    assert_eq!(rows().await, before);
    let later = clock.now_ms() + 60_000;
    assert_eq!(ledger.postpone("evt_1", later, true).await, Ok(()));
    assert_eq!(rows().await, before);
    assert_eq!(ledger.mark_swept("evt_1", later).await, Ok(()));
    assert_eq!(rows().await, before);
    assert_eq!(ledger.mark(&second, later).await, Ok(true));
    assert_eq!(rows().await, before);
    assert_eq!(ledger.keep_other(&second).await, Ok(()));
    assert_eq!(rows().await, before);
}

#[test]
fn the_template_projects_what_the_index_is_read_for() {
    let template = include_str!("../../../../../template.yaml");
    let projected = format!("NonKeyAttributes: [{}]", BY_TIME_PROJECTED.join(", "));
    assert!(template.contains(&projected), "{projected}");
}
