//! Whether an object ended as the simulated Stripe has it.

use std::fmt;

use serde_json::Value;
use sluice_kernel::bus::route::{Route, route};
use sluice_stripe_sim::world::entitlements_of;
use sluice_stripe_sim::{Key, Moment, World};

/// The verdict on a projection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every field that the projection has under Stripe's name is as Stripe has it; the number of such fields.
    Right(usize),
    /// The object is deleted, in both.
    Gone,
    /// The fields are right, but the state was chosen among events that nothing ordered, and is marked so.
    RightGuess,
    /// What differs.
    Wrong(String),
}

impl Verdict {
    pub(super) fn is_right(&self) -> bool {
        !matches!(self, Self::Wrong(_))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right(1) => f.write_str("right (1 field)"),
            Self::Right(fields) => write!(f, "right ({fields} fields)"),
            Self::Gone => f.write_str("right (gone)"),
            Self::RightGuess => f.write_str("right, flagged as a guess"),
            Self::Wrong(what) => write!(f, "WRONG: {what}"),
        }
    }
}

/// The domain that an event type goes to, if any.
pub(super) fn domain_of(kind: &str) -> Option<&'static str> {
    match route(kind) {
        Route::Domain(domain) => Some(domain),
        Route::NoDomain(_) | Route::Unrouted => None,
    }
}

/// Whether the object has no item of its own: a connection to an application is kept on the account's item.
pub(super) fn is_kept_elsewhere(world: &World, key: &Key) -> bool {
    world.kind(key) == Some("application") && key.scope.account.is_some()
}

/// Where a domain keeps the object.
pub(super) fn projection_key(key: &Key) -> String {
    let account = key.scope.account.as_deref().unwrap_or("platform");
    let mode = if key.scope.livemode { "live" } else { "test" };
    // The simulated Stripe's name for a customer's summary of entitlements, which has no id at Stripe.
    let id = match key.id.strip_prefix(&entitlements_of("")) {
        Some(customer) => format!("entitlements:{customer}"),
        None => key.id.clone(),
    };
    format!("{account}#{mode}#{id}")
}

/// The object's status at Stripe and in its projection; a dash in place of both if Stripe gives it none.
pub(super) fn statuses(world: &World, key: &Key, document: Option<&Value>) -> (String, String) {
    let truth = world.object(key.scope.account.as_deref(), key.scope.livemode, &key.id);
    let truth = truth.as_ref().and_then(|object| object["status"].as_str());
    let kept = document.map(|document| &document["state"]);
    let deleted = "deleted".to_owned();
    let stripe = match world.is_deleted(key, Moment::End) {
        true => deleted.clone(),
        false => truth.unwrap_or("-").to_owned(),
    };
    let sluice = match kept {
        None => "nothing".to_owned(),
        Some(state) if is_gone(state) => deleted,
        Some(_) if stripe == "-" => stripe.clone(),
        Some(state) => state["status"].as_str().unwrap_or("-").to_owned(),
    };
    (stripe, sluice)
}

fn is_gone(state: &Value) -> bool {
    state["object"] == "gone" || state["status"] == "deleted"
}

/// Compares a projection's document with Stripe's object.
pub(super) fn verdict(world: &World, key: &Key, document: Option<&Value>) -> Verdict {
    let Some(document) = document else {
        return Verdict::Wrong("there is no projection".to_owned());
    };
    let state = &document["state"];
    if document.get("pending").is_some() {
        return Verdict::Wrong("effects are pending".to_owned());
    }
    let gone = world.is_deleted(key, Moment::End);
    if gone || is_gone(state) {
        return match gone == is_gone(state) {
            true => Verdict::Gone,
            false => Verdict::Wrong("one of them has deleted it".to_owned()),
        };
    }
    let truth = world.object(key.scope.account.as_deref(), key.scope.livemode, &key.id);
    match compare(state, &truth.unwrap_or_default()) {
        Err(field) => Verdict::Wrong(field),
        Ok(0) => Verdict::Wrong("nothing could be compared".to_owned()),
        Ok(_) if document["tie_unresolved"] == true => Verdict::RightGuess,
        Ok(fields) => Verdict::Right(fields),
    }
}

