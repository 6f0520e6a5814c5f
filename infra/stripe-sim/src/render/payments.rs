//! Older shapes of payment objects.

use serde_json::Value;

use super::Lens;

/// Before basil, a payment intent and a charge named their invoice.
pub(crate) fn invoice_named(object: &mut Value, _: &Lens<'_>) {
    object["invoice"] = object["~invoice"].clone();
}

/// Before basil, the address that Checkout collected lay on the session.
pub(crate) fn shipping_on_session(session: &mut Value, _: &Lens<'_>) {
    session["shipping_details"] = session["collected_information"]["shipping_details"].take();
    if let Some(collected) = session["collected_information"].as_object_mut() {
        collected.remove("shipping_details");
    }
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
