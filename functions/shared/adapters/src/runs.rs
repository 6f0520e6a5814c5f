//! Replay runs, in the table of outcomes on DynamoDB.
//!
//! | `pk` | `sk` | attributes |
//! |---|---|---|
//! | `replay#<run>` | `run` | `doc` S: the run as JSON; `version` N, `expires_at` N s |
//! | `replay#<run>` | `ids#<nnn>` | `ids` S: [`CHUNK_IDS`] ids of its list, a line each; `expires_at` N s |
//! | `evt#<event>` | `replay#<run>` | `outcome` S `replayed`, `at` N ms, `who`, `why` S, `domain` S, `forced` BOOL, `expires_at` N s |
//!
//! The list is written once, before the run; a run that has a record has its whole list.

use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use aws_types::SdkConfig;
use sluice_kernel::fault::Fault;
use sluice_kernel::replay::{Run, Runs};

use crate::aws;
use crate::batch;
use crate::entry::{Item, number, text};

/// Ids in one item of a run's list: 30 KB or less.
pub const CHUNK_IDS: usize = 1_000;

/// Items in one BatchWriteItem call: DynamoDB's own limit.
const WRITE_ITEMS_MAX: usize = 25;

const UNAVAILABLE: &str = "replay.unavailable";
const DAY_S: i64 = 86_400;

/// The table of runs: the outcomes' own.
#[derive(Debug)]
pub struct DynamoRuns {
    client: Client,
    table: String,
    keep_days: u32,
    chunk: Mutex<Option<(String, usize, Vec<String>)>>,
}

impl DynamoRuns {
    /// In the outcomes' table of this name; runs are kept for this many days.
    pub fn new(config: &SdkConfig, table: String, keep_days: u32) -> Self {
        Self {
            client: aws::dynamodb(config),
            table,
            keep_days,
            chunk: Mutex::default(),
        }
    }

    fn expires_at_s(&self, run: &Run) -> i64 {
        run.started_at_ms / 1_000 + i64::from(self.keep_days) * DAY_S
    }

    /// Writes a new run with its list.
    ///
    /// # Errors
    /// `Retry` where the table can't be reached, `Held` with `replay.exists` where there is a run of this name.
    pub async fn create(&self, run: &Run, ids: &[String]) -> Result<(), Fault> {
        for (n, some) in ids.chunks(CHUNK_IDS).enumerate() {
            let put = self
                .client
                .put_item()
                .table_name(&self.table)
                .item("pk", run_key(&run.id))
                .item("sk", chunk_key(n))
                .item("ids", text(some.join("\n")))
                .item("expires_at", number(self.expires_at_s(run)));
            put.send()
                .await
                .map_err(|error| aws::unavailable(UNAVAILABLE, "PutItem", &error))?;
        }
        match self.save(run, 0).await? {
            true => Ok(()),
            false => Err(Fault::held("replay.exists", "there is a run of this name")),
        }
    }

    /// A run and its version; `None` where there is none of this name.
    ///
    /// # Errors
    /// `Retry` where the table can't be reached or the run can't be read.
    pub async fn find(&self, id: &str) -> Result<Option<(Run, u64)>, Fault> {
        let Some(item) = self.item(run_key(id), text("run")).await? else {
            return Ok(None);
        };
        let unreadable = || Fault::retry("replay.unreadable", "the run's record can't be read");
        let document = item.get("doc").and_then(|doc| doc.as_s().ok());
        let run = document.and_then(|doc| serde_json::from_str(doc).ok());
        let version = item
            .get("version")
            .and_then(|version| version.as_n().ok()?.parse().ok());
        Ok(Some((
            run.ok_or_else(unreadable)?,
            version.ok_or_else(unreadable)?,
        )))
    }

    async fn item(&self, pk: AttributeValue, sk: AttributeValue) -> Result<Option<Item>, Fault> {
        let get = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", pk)
            .key("sk", sk)
            .consistent_read(true);
        let output = get
            .send()
            .await
            .map_err(|error| aws::unavailable(UNAVAILABLE, "GetItem", &error))?;
        Ok(output.item)
    }

