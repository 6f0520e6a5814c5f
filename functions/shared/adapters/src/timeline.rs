//! The ledger's events by the time they were first received: what operators list, and what a filter replays.
//!
//! A day is spread over a few shards of the index `by_time`, which `merge` makes one list of. The index follows the
//! table within a moment: the newest second may be incomplete.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use aws_types::SdkConfig;
use serde::Serialize;
use sluice_kernel::code::Code;
use sluice_kernel::fault::Fault;

use crate::aws;
use crate::code;
use crate::entry::{self, Item, SEEN_SHARDS, number, text};
use crate::merge::{self, Merge, Page, Row};
pub use crate::merge::{PAGE_MAX, Position, Step};
use crate::usage::Usage;

mod bounded;

/// The first page of a shard: small, so that the first events appear at once.
const PAGE_FIRST: i32 = 100;

/// An event, as the index holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// `evt_…`.
    pub id: String,
    /// When it was first received, in milliseconds.
    pub received_at_ms: i64,
    /// Stripe's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The connected account, if any.
    pub account: Option<String>,
    /// Stripe's `livemode`, if the event has one.
    pub livemode: Option<bool>,
    /// Stripe's `created`, in seconds, if the event has one.
    pub created: Option<i64>,
    /// The object that it is about, if it has an id.
    pub object_id: Option<String>,
}

/// Which events, in which order. Times are when an event was first received, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The beginning, included.
    pub from_ms: i64,
    /// The end, not included.
    pub until_ms: i64,
    /// Whether the newest comes first, or the oldest.
    pub newest_first: bool,
    /// Types; `*` stands for anything. Empty for all.
    pub types: Vec<String>,
    /// The connected account; `platform` for the platform's own.
    pub account: Option<String>,
    /// Live or test.
    pub livemode: Option<bool>,
}

impl Wanted {
    /// All events of a span, the oldest first.
    pub fn between(from_ms: i64, until_ms: i64) -> Self {
        Self {
            from_ms,
            until_ms,
            newest_first: false,
            types: Vec::new(),
            account: None,
            livemode: None,
        }
    }

    /// Whether an event is wanted, regardless of its time.
    pub fn takes(&self, seen: &Seen) -> bool {
        let of_type = self.types.is_empty()
            || self
                .types
                .iter()
                .any(|pattern| is_like(&seen.kind, pattern));
        let of_account = match self.account.as_deref() {
            None => true,
            Some("platform") => seen.account.is_none(),
            account => seen.account.as_deref() == account,
        };
        of_type && of_account && self.livemode.is_none_or(|mode| seen.livemode == Some(mode))
    }

    /// What DynamoDB can filter before it sends anything: the beginning of a single type, the account, the mode.
    fn filter(
        &self,
    ) -> (
        String,
        HashMap<String, String>,
        HashMap<String, AttributeValue>,
    ) {
        let (mut conditions, mut names, mut values) = (Vec::new(), HashMap::new(), HashMap::new());
        if let [pattern] = self.types.as_slice() {
            let beginning = pattern.split('*').next().unwrap_or_default();
            if !beginning.is_empty() {
                conditions.push("begins_with(#type, :type)");
                names.insert("#type".to_owned(), "type".to_owned());
                values.insert(":type".to_owned(), text(beginning));
            }
        }
        match self.account.as_deref() {
            None => {}
            Some("platform") => conditions.push("attribute_not_exists(account)"),
            Some(account) => {
                conditions.push("account = :account");
                values.insert(":account".to_owned(), text(account));
            }
        }
        if let Some(livemode) = self.livemode {
            conditions.push("livemode = :livemode");
            values.insert(":livemode".to_owned(), AttributeValue::Bool(livemode));
        }
        (conditions.join(" AND "), names, values)
    }
}

