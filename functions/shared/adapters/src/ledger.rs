//! The ledger on DynamoDB. The item layout is in `entry`.
//!
//! Every write is conditional, and every condition says what it protects. A condition that fails returns the item as it
//! is (`ALL_OLD`, at no extra cost), and the kernel decides from it.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use aws_types::SdkConfig;
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::ledger::{
    Arrival, Claimed, Decision, Deferred, Entry, Ledger, decide,
};
use sluice_kernel::fault::Fault;

use crate::aws;
use crate::code;
use crate::codec::{self, Encoded};
use crate::entry::{self, BodyPlace, ENTRY, Item, bytes, compact, number, text};

mod bodies;
mod due;
mod standings;
mod waiting;

/// The ledger's table.
#[derive(Debug, Clone)]
pub struct DynamoLedger<C> {
    client: Client,
    table: String,
    clock: C,
    /// The last body that a claim had no room for, in its stored form: its attempt stores it next.
    too_large: Arc<Mutex<Option<TooLarge>>>,
}

/// A stored body that doesn't fit into its entry, and the attempt that it belongs to.
#[derive(Debug)]
struct TooLarge {
    id: String,
    attempt: String,
    body: Encoded,
}

/// The space that an event takes in the ledger, in bytes, without what goes into parts. For models of cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    /// The stored body.
    pub stored: usize,
    /// The entry as DynamoDB counts and bills it, once it is marked.
    pub item: usize,
}

/// The size of an arrival's entry if its body is compressed to `stored` bytes, or to `harder`'s if that is called to
/// save a write unit.
pub fn weigh(arrival: &Arrival<'_>, stored: usize, harder: impl FnOnce() -> usize) -> Weight {
    let beside = entry::beside(&entry::without_body(arrival));
    let smaller = entry::room(beside, stored).map(|room| (room, harder()));
    let stored = match smaller {
        Some((room, smaller)) if smaller <= room => smaller,
        _ => stored,
    };
    Weight {
        stored,
        item: beside + stored,
    }
}

/// The result of a conditional update.
enum Updated {
    Done,
    /// The condition failed; the item as it is, if there is one.
    Refused(Option<Item>),
}

impl<C: Clock> DynamoLedger<C> {
    /// A ledger in the table of this name.
    pub fn new(config: &SdkConfig, table: String, clock: C) -> Self {
        Self {
            client: aws::dynamodb(config),
            table,
            clock,
            too_large: Arc::default(),
        }
    }

    /// Remembers a body that is stored in parts, so that it isn't compressed again for them.
    fn keep_too_large(&self, kept: Option<TooLarge>) -> Option<TooLarge> {
        let mut slot = self
            .too_large
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut slot, kept)
    }

    fn update(&self, id: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("pk", entry::pk(id))
            .key("sk", text(ENTRY))
            .return_values_on_condition_check_failure(AllOld)
    }

    async fn put_parts(&self, id: &str, body: &Encoded, expires_at_s: i64) -> Result<Parts, Fault> {
        let hash = entry::sha256(&body.bytes);
        let prefix = entry::part_prefix(&hash);
        let mut count = 0_usize;
        for part in body.bytes.chunks(entry::PART_BYTES_MAX) {
            // Unconditional: a part's key is derived from the content, so a repetition writes the same.
            let put = self
                .client
                .put_item()
                .table_name(&self.table)
                .item("pk", entry::pk(id))
                .item("sk", text(format!("{prefix}{count:03}")))
                .item("part", bytes(part))
                .item("expires_at", number(expires_at_s));
            put.send()
                .await
                .map_err(|error| aws::unavailable(code::LEDGER_UNAVAILABLE, "PutItem", &error))?;
            count += 1;
        }
        Ok(Parts { count, hash })
    }

    /// Takes over a claim that has lapsed, or that was made only to store the event: attempt and lapse change, and the
    /// event is no longer ledger-only; nothing else changes. So of several attempts to publish it one wins.
    async fn take_over(
        &self,
        arrival: &Arrival<'_>,
        entry: Entry,
        place: BodyPlace,
    ) -> Result<Claimed, Fault> {
        // The claim is still the one that was seen, and no other attempt has published or deferred the event meanwhile.
        let update = self.update(&arrival.head.id);
        // The account of an event that waited for the configuration: the delivery that publishes it names it.
        let account = arrival.head.account.as_deref();
        let set = "SET attempt = :mine, lapse = :lapse";
        let update = match (entry.standing.is_waiting(), account) {
            (true, Some(account)) => update
                .update_expression(format!("{set}, account = :account REMOVE ledger_only"))
                .expression_attribute_values(":account", text(account)),
            (true, None) => update.update_expression(format!("{set} REMOVE ledger_only, account")),
            (false, _) => update.update_expression(format!("{set} REMOVE ledger_only")),
        };
        let update = update
            .condition_expression(
                "attempt = :theirs AND lapse = :lapsed AND attribute_not_exists(published_at) \
                 AND attribute_not_exists(due_at)",
            )
            .expression_attribute_values(":mine", compact::id(arrival.attempt))
            .expression_attribute_values(":lapse", number(arrival.lapses_at_ms))
            .expression_attribute_values(":theirs", compact::id(&entry.standing.attempt))
            .expression_attribute_values(":lapsed", number(entry.standing.lapses_at_ms));
        match send(update).await? {
            Updated::Done => self.took_over(arrival, entry, place).await,
            Updated::Refused(None) => Ok(Claimed::Held),
            Updated::Refused(Some(item)) => {
                let (entry, place) = entry::read(&item)?;
                match decide(&entry, arrival, self.clock.now_ms()) {
                    // The SDK repeated the update after a lost response.
                    Decision::Own => self.took_over(arrival, entry, place).await,
                    Decision::Finished => Ok(Claimed::Finished),
                    Decision::Queued => Ok(Claimed::Queued),
                    Decision::Conflict => Ok(Claimed::Conflict),
                    Decision::Held | Decision::TakeOver | Decision::Absent => Ok(Claimed::Held),
                }
            }
        }
    }

    async fn took_over(
        &self,
        arrival: &Arrival<'_>,
        mut entry: Entry,
        place: BodyPlace,
    ) -> Result<Claimed, Fault> {
        let body = self.load(&arrival.head.id, &entry, place).await?;
        entry.standing.attempt = arrival.attempt.to_owned();
        entry.standing.lapses_at_ms = arrival.lapses_at_ms;
        if entry.standing.is_waiting() {
            entry.origin.account = arrival
                .head
                .account
                .as_deref()
                .map(|it| it.to_owned().into());
        }
        entry.standing.ledger_only = None;
        Ok(Claimed::TookOver {
            entry: Box::new(entry),
            body,
        })
    }
}

