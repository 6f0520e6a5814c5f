//! The domain over the sample events, and over the simulated Stripe's stories.

use serde_json::{Value, json};
use sluice_effects::orders;
use sluice_effects::stories::{self, Played};
use sluice_effects::{ApiVersion, check, handles_what_is_routed};
use sluice_harness::build;
use sluice_harness::samples::{as_event, sample, samples};
use sluice_kernel::domain::Domain;
use sluice_kernel::effects::effect::{self, Fact};
use sluice_kernel::event::Event;

use crate::{Bill, Billing};

fn project(event: &Event) -> (String, bool, Bill) {
    let projected = Billing::project(event).expect("readable");
    (projected.object, projected.terminal, projected.state)
}

fn facts(event: &Event) -> Vec<Fact> {
    Billing::facts(event).expect("readable")
}

fn play(events: &[Event]) -> Played<Bill> {
    stories::play::<Billing>(events).expect("nothing is refused")
}

fn story(name: &str) -> Vec<Event> {
    stories::one(name, 3, ApiVersion::V2025_09_30)
}

/// An object as an event of this type shows it.
fn shown(kind: &str, object: Value) -> (String, bool, Bill) {
    project(&build::event("evt_1", kind, 1_767_603_600, object))
}

#[test]
fn every_sample_of_the_domain_can_be_projected_and_what_it_says_fits_its_schema() {
    for (name, snapshot) in samples("invoice") {
        let event = as_event(&snapshot);
        if !Billing::handles(&event.kind) {
            continue;
        }
        let (object, _, state) = project(&event);
        assert_eq!(json!(object), event.object["id"], "{name}");
        assert!(
            state.customer.is_some() && state.subscription.is_some(),
            "{name}"
        );
        for fact in facts(&event) {
            check(&effect::pending_fact(fact, &event, None, None)).expect(&name);
        }
    }
}

#[test]
fn the_types_that_are_routed_here_are_handled_but_a_preview_and_no_others() {
    handles_what_is_routed::<Billing>(&["invoice.upcoming"]);
}

#[test]
fn every_object_ends_the_same_in_every_order_of_its_events_with_duplicates_and_mixed_versions() {
    let tried = orders::every_order::<Billing>();
    println!("{tried:?}");
    assert!(tried.whole > 10 && tried.orders > 1_000, "{tried:?}");
}

#[test]
fn every_story_ends_alike_in_every_order_and_api_version() {
    let kinds = stories::alike_in_every_version::<Billing>();
    let every = ["InvoiceOverdue", "InvoicePaid", "InvoicePaymentFailed"];
    assert!(kinds.iter().eq(every), "{kinds:?}");
}

#[test]
fn an_invoice_paid_before_it_was_created_is_paid_and_emitted_once() {
    let mut events = story("Subscription");
    events.sort_by_key(|event| event.kind != "invoice.paid");
    assert_eq!(events[0].kind, "invoice.paid");
    let played = play(&events);
    let invoices = played
        .states
        .values()
        .filter(|state| state.object == "invoice");
    let statuses: Vec<_> = invoices.map(|invoice| &*invoice.status).collect();
    assert_eq!(statuses, ["paid", "paid"]);
    assert_eq!(played.count("InvoicePaid"), 2);
}

#[test]
fn each_failed_attempt_is_a_fact_and_a_paid_invoice_stays_paid_when_one_comes_late() {
    assert_eq!(play(&story("RenewalLost")).count("InvoicePaymentFailed"), 2);
    let mut events = story("RenewalRecovered");
    events.sort_by_key(|event| event.kind == "invoice.payment_failed");
    let played = play(&events);
    assert!(played.states.values().all(|state| state.status == "paid"));
    assert_eq!(
        (
            played.count("InvoicePaymentFailed"),
            played.count("InvoicePaid")
        ),
        (1, 2)
    );
}

#[test]
fn an_invoice_that_was_fetched_after_it_was_paid_shows_the_payment_only() {
    let mut fetched = sample("invoice.paid");
    fetched.kind = "invoice.payment_failed".to_owned();
    let kinds: Vec<_> = facts(&fetched).iter().map(|fact| fact.kind).collect();
    assert_eq!(kinds, ["InvoicePaid"]);
}

#[test]
fn an_overdue_invoice_is_emitted_for_each_due_date() {
    let played = play(&story("InvoiceOverduePaid"));
    assert_eq!(
        (played.count("InvoiceOverdue"), played.count("InvoicePaid")),
        (1, 1)
    );
    let mut events = story("InvoiceOverduePaid");
    let overdue = events.iter().find(|event| event.kind == "invoice.overdue");
    let mut again = overdue.expect("it is overdue").clone();
    again.id = "evt_again".to_owned();
    let second = again.clone();
    again.object["due_date"] = json!(1_800_000_000);
    events.extend([again, second]);
    assert_eq!(play(&events).count("InvoiceOverdue"), 2);
}

