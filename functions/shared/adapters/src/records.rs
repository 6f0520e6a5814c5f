//! Reads for operators what domains recorded of events that they rejected or fail to apply. The table is that of
//! [`crate::outcomes`], which says what a record holds.
//!
//! Records are listed by the index `by_time`, the newest first, and never by a scan: the table also has ties, runs and
//! what people did. A page looks at a bounded number of records, and says where the next one begins even if none of
//! them was wanted. The index follows the table within a moment.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use aws_types::SdkConfig;
use serde::{Deserialize, Serialize};
use sluice_kernel::code::Code;
use sluice_kernel::fault::Fault;

use crate::entry::{self, Item, number, text};
pub use crate::merge::Position;
use crate::merge::{self, Merge, PAGE_MAX, Row};
use crate::outcomes::{self, KIND_SHARDS, KINDS};
use crate::usage::Usage;
use crate::{aws, batch, code};

/// The fewest records that a shard's first page asks for.
const PAGE_MIN: usize = 20;

/// What a domain recorded of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredRecord {
    /// `evt_…`; for a check or a message that names no event, the subject that it is recorded under.
    #[serde(rename = "event")]
    pub subject: String,
    /// The domain.
    pub domain: String,
    /// `rejected`, `failing`, or the final outcome of a failing one.
    pub outcome: String,
    /// The fault's code.
    pub code: String,
    /// Its cause: for people; no payload.
    pub cause: String,
    /// Equal for equal code and cause.
    pub digest: String,
    /// Stripe's type; empty if the message could not be read.
    #[serde(rename = "type")]
    pub kind: String,
    /// The connected account, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// When it was recorded, in Unix milliseconds.
    pub at_ms: i64,
}

/// Which records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Of this outcome only: `rejected`, `failing`, or what a failing one came to.
    pub outcome: Option<String>,
    /// Of this code only.
    pub code: Option<String>,
    /// Of this digest of code and cause only.
    pub digest: Option<String>,
    /// Of this domain only: another domain's record is no reason to try it in this one.
    pub domain: Option<String>,
    /// Of this type of Stripe's only.
    pub kind: Option<String>,
    /// Of this connected account only; `platform` for the platform's own.
    pub account: Option<String>,
    /// Recorded from here on, in milliseconds.
    pub since_ms: Option<i64>,
    /// Recorded before, in milliseconds.
    pub until_ms: Option<i64>,
}

impl Wanted {
    /// Whether a record is wanted, regardless of its time.
    pub fn takes(&self, record: &StoredRecord) -> bool {
        let is =
            |wanted: &Option<String>, there: &str| wanted.as_deref().is_none_or(|one| one == there);
        is(&self.outcome, &record.outcome)
            && is(&self.code, &record.code)
            && is(&self.digest, &record.digest)
            && is(&self.domain, &record.domain)
            && is(&self.kind, &record.kind)
            && is(
                &self.account,
                record.account.as_deref().unwrap_or("platform"),
            )
    }

    /// The shards of the index that may have one.
    fn shards(&self) -> Vec<String> {
        let wanted = self.outcome.as_deref().map(outcomes::kind);
        let kinds = KINDS
            .into_iter()
            .filter(|kind| wanted.is_none_or(|wanted| wanted == *kind));
        let shards = 0..u32::from(KIND_SHARDS);
        kinds
            .flat_map(|kind| {
                shards
                    .clone()
                    .map(move |shard| outcomes::kind_shard(kind, shard))
            })
            .collect()
    }
}

/// A page of records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Page {
    /// Those of the records looked at that are wanted, newest first; may be none, though more pages follow.
    pub records: Vec<StoredRecord>,
    /// How many records were looked at.
    pub looked_at: usize,
    /// The time of the last record that was looked at, in milliseconds.
    pub looked_to_ms: Option<i64>,
    /// The place where the next page begins; none after the last one.
    pub next: Option<Position>,
}

/// The records of a table of outcomes.
#[derive(Debug, Clone)]
pub struct DynamoRecords {
    client: Client,
    table: String,
}

