//! Erasure: which stored things belong to a person, and what is left of a projection.
//!
//! Stripe's objects name each other: a refund names its charge, the charge its customer. So what belongs to a customer is
//! found step by step ([`Belongings::takes`]): an object that names the customer anywhere belongs to it, and so does one that
//! names, in one of the fields [`LINKS`], an object that belongs. Whoever looks goes through all that is stored until a whole
//! pass finds nothing new, since things come in any order.
//!
//! # What is guaranteed
//! Ids and hashes stay: they prove what was received, keep duplicates out and say that there was something. Bodies go, and
//! of a projection's state only what the domain itself keeps of an object that Stripe has deleted ([`entomb`]); its place in
//! the order stays, so late and repeated events don't bring it back.
//!
//! # What isn't
//! An object that names neither the customer nor any object of his can't be found by the customer's id: a guest's checkout,
//! for one. Its own id can be given as well. And what Stripe sends *after* the erasure is a new event: erase in Stripe first.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::consume::Event;
use crate::domain::Domain;
use crate::effect::Scope;
use crate::fault::Fault;
use crate::projection::forms;
use crate::projection::{SCHEMA, Stored};

/// Fields by which an object names another that it is a part of.
pub const LINKS: [&str; 9] = [
    "charge",
    "payment_intent",
    "setup_intent",
    "invoice",
    "subscription",
    "payment_method",
    "latest_charge",
    "source_transaction",
    "quote",
];

/// The deepest that an object is looked into. Stripe's are some ten deep, expanded ones included.
const DEPTH_MAX: usize = 32;

/// What belongs to a person: the ids given, and what was found by them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Belongings {
    named: BTreeSet<String>,
    found: BTreeSet<String>,
}

impl Belongings {
    /// Of these ids: customers, and objects that name none.
    pub fn of(ids: impl IntoIterator<Item = String>) -> Self {
        let named: BTreeSet<_> = ids.into_iter().collect();
        Self {
            found: named.clone(),
            named,
        }
    }

    /// All ids, those given among them.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.found.iter().map(String::as_str)
    }

    /// Whether the object belongs; if so, its id does from now on.
    pub fn takes(&mut self, id: Option<&str>, object: &Value) -> bool {
        let belongs = id.is_some_and(|id| self.found.contains(id))
            || self.is_named_in(object, 0)
            || LINKS.iter().any(|link| self.is_linked(&object[*link]));
        if belongs && let Some(id) = id {
            self.found.insert(id.to_owned());
        }
        belongs
    }

    /// As [`Belongings::takes`], of a whole event as Stripe sends it: a snapshot's object before and after, or the object
    /// that a thin event names.
    pub fn take_event(&mut self, event: &Value) -> bool {
        if event["object"] == "v2.core.event" {
            let related = &event["related_object"];
            return self.takes(related["id"].as_str(), related);
        }
        let (data, object) = (&event["data"], &event["data"]["object"]);
        let id = object["id"].as_str();
        if self.takes(id, object) {
            return true;
        }
        // A payment method that was detached names its customer only among what was there before.
        self.is_named_in(&data["previous_attributes"], 0) && {
            self.found.extend(id.map(str::to_owned));
            true
        }
    }

    fn is_linked(&self, link: &Value) -> bool {
        let id = link.as_str().or_else(|| link["id"].as_str());
        id.is_some_and(|id| self.found.contains(id))
    }

    fn is_named_in(&self, value: &Value, depth: usize) -> bool {
        match value {
            Value::String(text) => self.named.contains(text),
            _ if depth == DEPTH_MAX => false,
            Value::Array(all) => all.iter().any(|one| self.is_named_in(one, depth + 1)),
            Value::Object(all) => all.values().any(|one| self.is_named_in(one, depth + 1)),
            _ => false,
        }
    }
}

/// What an erasure makes of a projection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entombed {
    /// The document to write in its place.
    Document(String),
    /// It is one already.
    Already,
    /// It can't be, for this reason: for the operator.
    Not(&'static str),
}

/// What is left of a projection: the domain's own state of an object that is gone, where it stood in the order, the ids of
/// its events and facts.
///
/// Not while effects are pending, since receivers would never hear of them; and not while the object gives something to its
/// owner (a subscription that runs): taking that away is Stripe's to tell, not an erasure's.
///
/// # Errors
/// As [`forms::read`], and `Reject` where the domain has no state of an object that is gone.
pub fn entomb<D: Domain>(
    object: &str,
    stored: &Stored,
    settings: &D::Settings,
) -> Result<Entombed, Fault> {
    let mut item = forms::read::<D::State>(&stored.document)?;
    let state = json!(item.evidence.head().state());
    // What is gone already says what it was.
    let kind = state["was"].as_str().or_else(|| state["object"].as_str());
    let gone = D::project(&deleted(object, kind.unwrap_or("subscription")))?.state;
    if !item.pending.is_empty() {
        return Ok(Entombed::Not(
            "effects of it are pending; redeliver its event",
        ));
    }
    if json!(gone) == state && item.evidence.terminal() {
        return Ok(Entombed::Already);
    }
    // What receivers have: while levels are owed, those of an earlier state.
    let emitted = item.emitted.as_ref();
    let emitted = emitted.unwrap_or_else(|| item.evidence.head().state());
    let gives = !D::levels(Some(emitted), &gone, settings).is_empty();
    let is_empty = state["features"].as_array().is_some_and(Vec::is_empty);
    if gives && !item.evidence.terminal() && !is_empty {
        return Ok(Entombed::Not(
            "it still gives access or readiness; end it in Stripe first",
        ));
    }
    item.evidence = item.evidence.entombed(&gone);
    item.derived = D::derived(&gone, settings);
    item.levels_owed = false;
    item.emitted = None;
    item.schema = SCHEMA;
    let document = serde_json::to_string(&item)
        .map_err(|_| Fault::reject("projection.unwritable", "the tombstone has no JSON form"))?;
    Ok(Entombed::Document(document))
}

/// An event that says no more than that the object is gone.
fn deleted(object: &str, kind: &str) -> Event {
    Event {
        id: String::new(),
        kind: format!("{kind}.deleted"),
        scope: Scope {
            account: None,
            livemode: false,
        },
        created: 0,
        api_version: None,
        request: None,
        object: json!({ "id": object, "object": kind, "deleted": true }),
        previous_attributes: None,
    }
}

#[cfg(test)]
mod tests {
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
    fn a_text_that_only_begins_like_the_id_names_nobody() {
        let mut belongings = of_customer();
        assert!(!belongings.takes(
            Some("ch_1"),
            &json!({ "customer": "cus_12", "description": "for cus_1" })
        ));
    }

    #[test]
    fn events_are_taken_by_their_object_by_what_it_was_and_by_what_a_thin_one_names() {
        let mut belongings = of_customer();
        let detached = json!({ "data": { "object": { "id": "pm_1", "customer": null }, "previous_attributes": { "customer": "cus_1" } } });
        assert!(belongings.take_event(&detached));
        let thin = json!({ "object": "v2.core.event", "related_object": { "id": "pm_1", "type": "payment_method" } });
        assert!(belongings.take_event(&thin));
        let others = json!({ "object": "v2.core.event", "related_object": { "id": "pm_2", "type": "payment_method" } });
        assert!(!belongings.take_event(&others));
        assert!(!belongings.take_event(&json!({})));
    }

    #[test]
    fn an_object_without_end_is_looked_into_no_further_than_the_bound() {
        let mut deep = json!("cus_1");
        for _ in 0..=DEPTH_MAX {
            deep = json!([deep]);
        }
        assert!(!of_customer().takes(None, &deep));
    }
}
