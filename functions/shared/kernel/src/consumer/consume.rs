//! Applies one message to one domain: read → apply → emit → clear.
//!
//! Delivery guarantee: a message may come any number of times and in any order. The projection and the set of effects
//! by id end as if each event had come once. The steps and the failure windows between them:
//!
//! | a crash after | leaves | the redelivery |
//! |---|---|---|
//! | read | nothing | starts over |
//! | apply | the new state, its effects pending | finds itself in the history, emits what is pending, clears |
//! | emit | the same | emits again (receivers drop it by id), clears |
//! | clear | a finished item | finds itself in the history, acknowledges |
//!
//! Every delivery, whatever its outcome, emits everything pending before it is acknowledged: the event that caused an
//! effect may never be delivered again.

mod apply;
mod asking;
mod item;
mod observation;
mod thin;
pub(crate) mod ties;

use serde_json::Value;

use crate::bus::Bus;
use crate::bus::detail::{BodyPlace, Message};
use crate::clock::Clock;
use crate::code::{self, Code};
use crate::consumer::fetch::{self, Objects, Time};
use crate::consumer::order::candidate::Candidate;
use crate::consumer::projection::Projections;
use crate::delivery::ledger::Bodies;
use crate::domain::{Domain, Lacks, Projected};
use crate::effects::effect::Fact;
use crate::event::{Event, Scope};
use crate::fault::{Class, Fault};
use crate::outcome::{Finding, Outcome};

use apply::apply;
use asking::fetch_facts;
use observation::Observation;
use thin::consume_thin;

pub(crate) use item::{Place, contended, emit_pending, read, write};

/// How often a write is decided again after a conflict, before the message goes back to its queue.
pub const CONFLICTS_MAX: u32 = 8;

/// How often Stripe is asked about one tie: at once, and once more when the tie's second has passed.
pub const FETCHES_MAX: usize = 2;

/// A missing object counts as deleted if the event that names it is at least this old, in seconds, or reports a
/// deletion. An object that was just created may not be readable everywhere yet.
pub const MISSING_AFTER_S: i64 = 60;

/// The ports that a consumer needs.
#[derive(Debug)]
pub struct Ports<'a, P, B, L, O, S> {
    /// The domain's own table.
    pub projections: &'a P,
    /// Where effects go.
    pub bus: &'a B,
    /// Bodies of events that travel as pointers.
    pub bodies: &'a L,
    /// Stripe's objects in their current state.
    pub objects: &'a O,
    /// The domain's settings.
    pub settings: &'a S,
}

/// The result of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumed {
    /// What the domain did with the event.
    pub outcome: Outcome,
    /// What reconcile and operators have to know about the object.
    pub remarks: Vec<Finding>,
    /// A code for the log, if there is more to say: `thin.no_key`, `order.tie_unresolved`, `event.unrouted`.
    pub note: Option<Code>,
    /// The kinds of the emitted effects, one for each emission.
    pub emitted: Vec<String>,
}

impl Consumed {
    fn ignored(note: Option<Code>) -> Self {
        Self {
            outcome: Outcome::Ignored,
            emitted: Vec::new(),
            remarks: Vec::new(),
            note,
        }
    }
}

