//! The roles of the functions that are measured.

/// The role of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Takes webhooks from API Gateway and puts events on the bus.
    Ingest,
    /// Takes events from a queue and keeps the state of their objects.
    Consumer,
}
