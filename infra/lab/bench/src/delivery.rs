//! Stripe's deliveries as API Gateway hands them to a function: signed events of a given size, some of them repeated,
//! some forged.
//!
//! An event is the sample `payment_intent.succeeded` of tests/events with fresh ids, grown with line items and metadata
//! to the wanted size. The same seed makes the same ids.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use serde_json::{Value, json};
use sluice_stripe::signature::sign;

/// The event that every other is made of.
const SAMPLE: &str = include_str!("../../../../tests/events/stripe/payment_intent.succeeded.json");

/// Line items are put in before this, and metadata after it.
const SAMPLE_METADATA: &str = "      \"metadata\": {\n";

/// The type of every event.
pub(crate) const KIND: &str = "payment_intent.succeeded";

/// The secret that every contestant verifies with.
pub(crate) const SECRET: &str = "whsec_bench5q7v2Xd0kPzR1mY8uT4nL6wJc3";

/// A secret that no contestant has.
const FORGERS_SECRET: &str = "whsec_forged";

/// How many of the latest events a duplicate is chosen from.
const RECENT: usize = 64;

/// The most characters that Stripe allows in a metadata value.
const NOTE_CHARS_MAX: usize = 500;

/// The text of metadata: words, because random characters would compress like nothing that Stripe sends.
const WORDS: [&str; 24] = [
    "order",
    "invoice",
    "customer",
    "monthly",
    "annual",
    "plan",
    "upgrade",
    "from",
    "starter",
    "to",
    "team",
    "seats",
    "billing",
    "contact",
    "reference",
    "campaign",
    "autumn",
    "coupon",
    "region",
    "emea",
    "warehouse",
    "shipment",
    "pending",
    "approved",
];

/// What a delivery is, which decides how it has to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An event that never came before.
    New,
    /// One that came before.
    Duplicate,
    /// One that isn't Stripe's.
    Forged,
}

/// Which deliveries are wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mix {
    /// Bytes of each event.
    pub(crate) bytes: usize,
    /// The share of duplicates, from 0 to 1.
    pub(crate) duplicates: f64,
    /// The share of forged ones among the others, from 0 to 1.
    pub(crate) forged: f64,
}

/// Deliveries in order, and what they are.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    /// API Gateway's payloads.
    pub(crate) payloads: Vec<Vec<u8>>,
    /// What each delivery is, and its event.
    pub(crate) kinds: Vec<(Kind, String)>,
    /// Event → body, of all that aren't forged.
    pub(crate) bodies: HashMap<String, String>,
}

/// Now, in Unix seconds.
pub(crate) fn now_s() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// An id of the form that Stripe's ids have.
pub(crate) fn id(random: &mut Rng, prefix: &str) -> String {
    let tail = std::iter::repeat_with(|| random.alphanumeric()).take(24);
    prefix.chars().chain(tail).collect()
}

fn line_item(random: &mut Rng) -> String {
    let (item, price) = (id(random, "il_"), id(random, "price_"));
    let (amount, quantity) = (random.u32(100..99_999), random.u32(1..9));
    format!(
        "          {{\n            \"id\": \"{item}\",\n            \"object\": \"line_item\",\n            \"amount\": {amount},\n            \
         \"currency\": \"usd\",\n            \"description\": \"{quantity} × Plan \\\"pro\\\" (at $20.00 / month)\",\n            \
         \"discountable\": true,\n            \"price\": \"{price}\",\n            \"quantity\": {quantity}\n          }}"
    )
}

