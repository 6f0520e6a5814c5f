//! What is left of a projection after an erasure.

use serde_json::json;

use crate::code;
use crate::consumer::projection::{SCHEMA, Stored, forms};
use crate::domain::Domain;
use crate::event::{Event, Scope};
use crate::fault::Fault;

/// The result of erasing a projection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TombstoneOutcome {
    /// The document to write in its place.
    Document(String),
    /// It is a tombstone already.
    Already,
    /// Effects that these events caused are pending: receivers would never get them.
    Pending(Vec<String>),
    /// It can't be erased, for this reason: for the operator.
    Not(&'static str),
}

/// What is left of a projection: the domain's own state of a deleted object, its place in the order, and the ids of its
/// events and facts.
///
/// Nothing is written while effects are pending, since receivers would never get them. Nothing is written either while
/// the object gives something to its owner (a subscription that runs): only Stripe takes that away, not an erasure.
///
/// # Errors
/// As [`forms::read`], and `Reject` if the domain has no state for a deleted object.
pub fn write_tombstone<D: Domain>(
    object: &str,
    stored: &Stored,
    settings: &D::Settings,
) -> Result<TombstoneOutcome, Fault> {
    let mut item = forms::read::<D::State>(&stored.document)?;
    let state = json!(item.evidence.head().state());
    // A deleted object already says what it was.
    let kind = state["was"].as_str().or_else(|| state["object"].as_str());
    let gone = D::project(&deleted(object, kind.unwrap_or("subscription")))?.state;
    if !item.pending.is_empty() {
        let events = item.pending.into_iter().map(|effect| effect.event);
        return Ok(TombstoneOutcome::Pending(events.collect()));
    }
    if json!(gone) == state && item.evidence.terminal() {
        return Ok(TombstoneOutcome::Already);
    }
    // The state of the levels that receivers have: while levels are owed, an earlier one.
    let emitted = item.emitted.as_ref();
    let emitted = emitted.unwrap_or_else(|| item.evidence.head().state());
    let gives = !D::levels(Some(emitted), &gone, settings).is_empty();
    let is_empty = state["features"].as_array().is_some_and(Vec::is_empty);
    if gives && !item.evidence.terminal() && !is_empty {
        return Ok(TombstoneOutcome::Not(
            "it still gives access or readiness; end it in Stripe first",
        ));
    }
    item.evidence = item.evidence.tombstoned(&gone);
    item.derived = D::derived(&gone, settings);
    item.levels_owed = false;
    item.emitted = None;
    item.schema = SCHEMA;
    let document = serde_json::to_string(&item).map_err(|_| {
        Fault::reject(
            code::PROJECTION_UNWRITABLE,
            "the tombstone has no JSON form",
        )
    })?;
    Ok(TombstoneOutcome::Document(document))
}

/// An event that says only that the object is deleted.
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
