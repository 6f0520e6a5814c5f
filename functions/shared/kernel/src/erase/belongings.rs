//! Which objects and events belong to a customer, and which only mention one.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::object::Fields;

/// The fields by which Stripe's objects name their customer, as an id or expanded. A customer may be a `customer` or,
/// with Accounts v2, an account (`customer_account`).
///
/// | field | objects |
/// |---|---|
/// | `customer`, `customer_account` | charges, intents, invoices, subscriptions, checkout sessions and most others |
/// | `related_customer`, `related_customer_account` | identity verification sessions |
/// | `account_holder/…` | accounts of Financial Connections |
/// | `owner/…` | tax ids |
/// | `customer_details/customer` | payment records |
pub const OWNERS: [&str; 9] = [
    "customer",
    "customer_account",
    "related_customer",
    "related_customer_account",
    "account_holder/customer",
    "account_holder/customer_account",
    "owner/customer",
    "owner/customer_account",
    "customer_details/customer",
];

/// Fields by which an object that names no customer names another object that it is a part of, in every API version.
/// The last six are for given ids that are not customers': a cardholder, an account.
pub const LINKS: [&str; 27] = [
    "charge",
    "payment_intent",
    "setup_intent",
    "invoice",
    "subscription",
    "payment_method",
    "latest_charge",
    "source",
    "source_charge",
    "source_transaction",
    "originating_transaction",
    "quote",
    "checkout_session",
    "credit_grant",
    "fee",
    "invoice_item",
    "released_subscription",
    "payment/charge",
    "payment/payment_intent",
    "parent/quote_details/quote",
    "parent/subscription_details/subscription",
    "transaction",
    "card",
    "card/cardholder",
    "cardholder",
    "verification_session",
    "account",
];

/// A kind of object whose id is the same in every account (`card_payments`), so that the id alone identifies nothing.
const CAPABILITY: &str = "capability";

/// What belongs to a customer: the ids given, and the ids found through them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Belongings {
    given: BTreeSet<String>,
    found: BTreeSet<String>,
    also: BTreeSet<String>,
}

impl Belongings {
    /// What belongs to these ids: customers, and objects and events that belong whatever they say.
    pub fn of(ids: impl IntoIterator<Item = String>) -> Self {
        let given: BTreeSet<_> = ids.into_iter().collect();
        Self {
            found: given.clone(),
            given,
            also: BTreeSet::new(),
        }
    }

