//! Facts that come after their object has moved on.

use super::*;

/// The overtaking status of each fact of a story's events, with the last event first: so the state is the story's end
/// from the first of them on.
fn overtaken(name: &str) -> BTreeSet<(String, Option<String>)> {
    let mut events = story(name);
    events.reverse();
    let played = play(&events);
    let status = |fact: &sluice_kernel::effects::effect::Pending| {
        let status = fact.detail["overtaken"]["status"].as_str();
        (fact.kind.clone(), status.map(str::to_owned))
    };
    for fact in played.facts.values() {
        check(fact).expect(name);
    }
    played.facts.values().map(status).collect()
}

fn has(name: &str, kind: &str, status: Option<&str>) {
    let facts = overtaken(name);
    let expected = (kind.to_owned(), status.map(str::to_owned));
    assert!(
        facts.contains(&expected),
        "{name}: {expected:?} in {facts:?}"
    );
}

#[test]
fn a_fact_that_comes_after_its_object_has_moved_on_says_so() {
    has("DeclinedThenPaid", "PaymentFailed", Some("succeeded"));
    has("PaymentCanceled", "PaymentFailed", Some("canceled"));
    has("RefundFailsLater", "Refunded", Some("failed"));
    has("RefundCanceledLater", "Refunded", Some("canceled"));
    has("InquiryClosed", "InquiryOpened", Some("warning_closed"));
    has("InquiryEscalated", "InquiryOpened", Some("lost"));
    has("DisputeLost", "DisputeOpened", Some("lost"));
    has("InquiryReopened", "DisputeClosed", Some("won"));
}

#[test]
fn a_fact_that_stands_says_nothing_of_the_kind() {
    has("DisputeLost", "DisputeClosed", None);
    has("RefundFailsLater", "RefundFailed", None);
    has("HoldReleased", "AuthorizationReleased", None);
    has("FullRefund", "Refunded", None);
    has("Purchase", "PaymentSucceeded", None);
    has("Purchase", "OrderPaid", None);
}

#[test]
fn a_fact_that_comes_in_its_time_says_nothing_of_the_kind() {
    for name in [
        "DeclinedThenPaid",
        "RefundFailsLater",
        "InquiryEscalated",
        "DisputeWon",
    ] {
        for fact in play(&story(name)).facts.values() {
            // If one event calls for facts of two moments, a fact may be late from the start.
            let both = fact.kind == "InquiryOpened" || fact.kind == "DisputeOpened";
            assert!(
                fact.detail.get("overtaken").is_none() || both,
                "{name}: {}",
                fact.id
            );
        }
    }
}
