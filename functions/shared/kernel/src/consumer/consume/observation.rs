//! What a message says about its object, as the consumer's steps pass it on.

use crate::bus::detail::EmitMode;
use crate::consumer::order::candidate::{Candidate, Source};
use crate::consumer::order::evidence::Evidence;
use crate::consumer::projection::Item;
use crate::effects::effect::Fact;
use crate::event::Event;

/// What a message says about its object.
pub(super) struct Observation<'a, S> {
    pub(super) object: String,
    pub(super) owner: Option<String>,
    pub(super) facts: Vec<Fact>,
    pub(super) candidate: Candidate<S>,
    /// The event shows only a part of the object.
    pub(super) is_partial: bool,
    pub(super) mode: EmitMode<'a>,
    pub(super) traceparent: &'a str,
    pub(super) is_check: bool,
    /// The value for `Stripe-Context`.
    pub(super) context: Option<&'a str>,
}

/// Whether Stripe was asked and its answer is no terminal state, although the item has an older terminal one.
pub(super) fn is_contradicted<S: Clone + PartialEq>(
    item: Option<&Item<S>>,
    fetched: &[Candidate<S>],
    observation: &Observation<'_, S>,
) -> bool {
    let mut answers = fetched.iter().chain([&observation.candidate]);
    item.is_some_and(|item| answers.any(|answer| item.evidence.is_contradicted_by(answer)))
}

/// Whether the state comes from an event that shows only a part of the object.
pub(super) fn is_partial<S: Clone + PartialEq>(
    evidence: &Evidence<S>,
    event: &Event,
    observation: &Observation<'_, S>,
) -> bool {
    let source = &evidence.head().candidate().source;
    observation.is_partial && matches!(source, Source::Event { id, .. } if *id == event.id)
}
