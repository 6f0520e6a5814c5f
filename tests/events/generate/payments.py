"""Checkout, payment intents, charges, refunds and disputes."""

from payment_objects import (
    bank_details,
    charge,
    completed,
    dispute,
    intent,
    payment_method,
    refund,
    session,
    withdrawal,
)
from shapes import DAY_S, OLD_API_VERSION, START_S, changed, event, listing, new_id, with_keys


def purchase():
    """A purchase by card through Checkout, refunded in part. One session, one intent, one charge, one refund."""
    t = START_S
    sess = session("purchase", t, amount=4200)
    pi = intent("purchase", t + 41, amount=4200)
    yield event("payment_intent.created", pi, t + 41)

    ch = charge("purchase", t + 42, pi)
    paid = changed(
        pi,
        amount_received=pi["amount"],
        latest_charge=ch["id"],
        payment_method=ch["payment_method"],
        status="succeeded",
    )
    yield event("charge.succeeded", ch, t + 43)
    yield event("payment_intent.succeeded", paid, t + 43)
    yield event("checkout.session.completed", completed(sess, pi["id"], paid=True), t + 44, request=False)

    settled = changed(ch, balance_transaction=new_id("txn", "purchase"))
    yield event("charge.updated", settled, t + 45, before=ch)

    back = refund("purchase", t + 3 * DAY_S, settled, amount=1200, status="pending")
    refunded = changed(settled, amount_refunded=1200)
    yield event("refund.created", back, t + 3 * DAY_S)
    yield event("charge.refunded", refunded, t + 3 * DAY_S + 1)
    done = changed(back, status="succeeded")
    done["destination_details"]["card"].update(reference_status="available")
    done["destination_details"]["card"] = {"reference": "4111122223", **done["destination_details"]["card"]}
    yield event("refund.updated", done, t + 3 * DAY_S + 20, before=back, request=False)
    # The name that this event had before `refund.updated`; Stripe still sends both.
    yield event("charge.refund.updated", done, t + 3 * DAY_S + 20, before=back, request=False)


def returned_refund():
    """A refund that was reported as succeeded and that the bank sends back."""
    t = START_S + 4 * DAY_S
    pi = intent("returned", t, amount=1900)
    ch = charge("returned", t + 1, pi)
    back = refund("returned", t + DAY_S, ch, amount=1900)
    failed = with_keys(
        changed(back, status="failed"),
        ("id", "object"),
        failure_balance_transaction=new_id("txn", "returned failure"),
        failure_reason="lost_or_stolen_card",
    )
    yield event("refund.failed", failed, t + 6 * DAY_S, request=False)


def hold():
    """An authorization: held, shown as capturable, then captured. Another one lapses, and its intent is canceled."""
    t = START_S + 5 * DAY_S
    pi = intent("hold", t, amount=15000, capture_method="manual")
    ch = charge("hold", t + 1, pi, captured=False)
    held = changed(
        pi,
        amount_capturable=15000,
        latest_charge=ch["id"],
        payment_method=ch["payment_method"],
        status="requires_capture",
    )
    yield event("payment_intent.amount_capturable_updated", held, t + 2)
    taken = changed(ch, amount_captured=15000, balance_transaction=new_id("txn", "hold"), captured=True)
    yield event("charge.captured", taken, t + 2 * DAY_S)

    t += DAY_S
    pi = intent("lapsed hold", t, amount=8000, capture_method="manual")
    ch = charge("lapsed hold", t + 1, pi, captured=False)
    expired = changed(ch, amount_refunded=8000, refunded=True)
    yield event("charge.expired", expired, t + 7 * DAY_S, request=False)
    gone = changed(
        pi,
        canceled_at=t + 7 * DAY_S,
        cancellation_reason="automatic",
        latest_charge=ch["id"],
        payment_method=ch["payment_method"],
        status="canceled",
    )
    yield event("payment_intent.canceled", gone, t + 7 * DAY_S, request=False)


def declined():
    """A card is declined, then the customer is asked to authenticate a second one. The session runs out."""
    t = START_S + 6 * DAY_S
    sess = session("declined", t, amount=2500)
    pi = intent("declined", t + 60, amount=2500)
    ch = charge("declined", t + 61, pi, status="failed")
    error = {
        "advice_code": "try_again_later",
        "charge": ch["id"],
        "code": "card_declined",
        "decline_code": "generic_decline",
        "doc_url": "https://stripe.com/docs/error-codes/card-declined",
        "message": "Your card was declined.",
        "network_decline_code": "05",
        "payment_method": payment_method(ch, t + 60),
        "type": "card_error",
    }
    yield event("charge.failed", ch, t + 61)
    failed = changed(pi, last_payment_error=error, latest_charge=ch["id"])
    yield event("payment_intent.payment_failed", failed, t + 61)

    asked = changed(
        pi,
        latest_charge=None,
        next_action={
            "redirect_to_url": {
                "return_url": "https://shop.example.com/return",
                "url": f"https://hooks.stripe.com/3d_secure_2/hosted?merchant={new_id('acct', 'platform')}",
            },
            "type": "redirect_to_url",
        },
        payment_method=new_id("pm", "declined second"),
        status="requires_action",
    )
    yield event("payment_intent.requires_action", asked, t + 90)
    yield event("checkout.session.expired", changed(sess, status="expired", url=None), t + DAY_S + 1, request=False)