    /// How many of these events one of these domains has rejected, or is failing at, since then.
    ///
    /// # Errors
    /// `Retry` where the table can't be reached.
    pub async fn failed(
        &self,
        ids: &[String],
        domains: &[&str],
        since_ms: i64,
    ) -> Result<usize, Fault> {
        let mut failed = std::collections::BTreeSet::new();
        let keys: Vec<Item> = ids
            .iter()
            .flat_map(|id| {
                domains.iter().map(move |domain| {
                    Item::from([
                        ("pk".to_owned(), crate::entry::pk(id)),
                        ("sk".to_owned(), text(*domain)),
                    ])
                })
            })
            .collect();
        let how = batch::consistent();
        for item in batch::get(&self.client, &self.table, keys, how, UNAVAILABLE).await? {
            let is_bad = item
                .get("outcome")
                .and_then(|outcome| outcome.as_s().ok())
                .is_some_and(|outcome| matches!(outcome.as_str(), "rejected" | "failing"));
            let at: Option<i64> = item.get("at").and_then(|at| at.as_n().ok()?.parse().ok());
            if is_bad && at.is_some_and(|at| at >= since_ms) {
                failed.extend(crate::entry::id_of(&item).map(str::to_owned));
            }
        }
        Ok(failed.len())
    }
}

fn run_key(run: &str) -> AttributeValue {
    text(format!("replay#{run}"))
}

fn chunk_key(n: usize) -> AttributeValue {
    text(format!("ids#{n:03}"))
}

impl Runs for DynamoRuns {
    async fn save(&self, run: &Run, expected: u64) -> Result<bool, Fault> {
        let document = serde_json::to_string(run)
            .map_err(|_| Fault::reject("replay.unwritable", "the run has no JSON form"))?;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", run_key(&run.id))
            .item("sk", text("run"))
            .item("doc", text(document))
            .item("version", number(expected + 1))
            .item("expires_at", number(self.expires_at_s(run)));
        let put = match expected {
            0 => put.condition_expression("attribute_not_exists(pk)"),
            _ => put
                .condition_expression("version = :expected")
                .expression_attribute_values(":expected", number(expected)),
        };
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                // The SDK repeats a put whose answer was lost, and may meet what it wrote itself.
                Some(PutItemError::ConditionalCheckFailedException(_)) => {
                    let there = self.find(&run.id).await?;
                    Ok(there
                        .as_ref()
                        .is_some_and(|(saved, version)| saved == run && *version == expected + 1))
                }
                _ => Err(aws::unavailable(UNAVAILABLE, "PutItem", &error)),
            },
        }
    }

    async fn ids(&self, run: &str, from: usize, limit: usize) -> Result<Vec<String>, Fault> {
        let n = from / CHUNK_IDS;
        let kept = || {
            let chunk = self.chunk.lock().unwrap_or_else(PoisonError::into_inner);
            let chunk = chunk.as_ref()?;
            (chunk.0 == run && chunk.1 == n).then(|| {
                let ids = chunk.2.iter().skip(from % CHUNK_IDS);
                ids.take(limit).cloned().collect::<Vec<_>>()
            })
        };
        if let Some(ids) = kept() {
            return Ok(ids);
        }
        let item = self.item(run_key(run), chunk_key(n)).await?;
        let ids = item.as_ref().and_then(|item| item.get("ids")?.as_s().ok());
        let ids = ids.map(|ids| ids.lines().map(str::to_owned).collect());
        *self.chunk.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((run.to_owned(), n, ids.unwrap_or_default()));
        Ok(kept().unwrap_or_default())
    }

    async fn note(&self, run: &Run, ids: &[String], now_ms: i64) -> Result<(), Fault> {
        let item = |id: &String| {
            let mut put = PutRequest::builder()
                .item("pk", crate::entry::pk(id))
                .item("sk", run_key(&run.id))
                .item("outcome", text("replayed"))
                .item("at", number(now_ms))
                .item("who", text(&run.who))
                .item("why", text(&run.why))
                .item("forced", AttributeValue::Bool(run.forced))
                .item("expires_at", number(self.expires_at_s(run)));
            if let Some(domain) = &run.domain {
                put = put.item("domain", text(domain));
            }
            let put = put.build().ok()?;
            Some(WriteRequest::builder().put_request(put).build())
        };
        for some in ids.chunks(WRITE_ITEMS_MAX) {
            let mut left: Vec<WriteRequest> = some.iter().filter_map(item).collect();
            while !left.is_empty() {
                let asked = left.len();
                let write = self
                    .client
                    .batch_write_item()
                    .request_items(&self.table, left);
                let output = write
                    .send()
                    .await
                    .map_err(|error| aws::unavailable(UNAVAILABLE, "BatchWriteItem", &error))?;
                let unprocessed = output
                    .unprocessed_items
                    .unwrap_or_default()
                    .remove(&self.table);
                left = unprocessed.unwrap_or_default();
                if left.len() == asked {
                    return Err(Fault::retry(UNAVAILABLE, "BatchWriteItem: throttled"));
                }
            }
        }
        Ok(())
    }
}
