//! The head of an event parsed the plain way, through `serde_json::Value`: the reference for
//! [`parse_head`](super::parse_head). `Value` refuses some bodies that `parse_head` accepts (deep nesting, lone
//! surrogates, numbers beyond 64-bit floats), so it is the reference only for the others. Also part of the fuzz target.

use serde_json::Value;
use sluice_kernel::event::Shape;

/// The fields of a head, owned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlainHead {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) shape: Shape,
    pub(crate) account: Option<String>,
    pub(crate) context: Option<String>,
    pub(crate) livemode: Option<bool>,
    /// Only if the body has a number or nothing readable: times have their own test.
    pub(crate) created: Option<i64>,
    pub(crate) api_version: Option<String>,
    pub(crate) object: Option<(Option<String>, Option<String>)>,
    pub(crate) has_reserved_key: bool,
}

/// The head of a JSON value, or the code of what is wrong with it.
pub(crate) fn plain_head(value: &Value) -> Result<PlainHead, &'static str> {
    let event = value.as_object().ok_or("event.not_an_object")?;
    let id = match event.get("id") {
        None | Some(Value::Null) => return Err("event.no_id"),
        Some(Value::String(id))
            if (1..=255).contains(&id.len()) && id.chars().all(|c| ('!'..='~').contains(&c)) =>
        {
            id
        }
        Some(_) => return Err("event.bad_id"),
    };
    let kind = match event.get("type") {
        None | Some(Value::Null) => return Err("event.no_type"),
        Some(Value::String(kind))
            if (1..=128).contains(&kind.len()) && !kind.contains(char::is_control) =>
        {
            kind
        }
        Some(_) => return Err("event.bad_type"),
    };
    let text = |value: &Value, bytes_max: usize| {
        value
            .as_str()
            .filter(|text| !text.is_empty() && text.len() <= bytes_max)
            .map(str::to_owned)
    };
    let shape = match value["object"].as_str() {
        Some("event") => Shape::Snapshot,
        Some("v2.core.event") => Shape::Thin,
        _ => Shape::Unknown,
    };
    let context = text(&value["context"], 1_024);
    let own_account = text(&value["account"], 255);
    let mut accounts: Vec<&str> = context
        .iter()
        .flat_map(|context| context.split('/'))
        .collect();
    accounts.retain(|segment| segment.starts_with("acct_") && *segment != "acct_");
    let context_account = accounts
        .pop()
        .filter(|account| account.len() <= 255)
        .map(str::to_owned);
    let former_account = text(&value["user_id"], 255);
    let reference = |object: &Value, kind_key: &str| {
        let pair = (text(&object[kind_key], 1_024), text(&object["id"], 1_024));
        (pair != (None, None)).then_some(pair)
    };
    let data_object = reference(&value["data"]["object"], "object");
    let related_object = reference(&value["related_object"], "type");
    Ok(PlainHead {
        id: id.clone(),
        kind: kind.clone(),
        shape,
        account: match shape {
            Shape::Snapshot => own_account.or(context_account).or(former_account),
            Shape::Thin => context_account,
            Shape::Unknown => own_account.or(context_account),
        },
        context,
        livemode: value["livemode"].as_bool(),
        created: value["created"].as_i64(),
        api_version: text(&value["api_version"], 1_024),
        object: match shape {
            Shape::Snapshot => data_object,
            Shape::Thin => related_object,
            Shape::Unknown => data_object.or(related_object),
        },
        has_reserved_key: event.contains_key("sluice"),
    })
}

/// A head in the same form. `created` from a time is left out.
pub(crate) fn plain(head: &sluice_kernel::event::Head<'_>, value: &Value) -> PlainHead {
    let owned = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
    PlainHead {
        id: head.id.to_string(),
        kind: head.kind.to_string(),
        shape: head.shape,
        account: owned(&head.account),
        context: owned(&head.context),
        livemode: head.livemode,
        created: head.created.filter(|_| !value["created"].is_string()),
        api_version: owned(&head.api_version),
        object: head
            .object
            .as_ref()
            .map(|object| (owned(&object.kind), owned(&object.id))),
        has_reserved_key: head.has_reserved_key,
    }
}
