//! Receiving effects: what a user's own function does with what Sluice put on the bus.
//!
//! Effects are emitted at least once and in any order. A receiver acts once on a fact. It acts on a level only while
//! the level is the newest. The steps are those of ingest: claim → react → mark, over a table of receipts that is the
//! receiver's own.
//!
//! | the receipt is | a fact | a level |
//! |---|---|---|
//! | absent | react | react |
//! | marked | drop | drop unless its `seq` is higher |
//! | held by a live attempt | come back | come back, unless its `seq` is higher |
//! | held, lapsed | react again | react again |
//! | of a higher `seq` | | drop |
//!
//! Guarantee: the reaction to each fact, and to the newest level of each key, is carried out at least once. It is
//! carried out twice only if an attempt died between reacting and marking. A reaction that must not be repeated even
//! then passes on the effect's id as its idempotency key. A level's reaction that is overtaken while it runs may end
//! after the newer one's: write its result with `seq` as a condition.

use std::future::Future;

use serde::Deserialize;
use serde_json::Value;

use crate::backoff;
use crate::clock::Clock;
use crate::code;
use crate::fault::Fault;
use crate::queue;

/// An effect as it is read from a queue.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Effect {
    /// `DisputeOpened`: the detail type.
    #[serde(skip)]
    pub kind: String,
    /// The fact's id, or the level's key and seq together.
    pub id: String,
    /// A level's key; absent for a fact.
    #[serde(default)]
    pub key: Option<String>,
    /// A level's seq; absent for a fact.
    #[serde(default)]
    pub seq: Option<u64>,
    /// The connected account, or `None` for the platform's own.
    pub account: Option<String>,
    /// Stripe's `livemode`.
    pub livemode: bool,
    /// The object that it is about.
    pub object: String,
    /// The event that caused it.
    pub event: String,
    /// That event's `created`, in Unix seconds.
    pub created: i64,
    /// Its content.
    pub data: Value,
    /// Until when a level holds without a further event, in Unix seconds.
    #[serde(default)]
    pub until: Option<i64>,
}

impl Effect {
    /// The key of the receipt: a fact's id, a level's key.
    pub fn subject(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.id)
    }
}

/// Reads an effect from a queue message that an EventBridge rule wrote.
///
/// # Errors
/// `Reject` with `effect.unreadable`; never quotes the message.
pub fn read(message: &str) -> Result<Effect, Fault> {
    #[derive(Deserialize)]
    struct Envelope {
        #[serde(rename = "detail-type")]
        kind: String,
        detail: Effect,
    }
    let envelope: Envelope = serde_json::from_str(message).map_err(|error| {
        let place = format!("at line {} column {}", error.line(), error.column());
        Fault::reject(code::EFFECT_UNREADABLE, place)
    })?;
    Ok(Effect {
        kind: envelope.kind,
        ..envelope.detail
    })
}

/// An attempt at an effect.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The name of this invocation and message, and of no other.
    pub name: &'a str,
    /// When it is certainly over.
    pub lapses_at_ms: i64,
    /// Until when the receipt is kept, in Unix seconds: as long as the bus or a replay may bring the effect again.
    pub expires_at_s: i64,
}

/// The answer to a claim of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// This attempt has to react.
    Mine,
    /// The reaction to this effect, or to a newer level, has been carried out or begun.
    Done,
    /// Another attempt is reacting.
    Held,
}

/// The table of receipts.
pub trait Receipts: Sync {
    /// Claims the effect's receipt.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
    fn claim(
        &self,
        effect: &Effect,
        attempt: Attempt<'_>,
        now_ms: i64,
    ) -> impl Future<Output = Result<Receipt, Fault>> + Send;