/// How many fields are equal, of those that both have; or the name of one that isn't. Stripe's lists are objects with
/// `data`, and a field that is an id here may be the whole object at Stripe.
fn compare(kept: &Value, truth: &Value) -> Result<usize, String> {
    let mut alike = 0;
    for (name, kept) in kept.as_object().into_iter().flatten() {
        let Some(truth) = truth.get(name) else {
            continue;
        };
        let of_list = truth.get("data").unwrap_or(truth);
        alike += match (kept, of_list) {
            (Value::Array(kept), Value::Array(truth)) if kept.iter().all(Value::is_object) => {
                if kept.len() != truth.len() {
                    return Err(format!("{name}: {} and {}", truth.len(), kept.len()));
                }
                let pairs = kept.iter().zip(truth);
                let alike = pairs.map(|(kept, truth)| compare(kept, truth));
                alike
                    .sum::<Result<usize, _>>()
                    .map_err(|what| format!("{name}/{what}"))?
            }
            (Value::Object(_), Value::Object(_)) => {
                compare(kept, truth).map_err(|what| format!("{name}/{what}"))?
            }
            (Value::Array(_) | Value::Object(_), _) => 0,
            (kept, truth) if kept == truth || *kept == truth["id"] => 1,
            (kept, truth) => return Err(format!("{name}: {truth} and {kept}")),
        };
    }
    Ok(alike)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_stripe_sim::world::BALANCE;
    use sluice_stripe_sim::{Options, Scope, Story};

    use super::*;

    #[test]
    fn fields_of_both_are_compared_through_lists_and_whole_objects_and_the_first_difference_is_named()
     {
        let truth = json!({
            "id": "sub_1", "status": "active", "customer": { "id": "cus_1" }, "latest_invoice": null,
            "items": { "object": "list", "data": [{ "quantity": 2, "price": { "id": "price_1" } }] },
        });
        let kept = |status: &str, quantity: u32| {
            let items = json!([{ "quantity": quantity, "price": "price_1", "product": "prod_1" }]);
            json!({ "id": "sub_1", "status": status, "customer": "cus_1", "items": items, "partial": false })
        };
        assert_eq!(compare(&kept("active", 2), &truth), Ok(5));
        assert_eq!(
            compare(&kept("incomplete", 2), &truth),
            Err("status: \"active\" and \"incomplete\"".to_owned())
        );
        assert_eq!(
            compare(&kept("active", 3), &truth),
            Err("items/quantity: 2 and 3".to_owned())
        );
    }

    #[test]
    fn a_projection_that_is_missing_unfinished_or_deleted_alone_is_wrong() {
        let mut world = World::new(1, Options::default());
        let made = world.play(Story::CustomerDeleted, &Scope::platform(false));
        let deleted = made.iter().find(|key| world.is_deleted(key, Moment::End));
        let deleted = deleted.expect("a customer who went");
        let there = json!({ "state": { "object": "customer", "id": deleted.id } });
        let gone = json!({ "state": { "object": "gone", "was": "customer" } });
        let pending = json!({ "state": { "object": "gone" }, "pending": [{}] });
        let right = |document| verdict(&world, deleted, document).is_right();
        assert!(right(Some(&gone)));
        assert!(!right(None) && !right(Some(&there)) && !right(Some(&pending)));
    }

    #[test]
    fn an_accounts_connection_to_an_application_is_judged_with_the_account() {
        let mut world = World::new(1, Options::default());
        world.connect(false);
        let elsewhere: Vec<_> = world
            .objects()
            .filter(|key| is_kept_elsewhere(&world, key))
            .collect();
        assert!(matches!(&elsewhere[..], [key] if key.id.starts_with("ca_")));
    }

    #[test]
    fn types_go_where_the_table_says_and_objects_are_kept_by_account_and_mode() {
        assert_eq!(domain_of("invoice.paid"), Some("billing"));
        assert_eq!(domain_of("treasury.received_credit.created"), None);
        assert_eq!(domain_of("nothing.known"), None);
        let key = |id: String| Key {
            scope: Scope {
                account: Some("acct_1".to_owned()),
                livemode: false,
            },
            id,
        };
        assert_eq!(
            projection_key(&key(BALANCE.to_owned())),
            "acct_1#test#balance"
        );
        let summary = key(entitlements_of("cus_1"));
        assert_eq!(projection_key(&summary), "acct_1#test#entitlements:cus_1");
    }
}
