//! Which event types the stories contain.

use std::collections::BTreeSet;

use sluice_effects::stories::all;
use sluice_effects::{ApiVersion, place_of, types};

/// Types of the domains that no story contains: the stories prove nothing about them. Each family has other types
/// that stories do contain. A domain of which stories contain nothing is tested by its own crate alone, and isn't
/// listed.
const IN_NO_STORY: [&str; 6] = [
    // Stripe's own problems with an invoice, and notices before the invoice exists.
    "invoice.finalization_failed",
    "invoice.overpaid",
    "invoice.payment_action_required",
    "invoice.payment_attempt_required",
    "invoice.upcoming",
    "invoice.will_be_due",
];

#[test]
fn every_type_of_the_domains_is_in_a_story_except_those_that_are_named() {
    let played: BTreeSet<_> = all(3, ApiVersion::V2025_09_30)
        .into_iter()
        .flat_map(|(_, events)| events)
        .map(|event| event.kind)
        .collect();
    let with_stories: BTreeSet<_> = played.iter().filter_map(|kind| place_of(kind)).collect();
    let of_domains = types().filter(|(_, shape, place)| {
        *shape == "snapshot" && *place != "ledger" && with_stories.contains(place)
    });
    let in_no_story: Vec<_> = of_domains
        .map(|(kind, ..)| kind)
        .filter(|kind| !played.contains(*kind))
        .collect();
    assert_eq!(in_no_story, IN_NO_STORY);
    let unknown: Vec<_> = played
        .iter()
        .filter(|kind| place_of(kind).is_none())
        .collect();
    assert!(unknown.is_empty(), "no types of Stripe's: {unknown:?}");
    // And each has a thin event.
    let alone: Vec<_> = played
        .iter()
        .filter(|kind| place_of(&format!("v1.{kind}")).is_none())
        .collect();
    assert!(alone.is_empty(), "no thin twin: {alone:?}");
}
