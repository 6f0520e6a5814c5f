//! The bus: where events and effects are published.
//!
//! Publishing is at least once and unordered. A lost answer is reported as [`PublishRefusal::Later`]: the entry may be on the
//! bus, and is published again.
//!
//! - [`detail`]: an event as it travels on the bus.
//! - [`route`]: which domain an event type goes to.
//! - [`trace`]: the trace context that an event travels in.

pub mod detail;
pub mod route;
pub mod trace;

use std::future::Future;

/// The `source` of Stripe's events on the bus. It can't begin with `aws.`.
pub const SOURCE_EVENTS: &str = "sluice.stripe";

/// The `source` of effects.
pub const SOURCE_EFFECTS: &str = "sluice.effects";

/// The most entries in one PutEvents call (a limit of EventBridge).
pub const BATCH_ENTRIES_MAX: usize = 10;

/// The most bytes in one PutEvents call, all entries together. EventBridge takes 1 MB since 2026 and took 256 KB
/// before; emulators and some Regions still take 256 KB. The smaller limit is safe everywhere.
pub const BATCH_BYTES_MAX: usize = 240_000;

/// The largest detail that travels inline. A larger body stays in the ledger, and a pointer travels.
pub const DETAIL_BYTES_MAX: usize = 200_000;

/// One entry for the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// [`SOURCE_EVENTS`] or [`SOURCE_EFFECTS`].
    pub source: &'static str,
    /// Stripe's type, or the effect's kind.
    pub detail_type: String,
    /// A JSON object.
    pub detail: String,
    /// For the bus's own trace header.
    pub traceparent: String,
}

impl Outgoing {
    /// The entry's size as EventBridge counts it against its limit: source, detail type and detail in UTF-8, and 14
    /// bytes for its time.
    pub fn size_bytes(&self) -> usize {
        14 + self.source.len() + self.detail_type.len() + self.detail.len()
    }
}

/// Why the bus refused an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishRefusal {
    /// The entry's size or form: the bus will never accept this entry.
    Form {
        /// The bus's own code, for the log.
        cause: String,
    },
    /// Throttled, failed, timed out, or the answer was lost: the entry may even be on the bus.
    Later {
        /// The bus's own code, for the log.
        cause: String,
    },
}

/// The event bus.
pub trait Bus: Sync {
    /// Publishes the entries and returns the result of each, in their order. Splits them into calls that the bus
    /// accepts.
    fn publish(
        &self,
        entries: &[Outgoing],
    ) -> impl Future<Output = Vec<Result<(), PublishRefusal>>> + Send;
}

/// Splits entries into batches that fit one call each, by count and bytes, and keeps their order.
pub fn pack(entries: &[Outgoing]) -> impl Iterator<Item = &[Outgoing]> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let mut count = 0;
        while count < rest.len() && count < BATCH_ENTRIES_MAX {
            bytes += rest[count].size_bytes();
            // An entry that is too large on its own is still sent, alone: the bus then refuses it.
            if count > 0 && bytes > BATCH_BYTES_MAX {
                break;
            }
            count += 1;
        }
        let (head, tail) = rest.split_at(count);
        rest = tail;
        (count > 0).then_some(head)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: usize) -> Outgoing {
        Outgoing {
            source: SOURCE_EVENTS,
            detail_type: String::new(),
            detail: "x".repeat(bytes),
            traceparent: String::new(),
        }
    }

    fn packed(sizes: &[usize]) -> Vec<usize> {
        let entries: Vec<_> = sizes.iter().copied().map(entry).collect();
        pack(&entries).map(<[_]>::len).collect()
    }

    #[test]
    fn a_call_takes_ten_entries() {
        assert_eq!(packed(&[1; 23]), [10, 10, 3]);
        assert_eq!(packed(&[]), [] as [usize; 0]);
    }

    #[test]
    fn a_call_takes_no_more_bytes_than_the_limit_unless_one_entry_does() {
        assert_eq!(packed(&[100_000, 100_000, 100_000]), [2, 1]);
        assert_eq!(packed(&[300_000, 1, 300_000]), [1, 1, 1]);
    }
}
