//! The path of each kind of object.
//!
//! A kind that isn't in the table has no path of its own at Stripe (a discount, a line item), or no domain here uses
//! it. A thin event names its object's path itself, for any kind.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sluice_kernel::consumer::fetch::Fetch;
use sluice_kernel::fault::Fault;

/// Stripe's name of the kind that is served as a list, by customer.
pub(super) const ENTITLEMENTS: &str = "entitlements.active_entitlement_summary";

/// The longest path of a thin event that is asked for, in bytes.
pub const URL_BYTES_MAX: usize = 2_048;

/// The characters that stay unencoded in a path's segment: the characters of Stripe's own ids. Merchants may choose
/// some ids themselves (coupons, plans), in any script.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'.');

/// The account for which a path is requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnBehalf {
    /// The connected account, if there is one.
    Account,
    /// The platform: connected accounts belong to it.
    Platform,
}

/// A path, with its query.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) target: String,
    pub(super) on_behalf: OnBehalf,
}

/// How a kind's path is built.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// There is one per account.
    Single,
    /// The id follows.
    Id,
    /// The path is the one under an account's: `/v1/accounts/{account}/…/{id}`.
    OfAccount,
    /// As `OfAccount`, or `/v1/customers/{customer}/sources/{id}`: depending on the owner of the bank account or card.
    OfAccountOrCustomer,
    /// `{id}` of the fee, `/refunds/` and the id.
    OfFee,
    /// A list, chosen by the customer.
    OfCustomer,
}

use Place::{Id, OfAccount, OfAccountOrCustomer, OfCustomer, OfFee, Single};

use crate::code;

/// Kinds by Stripe's names, and their paths below `/v1/`.
const TABLE: &[(&str, &str, Place)] = &[
    // Payments.
    ("charge", "charges", Id),
    ("checkout.session", "checkout/sessions", Id),
    ("dispute", "disputes", Id),
    ("mandate", "mandates", Id),
    ("payment_intent", "payment_intents", Id),
    ("payment_link", "payment_links", Id),
    ("payment_method", "payment_methods", Id),
    (
        "radar.early_fraud_warning",
        "radar/early_fraud_warnings",
        Id,
    ),
    ("refund", "refunds", Id),
    ("review", "reviews", Id),
    ("setup_intent", "setup_intents", Id),
    // Billing.
    ("billing.credit_grant", "billing/credit_grants", Id),
    ("billing.meter", "billing/meters", Id),
    ("coupon", "coupons", Id),
    ("credit_note", "credit_notes", Id),
    ("invoice", "invoices", Id),
    ("invoice_payment", "invoice_payments", Id),
    ("invoiceitem", "invoiceitems", Id),
    ("plan", "plans", Id),
    ("price", "prices", Id),
    ("product", "products", Id),
    ("promotion_code", "promotion_codes", Id),
    ("quote", "quotes", Id),
    ("tax_rate", "tax_rates", Id),
    // Subscriptions.
    ("customer", "customers", Id),
    (ENTITLEMENTS, "entitlements/active_entitlements", OfCustomer),
    ("subscription", "subscriptions", Id),
    ("subscription_schedule", "subscription_schedules", Id),
    // Connect.
    ("account", "accounts", Id),
    ("application_fee", "application_fees", Id),
    ("balance", "balance", Single),
    ("bank_account", "external_accounts", OfAccountOrCustomer),
    ("capability", "capabilities", OfAccount),
    ("card", "external_accounts", OfAccountOrCustomer),
    ("fee_refund", "application_fees", OfFee),
    ("payout", "payouts", Id),
    ("person", "persons", OfAccount),
    ("topup", "topups", Id),
    ("transfer", "transfers", Id),
];

/// Whether fetching a kind needs its parent besides its id.
#[must_use]
pub fn needs_parent(kind: &str) -> bool {
    matches!(
        place(kind),
        Some((_, OfAccount | OfAccountOrCustomer | OfFee))
    )
}

fn place(kind: &str) -> Option<(&'static str, Place)> {
    let row = TABLE.iter().find(|(known, ..)| *known == kind);
    row.map(|(_, collection, place)| (*collection, *place))
}

/// A path's segment.
pub(super) fn segment(id: &str) -> String {
    // These segments would mean a folder.
    if matches!(id, "." | "..") {
        return id.replace('.', "%2E");
    }
    utf8_percent_encode(id, ENCODED).to_string()
}

