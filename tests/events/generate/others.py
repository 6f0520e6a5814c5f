"""Payouts, connected accounts, objects without an id, thin events, and a type that nobody knows."""

from shapes import DAY_S, START_S, changed, event, new_id, thin, token, uuid

SELLER = new_id("acct", "seller")


def payout(story, created, *, amount):
    """A payout on its way to the bank."""
    return {
        "id": new_id("po", story),
        "object": "payout",
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": created + 2 * DAY_S,
        "automatic": True,
        "balance_transaction": new_id("txn", story),
        "created": created,
        "currency": "usd",
        "description": "STRIPE PAYOUT",
        "destination": new_id("ba", story),
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "in_progress",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": None,
        "status": "pending",
        "trace_id": {"status": "pending", "value": None},
        "type": "bank_account",
    }


def payouts():
    """One payout arrives. A seller's one is reported as paid, and the bank sends it back days later."""
    t = START_S + 7 * DAY_S
    sent = payout("paid", t, amount=281400)
    yield event("payout.created", sent, t, request=False)
    moving = changed(sent, status="in_transit")
    yield event("payout.updated", moving, t + 3600, before=sent, request=False)
    arrived = changed(
        moving,
        reconciliation_status="completed",
        status="paid",
        trace_id={"status": "supported", "value": "211000010000042"},
    )
    yield event("payout.paid", arrived, t + 2 * DAY_S, request=False)

    t = START_S + 8 * DAY_S
    failed = changed(
        payout("failed", t, amount=9900),
        failure_balance_transaction=new_id("txn", "payout failure"),
        failure_code="account_closed",
        failure_message="The bank account has been closed.",
        reconciliation_status="not_applicable",
        status="failed",
    )
    yield event("payout.failed", failed, t + 5 * DAY_S, account=SELLER, request=False)


def nothing_due():
    """Requirements of an account that owes Stripe no information."""
    return {
        "alternatives": [],
        "current_deadline": None,
        "currently_due": [],
        "disabled_reason": None,
        "errors": [],
        "eventually_due": [],
        "past_due": [],
        "pending_verification": [],
    }


def account():
    """A connected account (Express) that has handed in everything and may charge from now on."""
    after = {
        "id": SELLER,
        "object": "account",
        "business_profile": {
            "annual_revenue": None,
            "estimated_worker_count": None,
            "mcc": "5734",
            "minority_owned_business_designation": None,
            "name": "Sample Seller",
            "product_description": "Prints of the moon",
            "support_address": None,
            "support_email": None,
            "support_phone": None,
            "support_url": None,
            "url": "https://seller.example.com",
        },
        "business_type": "individual",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {
            "fees": {"payer": "application_express"},
            "is_controller": True,
            "losses": {"payments": "application"},
            "requirement_collection": "stripe",
            "stripe_dashboard": {"type": "express"},
            "type": "application",
        },
        "country": "US",
        "created": START_S - 2 * DAY_S,
        "default_currency": "usd",
        "details_submitted": True,
        "email": "seller@example.com",
        "external_accounts": {
            "object": "list",
            "data": [
                {
                    "id": new_id("ba", "failed"),
                    "object": "bank_account",
                    "account": SELLER,
                    "account_holder_name": "Sample Seller",
                    "account_holder_type": "individual",
                    "account_type": None,
                    "available_payout_methods": ["standard"],
                    "bank_name": "STRIPE TEST BANK",
                    "country": "US",
                    "currency": "usd",
                    "default_for_currency": True,
                    "fingerprint": token("seller bank", 16),
                    "future_requirements": {
                        "currently_due": [],
                        "errors": [],
                        "past_due": [],
                        "pending_verification": [],
                    },
                    "last4": "6789",
                    "metadata": {},
                    "requirements": {
                        "currently_due": [],
                        "errors": [],
                        "past_due": [],
                        "pending_verification": [],
                    },
                    "routing_number": "110000000",
                    "status": "new",
                }
            ],
            "has_more": False,
            "total_count": 1,
            "url": f"/v1/accounts/{SELLER}/external_accounts",
        },
        "future_requirements": nothing_due(),
        "login_links": {
            "object": "list",
            "data": [],
            "has_more": False,
            "total_count": 0,
            "url": f"/v1/accounts/{SELLER}/login_links",
        },
        "metadata": {},
        "payouts_enabled": True,
        "requirements": nothing_due(),
        "settings": {
            "bacs_debit_payments": {"display_name": None, "service_user_number": None},
            "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
            "card_issuing": {"tos_acceptance": {"date": None, "ip": None}},
            "card_payments": {
                "decline_on": {"avs_failure": False, "cvc_failure": True},
                "statement_descriptor_prefix": "SAMPLE",
                "statement_descriptor_prefix_kana": None,
                "statement_descriptor_prefix_kanji": None,
            },
            "dashboard": {"display_name": "Sample Seller", "timezone": "Etc/UTC"},
            "invoices": {"default_account_tax_ids": None, "hosted_payment_method_save": "offer"},
            "payments": {
                "statement_descriptor": "SAMPLE SELLER",
                "statement_descriptor_kana": None,
                "statement_descriptor_kanji": None,
            },
            "payouts": {
                "debit_negative_balances": True,
                "schedule": {"delay_days": 2, "interval": "daily"},
                "statement_descriptor": None,
            },
            "sepa_debit_payments": {},
        },
        "tos_acceptance": {"date": START_S - DAY_S},
        "type": "express",
    }
    before = changed(after, capabilities={"card_payments": "pending", "transfers": "active"}, charges_enabled=False)
    before["requirements"]["pending_verification"] = ["individual.verification.document"]
    yield event("account.updated", after, START_S, before=before, account=SELLER, request=False)


