//! A queue's batch: each message on its own.
//!
//! Messages of different objects are handled in parallel. Messages of one object are handled one after the other, in
//! the batch's order, because parallel writes of one object only conflict. This affects only the time: any order gives
//! the same result.
//!
//! One bad message never fails the others: each is parsed, applied and judged on its own, and a panic of the domain's
//! code is caught. The result says for each message whether to acknowledge it. Messages for which the deadline leaves
//! no time go back untouched.
//!
//! A rejected message is acknowledged only after its rejection is recorded. A panic is retried twice and rejected the
//! third time: it may come from a deployment that is being rolled back. A failed message goes back with the delay of
//! [`crate::backoff`]. Near its last receive, its outcome `failing` is recorded.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};
use serde_json::Value;

use crate::backoff;
use crate::bus::Bus;
use crate::bus::detail::{self, Message, Unread};
use crate::clock::Clock;
use crate::code::{self, Code};
use crate::consumer::consume::{self, Ports};
use crate::consumer::fetch::Objects;
use crate::consumer::projection::Projections;
use crate::delivery::ledger::Bodies;
use crate::domain::Domain;
use crate::fault::{Class, Fault, Pace};
use crate::outcome::{self, Finding, Outcome, Outcomes, Record, RecordKind};
use crate::queue::{MESSAGE_RESERVE_MS, Received, caught, no_time};

/// In this number of last receives, a failed message is recorded: more than one, since a record may fail too.
pub const FAILING_RECEIVES: u32 = 3;

/// How many objects of a batch are handled in parallel. Each needs its own connection, which is opened once per
/// environment; more of them gain little.
pub const SIDE_BY_SIDE_MAX: usize = 4;

/// How a batch is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchRun {
    /// When the invocation ends, in Unix milliseconds.
    pub deadline_ms: i64,
    /// How often the queue hands a message out before it becomes a dead letter.
    pub receives_max: u32,
}

