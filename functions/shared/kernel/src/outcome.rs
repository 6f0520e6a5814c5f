//! Outcomes: what a domain did with an event.
//!
//! `Applied`, `Stale`, `Duplicate` and `Ignored` need no record of their own. Any other end is recorded, so that no
//! event ends unseen:
//!
//! - **rejected**: recorded with its code and a digest of its cause, and acknowledged only after that;
//! - **failing**: the message is near its last receive. It still goes back to its queue, and may become a dead letter.
//!   The record says why, and dead letters are grouped by it. If the message succeeds after all, its outcome replaces
//!   the record.
//!
//! There is one record per event and domain, the newest. A check is recorded under its object and never under the event
//! that it names, which may have been applied well. Failure window: if a message's function dies, the records of
//! earlier receives remain. On the last receive, a record is made before the message is touched
//! ([`MESSAGE_UNANSWERED`](crate::code::MESSAGE_UNANSWERED)).

use std::future::Future;

use sha2::{Digest, Sha256};

use crate::code::Code;
use crate::event::Scope;
use crate::fault::Fault;

/// What a domain did with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The object's newest event so far: the state is its state.
    Applied,
    /// A later event of the object was here before; its own facts were still emitted.
    Stale,
    /// The same event again.
    Duplicate,
    /// The domain doesn't use events of this type or shape.
    Ignored,
    /// It will never be applied, and is recorded.
    Rejected,
}

impl Outcome {
    /// The word in logs and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Stale => "stale",
            Self::Duplicate => "duplicate",
            Self::Ignored => "ignored",
            Self::Rejected => "rejected",
        }
    }
}

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// It will never be applied, and has been acknowledged.
    Rejected,
    /// It is near its last receive, or was when it was recorded.
    Failing,
    /// It was failing, and ended with this outcome.
    Ended(Outcome),
}

impl RecordKind {
    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => Outcome::Rejected.as_str(),
            Self::Failing => "failing",
            Self::Ended(outcome) => outcome.as_str(),
        }
    }
}

/// The record of a message that was rejected or is failing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// `evt_…`; `check-<account and mode>#<object>` for a check; `message-<SHA-256 of the message>` if it names
    /// neither.
    pub subject: String,
    /// The domain.
    pub domain: &'static str,
    /// What became of it.
    pub word: RecordKind,
    /// The fault's code, or [`MESSAGE_UNANSWERED`](crate::code::MESSAGE_UNANSWERED), or
    /// [`MESSAGE_RECOVERED`](crate::code::MESSAGE_RECOVERED).
    pub code: Code,
    /// The fault's cause: no payload, no personal data.
    pub cause: String,
    /// Groups records of the same cause: see [`digest`].
    pub digest: String,
    /// Stripe's type, if the message could be read.
    pub kind: Option<String>,
    /// The connected account, if any.
    pub account: Option<String>,
    /// Identifies the message to the queue. A message keeps it when it becomes a dead letter, and gets another when it
    /// is moved back.
    pub message_id: String,
    /// How often the message had been received.
    pub receives: u32,
    /// When it was recorded.
    pub at_ms: i64,
    /// It knows less than a record that may exist: it never replaces one that says failing.
    pub is_fallback: bool,
}

/// A tie that a domain left unresolved: the state is a guess until Stripe is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tie {
    /// The object's account and mode.
    pub scope: Scope,
    /// The domain that has it.
    pub domain: String,
    /// The object's id.
    pub object: String,
    /// Stripe's name for its kind.
    pub object_kind: String,
    /// The object's parent at Stripe, if objects of this kind are requested through it: a person's account.
    pub parent: Option<String>,
    /// An event about it.
    pub event: String,
    /// That event's type.
    pub kind: String,
    /// When it was found, in Unix milliseconds.
    pub at_ms: i64,
}

/// An object's state is neither a guess nor partial any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The object's account and mode.
    pub scope: Scope,
    /// The domain that has it.
    pub domain: &'static str,
    /// The object's id.
    pub object: String,
    /// A moment before the state was read, in Unix milliseconds: a tie that was found after it stands.
    pub before_ms: i64,
}

/// A check found a projection to differ from the object as Stripe has it. It has been corrected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The object's account and mode.
    pub scope: Scope,
    /// The domain that has it.
    pub domain: &'static str,
    /// The object's id.
    pub object: String,
    /// When it was found, in Unix milliseconds.
    pub at_ms: i64,
}

/// What a domain records about an object, beside the event's outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The state is a guess, or partial. Recorded before the message is acknowledged, so that reconcile finds it. Of
    /// two ties of an object, the one that was found last stands.
    Tie(Tie),
    /// It is neither any more: the domain's tie of the object is removed, if it was found no later than
    /// [`Resolved::before_ms`]. If that can't be recorded, reconcile's next check resolves it.
    Resolved(Resolved),
    /// The projection differed from Stripe's object. It has been corrected, and is only counted.
    Drift(Drift),
}

/// Twelve hex digits that are equal for equal code and cause, whatever numbers and request ids the cause names.
pub fn digest(code: Code, cause: &str) -> String {
    let mut hash = Sha256::new().chain_update(code.as_str());
    for word in cause.split_whitespace() {
        let varies = word.starts_with("req_") || word.contains(|c: char| c.is_ascii_digit());
        hash = hash
            .chain_update([0])
            .chain_update(if varies { "#" } else { word });
    }
    hash.finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The subject of a message that names no event.
pub fn subject_of_message(message: &str) -> String {
    let hash = Sha256::digest(message);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("message-{hex}")
}

/// The subject of a check: the object that it asks about. The event that a check names has its own outcome.
pub fn subject_of_check(scope: &Scope, object: &str) -> String {
    format!("{CHECK}{}#{object}", scope.key())
}

/// Whether a subject is a check's.
pub fn is_check(subject: &str) -> bool {
    subject.starts_with(CHECK)
}

/// How the subject of a check begins.
const CHECK: &str = "check-";

/// Where outcomes are recorded.
pub trait Outcomes: Sync {
    /// Records what became of a message. It replaces an earlier record of the same subject and domain, unless it is a
    /// fallback and that one says failing.
    ///
    /// # Errors
    /// `Retry` if it can't be written: a rejected message must not be acknowledged then.
    fn record(&self, record: &Record) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Records a finding about an object, for reconcile.
    ///
    /// # Errors
    /// `Retry` if it can't be written.
    fn remark(&self, remark: &Finding) -> impl Future<Output = Result<(), Fault>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code;

    #[test]
    fn a_cause_is_one_group_whatever_its_numbers_and_request_ids() {
        let cause = |request: &str, line: u32| {
            let cause = format!("Stripe answered 429, request-id {request} at line {line}");
            digest(code::STRIPE_RATE_LIMITED, &cause)
        };
        assert_eq!(cause("req_aB3dE", 3), cause("req_abcde", 12));
        assert_ne!(
            digest(code::OBJECT_FIELD_MISSING, "no text at id"),
            digest(code::OBJECT_FIELD_MISSING, "no text at status")
        );
        assert_ne!(
            digest(code::OBJECT_FIELD_MISSING, ""),
            digest(code::OBJECT_PARTIAL, "")
        );
        // The two texts don't run together.
        assert_ne!(
            digest(code::OBJECT_FIELD_MISSING, "a bc"),
            digest(code::OBJECT_FIELD_MISSING, "ab c")
        );
        assert_eq!(cause("req_1", 1).len(), 12);
    }
}
