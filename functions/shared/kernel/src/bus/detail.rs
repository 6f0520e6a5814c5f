//! An event as it travels on the bus.
//!
//! The detail is Stripe's event unchanged, with one more leading key:
//!
//! ```json
//! {"sluice":{"account":null,"endpoint":"platform","livemode":true,"created":1764000000,
//!            "received_at_ms":1764000000123,"traceparent":"00-…","body":"inline"},"id":"evt_…","object":"event", …}
//! ```
//!
//! So rules written for Stripe's own EventBridge destination work here too. A body can't travel if it is too large,
//! isn't UTF-8, or has a key `sluice` of its own. Such a body stays in the ledger, and a pointer travels instead. The
//! pointer has the same leading key, with `"body":"ledger"`, and the event's id, type, account, livemode, created,
//! api_version and object.
//!
//! Buses parse a detail and write it again: key order, duplicate keys and number literals don't survive. A reader that
//! needs the exact bytes reads them from the ledger.
//!
//! Keys of state use [`Metadata::account`], never a field of the event that may be absent.

mod checking;
mod reading;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::bus::{self, Outgoing};
use crate::clock;
use crate::event::{Origin, Shape};

pub use checking::{Check, UNGENERATED, check, check_ungenerated};
pub use reading::{Message, Unread, read};

/// Where the event's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyPlace {
    /// In the detail.
    Inline,
    /// In the ledger, under the event's id.
    Ledger,
}

/// The leading key `sluice` of a detail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The connected account, or null for the platform's own.
    pub account: Option<String>,
    /// The endpoint that first received the event.
    pub endpoint: String,
    /// Stripe's `livemode`, or null if the event had none.
    pub livemode: Option<bool>,
    /// Stripe's `created` in Unix seconds; a thin event's date is converted to it. For a check of an event that Stripe
    /// failed to make, it is when Stripe said so. It is null for any other check.
    #[serde(default)]
    pub created: Option<i64>,
    /// How the event came in, if not by a delivery: `reconcile`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// The message asks to compare the object with Stripe's, and carries no event: see [`check`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub check: bool,
    /// When the event first came in.
    pub received_at_ms: i64,
    /// W3C trace context.
    pub traceparent: String,
    /// The replay run, if a forced replay published the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<String>,
    /// Whether the event is processed without emitting effects.
    #[serde(default, rename = "muted", skip_serializing_if = "std::ops::Not::not")]
    pub suppressed: bool,
    /// Inline or in the ledger.
    pub body: BodyPlace,
}

/// The most characters of a generation: it becomes part of the id of each fact that is emitted again.
pub const GENERATION_CHARS_MAX: usize = 64;

/// How an event is processed: what it does to effects. The state and its evidence are the same in each mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EmitMode<'a> {
    /// As Stripe delivers it, and as a plain replay repeats it: effects that were emitted aren't emitted again.
    #[default]
    Normal,
    /// By a forced replay, under this generation: its facts and the current levels are emitted again, once.
    Forced(&'a str),
    /// State, evidence and facts are recorded, and nothing is emitted. Pending effects stay pending, and levels that
    /// change are owed: the object's next message emits them.
    Suppressed,
}

impl Metadata {
    /// Milliseconds from Stripe's `created` until now. `None` if there is no `created` or it lies ahead. Also `None`
    /// for messages that are late on purpose: an event that is replayed under a generation or suppressed, and a check.
    pub fn lag_ms(&self, now_ms: i64) -> Option<i64> {
        if self.check || self.suppressed || self.generation.is_some() {
            return None;
        }
        clock::lag_ms(self.created, now_ms)
    }

    /// The event's emit mode. Suppressed wins over a generation: a suppressed event emits nothing under it either.
    pub fn emit_mode(&self) -> EmitMode<'_> {
        match (self.suppressed, self.generation.as_deref()) {
            (true, _) => EmitMode::Suppressed,
            (false, Some(generation)) => EmitMode::Forced(generation),
            (false, None) => EmitMode::Normal,
        }
    }
}

/// Whether this can name a generation: letters, digits, `-` and `_`, no more than [`GENERATION_CHARS_MAX`].
pub fn is_generation(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    !text.is_empty() && text.len() <= GENERATION_CHARS_MAX && text.bytes().all(fits)
}

/// Makes the bus entry for an event: inline if the body is given and can travel, as a pointer otherwise.
pub fn outgoing(origin: &Origin<'_>, body: Option<&[u8]>) -> Outgoing {
    encode_in(EmitMode::Normal, origin, body)
}