    /// All ids, including the given ones.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.found.iter().map(String::as_str)
    }

    /// Whether this id was given.
    pub fn is_given(&self, id: &str) -> bool {
        self.given.contains(id)
    }

    /// Other ids by which objects that belong name their customer, if one is both a customer and an account. An object
    /// that names only the other id isn't found by this one.
    pub fn also_named(&self) -> impl Iterator<Item = &str> {
        let others = self.also.difference(&self.found);
        others.map(String::as_str)
    }

    /// Whether the object belongs. If so, its id belongs from now on.
    pub fn takes(&mut self, id: Option<&str>, object: &Value) -> bool {
        let owners = owners_of(object);
        let belongs = self.decides(id, object, &owners);
        if belongs {
            let is_own = object["object"] != CAPABILITY && object["type"] != CAPABILITY;
            self.found.extend(id.filter(|_| is_own).map(str::to_owned));
            self.also.extend(owners.into_iter().map(str::to_owned));
        }
        belongs
    }

    /// As [`Belongings::takes`], for a whole event as Stripe sends it: a snapshot's object before and after, or the
    /// object that a thin event names. An event whose own id was given belongs too.
    pub fn takes_event(&mut self, event: &Value) -> bool {
        if event["object"] == "v2.core.event" {
            let related = &event["related_object"];
            return self.takes(related["id"].as_str(), related) || self.gives(event);
        }
        let (data, object) = (&event["data"], &event["data"]["object"]);
        let id = object["id"].as_str();
        if self.takes(id, object) {
            return true;
        }
        // A payment method that was detached names its customer only in its previous attributes.
        let before = owners_of(&data["previous_attributes"]);
        if owners_of(object).is_empty() && before.iter().any(|owner| self.found.contains(*owner)) {
            self.found.extend(id.map(str::to_owned));
            return true;
        }
        self.gives(event)
    }

    fn gives(&self, event: &Value) -> bool {
        event["id"].as_str().is_some_and(|id| self.is_given(id))
    }

    fn decides(&self, id: Option<&str>, object: &Value, owners: &[&str]) -> bool {
        if id.is_some_and(|id| self.given.contains(id)) {
            return true;
        }
        // An object that names a customer belongs to that customer, whatever else it names.
        if !owners.is_empty() {
            return owners.iter().any(|owner| self.found.contains(*owner));
        }
        let fields = Fields::of(object);
        let mut linked = LINKS.iter().filter_map(|link| fields.optional_id(link));
        id.is_some_and(|id| self.found.contains(id)) || linked.any(|id| self.found.contains(id))
    }

    /// The top-level fields of an object that name an id that belongs, in any text or key. For objects that don't
    /// belong; the contents are not shown.
    pub fn mentions(&self, object: &Value) -> BTreeSet<String> {
        let fields = object.as_object().into_iter().flatten();
        let named = fields.filter(|(_, value)| self.is_named_in(value));
        named.map(|(field, _)| field.clone()).collect()
    }

    /// As [`Belongings::mentions`], for an event: its object before and after, or what a thin event names and says.
    pub fn mentions_in_event(&self, event: &Value) -> BTreeSet<String> {
        let data = &event["data"];
        let mut found = match event["object"] == "v2.core.event" {
            true => self.mentions(data),
            false => self.mentions(&data["object"]),
        };
        for object in [&data["previous_attributes"], &event["related_object"]] {
            found.extend(self.mentions(object));
        }
        found
    }

    /// Parsed JSON is no deeper than the parser's own bound.
    fn is_named_in(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.is_in_text(text),
            Value::Array(all) => all.iter().any(|one| self.is_named_in(one)),
            Value::Object(all) => {
                let mut all = all.iter();
                all.any(|(name, one)| self.is_in_text(name) || self.is_named_in(one))
            }
            _ => false,
        }
    }

    fn is_in_text(&self, text: &str) -> bool {
        let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.any(|word| self.found.contains(word))
    }
}

