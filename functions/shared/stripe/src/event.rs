//! Which event a body carries: the few fields that ingest, the ledger and the bus need.
//!
//! # What is read, and how tolerantly
//!
//! A body is an event if it is a JSON object in UTF-8 (no byte order mark) with a usable `id` and `type`. That is all:
//! events of types and shapes that don't exist yet are stored and published like today's events.
//!
//! - `id`: a string of 1 to 255 printable ASCII characters without spaces, since it becomes a key.
//! - `type`: a string of 1 to 128 bytes without control characters, since it becomes the bus's detail type.
//! - Every other field is optional. One of an unexpected type, an empty string, a string that isn't valid Unicode, or
//!   one beyond [`ACCOUNT_BYTES_MAX`] or [`TEXT_BYTES_MAX`] counts as absent: ids become parts of keys and attributes,
//!   which have limits of their own.
//! - `created` is whole unix seconds, or an ISO 8601 time (thin events), rounded down.
//! - `account` is a snapshot's `account`. If it has none, it is the last `acct_…` in its `context`, the only field that
//!   an event of an organization's destination has. If it has neither, it is its `user_id`, the field's name until API
//!   version 2017-05-25. A thin event has only its `context`. In an event of unknown shape, `account` is read and then
//!   `context`. A `context` of only an organization (`org_…`) names no account.
//! - the object is a snapshot's `data.object`, or a thin event's `related_object`; in an event of unknown shape both
//!   are read, in that order.
//!
//! If a key occurs twice, the last one counts, as in JavaScript, Python, Go and the bus. Keys are compared after their
//! escapes are resolved.
//!
//! # What isn't done
//!
//! Nothing else is interpreted: numbers such as `1e999` or of a thousand digits, lone surrogates, duplicate keys and
//! any depth of nesting pass through untouched, because the body is stored and published as the bytes that Stripe
//! signed. It is checked to be JSON to its end, though: a body that passes can be embedded in another JSON document as
//! it is. The parser is iterative, so depth costs no stack; it scans each value at most three times, once for each
//! level that it reads.

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
pub(crate) mod time;

use std::borrow::Cow;
use std::fmt;

use serde::de::IgnoredAny;
use sluice_kernel::event::{EVENT_ID_BYTES_MAX, EVENT_TYPE_BYTES_MAX, Head, ObjectRef, Shape};
use sluice_kernel::raw::{is_object, last_values, last_values_of, string};

use crate::code::{self, Code};

/// The longest accepted account id, in bytes: Stripe's own limit for ids.
pub const ACCOUNT_BYTES_MAX: usize = 255;

/// The longest accepted length of the other optional strings, in bytes. Stripe allows 255 characters for ids, and
/// merchants may choose some themselves (coupons, plans) in any script: four bytes per character.
pub const TEXT_BYTES_MAX: usize = 1_024;

/// The `object` of a snapshot event.
const SNAPSHOT: &str = "event";
/// The `object` of a thin event.
const THIN: &str = "v2.core.event";
/// The top-level key that Sluice uses on the bus.
const RESERVED_KEY: &str = "sluice";

/// Reads the head of an event out of its body, borrowing from it.
///
/// `Ok` also means: the body is UTF-8 and one JSON object from its first to its last byte, apart from white space.
///
/// # Errors
/// The first defect, as a [`NotAnEvent`].
pub fn parse_head(body: &[u8]) -> Result<Head<'_>, NotAnEvent> {
    let text = str::from_utf8(body).map_err(|_| NotAnEvent::NotJson)?;
    if !is_object(text) {
        // The two differ: the one means a foreign sender or a truncated body, the other a valid but wrong one.
        let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
        return Err(if is_json {
            NotAnEvent::NotAnObject
        } else {
            NotAnEvent::NotJson
        });
    }
    let [
        id,
        kind,
        object,
        account,
        user_id,
        context,
        livemode,
        created,
        api_version,
        data,
        related_object,
        reserved,
    ] = last_values(
        text,
        [
            "id",
            "type",
            "object",
            "account",
            "user_id",
            "context",
            "livemode",
            "created",
            "api_version",
            "data",
            "related_object",
            RESERVED_KEY,
        ],
    )
    .map_err(|_| NotAnEvent::NotJson)?;

    let id = required(id, NotAnEvent::NoId, NotAnEvent::BadId, is_event_id)?;
    let kind = required(kind, NotAnEvent::NoType, NotAnEvent::BadType, is_event_type)?;
    let shape = match object.and_then(string).as_deref() {
        Some(SNAPSHOT) => Shape::Snapshot,
        Some(THIN) => Shape::Thin,
        _ => Shape::Unknown,
    };
    let context = optional(context, TEXT_BYTES_MAX);
    let own_account = || optional(account, ACCOUNT_BYTES_MAX);
    let context_account = || context.as_ref().and_then(last_account);
    let former_account = || optional(user_id, ACCOUNT_BYTES_MAX);
    let data_object = || object_ref(data.and_then(|data| value_of(data, "object"))?, "object");
    let related_object = || object_ref(related_object?, "type");
    let (account, object) = match shape {
        Shape::Snapshot => {
            let account = own_account().or_else(context_account);
            (account.or_else(former_account), data_object())
        }
        Shape::Thin => (context_account(), related_object()),
        Shape::Unknown => (
            own_account().or_else(context_account),
            data_object().or_else(related_object),
        ),
    };
    Ok(Head {
        id,
        kind,
        shape,
        account,
        context,
        livemode: livemode.and_then(boolean),
        created: created.and_then(seconds),
        api_version: optional(api_version, TEXT_BYTES_MAX),
        object,
        has_reserved_key: reserved.is_some(),
    })
}

