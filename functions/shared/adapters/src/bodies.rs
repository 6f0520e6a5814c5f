//! The stored bodies of many events, for a search: read in batches, and each one's use is counted.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use aws_types::SdkConfig;
use sluice_kernel::fault::Fault;

use crate::aws;
use crate::batch;
use crate::clock::SystemClock;
use crate::code;
use crate::codec;
use crate::entry::{self, BodyPlace, ENTRY, Item, text};
use crate::ledger::DynamoLedger;
use crate::usage::Usage;

/// The most events of one batch: the limit of one `BatchGetItem`.
pub const BATCH_MAX: usize = 100;

/// An event's body where it is stored; small ones have come with their entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBody {
    id: String,
    place: BodyPlace,
    /// The body's length according to its entry.
    size: u64,
    /// Of the entry's item.
    item_bytes: usize,
}

/// A body, as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Byte for byte what Stripe sent.
    Whole(Vec<u8>),
    /// It was never stored to the end, it was erased, or a part of it is missing.
    Missing,
    /// It is damaged, or in a form that this version doesn't know.
    Unreadable,
}

impl StoredBody {
    /// The size of the entry's item, in bytes as DynamoDB counts them.
    pub fn item_bytes(&self) -> usize {
        self.item_bytes
    }
}

/// Reads bodies.
#[derive(Debug, Clone)]
pub struct Bodies {
    client: Client,
    table: String,
    reader: DynamoLedger<SystemClock>,
}

impl Bodies {
    /// Of the ledger in the table of this name.
    pub fn new(config: &SdkConfig, ledger_table: String) -> Self {
        Self {
            client: aws::dynamodb(config),
            reader: DynamoLedger::new(config, ledger_table.clone(), SystemClock),
            table: ledger_table,
        }
    }

    /// The stored bodies of at most [`BATCH_MAX`] events, in their order; `None` for an event without an entry. A write
    /// of the last moment may be missing: half the units of a read that sees it.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
    pub async fn stored(&self, ids: &[&str]) -> Result<(Vec<Option<StoredBody>>, Usage), Fault> {
        // BatchGetItem refuses a key that is named twice.
        let distinct: BTreeSet<_> = ids.iter().copied().collect();
        let key = |id: &str| {
            Item::from([
                ("pk".to_owned(), entry::pk(id)),
                ("sk".to_owned(), text(ENTRY)),
            ])
        };
        let keys = distinct.into_iter().map(key).collect();
        let how = KeysAndAttributes::builder();
        let (client, table) = (&self.client, &self.table);
        let (items, usage) =
            batch::get_metered(client, table, keys, how, code::LEDGER_UNAVAILABLE).await?;
        let found: HashMap<_, _> = items
            .iter()
            .filter_map(|item| Some((entry::id_of(item)?, item)))
            .collect();
        let bodies = ids.iter().map(|id| {
            let item = found.get(id)?;
            let size = item.get("size")?.as_n().ok()?.parse().ok()?;
            Some(StoredBody {
                id: (*id).to_owned(),
                place: entry::place(item),
                size,
                item_bytes: entry::bytes_of(item),
            })
        });
        Ok((bodies.collect(), usage))
    }

    /// A body, and what it took to read it beyond its entry: a large one is in parts, which are read consistently.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached. A body that is missing or can't be read isn't an error.
    pub async fn load(&self, stored: StoredBody) -> Result<(Body, Usage), Fault> {
        let is_in_parts = matches!(stored.place, BodyPlace::Parts { .. });
        let found = self.reader.stored(&stored.id, stored.place).await?;
        let mut usage = Usage::default();
        let Some((codec, bytes)) = found else {
            return Ok((Body::Missing, usage));
        };
        if is_in_parts {
            usage.read_units = Usage::units(bytes.len());
        }
        Ok(match codec::decode(&codec, &bytes, stored.size) {
            Ok(body) => (Body::Whole(body), usage),
            Err(_) => (Body::Unreadable, usage),
        })
    }
}
