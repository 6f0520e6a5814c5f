//! What operators did: who, why, and the progress, in the outcomes table on DynamoDB.
//!
//! | `pk` | `sk` | |
//! |---|---|---|
//! | `replay#<run>`, `evt#<event>` | | see [`replays`] |
//! | `<kind>#<run>`, such as `rebuild#…`, `erase#…` | `run` | see [`bulk`] |
//! | `rollback#<function>` | its start time | see [`moves`] |
//! | `runs` | `<began ms, 15 digits>#<kind>#<name>` | an entry in the list of all runs: `kind`, `name` S, `plan` S, `at` N ms, `expires_at` N s |
//!
//! An entry of the list is written before the record of its run and never changes. So every run that has a record is
//! listed. An entry without a record belongs to a run that never began, and isn't shown. Runs that an earlier version
//! recorded have no entry. `plan` is the digest of the plan that was shown, if there was one.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sluice_kernel::fault::Fault;

use crate::code::{self, Code};
use crate::entry::{Item, hex, number, text};
use crate::{aws, batch};

pub mod bulk;
pub mod moves;
pub mod replays;

/// The partition of the list.
const LIST: &str = "runs";

/// The sort key of a run's record, if it isn't a time.
const RECORD: &str = "run";

/// Bytes of the digest of a plan that a record keeps.
pub const DIGEST_BYTES: usize = 12;

const DAY_S: i64 = 86_400;

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// Publishes events again.
    Replay,
    /// Rebuilds a domain's projections.
    Rebuild,
    /// Imports objects from Stripe's lists.
    Import,
    /// Points a function's alias at another version.
    Rollback,
    /// Moves dead letters back to their queue.
    Redrive,
    /// Gives dead letters up.
    Discard,
    /// Compares the ledger with Stripe's list of events.
    Reconcile,
    /// Removes what belongs to a customer.
    Erase,
    /// Puts a new signing secret before an endpoint's existing ones.
    Roll,
    /// Takes out an endpoint's signing secrets but the newest.
    RollFinish,
    /// Shows an event's body with personal data.
    View,
}

impl RunKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Replay,
        Self::Rebuild,
        Self::Import,
        Self::Rollback,
        Self::Redrive,
        Self::Discard,
        Self::Reconcile,
        Self::Erase,
        Self::Roll,
        Self::RollFinish,
        Self::View,
    ];

    /// Its name in keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Rebuild => "rebuild",
            Self::Import => "import",
            Self::Rollback => "rollback",
            Self::Redrive => "redrive",
            Self::Discard => "discard",
            Self::Reconcile => "reconcile",
            Self::Erase => "erase",
            Self::Roll => "roll",
            Self::RollFinish => "roll_finish",
            Self::View => "view",
        }
    }

    /// The kind of this name.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The key of the record of a run that was begun at this time.
    fn record(self, name: &str, began_ms: i64) -> [String; 2] {
        let sk = match self {
            Self::Rollback => moment(began_ms),
            _ => RECORD.to_owned(),
        };
        [format!("{}#{name}", self.as_str()), sk]
    }
}

/// The state of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "reason")]
pub enum State {
    /// It was begun, and hasn't ended: it is running, or was cut off.
    Running,
    /// It has stopped, for this reason.
    Stopped(String),
    /// It has ended.
    Done,
}

/// A run, as the list of all runs shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// What it does.
    pub kind: RunKind,
    /// Its name; for a rollback, the function's.
    pub name: String,
    /// Who began it.
    pub who: String,
    /// Why, in the operator's words.
    pub why: String,
    /// The digest of the plan that was shown before, if there was one.
    pub plan: Option<String>,
    /// When it was begun, in Unix milliseconds.
    pub began_ms: i64,
    /// When its record was written last, in Unix milliseconds.
    pub at_ms: i64,
    /// Its state.
    #[serde(flatten)]
    pub state: State,
    /// Events or objects that it has completed.
    pub done: usize,
    /// The total number, if it is known.
    pub total: Option<usize>,
    /// The number of those that failed.
    pub failed: usize,
    /// The number of each outcome, by its name.
    pub counts: BTreeMap<String, usize>,
    /// For a rollback, the version before and the version after.
    pub versions: Option<[String; 2]>,
}

