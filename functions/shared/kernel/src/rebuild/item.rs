//! An object's item during a rebuild or an import: it is written at the version that was read, its levels are emitted
//! or owed, and a guess is recorded.

use crate::bus::detail::EmitMode;
use crate::bus::{Bus, trace};
use crate::clock::Clock;
use crate::consumer::consume::{self, Place, ties};
use crate::consumer::order::evidence::Evidence;
use crate::consumer::projection::{self, Input, Item, Projections};
use crate::domain::Domain;
use crate::event::Event;
use crate::fault::Fault;
use crate::outcome::Outcomes;

/// An object's item as it was read.
pub(super) struct There<'a, D: Domain> {
    pub(super) key: &'a str,
    pub(super) owner: Option<&'a str>,
    pub(super) item: Option<&'a Item<D::State>>,
    pub(super) version: u64,
}

impl<D: Domain> There<'_, D> {
    /// Writes new evidence, and emits or owes the levels. `Ok(false)` if another write was first.
    pub(super) async fn write(
        &self,
        (projections, bus): (&impl Projections, &impl Bus),
        settings: &D::Settings,
        clock: &impl Clock,
        event: &Event,
        evidence: Evidence<D::State>,
        emits: bool,
    ) -> Result<bool, Fault> {
        let input = Input::<D> {
            event,
            mode: if emits {
                EmitMode::Normal
            } else {
                EmitMode::Suppressed
            },
            evidence,
            // A fact that was never emitted is emitted when its event is replayed.
            facts: &[],
            settings,
            now_ms: clock.now_ms(),
        };
        let step = projection::step(self.item, self.version, input);
        let owner = self
            .owner
            .map(|owner| projection::owner_key(&event.scope, owner));
        let place = Place {
            key: self.key,
            owner: owner.as_deref(),
        };
        let (item, version) = match step.write {
            None => (self.item.cloned(), self.version),
            Some(item) => {
                if !consume::write(projections, place, self.version, &item).await? {
                    return Ok(false);
                }
                (Some(item), self.version + 1)
            }
        };
        if let Some(item) = item.filter(|item| emits && !item.pending.is_empty()) {
            let traceparent = trace::of_invocation(None, &format!("{:x}", clock.now_ms()));
            let tables = (projections, bus);
            consume::emit_pending::<D>(tables, place, version, item, &traceparent).await?;
        }
        Ok(true)
    }

    /// Records a guess as a tie, like a message that leaves one: reconcile has the domain check the object. Each run
    /// that finds the guess records it, since an earlier run may have died.
    pub(super) async fn note(
        &self,
        outcomes: &impl Outcomes,
        clock: &impl Clock,
        event: &Event,
        object: &str,
    ) -> Result<(), Fault> {
        // An event of the object, if there is one, proves that the object existed.
        let mut history = self.item.iter().flat_map(|item| &item.history).rev();
        let known = history.find(|id| id.starts_with("evt_"));
        let event = Event {
            id: known.unwrap_or(&event.id).clone(),
            ..event.clone()
        };
        match ties::noted::<D>(&event, object, clock.now_ms()) {
            Some(tie) => outcomes.remark(&tie).await,
            None => Ok(()),
        }
    }
}