/// The sample as text, and the parts of it that are replaced: the ids of event, intent and charge, and the second.
fn sample() -> (&'static str, [String; 4]) {
    let event: Value = serde_json::from_str(SAMPLE).unwrap_or_default();
    let intent = &event["data"]["object"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let replaced = [
        text(&event["id"]),
        text(&intent["id"]),
        text(&intent["latest_charge"]),
        event["created"].to_string(),
    ];
    (SAMPLE.trim_end(), replaced)
}

/// An event's body of exactly this number of bytes, if the sample isn't longer already.
pub(crate) fn body(random: &mut Rng, event: &str, created_s: i64, bytes: usize) -> String {
    let intent = id(random, "pi_");
    let (sample, [old_event, old_intent, old_charge, old_created]) = sample();
    let text = sample
        .replace(&old_event, event)
        .replace(&old_intent, &intent)
        .replace(&old_charge, &id(random, "ch_"))
        .replace(&old_created, &created_s.to_string());
    let Some((before, after)) = text.split_once(SAMPLE_METADATA) else {
        return text;
    };
    let (open, close) = (
        "      \"lines\": {\n        \"object\": \"list\",\n        \"data\": [\n",
        "\n        ],\n        \"has_more\": false\n      },\n",
    );
    let mut missing = bytes.saturating_sub(text.len());
    let mut items = String::new();
    loop {
        let item = line_item(random);
        let frame = if items.is_empty() {
            open.len() + close.len()
        } else {
            2
        };
        let Some(left) = missing.checked_sub(item.len() + frame) else {
            break;
        };
        items.push_str(if items.is_empty() { open } else { ",\n" });
        items.push_str(&item);
        missing = left;
    }
    if !items.is_empty() {
        items.push_str(close);
    }
    let mut notes = String::new();
    for number in 0_u32.. {
        let frame = format!("        \"note_{number:02}\": \"\",\n").len();
        let Some(room) = missing.checked_sub(frame) else {
            break;
        };
        let chars = room.min(NOTE_CHARS_MAX);
        let mut note = String::with_capacity(chars + 16);
        while note.len() < chars {
            note.push_str(WORDS[random.usize(..WORDS.len())]);
            note.push(' ');
        }
        note.truncate(chars);
        notes.push_str(&format!("        \"note_{number:02}\": \"{note}\",\n"));
        missing = room - chars;
    }
    // White space at the end, if what is missing is shorter than a note's frame.
    let rest = " ".repeat(missing);
    format!("{before}{items}{SAMPLE_METADATA}{notes}{after}{rest}")
}

/// This number of deliveries, signed now.
pub(crate) fn deliveries(seed: u64, count: usize, mix: Mix) -> Deliveries {
    let mut random = Rng::with_seed(seed);
    let now_s = now_s();
    let mut made = Deliveries::default();
    let mut recent: Vec<String> = Vec::with_capacity(RECENT);
    for _ in 0..count {
        let (kind, event) = match recent.is_empty() {
            false if random.f64() < mix.duplicates => {
                let which = random.usize(..recent.len());
                (Kind::Duplicate, recent[which].clone())
            }
            _ if random.f64() < mix.forged => (Kind::Forged, id(&mut random, "evt_")),
            _ => (Kind::New, id(&mut random, "evt_")),
        };
        let body = match made.bodies.get(&event) {
            Some(body) => body.clone(),
            None => body(&mut random, &event, now_s, mix.bytes),
        };
        let secret = if kind == Kind::Forged {
            FORGERS_SECRET
        } else {
            SECRET
        };
        made.payloads
            .push(request(&body, &sign(body.as_bytes(), secret, now_s), now_s));
        if kind == Kind::New {
            if recent.len() == RECENT {
                recent.remove(0);
            }
            recent.push(event.clone());
            made.bodies.insert(event.clone(), body);
        }
        made.kinds.push((kind, event));
    }
    made
}

/// API Gateway's request, payload format 2.0.
fn request(body: &str, signature: &str, now_s: i64) -> Vec<u8> {
    let host = "abcdefghij.execute-api.eu-west-1.amazonaws.com";
    let agent = "Stripe/1.0 (+https://stripe.com/docs/webhooks)";
    let request = json!({
        "version": "2.0",
        "routeKey": "POST /webhooks/stripe",
        "rawPath": "/webhooks/stripe",
        "rawQueryString": "",
        "headers": {
            "accept": "*/*; q=0.5, application/xml",
            "cache-control": "no-cache",
            "content-length": body.len().to_string(),
            "content-type": "application/json; charset=utf-8",
            "host": host,
            "stripe-signature": signature,
            "user-agent": agent,
            "x-amzn-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
            "x-forwarded-for": "3.18.12.63",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdefghij",
            "domainName": host,
            "domainPrefix": "abcdefghij",
            "http": {
                "method": "POST",
                "path": "/webhooks/stripe",
                "protocol": "HTTP/1.1",
                "sourceIp": "3.18.12.63",
                "userAgent": agent,
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "POST /webhooks/stripe",
            "stage": "$default",
            "time": "10/Mar/2026:05:16:23 +0000",
            "timeEpoch": now_s * 1000,
        },
        "body": body,
        "isBase64Encoded": false,
    });
    request.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_json_of_the_size_that_was_asked_for() {
        for bytes in [2_100, 3_072, 20_000, 199_000] {
            let body = body(
                &mut Rng::with_seed(bytes as u64),
                "evt_1",
                1_764_000_000,
                bytes,
            );
            assert_eq!(body.len(), bytes);
            let event: Value = serde_json::from_str(&body).expect("JSON");
            assert_eq!(
                (&event["id"], &event["type"]),
                (&json!("evt_1"), &json!(KIND))
            );
            assert_eq!(event["created"], 1_764_000_000);
            assert!(event["data"]["object"]["metadata"]["order"].is_string());
            let (_, replaced) = sample();
            for old in replaced {
                assert!(!body.contains(&old), "{old}");
            }
        }
    }

    #[test]
    fn a_mix_has_new_repeated_and_forged_deliveries() {
        let mix = Mix {
            bytes: 2_500,
            duplicates: 0.2,
            forged: 0.1,
        };
        let made = deliveries(1, 500, mix);
        let count = |wanted| {
            made.kinds
                .iter()
                .filter(|(kind, _)| *kind == wanted)
                .count()
        };
        let (new, duplicates, forged) = (
            count(Kind::New),
            count(Kind::Duplicate),
            count(Kind::Forged),
        );
        assert_eq!(new, made.bodies.len());
        assert_eq!(new + duplicates + forged, 500);
        assert!(
            (70..130).contains(&duplicates) && (20..60).contains(&forged),
            "{duplicates} {forged}"
        );
        for (kind, event) in &made.kinds {
            assert_eq!(made.bodies.contains_key(event), *kind != Kind::Forged);
        }
    }
}
