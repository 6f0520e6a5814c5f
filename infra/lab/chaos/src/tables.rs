//! What the stack's tables and queues hold, read past the functions.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_local::aws::Aws;
use sluice_local::problem::Problem;
use sluice_local::stack::StackInfo;

/// Where the ledger says that an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// On the bus.
    Published,
    /// Stored, and not to be published.
    LedgerOnly,
    /// Waiting for sweep.
    Due,
    /// Claimed, and nothing more.
    Claimed,
}

/// Reads the tables and queues.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tables<'a> {
    pub(crate) aws: &'a Aws,
    pub(crate) info: &'a StackInfo,
}

impl Tables<'_> {
    /// Each event's standing in the ledger.
    pub(crate) fn ledger(&self) -> Result<BTreeMap<String, Standing>, Problem> {
        let mut standings = BTreeMap::new();
        self.scan("ledger", |item| {
            let event = text(item, "pk").and_then(|pk| pk.strip_prefix("evt#"));
            let Some(event) = event.filter(|_| text(item, "sk") == Some("entry")) else {
                return;
            };
            let has = |name: &str| !item[name].is_null();
            let standing = match () {
                () if has("published_at") => Standing::Published,
                () if has("ledger_only") => Standing::LedgerOnly,
                () if has("due_at") => Standing::Due,
                () => Standing::Claimed,
            };
            standings.insert(event.to_owned(), standing);
        })?;
        Ok(standings)
    }

    /// A domain's documents, by key.
    pub(crate) fn projections(&self, domain: &str) -> Result<BTreeMap<String, Value>, Problem> {
        let mut documents = BTreeMap::new();
        self.scan(domain, |item| {
            let document = text(item, "doc").and_then(|doc| serde_json::from_str(doc).ok());
            let key = text(item, "pk").unwrap_or_default().to_owned();
            documents.insert(key, document.unwrap_or_default());
        })?;
        Ok(documents)
    }

    /// The outcomes' rows: partition, sort key, outcome, code.
    pub(crate) fn outcomes(&self) -> Result<Vec<[String; 4]>, Problem> {
        let mut rows = Vec::new();
        self.scan("outcomes", |item| {
            let field = |name| text(item, name).unwrap_or_default().to_owned();
            rows.push(["pk", "sk", "outcome", "code"].map(field));
        })?;
        Ok(rows)
    }

    fn scan(&self, table: &str, mut take: impl FnMut(&Value)) -> Result<(), Problem> {
        let name = self.info.tables.get(table).cloned().unwrap_or_default();
        let mut input = json!({ "TableName": name, "ConsistentRead": true, "Limit": 500 });
        loop {
            let answer = self.aws.json("DynamoDB_20120810.Scan", &input)?;
            answer["Items"]
                .as_array()
                .into_iter()
                .flatten()
                .for_each(&mut take);
            match answer.get("LastEvaluatedKey") {
                Some(key) if !key.is_null() => input["ExclusiveStartKey"] = key.clone(),
                _ => return Ok(()),
            }
        }
    }

    /// Messages in each queue that holds any, those in flight and those that are delayed included.
    pub(crate) fn messages(&self) -> Result<BTreeMap<String, u64>, Problem> {
        let mut messages = BTreeMap::new();
        for (name, url) in &self.info.queues {
            let count = self.depth(url)?;
            if count > 0 {
                messages.insert(name.clone(), count);
            }
        }
        Ok(messages)
    }

    /// Messages in one queue, by its URL.
    pub(crate) fn depth(&self, url: &str) -> Result<u64, Problem> {
        let counts = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ];
        let input = json!({ "QueueUrl": url, "AttributeNames": counts });
        let answer = self.aws.json("AmazonSQS.GetQueueAttributes", &input)?;
        let count = |name: &str| {
            answer["Attributes"][name]
                .as_str()
                .and_then(|count| count.parse::<u64>().ok())
        };
        Ok(counts.into_iter().filter_map(count).sum::<u64>())
    }
}

fn text<'a>(item: &'a Value, name: &str) -> Option<&'a str> {
    item[name]["S"].as_str()
}