def without_id():
    """An object that has no id at all."""
    amount = {"amount": 281400, "currency": "usd", "source_types": {"card": 281400}}
    balance = {
        "object": "balance",
        "available": [amount],
        "connect_reserved": [{"amount": 0, "currency": "usd"}],
        "instant_available": [{**amount, "amount": 0, "source_types": {"card": 0}}],
        "livemode": False,
        "pending": [{"amount": 7300, "currency": "usd", "source_types": {"card": 7300}}],
        "refund_and_dispute_prefunding": {
            "available": [{"amount": 0, "currency": "usd"}],
            "pending": [{"amount": 0, "currency": "usd"}],
        },
    }
    yield event("balance.available", balance, START_S + 7 * DAY_S, request=False)


def thin_events():
    """Thin events: the platform's own, a connected account's, and one for a singleton, which has no id."""
    meter = f"mtr_test_61{token('meter', 32)}"
    yield thin(
        "v1.billing.meter.error_report_triggered",
        "2026-01-05T09:10:00.481Z",
        {"id": meter, "type": "billing.meter", "url": f"/v1/billing/meters/{meter}"},
    )
    # The twins of customer.created, customer.subscription.updated and payment_intent.succeeded of the same stories.
    request = {"type": "request", "request": {"id": new_id("req", "thin"), "idempotency_key": uuid("thin")}}
    for kind, obj, kind_of_object, path, iso in (
        ("customer.created", new_id("cus", "life"), "customer", "customers", "2026-01-05T08:59:30.117Z"),
        (
            "customer.subscription.updated",
            new_id("sub", "life"),
            "subscription",
            "subscriptions",
            "2026-01-05T09:00:05.902Z",
        ),
        (
            "payment_intent.succeeded",
            new_id("pi", "purchase"),
            "payment_intent",
            "payment_intents",
            "2026-01-05T09:00:43.350Z",
        ),
    ):
        related = {"id": obj, "type": kind_of_object, "url": f"/v1/{path}/{obj}"}
        yield thin(f"v1.{kind}", iso, related, reason=request)
    yield thin(
        "v1.account.updated",
        "2026-01-05T09:00:00.250Z",
        {"id": SELLER, "type": "account", "url": f"/v1/accounts/{SELLER}"},
        context=SELLER,
    )
    yield thin("v1.balance.available", "2026-01-12T09:00:00.030Z", {"type": "balance", "url": "/v1/balance"})


def from_the_future():
    """A type, an object and an API version that do not exist, with numbers and text that are easy to damage."""
    galaxy = {
        "id": new_id("glx", "andromeda"),
        "object": "galaxy",
        "created": START_S,
        "distance_km": 24000000000000000000,
        "livemode": False,
        "metadata": {"note": "naïve café ☕ 𝛼 \u2028 \u0000 </script>"},
        "name": "Messier 31",
        "redshift": -0.001004,
    }
    yield event("galaxy.moved", galaxy, START_S, api_version="2031-01-01.nebula", request=False)


def all_events():
    """Every event of this file."""
    for story in (payouts, account, without_id, thin_events, from_the_future):
        yield from story()
