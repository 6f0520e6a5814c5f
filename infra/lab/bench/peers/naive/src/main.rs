//! A webhook function that takes an afternoon to write: verify, claim with a conditional put, publish, mark. Nothing is
//! tuned. It loses an event if it dies between claim and publish; functions of this kind do.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use hmac::{Hmac, KeyInit, Mac};
use lambda_http::{Body, Error, Request, Response, run, service_fn, tracing};
use serde_json::Value;
use sha2::Sha256;

const TOLERANCE_S: u64 = 300;
const WEEK_S: u64 = 7 * 86_400;

struct Function {
    dynamodb: aws_sdk_dynamodb::Client,
    eventbridge: aws_sdk_eventbridge::Client,
    table: String,
    bus: String,
    secret: String,
}

fn now_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

fn is_signed(secret: &str, header: &str, payload: &[u8]) -> bool {
    let pairs = || {
        header
            .split(',')
            .filter_map(|part| part.trim().split_once('='))
    };
    let Some((_, time)) = pairs().find(|(name, _)| *name == "t") else {
        return false;
    };
    if !time
        .parse::<u64>()
        .is_ok_and(|time| now_s().abs_diff(time) <= TOLERANCE_S)
    {
        return false;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(payload);
    pairs()
        .filter(|(name, _)| *name == "v1")
        .filter_map(|(_, signature)| hex::decode(signature).ok())
        .any(|signature| mac.clone().verify_slice(&signature).is_ok())
}

fn answer(status: u16, text: &str) -> Result<Response<Body>, Error> {
    Ok(Response::builder().status(status).body(text.into())?)
}

async fn handle(function: &Function, request: Request) -> Result<Response<Body>, Error> {
    let payload: &[u8] = request.body().as_ref();
    let header = request
        .headers()
        .get("stripe-signature")
        .and_then(|value| value.to_str().ok());
    if !is_signed(&function.secret, header.unwrap_or_default(), payload) {
        return answer(400, "bad signature");
    }
    let event: Value = serde_json::from_slice(payload)?;
    let id = event["id"].as_str().ok_or("the event has no id")?;
    let kind = event["type"].as_str().ok_or("the event has no type")?;

    let claim = function
        .dynamodb
        .put_item()
        .table_name(&function.table)
        .item("id", AttributeValue::S(id.to_owned()))
        .item("status", AttributeValue::S("claimed".to_owned()))
        .item("expires", AttributeValue::N((now_s() + WEEK_S).to_string()))
        .condition_expression("attribute_not_exists(id)")
        .send()
        .await;
    if let Err(error) = claim {
        let error = error.into_service_error();
        if error.is_conditional_check_failed_exception() {
            return answer(200, "duplicate");
        }
        return Err(error.into());
    }

    let entry = PutEventsRequestEntry::builder()
        .event_bus_name(&function.bus)
        .source("stripe")
        .detail_type(kind)
        .detail(event.to_string())
        .build();
    let output = function
        .eventbridge
        .put_events()
        .entries(entry)
        .send()
        .await?;
    if output.failed_entry_count() > 0 {
        return Err("the bus has not taken the event".into());
    }

    function
        .dynamodb
        .update_item()
        .table_name(&function.table)
        .key("id", AttributeValue::S(id.to_owned()))
        .update_expression("SET #status = :published")
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":published", AttributeValue::S("published".to_owned()))
        .send()
        .await?;
    tracing::info!(id, kind, "published");
    answer(200, "ok")
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let function = Function {
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        eventbridge: aws_sdk_eventbridge::Client::new(&config),
        table: std::env::var("TABLE_NAME")?,
        bus: std::env::var("EVENT_BUS_NAME")?,
        secret: std::env::var("STRIPE_WEBHOOK_SECRET")?,
    };
    let function = &function;
    run(service_fn(move |request| handle(function, request))).await
}
