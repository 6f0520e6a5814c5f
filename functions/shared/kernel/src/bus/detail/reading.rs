//! Reads a message of a domain's queue.

use serde::Deserialize;
use serde_json::Value;

use super::{GENERATION_CHARS_MAX, Metadata, is_generation};
use crate::code;
use crate::event::Scope;
use crate::fault::Fault;
use crate::outcome;
use crate::raw;

/// A queue message, parsed as far as the bus wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The leading key.
    pub tag: Metadata,
    /// `evt_…`.
    pub id: String,
    /// Stripe's type.
    pub kind: String,
    /// The event: complete, or the fields that a pointer keeps.
    pub event: Value,
}

impl Message {
    /// The object that a check asks about; `None` for an event.
    pub fn checked(&self) -> Option<&str> {
        let object = self.event.pointer("/related_object/id");
        let object = object.and_then(Value::as_str).unwrap_or(&self.id);
        self.tag.check.then_some(object)
    }

    /// The id under which the outcome is recorded: the event's id. A check is recorded under its object, because the
    /// event that it names has an outcome of its own.
    pub fn subject(&self) -> String {
        let Some(object) = self.checked() else {
            return self.id.clone();
        };
        let scope = Scope {
            account: self.tag.account.clone(),
            livemode: self.tag.livemode.unwrap_or_default(),
        };
        outcome::subject_of_check(&scope, object)
    }
}

/// A message that can't be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Unread {
    /// Why: a `Reject`.
    pub fault: Fault,
    /// The event, if it could be identified; its [`Message::event`] is null.
    pub named: Option<Box<Message>>,
}

/// Reads a queue message that an EventBridge rule wrote.
///
/// # Errors
/// `Reject` with `message.not_json`, `message.no_detail`, `message.no_event` or `message.bad_generation`. `Reject` with
/// [`code::EVENT_NOT_JSON`] if a value of the event can't be read; the event is named then.
pub fn read(message: &str) -> Result<Message, Unread> {
    whole(message).map_err(|fault| {
        let named = match fault.code {
            code::MESSAGE_NOT_JSON => named(message),
            _ => None,
        };
        let code = named.as_ref().map_or(fault.code, |_| code::EVENT_NOT_JSON);
        Unread {
            fault: Fault { code, ..fault },
            named,
        }
    })
}

/// The fields that identify a message that is JSON but can't be read completely.
fn named(message: &str) -> Option<Box<Message>> {
    let [detail] = raw::last_values(message, ["detail"]).ok()?;
    let [tag, id, kind] = raw::last_values_of(detail?, ["sluice", "id", "type"])?;
    Some(Box::new(Message {
        tag: serde_json::from_str(tag?).ok()?,
        id: raw::string(id?)?.into_owned(),
        kind: raw::string(kind?)?.into_owned(),
        event: Value::Null,
    }))
}

fn whole(message: &str) -> Result<Message, Fault> {
    #[derive(Deserialize)]
    struct Envelope {
        detail: Option<Detail>,
    }
    #[derive(Deserialize)]
    struct Detail {
        sluice: Option<Metadata>,
        #[serde(flatten)]
        event: serde_json::Map<String, Value>,
    }

    let not_json = |error: serde_json::Error| {
        use serde_json::error::Category;
        // Only the place and kind of the error: its text may quote the message.
        let code = match error.classify() {
            Category::Data => code::MESSAGE_NO_EVENT,
            _ => code::MESSAGE_NOT_JSON,
        };
        Fault::reject(
            code,
            format!("at line {} column {}", error.line(), error.column()),
        )
    };
    let envelope: Envelope = serde_json::from_str(message).map_err(not_json)?;
    let detail = envelope.detail.ok_or_else(|| {
        Fault::reject(
            code::MESSAGE_NO_DETAIL,
            "no detail: not from an EventBridge rule",
        )
    })?;
    let tag = detail
        .sluice
        .ok_or_else(|| Fault::reject(code::MESSAGE_NO_EVENT, "the detail has no key `sluice`"))?;
    if let Some(generation) = &tag.generation
        && !is_generation(generation)
    {
        return Err(Fault::reject(
            code::MESSAGE_BAD_GENERATION,
            format!("not {GENERATION_CHARS_MAX} letters, digits, - and _, or fewer"),
        ));
    }
    let text = |key: &str| {
        detail
            .event
            .get(key)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let (Some(id), Some(kind)) = (text("id"), text("type")) else {
        return Err(Fault::reject(
            code::MESSAGE_NO_EVENT,
            "the detail has no id or no type",
        ));
    };
    Ok(Message {
        tag,
        id,
        kind,
        event: Value::Object(detail.event),
    })
}
