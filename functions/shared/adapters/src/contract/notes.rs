//! Reconcile's notes: cursors and reports. Ties and drift have a suite that the in-memory ports pass too.

use sluice_kernel::event::Scope;
use sluice_kernel::outcome::{Finding, Tie};
use sluice_kernel::reconcile::report::Report;
use sluice_kernel::reconcile::window::{Cursor, Walk};
use sluice_kernel::reconcile::{NotedTie, Notes};

use super::*;

use crate::code;

fn scope(account: Option<&str>) -> Scope {
    Scope {
        account: account.map(str::to_owned),
        livemode: true,
    }
}

#[tokio::test]
async fn cursors_read_back_as_they_were_kept_and_a_report_is_none() {
    let (_, notes) = ties_of(&dynamo().await);
    let mut cursor = Cursor::first(5);
    cursor.walk = Some(Walk {
        after: Some("evt_9".to_owned()),
        reached_s: Some(2),
        held_s: Some(1),
        ..Walk::over(1, 2)
    });
    cursor.failed(code::STRIPE_KEY_REFUSED, 7);
    cursor.attempted_ms = Some(8_000);
    let key = scope(Some("acct_1")).key();
    notes
        .save_cursor(&key, &Cursor::first(1))
        .await
        .expect("kept");
    notes.save_cursor(&key, &cursor).await.expect("kept");
    notes.save_report(&Report::default()).await.expect("kept");
    let cursors = notes.cursors().await.expect("read");
    assert_eq!(cursors.into_iter().collect::<Vec<_>>(), [(key, cursor)]);
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
async fn a_tie_is_kept_as_long_as_outcomes_are_and_one_of_an_earlier_version_waits_since_it_was_found()
 {
    let config = dynamo().await;
    let (outcomes, notes) = ties_of(&config);
    let tie = Tie {
        scope: scope(Some("acct_1")),
        domain: "payments".to_owned(),
        object: "pi_1".to_owned(),
        object_kind: "payment_intent".to_owned(),
        parent: None,
        event: "evt_1".to_owned(),
        kind: "payment_intent.processing".to_owned(),
        at_ms: 7_000,
    };
    outcomes
        .remark(&Finding::Tie(tie.clone()))
        .await
        .expect("noted");
    let client = Client::new(&config);
    let key = [
        ("pk".to_owned(), text("ties")),
        ("sk".to_owned(), text("acct_1#live#pi_1")),
    ];
    let get = client.get_item().table_name(OUTCOMES);
    let got = get.set_key(Some(key.clone().into())).send().await;
    let item = got.expect("read").item.expect("there");
    assert_eq!(item["expires_at"], entry::number(7 + 35 * 86_400));

    let update = client
        .update_item()
        .table_name(OUTCOMES)
        .set_key(Some(key.into()))
        .update_expression("REMOVE waits_since");
    update.send().await.expect("as it was");
    let noted = NotedTie {
        waits_since_ms: 7_000,
        tie,
    };
    assert_eq!(notes.ties(1).await, Ok(vec![noted]));
}
