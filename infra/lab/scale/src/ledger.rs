//! A ledger of any size, in the adapters' own item layout.
//!
//! The newest entries are in one hour, which has the same number of them however large the ledger is. The others are
//! spread over the days before it. So a ledger grows like one that takes more events per day, while what is asked about
//! its newest hour stays the same. Bodies are the sample events with ids of their own.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::AttributeValue;
use dynoxide::{AttributeValue as Emulated, ImportOptions, Item};
use serde_json::json;
use sluice_adapters::bulk_items;
use sluice_adapters::clock::SystemClock;
use sluice_adapters::ledger::DynamoLedger;
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::ledger::{Arrival, Claimed, Deferred, Ledger as _};
use sluice_local::event::Sample;
use sluice_local::problem::Problem;
use sluice_stripe::event::parse_head;

use crate::aws::{Aws, LEDGER, failed};

/// Entries that are written at once.
const CHUNK: usize = 10_000;

/// The distance between refunds among the events; the others are charges.
const REFUND_EVERY: usize = 10;

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

/// How long an entry or a record is kept.
pub(crate) const KEEP_DAYS: u32 = 35;

const ATTEMPT: &str = "8f5f7e1c-0b1d-4a51-9a6e-3f2a4b5c6d7e";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// When a ledger's events came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// The end, in milliseconds: the beginning of a day.
    pub until_ms: i64,
    /// The number of days before it.
    pub days: u16,
    /// The number of events in its last hour.
    pub newest: usize,
}

impl Spread {
    /// Until the last midnight.
    #[must_use]
    pub fn until_today(days: u16, newest: usize) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_ms = since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0));
        Self {
            until_ms: now_ms - now_ms.rem_euclid(DAY_MS),
            days,
            newest,
        }
    }

    /// When its first event came in, or a little earlier.
    #[must_use]
    pub fn since_ms(&self) -> i64 {
        self.until_ms - i64::from(self.days) * DAY_MS
    }

    /// When its last hour begins.
    #[must_use]
    pub fn newest_since_ms(&self) -> i64 {
        self.until_ms - HOUR_MS
    }

    /// When the event with this number came in.
    pub(crate) fn received_at_ms(&self, n: usize) -> i64 {
        // The first part of the events is in even steps, whatever its size: steps of the golden ratio fill a span
        // evenly at any time.
        let (number, from_ms, span_ms) = match n.checked_sub(self.newest) {
            None => (n as u64, self.newest_since_ms(), HOUR_MS),
            Some(older) => (
                older as u64,
                self.since_ms(),
                self.newest_since_ms() - self.since_ms(),
            ),
        };
        let share = u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let at = (share * u128::try_from(span_ms).unwrap_or(0)) >> 64;
        from_ms + i64::try_from(at).unwrap_or(0)
    }
}

/// A sample event that becomes another event by other ids.
#[derive(Debug)]
struct Pattern {
    body: String,
    event: String,
    object: String,
}

impl Pattern {
    fn of(root: &Path, kind: &str) -> Result<Self, Problem> {
        let sample = Sample::named(root, kind)?;
        let path = root.join("tests/events/stripe").join(kind);
        let unusable = || Problem::file(&path, "names no object");
        let head = parse_head(&sample.body).map_err(|error| Problem::file(&path, error))?;
        let object = head.object.and_then(|object| object.id);
        let object = object.ok_or_else(unusable)?.into_owned();
        Ok(Self {
            body: String::from_utf8_lossy(&sample.body).into_owned(),
            event: sample.id,
            object,
        })
    }

    /// With the id `evt_…<number>`, about an object of its own.
    fn body(&self, number: &str) -> String {
        let kind = self.object.split('_').next().unwrap_or_default();
        self.body
            .replace(&self.event, &format!("evt_{number}"))
            .replace(&self.object, &format!("{kind}_{number}"))
    }
}

/// A ledger that is filled.
#[derive(Debug)]
pub struct Ledger<'a> {
    aws: &'a Aws,
    spread: Spread,
    charge: Pattern,
    refund: Pattern,
    /// How many entries it has.
    entries: usize,
    /// How many events have been deferred.
    deferred: usize,
    /// The deferred events that are still there.
    due: Vec<String>,
}

impl<'a> Ledger<'a> {
    /// An empty ledger. `root` is the workspace's.
    ///
    /// # Errors
    /// If a sample event can't be read.
    pub fn new(aws: &'a Aws, root: &Path, spread: Spread) -> Result<Self, Problem> {
        Ok(Self {
            aws,
            spread,
            charge: Pattern::of(root, "charge.succeeded")?,
            refund: Pattern::of(root, "charge.refunded")?,
            entries: 0,
            deferred: 0,
            due: Vec::new(),
        })
    }

    /// When its events came in.
    #[must_use]
    pub fn spread(&self) -> Spread {
        self.spread
    }

    /// How many entries it has.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Adds entries of published events until the ledger has this number. `progress` gets the number of entries.
    ///
    /// # Errors
    /// If the emulator refuses them.
    pub fn fill(&mut self, entries: usize, progress: &mut dyn FnMut(usize)) -> Result<(), Problem> {
        while self.entries < entries {
            let until = entries.min(self.entries + CHUNK);
            let items: Result<Vec<_>, _> = (self.entries..until).map(|n| self.item(n)).collect();
            self.aws
                .database()
                .import_items(LEDGER, items?, ImportOptions::default())
                .map_err(failed)?;
            self.entries = until;
            progress(until);
        }
        Ok(())
    }

