//! API versions, and where their shapes differ.
//!
//! The true state of an object is kept in the newest shape, with what older shapes need and newer ones lack beside it
//! under hidden keys (they begin with `~`). [`CHANGES`] lists each breaking change of the shapes that the simulation
//! has, newest first, as Stripe's changelog does; an object is rendered at a version by undoing every change since.
//!
//! Only breaking changes of rendering are here. Fields that were added without a break are shown at every version, as
//! Stripe does. Changes of a request's defaults (when Checkout makes its payment intent, which billing mode a new
//! subscription has) are not: the stories are played as by a client of the newest version.

use std::fmt;

use serde_json::Value;

use crate::render::{Lens, billing, discounts, documents, payments};

/// A version of Stripe's API, ordered by date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion(&'static str);

/// Every version since 2020-08-27 that Stripe has published and this simulation takes.
const KNOWN: [&str; 22] = [
    "2020-08-27",
    "2022-08-01",
    "2022-11-15",
    "2023-08-16",
    "2023-10-16",
    "2024-04-10",
    "2024-06-20",
    "2024-09-30.acacia",
    "2024-10-28.acacia",
    "2024-11-20.acacia",
    "2024-12-18.acacia",
    "2025-01-27.acacia",
    "2025-02-24.acacia",
    "2025-03-31.basil",
    "2025-04-30.basil",
    "2025-05-28.basil",
    "2025-06-30.basil",
    "2025-07-30.basil",
    "2025-08-27.basil",
    "2025-09-30.clover",
    "2025-10-29.clover",
    "2025-11-17.clover",
];

impl ApiVersion {
    /// The oldest that is supported.
    pub const V2020_08_27: Self = Self("2020-08-27");
    /// Before the last break of the year.
    pub const V2023_10_16: Self = Self("2023-10-16");
    /// The last without a release's name.
    pub const V2024_06_20: Self = Self("2024-06-20");
    /// The first whose events have a `context`.
    pub const V2025_04_30: Self = Self("2025-04-30.basil");
    /// After the great change of billing's shapes.
    pub const V2025_09_30: Self = Self("2025-09-30.clover");
    /// The first whose events of API v2 are listed by type and time, and without naming an object.
    pub const V2025_11_17: Self = Self("2025-11-17.clover");

    /// One of each shape that matters, oldest first: what tests go over.
    pub const TESTED: [Self; 4] = [
        Self::V2020_08_27,
        Self::V2023_10_16,
        Self::V2024_06_20,
        Self::V2025_09_30,
    ];

    /// The version of this name, if it is known.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        KNOWN.into_iter().find(|known| *known == name).map(Self)
    }

    /// Its name: `2025-09-30.clover`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// One breaking change of an object's shape.
#[derive(Debug)]
pub struct Change {
    /// The first version that has the new shape.
    pub since: ApiVersion,
    /// Stripe's name for the kind of object.
    pub object: &'static str,
    /// What changed, read forwards.
    pub what: &'static str,
    /// Where it is written: a page under `https://docs.stripe.com/changelog/`.
    pub source: &'static str,
    /// Makes the old shape from the new one.
    pub(crate) undo: fn(&mut Value, &Lens<'_>),
}

const BASIL: ApiVersion = ApiVersion("2025-03-31.basil");
const V2024_04_10: ApiVersion = ApiVersion("2024-04-10");
const V2022_11_15: ApiVersion = ApiVersion("2022-11-15");
const V2022_08_01: ApiVersion = ApiVersion("2022-08-01");

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
    // At Stripe it is the day on which a session was made that decides, not the version that it is read at: no session of
    // this simulation is as old.
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
    fn changes_are_listed_newest_first_and_versions_oldest_first() {
        assert!(CHANGES.is_sorted_by(|one, next| one.since >= next.since));
        assert!(KNOWN.is_sorted());
        assert_eq!(ApiVersion::named("2025-03-31.basil"), Some(BASIL));
        assert_eq!(ApiVersion::named("2019-01-01"), None);
    }
}
