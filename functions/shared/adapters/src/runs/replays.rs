//! Replay runs, in the table of outcomes on DynamoDB.
//!
//! | `pk` | `sk` | attributes |
//! |---|---|---|
//! | `replay#<run>` | `run` | `doc` S: the run as JSON; `version` N, `expires_at` N s |
//! | `replay#<run>` | `ids#<nnn>` | `ids` S: [`CHUNK_IDS`] ids of its list, one per line; `expires_at` N s |
//! | `evt#<event>` | `replay#<run>` | `outcome` S `replayed`, `at` N ms, `who`, `why` S, `domain` S, `forced` BOOL, `expires_at` N s |
//!
//! The list is written once, before the run: if a run has a record, its list is complete.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use aws_types::SdkConfig;
use sluice_kernel::fault::Fault;
use sluice_kernel::replay::{Run, RunState, Runs};

use super::{DAY_S, Only, Place, RECORD, RunKind, RunStore, State, Summary};
use crate::aws;
use crate::batch;
use crate::code;
use crate::entry::{Item, number, text};

/// Ids in one item of a run's list: 30 KB or less.
pub const CHUNK_IDS: usize = 1_000;

/// Items in one BatchWriteItem call: DynamoDB's own limit.
const WRITE_ITEMS_MAX: usize = 25;

/// The table of runs: the outcomes' own.
#[derive(Debug)]
pub struct DynamoRuns {
    store: RunStore,
    keep_days: u32,
    chunk: Mutex<Option<(String, usize, Vec<String>)>>,
}

impl DynamoRuns {
    /// Uses the outcomes table of this name; runs are kept for this many days.
    pub fn new(config: &SdkConfig, table: String, keep_days: u32) -> Self {
        Self {
            store: RunStore {
                unavailable: code::REPLAY_UNAVAILABLE,
                ..RunStore::new(config, table)
            },
            keep_days,
            chunk: Mutex::default(),
        }
    }

    fn expires_at_s(&self, run: &Run) -> i64 {
        run.started_at_ms / 1_000 + i64::from(self.keep_days) * DAY_S
    }

    /// Writes a new run with its list, and the digest of the plan that was shown.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached, `Held` with `replay.exists` if there is a run of this name.
    pub async fn create(
        &self,
        run: &Run,
        ids: &[String],
        plan: Option<String>,
    ) -> Result<(), Fault> {
        for (n, some) in ids.chunks(CHUNK_IDS).enumerate() {
            let item = Item::from([
                ("pk".to_owned(), run_key(&run.id)),
                ("sk".to_owned(), text(chunk_key(n))),
                ("ids".to_owned(), text(some.join("\n"))),
                ("expires_at".to_owned(), number(self.expires_at_s(run))),
            ]);
            // The list of a run that is there is never written over.
            if !self.store.put(item, Only::IfNew).await? {
                return Err(exists());
            }
        }
        let place = Place {
            kind: RunKind::Replay,
            name: run.id.clone(),
            plan,
            began_ms: run.started_at_ms,
        };
        self.store.enlist(&place, self.expires_at_s(run)).await?;
        match self.save(run, 0).await? {
            true => Ok(()),
            false => Err(exists()),
        }
    }

    /// A run and its version; `None` if there is none of this name.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached or the run can't be read.
    pub async fn find(&self, id: &str) -> Result<Option<(Run, u64)>, Fault> {
        let Some(item) = self.item(id, RECORD).await? else {
            return Ok(None);
        };
        let unreadable = || Fault::retry(code::REPLAY_UNREADABLE, "the run's record can't be read");
        let version = item
            .get("version")
            .and_then(|version| version.as_n().ok()?.parse().ok());
        Ok(Some((
            document(&item).ok_or_else(unreadable)?,
            version.ok_or_else(unreadable)?,
        )))
    }

    async fn item(&self, run: &str, sk: &str) -> Result<Option<Item>, Fault> {
        let [pk, _] = RunKind::Replay.record(run, 0);
        self.store.item(&pk, sk).await
    }

    /// The number of these events that one of these domains has rejected, or fails to apply, since this time.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
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
        for item in batch::get(
            &self.store.client,
            &self.store.table,
            keys,
            how,
            code::REPLAY_UNAVAILABLE,
        )
        .await?
        {
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

fn exists() -> Fault {
    Fault::held(code::REPLAY_EXISTS, "there is a run of this name")
}

fn run_key(run: &str) -> AttributeValue {
    let [pk, _] = RunKind::Replay.record(run, 0);
    text(pk)
}

fn chunk_key(n: usize) -> String {
    format!("ids#{n:03}")
}

fn document(item: &Item) -> Option<Run> {
    serde_json::from_str(item.get("doc")?.as_s().ok()?).ok()
}

pub(super) fn summary(place: Place, record: &Item) -> Option<Summary> {
    let run = document(record)?;
    let counts = [
        ("published", run.published),
        ("skipped", run.skipped),
        ("admitted", run.admitted),
        ("waiting", run.waiting),
        ("refused", run.refused),
    ];
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    let counts: BTreeMap<_, _> = counts
        .map(|(word, count)| (word.to_owned(), count))
        .collect();
    Some(Summary {
        kind: place.kind,
        name: place.name,
        who: run.who,
        why: run.why,
        plan: place.plan,
        began_ms: place.began_ms,
        at_ms: run.at_ms,
        state: match run.standing {
            RunState::Running => State::Running,
            RunState::Stopped(reason) => State::Stopped(reason),
            RunState::Done => State::Done,
        },
        done: run.next,
        total: Some(run.total),
        failed: run.failed + run.refused,
        counts,
        versions: None,
    })
}

impl Runs for DynamoRuns {
    async fn save(&self, run: &Run, expected: u64) -> Result<bool, Fault> {
        let document = serde_json::to_string(run)
            .map_err(|_| Fault::reject(code::REPLAY_UNWRITABLE, "the run has no JSON form"))?;
        let item = Item::from([
            ("pk".to_owned(), run_key(&run.id)),
            ("sk".to_owned(), text(RECORD)),
            ("doc".to_owned(), text(document)),
            ("version".to_owned(), number(expected + 1)),
            ("expires_at".to_owned(), number(self.expires_at_s(run))),
        ]);
        let before = number(expected);
        let only = match expected {
            0 => Only::IfNew,
            _ => Only::If("version", &before),
        };
        self.store.put(item, only).await
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
        let item = self.item(run, &chunk_key(n)).await?;
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
                let RunStore { client, table, .. } = &self.store;
                let write = client.batch_write_item().request_items(table, left);
                let output = write.send().await.map_err(|error| {
                    aws::unavailable(code::REPLAY_UNAVAILABLE, "BatchWriteItem", &error)
                })?;
                let unprocessed = output.unprocessed_items.unwrap_or_default().remove(table);
                left = unprocessed.unwrap_or_default();
                if left.len() == asked {
                    return Err(Fault::retry(
                        code::REPLAY_UNAVAILABLE,
                        "BatchWriteItem: throttled",
                    ));
                }
            }
        }
        Ok(())
    }
}