    fn item(&self, n: usize) -> Result<Item, Problem> {
        let pattern = match n.is_multiple_of(REFUND_EVERY) {
            true => &self.refund,
            false => &self.charge,
        };
        let body = pattern.body(&format!("{n:024}"));
        let arrival = arrival(&body, self.spread.received_at_ms(n))?;
        let item = bulk_items::published(&arrival, arrival.received_at_ms + 40);
        let item = item.ok_or_else(|| failed("a sample event is too large for its entry"))?;
        let attributes = item.into_iter();
        attributes
            .map(|(name, value)| Ok((name, emulated(value)?)))
            .collect()
    }

    /// When the last events came in, this number of them, at a whole second; and how many came since.
    #[must_use]
    pub fn newest(&self, wanted: usize) -> (i64, usize) {
        let times = (0..self.entries).map(|n| self.spread.received_at_ms(n));
        let mut times: Vec<_> = times.collect();
        times.sort_unstable();
        if wanted >= times.len() {
            return (self.spread.since_ms(), times.len());
        }
        // The next whole second after the last event that isn't wanted.
        let left_out_ms = times[times.len() - wanted - 1];
        let from_ms = left_out_ms - left_out_ms.rem_euclid(1_000) + 1_000;
        let first = times.partition_point(|at_ms| *at_ms < from_ms);
        (from_ms, times.len() - first)
    }

    /// Claims this number of further events and defers them, as ingest does while the bus refuses. They don't count as
    /// its entries: see [`Ledger::remove_due`].
    ///
    /// # Errors
    /// If the adapter fails.
    pub async fn defer(&mut self, count: usize) -> Result<(), Problem> {
        let ledger = DynamoLedger::new(&self.aws.sdk(), LEDGER.to_owned(), SystemClock);
        for _ in 0..count {
            let body = self.charge.body(&format!("due{:021}", self.deferred));
            self.deferred += 1;
            let arrival = arrival(&body, self.spread.newest_since_ms() - 1)?;
            self.due.push(arrival.head.id.to_string());
            let claimed = ledger.claim(&arrival).await;
            let deferred = ledger.defer(&arrival, SystemClock.now_ms() - 1).await;
            let is_due =
                claimed == Ok(Claimed::Won { complete: true }) && deferred == Ok(Deferred::Due);
            if !is_due {
                return Err(failed(format!("{claimed:?}, {deferred:?}")));
            }
        }
        Ok(())
    }

    /// Removes what was deferred, whatever has become of it.
    ///
    /// # Errors
    /// If the emulator fails.
    pub fn remove_due(&mut self) -> Result<(), Problem> {
        for id in self.due.drain(..) {
            let key = json!({ "pk": { "S": format!("evt#{id}") }, "sk": { "S": "entry" } });
            let request = json!({ "TableName": LEDGER, "Key": key });
            let request = serde_json::from_value(request).map_err(failed)?;
            self.aws.database().delete_item(request).map_err(failed)?;
        }
        Ok(())
    }
}

fn arrival(body: &str, received_at_ms: i64) -> Result<Arrival<'_>, Problem> {
    Ok(Arrival {
        head: parse_head(body.as_bytes()).map_err(failed)?,
        endpoint: "platform",
        via: None,
        body: body.as_bytes(),
        attempt: ATTEMPT,
        received_at_ms,
        lapses_at_ms: received_at_ms + 20_000,
        expires_at_s: received_at_ms / 1_000 + i64::from(KEEP_DAYS) * DAY_MS / 1_000,
        traceparent: TRACEPARENT,
        ledger_only: None,
    })
}

/// An attribute in the emulator's form. Attributes of entries and records are texts, numbers, bytes and flags.
pub(crate) fn emulated(value: AttributeValue) -> Result<Emulated, Problem> {
    match value {
        AttributeValue::S(text) => Ok(Emulated::S(text)),
        AttributeValue::N(number) => Ok(Emulated::N(number)),
        AttributeValue::B(bytes) => Ok(Emulated::B(bytes.into_inner())),
        AttributeValue::Bool(flag) => Ok(Emulated::BOOL(flag)),
        other => Err(failed(format!("an attribute is {other:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_hour_has_as_many_whatever_the_size_and_the_others_lie_evenly_before_it() {
        let spread = Spread {
            until_ms: 100 * DAY_MS,
            days: 10,
            newest: 50,
        };
        let times: Vec<_> = (0..2_000).map(|n| spread.received_at_ms(n)).collect();
        assert!(
            times
                .iter()
                .all(|at_ms| (spread.since_ms()..spread.until_ms).contains(at_ms))
        );
        let newest = times
            .iter()
            .filter(|at_ms| **at_ms >= spread.newest_since_ms());
        assert_eq!(newest.count(), 50);
        for day in 90..100 {
            let in_day = times[50..].iter().filter(|at_ms| **at_ms / DAY_MS == day);
            assert!((180..=210).contains(&in_day.count()), "day {day}");
        }
    }
}