def bank_debits():
    """Checkout with ACH debits: the session completes unpaid, and days later one pays and another fails."""
    for story, ending, day in (("debit", "succeeded", 7), ("bounced debit", "failed", 8)):
        t = START_S + day * DAY_S
        sess = changed(session(story, t, amount=9900), payment_method_types=["card", "us_bank_account"])
        pi = changed(intent(story, t + 30, amount=9900), payment_method_types=["card", "us_bank_account"])
        ch = charge(story, t + 31, pi, status="pending", details=bank_details(story))
        if ending == "succeeded":
            running = changed(pi, latest_charge=ch["id"], payment_method=ch["payment_method"], status="processing")
            yield event("payment_intent.processing", running, t + 31)
            yield event("charge.pending", ch, t + 31)
            yield event(
                "checkout.session.async_payment_succeeded",
                completed(sess, pi["id"], paid=True),
                t + 4 * DAY_S,
                request=False,
            )
        else:
            yield event(
                "checkout.session.async_payment_failed",
                completed(sess, pi["id"], paid=False),
                t + 4 * DAY_S,
                request=False,
            )


def bank_transfer():
    """A bank transfer that covers only a part of what is due."""
    t = START_S + 9 * DAY_S
    pi = changed(
        intent("transfer", t, amount=50000, customer=new_id("cus", "transfer")),
        next_action={
            "display_bank_transfer_instructions": {
                "amount_remaining": 30000,
                "currency": "usd",
                "financial_addresses": [
                    {
                        "aba": {
                            "account_holder_name": "Sluice Sample Shop",
                            "account_number": "11119987600453127",
                            "account_type": "checking",
                            "bank_name": "US Test Bank",
                            "routing_number": "999999999",
                        },
                        "supported_networks": ["ach", "domestic_wire_us"],
                        "type": "aba",
                    }
                ],
                "hosted_instructions_url": "https://payments.stripe.com/bank_transfers/instructions/test",
                "reference": "SLUICE42",
                "type": "us_bank_transfer",
            },
            "type": "display_bank_transfer_instructions",
        },
        payment_method=new_id("pm", "transfer"),
        payment_method_options={
            "customer_balance": {"bank_transfer": {"type": "us_bank_transfer"}, "funding_type": "bank_transfer"}
        },
        payment_method_types=["customer_balance"],
        status="requires_action",
    )
    yield event("payment_intent.partially_funded", pi, t + 2 * DAY_S, request=False)


def disputed():
    """A chargeback, fought and won."""
    t = START_S + 10 * DAY_S
    ch = charge("disputed", t + 1, intent("disputed", t, amount=6400))
    t += 20 * DAY_S
    opened = dispute("disputed", t, ch)
    yield event("charge.dispute.created", opened, t, request=False)
    out = changed(opened, balance_transactions=[withdrawal("disputed", t + 1, opened, sign=-1)])
    yield event("charge.dispute.funds_withdrawn", out, t + 1, request=False)
    fought = changed(out, status="under_review")
    fought["evidence"]["uncategorized_text"] = "The customer confirmed by mail on 2026-02-05 that the order arrived."
    fought["evidence_details"].update(has_evidence=True, submission_count=1)
    yield event("charge.dispute.updated", fought, t + 2 * DAY_S, before=out)
    won = changed(fought, status="won")
    yield event("charge.dispute.closed", won, t + 30 * DAY_S, request=False)
    back = changed(
        won,
        balance_transactions=[
            *won["balance_transactions"],
            withdrawal("disputed", t + 30 * DAY_S + 1, won, sign=1),
        ],
    )
    yield event("charge.dispute.funds_reinstated", back, t + 30 * DAY_S + 1, request=False)


def old_versions():
    """The purchase as an endpoint pinned to an old version sees it: the charge and its refunds lie inside."""
    t = START_S
    pi = intent("purchase", t + 41, amount=4200)
    ch = changed(charge("purchase", t + 42, pi), balance_transaction=new_id("txn", "purchase"))
    lacking = ("radar_options",)
    first = ("id", "object")

    def old_charge(amount_refunded, refunds):
        old = {key: value for key, value in ch.items() if key not in lacking}
        old["amount_refunded"] = amount_refunded
        old["billing_details"] = {key: value for key, value in ch["billing_details"].items() if key != "tax_id"}
        old["outcome"] = {
            key: value
            for key, value in ch["outcome"].items()
            if key not in ("advice_code", "network_advice_code", "network_decline_code")
        }
        return with_keys(old, first, refunds=listing(refunds, f"/v1/charges/{ch['id']}/refunds"))

    old_pi = {
        key: value
        for key, value in pi.items()
        if key not in ("automatic_payment_methods", "excluded_payment_method_types", "latest_charge")
        and key != "payment_method_configuration_details"
    }
    paid = with_keys(
        {
            **old_pi,
            "amount_received": 4200,
            "capture_method": "automatic",
            "payment_method": ch["payment_method"],
            "status": "succeeded",
        },
        first,
        charges=listing([old_charge(0, [])], f"/v1/charges?payment_intent={pi['id']}"),
    )
    yield event("payment_intent.succeeded", paid, t + 43, api_version=OLD_API_VERSION)
    back = refund("purchase", t + 3 * DAY_S, ch, amount=1200)
    del back["destination_details"]
    yield event("charge.refunded", old_charge(1200, [back]), t + 3 * DAY_S + 1, api_version=OLD_API_VERSION)


def all_events():
    """Every event of this file, story by story, each in the order in which it happened."""
    for story in (
        purchase,
        returned_refund,
        hold,
        declined,
        bank_debits,
        bank_transfer,
        disputed,
        old_versions,
    ):
        yield from story()
