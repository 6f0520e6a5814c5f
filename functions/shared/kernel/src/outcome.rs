//! Outcomes: what a domain made of an event.
//!
//! `Applied`, `Stale`, `Duplicate` and `Ignored` need no record of their own. What was rejected does: it is recorded with
//! its code and a digest of its cause, and only then acknowledged, so that no event ends unseen.

use std::future::Future;

use sha2::{Digest, Sha256};

use crate::fault::Fault;

/// What a domain made of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The object's newest event so far: the state is its state.
    Applied,
    /// A later event of the object was here before; facts it carries were still emitted.
    Stale,
    /// The same event again.
    Duplicate,
    /// The domain has no use for events of this type or shape.
    Ignored,
    /// It will never be applied, and is recorded.
    Rejected,
}

impl Outcome {
    /// The word for logs and tables.
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

/// The record of a rejected message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// `evt_…`, or `message-<SHA-256 of the message>` where it names no event.
    pub subject: String,
    /// The domain that rejected it.
    pub domain: &'static str,
    /// The fault's code.
    pub code: &'static str,
    /// The fault's cause: no payload, no personal data.
    pub cause: String,
    /// Groups rejections of the same cause: see [`digest`].
    pub digest: String,
    /// When it was rejected.
    pub at_ms: i64,
}

/// Twelve hex digits that are equal for equal code and cause.
pub fn digest(code: &str, cause: &str) -> String {
    let hash = Sha256::new()
        .chain_update(code)
        .chain_update([0])
        .chain_update(cause)
        .finalize();
    hash.iter()
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

/// Where rejections are recorded.
pub trait Outcomes: Sync {
    /// Records a rejection; recording it again replaces it.
    ///
    /// # Errors
    /// `Retry` where it can't be written: the message must not be acknowledged then.
    fn record(&self, rejection: &Rejection) -> impl Future<Output = Result<(), Fault>> + Send;
}
