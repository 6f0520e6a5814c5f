//! What domains would not apply, or are failing at: their records, by code and cause.
//!
//! A check is recorded under its object (`check-platform#live#pi_1`), because the event that it names has an outcome of
//! its own. It is listed beside events and never replayed: reconcile asks again.
//!
//! Records are read by an index, the newest first, and never by a scan: so what a list costs doesn't grow with what is on
//! record. A list reads at most [`READ_MAX`] records, and says where it stopped.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use sluice_adapters::records::DynamoRecords;

use crate::problem::Problem;
use crate::stack::Stack;
use crate::times::now_ms;

pub use sluice_adapters::records::{Page, Position, StoredRecord, Wanted as Filter};

/// The most records that a list, or a count by cause, looks at.
pub const READ_MAX: usize = 5_000;

/// The most records of an outcome that are counted for an overview.
pub const COUNT_MAX: usize = 1_000;

/// The most records that are looked at to find all that match.
pub const ALL_MAX: usize = 1_000_000;

/// The most records that all that match may be.
const MATCHES_MAX: usize = 100_000;

fn stored(stack: &Stack) -> Result<DynamoRecords, Problem> {
    let table = stack.table("outcomes")?.to_owned();
    Ok(DynamoRecords::new(stack.aws.sdk(), table))
}

/// A page of the wanted records, the newest first: from the place where a page says that the next begins, or from the
/// newest on. It looks at [`READ_MAX`] records at most.
///
/// # Errors
/// `Failed` when the table can't be read.
pub async fn page(
    stack: &Stack,
    filter: &Filter,
    after: Option<Position>,
) -> Result<Page, Problem> {
    let records = stored(stack)?;
    let mut walk = records.walk(filter.clone(), after, now_ms() / 1_000, READ_MAX);
    let mut page = walk.page(usize::MAX, READ_MAX).await?;
    in_order(&mut page.records);
    Ok(page)
}

/// A page of which only the first rows are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rows {
    /// The whole page.
    pub page: Page,
    /// The place where a page begins that shows what follows the rows; none if nothing follows.
    pub next: Option<Position>,
}

/// As [`page()`], for a list that shows its first `rows` records and counts the others.
///
/// # Errors
/// `Failed` when the table can't be read.
pub async fn rows(
    stack: &Stack,
    filter: &Filter,
    after: Option<Position>,
    rows: usize,
) -> Result<Rows, Problem> {
    let records = stored(stack)?;
    let mut walk = records.walk(filter.clone(), after, now_ms() / 1_000, READ_MAX);
    let mut page = walk.page(rows, READ_MAX).await?;
    in_order(&mut page.records);
    let next = page.next.clone();
    if next.is_some() && page.looked_at < READ_MAX {
        let mut rest = walk.page(usize::MAX, READ_MAX - page.looked_at).await?;
        in_order(&mut rest.records);
        page.records.append(&mut rest.records);
        page.looked_at += rest.looked_at;
        page.looked_to_ms = rest.looked_to_ms.or(page.looked_to_ms);
        page.next = rest.next;
    }
    Ok(Rows { page, next })
}

/// A number of records; at least this number if more weren't counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// The number that was counted.
    pub count: usize,
    /// Whether there are more.
    pub is_more: bool,
}

/// How many records of this outcome there are: [`COUNT_MAX`] are counted at most.
///
/// # Errors
/// `Failed` when the table can't be read.
pub async fn count(stack: &Stack, outcome: &str) -> Result<Counted, Problem> {
    let filter = Filter {
        outcome: Some(outcome.to_owned()),
        ..Filter::default()
    };
    let records = stored(stack)?;
    let mut walk = records.walk(filter, None, now_ms() / 1_000, COUNT_MAX);
    let page = walk.page(COUNT_MAX, COUNT_MAX).await?;
    Ok(Counted {
        count: page.records.len(),
        is_more: page.next.is_some(),
    })
}

/// All records that are wanted, newest first, for what is done with all that match. `progress` gets the number of
/// records that were looked at up to then. At most `looks` are.
///
/// # Errors
/// `Failed` when the table can't be read, or when it has more than is looked at: nothing is done with a part of them.
pub async fn all(
    stack: &Stack,
    filter: &Filter,
    looks: usize,
    progress: &mut (dyn FnMut(usize) + Send),
) -> Result<Vec<StoredRecord>, Problem> {
    let records = stored(stack)?;
    let mut walk = records.walk(filter.clone(), None, now_ms() / 1_000, READ_MAX);
    let (mut found, mut looked_at) = (Vec::new(), 0);
    loop {
        let page = walk
            .page(usize::MAX, READ_MAX.min(looks - looked_at))
            .await?;
        looked_at += page.looked_at;
        found.extend(page.records);
        progress(looked_at);
        if found.len() > MATCHES_MAX {
            return Err(Problem::Failed(format!(
                "more than {MATCHES_MAX} records match: name a domain, a code or a digest"
            )));
        }
        if page.next.is_none() {
            in_order(&mut found);
            return Ok(found);
        }
        if looked_at >= looks {
            return Err(Problem::Failed(format!(
                "more than {looks} records would be looked at: name an outcome"
            )));
        }
    }
}

/// What a domain recorded under these subjects, by subject.
///
/// # Errors
/// `Failed` when the table can't be read.
pub(crate) async fn of(
    stack: &Stack,
    domain: &str,
    subjects: impl IntoIterator<Item = &str>,
) -> Result<HashMap<String, StoredRecord>, Problem> {
    let records = stored(stack)?;
    Ok(records.of(domain, subjects, now_ms() / 1_000).await?)
}

/// Those of one millisecond in the order of their subjects, so that a list is the same each time.
fn in_order(records: &mut [StoredRecord]) {
    records.sort_by(|one, other| {
        other
            .at_ms
            .cmp(&one.at_ms)
            .then_with(|| one.subject.cmp(&other.subject))
    });
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
            account: None,
            at_ms,
        }
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