/// Some runs of the list, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    /// The runs.
    pub runs: Vec<Summary>,
    /// Where the next page begins; `None` if this is the last.
    pub next: Option<String>,
}

/// An entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    kind: RunKind,
    name: String,
    plan: Option<String>,
    began_ms: i64,
}

impl Place {
    fn read(item: &Item) -> Option<Self> {
        let of = |name: &str| item.get(name)?.as_s().ok();
        Some(Self {
            kind: RunKind::of(of("kind")?)?,
            name: of("name")?.clone(),
            plan: of("plan").cloned(),
            began_ms: item.get("at")?.as_n().ok()?.parse().ok()?,
        })
    }

    fn record(&self) -> [String; 2] {
        self.kind.record(&self.name, self.began_ms)
    }

    fn summary(self, record: &Item) -> Option<Summary> {
        match self.kind {
            RunKind::Replay => replays::summary(self, record),
            RunKind::Rollback => moves::summary(self, record),
            _ => bulk::summary(self, record),
        }
    }
}

/// The condition of a write.
#[derive(Debug, Clone, Copy)]
enum Only<'a> {
    Always,
    /// If there is no item of its key.
    IfNew,
    /// If an attribute of the existing item has this value.
    If(&'static str, &'a AttributeValue),
}

/// The table that runs are recorded in: the outcomes' own.
#[derive(Debug, Clone)]
pub struct RunStore {
    client: Client,
    table: String,
    /// The code of a fault that the table causes.
    unavailable: Code,
}

