//! Reading entries and their stored bodies.

use aws_sdk_dynamodb::types::AttributeValue;
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::ledger::{Bodies, Entry, is_expired};
use sluice_kernel::fault::Fault;
use sluice_kernel::replay::{Entries, Ledgered};

use super::DynamoLedger;
use crate::aws;
use crate::batch;
use crate::code;
use crate::codec;
use crate::entry::{self, BodyPlace, ENTRY, text};

impl<C: Clock> DynamoLedger<C> {
    /// The entry as it is now, expired or not, with its body if that is whole.
    pub(crate) async fn read(&self, id: &str) -> Result<Option<(Entry, Option<Vec<u8>>)>, Fault> {
        let Some((entry, place)) = self.entry(id).await? else {
            return Ok(None);
        };
        let body = self.load(id, &entry, place).await?;
        Ok(Some((entry, body)))
    }

    /// The entry as it is now, expired or not, and where its body is.
    pub(super) async fn entry(&self, id: &str) -> Result<Option<(Entry, BodyPlace)>, Fault> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", entry::pk(id))
            .key("sk", text(ENTRY))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| aws::unavailable(code::LEDGER_UNAVAILABLE, "GetItem", &error))?;
        output.item.as_ref().map(entry::read).transpose()
    }

    /// The body, byte for byte; `None` if it isn't whole.
    pub(super) async fn load(
        &self,
        id: &str,
        entry: &Entry,
        place: BodyPlace,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let Some((codec, bytes)) = self.stored(id, place).await? else {
            return Ok(None);
        };
        codec::decode(&codec, &bytes, entry.size).map(Some)
    }

    /// The body as it is stored, after its codec; `None` if it isn't whole.
    pub(crate) async fn stored(
        &self,
        id: &str,
        place: BodyPlace,
    ) -> Result<Option<(String, Vec<u8>)>, Fault> {
        Ok(match place {
            BodyPlace::Missing => None,
            BodyPlace::Inline { codec, bytes } => Some((codec, bytes)),
            BodyPlace::Parts { codec, count, hash } => {
                let bytes = self.parts(id, count, &hash).await?;
                bytes.map(|bytes| (codec, bytes))
            }
        })
    }

    /// The parts joined, or `None` if one is missing.
    async fn parts(&self, id: &str, count: usize, hash: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", entry::pk(id))
            .expression_attribute_values(":prefix", text(entry::part_prefix(hash)))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut found = 0;
        let mut bytes = Vec::new();
        while let Some(item) = pages.next().await {
            let item =
                item.map_err(|error| aws::unavailable(code::LEDGER_UNAVAILABLE, "Query", &error))?;
            if let Some(AttributeValue::B(part)) = item.get("part") {
                found += 1;
                bytes.extend_from_slice(part.as_ref());
            }
        }
        // Whole means: the number of parts is the one named, and the bytes are exactly those that were stored.
        Ok((found == count && entry::sha256(&bytes) == hash).then_some(bytes))
    }
}

impl<C: Clock> Entries for DynamoLedger<C> {
    async fn entries(&self, ids: &[String], now_ms: i64) -> Result<Vec<Option<Ledgered>>, Fault> {
        let key = |id: &String| {
            entry::Item::from([
                ("pk".to_owned(), entry::pk(id)),
                ("sk".to_owned(), text(ENTRY)),
            ])
        };
        // BatchGetItem refuses a key that is named twice.
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        let keys = distinct.into_iter().map(key).collect();
        let how = batch::consistent();
        let items = batch::get(
            &self.client,
            &self.table,
            keys,
            how,
            code::LEDGER_UNAVAILABLE,
        )
        .await?;
        let mut found = std::collections::HashMap::new();
        for item in &items {
            let (entry, place) = entry::read(item)?;
            if !is_expired(&entry.standing, now_ms) {
                let id = entry.origin.id.to_string();
                let body = self.load(&id, &entry, place).await?;
                found.insert(id, (entry, body));
            }
        }
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }
}

impl<C: Clock> Bodies for DynamoLedger<C> {
    async fn body(&self, id: &str, now_ms: i64) -> Result<Option<Vec<u8>>, Fault> {
        match self.entry(id).await? {
            Some((entry, place)) if !is_expired(&entry.standing, now_ms) => {
                self.load(id, &entry, place).await
            }
            _ => Ok(None),
        }
    }
}
