//! Erasing: every body is found over the table's pages, and what is taken out leaves a duplicate one.

use super::*;
use crate::erase::{Erased, Eraser};

async fn bodies(eraser: &Eraser) -> Vec<(String, Option<Vec<u8>>)> {
    let (mut all, mut from) = (Vec::new(), None);
    loop {
        let (found, next) = eraser.bodies(from).await.expect("read");
        all.extend(found.into_iter().map(|kept| (kept.id, kept.body)));
        from = next;
        if from.is_none() {
            all.sort();
            return all;
        }
    }
}

#[tokio::test]
async fn every_body_is_found_and_an_erased_events_are_gone_while_it_stays_a_duplicate() {
    let config = dynamo().await;
    let clock = TestClock::default();
    let ledger = DynamoLedger::new(&config, LEDGER.to_owned(), clock.clone());
    let eraser = Eraser::new(&config, LEDGER.to_owned());
    let (small, large) = (b"{}".to_vec(), noise_body("evt_2", 1_500_000));
    for (id, body) in [("evt_1", &small), ("evt_2", &large), ("evt_3", &small)] {
        let arrival = arrival(id, "a", body);
        let complete = id != "evt_2";
        let claimed = ledger.claim(&arrival).await;
        assert_eq!(claimed, Ok(Claimed::Won { complete }));
        if !complete {
            assert_eq!(ledger.complete(&arrival).await, Ok(()));
        }
    }
    let other = b"[1]".to_vec();
    let others = ledger.keep_other(&arrival("evt_2", "b", &other)).await;
    assert_eq!(others, Ok(()));
    let one = |id: &str, body: &[u8]| (id.to_owned(), Some(body.to_vec()));
    let all = [
        one("evt_1", &small),
        one("evt_2", &other),
        one("evt_2", &large),
        one("evt_3", &small),
    ];
    let mut expected = all.to_vec();
    expected.sort();
    assert_eq!(bodies(&eraser).await, expected);

    // Not yet on the bus: its body is needed.
    assert_eq!(eraser.erase("evt_2", 7).await, Ok(Erased::Waits));
    assert_eq!(bodies(&eraser).await, expected);
    let duplicate = arrival("evt_2", "a", &large);
    assert_eq!(ledger.mark(&duplicate, 5).await, Ok(true));
    for _ in 0..2 {
        assert_eq!(eraser.erase("evt_2", 7).await, Ok(Erased::Done));
        let left = [
            one("evt_1", &small),
            ("evt_2".to_owned(), None),
            one("evt_3", &small),
        ];
        assert_eq!(bodies(&eraser).await, left);
    }
    assert_eq!(ledger.claim(&duplicate).await, Ok(Claimed::Finished));
    assert_eq!(eraser.erase("evt_9", 7).await, Ok(Erased::Waits));
}