fn required<'a>(
    value: Option<&'a str>,
    absent: NotAnEvent,
    unfit: NotAnEvent,
    fits: impl Fn(&str) -> bool,
) -> Result<Cow<'a, str>, NotAnEvent> {
    let value = value.filter(|&value| value != "null").ok_or(absent)?;
    string(value).filter(|text| fits(text)).ok_or(unfit)
}

fn is_event_id(text: &str) -> bool {
    (1..=EVENT_ID_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_event_type(text: &str) -> bool {
    (1..=EVENT_TYPE_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn optional(value: Option<&str>, bytes_max: usize) -> Option<Cow<'_, str>> {
    string(value?).filter(|text| (1..=bytes_max).contains(&text.len()))
}

/// The last segment of `org_…/acct_…` that names an account.
fn last_account<'a>(context: &Cow<'a, str>) -> Option<Cow<'a, str>> {
    fn last(context: &str) -> Option<&str> {
        let names_account =
            |segment: &&str| segment.len() > "acct_".len() && segment.starts_with("acct_");
        context
            .rsplit('/')
            .find(names_account)
            .filter(|segment| segment.len() <= ACCOUNT_BYTES_MAX)
    }
    match context {
        Cow::Borrowed(context) => last(context).map(Cow::Borrowed),
        Cow::Owned(context) => last(context).map(|account| Cow::Owned(account.to_owned())),
    }
}

/// The object that this JSON object represents; its kind is under `kind_key`. `None` if it names neither kind nor id.
fn object_ref<'a>(value: &'a str, kind_key: &str) -> Option<ObjectRef<'a>> {
    let [id, kind] = last_values_of(value, ["id", kind_key])?;
    let (id, kind) = (optional(id, TEXT_BYTES_MAX), optional(kind, TEXT_BYTES_MAX));
    (id.is_some() || kind.is_some()).then_some(ObjectRef { kind, id })
}

fn boolean(value: &str) -> Option<bool> {
    match value {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn seconds(value: &str) -> Option<i64> {
    match string(value) {
        Some(text) => time::unix_seconds(&text),
        None => serde_json::from_str(value).ok(),
    }
}

fn value_of<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    let [value] = last_values_of(json, [key])?;
    value
}

/// Why a body is not an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotAnEvent {
    /// Not UTF-8, or not JSON from its first byte to its last.
    NotJson,
    /// JSON, but not an object.
    NotAnObject,
    /// There is no `id`, or it is null.
    NoId,
    /// `id` is not a string of 1 to [`EVENT_ID_BYTES_MAX`] printable ASCII characters without spaces.
    BadId,
    /// There is no `type`, or it is null.
    NoType,
    /// `type` is not a string of 1 to [`EVENT_TYPE_BYTES_MAX`] bytes without control characters.
    BadType,
}

impl NotAnEvent {
    /// The stable code, for answers, logs and alarms.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::NotJson => code::EVENT_NOT_JSON,
            Self::NotAnObject => code::EVENT_NOT_AN_OBJECT,
            Self::NoId => code::EVENT_NO_ID,
            Self::BadId => code::EVENT_BAD_ID,
            Self::NoType => code::EVENT_NO_TYPE,
            Self::BadType => code::EVENT_BAD_TYPE,
        }
    }
}

impl fmt::Display for NotAnEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("the body is not JSON in UTF-8"),
            Self::NotAnObject => f.write_str("the body is JSON but not an object"),
            Self::NoId => f.write_str("the event has no id"),
            Self::BadId => {
                write!(
                    f,
                    "the event's id is not a string of 1 to {EVENT_ID_BYTES_MAX} printable ASCII characters"
                )
            }
            Self::NoType => f.write_str("the event has no type"),
            Self::BadType => {
                write!(
                    f,
                    "the event's type is not a string of 1 to {EVENT_TYPE_BYTES_MAX} bytes without control characters"
                )
            }
        }
    }
}

impl std::error::Error for NotAnEvent {}
