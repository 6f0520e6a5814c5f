//! A Stripe event, in the forms in which the code uses it.
//!
//! A [`Head`] is what Sluice reads of an event before it stores and publishes it, and nothing more. Ingest never takes
//! the body itself apart: it is stored and published as the bytes that Stripe signed. A head borrows from that body.
//! Only `id` and `type` are required. Everything else is optional, because an event of a type or shape that this
//! version has never seen is stored and published like any other.
//!
//! An [`Origin`] is what is known about an event beside its body. An [`Event`] is what a domain sees of one. A
//! [`Scope`] is its account and mode.

use std::borrow::Cow;

use serde_json::Value;

/// The longest event id accepted, in bytes. Stripe documents object ids as at most 255 characters.
pub const EVENT_ID_BYTES_MAX: usize = 255;

/// The longest event type accepted, in bytes: EventBridge's limit for `DetailType`.
pub const EVENT_TYPE_BYTES_MAX: usize = 128;

/// Which of Stripe's two event formats a body has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `object: "event"`: carries the object as it was when the event was made.
    Snapshot,
    /// `object: "v2.core.event"`: names its object, which has to be fetched.
    Thin,
    /// Neither: a format that Stripe may add one day.
    Unknown,
}

/// The object that an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRef<'a> {
    /// Stripe's name for the kind of object (`payment_intent`, `customer.subscription` in thin events).
    pub kind: Option<Cow<'a, str>>,
    /// Absent for objects without an id (`balance`, singletons of thin events).
    pub id: Option<Cow<'a, str>>,
}

/// The fields of an event that ingest, the ledger and the bus need, borrowed from its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head<'a> {
    /// `evt_…`: 1 to [`EVENT_ID_BYTES_MAX`] printable ASCII characters.
    pub id: Cow<'a, str>,
    /// `payment_intent.succeeded`: 1 to [`EVENT_TYPE_BYTES_MAX`] bytes, no control characters.
    pub kind: Cow<'a, str>,
    /// Snapshot or thin.
    pub shape: Shape,
    /// The account: a snapshot's `account`, or else the last `acct_…` of the `context`. Ingest leaves it out if it is
    /// the [endpoint's own](crate::delivery::endpoint::Endpoint::keyed).
    pub account: Option<Cow<'a, str>>,
    /// The `context` as sent (`acct_…`, `org_…/acct_…`): the value for `Stripe-Context`.
    pub context: Option<Cow<'a, str>>,
    /// Absent if the body has no boolean `livemode`.
    pub livemode: Option<bool>,
    /// Unix seconds; a thin event's ISO 8601 time, rounded down.
    pub created: Option<i64>,
    /// The API version that a snapshot was frozen in.
    pub api_version: Option<Cow<'a, str>>,
    /// The object that the event is about, if it names one.
    pub object: Option<ObjectRef<'a>>,
    /// The body has a top-level key `sluice`, which is ours on the bus: such a body is published as a pointer.
    pub has_reserved_key: bool,
}

/// What is known about an event beside its body: what the entry keeps, and what is published around the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin<'a> {
    /// `evt_…`.
    pub id: Cow<'a, str>,
    /// Stripe's type.
    pub kind: Cow<'a, str>,
    /// Snapshot or thin.
    pub shape: Shape,
    /// The endpoint of the first delivery.
    pub endpoint: Cow<'a, str>,
    /// How it came in, if not by a delivery: `reconcile`.
    pub via: Option<Cow<'a, str>>,
    /// The connected account.
    pub account: Option<Cow<'a, str>>,
    /// Stripe's `livemode`.
    pub livemode: Option<bool>,
    /// Unix seconds.
    pub created: Option<i64>,
    /// The API version the snapshot was frozen in.
    pub api_version: Option<Cow<'a, str>>,
    /// The id of the object the event is about.
    pub object_id: Option<Cow<'a, str>>,
    /// Stripe's name for the kind of that object.
    pub object_kind: Option<Cow<'a, str>>,
    /// When the first delivery came in.
    pub received_at_ms: i64,
    /// The trace context of the first delivery.
    pub traceparent: Cow<'a, str>,
    /// The body can't travel on the bus as it is; a pointer does.
    pub as_pointer: bool,
}

/// An account and mode. Part of every key of state and of every effect's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// `acct_…`, or `None` for the platform's own.
    pub account: Option<String>,
    /// Stripe's `livemode`.
    pub livemode: bool,
}

impl Scope {
    /// `acct_1#live`, `platform#test`: two connected accounts can have equal object ids.
    pub fn key(&self) -> String {
        let mode = if self.livemode { "live" } else { "test" };
        format!("{}#{mode}", self.account.as_deref().unwrap_or("platform"))
    }
}

/// An event as a domain sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `evt_…`.
    pub id: String,
    /// Stripe's type.
    pub kind: String,
    /// Account and mode.
    pub scope: Scope,
    /// Unix seconds.
    pub created: i64,
    /// The API version that the object is in.
    pub api_version: Option<String>,
    /// Stripe's id of the API request that caused it: the same for all events of one request. None if Stripe acted
    /// without a request.
    pub request: Option<String>,
    /// `data.object`.
    pub object: Value,
    /// `data.previous_attributes`, on `*.updated` types.
    pub previous_attributes: Option<Value>,
}