/// The place of a stored body's parts.
struct Parts {
    count: usize,
    hash: [u8; 32],
}

async fn send(update: UpdateItemFluentBuilder) -> Result<Updated, Fault> {
    match update.send().await {
        Ok(_) => Ok(Updated::Done),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                Ok(Updated::Refused(failed.item.clone()))
            }
            _ => Err(aws::unavailable(
                code::LEDGER_UNAVAILABLE,
                "UpdateItem",
                &error,
            )),
        },
    }
}

impl<C: Clock> Ledger for DynamoLedger<C> {
    async fn claim(&self, arrival: &Arrival<'_>) -> Result<Claimed, Fault> {
        let now_ms = self.clock.now_ms();
        let (item, too_large) = entry::first(arrival);
        let complete = too_large.is_none();
        self.keep_too_large(too_large.map(|body| TooLarge {
            id: arrival.head.id.to_string(),
            attempt: arrival.attempt.to_owned(),
            body,
        }));
        // An expired entry counts as absent, unless it is due: an acknowledged event is never overwritten.
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(
                "attribute_not_exists(pk) OR (expires_at <= :now AND attribute_not_exists(due_at))",
            )
            .expression_attribute_values(":now", number(now_ms.div_euclid(1000)))
            .return_values_on_condition_check_failure(AllOld);
        let error = match put.send().await {
            Ok(_) => return Ok(Claimed::Won { complete }),
            Err(error) => error,
        };
        let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error()
        else {
            return Err(aws::unavailable(
                code::LEDGER_UNAVAILABLE,
                "PutItem",
                &error,
            ));
        };
        let Some(item) = &failed.item else {
            return Ok(Claimed::Held);
        };
        let (entry, place) = entry::read(item)?;
        match decide(&entry, arrival, self.clock.now_ms()) {
            Decision::Own => Ok(Claimed::Won {
                complete: place != BodyPlace::Missing,
            }),
            Decision::Finished => Ok(Claimed::Finished),
            Decision::Queued => Ok(Claimed::Queued),
            Decision::Conflict => Ok(Claimed::Conflict),
            Decision::TakeOver => self.take_over(arrival, entry, place).await,
            // Expired between the condition and now: the next claim wins.
            Decision::Held | Decision::Absent => Ok(Claimed::Held),
        }
    }

    async fn look(&self, arrival: &Arrival<'_>) -> Result<Decision, Fault> {
        match self.entry(&arrival.head.id).await? {
            None => Ok(Decision::Absent),
            Some((entry, _)) => Ok(decide(&entry, arrival, self.clock.now_ms())),
        }
    }

