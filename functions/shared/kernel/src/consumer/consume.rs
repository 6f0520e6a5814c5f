//! One message to one domain: read → apply → emit → clear.
//!
//! Delivery guarantee: a message may come any number of times and in any order; the projection and the set of effects
//! by id end as if each event had come once. The steps and the windows between them:
//!
//! | a crash after | leaves | the redelivery |
//! |---|---|---|
//! | read | nothing | starts over |
//! | apply | the new state, its effects pending | finds itself in the history, emits what is pending, clears |
//! | emit | the same | emits again (receivers drop it by id), clears |
//! | clear | a finished item | finds itself in the history, acknowledges |
//!
//! Every delivery, whatever its outcome, emits everything pending before it is acknowledged: the event that called for
//! an effect may never be delivered again.

mod asking;
mod item;
pub(crate) mod ties;

use serde_json::{Value, json};

use crate::bus::Bus;
use crate::bus::detail::{self, BodyPlace, Manner, Message, UNGENERATED};
use crate::clock::Clock;
use crate::consumer::fetch::{self, DELETION_UNPROVEN, Fetch, Fetched, Objects, Proof, Time};
use crate::consumer::order::candidate::{Candidate, Source};
use crate::consumer::order::evidence::Evidence;
use crate::consumer::projection::{self, Input, Item, Projections};
use crate::delivery::endpoint::Payload;
use crate::delivery::ledger::Bodies;
use crate::domain::{Domain, Lacks, Projected};
use crate::effects::effect::Fact;
use crate::event::{Event, Scope};
use crate::fault::{Class, Fault};
use crate::outcome::{Drift, Outcome, Remark};
use crate::queue;

use asking::{Settled, fetch_facts, settle, spent, wait_ms};
pub(crate) use item::{Place, contended, emit_pending, read, write};

/// How often a write that met another's is decided afresh before the message goes back to its queue.
pub const CONFLICTS_MAX: u32 = 8;

/// How often Stripe is asked about one tie: at once, and once more when the tie's second is over.
pub const FETCHES_MAX: usize = 2;

/// The code of an event of a type that nobody has decided about.
pub const UNROUTED: &str = "event.unrouted";

/// The code of a check that found the projection to differ from Stripe's object, and mended it.
pub const DRIFTED: &str = "check.drifted";

/// The code of an answer of Stripe's API that is no terminal state, of an object whose state here is terminal and older. The
/// terminal state stays: see [`crate::rebuild`] for how to replace it.
pub const CONTRADICTED: &str = "check.terminal_contradicted";

/// A missing object is believed to be deleted when the event that names it is at least this old, in seconds, or tells of a
/// deletion: an object that was just created may not be readable everywhere yet.
pub const MISSING_AFTER_S: i64 = 60;

/// The code of an event that says that there are facts, and not which, when Stripe can't be asked.
pub const FACTS_LACKING: &str = "object.facts_lacking";

/// The code of a state that is only a part of Stripe's object, when Stripe couldn't be asked for the rest.
pub const PARTIAL: &str = "object.partial";

/// The ports that a consumer needs.
#[derive(Debug)]
pub struct Ports<'a, P, B, L, O, S> {
    /// The domain's own table.
    pub projections: &'a P,
    /// Where effects go.
    pub bus: &'a B,
    /// Bodies of events that travel as pointers.
    pub bodies: &'a L,
    /// Stripe's objects as they are.
    pub objects: &'a O,
    /// The domain's settings.
    pub settings: &'a S,
}

/// What a message came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumed {
    /// What the domain made of the event.
    pub outcome: Outcome,
    /// What reconcile and operators have to know of the object.
    pub remarks: Vec<Remark>,
    /// A code for the log, where there is more to say: `thin.no_key`, `order.tie_unresolved`, `event.unrouted`.
    pub note: Option<&'static str>,
    /// The kinds of the effects that were emitted, each as often as it was.
    pub emitted: Vec<String>,
}

