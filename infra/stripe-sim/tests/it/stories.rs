//! The stories end as they should, and emit the events that they should.

use serde_json::{Value, json};
use sluice_stripe_sim::stories::STORY_S_MAX;
use sluice_stripe_sim::{ApiVersion, Key, Moment, Options, Scope, Story, World};

use crate::played;

/// The objects whose id begins with this prefix, as they are in the end.
fn objects(world: &World, prefix: &str) -> Vec<Value> {
    let keys: Vec<&Key> = world
        .objects()
        .filter(|key| key.id.starts_with(prefix))
        .collect();
    let scope = |key: &Key| (key.scope.account.clone(), key.scope.livemode);
    keys.into_iter()
        .filter_map(|key| {
            let (account, livemode) = scope(key);
            world.object(account.as_deref(), livemode, &key.id)
        })
        .collect()
}

/// The event types about objects whose id begins with this prefix, in order.
fn types<'w>(world: &'w World, prefix: &str) -> Vec<&'w str> {
    let events = world.events().iter();
    events
        .filter(|event| event.object.id.starts_with(prefix))
        .map(|event| event.kind.as_str())
        .collect()
}

#[test]
fn a_purchase_ends_paid_by_one_charge() {
    let world = played(Story::Purchase);
    let session = &objects(&world, "cs_")[0];
    let intent = &objects(&world, "pi_")[0];
    let charge = &objects(&world, "ch_")[0];
    assert_eq!(session["payment_status"], "paid");
    assert_eq!(session["payment_intent"], intent["id"]);
    assert_eq!(intent["latest_charge"], charge["id"]);
    assert_eq!(intent["amount_received"], session["amount_total"]);
    assert!(charge["balance_transaction"].is_string());
}

#[test]
fn a_declined_payment_succeeds_with_a_second_charge() {
    let world = played(Story::DeclinedThenPaid);
    let expected = [
        "payment_intent.created",
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
    ];
    assert_eq!(types(&world, "pi_"), expected);
    let mut statuses: Vec<_> = objects(&world, "ch_")
        .iter()
        .map(|charge| charge["status"].as_str().unwrap().to_owned())
        .collect();
    statuses.sort();
    assert_eq!(statuses, ["failed", "succeeded"]);
}

#[test]
fn two_partial_refunds_of_equal_amounts_are_two_objects_of_one_charge() {
    let world = played(Story::TwoEqualRefunds);
    let refunds = objects(&world, "re_");
    assert_eq!(refunds.len(), 2);
    assert_eq!(refunds[0]["amount"], refunds[1]["amount"]);
    let charge = &objects(&world, "ch_")[0];
    let both = 2 * refunds[0]["amount"].as_i64().unwrap();
    assert_eq!(charge["amount_refunded"], both);
    assert_eq!(charge["refunded"], false);
}

#[test]
fn a_refund_that_fails_gives_the_charge_its_amount_back() {
    let world = played(Story::RefundFailsLater);
    assert_eq!(objects(&world, "re_")[0]["status"], "failed");
    assert_eq!(objects(&world, "ch_")[0]["amount_refunded"], 0);
    assert!(types(&world, "re_").contains(&"refund.failed"));
}

#[test]
fn a_disputes_money_leaves_and_returns_only_if_it_is_won() {
    let won = played(Story::DisputeWon);
    assert_eq!(
        types(&won, "du_"),
        [
            "charge.dispute.created",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.updated",
            "charge.dispute.closed",
            "charge.dispute.funds_reinstated",
        ]
    );
    let lost = played(Story::DisputeLost);
    for (world, status, moves) in [(&won, "won", 2), (&lost, "lost", 1)] {
        let dispute = &objects(world, "du_")[0];
        assert_eq!(dispute["status"], status);
        assert_eq!(
            dispute["balance_transactions"].as_array().unwrap().len(),
            moves
        );
    }
}

#[test]
fn a_subscription_is_born_incomplete_and_ends_canceled_at_the_end_of_its_period() {
    let world = played(Story::Subscription);
    let types = types(&world, "sub_");
    assert_eq!(types.first(), Some(&"customer.subscription.created"));
    assert_eq!(types.last(), Some(&"customer.subscription.deleted"));
    let subscription = &objects(&world, "sub_")[0];
    assert_eq!(subscription["status"], "canceled");
    assert_eq!(
        subscription["ended_at"],
        subscription["items"]["data"][0]["current_period_end"]
    );
    assert_eq!(subscription["plan"]["amount"], 5_000, "it was upgraded");
    let invoices = objects(&world, "in_");
    assert_eq!(invoices.len(), 2);
    assert!(invoices.iter().all(|invoice| invoice["status"] == "paid"));
}

