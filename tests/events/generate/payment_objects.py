"""The objects of a payment as Stripe makes them: session, intent, charge, refund, dispute."""

from shapes import (
    ADDRESS,
    DAY_S,
    EMAIL,
    NAME,
    NO_ADDRESS,
    changed,
    new_id,
    token,
)


def session(story, created, *, amount, currency="usd", customer=None):
    """A Checkout session as it is while open."""
    sid = new_id("cs_test", story)
    return {
        "id": sid,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": True},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": amount,
        "amount_total": amount,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": "https://shop.example.com/cart",
        "client_reference_id": f"order-{token(story, 6)}",
        "client_secret": None,
        "collected_information": {"business_name": None, "individual_name": None, "shipping_details": None},
        "consent": None,
        "consent_collection": None,
        "created": created,
        "currency": currency,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": customer,
        "customer_creation": "if_required",
        "customer_details": None,
        "customer_email": None,
        "discounts": [],
        "expires_at": created + DAY_S,
        "invoice": None,
        "invoice_creation": {
            "enabled": False,
            "invoice_data": {
                "account_tax_ids": None,
                "custom_fields": None,
                "description": None,
                "footer": None,
                "issuer": None,
                "metadata": {},
                "rendering_options": None,
            },
        },
        "livemode": False,
        "locale": None,
        "metadata": {"order": f"order-{token(story, 6)}"},
        "mode": "payment",
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": None,
        "subscription": None,
        "success_url": "https://shop.example.com/thanks?session={CHECKOUT_SESSION_ID}",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted",
        "url": f"https://checkout.stripe.com/c/pay/{sid}",
        "wallet_options": None,
    }


def completed(sess, payment_intent, *, paid):
    """The session once the customer has gone through it."""
    return changed(
        sess,
        customer_details={
            "address": ADDRESS,
            "business_name": None,
            "email": EMAIL,
            "individual_name": None,
            "name": NAME,
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
        payment_intent=payment_intent,
        payment_status="paid" if paid else "unpaid",
        status="complete",
        url=None,
    )


def intent(story, created, *, amount, currency="usd", customer=None, capture_method="automatic_async"):
    """A payment intent as created: nothing paid, no method chosen."""
    pid = new_id("pi", story)
    return {
        "id": pid,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": capture_method,
        "client_secret": f"{pid}_secret_{token(story + 'secret', 25)}",
        "confirmation_method": "automatic",
        "created": created,
        "currency": currency,
        "customer": customer,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {"order": f"order-{token(story, 6)}"},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def card_details(amount, *, network_status_ok=True):
    """`payment_method_details` of a charge by card."""
    return {
        "card": {
            "amount_authorized": amount if network_status_ok else None,
            "authorization_code": "042137" if network_status_ok else None,
            "brand": "visa",
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": "pass",
                "cvc_check": "pass",
            },
            "country": "US",
            "exp_month": 12,
            "exp_year": 2034,
            "extended_authorization": {"status": "disabled"},
            "fingerprint": token("card fingerprint", 16),
            "funding": "credit",
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "last4": "4242" if network_status_ok else "0002",
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": "visa",
            "network_token": {"used": False},
            "network_transaction_id": "976910110049114",
            "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
            "regulated_status": "unregulated",
            "three_d_secure": None,
            "wallet": None,
        },
        "type": "card",
    }


def bank_details(story):
    """`payment_method_details` of an ACH debit, which stays pending for days."""
    return {
        "type": "us_bank_account",
        "us_bank_account": {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": "STRIPE TEST BANK",
            "fingerprint": token("bank fingerprint", 16),
            "last4": "6789",
            "mandate": new_id("mandate", story),
            "payment_reference": None,
            "routing_number": "110000000",
        },
    }


def charge(story, created, pi, *, status="succeeded", captured=True, details=None):
    """A charge for `pi`, as it is when made: the balance transaction follows in `charge.updated`."""
    ok = status != "failed"
    cid = new_id("ch" if details is None else "py", story)
    return {
        "id": cid,
        "object": "charge",
        "amount": pi["amount"],
        "amount_captured": pi["amount"] if ok and captured else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": {
            "address": {**NO_ADDRESS, "country": "US", "postal_code": "62704"},
            "email": EMAIL,
            "name": NAME,
            "phone": None,
            "tax_id": None,
        },
        "calculated_statement_descriptor": "SLUICE SAMPLE SHOP" if details is None else None,
        "captured": ok and captured,
        "created": created,
        "currency": pi["currency"],
        "customer": pi["customer"],
        "description": None,
        "destination": None,
        "dispute": None,
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None if ok else "card_declined",
        "failure_message": None if ok else "Your card was declined.",
        "fraud_details": {},
        "livemode": False,
        "metadata": pi["metadata"],
        "on_behalf_of": None,
        "order": None,
        "outcome": {
            "advice_code": None if ok else "try_again_later",
            "network_advice_code": None,
            "network_decline_code": None if ok else "05",
            "network_status": "approved_by_network" if ok else "declined_by_network",
            "reason": None if ok else "generic_decline",
            "risk_level": "normal",
            "risk_score": 12,
            "seller_message": "Payment complete."
            if ok
            else "The bank did not return any further details with this decline.",
            "type": "authorized" if ok else "issuer_declined",
        },
        "paid": status == "succeeded",
        "payment_intent": pi["id"],
        "payment_method": new_id("pm", story),
        "payment_method_details": details or card_details(pi["amount"], network_status_ok=ok),
        "radar_options": {},
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": f"https://pay.stripe.com/receipts/payment/{token(story + 'receipt', 64)}" if ok else None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": status,
        "transfer_data": None,
        "transfer_group": None,
    }


