//! Ties after a message: recorded while a state is a guess or partial, and resolved once it is neither.
//!
//! A tie is dated after the write that it describes, and a resolution before the read that it rests on. If a tie and a
//! resolution cross on their way, the tie stands unless its state was part of what the resolution saw. A lost
//! resolution leaves one tie too many, and reconcile's next check of the object resolves it.

use super::item;
use crate::clock::Clock;
use crate::consumer::fetch::Fetch;
use crate::consumer::order::evidence::Head;
use crate::consumer::projection::{self, Projections};
use crate::domain::Domain;
use crate::event::{Event, Scope};
use crate::fault::Fault;
use crate::outcome::{Finding, Resolved, Tie};

/// A tie or partial state that remains. Every delivery that finds it records it, since an earlier one may have died.
pub(crate) fn noted<D: Domain>(event: &Event, object: &str, at_ms: i64) -> Option<Finding> {
    let fetch = Fetch::of_snapshot(event)?;
    Some(Finding::Tie(Tie {
        scope: event.scope.clone(),
        domain: D::NAME.to_owned(),
        object: object.to_owned(),
        object_kind: fetch.kind,
        parent: fetch.parent,
        event: event.id.clone(),
        kind: event.kind.clone(),
        at_ms,
    }))
}

/// The object has no tie any more, as it was read after `before_ms`.
pub(super) fn resolved<D: Domain>(scope: &Scope, object: &str, before_ms: i64) -> Finding {
    Finding::Resolved(Resolved {
        scope: scope.clone(),
        domain: D::NAME,
        object: object.to_owned(),
        before_ms,
    })
}

/// Whether the state is neither a guess nor partial.
fn is_settled<D: Domain>(head: &Head<'_, D::State>) -> bool {
    head.is_decided() && D::is_whole(head.state())
}

/// Whether a message resolves a tie that its object may have: it decided a guess, completed a partial state, or asked
/// Stripe because of a tie. An event of an object without a tie costs nothing.
pub(super) fn resolves<D: Domain>(
    before: Option<&Head<'_, D::State>>,
    after: &Head<'_, D::State>,
    is_check: bool,
) -> bool {
    let was_open = before.is_some_and(|before| !is_settled::<D>(before));
    after.is_decided() && (is_check || was_open && is_settled::<D>(after))
}

/// What remains after a check of an object that Stripe can't be asked for. The tie stands, unless an event has decided
/// the state by now and its resolution was lost.
pub(super) async fn without_an_answer<D: Domain>(
    projections: &impl Projections,
    clock: &impl Clock,
    fetch: &Fetch,
) -> Result<Vec<Finding>, Fault> {
    let Some(object) = &fetch.id else {
        return Ok(Vec::new());
    };
    let before_ms = clock.now_ms();
    let key = projection::key(&fetch.scope, object);
    let (item, _) = item::read::<D>(projections, &key).await?;
    let item = item.filter(|item| is_settled::<D>(&item.evidence.head()));
    let remark = item.map(|_| resolved::<D>(&fetch.scope, object, before_ms));
    Ok(remark.into_iter().collect())
}