#[test]
fn a_failed_renewal_recovers_or_is_lost_with_its_invoice() {
    let recovered = played(Story::RenewalRecovered);
    assert_eq!(objects(&recovered, "sub_")[0]["status"], "active");
    assert!(types(&recovered, "in_").contains(&"invoice.payment_failed"));
    let lost = played(Story::RenewalLost);
    assert_eq!(objects(&lost, "sub_")[0]["status"], "canceled");
    assert!(types(&lost, "in_").contains(&"invoice.voided"));
}

#[test]
fn a_bank_transfer_is_in_part_at_first_and_then_whole() {
    let world = played(Story::BankTransfer);
    let expected = [
        "payment_intent.created",
        "payment_intent.requires_action",
        "payment_intent.partially_funded",
        "payment_intent.succeeded",
    ];
    assert_eq!(types(&world, "pi_"), expected);
    let events = world.events().iter();
    let remaining: Vec<_> = events
        .filter(|event| event.object.id.starts_with("pi_"))
        .map(|event| world.shown(event, ApiVersion::V2025_09_30))
        .map(|mut intent| {
            let next = intent["next_action"].take();
            next["display_bank_transfer_instructions"]["amount_remaining"].as_i64()
        })
        .collect();
    let intent = &objects(&world, "pi_")[0];
    let amount = intent["amount"].as_i64();
    assert_eq!(
        (remaining[0], remaining[1], remaining[3]),
        (None, amount, None)
    );
    assert!(remaining[2] > Some(0) && remaining[2] < amount);
    assert_eq!(intent["amount_received"].as_i64(), amount);
    let charge = &objects(&world, "ch_")[0];
    assert_eq!(charge["payment_method"], intent["payment_method"]);
    assert_eq!(charge["payment_method_details"]["type"], "customer_balance");
}

#[test]
fn a_customer_is_deleted_after_the_subscription_has_ended() {
    let world = played(Story::CustomerGone);
    let expected = [
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.subscription.updated",
        "customer.subscription.updated",
        "customer.subscription.deleted",
    ];
    assert_eq!(types(&world, "sub_"), expected);
    assert_eq!(objects(&world, "sub_")[0]["quantity"], 3);
    let last = world.events().last().expect("events");
    assert_eq!(last.kind, "customer.deleted");
    assert!(world.is_deleted(&last.object, Moment::End));
}

#[test]
fn a_renewals_invoice_is_announced_by_a_preview_that_is_no_object() {
    let world = played(Story::RenewalAnnounced);
    let place = |kind: &str| world.events().iter().position(|event| event.kind == kind);
    let announced = place("invoice.upcoming").expect("it is announced");
    assert!(Some(announced) < place("invoice.payment_failed"));
    let event = &world.events()[announced];
    let preview = world.shown(event, ApiVersion::V2025_09_30);
    assert!(event.object.id.starts_with("upcoming_in_"));
    assert_eq!(preview["id"], event.object.id);
    assert_eq!(
        (&preview["billing_reason"], &preview["status"]),
        (&json!("upcoming"), &json!("draft"))
    );
    assert!(
        preview["created"].as_i64() > Some(event.created),
        "it is to come"
    );
    assert!(
        world.is_deleted(&event.object, Moment::End),
        "the API doesn't serve it"
    );
    assert_eq!(objects(&world, "in_").len(), 2);
}

#[test]
fn a_busy_second_holds_four_updates_of_one_subscription() {
    let world = played(Story::BusySecond);
    let updates: Vec<_> = world
        .events()
        .iter()
        .filter(|event| event.kind == "customer.subscription.updated")
        .map(|event| event.created)
        .collect();
    let last = updates.last().unwrap();
    assert_eq!(updates.iter().filter(|second| *second == last).count(), 4);
}

#[test]
fn a_trial_is_announced_to_end_and_then_paid_for_or_canceled() {
    let paid = played(Story::Trial);
    let canceled = played(Story::TrialCanceled);
    for world in [&paid, &canceled] {
        assert!(types(world, "sub_").contains(&"customer.subscription.trial_will_end"));
    }
    let amounts = |world| -> Vec<_> {
        let invoices = objects(world, "in_");
        invoices
            .iter()
            .map(|one| one["amount_paid"].clone())
            .collect()
    };
    assert!(amounts(&paid).contains(&2_000.into()));
    assert_eq!(amounts(&canceled), [0]);
}

