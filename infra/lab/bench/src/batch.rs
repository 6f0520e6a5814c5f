//! Batches of messages as SQS hands them to a consumer. Each message is an event as EventBridge's rule put it into the
//! queue, with the metadata that ingest adds. Objects differ, so each message is one write.

use std::collections::HashMap;

use fastrand::Rng;
use serde_json::{Value, json};

use crate::delivery;

/// The new status of an intent: one that causes no effect, so that a message is a read and a write.
const STATUS: &str = "processing";

/// The type of every event.
const KIND: &str = "payment_intent.processing";

/// Batches in order, and the state that their objects have to get.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    /// SQS's payloads.
    pub(crate) payloads: Vec<Vec<u8>>,
    /// Object → its amount, in minor units.
    pub(crate) objects: HashMap<String, i64>,
}

/// The status that each object has to end with.
pub(crate) fn status() -> &'static str {
    STATUS
}

/// This number of batches, each with this number of messages about events of this number of bytes.
pub(crate) fn batches(seed: u64, count: usize, messages: usize, bytes: usize) -> Batches {
    let mut random = Rng::with_seed(seed);
    let now_s = delivery::now_s();
    let mut made = Batches::default();
    for _ in 0..count {
        let records = (0..messages).map(|_| message(&mut random, now_s, bytes, &mut made.objects));
        let payload = json!({ "Records": records.collect::<Vec<_>>() });
        made.payloads.push(payload.to_string().into_bytes());
    }
    made
}

fn message(
    random: &mut Rng,
    now_s: i64,
    bytes: usize,
    objects: &mut HashMap<String, i64>,
) -> Value {
    let event = delivery::id(random, "evt_");
    let body = delivery::body(random, &event, now_s, bytes)
        .replace(delivery::KIND, KIND)
        .replace(
            "\"status\": \"succeeded\"",
            &format!("\"status\": \"{STATUS}\""),
        );
    let mut detail: Value = serde_json::from_str(&body).unwrap_or_default();
    let object = &detail["data"]["object"];
    let amount = object["amount"].as_i64().unwrap_or_default();
    objects.insert(object["id"].as_str().unwrap_or_default().to_owned(), amount);
    detail["sluice"] = json!({
        "account": null,
        "endpoint": "platform",
        "livemode": false,
        "created": now_s,
        "received_at_ms": now_s * 1000 + 250,
        "traceparent": "00-5bef4de7ad49b0e87f6ef6c87fc2e700-9a9197af755a6419-00",
        "body": "inline",
    });
    let envelope = json!({
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": KIND,
        "source": "sluice.stripe",
        "account": "123456789012",
        "time": "2026-01-01T00:00:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": detail,
    });
    json!({
        "messageId": delivery::id(random, "059f36b4-"),
        "receiptHandle": delivery::id(random, "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a"),
        "body": envelope.to_string(),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": (now_s * 1000).to_string(),
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": (now_s * 1000).to_string(),
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:bench",
        "awsRegion": "eu-west-1",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_messages_about_objects_of_their_own() {
        let made = batches(1, 3, 10, 3_072);
        assert_eq!((made.payloads.len(), made.objects.len()), (3, 30));
        let payload: Value = serde_json::from_slice(&made.payloads[0]).expect("JSON");
        let text = payload["Records"][9]["body"].as_str().expect("a body");
        let body: Value = serde_json::from_str(text).expect("JSON");
        let object = &body["detail"]["data"]["object"];
        assert_eq!(
            (&body["detail-type"], &object["status"]),
            (&json!(KIND), &json!(STATUS))
        );
        assert!(
            made.objects
                .contains_key(object["id"].as_str().expect("an id"))
        );
    }
}
