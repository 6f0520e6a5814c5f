//! What went wrong, by cause: rejected and failing events, and dead letters, of one domain, code and digest together.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::dlq::Letter;
use crate::rejected::StoredRecord;

/// Events that fail for one cause.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The domain; `rule` or `bus` for dead letters of no domain.
    pub domain: String,
    /// The fault's code; `unknown` for dead letters of which nothing is recorded.
    pub code: String,
    /// Of code and cause.
    pub digest: String,
    /// The cause, for people, as the newest has it.
    pub cause: String,
    /// The number of records by outcome: `rejected`, `failing`, or what a failing one came to.
    pub outcomes: BTreeMap<String, usize>,
    /// The number of dead letters, as far as they were looked at.
    pub dead: usize,
    /// When the oldest record was made, in Unix milliseconds; none for dead letters without a record.
    pub first_at_ms: Option<i64>,
    /// When the newest record was made.
    pub last_at_ms: Option<i64>,
    /// The event of the newest record, or of a dead letter.
    pub example: String,
}

impl Cause {
    /// The number of records of this outcome.
    pub fn count(&self, outcome: &str) -> usize {
        self.outcomes.get(outcome).copied().unwrap_or_default()
    }
}

/// Groups records and dead letters by domain, code and digest, the newest first. The records have to come newest first.
/// A dead letter counts beside the record of the same event: it is what has to be moved back.
pub fn causes(records: &[StoredRecord], letters: &[(String, Vec<Letter>)]) -> Vec<Cause> {
    let mut groups: BTreeMap<[&str; 3], Cause> = BTreeMap::new();
    let new = |domain: &str, code: &str, digest: &str, cause: &str, example: &str| Cause {
        domain: domain.to_owned(),
        code: code.to_owned(),
        digest: digest.to_owned(),
        cause: cause.to_owned(),
        example: example.to_owned(),
        ..Cause::default()
    };
    for record in records {
        let StoredRecord {
            domain,
            code,
            digest,
            cause,
            subject,
            ..
        } = record;
        let group = groups
            .entry([domain, code, digest])
            .or_insert_with(|| new(domain, code, digest, cause, subject));
        *group.outcomes.entry(record.outcome.clone()).or_default() += 1;
        group.first_at_ms = Some(record.at_ms);
        group.last_at_ms = group.last_at_ms.or(Some(record.at_ms));
    }
    for (domain, letters) in letters {
        for letter in letters {
            let Letter {
                code,
                digest,
                cause,
                subject,
                ..
            } = letter;
            let group = groups
                .entry([domain, code, digest])
                .or_insert_with(|| new(domain, code, digest, cause, subject));
            group.dead += 1;
        }
    }
    let mut causes: Vec<_> = groups.into_values().collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.last_at_ms));
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(subject: &str, outcome: &str, digest: &str, at_ms: i64) -> StoredRecord {
        StoredRecord {
            subject: subject.to_owned(),
            domain: "payments".to_owned(),
            outcome: outcome.to_owned(),
            code: "object.field_missing".to_owned(),
            cause: format!("of {subject}"),
            digest: digest.to_owned(),
            kind: "charge.succeeded".to_owned(),
            account: None,
            at_ms,
        }
    }

    fn letter(subject: &str, code: &str, digest: &str) -> Letter {
        let mut letter = Letter::for_tests(subject, String::new());
        code.clone_into(&mut letter.code);
        digest.clone_into(&mut letter.digest);
        letter
    }

    #[test]
    fn a_cause_has_its_records_and_dead_letters_with_the_newest_as_example() {
        let records = [
            record("evt_4", "failing", "d-2", 9),
            record("evt_3", "rejected", "d-1", 7),
            record("evt_2", "failing", "d-1", 5),
            record("evt_1", "rejected", "d-1", 3),
        ];
        let letters = [
            (
                "payments".to_owned(),
                vec![
                    letter("evt_2", "object.field_missing", "d-1"),
                    letter("evt_9", "unknown", ""),
                ],
            ),
            ("rule".to_owned(), vec![letter("evt_8", "unknown", "")]),
        ];
        let causes = causes(&records, &letters);
        let said: Vec<_> = causes
            .iter()
            .map(|one| (one.domain.as_str(), one.example.as_str(), one.dead))
            .collect();
        let expected = [
            ("payments", "evt_4", 0),
            ("payments", "evt_3", 1),
            ("payments", "evt_9", 1),
            ("rule", "evt_8", 1),
        ];
        assert_eq!(said, expected);
        let of_three = &causes[1];
        assert_eq!(
            (of_three.count("rejected"), of_three.count("failing")),
            (2, 1)
        );
        assert_eq!(
            (of_three.first_at_ms, of_three.last_at_ms),
            (Some(3), Some(7))
        );
        assert_eq!(of_three.cause, "of evt_3");
        assert_eq!(causes[2].first_at_ms, None);
    }
}