#[test]
fn invoices_are_overdue_and_paid_or_voided() {
    let paid = played(Story::InvoiceOverduePaid);
    assert!(types(&paid, "in_").contains(&"invoice.overdue"));
    assert_eq!(objects(&paid, "in_")[0]["status"], "paid");
    assert_eq!(
        objects(&played(Story::InvoiceVoided), "in_")[0]["status"],
        "void"
    );
}

#[test]
fn a_payout_fails_after_it_was_paid_on_a_connected_account_too() {
    let mut world = World::new(2, Options::default());
    let account = world.connect(true);
    world.play(Story::PayoutFailsLater, &account);
    let types = types(&world, "po_");
    let place = |kind| types.iter().position(|one| *one == kind).unwrap();
    assert!(place("payout.paid") < place("payout.failed"));
    assert_eq!(objects(&world, "po_")[0]["status"], "failed");
}

#[test]
fn a_connected_account_may_charge_in_the_end() {
    let mut world = World::new(2, Options::default());
    let account = world.connect(true).account.unwrap();
    let object = world.object(Some(&account), true, &account).unwrap();
    assert_eq!(object["charges_enabled"], true);
    assert_eq!(object["capabilities"]["card_payments"], "active");
    let capability = world.object(Some(&account), true, "card_payments").unwrap();
    assert_eq!(capability["status"], "active");
}