def refund(story, created, ch, *, amount, status="succeeded"):
    """A refund of part or all of `ch`."""
    return {
        "id": new_id("re", story),
        "object": "refund",
        "amount": amount,
        "balance_transaction": new_id("txn", story + "refund"),
        "charge": ch["id"],
        "created": created,
        "currency": ch["currency"],
        "destination_details": {
            "card": {
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "metadata": {},
        "payment_intent": ch["payment_intent"],
        "reason": "requested_by_customer",
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }


def dispute(story, created, ch):
    """A dispute as opened by the cardholder's bank."""
    did = new_id("du", story)
    evidence = dict.fromkeys(
        (
            "access_activity_log",
            "billing_address",
            "cancellation_policy",
            "cancellation_policy_disclosure",
            "cancellation_rebuttal",
            "customer_communication",
            "customer_email_address",
            "customer_name",
            "customer_purchase_ip",
            "customer_signature",
            "duplicate_charge_documentation",
            "duplicate_charge_explanation",
            "duplicate_charge_id",
        )
    )
    evidence["enhanced_evidence"] = {}
    evidence.update(
        dict.fromkeys(
            (
                "product_description",
                "receipt",
                "refund_policy",
                "refund_policy_disclosure",
                "refund_refusal_explanation",
                "service_date",
                "service_documentation",
                "shipping_address",
                "shipping_carrier",
                "shipping_date",
                "shipping_documentation",
                "shipping_tracking_number",
                "uncategorized_file",
                "uncategorized_text",
            )
        )
    )
    evidence.update(billing_address="62704, US", customer_email_address=EMAIL, customer_name=NAME)
    return {
        "id": did,
        "object": "dispute",
        "amount": ch["amount"],
        "balance_transactions": [],
        "charge": ch["id"],
        "created": created,
        "currency": ch["currency"],
        "enhanced_eligibility_types": [],
        "evidence": evidence,
        "evidence_details": {
            "due_by": created + 9 * DAY_S,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": ch["payment_intent"],
        "payment_method_details": {
            "card": {"brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4"},
            "type": "card",
        },
        "reason": "fraudulent",
        "status": "needs_response",
    }


def withdrawal(story, created, dis, *, sign):
    """The balance transaction by which a disputed amount leaves (-1) or returns (1), with Stripe's fee."""
    fee = {"amount": 1500, "application": None, "currency": dis["currency"]}
    fee.update(description="Dispute fee", type="stripe_fee")
    return {
        "id": new_id("txn", f"{story}{sign}"),
        "object": "balance_transaction",
        "amount": sign * dis["amount"],
        "available_on": created + 2 * DAY_S,
        "balance_type": "payments",
        "created": created,
        "currency": dis["currency"],
        "description": f"Chargeback {'withdrawal' if sign < 0 else 'reversal'} for {dis['charge']}",
        "exchange_rate": None,
        "fee": 1500 if sign < 0 else 0,
        "fee_details": [fee] if sign < 0 else [],
        "net": sign * dis["amount"] - (1500 if sign < 0 else 0),
        "reporting_category": "dispute" if sign < 0 else "dispute_reversal",
        "source": dis["id"],
        "status": "pending",
        "type": "adjustment",
    }


def payment_method(ch, created):
    """The card of a declined charge, as an error embeds it."""
    card = ch["payment_method_details"]["card"]
    return {
        "id": ch["payment_method"],
        "object": "payment_method",
        "allow_redisplay": "limited",
        "billing_details": ch["billing_details"],
        "card": {
            "brand": card["brand"],
            "checks": card["checks"],
            "country": card["country"],
            "display_brand": "visa",
            "exp_month": card["exp_month"],
            "exp_year": card["exp_year"],
            "fingerprint": card["fingerprint"],
            "funding": card["funding"],
            "generated_from": None,
            "last4": card["last4"],
            "networks": {"available": ["visa"], "preferred": None},
            "regulated_status": card["regulated_status"],
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": created,
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }
