//! What domains would not apply, or are failing at: their records, by code and cause.
//!
//! A check is recorded under its object (`check-platform#live#pi_1`), because the event that it names has an outcome of
//! its own. It is listed beside events and never replayed: reconcile asks again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice_adapters::records::DynamoRecords;

use crate::problem::Problem;
use crate::stack::Stack;
use crate::times::now_ms;

pub use sluice_adapters::records::StoredRecord;

/// The most records that are read.
const RECORDS_MAX: usize = 100_000;

/// Which records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Of this outcome only: `rejected`, `failing`, or what a failing one came to.
    pub outcome: Option<String>,
    /// Of this code only.
    pub code: Option<String>,
    /// Of this digest of code and cause only.
    pub digest: Option<String>,
    /// Of this domain only: another domain's record is no reason to try it in this one.
    pub domain: Option<String>,
}

impl Filter {
    /// Whether a record is wanted.
    pub fn takes(&self, record: &StoredRecord) -> bool {
        let is =
            |wanted: &Option<String>, there: &str| wanted.as_deref().is_none_or(|one| one == there);
        is(&self.outcome, &record.outcome)
            && is(&self.code, &record.code)
            && is(&self.digest, &record.digest)
            && is(&self.domain, &record.domain)
    }
}

/// The records that are wanted, newest first. Reads the whole table: it holds exceptions only.
///
/// # Errors
/// `Failed` when the table can't be read, or has more than are read at once.
pub async fn records(stack: &Stack, filter: &Filter) -> Result<Vec<StoredRecord>, Problem> {
    let table = stack.table("outcomes")?.to_owned();
    let stored = DynamoRecords::new(stack.aws.sdk(), table);
    let now_s = now_ms() / 1_000;
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let (page, next) = stored.page(from, now_s).await?;
        found.extend(page.into_iter().filter(|record| filter.takes(record)));
        if found.len() > RECORDS_MAX {
            return Err(Problem::Failed(format!(
                "more than {RECORDS_MAX} records: name a code or a digest"
            )));
        }
        from = next;
        if from.is_none() {
            break;
        }
    }
    found.sort_by(|one, other| {
        other
            .at_ms
            .cmp(&one.at_ms)
            .then_with(|| one.subject.cmp(&other.subject))
    });
    Ok(found)
}

/// Records of one domain, outcome, code and digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The domain.
    pub domain: String,
    /// `rejected`, `failing`, or what a failing one came to.
    pub outcome: String,
    /// The fault's code.
    pub code: String,
    /// Of code and cause.
    pub digest: String,
    /// How many there are.
    pub count: usize,
    /// The cause that the newest record has.
    pub cause: String,
    /// The newest record's event.
    pub newest: String,
    /// When the newest was recorded, in Unix milliseconds.
    pub newest_at_ms: i64,
}

/// Groups the records by domain, outcome, code and digest, in that order. The records have to come newest first.
pub fn groups(records: Vec<StoredRecord>) -> Vec<Group> {
    let mut groups: BTreeMap<[String; 4], (usize, StoredRecord)> = BTreeMap::new();
    for record in records {
        let key = [
            &record.domain,
            &record.outcome,
            &record.code,
            &record.digest,
        ]
        .map(Clone::clone);
        groups.entry(key).or_insert_with(|| (0, record)).0 += 1;
    }
    let groups = groups.into_iter();
    let groups = groups.map(|([domain, outcome, code, digest], (count, newest))| Group {
        domain,
        outcome,
        code,
        digest,
        count,
        cause: newest.cause,
        newest: newest.subject,
        newest_at_ms: newest.at_ms,
    });
    groups.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(domain: &str, subject: &str, at_ms: i64) -> StoredRecord {
        StoredRecord {
            subject: subject.to_owned(),
            domain: domain.to_owned(),
            outcome: "rejected".to_owned(),
            code: "object.field_missing".to_owned(),
            cause: format!("of {subject}"),
            digest: "0011".to_owned(),
            kind: "charge.succeeded".to_owned(),
            at_ms,
        }
    }

    #[test]
    fn a_domains_records_are_asked_for_without_those_that_others_made_of_the_same() {
        let [payments, billing] = ["payments", "billing"].map(|domain| of(domain, "evt_1", 1));
        let mut filter = Filter {
            code: Some("object.field_missing".to_owned()),
            ..Filter::default()
        };
        assert!(filter.takes(&payments) && filter.takes(&billing));
        filter.domain = Some("billing".to_owned());
        assert!(!filter.takes(&payments) && filter.takes(&billing));
    }

    #[test]
    fn a_group_has_its_newest_record_as_example_and_counts_no_other_domains() {
        let records = vec![
            of("payments", "evt_3", 3),
            of("billing", "evt_2", 2),
            of("payments", "evt_1", 1),
        ];
        let groups = groups(records);
        let said: Vec<_> = groups
            .iter()
            .map(|one| (one.domain.as_str(), one.count, one.newest.as_str()))
            .collect();
        assert_eq!(said, [("billing", 1, "evt_2"), ("payments", 2, "evt_3")]);
        assert_eq!(groups[1].cause, "of evt_3");
        assert_eq!(groups[1].newest_at_ms, 3);
    }
}
