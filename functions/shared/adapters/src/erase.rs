//! Erasing on DynamoDB: lists the ledger and the projections, and removes bodies from the ledger.
//!
//! Only the operator's program uses this, with the operator's permissions: no function may delete anything from these
//! tables.
//!
//! Bodies are erased one by one, since the bodies under one id may belong to several customers: the entry's own, those
//! of other events that came under its id, and discarded dead letters. An erased entry keeps its ids, its hash and
//! size, and when it was published, so a duplicate is still recognized. It has `erased_at` (Unix milliseconds) and no
//! body. An interrupted erasure is run again:
//!
//! | a crash after | leaves | the next run |
//! |---|---|---|
//! | an entry's update | parts that nothing names | erases each entry with `erased_at` again, and deletes them |
//! | another event's parts | that event's item, without its body | reports a body that can't be read; its event's id can be given |

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use aws_types::SdkConfig;
use sluice_kernel::consumer::projection::Stored;
use sluice_kernel::erase::Account;
use sluice_kernel::fault::Fault;

use crate::aws;
use crate::clock::SystemClock;
use crate::code;
use crate::codec;
use crate::entry::{self, ENTRY, Item, PLATFORM, number, text};
use crate::ledger::DynamoLedger;

/// A page's end, from which the next one begins.
pub type Cursor = HashMap<String, AttributeValue>;

/// The place of a body among an event's items.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the event's entry, or in parts that it names.
    Entry,
    /// In an item of its own, with this sort key: the body of another event that came under the id, or a discarded dead
    /// letter.
    Beside(String),
}

/// What a stored body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// As Stripe sent it, or a queue's message that contains it.
    Body(Vec<u8>),
    /// It was erased before.
    Erased,
    /// It can't be read, for this reason, which the operator sees.
    Unseen(String),
}

/// A stored body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// `evt_…`, or the subject that a message without an event is recorded under.
    pub id: String,
    /// Where it is.
    pub place: Place,
    /// Stripe's type of the event, if it is known.
    pub kind: Option<String>,
    /// The account that it belongs to.
    pub account: Account,
    /// What it is.
    pub content: Content,
}

/// A projection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredProjection {
    /// `acct_1#live#ch_1`.
    pub key: String,
    /// What is stored; `None` if the item has no version or no document.
    pub stored: Option<Stored>,
    /// The owner's key, if it has one.
    pub owner: Option<String>,
}

/// What became of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erased {
    /// It is gone.
    Done,
    /// Its event isn't on the bus yet: sweep, or the attempt that holds it, still needs the body.
    Waits,
}

/// Reads tables and erases in the ledger.
#[derive(Debug, Clone)]
pub struct Eraser {
    client: Client,
    table: String,
    reader: DynamoLedger<SystemClock>,
}

impl Eraser {
    /// For this ledger.
    pub fn new(config: &SdkConfig, ledger_table: String) -> Self {
        Self {
            client: aws::dynamodb(config),
            reader: DynamoLedger::new(config, ledger_table.clone(), SystemClock),
            table: ledger_table,
        }
    }

    /// The next page of all bodies, including those of other events under an id and of discarded dead letters.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached. A body that can't be read isn't an error: [`Content::Unseen`].
    pub async fn bodies(&self, from: Option<Cursor>) -> Result<(Vec<Kept>, Option<Cursor>), Fault> {
        let filter = "sk = :entry OR begins_with(sk, :other) OR begins_with(sk, :discarded)";
        let scan = self
            .client
            .scan()
            .table_name(&self.table)
            .filter_expression(filter);
        let scan = scan
            .expression_attribute_values(":entry", text(ENTRY))
            .expression_attribute_values(":other", text("other#"))
            .expression_attribute_values(":discarded", text("discarded#"));
        let sent = scan.set_exclusive_start_key(from).send().await;
        let page =
            sent.map_err(|error| aws::unavailable(code::ERASE_UNAVAILABLE, "Scan", &error))?;
        let mut found = Vec::new();
        for item in page.items() {
            found.extend(self.kept(item).await?);
        }
        Ok((found, page.last_evaluated_key))
    }

    async fn kept(&self, item: &Item) -> Result<Option<Kept>, Fault> {
        let (Some(id), Some(sk)) = (entry::id_of(item), said(item, "sk")) else {
            return Ok(None);
        };
        let message = sk.starts_with("discarded#").then(|| said(item, "message"));
        let content = match &message {
            Some(Some(message)) => Content::Body(message.clone().into_bytes()),
            Some(None) => Content::Unseen("it has no message".to_owned()),
            None => self.content(id, item).await?,
        };
        let account = match (item.get("account"), message.flatten()) {
            (Some(AttributeValue::S(account)), _) => {
                Account::Known(Some(account.clone()).filter(|account| account != PLATFORM))
            }
            // Discarded before the account was stored with the message.
            (None, Some(message)) => Account::of_message(&message),
            (None, None) => Account::Known(None),
            (Some(_), _) => Account::Unknown,
        };
        Ok(Some(Kept {
            id: id.to_owned(),
            place: match sk == ENTRY {
                true => Place::Entry,
                false => Place::Beside(sk),
            },
            kind: said(item, "type"),
            account,
            content,
        }))
    }