impl BatchRun {
    /// Whether a message with this number of receives is near its last.
    fn is_near_last(&self, receives: u32) -> bool {
        receives.saturating_add(FAILING_RECEIVES) > self.receives_max
    }
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handled {
    /// Identifies the message to the queue.
    pub message_id: String,
    /// `evt_…`, if it could be read. None for a check, because the event that it names is another message.
    pub event: Option<String>,
    /// The object that a check asks about.
    pub check: Option<String>,
    /// Stripe's type, if it could be read.
    pub kind: Option<String>,
    /// The connected account, if any.
    pub account: Option<String>,
    /// The trace that the event belongs to.
    pub traceparent: Option<String>,
    /// The subject under which an outcome is recorded: see [`Record::subject`].
    pub subject: String,
    /// `Ok`: acknowledge. `Err`: back to the queue.
    pub result: Result<Outcome, Fault>,
    /// The fault behind [`Outcome::Rejected`].
    pub rejected: Option<Fault>,
    /// A code for the log, if the result doesn't say everything.
    pub note: Option<Code>,
    /// The kinds of the emitted effects, one for each emission.
    pub emitted: Vec<String>,
    /// How often the message has been received, this time included.
    pub receives: u32,
    /// For how many seconds to hide the message, if it goes back.
    pub delay_s: Option<u32>,
    /// How long it took.
    pub took_ms: i64,
    /// Milliseconds from Stripe's `created` until the message was done. None if the event has no `created`, or was
    /// replayed or suppressed: such events are late on purpose.
    pub lag_ms: Option<i64>,
}

/// Handles a batch; returns one result per message, in the batch's order.
pub async fn handle<D: Domain>(
    ports: &Ports<'_, impl Projections, impl Bus, impl Bodies, impl Objects, D::Settings>,
    outcomes: &impl Outcomes,
    clock: &impl Clock,
    messages: &[Received],
    run: BatchRun,
) -> Vec<Handled> {
    let read: Vec<_> = messages
        .iter()
        .map(|received| (received, detail::read(&received.text)))
        .collect();
    let objects = by_object(&read);
    let read = &read;
    let each = objects.into_iter().map(|of_object| async move {
        let mut handled = Vec::with_capacity(of_object.len());
        for place in of_object {
            let (received, message) = &read[place];
            let one = handle_one::<D>(ports, outcomes, clock, received, message, run).await;
            handled.push((place, one));
        }
        handled
    });
    let mut handled = stream::iter(each)
        .buffer_unordered(SIDE_BY_SIDE_MAX)
        .flat_map(stream::iter)
        .collect::<Vec<_>>()
        .await;
    handled.sort_unstable_by_key(|(place, _)| *place);
    handled.into_iter().map(|(_, one)| one).collect()
}

/// The positions of each object's messages, in the order of its first message. A message that can't be read, or names
/// no object, is a group of its own.
fn by_object(read: &[(&Received, Result<Message, Unread>)]) -> Vec<Vec<usize>> {
    let mut objects: Vec<Vec<usize>> = Vec::new();
    let mut known = BTreeMap::new();
    for (place, (_, message)) in read.iter().enumerate() {
        let object = message.as_ref().ok().and_then(object_of);
        match object {
            None => objects.push(vec![place]),
            Some(object) => {
                let index = *known.entry(object).or_insert(objects.len());
                match objects.get_mut(index) {
                    Some(places) => places.push(place),
                    None => objects.push(vec![place]),
                }
            }
        }
    }
    objects
}

/// What identifies a message's object: account, mode and id.
fn object_of(message: &Message) -> Option<(Option<&str>, Option<bool>, &str)> {
    let event = &message.event;
    let account = message.tag.account.as_deref();
    let snapshot = || event.get("data")?.get("object")?.get("id");
    let thin = || event.get("related_object")?.get("id");
    let id = snapshot().or_else(thin).and_then(Value::as_str)?;
    let kind = event.pointer("/data/object/object").and_then(Value::as_str);
    // The account's item keeps which applications are connected to it. In parallel, the application's and the account's
    // messages would only conflict.
    let id = account
        .filter(|_| kind == Some("application"))
        .unwrap_or(id);
    Some((account, message.tag.livemode, id))
}

async fn handle_one<D: Domain>(
    ports: &Ports<'_, impl Projections, impl Bus, impl Bodies, impl Objects, D::Settings>,
    outcomes: &impl Outcomes,
    clock: &impl Clock,
    received: &Received,
    message: &Result<Message, Unread>,
    run: BatchRun,
) -> Handled {
    let start_ms = clock.now_ms();
    let of = match message {
        Ok(message) => Some(message),
        Err(unread) => unread.named.as_deref(),
    };
    let check = of.and_then(Message::checked);
    let mut handled = Handled {
        message_id: received.message_id.clone(),
        event: of
            .filter(|_| check.is_none())
            .map(|message| message.id.clone()),
        check: check.map(str::to_owned),
        kind: of.map(|message| message.kind.clone()),
        account: of.and_then(|message| message.tag.account.clone()),
        traceparent: of.map(|message| message.tag.traceparent.clone()),
        subject: of.map_or_else(
            || outcome::subject_of_message(&received.text),
            Message::subject,
        ),
        result: Err(no_time()),
        rejected: None,
        note: None,
        emitted: Vec::new(),
        receives: received.receives,
        delay_s: None,
        took_ms: 0,
        lag_ms: None,
    };
    if run.deadline_ms - start_ms >= MESSAGE_RESERVE_MS {
        if received.receives >= run.receives_max {
            let cause = "the last receive never ended";
            let fault = Fault::retry(code::MESSAGE_UNANSWERED, cause);
            let record = record::<D>(&handled, received, RecordKind::Failing, &fault, clock);
            // This matters only if the function dies: if the record can't be written, the message's result is recorded
            // later.
            let _ = outcomes.record(&record).await;
        }
        let result = match message {
            Err(unread) => Err(unread.fault.clone()),
            Ok(message) => {
                let consuming = consume::consume::<D>(ports, clock, message, run.deadline_ms);
                caught(consuming, received.receives).await
            }
        };
        handled.result = match result {
            Err(fault) if fault.class == Class::Reject => {
                let record = record::<D>(&handled, received, RecordKind::Rejected, &fault, clock);
                let recorded = outcomes.record(&record).await;
                handled.rejected = Some(fault);
                recorded.map(|()| Outcome::Rejected)
            }
            Err(fault) => Err(fault),
            Ok(consumed) => {
                handled.note = consumed.note;
                handled.emitted = consumed.emitted;
                let noted = note(outcomes, &consumed.remarks).await;
                noted.map(|()| consumed.outcome)
            }
        };
    }
    if run.is_near_last(received.receives) {
        record_near_last::<D>(&mut handled, received, outcomes, clock, run).await;
    }
    if let Err(fault) = &handled.result {
        let delay_s = backoff::delay_s(fault, &received.message_id, received.receives);
        handled.delay_s = Some(delay_s);
    }
    let end_ms = clock.now_ms();
    handled.took_ms = end_ms - start_ms;
    handled.lag_ms = of.and_then(|message| message.tag.lag_ms(end_ms));
    handled
}

/// Records what reconcile has to know. If a tie can't be recorded, the message comes back and finds it again. A
/// resolution or a drift that can't be recorded is dropped: the next check finds the tie resolved, and a drift was
/// corrected.
async fn note(outcomes: &impl Outcomes, remarks: &[Finding]) -> Result<(), Fault> {
    for remark in remarks {
        let noted = outcomes.remark(remark).await;
        if matches!(remark, Finding::Tie(_)) {
            noted?;
        }
    }
    Ok(())
}

/// Records the result of a message near its last receive. The record changes nothing about the message: a failed one
/// goes back, and one that succeeded is acknowledged, even if it couldn't be recorded.
async fn record_near_last<D: Domain>(
    handled: &mut Handled,
    received: &Received,
    outcomes: &impl Outcomes,
    clock: &impl Clock,
    run: BatchRun,
) {
    // Without an earlier receive there is no record to replace, unless this receive began with one.
    let is_clean = received.receives == 1 && run.receives_max > 1;
    let record = match &handled.result {
        Ok(Outcome::Rejected) => return,
        Ok(_) if is_clean => return,
        Ok(outcome) => {
            let fault = Fault::retry(code::MESSAGE_RECOVERED, "it was near its last receive");
            record::<D>(
                handled,
                received,
                RecordKind::Ended(*outcome),
                &fault,
                clock,
            )
        }
        Err(fault) => {
            // The message comes back because a rejection couldn't be recorded, but the rejection is what is wrong with
            // it.
            let fault = handled.rejected.as_ref().unwrap_or(fault);
            record::<D>(handled, received, RecordKind::Failing, fault, clock)
        }
    };
    if let Err(fault) = outcomes.record(&record).await {
        handled.note = Some(fault.code);
    }
}

fn record<D: Domain>(
    handled: &Handled,
    received: &Received,
    word: RecordKind,
    fault: &Fault,
    clock: &impl Clock,
) -> Record {
    Record {
        subject: handled.subject.clone(),
        domain: D::NAME,
        word,
        code: fault.code,
        cause: fault.cause.clone(),
        digest: outcome::digest(fault.code, &fault.cause),
        kind: handled.kind.clone(),
        account: handled.account.clone(),
        message_id: received.message_id.clone(),
        receives: received.receives,
        at_ms: clock.now_ms(),
        is_fallback: word == RecordKind::Failing
            && (fault.pace == Pace::Untouched || fault.code == code::MESSAGE_UNANSWERED),
    }
}
