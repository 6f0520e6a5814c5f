"""Customers, subscriptions and their invoices."""

from billing_objects import FIRST, MONTH_S, customer, invoice, subscription
from shapes import DAY_S, OLD_API_VERSION, START_S, changed, event, new_id, token, with_keys


def finalized(draft, at):
    """The invoice once it has its number and is to be paid."""
    page = f"https://invoice.stripe.com/i/{new_id('acct', 'platform')}/test_{token(draft['id'], 48)}"
    out = changed(
        draft,
        automatically_finalizes_at=None,
        effective_at=at,
        ending_balance=0,
        hosted_invoice_url=f"{page}?s=ap",
        invoice_pdf=f"{page}/pdf?s=ap",
        number=f"{token(draft['customer'], 8).upper()}-0001",
        status="open",
    )
    out["status_transitions"]["finalized_at"] = at
    return out


def paid(open_invoice, at):
    """The invoice once it is paid."""
    out = changed(
        open_invoice,
        amount_paid=open_invoice["amount_due"],
        amount_remaining=0,
        attempt_count=1,
        attempted=True,
        auto_advance=False,
        next_payment_attempt=None,
        status="paid",
    )
    out["status_transitions"]["paid_at"] = at
    return out


def life():
    """A subscription from its first, unpaid moment to its end: the chain of `previous_attributes` is unbroken."""
    t = START_S
    cus = customer("life", t - 30)
    yield event("customer.created", cus, t - 30)

    born = subscription("life", t)
    yield event("customer.subscription.created", born, t)
    draft = invoice("life", t, sub=born)
    yield event("invoice.created", draft, t)
    due = finalized(draft, t)
    yield event("invoice.finalized", due, t)
    settled = paid(due, t + 4)
    yield event("invoice.paid", settled, t + 4)
    yield event("invoice.payment_succeeded", settled, t + 4)

    active = changed(born, default_payment_method=new_id("pm", "life"), status="active")
    yield event("customer.subscription.updated", active, t + 5, before=born)

    used = changed(cus, currency="usd", next_invoice_sequence=2)
    used["invoice_settings"]["default_payment_method"] = new_id("pm", "life")
    yield event("customer.updated", used, t + 6, before=cus)

    # Three seats instead of one, a week later.
    grown = changed(active, quantity=3)
    grown["items"]["data"][0]["quantity"] = 3
    yield event("customer.subscription.updated", grown, t + 7 * DAY_S, name="more-seats", before=active)

    # The customer cancels for the end of the period, in the portal.
    leaving = changed(
        grown,
        cancel_at=t + MONTH_S,
        cancel_at_period_end=True,
        canceled_at=t + 9 * DAY_S,
        cancellation_details={"comment": None, "feedback": "unused", "reason": "cancellation_requested"},
    )
    yield event("customer.subscription.updated", leaving, t + 9 * DAY_S, name="canceling", before=grown)

    ended = changed(leaving, ended_at=t + MONTH_S, status="canceled")
    yield event("customer.subscription.deleted", ended, t + MONTH_S, request=False)
    yield event("customer.deleted", used, t + MONTH_S + DAY_S)


def trial():
    """A trial that ends without a payment method: the subscription pauses, and is resumed."""
    t = START_S + 2 * DAY_S
    born = subscription("trial", t, status="trialing", trial_days=14)
    yield event("customer.subscription.trial_will_end", born, t + 11 * DAY_S, request=False)
    paused = changed(born, status="paused")
    yield event("customer.subscription.paused", paused, t + 14 * DAY_S, request=False)
    resumed = changed(
        paused,
        billing_cycle_anchor=t + 20 * DAY_S,
        default_payment_method=new_id("pm", "trial"),
        status="active",
    )
    resumed["items"]["data"][0].update(current_period_start=t + 20 * DAY_S, current_period_end=t + 20 * DAY_S + MONTH_S)
    yield event("customer.subscription.resumed", resumed, t + 20 * DAY_S)