    async fn complete(&self, arrival: &Arrival<'_>) -> Result<(), Fault> {
        let id = &arrival.head.id;
        // The body that this attempt's claim has compressed. It belongs to another attempt if several attempts share
        // this ledger.
        let kept = self.keep_too_large(None);
        let body = match kept.filter(|kept| kept.id == **id && kept.attempt == arrival.attempt) {
            Some(kept) => kept.body,
            None => codec::encode(arrival.body),
        };
        let parts = self.put_parts(id, &body, arrival.expires_at_s).await?;
        // The parts are named only now, so that an entry that names parts has them all; and only while this attempt
        // holds the claim and the first complete body is unchanged.
        let update = self
            .update(id)
            .update_expression("SET parts = :count, parts_hash = :parts_hash, codec = :codec, #hash = :hash, #size = :size")
            .condition_expression("attempt = :mine AND attribute_not_exists(parts) AND attribute_not_exists(body)")
            .expression_attribute_names("#hash", "hash")
            .expression_attribute_names("#size", "size")
            .expression_attribute_values(":count", number(parts.count))
            .expression_attribute_values(":parts_hash", bytes(parts.hash))
            .expression_attribute_values(":codec", text(body.codec))
            .expression_attribute_values(":hash", bytes(entry::sha256(arrival.body)))
            .expression_attribute_values(":size", number(arrival.body.len()))
            .expression_attribute_values(":mine", compact::id(arrival.attempt));
        match send(update).await? {
            Updated::Done => Ok(()),
            Updated::Refused(item) => {
                let there = item.as_ref().map(entry::read).transpose()?;
                match there {
                    Some((entry, place))
                        if entry.standing.attempt == arrival.attempt
                            && place != BodyPlace::Missing =>
                    {
                        Ok(())
                    }
                    _ => Err(Fault::held(
                        code::CLAIM_LOST,
                        "another attempt has taken over while the body was stored",
                    )),
                }
            }
        }
    }

    async fn mark(&self, arrival: &Arrival<'_>, now_ms: i64) -> Result<bool, Fault> {
        let update = self
            .update(&arrival.head.id)
            .condition_expression("attempt = :mine");
        let update = match arrival.ledger_only {
            Some(reason) => update
                .update_expression("SET ledger_only = :reason")
                .expression_attribute_values(":reason", text(reason)),
            // A repetition keeps the first time. If the event became due meanwhile, sweep needn't publish it any more.
            None => update
                .update_expression(
                    "SET published_at = if_not_exists(published_at, :now) REMOVE due_at, due_shard, refusals",
                )
                .expression_attribute_values(":now", number(now_ms)),
        };
        let update = update.expression_attribute_values(":mine", compact::id(arrival.attempt));
        Ok(matches!(send(update).await?, Updated::Done))
    }

    async fn defer(&self, arrival: &Arrival<'_>, due_at_ms: i64) -> Result<Deferred, Fault> {
        let id = &arrival.head.id;
        let update = self
            .update(id)
            .update_expression("SET due_at = :due, due_shard = :shard")
            // The attempt must be this one, or the other attempt would lose its claim to sweep; the event must be
            // unpublished, or sweep would publish it again.
            .condition_expression("attempt = :mine AND attribute_not_exists(published_at)")
            .expression_attribute_values(":due", number(due_at_ms))
            .expression_attribute_values(":shard", text(entry::due_shard(id)))
            .expression_attribute_values(":mine", compact::id(arrival.attempt));
        match send(update).await? {
            Updated::Done => Ok(Deferred::Due),
            Updated::Refused(Some(item)) if item.contains_key("published_at") => {
                Ok(Deferred::Published)
            }
            Updated::Refused(_) => Ok(Deferred::Lost),
        }
    }

    async fn keep_other(&self, arrival: &Arrival<'_>) -> Result<(), Fault> {
        let body = codec::encode(arrival.body);
        let id = &arrival.head.id;
        let inline = body.bytes.len() <= INLINE_OTHER_BYTES_MAX;
        let mut item = entry::without_body(arrival);
        // No claim, and no second row of the index by time.
        for name in ["attempt", "lapse", "seen"] {
            item.remove(name);
        }
        item.insert(
            "sk".to_owned(),
            text(format!(
                "other#{}",
                entry::hex(&entry::sha256(arrival.body))
            )),
        );
        item.insert("codec".to_owned(), text(body.codec));
        if inline {
            item.insert("body".to_owned(), bytes(body.bytes));
        } else {
            let parts = self.put_parts(id, &body, arrival.expires_at_s).await?;
            item.insert("parts".to_owned(), number(parts.count));
            item.insert("parts_hash".to_owned(), bytes(parts.hash));
        }
        // Unconditional: the key is derived from the content, so a repetition writes the same.
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item));
        put.send()
            .await
            .map_err(|error| aws::unavailable(code::LEDGER_UNAVAILABLE, "PutItem", &error))?;
        Ok(())
    }
}

/// Written once and never updated, so parts save nothing below an item's own limit.
const INLINE_OTHER_BYTES_MAX: usize = entry::PART_BYTES_MAX;