impl DynamoRecords {
    /// Reads the table of this name.
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            client: aws::dynamodb(config),
            table,
        }
    }

    /// Begins a walk over the wanted records that haven't expired at this time, or resumes one after a page's last
    /// record. `a_page` is about how many records a page will look at.
    pub fn walk(&self, wanted: Wanted, after: Option<Position>, now_s: i64, a_page: usize) -> Walk {
        let until_ms = wanted.until_ms.unwrap_or(i64::MAX);
        let last_ms = match &after {
            Some(after) => after.at_ms.min(until_ms.saturating_sub(1)),
            None => until_ms.saturating_sub(1),
        };
        let from_ms = wanted.since_ms.unwrap_or(0);
        let shards = wanted.shards();
        // A little more than an even share: most shards are read once.
        let share = a_page / usize::from(KIND_SHARDS);
        let first_page = i32::try_from(share + share / 4 + PAGE_MIN).unwrap_or(PAGE_MAX);
        let source = Source {
            records: self.clone(),
            from_ms,
            last_ms,
            now_s,
        };
        let mut merge = Merge::new(source, true, first_page.min(PAGE_MAX));
        if from_ms <= last_ms {
            merge.begin(shards);
        }
        Walk {
            wanted,
            merge,
            position: after,
            ahead: None,
        }
    }

    /// What this domain recorded under these subjects and hasn't expired at this time, by subject.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
    pub async fn of(
        &self,
        domain: &str,
        subjects: impl IntoIterator<Item = &str>,
        now_s: i64,
    ) -> Result<HashMap<String, StoredRecord>, Fault> {
        let subjects: BTreeSet<_> = subjects.into_iter().collect();
        let keys = subjects.into_iter().map(|subject| {
            let key = [
                ("pk".to_owned(), entry::pk(subject)),
                ("sk".to_owned(), text(domain)),
            ];
            Item::from(key)
        });
        let how = KeysAndAttributes::builder();
        let (client, table) = (&self.client, &self.table);
        let code = code::OUTCOME_UNAVAILABLE;
        let items = batch::get(client, table, keys.collect(), how, code).await?;
        let read = items.iter().filter_map(|item| Stored::of(item, now_s));
        let kept = read.filter(|stored| !stored.is_expired);
        Ok(kept
            .map(|stored| (stored.record.subject.clone(), stored.record))
            .collect())
    }
}

/// A walk over records, the newest first; within one millisecond in no particular order.
#[derive(Debug)]
pub struct Walk {
    wanted: Wanted,
    merge: Merge<Source>,
    position: Option<Position>,
    /// A record that was read to see whether another one follows.
    ahead: Option<Stored>,
}

impl Walk {
    /// The next page: ends after `rows` wanted records, or when it has looked at `looks` of any.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
    pub async fn page(&mut self, rows: usize, looks: usize) -> Result<Page, Fault> {
        let mut page = Page::default();
        while let Some(stored) = self.next().await? {
            if page.records.len() >= rows || page.looked_at >= looks {
                page.next.clone_from(&self.position);
                self.ahead = Some(stored);
                break;
            }
            Position::give(&mut self.position, &stored);
            page.looked_at += 1;
            page.looked_to_ms = Some(stored.at_ms());
            if !stored.is_expired && self.wanted.takes(&stored.record) {
                page.records.push(stored.record);
            }
        }
        Ok(page)
    }

    /// The next record that hasn't been returned.
    async fn next(&mut self) -> Result<Option<Stored>, Fault> {
        if let Some(stored) = self.ahead.take() {
            return Ok(Some(stored));
        }
        while let Some(stored) = self.merge.next().await? {
            let is_given = self
                .position
                .as_ref()
                .is_some_and(|position| position.has(&stored));
            if !is_given {
                return Ok(Some(stored));
            }
        }
        Ok(None)
    }
}

/// A record of the index, whether or not it is wanted.
#[derive(Debug)]
struct Stored {
    record: StoredRecord,
    is_expired: bool,
}