def pending_updates():
    """More seats that wait for a payment: once it is made, once it never comes."""
    for story, kind, day in (("applied", "pending_update_applied", 3), ("lapsed", "pending_update_expired", 4)):
        t = START_S + day * DAY_S
        active = changed(
            subscription(f"pending {story}", t, status="active"),
            default_payment_method=new_id("pm", f"pending {story}"),
        )
        if story == "applied":
            active["quantity"] = active["items"]["data"][0]["quantity"] = 5
            yield event(f"customer.subscription.{kind}", active, t + 5 * DAY_S)
        else:
            yield event(f"customer.subscription.{kind}", active, t + 6 * DAY_S, request=False)


def unpaid():
    """A renewal that is announced, fails, and is given up."""
    t = START_S + 5 * DAY_S
    sub = changed(subscription("unpaid", t, status="active"), default_payment_method=new_id("pm", "unpaid"))
    renewal_at = t + MONTH_S
    draft = invoice("unpaid", renewal_at, sub=sub, number=2, reason="subscription_cycle")

    # What is to come has no place yet: Stripe gives it an `upcoming_in_` id.
    coming = changed(
        draft,
        id=f"upcoming_{draft['id']}",
        automatically_finalizes_at=None,
        billing_reason="upcoming",
        created=renewal_at,
    )
    for line in coming["lines"]["data"]:
        line["invoice"] = coming["id"]
    coming["lines"]["url"] = f"/v1/invoices/upcoming/lines?subscription={sub['id']}"
    yield event("invoice.upcoming", coming, renewal_at - 3 * DAY_S, request=False)

    due = finalized(draft, renewal_at + 3600)
    declined = changed(due, attempt_count=1, attempted=True, next_payment_attempt=renewal_at + 3 * DAY_S)
    yield event("invoice.payment_failed", declined, renewal_at + 3601, request=False)
    later = changed(declined, attempt_count=2, next_payment_attempt=renewal_at + 8 * DAY_S)
    yield event("invoice.updated", later, renewal_at + 3 * DAY_S, before=declined, request=False)
    void = changed(later, auto_advance=False, next_payment_attempt=None, status="void")
    void["status_transitions"]["voided_at"] = renewal_at + 9 * DAY_S
    yield event("invoice.voided", void, renewal_at + 9 * DAY_S)


def old_versions():
    """The subscription as an endpoint pinned to an old version sees it: the period lies on the subscription itself,
    and there is one `discount`."""
    t = START_S

    def old(sub):
        out = {
            key: value
            for key, value in sub.items()
            if key
            not in (
                "automatic_tax",
                "billing_cycle_anchor_config",
                "billing_mode",
                "cancellation_details",
                "currency",
                "description",
                "discounts",
                "invoice_settings",
                "on_behalf_of",
                "payment_settings",
                "test_clock",
                "trial_settings",
            )
        }
        items = {**out["items"], "data": [dict(item) for item in out["items"]["data"]]}
        period = {key: items["data"][0].pop(key) for key in ("current_period_end", "current_period_start")}
        for item in items["data"]:
            del item["discounts"]
            for part in ("plan", "price"):
                item[part] = {key: value for key, value in item[part].items() if key != "meter"}
        out["plan"] = items["data"][0]["plan"]
        return with_keys({**out, "items": items}, FIRST, **period, discount=None)

    born = subscription("life", t)
    active = changed(born, default_payment_method=new_id("pm", "life"), status="active")
    yield event("customer.subscription.created", old(born), t, api_version=OLD_API_VERSION)
    yield event("customer.subscription.updated", old(active), t + 5, before=old(born), api_version=OLD_API_VERSION)


def all_events():
    """Every event of this file, story by story, each in the order in which it happened."""
    for story in (life, trial, pending_updates, unpaid, old_versions):
        yield from story()
