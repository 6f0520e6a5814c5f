//! Older shapes of payment objects.

use serde_json::{Value, json};

use super::Lens;

/// Before basil, a payment intent and a charge named their invoice.
pub(crate) fn invoice_named(object: &mut Value, _: &Lens<'_>) {
    object["invoice"] = object["~invoice"].clone();
}

/// Before basil, the address that Checkout collected was on the session.
pub(crate) fn shipping_on_session(session: &mut Value, _: &Lens<'_>) {
    session["shipping_details"] = session["collected_information"]["shipping_details"].take();
    if let Some(collected) = session["collected_information"].as_object_mut() {
        collected.remove("shipping_details");
    }
}

/// Before basil, a session that was paid in the customer's currency had its amounts in that currency; the amounts that
/// the shop had asked for were in `currency_conversion`.
pub(crate) fn currency_presented(session: &mut Value, _: &Lens<'_>) {
    let Some(presented) = session.get_mut("presentment_details").map(Value::take) else {
        return;
    };
    if let Value::Object(map) = session {
        map.remove("presentment_details");
    }
    if presented.is_null() {
        return;
    }
    session["currency_conversion"] = json!({
        "amount_subtotal": session["amount_subtotal"], "amount_total": session["amount_total"],
        "fx_rate": "0.937", "source_currency": session["currency"],
    });
    for field in ["amount_subtotal", "amount_total"] {
        session[field] = presented["presentment_amount"].clone();
    }
    session["currency"] = presented["presentment_currency"].clone();
}

/// Before 2022-11-15, a charge carried its refunds, newest first. They change with the refunds, without an event of
/// the charge.
pub(crate) fn refunds_inside(charge: &mut Value, lens: &Lens<'_>) {
    let url = format!(
        "/v1/charges/{}/refunds",
        charge["id"].as_str().unwrap_or_default()
    );
    charge["refunds"] = lens.listed(&charge["~refunds"], url);
}

/// Before 2022-11-15, a payment intent carried its charges, newest first, and `latest_charge` did not exist.
pub(crate) fn charges_inside(intent: &mut Value, lens: &Lens<'_>) {
    let url = format!(
        "/v1/charges?payment_intent={}",
        intent["id"].as_str().unwrap_or_default()
    );
    let charges = lens.listed(&intent["~charges"], url);
    if let Value::Object(map) = intent {
        map.remove("latest_charge");
        map.insert("charges".to_owned(), charges);
    }
}