#[test]
fn a_trials_first_invoice_is_paid_with_nothing_to_pay() {
    let played = play(&story("Trial"));
    let amounts: Vec<_> = played
        .facts
        .values()
        .map(|fact| &fact.detail["data"]["amount"])
        .collect();
    assert!(
        amounts.contains(&&json!(0)) && amounts.contains(&&json!(2_000)),
        "{amounts:?}"
    );
}

#[test]
fn an_invoice_payment_names_the_intent_that_paid() {
    let played = play(&story("InvoiceOverduePaid"));
    let payment = played
        .states
        .values()
        .find(|state| state.object == "invoice_payment");
    let payment = payment.expect("it was paid by one");
    assert!(payment.payment_intent.is_some() && payment.invoice.is_some());
    assert_eq!(payment.amount, payment.amount_paid);
}

#[test]
fn what_stripe_no_longer_has_is_at_its_end_in_whichever_form_it_comes() {
    let mut draft = sample("invoice.created");
    draft.kind = "invoice.deleted".to_owned();
    let projected = project(&draft);
    draft.object = json!({ "id": draft.object["id"], "object": "invoice", "deleted": true });
    assert_eq!(projected, project(&draft));
    assert_eq!((projected.1, &*projected.2.status), (true, "deleted"));
    assert_eq!(facts(&draft), []);
}

#[test]
fn items_credit_notes_and_quotes_are_kept_by_what_matters_of_them() {
    let item = json!({ "id": "ii_1", "object": "invoiceitem", "amount": 500, "currency": "usd", "customer": "cus_1",
        "invoice": null, "parent": { "subscription_details": { "subscription": "sub_1" } } });
    let (_, terminal, state) = shown("invoiceitem.created", item.clone());
    assert_eq!((terminal, &*state.status), (false, "pending"));
    assert_eq!(state.subscription.as_deref(), Some("sub_1"));
    let mut old = item;
    old["invoice"] = json!("in_1");
    old["subscription"] = json!("sub_1");
    old["parent"] = json!(null);
    let (_, _, state) = shown("invoiceitem.amount_changed", old);
    assert_eq!(
        (&*state.status, state.subscription.as_deref()),
        ("invoiced", Some("sub_1"))
    );

    let note = json!({ "id": "cn_1", "object": "credit_note", "amount": 300, "currency": "usd", "customer": "cus_1",
        "invoice": "in_1", "status": "void" });
    let (_, terminal, state) = shown("credit_note.voided", note);
    assert!(terminal && state.invoice.as_deref() == Some("in_1"));

    let quote = json!({ "id": "qt_1", "object": "quote", "amount_total": 900, "currency": null, "customer": null,
        "status": "open", "invoice": null, "subscription": null });
    let (_, terminal, state) = shown("quote.finalized", quote);
    assert!(!terminal && state.amount == Some(900));
}

#[test]
fn a_field_that_is_needed_and_missing_is_named() {
    let mut event = sample("invoice.payment_failed");
    event.object["attempt_count"] = json!(null);
    let fault = Billing::facts(&event).expect_err("rejected");
    assert_eq!(
        (fault.code.as_str(), fault.cause.as_str()),
        ("object.field_missing", "no whole number at attempt_count")
    );
}

#[test]
fn an_invoice_that_a_credit_note_takes_whole_is_paid_with_nothing() {
    let played = play(&story("CreditNoteIssued"));
    let of_kind = |kind: &str| {
        let bill = played.states.values().find(|bill| bill.object == kind);
        bill.expect("one of the kind")
    };
    let invoice = of_kind("invoice");
    assert_eq!(
        (
            &*invoice.status,
            invoice.amount_paid,
            invoice.amount_remaining
        ),
        ("paid", Some(0), Some(0))
    );
    assert_eq!(of_kind("credit_note").status, "issued");
    assert_eq!(played.count("InvoicePaid"), 1);

    // When voided, it gives the invoice its amount back.
    let played = play(&story("CreditNoteVoided"));
    let notes = played
        .states
        .values()
        .filter(|bill| bill.object == "credit_note");
    assert!(notes.map(|note| &*note.status).eq(["void"]));
    let invoices = played
        .states
        .values()
        .filter(|bill| bill.object == "invoice");
    assert!(
        invoices
            .into_iter()
            .all(|bill| bill.amount == bill.amount_remaining)
    );
}

#[test]
fn an_accepted_quote_names_its_subscription_and_its_first_invoice() {
    let played = play(&story("QuoteAccepted"));
    let quote = played.states.values().find(|bill| bill.object == "quote");
    let quote = quote.expect("the quote");
    assert_eq!(quote.status, "accepted");
    let invoice = quote.invoice.as_deref().expect("an invoice");
    let paid = played.states.iter().find(|(key, _)| key.ends_with(invoice));
    assert_eq!(paid.expect("the invoice").1.status, "paid");
    assert!(quote.subscription.is_some());
}

