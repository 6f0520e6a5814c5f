//! Puts a tombstone in a projection's place.

use sluice_adapters::projections::DynamoProjections;
use sluice_domains::{Visit, by_name};
use sluice_kernel::consumer::projection::{Projections, Stored};
use sluice_kernel::domain::Domain;
use sluice_kernel::erase::{TombstoneOutcome, write_tombstone};
use sluice_kernel::fault::Fault;

use super::find::object_of;
use crate::problem::Problem;
use crate::stack::Stack;

/// How often the write of a tombstone is decided again because a function was faster.
const CONFLICTS_MAX: usize = 8;

/// Writes a tombstone. If `does_it` is false, only says whether it would.
pub(super) async fn write(
    stack: &Stack,
    domain: &str,
    key: &str,
    does_it: bool,
) -> Result<TombstoneOutcome, Problem> {
    let table = DynamoProjections::new(stack.aws.sdk(), stack.table(domain)?.to_owned());
    for _ in 0..CONFLICTS_MAX {
        let Some(stored) = table.get(key).await? else {
            return Ok(TombstoneOutcome::Already);
        };
        let tombstone = match of_domain(stack, domain, object_of(key), &stored)? {
            None => {
                return Ok(TombstoneOutcome::Not(
                    "this program doesn't know its domain: build it with the domain's code",
                ));
            }
            // Nothing is known of its content, so it stays as it is.
            Some(Err(fault)) => return Ok(TombstoneOutcome::Not(fault.code.as_str())),
            Some(Ok(tombstone)) => tombstone,
        };
        let TombstoneOutcome::Document(document) = &tombstone else {
            return Ok(tombstone);
        };
        // It has no owner: no list of the customer's shows it any more.
        if !does_it || table.put(key, stored.version, document, None).await? {
            return Ok(tombstone);
        }
    }
    Ok(TombstoneOutcome::Not(
        "its function keeps writing it; again in a moment",
    ))
}

/// The tombstone as its domain makes it; `None` for a domain that this program doesn't know.
fn of_domain(
    stack: &Stack,
    domain: &str,
    object: &str,
    stored: &Stored,
) -> Result<Option<Result<TombstoneOutcome, Fault>>, Problem> {
    struct Entomb<'a>(&'a Stack, &'a str, &'a Stored);

    impl Visit for Entomb<'_> {
        type Output = Result<Result<TombstoneOutcome, Fault>, Problem>;

        fn visit<D: Domain>(self) -> Self::Output {
            let Self(stack, object, stored) = self;
            let settings = stack.settings::<D>()?;
            Ok(write_tombstone::<D>(object, stored, &settings))
        }
    }

    by_name(domain, Entomb(stack, object, stored)).transpose()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sluice_kernel::consumer::projection::forms;

    use super::*;

    /// A projection of an object in this state, after a function's first write.
    fn stored(domain: &str, state: Value, terminal: bool) -> Stored {
        struct Read<'a>(&'a str);

        impl Visit for Read<'_> {
            type Output = bool;

            fn visit<D: Domain>(self) -> bool {
                forms::read::<D::State>(self.0).is_ok()
            }
        }

        let document = json!({
            "schema": 1, "state": state, "history": ["evt_1"], "facts": ["InvoicePaid#platform#live#in_1"],
            "evidence": { "terminal": terminal, "created": 5, "event": "evt_1" },
        });
        let is_read = by_name(domain, Read(&document.to_string()));
        assert_eq!(is_read, Some(true), "a state of {domain}: {document}");
        Stored {
            version: 1,
            document: document.to_string(),
        }
    }

    fn tombstoned(domain: &str, object: &str, stored: &Stored) -> Result<TombstoneOutcome, Fault> {
        let made = of_domain(&Stack::for_tests(), domain, object, stored);
        made.expect("its settings").expect("a domain")
    }

    /// What is left. It has to be a projection that the domain reads and that is a tombstone already.
    fn left(domain: &str, object: &str, state: Value, terminal: bool) -> Value {
        let made = tombstoned(domain, object, &stored(domain, state, terminal));
        let Ok(TombstoneOutcome::Document(document)) = made else {
            panic!("{object} is not tombstoned");
        };
        let again = Stored {
            version: 2,
            document,
        };
        assert_eq!(
            tombstoned(domain, object, &again),
            Ok(TombstoneOutcome::Already)
        );
        serde_json::from_str(&again.document).expect("JSON")
    }

    #[test]
    fn of_every_domain_a_tombstone_is_left_in_its_place_in_the_order() {
        let all = [
            left(
                "payments",
                "ch_1",
                json!({ "object": "charge", "status": "succeeded", "amount": 1, "customer": "cus_1" }),
                false,
            ),
            left(
                "billing",
                "in_1",
                json!({ "object": "invoice", "status": "open", "customer": "cus_1" }),
                false,
            ),
            left(
                "connect",
                "po_1",
                json!({ "object": "payout", "id": "po_1", "status": "paid", "destination": "ba_1" }),
                false,
            ),
            left(
                "subscriptions",
                "cus_1",
                json!({ "object": "customer", "id": "cus_1", "delinquent": false }),
                false,
            ),
        ];
        for left in all {
            assert_eq!(
                (&left["second"], &left["terminal"], &left["history"]),
                (&json!(5), &json!(true), &json!(["evt_1"]))
            );
            assert_eq!(left["facts"], json!(["InvoicePaid#platform#live#in_1"]));
            assert!(
                left["members"][0]["after"].is_string() || left["members"][0]["after"].is_number()
            );
            let state = left["state"].to_string();
            assert!(
                !state.contains("amount")
                    && !state.contains("destination")
                    && !state.contains("customer\":"),
                "{state}"
            );
        }
    }

    #[test]
    fn of_a_domain_that_is_not_known_nothing_is_made() {
        let charge = stored(
            "payments",
            json!({ "object": "charge", "status": "failed" }),
            true,
        );
        let made = of_domain(&Stack::for_tests(), "unbuilt", "ch_1", &charge);
        assert!(matches!(made, Ok(None)));
    }

    #[test]
    fn what_still_gives_access_is_not_erased_and_what_gave_it_is() {
        let subscription = |status: &str| {
            json!({ "object": "subscription", "id": "sub_1", "customer": "cus_1", "status": status,
                "items": [{ "price": "price_1", "product": "prod_1" }], "current_period_end": 4_000_000_000_i64 })
        };
        let running = stored("subscriptions", subscription("active"), false);
        assert!(matches!(
            tombstoned("subscriptions", "sub_1", &running),
            Ok(TombstoneOutcome::Not(_))
        ));
        left("subscriptions", "sub_1", subscription("canceled"), true);
        let summary = json!({ "object": "entitlements.active_entitlement_summary", "customer": "cus_1", "features": [] });
        left("subscriptions", "cus_1", summary, false);
    }

    #[test]
    fn what_has_effects_pending_waits_and_says_which_events_called_for_them() {
        let mut one = stored(
            "payments",
            json!({ "object": "charge", "status": "failed" }),
            true,
        );
        let mut document: Value = serde_json::from_str(&one.document).expect("JSON");
        document["pending"] =
            json!([{ "id": "f", "kind": "Refunded", "event": "evt_1", "detail": {} }]);
        one.document = document.to_string();
        assert_eq!(
            tombstoned("payments", "ch_1", &one),
            Ok(TombstoneOutcome::Pending(vec!["evt_1".to_owned()]))
        );
    }
}
