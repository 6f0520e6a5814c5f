//! An object's item in the domain's table: it is read, written at the version that was read, and cleared of emitted
//! effects.

use super::CONFLICTS_MAX;
use crate::bus::{Bus, PublishRefusal};
use crate::code;
use crate::consumer::projection::{self, Item, Projections, Stored, forms};
use crate::domain::Domain;
use crate::effects::effect::{self, Pending};
use crate::fault::{Fault, Pace};

/// Where an object's item is.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) key: &'a str,
    pub(crate) owner: Option<&'a str>,
}

pub(crate) fn contended() -> Fault {
    let cause = format!("{CONFLICTS_MAX} writes in a row met another's");
    Fault::retry(code::PROJECTION_CONTENDED, cause).paced(Pace::Contention)
}

/// Publishes all effects that are pending in an item that was just read or written, and removes them from the item.
pub(crate) async fn emit_pending<D: Domain>(
    (projections, bus): (&impl Projections, &impl Bus),
    place: Place<'_>,
    version: u64,
    item: Item<D::State>,
    traceparent: &str,
) -> Result<(), Fault> {
    let emitted = emit(bus, &item.pending, traceparent).await?;
    clear::<D>(projections, place, version, item, &emitted).await
}

/// Publishes effects; returns their ids.
async fn emit(
    bus: &impl Bus,
    pending: &[Pending],
    traceparent: &str,
) -> Result<Vec<String>, Fault> {
    let entries: Vec<_> = pending
        .iter()
        .map(|effect| effect::outgoing(effect, traceparent))
        .collect();
    let results = bus.publish(&entries).await;
    if results.len() != entries.len() {
        return Err(Fault::retry(
            code::EFFECT_NOT_PUBLISHED,
            "the bus gave fewer results than entries",
        ));
    }
    for result in results {
        // Effects that the bus accepted stay pending too and are emitted again: receivers drop them by id.
        if let Err(PublishRefusal::Form { cause } | PublishRefusal::Later { cause }) = result {
            return Err(Fault::retry(code::EFFECT_NOT_PUBLISHED, cause));
        }
    }
    Ok(pending.iter().map(|effect| effect.id.clone()).collect())
}

/// Removes exactly the emitted effects from the item. If this fails, the message must come back: an item with pending
/// effects that no delivery touches again would keep them for ever.
async fn clear<D: Domain>(
    projections: &impl Projections,
    place: Place<'_>,
    version: u64,
    item: Item<D::State>,
    emitted: &[String],
) -> Result<(), Fault> {
    let mut current = (Some(item), version);
    for _ in 0..CONFLICTS_MAX {
        let Some(cleared) = current
            .0
            .as_ref()
            .and_then(|item| projection::clear(item, emitted))
        else {
            return Ok(());
        };
        if write(projections, place, current.1, &cleared).await? {
            return Ok(());
        }
        current = read::<D>(projections, place.key).await?;
    }
    Err(contended())
}

pub(crate) type Versioned<S> = (Option<Item<S>>, u64);

pub(crate) async fn read<D: Domain>(
    projections: &impl Projections,
    key: &str,
) -> Result<Versioned<D::State>, Fault> {
    let Some(Stored { version, document }) = projections.get(key).await? else {
        return Ok((None, 0));
    };
    let item = forms::read(&document)?;
    Ok((Some(item), version))
}

pub(crate) async fn write<S: serde::Serialize + Clone + PartialEq>(
    projections: &impl Projections,
    place: Place<'_>,
    expected: u64,
    item: &Item<S>,
) -> Result<bool, Fault> {
    let document = serde_json::to_string(item).map_err(|_| {
        Fault::reject(
            code::PROJECTION_UNWRITABLE,
            "the domain's state has no JSON form",
        )
    })?;
    projections
        .put(place.key, expected, &document, place.owner)
        .await
}