#[test]
fn a_recipient_may_receive_transfers_and_is_paid_out_but_charges_nobody() {
    let mut world = World::new(2, Options::default());
    let account = world.connect_recipient(true).account.unwrap();
    let object = world.object(Some(&account), true, &account).unwrap();
    assert_eq!(object["capabilities"], json!({ "transfers": "active" }));
    assert_eq!(
        (&object["charges_enabled"], &object["payouts_enabled"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(object["tos_acceptance"]["service_agreement"], "recipient");
    assert!(
        world
            .object(Some(&account), true, "card_payments")
            .is_none()
    );
}

#[test]
fn an_account_with_something_due_works_until_the_deadline_and_again_once_it_is_there() {
    let mut world = World::new(2, Options::default());
    let scope = world.connect(true);
    world.restrict(&scope);
    let account = scope.account.as_deref().unwrap();
    let updates = world.events().iter();
    let shown: Vec<_> = updates
        .filter(|event| event.kind == "account.updated")
        .map(|event| world.shown(event, ApiVersion::V2025_09_30))
        .collect();
    let [.., asked, disabled, enabled] = &shown[..] else {
        panic!("three updates of the story's own")
    };
    let due = |account: &Value, list: &str| account["requirements"][list].as_array().unwrap().len();
    assert_eq!(
        (due(asked, "currently_due"), due(asked, "past_due")),
        (1, 0)
    );
    assert_eq!(
        (due(disabled, "currently_due"), due(disabled, "past_due")),
        (1, 1)
    );
    assert_eq!(
        (due(enabled, "currently_due"), due(enabled, "past_due")),
        (0, 0)
    );
    let works = |account: &Value| account["payouts_enabled"].as_bool().unwrap();
    assert_eq!([asked, disabled, enabled].map(works), [true, false, true]);
    assert_eq!(
        disabled["requirements"]["disabled_reason"],
        "requirements.past_due"
    );
    assert_eq!(
        world.object(Some(account), true, account).as_ref(),
        Some(enabled)
    );
}

#[test]
fn a_story_that_is_played_until_a_second_ends_there_and_is_the_same_but_for_the_time() {
    let scope = Scope::platform(false);
    let ids = |world: &World| -> Vec<String> {
        world
            .events()
            .iter()
            .map(|event| event.id.clone())
            .collect()
    };
    for story in Story::ALL {
        let mut one = World::new(5, Options::default());
        one.play(story, &scope);
        let mut other = World::new(5, Options::default());
        other.play_until(story, &scope, 1_900_000_000);
        assert_eq!(ids(&one), ids(&other), "{story:?}");
        let last = other.events().last().unwrap().created;
        assert!(
            (1_899_999_000..=1_900_000_000).contains(&last),
            "{story:?}: {last}"
        );
    }
    let mut world = World::new(5, Options::default());
    world.play_until(Story::BusySecond, &scope, 1_900_000_000);
    let subscription = &objects(&world, "sub_")[0];
    let end = subscription["items"]["data"][0]["current_period_end"].as_i64();
    assert!(subscription["status"] == "active" && end > Some(1_900_000_000));
}

#[test]
fn stories_that_are_drawn_until_a_second_are_those_that_are_drawn_from_one() {
    let play = |world: &mut World, until: Option<i64>| {
        let scopes = [Scope::platform(false), world.connect(false)];
        match until {
            None => world.play_some(12, &scopes),
            Some(end) => world.play_some_until(12, &scopes, end),
        }
        let mut ids: Vec<_> = world
            .events()
            .iter()
            .map(|event| event.id.clone())
            .collect();
        ids.sort();
        ids
    };
    let mut plain = World::new(6, Options::default());
    let mut moved = World::new(6, Options::default());
    assert_eq!(
        play(&mut plain, None),
        play(&mut moved, Some(1_900_000_000))
    );
    assert_eq!(moved.end(), 1_900_000_001);
}

#[test]
fn no_story_is_longer_than_it_is_said_to_be() {
    for story in Story::ALL {
        let world = played(story);
        let took = world.end() - world.options().start;
        assert!(took < STORY_S_MAX, "{story:?} takes {took} s");
    }
}

#[test]
fn every_story_can_be_played_in_every_scope() {
    for story in Story::ALL {
        let mut world = World::new(1, Options::default());
        world.play(story, &Scope::platform(false));
        assert!(!world.events().is_empty(), "{story:?}");
    }
}

#[test]
fn what_isnt_captured_is_released_by_a_refund_without_a_balance_transaction() {
    let whole = played(Story::HoldReleased);
    let part = played(Story::HoldCapturedInPart);
    for (world, captured) in [(&whole, false), (&part, true)] {
        let charge = &objects(world, "ch_")[0];
        assert_eq!(charge["captured"], captured);
        let refunds = objects(world, "re_");
        let mut released = refunds
            .iter()
            .filter(|refund| refund["balance_transaction"].is_null());
        let release = released.next().expect("a release");
        assert!(released.next().is_none());
        assert_eq!(release["destination_details"]["card"]["type"], "reversal");
        let rest = charge["amount"].as_i64().unwrap() - charge["amount_captured"].as_i64().unwrap();
        assert_eq!(release["amount"], rest);
    }
    assert!(whole.settled().is_empty());
    let kinds = types(&whole, "ch_");
    assert!(kinds.contains(&"charge.refunded") && !kinds.contains(&"charge.captured"));
    // Then part of the captured amount is refunded.
    let charge = &objects(&part, "ch_")[0];
    let kept = charge["amount"].as_i64().unwrap() - charge["amount_refunded"].as_i64().unwrap();
    assert_eq!(part.settled()["usd"], kept);
}

#[test]
fn refunds_that_come_to_nothing_leave_what_was_settled_as_it_was() {
    for story in [
        Story::RefundFailsLater,
        Story::RefundCanceledLater,
        Story::RefundCanceledWhilePending,
    ] {
        let world = played(story);
        let charge = &objects(&world, "ch_")[0];
        assert_eq!(charge["amount_refunded"], 0, "{story:?}");
        assert_eq!(
            world.settled()["usd"],
            charge["amount_captured"],
            "{story:?}"
        );
    }
}

#[test]
fn an_inquiry_moves_money_only_once_it_is_a_chargeback() {
    let closed = played(Story::InquiryClosed);
    let dispute = &objects(&closed, "du_")[0];
    assert_eq!(dispute["status"], "warning_closed");
    assert_eq!(dispute["balance_transactions"], serde_json::json!([]));
    let escalated = played(Story::InquiryEscalated);
    assert!(escalated.settled().is_empty(), "the payment is gone");
    let reopened = played(Story::InquiryReopened);
    let statuses: Vec<_> = reopened
        .events()
        .iter()
        .filter(|event| event.object.id.starts_with("du_"))
        .map(|event| reopened.shown(event, sluice_stripe_sim::ApiVersion::V2025_09_30))
        .map(|dispute| dispute["status"].as_str().unwrap().to_owned())
        .collect();
    let place = |status: &str| statuses.iter().position(|one| one == status).unwrap();
    assert!(place("warning_closed") < place("needs_response"));
    assert_eq!(statuses.last().unwrap(), "won");
}

#[test]
fn a_disputes_money_may_move_in_another_currency_than_the_payments() {
    let settled = played(Story::DisputeInAnotherCurrency).settled();
    assert!(settled["jpy"] > 0 && settled["usd"] < 0, "{settled:?}");
}

#[test]
fn what_stripe_does_for_one_request_names_that_request_in_every_event() {
    let world = played(Story::FailsTwiceWithoutCharge);
    let failed = world.events().iter();
    let failed: Vec<_> = failed
        .filter(|event| event.kind == "payment_intent.payment_failed")
        .collect();
    assert_eq!(failed.len(), 3);
    assert_eq!(failed[0].created + 1, failed[1].created);
    assert_eq!(failed[0].request, failed[1].request);
    assert_ne!(failed[1].request, failed[2].request);
}