/// Ids of the customers that an object names as its own.
fn owners_of(object: &Value) -> Vec<&str> {
    let fields = Fields::of(object);
    let owners = OWNERS.iter().filter_map(|path| fields.optional_id(path));
    owners.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of_customer() -> Belongings {
        Belongings::of(["cus_1".to_owned()])
    }

    #[test]
    fn what_belongs_is_found_along_links_in_any_order_by_going_round() {
        let refund = json!({ "id": "re_1", "charge": "ch_1" });
        let charge = json!({ "id": "ch_1", "customer": { "id": "cus_1", "email": "x" } });
        let other = json!({ "id": "ch_2", "customer": "cus_2", "invoice": null });
        let mut belongings = of_customer();
        assert!(!belongings.takes(Some("re_1"), &refund));
        assert!(belongings.takes(Some("ch_1"), &charge));
        assert!(belongings.takes(Some("re_1"), &refund));
        assert!(!belongings.takes(Some("ch_2"), &other));
        assert_eq!(
            belongings.ids().collect::<Vec<_>>(),
            ["ch_1", "cus_1", "re_1"]
        );
    }

    #[test]
    fn every_field_by_which_stripe_names_an_objects_customer_makes_it_that_customers() {
        for path in OWNERS {
            for value in [json!("cus_1"), json!({ "id": "cus_1" })] {
                let object = path
                    .rsplit('/')
                    .fold(value, |inner, field| json!({ field: inner }));
                assert!(of_customer().takes(Some("x_1"), &object), "{object}");
            }
        }
        for path in LINKS {
            let object = path
                .rsplit('/')
                .fold(json!("ob_1"), |inner, field| json!({ field: inner }));
            let mut belongings = Belongings::of(["ob_1".to_owned()]);
            assert!(belongings.takes(Some("x_1"), &object), "{object}");
        }
    }

    #[test]
    fn an_object_that_only_mentions_the_customer_is_not_theirs_and_says_where_it_does() {
        let invoice = json!({
            "id": "in_2", "customer": "cus_2", "metadata": { "referred_by": "cus_1" }, "description": "for cus_1, again",
            "custom_fields": [{ "cus_1": true }], "footer": "cus_12 and xcus_1", "amount": 1,
        });
        let mut belongings = of_customer();
        assert!(!belongings.takes(Some("in_2"), &invoice));
        let fields = ["custom_fields", "description", "metadata"].map(str::to_owned);
        assert_eq!(belongings.mentions(&invoice), fields.into());
        let event = json!({ "id": "evt_1", "data": { "object": invoice } });
        assert!(!belongings.takes_event(&event));
        assert_eq!(belongings.mentions_in_event(&event).len(), 3);
        // A person decides that it belongs, by its own id or its event's.
        for id in ["in_2", "evt_1"] {
            let mut decided = Belongings::of(["cus_1", id].map(str::to_owned));
            assert!(decided.takes_event(&event), "{id}");
        }
    }

    #[test]
    fn what_names_another_customer_is_that_ones_whatever_it_is_a_part_of() {
        let mut belongings = of_customer();
        assert!(belongings.takes(Some("pm_1"), &json!({ "customer": "cus_1" })));
        let charge = json!({ "id": "ch_2", "customer": "cus_2", "payment_method": "pm_1" });
        assert!(!belongings.takes(Some("ch_2"), &charge));
        assert_eq!(
            belongings.mentions(&charge),
            ["payment_method".to_owned()].into()
        );
        // It is attached to another customer by now: a person decides.
        let moved = json!({ "data": {
            "object": { "id": "pm_9", "customer": "cus_2" }, "previous_attributes": { "customer": "cus_1" },
        } });
        assert!(!belongings.takes_event(&moved));
        assert_eq!(
            belongings.mentions_in_event(&moved),
            ["customer".to_owned()].into()
        );
    }

    #[test]
    fn events_are_taken_by_their_object_by_what_it_was_and_by_what_a_thin_one_names() {
        let mut belongings = of_customer();
        let detached = json!({ "data": { "object": { "id": "pm_1", "customer": null }, "previous_attributes": { "customer": "cus_1" } } });
        assert!(belongings.takes_event(&detached));
        let thin = json!({ "object": "v2.core.event", "related_object": { "id": "pm_1", "type": "payment_method" } });
        assert!(belongings.takes_event(&thin));
        let others = json!({ "object": "v2.core.event", "related_object": { "id": "pm_2", "type": "payment_method" } });
        assert!(!belongings.takes_event(&others));
        assert!(belongings.mentions_in_event(&others).is_empty());
        assert!(!belongings.takes_event(&json!({})));
    }

    #[test]
    fn a_customer_who_is_an_account_too_is_said_to_have_that_id_and_is_not_taken_for_it() {
        let mut belongings = of_customer();
        let customer = json!({ "id": "cus_1", "object": "customer", "customer_account": "acct_7" });
        assert!(belongings.takes(Some("cus_1"), &customer));
        assert_eq!(belongings.also_named().collect::<Vec<_>>(), ["acct_7"]);
        let invoice = json!({ "id": "in_1", "customer": null, "customer_account": "acct_7" });
        assert!(!belongings.takes(Some("in_1"), &invoice));
        let mut both = Belongings::of(["cus_1", "acct_7"].map(str::to_owned));
        assert!(both.takes(Some("in_1"), &invoice));
        assert_eq!(both.also_named().count(), 0);
    }

    #[test]
    fn a_capabilitys_id_names_nothing_because_every_account_has_the_same() {
        let mut belongings = Belongings::of(["acct_1".to_owned()]);
        let capability =
            json!({ "id": "card_payments", "object": "capability", "account": "acct_1" });
        assert!(belongings.takes(Some("card_payments"), &capability));
        assert_eq!(belongings.ids().collect::<Vec<_>>(), ["acct_1"]);
    }
}