/// The path to request; `None` if the kind has none, or if a part that it needs isn't known.
///
/// # Errors
/// `Reject` with `stripe.bad_reference` for a thin event's URL that isn't a path of Stripe's API.
pub(super) fn path(request: &Fetch) -> Result<Option<Path>, Fault> {
    if let Some(url) = &request.url {
        if !is_path(url) {
            let cause = "related_object.url isn't a path of Stripe's API";
            return Err(Fault::reject(code::STRIPE_BAD_REFERENCE, cause));
        }
        return Ok(Some(Path {
            target: url.clone(),
            on_behalf: OnBehalf::Account,
        }));
    }
    Ok(of_kind(request))
}

fn of_kind(request: &Fetch) -> Option<Path> {
    let (collection, place) = place(&request.kind)?;
    // An empty segment would request the list.
    let filled =
        |text: &Option<String>| text.as_deref().filter(|text| !text.is_empty()).map(segment);
    let id = || filled(&request.id);
    let parent = || filled(&request.parent);
    let account = || parent().or_else(|| filled(&request.scope.account));
    let target = match place {
        Single => format!("/v1/{collection}"),
        Id => format!("/v1/{collection}/{}", id()?),
        OfCustomer => format!("/v1/{collection}?customer={}&limit=100", id()?),
        OfFee => format!("/v1/{collection}/{}/refunds/{}", parent()?, id()?),
        OfAccountOrCustomer if request.parent.as_deref().is_some_and(is_customer) => {
            format!("/v1/customers/{}/sources/{}", parent()?, id()?)
        }
        OfAccount | OfAccountOrCustomer => {
            format!("/v1/accounts/{}/{collection}/{}", account()?, id()?)
        }
    };
    let on_behalf = if target.starts_with("/v1/accounts/") {
        OnBehalf::Platform
    } else {
        OnBehalf::Account
    };
    Some(Path { target, on_behalf })
}

/// The path of the list of a kind's objects, below `/v1/`; `None` if they have no list of their own.
pub(super) fn collection(kind: &str) -> Option<&'static str> {
    let found = TABLE.iter().find(|(name, _, _)| *name == kind);
    found.and_then(|(_, collection, place)| matches!(place, Id).then_some(*collection))
}

fn is_customer(id: &str) -> bool {
    id.starts_with("cus_")
}

/// Whether a thin event's URL is a path of the API: Stripe signed it, but a key is sent with the request, so the URL is
/// checked.
pub(super) fn is_path(url: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-.~%?=&".contains(&byte);
    let climbs = |url: &str| {
        url.split(['/', '?'])
            .any(|part| part == ".." || part == ".")
    };
    (url.starts_with("/v1/") || url.starts_with("/v2/"))
        && url.len() <= URL_BYTES_MAX
        && url.bytes().all(plain)
        && !climbs(url)
}

#[cfg(test)]
mod tests {
    use sluice_kernel::event::Scope;

    use super::*;

    fn request(kind: &str, id: Option<&str>, parent: Option<&str>) -> Fetch {
        Fetch {
            scope: Scope {
                account: Some("acct_1".to_owned()),
                livemode: true,
            },
            context: None,
            kind: kind.to_owned(),
            id: id.map(str::to_owned),
            parent: parent.map(str::to_owned),
            api_version: None,
            url: None,
            proof: None,
        }
    }

    fn target(request: &Fetch) -> Option<String> {
        path(request)
            .expect("no URL of its own")
            .map(|path| path.target)
    }

    #[test]
    fn every_kind_of_the_four_domains_has_a_path() {
        for (kind, expected) in [
            ("checkout.session", "/v1/checkout/sessions/x_1"),
            ("payment_intent", "/v1/payment_intents/x_1"),
            ("charge", "/v1/charges/x_1"),
            ("refund", "/v1/refunds/x_1"),
            ("dispute", "/v1/disputes/x_1"),
            ("setup_intent", "/v1/setup_intents/x_1"),
            ("review", "/v1/reviews/x_1"),
            (
                "radar.early_fraud_warning",
                "/v1/radar/early_fraud_warnings/x_1",
            ),
            ("invoice", "/v1/invoices/x_1"),
            ("invoiceitem", "/v1/invoiceitems/x_1"),
            ("invoice_payment", "/v1/invoice_payments/x_1"),
            ("credit_note", "/v1/credit_notes/x_1"),
            ("quote", "/v1/quotes/x_1"),
            ("customer", "/v1/customers/x_1"),
            ("subscription", "/v1/subscriptions/x_1"),
            ("subscription_schedule", "/v1/subscription_schedules/x_1"),
            (
                ENTITLEMENTS,
                "/v1/entitlements/active_entitlements?customer=x_1&limit=100",
            ),
            ("account", "/v1/accounts/x_1"),
            ("capability", "/v1/accounts/acct_1/capabilities/x_1"),
            ("person", "/v1/accounts/acct_1/persons/x_1"),
            ("bank_account", "/v1/accounts/acct_1/external_accounts/x_1"),
            ("card", "/v1/accounts/acct_1/external_accounts/x_1"),
            ("payout", "/v1/payouts/x_1"),
            ("transfer", "/v1/transfers/x_1"),
            ("topup", "/v1/topups/x_1"),
            ("application_fee", "/v1/application_fees/x_1"),
            ("balance", "/v1/balance"),
        ] {
            assert_eq!(
                target(&request(kind, Some("x_1"), None)).as_deref(),
                Some(expected)
            );
        }
        assert!(
            TABLE
                .iter()
                .all(|(kind, ..)| TABLE.iter().filter(|row| row.0 == *kind).count() == 1)
        );
    }