/// Whether a text matches a pattern, in which `*` stands for any number of characters.
pub fn is_like(text: &str, pattern: &str) -> bool {
    let Some((beginning, rest)) = pattern.split_once('*') else {
        return text == pattern;
    };
    let Some(mut text) = text.strip_prefix(beginning) else {
        return false;
    };
    let mut parts: Vec<_> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    // The earliest place for each part leaves the most for those after it.
    for part in parts {
        match text.split_once(part) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(end)
}

/// The ledger by time.
#[derive(Debug, Clone)]
pub struct Timeline {
    client: Client,
    table: String,
}

impl Timeline {
    /// Reads the ledger's table of this name.
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self::of(aws::dynamodb(config), table)
    }

    pub(crate) fn of(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Begins a walk over the wanted events.
    pub fn walk(&self, wanted: Wanted) -> Walk {
        let (first, last) = (
            entry::day_of(wanted.from_ms),
            entry::day_of(wanted.until_ms - 1),
        );
        let empty = wanted.until_ms <= wanted.from_ms;
        Walk {
            next_day: match (empty, wanted.newest_first) {
                (true, _) => None,
                (false, true) => Some(last),
                (false, false) => Some(first),
            },
            end_day: if wanted.newest_first { first } else { last },
            newest_first: wanted.newest_first,
            from_ms: wanted.from_ms,
            until_ms: wanted.until_ms,
            merge: Merge::new(
                Source {
                    timeline: self.clone(),
                    wanted: wanted.clone(),
                },
                wanted.newest_first,
                PAGE_FIRST,
            ),
            day: first,
            given: None,
        }
    }

    /// Resumes a walk over the same wanted events after those that a walk has already returned.
    pub fn resume(&self, mut wanted: Wanted, from: Position) -> Walk {
        match wanted.newest_first {
            true => wanted.until_ms = wanted.until_ms.min(from.at_ms.saturating_add(1)),
            false => wanted.from_ms = wanted.from_ms.max(from.at_ms),
        }
        Walk {
            given: Some(from),
            ..self.walk(wanted)
        }
    }
}

/// A walk over events in the order of their times; within one millisecond in no particular order.
#[derive(Debug)]
pub struct Walk {
    newest_first: bool,
    from_ms: i64,
    until_ms: i64,
    next_day: Option<i64>,
    end_day: i64,
    /// The shards of the day that is being read.
    merge: Merge<Source>,
    /// The day that is being read.
    day: i64,
    /// Its position; `None` before the first event.
    given: Option<Position>,
}

impl Walk {
    /// Its position; `None` before the first event.
    pub fn position(&self) -> Option<&Position> {
        self.given.as_ref()
    }

    /// What it has read so far used.
    pub fn usage(&self) -> Usage {
        self.merge.usage()
    }

    /// The next event, or `None` at the end.
    ///
    /// # Errors
    /// `Retry` if the ledger can't be reached.
    pub async fn next(&mut self) -> Result<Option<Seen>, Fault> {
        match self.next_within(usize::MAX).await? {
            Step::Row(seen) => Ok(Some(seen)),
            Step::Paused | Step::End => Ok(None),
        }
    }

    /// Continues with the next day, if there is one.
    fn next_day(&mut self) -> bool {
        let Some(day) = self.next_day else {
            return false;
        };
        self.next_day = match (day == self.end_day, self.newest_first) {
            (true, _) => None,
            (false, true) => Some(day - 1),
            (false, false) => Some(day + 1),
        };
        self.day = day;
        let shards = 0..u32::from(SEEN_SHARDS);
        self.merge
            .begin(shards.map(|shard| entry::seen_key(day, shard)));
        true
    }
}

/// The size of a row of the index, in bytes, for answers that don't say what they used.
const ROW_BYTES: usize = 200;

/// The wanted events of the index.
#[derive(Debug, Clone)]
struct Source {
    timeline: Timeline,
    wanted: Wanted,
}

impl merge::Source for Source {
    type Row = Seen;

    const UNAVAILABLE: Code = code::TIMELINE_UNAVAILABLE;
    const TIME: &'static str = "received_at";

    async fn page(
        &self,
        shard: String,
        size: i32,
        after: Option<Item>,
    ) -> Result<Page<Seen>, Fault> {
        let Self { timeline, wanted } = self;
        let (filter, names, values) = wanted.filter();
        let mut query = timeline
            .client
            .query()
            .table_name(&timeline.table)
            .index_name("by_time")
            .key_condition_expression("seen = :seen AND received_at BETWEEN :from AND :last")
            .expression_attribute_values(":seen", text(shard))
            .expression_attribute_values(":from", number(wanted.from_ms))
            .expression_attribute_values(":last", number(wanted.until_ms - 1))
            .scan_index_forward(!wanted.newest_first)
            .limit(size)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .set_exclusive_start_key(after);
        for (name, value) in values {
            query = query.expression_attribute_values(name, value);
        }
        if !filter.is_empty() {
            query = query.filter_expression(&filter);
        }
        if !names.is_empty() {
            query = query.set_expression_attribute_names(Some(names));
        }
        let output = query.send().await;
        let output = output
            .map_err(|error| aws::unavailable(code::TIMELINE_UNAVAILABLE, "Query", &error))?;
        let items = output.items.unwrap_or_default();
        let rows = usize::try_from(output.scanned_count).unwrap_or_default();
        let usage = Usage::of(output.consumed_capacity.as_slice(), || {
            Usage::units(rows * ROW_BYTES) / 2.0
        });
        let found = items.iter().filter_map(seen);
        Ok(Page {
            found: found.filter(|seen| wanted.takes(seen)).collect(),
            after: output.last_evaluated_key.filter(|key| !key.is_empty()),
            usage,
        })
    }
}

impl Row for Seen {
    fn at_ms(&self) -> i64 {
        self.received_at_ms
    }

    fn name(&self) -> String {
        self.id.clone()
    }
}

fn seen(item: &Item) -> Option<Seen> {
    let text = |name: &str| item.get(name)?.as_s().ok().cloned();
    let number = |name: &str| item.get(name)?.as_n().ok()?.parse().ok();
    Some(Seen {
        id: entry::id_of(item)?.to_owned(),
        received_at_ms: number("received_at")?,
        kind: text("type")?,
        account: text("account"),
        livemode: item
            .get("livemode")
            .and_then(|value| value.as_bool().ok().copied()),
        created: number("created"),
        object_id: text("object_id"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_anywhere() {
        for (pattern, like, unlike) in [
            ("charge.refunded", "charge.refunded", "charge.refunded.x"),
            ("charge.*", "charge.dispute.created", "charges.x"),
            ("*.updated", "customer.subscription.updated", "updated"),
            (
                "*.subscription.*",
                "customer.subscription.deleted",
                "subscription.x",
            ),
            ("a*b*c", "aXbXbc", "acb"),
            ("a*a", "aa", "a"),
            ("*", "", "-"),
        ] {
            assert!(is_like(like, pattern), "{pattern} {like}");
            assert!(
                pattern == "*" || !is_like(unlike, pattern),
                "{pattern} {unlike}"
            );
        }
    }
}