impl Stored {
    fn of(item: &Item, now_s: i64) -> Option<Self> {
        let text = |name: &str| item.get(name)?.as_s().ok().cloned();
        let number = |name: &str| item.get(name)?.as_n().ok()?.parse::<i64>().ok();
        let record = StoredRecord {
            subject: entry::id_of(item)?.to_owned(),
            domain: text("sk")?,
            outcome: text("outcome")?,
            code: text("code")?,
            cause: text("cause").unwrap_or_default(),
            digest: text("digest")?,
            kind: text("type").unwrap_or_default(),
            account: text("account"),
            at_ms: number("at").unwrap_or_default(),
        };
        Some(Self {
            record,
            is_expired: number("expires_at").is_none_or(|at_s| at_s <= now_s),
        })
    }
}

impl Row for Stored {
    fn at_ms(&self) -> i64 {
        self.record.at_ms
    }

    fn name(&self) -> String {
        format!("{} {}", self.record.subject, self.record.domain)
    }
}

/// The records of a span.
#[derive(Debug, Clone)]
struct Source {
    records: DynamoRecords,
    from_ms: i64,
    last_ms: i64,
    now_s: i64,
}

impl merge::Source for Source {
    type Row = Stored;

    const UNAVAILABLE: Code = code::OUTCOME_UNAVAILABLE;
    const TIME: &'static str = "at";

    async fn page(
        &self,
        shard: String,
        size: i32,
        after: Option<Item>,
    ) -> Result<merge::Page<Stored>, Fault> {
        let query = self
            .records
            .client
            .query()
            .table_name(&self.records.table)
            .index_name("by_time")
            .key_condition_expression("kind_shard = :shard AND #at BETWEEN :from AND :last")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":shard", text(shard))
            .expression_attribute_values(":from", number(self.from_ms))
            .expression_attribute_values(":last", number(self.last_ms))
            .scan_index_forward(false)
            .limit(size)
            .set_exclusive_start_key(after);
        let output = query.send().await;
        let output =
            output.map_err(|error| aws::unavailable(code::OUTCOME_UNAVAILABLE, "Query", &error))?;
        let items = output.items.unwrap_or_default();
        let found = items.iter().filter_map(|item| Stored::of(item, self.now_s));
        Ok(merge::Page {
            found: found.collect(),
            after: output.last_evaluated_key.filter(|key| !key.is_empty()),
            // No reader of records asks what they used.
            usage: Usage::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> StoredRecord {
        StoredRecord {
            subject: "evt_1".to_owned(),
            domain: "payments".to_owned(),
            outcome: "applied".to_owned(),
            code: "message.recovered".to_owned(),
            cause: String::new(),
            digest: "0011".to_owned(),
            kind: "charge.succeeded".to_owned(),
            account: None,
            at_ms: 1,
        }
    }

    #[test]
    fn a_domains_records_are_asked_for_without_those_that_others_made_of_the_same() {
        let payments = record();
        let billing = StoredRecord {
            domain: "billing".to_owned(),
            ..record()
        };
        let mut wanted = Wanted {
            code: Some("message.recovered".to_owned()),
            ..Wanted::default()
        };
        assert!(wanted.takes(&payments) && wanted.takes(&billing));
        wanted.domain = Some("billing".to_owned());
        assert!(!wanted.takes(&payments) && wanted.takes(&billing));
    }

    #[test]
    fn the_platforms_own_records_are_those_without_an_account() {
        let of = |account: &str| Wanted {
            account: Some(account.to_owned()),
            ..Wanted::default()
        };
        let connected = StoredRecord {
            account: Some("acct_1".to_owned()),
            ..record()
        };
        assert!(of("platform").takes(&record()) && !of("platform").takes(&connected));
        assert!(of("acct_1").takes(&connected) && !of("acct_1").takes(&record()));
    }

    #[test]
    fn one_outcome_is_read_of_eight_shards_and_whatever_a_failing_one_came_to_of_the_same() {
        let shards = |outcome: &str| {
            Wanted {
                outcome: Some(outcome.to_owned()),
                ..Wanted::default()
            }
            .shards()
        };
        assert_eq!(shards("failing").len(), 8);
        assert_eq!(shards("failing")[7], "failing#7");
        assert_eq!(shards("stale"), shards("applied"));
        assert_eq!(Wanted::default().shards().len(), 24);
    }
}