/// Makes the bus entry for an event that is published again, to be processed in this `mode`.
pub fn encode_in(mode: EmitMode<'_>, origin: &Origin<'_>, body: Option<&[u8]>) -> Outgoing {
    let inline = body.filter(|_| !origin.as_pointer).and_then(members);
    let mut tag = Metadata {
        account: origin.account.as_deref().map(str::to_owned),
        endpoint: origin.endpoint.to_string(),
        livemode: origin.livemode,
        created: origin.created,
        via: origin.via.as_deref().map(str::to_owned),
        check: false,
        received_at_ms: origin.received_at_ms,
        traceparent: origin.traceparent.to_string(),
        generation: match mode {
            EmitMode::Forced(generation) => Some(generation.to_owned()),
            EmitMode::Normal | EmitMode::Suppressed => None,
        },
        suppressed: mode == EmitMode::Suppressed,
        body: BodyPlace::Inline,
    };
    let detail = match inline {
        Some(members) => {
            let tag = serde_json::to_string(&tag);
            let tag = tag.expect("texts, numbers and booleans can be written");
            format!(r#"{{"sluice":{tag},{members}"#)
        }
        None => {
            tag.body = BodyPlace::Ledger;
            pointer(origin, &tag)
        }
    };
    Outgoing {
        source: bus::SOURCE_EVENTS,
        detail_type: origin.kind.to_string(),
        detail,
        traceparent: origin.traceparent.to_string(),
    }
}

/// What follows the opening brace of a body, if the body may travel inline.
fn members(body: &[u8]) -> Option<&str> {
    if body.len() > bus::DETAIL_BYTES_MAX {
        return None;
    }
    std::str::from_utf8(body)
        .ok()?
        .trim_start()
        .strip_prefix('{')
}

fn pointer(origin: &Origin<'_>, tag: &Metadata) -> String {
    let object = json!({ "id": origin.object_id, "object": origin.object_kind });
    let mut detail = json!({
        "sluice": tag,
        "id": origin.id,
        "type": origin.kind,
        "livemode": origin.livemode,
        "created": origin.created,
        "api_version": origin.api_version,
    });
    if let Some(account) = &origin.account {
        detail["account"] = json!(account);
    }
    match origin.shape {
        Shape::Thin => {
            detail["object"] = json!("v2.core.event");
            detail["related_object"] =
                json!({ "id": origin.object_id, "type": origin.object_kind });
        }
        Shape::Snapshot => {
            detail["object"] = json!("event");
            detail["data"] = json!({ "object": object });
        }
        Shape::Unknown => detail["data"] = json!({ "object": object }),
    }
    detail.to_string()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use serde_json::Value;

    use super::*;
    use crate::code;

    fn origin() -> Origin<'static> {
        Origin {
            id: Cow::Borrowed("evt_1"),
            kind: Cow::Borrowed("charge.succeeded"),
            shape: Shape::Snapshot,
            endpoint: Cow::Borrowed("connect"),
            via: None,
            account: Some(Cow::Borrowed("acct_1")),
            livemode: Some(true),
            created: Some(7),
            api_version: None,
            object_id: Some(Cow::Borrowed("ch_1")),
            object_kind: Some(Cow::Borrowed("charge")),
            received_at_ms: 8,
            traceparent: Cow::Borrowed("00-a-b-01"),
            as_pointer: false,
        }
    }

    fn envelope(detail: &str) -> String {
        format!(r#"{{"version":"0","source":"sluice.stripe","detail":{detail}}}"#)
    }

    #[test]
    fn an_inline_detail_is_the_body_with_one_more_leading_key() {
        let body = br#" {"id":"evt_1","type":"charge.succeeded","n":1e400}"#;
        let outgoing = outgoing(&origin(), Some(body));
        assert_eq!(
            outgoing.detail,
            concat!(
                r#"{"sluice":{"account":"acct_1","endpoint":"connect","livemode":true,"created":7,"#,
                r#""received_at_ms":8,"traceparent":"00-a-b-01","body":"inline"},"#,
                r#""id":"evt_1","type":"charge.succeeded","n":1e400}"#
            )
        );
        assert_eq!(outgoing.detail_type, "charge.succeeded");
    }

    #[test]
    fn what_can_not_travel_goes_as_a_pointer() {
        let large = format!(
            r#"{{"id":"evt_1","pad":"{}"}}"#,
            "x".repeat(bus::DETAIL_BYTES_MAX)
        );
        let mut reserved = origin();
        reserved.as_pointer = true;
        let not_utf8: &[u8] = b"{\"id\":\"\xff\"}";
        for entry in [
            outgoing(&origin(), Some(large.as_bytes())),
            outgoing(&origin(), Some(not_utf8)),
            outgoing(&origin(), None),
            outgoing(&reserved, Some(b"{\"id\":1}")),
        ] {
            let message = read(&envelope(&entry.detail)).expect("a pointer is readable");
            assert_eq!(message.tag.body, BodyPlace::Ledger);
            assert_eq!(
                (message.id.as_str(), message.kind.as_str()),
                ("evt_1", "charge.succeeded")
            );
            assert_eq!(message.event["data"]["object"]["id"], "ch_1");
            assert_eq!(message.event["account"], "acct_1");
            assert!(entry.size_bytes() < 1_000);
        }
    }

    #[test]
    fn a_message_is_read_back_as_it_was_written() {
        let entry = outgoing(
            &origin(),
            Some(br#"{"id":"evt_1","type":"charge.succeeded","a":[1]}"#),
        );
        let message = read(&envelope(&entry.detail)).expect("readable");
        assert_eq!(message.tag.account.as_deref(), Some("acct_1"));
        assert_eq!(message.tag.body, BodyPlace::Inline);
        assert_eq!(
            message.event,
            json!({"id": "evt_1", "type": "charge.succeeded", "a": [1]})
        );
    }

    #[test]
    fn a_replayed_event_says_how_it_is_to_be_taken_in() {
        let body = br#"{"id":"evt_1","type":"charge.succeeded"}"#;
        let large = vec![b' '; bus::DETAIL_BYTES_MAX + 1];
        for mode in [
            EmitMode::Normal,
            EmitMode::Forced("run-1"),
            EmitMode::Suppressed,
        ] {
            for body in [&body[..], &large] {
                let entry = encode_in(mode, &origin(), Some(body));
                let message = read(&envelope(&entry.detail)).expect("readable");
                assert_eq!(message.tag.emit_mode(), mode);
            }
        }
    }

    #[test]
    fn a_generation_that_could_not_be_part_of_an_id_is_rejected() {
        for bad in ["", "a#b", "a b", &"x".repeat(GENERATION_CHARS_MAX + 1)] {
            let entry = encode_in(EmitMode::Forced(bad), &origin(), None);
            let unread = read(&envelope(&entry.detail)).expect_err("rejected");
            assert_eq!(unread.fault.code, code::MESSAGE_BAD_GENERATION, "{bad}");
            assert_eq!(unread.named, None, "the event has done nothing wrong");
        }
    }

    #[test]
    fn a_message_that_no_rule_wrote_is_rejected_without_quoting_it() {
        for (message, code) in [
            ("secret", code::MESSAGE_NOT_JSON),
            ("{}", code::MESSAGE_NO_DETAIL),
            (r#"{"detail":"secret"}"#, code::MESSAGE_NO_EVENT),
            (
                r#"{"detail":{"id":"evt_1","type":"a"}}"#,
                code::MESSAGE_NO_EVENT,
            ),
        ] {
            let unread = read(message).expect_err("rejected");
            assert_eq!(unread.fault.code, code, "{message}");
            assert!(!unread.fault.cause.contains("secret"), "{}", unread.fault);
            assert_eq!(unread.named, None, "{message}");
        }
    }

    #[test]
    fn an_event_with_a_value_that_can_not_be_read_is_rejected_by_its_name() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for value in [&*deep, "1e999", "-1e999", r#""\ud800""#, r#"{"\udc00":1}"#] {
            let body = format!(
                r#"{{"id":"evt_0","type":"a.b","\ud800":1,"odd":{value},"id":"evt_1","type":"charge.succeeded"}}"#
            );
            let entry = outgoing(&origin(), Some(body.as_bytes()));
            let unread = read(&envelope(&entry.detail)).expect_err("rejected");
            assert_eq!(unread.fault.code, code::EVENT_NOT_JSON, "{value}");
            let named = unread.named.expect("named");
            assert_eq!(named.subject(), "evt_1", "of equal keys the last counts");
            assert_eq!(named.kind, "charge.succeeded");
            assert_eq!(named.tag.account.as_deref(), Some("acct_1"));
            assert_eq!(named.event, Value::Null);
        }
    }

    #[test]
    fn a_message_whose_name_can_not_be_read_either_has_none() {
        let whole = outgoing(
            &origin(),
            Some(br#"{"id":"evt_1","type":"charge.succeeded","odd":1e999}"#),
        );
        let whole = envelope(&whole.detail);
        for (message, code) in [
            (whole.replace("evt_1", r"\ud800"), code::MESSAGE_NOT_JSON),
            (
                whole.replace("charge.succeeded", r"\ud800"),
                code::MESSAGE_NOT_JSON,
            ),
            (
                whole.replace("\"sluice\"", "\"slujce\""),
                code::MESSAGE_NOT_JSON,
            ),
            (whole.replace("\"id\"", "\"jd\""), code::MESSAGE_NOT_JSON),
            (whole[..whole.len() - 1].to_owned(), code::MESSAGE_NOT_JSON),
        ] {
            let unread = read(&message).expect_err("rejected");
            assert_eq!((unread.fault.code, unread.named), (code, None), "{message}");
        }
    }

    #[test]
    fn a_check_is_recorded_by_its_object_and_an_event_by_its_id() {
        let scope = crate::event::Scope {
            account: Some("acct_1".to_owned()),
            livemode: false,
        };
        let asked = Check {
            scope: &scope,
            event: "evt_1",
            kind: "charge.succeeded",
            object: "ch_1",
            object_kind: "charge",
            parent: None,
        };
        let entry = check(&asked, "reconcile", 8, "00-a-b-01");
        let message = read(&envelope(&entry.detail)).expect("readable");
        assert_eq!(message.checked(), Some("ch_1"));
        assert_eq!(message.subject(), "check-acct_1#test#ch_1");
        let entry = outgoing(&origin(), None);
        let message = read(&envelope(&entry.detail)).expect("readable");
        assert_eq!((message.checked(), &*message.subject()), (None, "evt_1"));
    }
}
