//! Lambda's own events, as AWS hands them to the functions: HTTP API (payload 2.0), SQS, the sweep's schedule.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sluice_kernel::bus::detail;
use sluice_kernel::delivery::ledger::Arrival;
use sluice_stripe::event::parse_head;
use sluice_stripe_sim::body::written;
use sluice_stripe_sim::delivery::HttpApi;
use sluice_stripe_sim::delivery::http_api::{AWS_ACCOUNT, REGION, SAMPLE_SECRET};
use sluice_stripe_sim::iso;

/// The time from an event's creation to its signature, and to its arrival at `ingest`, in seconds.
const SIGNED_AFTER_S: i64 = 2;
const RECEIVED_AFTER_S: i64 = 3;

/// A card purchase, in an order that no domain may rely on.
const PURCHASE: [&str; 4] = [
    "charge.succeeded",
    "checkout.session.completed",
    "payment_intent.succeeded",
    "payment_intent.created",
];
/// The event among them whose body stayed in the ledger.
const POINTER: &str = "payment_intent.succeeded";

const LIFE: [&str; 3] = [
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
];

/// Every file of `lambda/`: its name without `.json`, and its bytes.
///
/// # Errors
/// When a sample that a file is made from is missing or isn't an event.
pub(crate) fn files(
    samples: &BTreeMap<String, Vec<u8>>,
) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let plain = HttpApi {
        endpoint: None,
        secret: SAMPLE_SECRET,
        t: 0,
        as_base64: false,
    };
    let as_base64 = HttpApi {
        as_base64: true,
        ..plain
    };
    let connect = HttpApi {
        endpoint: Some("connect"),
        ..plain
    };
    let http = |api: HttpApi<'_>, name: &str| {
        let body = body_of(samples, name)?;
        let t = created_s(name, body)? + SIGNED_AFTER_S;
        Ok::<_, String>(HttpApi { t, ..api }.event(body))
    };
    let all = |names: &[&str]| -> Result<Vec<String>, String> {
        let envelopes = names.iter().map(|name| envelope(samples, name));
        envelopes
            .map(|made| made.map(|one| one.to_string()))
            .collect()
    };
    let sent_s = |names: &[&str]| -> Result<i64, String> {
        let created = names
            .iter()
            .map(|name| created_s(name, body_of(samples, name)?));
        let last = created.collect::<Result<Vec<_>, _>>()?.into_iter().max();
        Ok(last.unwrap_or_default() + RECEIVED_AFTER_S + 1)
    };
    let good = envelope(samples, "charge.succeeded")?;
    let mut strange = good.clone();
    strange["detail"] = json!({ "hello": "world" });
    // One message that no bus wrote, one whose detail isn't an event, and a good one that they must not affect.
    let poison = [
        "{ this is not JSON".to_owned(),
        strange.to_string(),
        good.to_string(),
    ];
    let thin = "v1.billing.meter.error_report_triggered";
    let files = [
        ("http", http(plain, "checkout.session.completed")?),
        (
            "http.base64",
            http(as_base64, "customer.subscription.created")?,
        ),
        ("http.connect", http(connect, "account.updated")?),
        ("http.thin", http(plain, thin)?),
        // The event that runs `sweep` each minute: template.yaml gives the schedule this input.
        ("schedule", json!({})),
        (
            "sqs.payments",
            batch("sluice-payments", sent_s(&PURCHASE)?, &all(&PURCHASE)?),
        ),
        (
            "sqs.payments.poison",
            batch("sluice-payments", sent_s(&PURCHASE)?, &poison),
        ),
        (
            "sqs.subscriptions",
            batch("sluice-subscriptions", sent_s(&LIFE)?, &all(&LIFE)?),
        ),
    ];
    let written = |(name, event): (&str, Value)| (name.to_owned(), crate::ended(written(&event)));
    Ok(files.into_iter().map(written).collect())
}

fn body_of<'s>(samples: &'s BTreeMap<String, Vec<u8>>, name: &str) -> Result<&'s [u8], String> {
    let body = samples.get(name).map(Vec::as_slice);
    body.ok_or_else(|| format!("there is no sample {name}"))
}

fn created_s(name: &str, body: &[u8]) -> Result<i64, String> {
    let head = parse_head(body).map_err(|error| format!("{name}: {error}"))?;
    head.created
        .ok_or_else(|| format!("{name} doesn't say when it was made"))
}

/// What a rule of the bus puts on a queue: EventBridge's envelope around what `ingest` publishes of a sample.
fn envelope(samples: &BTreeMap<String, Vec<u8>>, name: &str) -> Result<Value, String> {
    let body = body_of(samples, name)?;
    let head = parse_head(body).map_err(|error| format!("{name}: {error}"))?;
    let id = head.id.clone().into_owned();
    let trace = hex(&format!("trace of {id}"));
    let received_at_ms = (created_s(name, body)? + RECEIVED_AFTER_S) * 1_000;
    let arrival = Arrival {
        head,
        endpoint: "platform",
        via: None,
        body,
        attempt: "",
        received_at_ms,
        lapses_at_ms: 0,
        expires_at_s: 0,
        traceparent: &format!("00-{}-{}-01", &trace[..32], &trace[32..48]),
        ledger_only: None,
    };
    let inline = (name != POINTER).then_some(body);
    let published = detail::outgoing(&arrival.origin(), inline);
    // Buses parse a detail and write it again.
    let detail: Value =
        serde_json::from_str(&published.detail).map_err(|error| format!("{name}: {error}"))?;
    let received_at = iso::written(received_at_ms);
    Ok(json!({
        "version": "0",
        "id": uuid(&format!("bus {id}")),
        "detail-type": published.detail_type,
        "source": published.source,
        "account": AWS_ACCOUNT,
        "time": received_at.replace(".000Z", "Z"),
        "region": REGION,
        "resources": [],
        "detail": detail,
    }))
}

/// A batch as the queue's event source mapping passes it to the function, sent in this second (Unix).
fn batch(queue: &str, sent_s: i64, bodies: &[String]) -> Value {
    let sent_ms = sent_s * 1_000;
    let record = |(number, body): (usize, &String)| {
        let receipt = format!("receipt handle {queue} {number}");
        json!({
            "messageId": uuid(&format!("{queue} {number}")),
            "receiptHandle": BASE64_STANDARD.encode(receipt),
            "body": body,
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": sent_ms.to_string(),
                "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": (sent_ms + 12).to_string(),
            },
            "messageAttributes": {},
            "md5OfBody": format!("{:x}", md5::compute(body)),
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:{REGION}:{AWS_ACCOUNT}:{queue}"),
            "awsRegion": REGION,
        })
    };
    let records: Vec<_> = bodies.iter().enumerate().map(record).collect();
    json!({ "Records": records })
}

/// 64 hexadecimal digits that depend on the name alone.
fn hex(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A version 4 UUID by form.
fn uuid(name: &str) -> String {
    let hex = hex(name);
    format!(
        "{}-{}-4{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}