/// An invoice as an event of this type shows it, with these fields in place of the sample's.
fn invoice_with(kind: &str, fields: &Value) -> Event {
    let mut event = sample("invoice.payment_failed");
    event.kind = kind.to_owned();
    for (name, value) in fields.as_object().expect("fields") {
        event.object[name] = value.clone();
    }
    event
}

#[test]
fn an_invoice_that_names_its_subscription_in_its_lines_only_is_that_subscriptions() {
    let invoice = |lines: Value| {
        let fields = json!({ "subscription": null, "parent": null, "lines": lines });
        let event = invoice_with("invoice.payment_failed", &fields);
        let of_fact = facts(&event)[0].data["subscription"].clone();
        let of_state = project(&event).2.subscription;
        assert_eq!(of_fact, json!(of_state));
        of_state
    };
    let of_item = |details: &str, subscription: Value| json!({ "parent": { details: { "subscription": subscription } } });
    let listed = |lines: Vec<Value>| json!({ "object": "list", "data": lines, "has_more": false });
    let plain =
        json!({ "amount": 500, "parent": { "invoice_item_details": { "subscription": null } } });
    let old =
        json!({ "type": "invoiceitem", "subscription": "sub_1", "subscription_item": "si_1" });
    let new = of_item("subscription_item_details", json!("sub_1"));
    let by_hand = of_item("invoice_item_details", json!("sub_1"));
    let expanded = of_item(
        "subscription_item_details",
        json!({ "id": "sub_1", "object": "subscription" }),
    );
    for line in [old, new.clone(), by_hand, expanded] {
        let subscription = invoice(listed(vec![plain.clone(), line.clone(), line]));
        assert_eq!(subscription.as_deref(), Some("sub_1"));
    }
    assert_eq!(invoice(listed(vec![plain])), None);

    let other = of_item("subscription_item_details", json!("sub_2"));
    assert_eq!(invoice(listed(vec![new.clone(), other])), None);
    let mut unseen = listed(vec![new]);
    unseen["has_more"] = json!(true);
    assert_eq!(invoice(unseen), None);
}

#[test]
fn what_a_failed_or_overdue_invoice_says_is_the_same_before_and_after_a_credit_note_and_a_new_schedule()
 {
    let before = json!({ "status": "open", "amount_due": 2_000, "amount_remaining": 2_000,
        "pre_payment_credit_notes_amount": 0, "due_date": 1_767_000_000, "next_payment_attempt": 1_768_000_000 });
    let after = json!({ "status": "open", "amount_due": 1_500, "amount_remaining": 1_000, "amount_paid": 500,
        "pre_payment_credit_notes_amount": 500, "due_date": 1_767_000_000, "next_payment_attempt": null });
    for kind in ["invoice.payment_failed", "invoice.overdue"] {
        let said = facts(&invoice_with(kind, &before));
        assert_eq!(said[0].data["amount"], json!(2_000));
        assert_eq!(said, facts(&invoice_with(kind, &after)), "{kind}");
    }
}

#[test]
fn a_status_that_is_null_is_unknown_and_nothing_is_rejected_for_it() {
    let invoice = invoice_with("invoice.updated", &json!({ "status": null }));
    let (_, terminal, state) = project(&invoice);
    assert_eq!((terminal, &*state.status), (false, "unknown"));
    assert_eq!(facts(&invoice), []);
    let payment = json!({ "id": "inpay_1", "object": "invoice_payment", "amount_requested": 500, "amount_paid": null,
        "currency": "usd", "invoice": "in_1", "status": null });
    assert_eq!(shown("invoice_payment.paid", payment).2.status, "unknown");
}

#[test]
fn a_failed_or_overdue_invoice_that_is_settled_by_now_is_overtaken() {
    let state = |status: &str| Bill {
        object: "invoice".to_owned(),
        status: status.to_owned(),
        ..Bill::default()
    };
    let open = json!({ "status": "open" });
    for kind in ["invoice.payment_failed", "invoice.overdue"] {
        let fact = facts(&invoice_with(kind, &open)).remove(0);
        for status in ["open", "draft", "unknown"] {
            assert_eq!(Billing::overtaken(&fact, &state(status)), None);
        }
        for status in ["paid", "void", "uncollectible"] {
            let overtaken = Billing::overtaken(&fact, &state(status));
            assert_eq!(overtaken.as_deref(), Some(status));
        }
    }
    let paid = facts(&sample("invoice.paid")).remove(0);
    assert_eq!(Billing::overtaken(&paid, &state("paid")), None);

    // The failure comes after the payment: a receiver sees that there is nothing to remind of.
    let mut events = story("RenewalRecovered");
    let failure = |played: &Played<Bill>| {
        let mut facts = played.facts.values();
        let failed = facts.find(|fact| fact.kind == "InvoicePaymentFailed");
        failed.expect("it failed once").detail["overtaken"].clone()
    };
    assert_eq!(failure(&play(&events)), Value::Null);
    events.sort_by_key(|event| event.kind == "invoice.payment_failed");
    assert_eq!(failure(&play(&events))["status"], "paid");
}
