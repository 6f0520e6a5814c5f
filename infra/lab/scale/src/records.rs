//! What domains recorded, in the adapters' own item layout: a number that grows with the ledger, and the newest of them,
//! of which there are as many at each size.
//!
//! The newest are more than any page of the console reads. So a page that reads the newest first takes the same calls at
//! each size, and one that reads a whole table doesn't.

use std::sync::LazyLock;

use dynoxide::{ImportOptions, Item};
use sluice_adapters::bulk_items;
use sluice_kernel::code::OBJECT_FIELD_MISSING;
use sluice_kernel::outcome::{Record, RecordKind};
use sluice_local::problem::Problem;

use crate::aws::{Aws, EXCEPTIONS, failed};
use crate::ledger::{KEEP_DAYS, Spread, emulated};

/// The newest records: of each outcome more than the eight shards' pages of a count by cause.
const NEWEST: usize = 16_000;

/// Of this number of entries, one was rejected or is failing.
const ENTRIES_EACH: usize = 10;

/// How many causes there are.
const CAUSES: usize = 20;

/// The domain that recorded them.
const DOMAIN: &str = "payments";

/// The table of records, filled as a ledger is.
#[derive(Debug)]
pub struct Records<'a> {
    aws: &'a Aws,
    spread: Spread,
    /// How many there are.
    count: usize,
}

impl<'a> Records<'a> {
    /// None yet; `spread` is the ledger's.
    #[must_use]
    pub fn new(aws: &'a Aws, spread: Spread) -> Self {
        let spread = Spread {
            newest: NEWEST,
            ..spread
        };
        Self {
            aws,
            spread,
            count: 0,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Adds records until there are as many as belong to a ledger with this number of entries.
    ///
    /// # Errors
    /// If the emulator refuses them.
    pub fn fill(&mut self, entries: usize) -> Result<(), Problem> {
        let until = NEWEST + entries / ENTRIES_EACH;
        let items: Result<Vec<_>, _> = (self.count..until).map(|n| self.item(n)).collect();
        self.aws
            .database()
            .import_items(EXCEPTIONS, items?, ImportOptions::default())
            .map_err(failed)?;
        self.count = until;
        Ok(())
    }

    fn item(&self, n: usize) -> Result<Item, Problem> {
        let record = record(n, self.spread.received_at_ms(n));
        let item = bulk_items::recorded(&record, KEEP_DAYS);
        let attributes = item.into_iter();
        attributes
            .map(|(name, value)| Ok((name, emulated(value)?)))
            .collect()
    }
}

/// The path of a cause's page, of which some of the newest records are.
pub(crate) static CAUSE: LazyLock<String> = LazyLock::new(|| {
    let Record { code, digest, .. } = record(0, 0);
    format!("/failures/cause?domain={DOMAIN}&code={code}&digest={digest}")
});

/// The record with this number. Its event isn't one of the ledger's, whose own pages stay as they are.
fn record(n: usize, at_ms: i64) -> Record {
    Record {
        subject: format!("evt_r{n:023}"),
        domain: DOMAIN,
        word: match n / CAUSES % 2 {
            0 => RecordKind::Rejected,
            _ => RecordKind::Failing,
        },
        code: OBJECT_FIELD_MISSING,
        cause: "data.object.items.data[0].price has no product".to_owned(),
        digest: format!("{:012x}", n % CAUSES),
        kind: Some("charge.succeeded".to_owned()),
        account: None,
        message_id: format!("8f5f7e1c-0b1d-4a51-9a6e-{n:012}"),
        receives: 1,
        at_ms,
        is_fallback: false,
    }
}
