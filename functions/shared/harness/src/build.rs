//! Events and arrivals for tests.

use std::borrow::Cow;

use serde_json::{Value, json};
use sluice_kernel::bus::detail::EmitMode;
use sluice_kernel::delivery::ledger::Arrival;
use sluice_kernel::event::{Event, Head, ObjectRef, Scope, Shape};

use crate::clock::START_MS;

/// A traceparent for tests.
pub const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// How long after the test's start its claims lapse.
pub const LAPSE_MS: i64 = 20_000;

/// How long after the test's start its entries expire.
pub const RETENTION_MS: i64 = 35 * 86_400 * 1_000;

/// A head of a live `charge.succeeded` of `ch_1`.
pub fn head(id: &str) -> Head<'_> {
    Head {
        id: Cow::Borrowed(id),
        kind: Cow::Borrowed("charge.succeeded"),
        shape: Shape::Snapshot,
        account: None,
        context: None,
        livemode: Some(true),
        created: Some(START_MS / 1000),
        api_version: Some(Cow::Borrowed("2025-09-30.clover")),
        object: Some(ObjectRef {
            kind: Some(Cow::Borrowed("charge")),
            id: Some(Cow::Borrowed("ch_1")),
        }),
        has_reserved_key: false,
    }
}

/// An arrival of that event at the test's start.
pub fn arrival<'a>(id: &'a str, attempt: &'a str, body: &'a [u8]) -> Arrival<'a> {
    Arrival {
        head: head(id),
        endpoint: "platform",
        via: None,
        body,
        attempt,
        received_at_ms: START_MS,
        lapses_at_ms: START_MS + LAPSE_MS,
        expires_at_s: (START_MS + RETENTION_MS) / 1000,
        traceparent: TRACEPARENT,
        ledger_only: None,
    }
}

/// A body of `bytes` bytes or a little more that doesn't compress well: a JSON event with noise in it.
pub fn noise_body(id: &str, bytes: usize) -> Vec<u8> {
    let mut state = id.bytes().fold(0x9e37_79b9_7f4a_7c15_u64, |state, byte| {
        state.rotate_left(7) ^ u64::from(byte)
    });
    let noise: String = (0..bytes)
        .map(|_| {
            // xorshift64: enough for noise, and the same in every run.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(
                b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
                    [(state % 64) as usize],
            )
        })
        .collect();
    let event = json!({
        "id": id, "object": "event", "type": "charge.succeeded", "livemode": true, "created": START_MS / 1000,
        "data": { "object": { "id": "ch_1", "object": "charge", "status": "succeeded", "amount": 100, "currency": "usd",
            "description": noise } },
    });
    event.to_string().into_bytes()
}

/// An event as a domain sees it.
pub fn event(id: &str, kind: &str, created: i64, object: Value) -> Event {
    Event {
        id: id.to_owned(),
        kind: kind.to_owned(),
        scope: Scope {
            account: None,
            livemode: true,
        },
        created,
        api_version: None,
        request: None,
        object,
        previous_attributes: None,
    }
}

/// A queue message as an EventBridge rule writes it, with the event inline.
pub fn message(event: &Event) -> String {
    message_in(EmitMode::Normal, event)
}

/// The same for an event that was published again.
pub fn message_in(mode: EmitMode<'_>, event: &Event) -> String {
    let mut tag = json!({
        "account": event.scope.account, "endpoint": "platform", "livemode": event.scope.livemode,
        "received_at_ms": START_MS, "traceparent": TRACEPARENT, "body": "inline",
    });
    match mode {
        EmitMode::Normal => {}
        EmitMode::Forced(generation) => tag["generation"] = json!(generation),
        EmitMode::Suppressed => tag["muted"] = json!(true),
    }
    let detail = json!({
        "sluice": tag,
        "id": event.id, "object": "event", "type": event.kind, "created": event.created,
        "livemode": event.scope.livemode, "api_version": event.api_version,
        "request": event.request.as_ref().map(|id| json!({ "id": id })),
        "data": { "object": event.object, "previous_attributes": event.previous_attributes },
    });
    json!({ "version": "0", "source": "sluice.stripe", "detail-type": event.kind, "detail": detail }).to_string()
}
