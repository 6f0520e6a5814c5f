//! A lower bound, not a function to deploy: what verify, claim, publish and mark take if nothing is between them and
//! the kernel. It has one thread, blocking sockets, and signs by hand.
//!
//! Don't write a function like this. A call isn't repeated and has no time limit. A connection that AWS closes is an
//! error. Credentials are read once. It knows only one endpoint for all of AWS, and only as much HTTP as this needs.

mod aws;
mod http;

use std::borrow::Cow;
use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::Sha256;

use aws::{Access, Service};
use http::Connection;

/// Any error that ends an invocation.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const TOLERANCE_S: u64 = 300;
const WEEK_S: u64 = 7 * 86_400;

struct Function<'a> {
    dynamodb: Service<'a>,
    eventbridge: Service<'a>,
    table: String,
    bus: String,
    secret: String,
}

/// The part of API Gateway's request that is read.
#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    headers: Headers<'a>,
    /// The text as it came: in a published document it is the same JSON string.
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Deserialize)]
struct Headers<'a> {
    #[serde(borrow, rename = "stripe-signature", default)]
    signature: Cow<'a, str>,
}

/// The part of an event that is read. Borrowed text has no escapes, so it can be put between quotes as it is.
#[derive(Deserialize)]
struct Event<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
}

fn now_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

fn is_signed(secret: &str, header: &str, payload: &[u8]) -> Result<bool> {
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
    let is_this = |signature: &str| {
        let mut bytes = [0; 32];
        let decoded = hex::decode_to_slice(signature, &mut bytes);
        decoded.is_ok() && mac.clone().verify_slice(&bytes).is_ok()
    };
    Ok(pairs().any(|(name, signature)| name == "v1" && is_this(signature)))
}

impl Function<'_> {
    fn handle(&mut self, payload: &[u8]) -> Result<(u16, &'static str)> {
        let request: Request<'_> = serde_json::from_slice(payload)?;
        let literal = request.body.get();
        let body: Cow<'_, str> = serde_json::from_str(literal)?;
        if !is_signed(&self.secret, &request.headers.signature, body.as_bytes())? {
            return Ok((400, "bad signature"));
        }
        let Event { id, kind } = serde_json::from_str(&body)?;
        let (table, bus) = (&self.table, &self.bus);

        let expires = now_s() + WEEK_S;
        let claim = format!(
            r#"{{"TableName":"{table}","Item":{{"id":{{"S":"{id}"}},"status":{{"S":"claimed"}},"expires":{{"N":"{expires}"}}}},"ConditionExpression":"attribute_not_exists(id)"}}"#
        );
        let (status, answer) = self.dynamodb.call("PutItem", claim.as_bytes())?;
        if status != 200 && answer.contains("ConditionalCheckFailedException") {
            return Ok((200, "duplicate"));
        }
        taken(status == 200, answer)?;

        let publish = format!(
            r#"{{"Entries":[{{"EventBusName":"{bus}","Source":"stripe","DetailType":"{kind}","Detail":{literal}}}]}}"#
        );
        let (status, answer) = self.eventbridge.call("PutEvents", publish.as_bytes())?;
        taken(
            status == 200 && answer.contains(r#""FailedEntryCount":0"#),
            answer,
        )?;

        let mark = format!(
            r##"{{"TableName":"{table}","Key":{{"id":{{"S":"{id}"}}}},"UpdateExpression":"SET #status = :published","ExpressionAttributeNames":{{"#status":"status"}},"ExpressionAttributeValues":{{":published":{{"S":"published"}}}}}}"##
        );
        let (status, answer) = self.dynamodb.call("UpdateItem", mark.as_bytes())?;
        taken(status == 200, answer)?;
        Ok((200, "ok"))
    }
}

/// AWS's answer, as an error if AWS hasn't done what was asked.
fn taken(is_taken: bool, answer: &str) -> Result<()> {
    match is_taken {
        true => Ok(()),
        false => Err(answer.into()),
    }
}

/// Takes one invocation after the other, for as long as the Runtime API has any.
fn main() -> Result<()> {
    let access = Access::of_environment()?;
    let mut function = Function {
        dynamodb: Service::open(&access, aws::DYNAMODB)?,
        eventbridge: Service::open(&access, aws::EVENTBRIDGE)?,
        table: std::env::var("TABLE_NAME")?,
        bus: std::env::var("EVENT_BUS_NAME")?,
        secret: std::env::var("STRIPE_WEBHOOK_SECRET")?,
    };
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API")?;
    let mut runtime = Connection::open(&api)?;
    let path = "/2018-06-01/runtime/invocation";
    let poll = format!("GET {path}/next HTTP/1.1\r\nHost: {api}\r\n\r\n");
    let mut request = Vec::new();
    loop {
        let next = runtime.exchange(poll.as_bytes())?;
        let id = next.header("lambda-runtime-aws-request-id");
        let id = id.ok_or("an invocation has no id")?;
        let (end, answer) = match function.handle(next.body) {
            Ok((status, body)) => (
                "response",
                serde_json::json!({ "statusCode": status, "body": body }),
            ),
            Err(error) => (
                "error",
                serde_json::json!({ "errorType": "Error", "errorMessage": error.to_string() }),
            ),
        };
        let answer = answer.to_string();
        request.clear();
        write!(
            request,
            "POST {path}/{id}/{end} HTTP/1.1\r\nHost: {api}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{answer}",
            answer.len()
        )?;
        runtime.exchange(&request)?;
    }
}
