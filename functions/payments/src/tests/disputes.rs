//! Inquiries, chargebacks, and what they move.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

fn dispute(status: &str) -> Event {
    let mut event = sample("charge.dispute.updated");
    event.object["status"] = json!(status);
    event
}

/// What the last level of the story's only dispute says.
fn level(played: &Played<Payment>) -> Value {
    let levels = played.last_levels().into_iter();
    let mut disputes = levels.filter(|(key, _)| key.starts_with("Dispute#"));
    let (_, (data, _)) = disputes.next().expect("a dispute");
    assert!(disputes.next().is_none());
    data.clone()
}

#[test]
fn what_a_dispute_says_happened_is_as_the_table_has_it() {
    for (status, expected) in [
        ("warning_needs_response", &["InquiryOpened"][..]),
        ("warning_under_review", &["InquiryOpened"]),
        ("warning_closed", &["InquiryOpened", "DisputeClosed"]),
        ("needs_response", &["DisputeOpened"]),
        ("under_review", &["DisputeOpened"]),
        ("won", &["DisputeOpened", "DisputeClosed"]),
        ("lost", &["DisputeOpened", "DisputeClosed"]),
        ("prevented", &["DisputeClosed"]),
        ("charge_refunded", &["DisputeClosed"]),
        ("something_new", &[]),
    ] {
        let event = dispute(status);
        let facts = Payments::facts(&event).expect("readable");
        let kinds: Vec<_> = facts.iter().map(|fact| fact.kind).collect();
        assert_eq!(kinds, expected, "{status}");
        for fact in facts {
            check(&effect::pending_fact(fact, &event, None, None)).expect(status);
        }
    }
}

#[test]
fn an_inquiry_moves_no_money_and_is_no_chargeback() {
    let played = play(&story("InquiryClosed"));
    let counts = ["InquiryOpened", "DisputeOpened", "DisputeClosed"].map(|kind| played.count(kind));
    assert_eq!(counts, [1, 0, 1]);
    let level = level(&played);
    assert_eq!(
        (&level["stage"], &level["status"], &level["moved"]),
        (&json!("inquiry"), &json!("warning_closed"), &json!({}))
    );
}

#[test]
fn an_inquiry_that_becomes_a_chargeback_opens_a_dispute_with_its_own_deadline_also_after_it_was_closed()
 {
    for (name, closed) in [("InquiryEscalated", 1), ("InquiryReopened", 2)] {
        let events = story(name);
        let played = play(&events);
        let counts =
            ["InquiryOpened", "DisputeOpened", "DisputeClosed"].map(|kind| played.count(kind));
        assert_eq!(counts, [1, 1, closed], "{name}");
        let due_by = |status: &str| {
            let mut shown = events
                .iter()
                .filter(|event| event.object["status"] == status);
            shown.next_back().expect(status).object["evidence_details"]["due_by"].clone()
        };
        assert_ne!(
            due_by("warning_needs_response"),
            due_by("needs_response"),
            "{name}"
        );
        let level = level(&played);
        assert_eq!(level["due_by"], due_by("needs_response"), "{name}");
        assert_eq!(level["stage"], "chargeback", "{name}");
    }
}

#[test]
fn an_inquiry_that_is_closed_isnt_at_its_end_and_a_chargeback_is() {
    assert!(!project(&dispute("warning_closed")).1);
    for status in ["won", "lost", "prevented", "charge_refunded"] {
        assert!(project(&dispute(status)).1, "{status}");
    }
}

#[test]
fn money_that_moves_in_another_currency_is_counted_in_that_one() {
    let played = play(&story("DisputeInAnotherCurrency"));
    let state = of_kind(&played, "dispute")[0];
    assert_eq!(state.currency.as_deref(), Some("jpy"));
    let disputed = state.amount.expect("an amount");
    let moved = -disputed * 672 / 1_000 + -disputed * 4 / 1_000;
    assert_eq!(state.moved, BTreeMap::from([("usd".to_owned(), moved)]));
    assert_eq!(level(&played)["moved"], json!({ "usd": moved }));

    let mut mixed = dispute("lost");
    mixed.object["balance_transactions"] = json!([
        { "amount": -500, "currency": "usd" }, { "amount": -700, "currency": "eur" },
        { "amount": 500, "currency": "usd" },
    ]);
    let moved = BTreeMap::from([("eur".to_owned(), -700), ("usd".to_owned(), 0)]);
    assert_eq!(project(&mixed).2.moved, moved);
}

#[test]
fn a_disputes_money_leaves_and_returns_and_it_is_opened_and_closed_once() {
    let events = story("DisputeWon");
    let played = play(&events);
    let usd = |amount: i64| BTreeMap::from([("usd".to_owned(), amount)]);
    let dispute = of_kind(&played, "dispute")[0];
    assert_eq!((&*dispute.status, &dispute.moved), ("won", &usd(0)));
    assert_eq!(
        (played.count("DisputeOpened"), played.count("DisputeClosed")),
        (1, 1)
    );

    let lost = play(&story("DisputeLost"));
    let dispute = of_kind(&lost, "dispute")[0];
    assert_eq!(dispute.moved, usd(-dispute.amount.expect("an amount")));

    // The last event first: the facts are the same.
    let of_dispute = |event: &&Event| event.kind == "charge.dispute.closed";
    let closed: Vec<_> = events.iter().filter(of_dispute).cloned().collect();
    let alone = play(&closed);
    assert_eq!(
        (alone.count("DisputeOpened"), alone.count("DisputeClosed")),
        (1, 1)
    );
}