    /// Marks it as carried out, if this attempt still holds it.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached: the reaction may be repeated then.
    fn mark(
        &self,
        effect: &Effect,
        attempt: Attempt<'_>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Gives it up after a failed reaction, so that the next delivery needn't wait for the lapse.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached: the claim lapses later.
    fn release(
        &self,
        effect: &Effect,
        attempt: Attempt<'_>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// What a user's function does with an effect.
pub trait Reaction: Sync {
    /// Acts on it. The effect's id is suitable as an idempotency key.
    ///
    /// # Errors
    /// After a fault of any class the effect comes again, until the queue's limit makes it a dead letter. A receiver
    /// has no table of rejections to record it in, so nothing is dropped unseen.
    fn react(&self, effect: &Effect) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// What became of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiveOutcome {
    /// The reaction was carried out.
    Reacted,
    /// It was carried out before, or a newer level was.
    Dropped,
}

/// Receives one effect.
///
/// # Errors
/// Of any class: the message goes back to its queue.
pub async fn receive(
    receipts: &impl Receipts,
    reaction: &impl Reaction,
    clock: &impl Clock,
    effect: &Effect,
    attempt: Attempt<'_>,
) -> Result<ReceiveOutcome, Fault> {
    match receipts.claim(effect, attempt, clock.now_ms()).await? {
        Receipt::Done => return Ok(ReceiveOutcome::Dropped),
        Receipt::Held => {
            return Err(Fault::held(
                code::RECEIPT_HELD,
                "another attempt is at the effect",
            ));
        }
        Receipt::Mine => {}
    }
    match reaction.react(effect).await {
        Ok(()) => {
            receipts.mark(effect, attempt).await?;
            Ok(ReceiveOutcome::Reacted)
        }
        Err(fault) => {
            // If this fails too, the claim lapses.
            let _ = receipts.release(effect, attempt).await;
            Err(fault)
        }
    }
}

/// A message as the queue gives it, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct HandledEffect {
    /// Identifies the message to the queue.
    pub message_id: String,
    /// The effect, if the message could be read.
    pub effect: Option<Effect>,
    /// `Ok`: acknowledge. `Err`: back to the queue.
    pub result: Result<ReceiveOutcome, Fault>,
    /// How often the message has been received, this time included.
    pub receives: u32,
    /// For how many seconds to hide the message, if it goes back.
    pub delay_s: Option<u32>,
    /// How long it took.
    pub took_ms: i64,
}

/// How a batch is received.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Identifies the invocation.
    pub invocation: &'a str,
    /// When the invocation ends.
    pub deadline_ms: i64,
    /// How long after that its claims lapse, to allow for clock skew.
    pub lapse_margin_ms: i64,
    /// How long a receipt is kept after its claim.
    pub keep_s: i64,
}

/// Receives a queue's batch: each message on its own, with a panic of the reaction caught. Messages for which the
/// deadline leaves no time go back untouched.
pub async fn receive_batch(
    receipts: &impl Receipts,
    reaction: &impl Reaction,
    clock: &impl Clock,
    batch: Batch<'_>,
    messages: &[queue::Received],
) -> Vec<HandledEffect> {
    let mut handled = Vec::with_capacity(messages.len());
    for message in messages {
        let start_ms = clock.now_ms();
        let name = format!("{}/{}", batch.invocation, message.message_id);
        let attempt = Attempt {
            name: &name,
            lapses_at_ms: batch.deadline_ms.saturating_add(batch.lapse_margin_ms),
            expires_at_s: start_ms / 1000 + batch.keep_s,
        };
        let effect = read(&message.text);
        let result = match &effect {
            _ if batch.deadline_ms - start_ms < queue::MESSAGE_RESERVE_MS => Err(queue::no_time()),
            Err(fault) => Err(fault.clone()),
            Ok(effect) => {
                let receiving = receive(receipts, reaction, clock, effect, attempt);
                queue::caught(receiving, message.receives).await
            }
        };
        let (id, receives) = (&message.message_id, message.receives);
        let failed = result.as_ref().err();
        handled.push(HandledEffect {
            message_id: id.clone(),
            effect: effect.ok(),
            receives,
            delay_s: failed.map(|fault| backoff::delay_s(fault, id, receives)),
            result,
            took_ms: clock.now_ms() - start_ms,
        });
    }
    handled
}
