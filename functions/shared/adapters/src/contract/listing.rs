//! What operators read: the entry state of events, and what became of them.

use sluice_kernel::clock::Clock;
use sluice_kernel::reconcile::Notes;
use sluice_kernel::reconcile::report::Report;

use super::*;
use crate::clock::SystemClock;
use crate::code;
use crate::inspect;
use crate::listing::Listing;
use crate::reconcile_store::DynamoNotes;
use crate::timeline::Seen;

fn seen(id: &str, kind: &str) -> Seen {
    Seen {
        id: id.to_owned(),
        received_at_ms: 0,
        kind: kind.to_owned(),
        account: None,
        livemode: Some(true),
        created: None,
        object_id: None,
    }
}

#[tokio::test]
async fn events_are_listed_with_where_they_stand_and_what_their_domain_recorded() {
    let config = dynamo().await;
    let ledger = DynamoLedger::new(&config, LEDGER.to_owned(), SystemClock);
    let outcomes = DynamoOutcomes::new(&config, OUTCOMES.to_owned(), 35);
    let now_ms = SystemClock.now_ms();
    for (id, lives_ms, is_marked) in [
        ("evt_published", 60_000, true),
        ("evt_held", 60_000, false),
        ("evt_lapsed", -1, false),
    ] {
        let mut arrival = arrival(id, "attempt", b"{}");
        arrival.received_at_ms = now_ms;
        arrival.lapses_at_ms = now_ms + lives_ms;
        arrival.expires_at_s = now_ms / 1_000 + 86_400;
        let claimed = ledger.claim(&arrival).await;
        assert_eq!(claimed, Ok(Claimed::Won { complete: true }));
        if is_marked {
            assert_eq!(ledger.mark(&arrival, now_ms).await, Ok(true));
        }
    }
    let record = Record {
        subject: "evt_published".to_owned(),
        domain: "payments",
        word: RecordKind::Rejected,
        code: code::OBJECT_FIELD_MISSING,
        cause: String::new(),
        digest: String::new(),
        kind: None,
        account: None,
        message_id: "m-1".to_owned(),
        receives: 1,
        at_ms: now_ms,
        is_fallback: false,
    };
    assert_eq!(outcomes.record(&record).await, Ok(()));
    let listing = Listing::new(&config, LEDGER.to_owned(), OUTCOMES.to_owned());
    let asked = vec![
        seen("evt_lapsed", "charge.succeeded"),
        seen("evt_gone", "charge.succeeded"),
        seen("evt_published", "charge.succeeded"),
        seen("evt_held", "no.such_type"),
    ];
    let listed = listing.look_up(asked).await.expect("read");
    let found: Vec<_> = listed
        .iter()
        .map(|listed| (listed.state, listed.domain, listed.code.as_deref()))
        .collect();
    assert_eq!(
        found,
        [
            ("lapsed", Some("payments"), None),
            ("gone", Some("payments"), None),
            ("published", Some("payments"), Some("object.field_missing")),
            ("held", None, None),
        ]
    );
    assert_eq!(listing.look_up(Vec::new()).await, Ok(Vec::new()));
    let unrouted = vec![seen("evt_held", "no.such_type")];
    assert_eq!(listing.look_up(unrouted).await.expect("read").len(), 1);
}

#[tokio::test]
async fn the_last_report_is_the_newest_and_an_events_story_has_the_bodies_under_its_id() {
    let config = dynamo().await;
    assert_eq!(inspect::last_report(&config, LEDGER).await, Ok(None));
    let notes = DynamoNotes::new(&config, LEDGER.to_owned(), OUTCOMES.to_owned(), 35);
    for began_ms in [2_000, 10_000, 9_000] {
        let report = Report {
            began_ms,
            ..Report::default()
        };
        assert_eq!(notes.save_report(&report).await, Ok(()));
    }
    let last = inspect::last_report(&config, LEDGER).await.expect("read");
    assert_eq!(last.map(|report| report.began_ms), Some(10_000));

    let ledger = DynamoLedger::new(&config, LEDGER.to_owned(), TestClock::default());
    let claimed = ledger.claim(&arrival("evt_1", "a", b"{}")).await;
    assert_eq!(claimed, Ok(Claimed::Won { complete: true }));
    let other = arrival("evt_1", "b", b"[]");
    assert_eq!(ledger.keep_other(&other).await, Ok(()));
    let story = inspect::event(&config, LEDGER, OUTCOMES, "evt_1").await;
    let story = story.expect("read").expect("there");
    assert_eq!(story.body.as_deref(), Some(&b"{}"[..]));
    assert_eq!((story.entry.id.as_str(), story.others.len()), ("evt_1", 1));
    let none = inspect::event(&config, LEDGER, OUTCOMES, "evt_2").await;
    assert_eq!(none, Ok(None));
}
