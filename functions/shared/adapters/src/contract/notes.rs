//! Reconcile's notes: cursors, reports, ties and drift.

use sluice_kernel::effect::Scope;
use sluice_kernel::outcome::{Drift, Remark, Tie};
use sluice_kernel::reconcile::Notes;
use sluice_kernel::reconcile::report::Report;
use sluice_kernel::reconcile::window::{Cursor, Walk};

use super::*;
use crate::notes::DynamoNotes;

fn scope(account: Option<&str>) -> Scope {
    Scope {
        account: account.map(str::to_owned),
        livemode: true,
    }
}

fn tie(account: Option<&str>, object: &str) -> Tie {
    Tie {
        scope: scope(account),
        domain: "payments".to_owned(),
        object: object.to_owned(),
        object_kind: "payment_intent".to_owned(),
        event: "evt_1".to_owned(),
        kind: "payment_intent.processing".to_owned(),
        at_ms: 7,
    }
}

#[tokio::test]
async fn cursors_and_ties_read_back_as_they_were_noted() {
    let config = dynamo().await;
    let notes = DynamoNotes::new(&config, LEDGER.to_owned(), OUTCOMES.to_owned(), 35);
    let mut cursor = Cursor::first(5);
    cursor.walk = Some(Walk {
        after: Some("evt_9".to_owned()),
        reached_s: Some(2),
        held_s: Some(1),
        ..Walk::over(1, 2)
    });
    cursor.failed("stripe.key_refused", 7);
    cursor.attempted_ms = Some(8_000);
    let key = scope(Some("acct_1")).key();
    notes
        .save_cursor(&key, &Cursor::first(1))
        .await
        .expect("kept");
    notes.save_cursor(&key, &cursor).await.expect("kept");
    // A report lies beside the cursors, and isn't one.
    notes.save_report(&Report::default()).await.expect("kept");
    let cursors = notes.cursors().await.expect("read");
    assert_eq!(cursors.into_iter().collect::<Vec<_>>(), [(key, cursor)]);

    let outcomes = DynamoOutcomes::new(&config, OUTCOMES.to_owned(), 35);
    for tie in [
        tie(None, "pi_1"),
        tie(Some("acct_1"), "pi_1"),
        tie(None, "pi_1"),
    ] {
        outcomes.remark(&Remark::Tie(tie)).await.expect("noted");
    }
    let mut ties = notes.ties(10).await.expect("read");
    ties.sort_by_key(|tie| tie.scope.account.clone());
    assert_eq!(ties, [tie(None, "pi_1"), tie(Some("acct_1"), "pi_1")]);
    notes.forget_ties(&ties[..1]).await.expect("forgotten");
    assert_eq!(notes.ties(10).await.expect("read").len(), 1);
}

#[tokio::test]
async fn a_cursor_that_is_forgotten_is_read_no_more_unless_it_is_saved_again() {
    let config = dynamo().await;
    let notes = DynamoNotes::new(&config, LEDGER.to_owned(), OUTCOMES.to_owned(), 35);
    let gone = scope(Some("acct_1")).key();
    let stays = scope(None).key();
    for key in [&gone, &stays] {
        notes
            .save_cursor(key, &Cursor::first(1))
            .await
            .expect("kept");
    }
    let known = async || -> Vec<String> {
        let cursors = notes.cursors().await.expect("read");
        cursors.into_keys().collect()
    };
    notes.forget_cursor(&gone, 5).await.expect("forgotten");
    assert_eq!(known().await, [&*stays]);
    notes
        .save_cursor(&gone, &Cursor::first(9))
        .await
        .expect("kept");
    assert_eq!(known().await, [gone, stays]);
}

#[tokio::test]
async fn drift_is_counted_since_a_moment() {
    let config = dynamo().await;
    let notes = DynamoNotes::new(&config, LEDGER.to_owned(), OUTCOMES.to_owned(), 35);
    let outcomes = DynamoOutcomes::new(&config, OUTCOMES.to_owned(), 35);
    for at_ms in [900, 1_000, 20_000] {
        let drift = Drift {
            scope: scope(None),
            domain: "payments",
            object: "pi_1".to_owned(),
            at_ms,
        };
        outcomes.remark(&Remark::Drift(drift)).await.expect("noted");
    }
    assert_eq!(notes.drifted_since(1_000).await, Ok(2));
}
