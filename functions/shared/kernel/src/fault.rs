//! Faults, classed by what the caller does next.
//!
//! | class | at ingest | in a consumer |
//! |---|---|---|
//! | [`Class::Retry`] | 5xx: Stripe delivers again | the message goes back to its queue |
//! | [`Class::Reject`] | 400 | recorded as an outcome, then acknowledged |
//! | [`Class::Held`] | 409: another attempt is at work | the message goes back to its queue |
//! | [`Class::Init`] | the function fails to start | the same |
//!
//! A fault has a [`Code`], which is stable. Its cause is for a log line and holds no payload and no secret.

use std::fmt;

use crate::code::Code;

/// What the caller does about a [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Nothing is wrong with the input: the same call may work later.
    Retry,
    /// The input will never work.
    Reject,
    /// Another attempt holds the claim.
    Held,
    /// The function's own configuration is at fault.
    Init,
}

/// When to try the same call again: [`crate::backoff`] computes seconds from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Something is down, slow or broken, for an unknown time.
    Outage,
    /// A limit was met: a caller that comes back soon meets it again.
    Throttled,
    /// Another caller was at the same thing, and will soon be done.
    Contention,
    /// Nothing was tried.
    Untouched,
}

/// Why something could not be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What the caller does next.
    pub class: Class,
    /// What it is called.
    pub code: Code,
    /// For the log: no payload, no secret.
    pub cause: String,
    /// When to try the same call again, in milliseconds from now, if a delay was named (`Retry-After`).
    pub after_ms: Option<u64>,
    /// How long to wait if no delay was named.
    pub pace: Pace,
}

impl Fault {
    /// The same call may work later.
    pub fn retry(code: Code, cause: impl Into<String>) -> Self {
        Self {
            class: Class::Retry,
            code,
            cause: cause.into(),
            after_ms: None,
            pace: Pace::Outage,
        }
    }

    /// The input will never work.
    pub fn reject(code: Code, cause: impl Into<String>) -> Self {
        Self {
            class: Class::Reject,
            code,
            cause: cause.into(),
            after_ms: None,
            pace: Pace::Outage,
        }
    }

    /// Another attempt holds the claim.
    pub fn held(code: Code, cause: impl Into<String>) -> Self {
        Self {
            class: Class::Held,
            code,
            cause: cause.into(),
            after_ms: None,
            pace: Pace::Contention,
        }
    }

    /// The function's own configuration is at fault.
    pub fn init(code: Code, cause: impl Into<String>) -> Self {
        Self {
            class: Class::Init,
            code,
            cause: cause.into(),
            after_ms: None,
            pace: Pace::Outage,
        }
    }

    /// The same fault, with the delay before the call is tried again.
    #[must_use]
    pub fn with_delay(self, after_ms: u64) -> Self {
        Self {
            after_ms: Some(after_ms),
            ..self
        }
    }

    /// The same fault, at another pace. The default is [`Pace::Outage`], and [`Pace::Contention`] for a fault that is
    /// held.
    #[must_use]
    pub fn paced(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.cause)
    }
}

impl std::error::Error for Fault {}