    #[test]
    fn what_lies_under_another_object_is_asked_for_there() {
        for (kind, parent, expected) in [
            ("person", "acct_9", "/v1/accounts/acct_9/persons/x_1"),
            (
                "bank_account",
                "acct_9",
                "/v1/accounts/acct_9/external_accounts/x_1",
            ),
            ("bank_account", "cus_9", "/v1/customers/cus_9/sources/x_1"),
            (
                "fee_refund",
                "fee_9",
                "/v1/application_fees/fee_9/refunds/x_1",
            ),
        ] {
            assert!(needs_parent(kind));
            let request = request(kind, Some("x_1"), Some(parent));
            assert_eq!(target(&request).as_deref(), Some(expected));
        }
        assert!(!needs_parent("charge"));
    }

    #[test]
    fn a_path_is_never_guessed() {
        assert_eq!(target(&request("discount", Some("di_1"), None)), None);
        assert_eq!(target(&request("fee_refund", Some("fr_1"), None)), None);
        let mut person = request("person", Some("person_1"), None);
        person.scope.account = None;
        assert_eq!(target(&person), None);
        // Without an id these would request the list.
        for id in [None, Some("")] {
            assert_eq!(target(&request("customer", id, None)), None);
            assert_eq!(target(&request(ENTITLEMENTS, id, None)), None);
        }
    }

    #[test]
    fn ids_cannot_leave_their_place_in_the_path() {
        for (id, expected) in [
            ("SUMMER 50%/off?", "/v1/coupons/SUMMER%2050%25%2Foff%3F"),
            ("été", "/v1/coupons/%C3%A9t%C3%A9"),
            ("..", "/v1/coupons/%2E%2E"),
            ("a\r\nb#", "/v1/coupons/a%0D%0Ab%23"),
        ] {
            assert_eq!(
                target(&request("coupon", Some(id), None)).as_deref(),
                Some(expected)
            );
        }
    }

    #[test]
    fn a_thin_events_url_is_asked_for_where_it_is_a_path_of_the_api() {
        let with = |url: &str| Fetch {
            url: Some(url.to_owned()),
            ..request("customer", Some("cus_1"), None)
        };
        for url in [
            "/v1/customers/cus_1",
            "/v1/balance",
            "/v2/core/accounts/acct_1?include=a",
        ] {
            assert_eq!(target(&with(url)).as_deref(), Some(url));
        }
        let long = format!("/v1/{}", "x".repeat(URL_BYTES_MAX));
        for url in [
            "https://evil.example/v1/customers/cus_1",
            "//evil.example/v1/",
            "@evil.example/",
            "/v1/../v3/keys",
            "/v1/a b",
            "/v1/a\r\nhost: evil.example",
            "/v1/#",
            "v1/customers",
            "/v3/customers",
            "",
            &long,
        ] {
            let fault = path(&with(url)).expect_err("not a path of the API");
            assert_eq!(fault.code, "stripe.bad_reference", "{url}");
        }
    }

    #[test]
    fn connected_accounts_are_asked_for_as_the_platform() {
        for (kind, on_behalf) in [
            ("account", OnBehalf::Platform),
            ("person", OnBehalf::Platform),
            ("balance", OnBehalf::Account),
            ("charge", OnBehalf::Account),
        ] {
            let path = path(&request(kind, Some("x_1"), None)).expect("no URL of its own");
            assert_eq!(path.map(|path| path.on_behalf), Some(on_behalf), "{kind}");
        }
    }
}
