//! The one table of the differences between shapes.

use serde_json::Value;

use super::{Lens, billing, discounts, documents, payments};
use crate::version::{ApiVersion, BASIL, V2022_08_01, V2022_11_15, V2024_04_10};

/// One breaking change of an object's shape.
#[derive(Debug)]
pub struct Change {
    /// The first version that has the new shape.
    pub since: ApiVersion,
    /// Stripe's name for the kind of object.
    pub object: &'static str,
    /// What changed, from old to new.
    pub what: &'static str,
    /// Its source: a page under `https://docs.stripe.com/changelog/`.
    pub source: &'static str,
    /// Makes the old shape from the new one.
    pub(crate) undo: fn(&mut Value, &Lens<'_>),
}

/// Every difference that the simulation knows, newest first.
pub const CHANGES: [Change; 19] = [
    Change {
        since: ApiVersion::V2025_09_30,
        object: "discount",
        what: "the coupon, which was shown whole, becomes source",
        source: "clover/2025-09-30/add-discount-source-property",
        undo: discounts::coupon_inside,
    },
    Change {
        since: BASIL,
        object: "subscription",
        what: "current_period_start and current_period_end move to the items",
        source: "basil/2025-03-31/deprecate-subscription-current-period-start-and-end",
        undo: billing::period_on_subscription,
    },
    Change {
        since: BASIL,
        object: "subscription",
        what: "the single discount is gone; discounts stay",
        source: "basil/2025-03-31/deprecate-singular-coupon-promotion-code",
        undo: discounts::single_discount,
    },
    Change {
        since: BASIL,
        object: "subscription_schedule",
        what: "the phases' single coupon is gone; discounts stay",
        source: "basil/2025-03-31/deprecate-singular-coupon-promotion-code",
        undo: discounts::single_coupon_of_phases,
    },
    Change {
        since: BASIL,
        object: "payment_intent",
        what: "no longer names its invoice",
        source: "basil/2025-03-31/add-support-for-multiple-partial-payments-on-invoices",
        undo: payments::invoice_named,
    },
    Change {
        since: BASIL,
        object: "charge",
        what: "no longer names its invoice",
        source: "basil/2025-03-31/add-support-for-multiple-partial-payments-on-invoices",
        undo: payments::invoice_named,
    },
    Change {
        since: BASIL,
        object: "invoice",
        what: "payment_intent, charge, paid, paid_out_of_band, application_fee_amount and transfer_data are gone",
        source: "basil/2025-03-31/add-support-for-multiple-partial-payments-on-invoices",
        undo: billing::payment_on_invoice,
    },
    Change {
        since: BASIL,
        object: "invoice",
        what: "subscription, subscription_details and quote move to parent; the lines' type, subscription, \
               subscription_item, invoice_item and proration to the line's parent",
        source: "basil/2025-03-31/adds-new-parent-field-to-invoicing-objects",
        undo: billing::parent_inlined,
    },
    Change {
        since: BASIL,
        object: "invoice",
        what: "the lines' price and plan become pricing",
        source: "basil/2025-03-31/invoice-pricing-configurations",
        undo: billing::price_on_lines,
    },
    Change {
        since: BASIL,
        object: "invoice",
        what: "tax and total_tax_amounts become total_taxes; the lines' tax_amounts and tax_rates become taxes",
        source: "basil/2025-03-31/invoice-tax-configurations",
        undo: billing::tax_amounts,
    },
    Change {
        since: BASIL,
        object: "invoiceitem",
        what: "subscription and subscription_item move to parent",
        source: "basil/2025-03-31/adds-new-parent-field-to-invoicing-objects",
        undo: documents::item_parent_inlined,
    },
    Change {
        since: BASIL,
        object: "invoiceitem",
        what: "price, plan and unit_amount become pricing",
        source: "basil/2025-03-31/invoice-pricing-configurations",
        undo: documents::price_on_item,
    },
    Change {
        since: BASIL,
        object: "credit_note",
        what: "tax_amounts become total_taxes; the lines' tax_amounts become taxes",
        source: "basil/2025-03-31/invoice-tax-configurations",
        undo: documents::tax_amounts_of_note,
    },
    Change {
        since: BASIL,
        object: "checkout.session",
        what: "shipping_details moves into collected_information",
        source: "basil/2025-03-31/checkout-session-remove-shipping-details",
        undo: payments::shipping_on_session,
    },
    // At Stripe the day on which a session was made decides, not the version that it is read at. No session of this
    // simulation is as old.
    Change {
        since: BASIL,
        object: "checkout.session",
        what: "amounts stay in the currency that was asked for; presentment_details replaces currency_conversion",
        source: "basil/2025-03-31/add_presentment_details",
        undo: payments::currency_presented,
    },
    Change {
        since: V2024_04_10,
        object: "product",
        what: "features is renamed to marketing_features",
        source: "2024-04-10/renames-features-attribute-product-object",
        undo: billing::features,
    },
    Change {
        since: V2022_11_15,
        object: "charge",
        what: "refunds are no longer listed inside",
        source: "2022-11-15/deprecates-charges-auto-expand",
        undo: payments::refunds_inside,
    },
    Change {
        since: V2022_11_15,
        object: "payment_intent",
        what: "charges are no longer listed inside; latest_charge names the last",
        source: "2022-11-15/removes-charges-attribute-paymentintent",
        undo: payments::charges_inside,
    },
    Change {
        since: V2022_08_01,
        object: "customer",
        what: "default_currency, the other name of currency, is gone",
        source: "2022-08-01/removes-default-currency-customer-object",
        undo: billing::default_currency,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_listed_newest_first() {
        assert!(CHANGES.is_sorted_by(|one, next| one.since >= next.since));
    }
}