impl Consumed {
    fn ignored(note: Option<&'static str>) -> Self {
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
/// `Retry` where it may work later, `Reject` where it never will.
pub async fn consume<D: Domain>(
    ports: &Ports<'_, impl Projections, impl Bus, impl Bodies, impl Objects, D::Settings>,
    clock: &impl Clock,
    message: &Message,
    deadline_ms: i64,
) -> Result<Consumed, Fault> {
    // A thin event of a v1 object is of the same type as its snapshot, with `v1.` before it.
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
        return Ok(Consumed::ignored(Some(UNROUTED)));
    };
    let lacks = D::lacks(&event);
    let told = Told {
        owner: D::owner(&projected.state),
        object: projected.object.clone(),
        facts,
        candidate: Candidate::of_event::<D>(&event, projected),
        is_partial: lacks == Lacks::State,
        manner: message.tag.manner(),
        traceparent: &message.tag.traceparent,
        is_check: false,
        context: context.as_deref(),
    };
    let mut consumed = apply::<D>(ports, time, &event, &told).await?;
    if lacks != Lacks::Facts {
        return Ok(consumed);
    }
    // What the event itself says is applied by now: it never waits for what Stripe has to be asked.
    match fetch_facts::<D>(ports.objects, time, &event, &told).await? {
        None => consumed.note = consumed.note.or(Some(FACTS_LACKING)),
        Some((candidate, facts)) => {
            let told = Told {
                candidate,
                facts,
                ..told
            };
            let more = apply::<D>(ports, time, &event, &told).await?;
            consumed.emitted.extend(more.emitted);
            // What the first step found may be all: the second finds nothing left to resolve.
            if !more.remarks.is_empty() {
                consumed.remarks = more.remarks;
            }
            consumed.note = more.note;
        }
    }
    Ok(consumed)
}

/// The event from the ledger, where the message is a pointer to it.
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
            Fault::reject("ledger.body_missing", cause)
        })?;
    let event = serde_json::from_slice(&body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let cause = format!("the stored body can't be read at line {line} column {column}");
        Fault::reject(detail::NOT_READABLE, cause)
    })?;
    Ok(Some(event))
}

pub(crate) fn scope(message: &Message) -> Result<Scope, Fault> {
    let livemode = message
        .tag
        .livemode
        .ok_or_else(|| Fault::reject("event.no_livemode", "the event has no boolean livemode"))?;
    Ok(Scope {
        account: message.tag.account.clone(),
        livemode,
    })
}

fn snapshot(message: &Message, body: &Value) -> Result<Event, Fault> {
    let created = body.get("created").and_then(Value::as_i64).ok_or_else(|| {
        Fault::reject("event.no_created", "the event has no whole-second created")
    })?;
    let object = body
        .pointer("/data/object")
        .filter(|object| object.is_object())
        .ok_or_else(|| Fault::reject("event.no_object", "the event has no data.object"))?;
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

/// The id of the request that caused an event: `request.id`, which was `request` until API version 2017-05-25, and
/// `reason.request.id` of a thin event.
pub(crate) fn request_of(body: &Value) -> Option<String> {
    let id = |path| body.pointer(path).and_then(Value::as_str);
    let found = id("/request/id").or_else(|| id("/request"));
    found
        .or_else(|| id("/reason/request/id"))
        .map(str::to_owned)
}

/// A thin event names its object, and the object as it is now takes the place of a snapshot.
async fn consume_thin<D: Domain>(
    ports: &Ports<'_, impl Projections, impl Bus, impl Bodies, impl Objects, D::Settings>,
    time: Time<'_, impl Clock>,
    message: &Message,
    kind: &str,
    body: &Value,
) -> Result<Consumed, Fault> {
    let Some(mut fetch) = Fetch::of_thin(body, scope(message)?, None) else {
        return Ok(Consumed::ignored(Some("thin.no_object")));
    };
    let is_check = message.tag.check;
    let is_ungenerated = is_check && body[UNGENERATED] == true;
    let payload = Payload::of(body["type"].as_str().unwrap_or(kind));
    if is_check && !is_ungenerated && payload == Payload::Snapshot {
        // It has a thin event's form, and names a snapshot event that was seen.
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
        Ok(Fetched::NoKey) => Err("thin.no_key"),
        Ok(Fetched::NoPath) => Err("thin.no_path"),
        Ok(Fetched::Spent { wait_ms }) => return Err(spent(wait_ms)),
        // What says so is the platform's own event: it proves nothing of a connected account, however often it is asked.
        Err(fault) if is_ungenerated && fault.code == DELETION_UNPROVEN => Err(fault.code),
        // The message would come back in vain. Reconcile asks again for as long as there is a tie.
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
    // Nothing is shown of what is gone.
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
        return Ok(Consumed::ignored(Some(UNROUTED)));
    };
    projected.terminal |= deleted;
    if is_check && !is_ungenerated {
        // The object is as it is by now, and the event's type says nothing of that.
        facts.clear();
    }
    let told = Told {
        owner: D::owner(&projected.state),
        object: projected.object.clone(),
        facts,
        candidate: Candidate::fetched(&shown, api_version.as_deref(), date_s, took_ms, projected),
        is_partial: false,
        manner: message.tag.manner(),
        traceparent: &message.tag.traceparent,
        is_check,
        context: fetch.context.as_deref(),
    };
    apply::<D>(ports, time, &event, &told).await
}

/// Whether an object that Stripe doesn't have is to be taken for deleted.
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
    Err(Fault::retry(DELETION_UNPROVEN, cause).with_delay(wait_s * 1_000))
}

