//! A lower bound, not a function to deploy: verify, claim, publish and mark as the naive peer does, with the AWS SDK
//! trimmed to what these need. It has one thread, credentials as Lambda gives them and one TLS stack; it logs nothing
//! and passes the body on as it came. What Sluice takes beyond this pays for what it does beyond this: it keeps each
//! body, compressed, publishes what was claimed and not published, and logs what it did.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::{BehaviorVersion, IdentityCache, StalledStreamProtectionConfig};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_http_client::{Builder, tls};
use aws_types::SdkConfig;
use aws_types::region::Region;
use hmac::{Hmac, KeyInit, Mac};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::{Deserialize, Serialize};
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

/// The part of API Gateway's request that is read.
#[derive(Deserialize)]
struct Request {
    headers: Headers,
    body: String,
}

#[derive(Deserialize)]
struct Headers {
    #[serde(rename = "stripe-signature", default)]
    signature: String,
}

/// The part of an event that is read.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

#[derive(Serialize)]
struct Answer {
    #[serde(rename = "statusCode")]
    status: u16,
    body: &'static str,
}

fn now_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

fn is_signed(secret: &str, header: &str, payload: &[u8]) -> Result<bool, Error> {
    let pairs = || header.split(',').filter_map(|part| part.split_once('='));
    let time = pairs().find(|(name, _)| *name == "t").map(|(_, time)| time);
    let time = time.unwrap_or_default();
    let is_recent = |then: u64| now_s().abs_diff(then) <= TOLERANCE_S;
    if !time.parse().is_ok_and(is_recent) {
        return Ok(false);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(payload);
    Ok(pairs()
        .filter(|(name, _)| *name == "v1")
        .filter_map(|(_, signature)| hex::decode(signature).ok())
        .any(|signature| mac.clone().verify_slice(&signature).is_ok()))
}

async fn handle(function: &Function, invocation: LambdaEvent<Request>) -> Result<Answer, Error> {
    let answer = |status, body| Ok(Answer { status, body });
    let Request { headers, body } = invocation.payload;
    if !is_signed(&function.secret, &headers.signature, body.as_bytes())? {
        return answer(400, "bad signature");
    }
    let event: Event<'_> = serde_json::from_str(&body)?;
    let (id, kind) = (event.id.into_owned(), event.kind.into_owned());

    let expires = (now_s() + WEEK_S).to_string();
    let claim = function
        .dynamodb
        .put_item()
        .table_name(&function.table)
        .item("id", AttributeValue::S(id.clone()))
        .item("status", AttributeValue::S("claimed".to_owned()))
        .item("expires", AttributeValue::N(expires))
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
        .detail(body)
        .build();
    let output = function.eventbridge.put_events().entries(entry);
    if output.send().await?.failed_entry_count() > 0 {
        return Err("the bus has not taken the event".into());
    }

    function
        .dynamodb
        .update_item()
        .table_name(&function.table)
        .key("id", AttributeValue::S(id))
        .update_expression("SET #status = :published")
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":published", AttributeValue::S("published".to_owned()))
        .send()
        .await?;
    answer(200, "ok")
}

fn sdk_config() -> Result<SdkConfig, Error> {
    let variable = |name| std::env::var(name);
    let credentials = Credentials::new(
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
        variable("AWS_SESSION_TOKEN").ok(),
        None,
        "environment",
    );
    let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .identity_cache(IdentityCache::no_cache())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(Builder::new().tls_provider(ring).build_https())
        .region(Region::new(variable("AWS_REGION")?));
    config.set_endpoint_url(variable("AWS_ENDPOINT_URL").ok());
    Ok(config.build())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = sdk_config()?;
    let function = Function {
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        eventbridge: aws_sdk_eventbridge::Client::new(&config),
        table: std::env::var("TABLE_NAME")?,
        bus: std::env::var("EVENT_BUS_NAME")?,
        secret: std::env::var("STRIPE_WEBHOOK_SECRET")?,
    };
    let function = &function;
    run(service_fn(move |invocation| handle(function, invocation))).await
}
