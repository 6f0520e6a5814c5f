//! Reads the stack's tables directly, without the functions.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_local::aws::Aws;
use sluice_local::contents::items;
use sluice_local::problem::Problem;
use sluice_local::stack::StackInfo;

/// The state of an event in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryEnd {
    /// On the bus.
    Published,
    /// Stored, and not to be published.
    LedgerOnly,
    /// Waiting for sweep.
    Due,
    /// Claimed, and nothing more.
    Claimed,
}

/// Reads the tables.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tables<'a> {
    pub(crate) aws: &'a Aws,
    pub(crate) info: &'a StackInfo,
}

impl Tables<'_> {
    /// Each event's state in the ledger.
    pub(crate) fn ledger(&self) -> Result<BTreeMap<String, EntryEnd>, Problem> {
        let items = items(self.aws, self.info, "ledger")?;
        let entries = items.iter().filter_map(|item| {
            let event = text(item, "pk")?.strip_prefix("evt#")?;
            let has = |name: &str| !item[name].is_null();
            let standing = match () {
                () if text(item, "sk") != Some("entry") => return None,
                () if has("published_at") => EntryEnd::Published,
                () if has("ledger_only") => EntryEnd::LedgerOnly,
                () if has("due_at") => EntryEnd::Due,
                () => EntryEnd::Claimed,
            };
            Some((event.to_owned(), standing))
        });
        Ok(entries.collect())
    }

    /// A domain's documents, by key.
    pub(crate) fn projections(&self, domain: &str) -> Result<BTreeMap<String, Value>, Problem> {
        let items = items(self.aws, self.info, domain)?;
        let documents = items.iter().map(|item| {
            let document = text(item, "doc").and_then(|doc| serde_json::from_str(doc).ok());
            let key = text(item, "pk").unwrap_or_default().to_owned();
            (key, document.unwrap_or_default())
        });
        Ok(documents.collect())
    }

    /// The outcomes' rows: partition, sort key, outcome, code.
    pub(crate) fn outcomes(&self) -> Result<Vec<[String; 4]>, Problem> {
        let items = items(self.aws, self.info, "outcomes")?;
        let rows = items.iter().map(|item| {
            let field = |name| text(item, name).unwrap_or_default().to_owned();
            ["pk", "sk", "outcome", "code"].map(field)
        });
        Ok(rows.collect())
    }
}

fn text<'a>(item: &'a Value, name: &str) -> Option<&'a str> {
    item[name]["S"].as_str()
}