type Read<S> = (Projected<S>, Vec<Fact>);

/// What the domain reads in an event. `None` where it can't, and nobody has decided about events of this type: it came with
/// an object's prefix and is about something else.
fn read_event<D: Domain>(event: &Event, kind: &str) -> Result<Option<Read<D::State>>, Fault> {
    let read = D::project(event).and_then(|projected| Ok((projected, D::facts(event)?)));
    match read {
        Err(fault) if fault.class == Class::Reject && !D::knows(kind) => Ok(None),
        read => read.map(Some),
    }
}

/// What a message tells of its object.
struct Told<'a, S> {
    object: String,
    owner: Option<String>,
    facts: Vec<Fact>,
    candidate: Candidate<S>,
    /// The event shows a part of the object only.
    is_partial: bool,
    manner: Manner<'a>,
    traceparent: &'a str,
    is_check: bool,
    /// What `Stripe-Context` has to carry.
    context: Option<&'a str>,
}

async fn apply<D: Domain>(
    ports: &Ports<'_, impl Projections, impl Bus, impl Bodies, impl Objects, D::Settings>,
    time: Time<'_, impl Clock>,
    event: &Event,
    told: &Told<'_, D::State>,
) -> Result<Consumed, Fault> {
    let key = projection::key(&event.scope, &told.object);
    let owner = told.owner.as_deref();
    let owner = owner.map(|owner| projection::owner_key(&event.scope, owner));
    let place = Place {
        key: &key,
        owner: owner.as_deref(),
    };
    let mut fetched = Vec::new();
    let mut note = None;
    let mut has_key = true;
    for _ in 0..CONFLICTS_MAX {
        let before_ms = time.clock.now_ms();
        let (item, version) = read::<D>(ports.projections, &key).await?;
        let mut evidence = match &item {
            Some(item) => item.evidence.add(told.candidate.clone()),
            None => Evidence::of(told.candidate.clone()),
        };
        for candidate in &fetched {
            evidence = evidence.add(Candidate::clone(candidate));
        }
        let is_news = item.as_ref().is_none_or(|item| item.evidence != evidence);
        while is_news
            && fetched.len() < FETCHES_MAX
            && (!evidence.head().is_decided() || is_partial(&evidence, event, told))
        {
            let wait_ms = wait_ms(&evidence, &fetched);
            if !time.is_enough_to_fetch(wait_ms) {
                break;
            }
            if wait_ms > 0 {
                time.clock.sleep_ms(wait_ms).await;
            }
            match settle::<D>(ports.objects, event, told).await {
                Ok(Settled::Found(candidate)) => {
                    evidence = evidence.add(candidate.clone());
                    fetched.push(candidate);
                }
                Ok(Settled::NoKey) => {
                    has_key = false;
                    break;
                }
                Ok(Settled::Nothing) => break,
                Err(fault) => {
                    note = Some(fault.code);
                    break;
                }
            }
        }
        let is_guess = !evidence.head().is_decided();
        let is_partial = is_partial(&evidence, event, told);
        let had = item.as_ref().map(|item| item.evidence.head());
        let differs = had
            .as_ref()
            .is_none_or(|head| head.state() != evidence.head().state());
        let resolves = ties::resolves::<D>(had.as_ref(), &evidence.head(), told.is_check);
        // What was known in part and is completed hasn't drifted.
        let drifts = differs && had.is_none_or(|head| D::is_whole(head.state()));
        let contradicts = is_contradicted(item.as_ref(), &fetched, told);
        let input = Input::<D> {
            event,
            manner: told.manner,
            evidence,
            facts: &told.facts,
            settings: ports.settings,
            now_ms: time.clock.now_ms(),
        };
        let step = projection::step(item.as_ref(), version, input);
        let (item, version) = match step.write {
            None => (item, version),
            Some(item) => {
                if !write(ports.projections, place, version, &item).await? {
                    continue;
                }
                (Some(item), version + 1)
            }
        };
        let at_ms = time.clock.now_ms();
        let mut remarks = Vec::new();
        // A part that nobody can ask about stays one until there is a key, and then a rebuild asks for all.
        if is_guess || (is_partial && is_news && has_key) {
            remarks.extend(ties::noted::<D>(event, &told.object, at_ms));
        } else if resolves {
            remarks.push(ties::resolved::<D>(&event.scope, &told.object, before_ms));
        }
        if contradicts || (told.is_check && drifts) {
            remarks.push(drift::<D>(event, &told.object, at_ms));
        }
        let mut kinds = Vec::new();
        if let Some(item) = item.filter(|item| !item.pending.is_empty()) {
            kinds.extend(item.pending.iter().map(|effect| effect.kind.clone()));
            let ports = (ports.projections, ports.bus);
            emit_pending::<D>(ports, place, version, item, told.traceparent).await?;
        }
        return Ok(Consumed {
            outcome: step.outcome,
            emitted: kinds,
            note: match told.is_check && drifts {
                _ if step.facts_dropped > 0 => Some(projection::TOO_MANY_FACTS),
                _ if contradicts => Some(CONTRADICTED),
                true => Some(DRIFTED),
                false if is_guess && is_news => Some(note.unwrap_or("order.tie_unresolved")),
                false if is_partial && is_news => Some(note.unwrap_or(PARTIAL)),
                false => None,
            },
            remarks,
        });
    }
    Err(contended())
}

/// Whether Stripe was asked, and its answer is no terminal state although the item has an older one.
fn is_contradicted<S: Clone + PartialEq>(
    item: Option<&Item<S>>,
    fetched: &[Candidate<S>],
    told: &Told<'_, S>,
) -> bool {
    let mut answers = fetched.iter().chain([&told.candidate]);
    item.is_some_and(|item| answers.any(|answer| item.evidence.is_contradicted_by(answer)))
}

/// Whether the state rests on an event that shows a part of the object only.
fn is_partial<S: Clone + PartialEq>(
    evidence: &Evidence<S>,
    event: &Event,
    told: &Told<'_, S>,
) -> bool {
    let source = &evidence.head().candidate().source;
    told.is_partial && matches!(source, Source::Event { id, .. } if *id == event.id)
}

fn drift<D: Domain>(event: &Event, object: &str, at_ms: i64) -> Remark {
    Remark::Drift(Drift {
        scope: event.scope.clone(),
        domain: D::NAME,
        object: object.to_owned(),
        at_ms,
    })
}