impl RunStore {
    /// Uses the outcomes table of this name.
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            client: aws::dynamodb(config),
            table,
            unavailable: code::RUN_UNAVAILABLE,
        }
    }

    async fn item(&self, pk: &str, sk: &str) -> Result<Option<Item>, Fault> {
        let get = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .consistent_read(true);
        let output = get.send().await;
        let output =
            output.map_err(|error| aws::unavailable(self.unavailable, "GetItem", &error))?;
        Ok(output.item)
    }

    /// Writes an item; `Ok(false)` if its condition doesn't hold. After a lost response the SDK repeats the put, and
    /// may meet its own item: that counts as written.
    async fn put(&self, item: Item, only: Only<'_>) -> Result<bool, Fault> {
        let put = self.client.put_item().table_name(&self.table);
        let put = put.set_item(Some(item.clone()));
        let put = match only {
            Only::Always => put,
            Only::IfNew => put.condition_expression("attribute_not_exists(pk)"),
            Only::If(name, value) => put
                .condition_expression("#name = :before")
                .expression_attribute_names("#name", name)
                .expression_attribute_values(":before", value.clone()),
        };
        let Err(error) = put.send().await else {
            return Ok(true);
        };
        let is_refused = matches!(
            error.as_service_error(),
            Some(PutItemError::ConditionalCheckFailedException(_))
        );
        let key = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
        match (is_refused, key("pk"), key("sk")) {
            (true, Some(pk), Some(sk)) => Ok(self.item(pk, sk).await?.as_ref() == Some(&item)),
            _ => Err(aws::unavailable(self.unavailable, "PutItem", &error)),
        }
    }

    /// Adds a run to the list. To be called before its record is written; a second call changes nothing.
    async fn enlist(&self, place: &Place, expires_at_s: i64) -> Result<(), Fault> {
        let Place {
            kind,
            name,
            plan,
            began_ms,
        } = place;
        let mut item = Item::from([
            ("pk".to_owned(), text(LIST)),
            (
                "sk".to_owned(),
                text(format!("{}#{}#{name}", moment(*began_ms), kind.as_str())),
            ),
            ("kind".to_owned(), text(kind.as_str())),
            ("name".to_owned(), text(name)),
            ("at".to_owned(), number(began_ms)),
            ("expires_at".to_owned(), number(expires_at_s)),
        ]);
        item.extend(plan.as_ref().map(|plan| ("plan".to_owned(), text(plan))));
        self.put(item, Only::Always).await.map(drop)
    }

    /// The run of this kind and name that was begun at this time; `None` if there is none.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
    pub async fn find(
        &self,
        kind: RunKind,
        name: &str,
        began_ms: i64,
    ) -> Result<Option<Summary>, Fault> {
        let place = format!("{}#{}#{name}", moment(began_ms), kind.as_str());
        let Some(place) = self
            .item(LIST, &place)
            .await?
            .as_ref()
            .and_then(Place::read)
        else {
            return Ok(None);
        };
        let [pk, sk] = place.record();
        let record = self.item(&pk, &sk).await?;
        Ok(record.and_then(|record| place.summary(&record)))
    }

    /// Runs of all kinds, the newest first: at most `limit`, after the entry that the previous page named.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
    pub async fn list(&self, after: Option<&str>, limit: u16) -> Result<Page, Fault> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .expression_attribute_values(":list", text(LIST))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(i32::from(limit.max(1)));
        let query = match after {
            None => query.key_condition_expression("pk = :list"),
            Some(after) => query
                .key_condition_expression("pk = :list AND sk < :after")
                .expression_attribute_values(":after", text(after)),
        };
        let output = query.send().await;
        let output = output.map_err(|error| aws::unavailable(self.unavailable, "Query", &error))?;
        let next = output.last_evaluated_key.as_ref();
        let next = next.and_then(|key| key.get("sk")?.as_s().ok().cloned());
        let items = output.items.unwrap_or_default();
        let places: Vec<_> = items.iter().filter_map(Place::read).collect();
        let keys = places.iter().map(|place| {
            let [pk, sk] = place.record();
            Item::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))])
        });
        let how = batch::consistent();
        let records = batch::get(
            &self.client,
            &self.table,
            keys.collect(),
            how,
            self.unavailable,
        )
        .await?;
        let key = |item: &Item| {
            let of = |name: &str| item.get(name)?.as_s().ok().cloned();
            Some([of("pk")?, of("sk")?])
        };
        let records: HashMap<_, _> = records
            .iter()
            .filter_map(|item| Some((key(item)?, item)))
            .collect();
        let runs = places.into_iter().filter_map(|place| {
            let record = records.get(&place.record())?;
            place.summary(record)
        });
        Ok(Page {
            runs: runs.collect(),
            next,
        })
    }
}

/// A time in a sort key: all have the same number of digits.
fn moment(at_ms: i64) -> String {
    format!("{at_ms:015}")
}

/// Identifies a plan or a selection: a digest of its parts, in their order, of this many bytes (32 at most).
pub fn digest<'a>(parts: impl IntoIterator<Item = &'a str>, bytes: usize) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // Each part is hashed with its length, so that different lists never make the same bytes.
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let hash = hash.finalize();
    hex(&hash[..bytes.min(hash.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_that_differ_have_another_digest() {
        let of = |parts: &[&str]| digest(parts.iter().copied(), DIGEST_BYTES);
        assert_eq!(of(&["a", "bc"]), of(&["a", "bc"]));
        assert_ne!(of(&["a", "bc"]), of(&["ab", "c"]));
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
        assert_eq!(of(&[]).len(), 2 * DIGEST_BYTES);
    }

    #[test]
    fn each_kind_is_read_by_the_word_that_it_is_written_with() {
        for kind in RunKind::ALL {
            assert_eq!(RunKind::of(kind.as_str()), Some(kind));
            assert_eq!(serde_json::json!(kind), kind.as_str());
        }
    }
}