    async fn content(&self, id: &str, item: &Item) -> Result<Content, Fault> {
        if item.contains_key("erased_at") {
            return Ok(Content::Erased);
        }
        let place = entry::place(item);
        let missing = match &place {
            entry::BodyPlace::Missing => "its body was never stored to the end",
            _ => "a part of its body is missing",
        };
        let Some((codec, bytes)) = self.reader.stored(id, place).await? else {
            return Ok(Content::Unseen(missing.to_owned()));
        };
        let size = item
            .get("size")
            .and_then(|size| size.as_n().ok()?.parse().ok());
        let body = codec::decode(&codec, &bytes, size.unwrap_or_default());
        Ok(match body {
            Ok(body) => Content::Body(body),
            Err(fault) => Content::Unseen(format!("{}: {}", fault.code, fault.cause)),
        })
    }

    /// Erases one body, with the parts that nothing else names.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached. The next call completes what was begun.
    pub async fn erase(&self, id: &str, place: &Place, now_ms: i64) -> Result<Erased, Fault> {
        match place {
            Place::Entry => self.erase_entry(id, now_ms).await,
            Place::Beside(sk) => {
                self.delete_parts(id, Some(sk)).await?;
                self.delete(entry::pk(id), text(sk)).await?;
                Ok(Erased::Done)
            }
        }
    }

    async fn erase_entry(&self, id: &str, now_ms: i64) -> Result<Erased, Fault> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", entry::pk(id))
            .key("sk", text(ENTRY))
            .update_expression("SET erased_at = if_not_exists(erased_at, :now) REMOVE body, codec, parts, parts_hash")
            .condition_expression("attribute_exists(published_at) OR attribute_exists(ledger_only)")
            .expression_attribute_values(":now", number(now_ms))
            .return_values_on_condition_check_failure(AllOld);
        if let Err(error) = update.send().await {
            let service = error.as_service_error();
            let Some(UpdateItemError::ConditionalCheckFailedException(failed)) = service else {
                return Err(aws::unavailable(
                    code::ERASE_UNAVAILABLE,
                    "UpdateItem",
                    &error,
                ));
            };
            if failed.item.is_some() {
                return Ok(Erased::Waits);
            }
            // It has expired and DynamoDB deleted it.
        }
        self.delete_parts(id, None).await?;
        Ok(Erased::Done)
    }

    /// Deletes the parts under an id that no item names, ignoring the item of sort key `except`. Deletes none while the
    /// event isn't on the bus: the attempt that holds it may be storing them, and names them after the last.
    async fn delete_parts(&self, id: &str, except: Option<&str>) -> Result<(), Fault> {
        let mut items = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", entry::pk(id))
            .projection_expression("sk, parts_hash, published_at, ledger_only, erased_at")
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let (mut parts, mut named) = (Vec::new(), BTreeSet::new());
        while let Some(item) = items.next().await {
            let item =
                item.map_err(|error| aws::unavailable(code::ERASE_UNAVAILABLE, "Query", &error))?;
            let Some(sk) = said(&item, "sk") else {
                continue;
            };
            let is_at_rest = ["published_at", "ledger_only", "erased_at"]
                .iter()
                .any(|name| item.contains_key(*name));
            if sk == ENTRY && !is_at_rest {
                return Ok(());
            }
            let hash = item.get("parts_hash").and_then(|hash| hash.as_b().ok());
            if let Some(hash) = hash.filter(|_| except != Some(&sk)) {
                named.insert(entry::part_prefix(hash.as_ref()));
            }
            if sk.starts_with("part#") {
                parts.push(sk);
            }
        }
        parts.retain(|sk| !named.iter().any(|prefix| sk.starts_with(prefix)));
        for sk in parts {
            self.delete(entry::pk(id), text(sk)).await?;
        }
        Ok(())
    }

    async fn delete(&self, pk: AttributeValue, sk: AttributeValue) -> Result<(), Fault> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("pk", pk)
            .key("sk", sk);
        let sent = delete.send().await;
        sent.map_err(|error| aws::unavailable(code::ERASE_UNAVAILABLE, "DeleteItem", &error))?;
        Ok(())
    }

    /// The next page of a domain's projections.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached. An item without a document isn't an error.
    pub async fn projections(
        &self,
        table: &str,
        from: Option<Cursor>,
    ) -> Result<(Vec<StoredProjection>, Option<Cursor>), Fault> {
        let scan = self.client.scan().table_name(table).consistent_read(true);
        let sent = scan.set_exclusive_start_key(from).send().await;
        let page =
            sent.map_err(|error| aws::unavailable(code::ERASE_UNAVAILABLE, "Scan", &error))?;
        let found = page.items().iter().filter_map(|item| {
            let version = item.get("version");
            let version = version.and_then(|version| version.as_n().ok()?.parse().ok());
            let stored = version.zip(said(item, "doc"));
            Some(StoredProjection {
                key: said(item, "pk")?,
                stored: stored.map(|(version, document)| Stored { version, document }),
                owner: said(item, "owner"),
            })
        });
        Ok((found.collect(), page.last_evaluated_key.clone()))
    }
}

fn said(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}
