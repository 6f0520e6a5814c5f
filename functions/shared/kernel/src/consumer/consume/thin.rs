//! Thin events and checks: the object that they name is fetched first.

use serde_json::{Value, json};

use super::apply::apply;
use super::asking::spent;
use super::observation::Observation;
use super::{Consumed, MISSING_AFTER_S, Ports, read_event, request_of, scope, ties};
use crate::bus::Bus;
use crate::bus::detail::{Message, UNGENERATED};
use crate::clock::Clock;
use crate::code;
use crate::consumer::fetch::{self, Fetch, Fetched, Objects, Proof, Time};
use crate::consumer::order::candidate::Candidate;
use crate::consumer::projection::Projections;
use crate::delivery::endpoint::Payload;
use crate::delivery::ledger::Bodies;
use crate::domain::Domain;
use crate::event::Event;
use crate::fault::Fault;
use crate::queue;

/// Handles a thin event: it names its object, and the object as it is now is used in place of a snapshot.
pub(super) async fn consume_thin<D: Domain>(
    ports: &Ports<'_, impl Projections, impl Bus, impl Bodies, impl Objects, D::Settings>,
    time: Time<'_, impl Clock>,
    message: &Message,
    kind: &str,
    body: &Value,
) -> Result<Consumed, Fault> {
    let Some(mut fetch) = Fetch::of_thin(body, scope(message)?, None) else {
        return Ok(Consumed::ignored(Some(code::THIN_NO_OBJECT)));
    };
    let is_check = message.tag.check;
    let is_ungenerated = is_check && body[UNGENERATED] == true;
    let payload = Payload::of(body["type"].as_str().unwrap_or(kind));
    if is_check && !is_ungenerated && payload == Payload::Snapshot {
        // A check has a thin event's form, and names a snapshot event that was seen.
        fetch.proof = Some(Proof::Snapshot(message.id.clone()));
    }
    if !time.is_enough_to_fetch(0) {
        return Err(queue::no_time());
    }
    let answer = match ports.objects.fetch(&fetch).await {
        Ok(Fetched::Found {
            object,
            whole,
            api_version,
            date_s,
            took_ms,
        }) => {
            let whole = whole.unwrap_or_else(|| object.clone());
            Ok((object, whole, api_version, date_s, took_ms))
        }
        Ok(Fetched::Deleted {
            object,
            date_s,
            took_ms,
        }) => {
            if object.is_none() {
                believe_missing(kind, message.tag.created, date_s)?;
            }
            let stub = json!({ "id": fetch.id, "object": fetch.kind, "deleted": true });
            let object = object.unwrap_or(stub);
            Ok((Value::Null, object, None, date_s, took_ms))
        }
        Ok(Fetched::NoKey) => Err(code::THIN_NO_KEY),
        Ok(Fetched::NoPath) => Err(code::THIN_NO_PATH),
        Ok(Fetched::Spent { wait_ms }) => return Err(spent(wait_ms)),
        // The event that says so is the platform's own: it proves nothing about a connected account, however often
        // Stripe is asked.
        Err(fault) if is_ungenerated && fault.code == code::STRIPE_DELETION_UNPROVEN => {
            Err(fault.code)
        }
        // The message would come back without success. Reconcile asks again as long as there is a tie.
        Err(fault) if is_check && !is_ungenerated && fetch::is_of_one_object(&fault) => {
            Err(fault.code)
        }
        Err(fault) => return Err(fault),
    };
    let (shown, object, api_version, date_s, took_ms) = match answer {
        Ok(answer) => answer,
        Err(note) => {
            let mut consumed = Consumed::ignored(Some(note));
            if is_check {
                let (projections, clock) = (ports.projections, time.clock);
                consumed.remarks = ties::without_an_answer::<D>(projections, clock, &fetch).await?;
            }
            return Ok(consumed);
        }
    };
    // A deleted object shows nothing.
    let deleted = shown.is_null();
    let event = Event {
        id: message.id.clone(),
        kind: kind.to_owned(),
        scope: fetch.scope,
        created: message.tag.created.unwrap_or(date_s),
        api_version: api_version.clone(),
        request: request_of(body),
        object,
        previous_attributes: None,
    };
    let Some((mut projected, mut facts)) = read_event::<D>(&event, kind)? else {
        return Ok(Consumed::ignored(Some(code::EVENT_UNROUTED)));
    };
    projected.terminal |= deleted;
    if is_check && !is_ungenerated {
        // The object shows its current state, and the event's type says nothing about that.
        facts.clear();
    }
    let observation = Observation {
        owner: D::owner(&projected.state),
        object: projected.object.clone(),
        facts,
        candidate: Candidate::fetched(&shown, api_version.as_deref(), date_s, took_ms, projected),
        is_partial: false,
        mode: message.tag.emit_mode(),
        traceparent: &message.tag.traceparent,
        is_check,
        context: fetch.context.as_deref(),
    };
    apply::<D>(ports, time, &event, &observation).await
}

/// Whether an object that Stripe doesn't have counts as deleted.
///
/// # Errors
/// `Retry` while the event is younger than [`MISSING_AFTER_S`] and doesn't say that the object is deleted.
fn believe_missing(kind: &str, created: Option<i64>, date_s: i64) -> Result<(), Fault> {
    let age_s = created.map_or(MISSING_AFTER_S, |created| date_s - created);
    if kind.ends_with(".deleted") || age_s >= MISSING_AFTER_S {
        return Ok(());
    }
    let cause = "Stripe doesn't have the object of an event that is seconds old";
    let wait_s = u64::try_from(MISSING_AFTER_S - age_s).unwrap_or(0);
    Err(Fault::retry(code::STRIPE_DELETION_UNPROVEN, cause).with_delay(wait_s * 1_000))
}