/// Applies one message to the domain's projection, in an invocation that ends at `deadline_ms`.
///
/// # Errors
/// `Retry` if it may work later, `Reject` if it never will.
pub async fn consume<D: Domain>(
    ports: &Ports<'_, impl Projections, impl Bus, impl Bodies, impl Objects, D::Settings>,
    clock: &impl Clock,
    message: &Message,
    deadline_ms: i64,
) -> Result<Consumed, Fault> {
    // A thin event of a v1 object has the type of its snapshot, with `v1.` before it.
    let kind = message.kind.strip_prefix("v1.").unwrap_or(&message.kind);
    if !D::handles(kind) {
        return Ok(Consumed::ignored(None));
    }
    let body = read_body(ports.bodies, clock, message).await?;
    let body = body.as_ref().unwrap_or(&message.event);
    let time = Time { clock, deadline_ms };
    if body.get("object").and_then(Value::as_str) == Some("v2.core.event") {
        return consume_thin::<D>(ports, time, message, kind, body).await;
    }
    let event = snapshot(message, body)?;
    let context = fetch::context_of(body, &event.scope);
    let Some((projected, facts)) = read_event::<D>(&event, kind)? else {
        return Ok(Consumed::ignored(Some(code::EVENT_UNROUTED)));
    };
    let lacks = D::lacks(&event);
    let observation = Observation {
        owner: D::owner(&projected.state),
        object: projected.object.clone(),
        facts,
        candidate: Candidate::of_event::<D>(&event, projected),
        is_partial: lacks == Lacks::State,
        mode: message.tag.emit_mode(),
        traceparent: &message.tag.traceparent,
        is_check: false,
        context: context.as_deref(),
    };
    let mut consumed = apply::<D>(ports, time, &event, &observation).await?;
    if lacks != Lacks::Facts {
        return Ok(consumed);
    }
    // The event's own content is applied by now: it never waits for an answer of Stripe.
    match fetch_facts::<D>(ports.objects, time, &event, &observation).await? {
        None => consumed.note = consumed.note.or(Some(code::OBJECT_FACTS_LACKING)),
        Some((candidate, facts)) => {
            let observation = Observation {
                candidate,
                facts,
                ..observation
            };
            let more = apply::<D>(ports, time, &event, &observation).await?;
            consumed.emitted.extend(more.emitted);
            // The first step may have found everything: the second then finds nothing left to resolve.
            if !more.remarks.is_empty() {
                consumed.remarks = more.remarks;
            }
            consumed.note = more.note;
        }
    }
    Ok(consumed)
}

/// The event from the ledger, if the message is a pointer to it.
pub(crate) async fn read_body(
    bodies: &impl Bodies,
    clock: &impl Clock,
    message: &Message,
) -> Result<Option<Value>, Fault> {
    if message.tag.body == BodyPlace::Inline {
        return Ok(None);
    }
    let body = bodies
        .body(&message.id, clock.now_ms())
        .await?
        .ok_or_else(|| {
            let cause = "the ledger has no whole body of the event any more";
            Fault::reject(code::LEDGER_BODY_MISSING, cause)
        })?;
    let event = serde_json::from_slice(&body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let cause = format!("the stored body can't be read at line {line} column {column}");
        Fault::reject(code::EVENT_NOT_JSON, cause)
    })?;
    Ok(Some(event))
}

pub(crate) fn scope(message: &Message) -> Result<Scope, Fault> {
    let livemode = message.tag.livemode.ok_or_else(|| {
        Fault::reject(code::EVENT_NO_LIVEMODE, "the event has no boolean livemode")
    })?;
    Ok(Scope {
        account: message.tag.account.clone(),
        livemode,
    })
}

fn snapshot(message: &Message, body: &Value) -> Result<Event, Fault> {
    let created = body.get("created").and_then(Value::as_i64).ok_or_else(|| {
        Fault::reject(
            code::EVENT_NO_CREATED,
            "the event has no whole-second created",
        )
    })?;
    let object = body
        .pointer("/data/object")
        .filter(|object| object.is_object())
        .ok_or_else(|| Fault::reject(code::EVENT_NO_OBJECT, "the event has no data.object"))?;
    let previous = body.pointer("/data/previous_attributes");
    Ok(Event {
        id: message.id.clone(),
        kind: message.kind.clone(),
        scope: scope(message)?,
        created,
        api_version: body
            .get("api_version")
            .and_then(Value::as_str)
            .map(str::to_owned),
        request: request_of(body),
        object: object.clone(),
        previous_attributes: previous.filter(|previous| previous.is_object()).cloned(),
    })
}

/// The id of the request that caused an event: `request.id`, which was `request` until API version 2017-05-25, or a
/// thin event's `reason.request.id`.
pub(crate) fn request_of(body: &Value) -> Option<String> {
    let id = |path| body.pointer(path).and_then(Value::as_str);
    let found = id("/request/id").or_else(|| id("/request"));
    found
        .or_else(|| id("/reason/request/id"))
        .map(str::to_owned)
}

type Read<S> = (Projected<S>, Vec<Fact>);

/// What the domain reads in an event. `None` if the domain can't read it and the routing table doesn't have its type:
/// the type has an object's prefix and is about something else.
fn read_event<D: Domain>(event: &Event, kind: &str) -> Result<Option<Read<D::State>>, Fault> {
    let read = D::project(event).and_then(|projected| Ok((projected, D::facts(event)?)));
    match read {
        Err(fault) if fault.class == Class::Reject && !D::knows(kind) => Ok(None),
        read => read.map(Some),
    }
}
