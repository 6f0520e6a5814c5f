//! The SDK's HTTP client with the rules in front of it.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector,
    http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::{Value, json};

use super::{Act, Call, Rule, Rules, wait};

/// EventBridge's code for an entry that it couldn't accept by a fault of its own.
const ENTRY_ERROR: &str = "InternalFailure";

/// The client, with the rules applied to every call.
pub(super) fn wrap(inner: SharedHttpClient, rules: Rules) -> SharedHttpClient {
    http_client_fn(move |settings, components| {
        SharedHttpConnector::new(Connector {
            inner: inner.http_connector(settings, components),
            rules: rules.clone(),
        })
    })
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    rules: Rules,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, rules) = (self.inner.clone(), self.rules.clone());
        HttpConnectorFuture::new(async move {
            let operation = operation(&request);
            let judged = rules.judge(&Call {
                operation: &operation,
                body: request.body().bytes().unwrap_or_default(),
                is_first_try: is_first_try(&request),
            });
            let judged = judged.unwrap_or_else(|error| {
                eprintln!("the rules of faults can't be followed: {error}");
                std::process::abort()
            });
            match judged.first().map(|rule| rule.act) {
                None | Some(Act::Note) => inner.call(request).await,
                Some(Act::KillBefore) => std::process::abort(),
                Some(Act::KillAfter) => {
                    // With or without an answer, the call was sent.
                    let _ = inner.call(request).await;
                    std::process::abort()
                }
                Some(Act::DropBefore) => Err(broken()),
                Some(Act::DropAfter) => {
                    let _ = inner.call(request).await;
                    Err(broken())
                }
                Some(Act::Delay(ms)) => {
                    wait(ms).await;
                    inner.call(request).await
                }
                Some(Act::FailEntries(_)) if operation == "PutEvents" => {
                    refuse_entries(&inner, request, &judged).await
                }
                Some(Act::FailEntries(_)) => inner.call(request).await,
            }
        })
    }
}

/// The operation: what follows the last dot of the target, e.g. `DynamoDB_20120810.PutItem`.
fn operation(request: &HttpRequest) -> String {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default().to_owned()
}

/// The SDK says of each try which it is, e.g. `attempt=1; max=3`.
fn is_first_try(request: &HttpRequest) -> bool {
    let said = request.headers().get("amz-sdk-request").unwrap_or_default();
    said.split(';').any(|part| part.trim() == "attempt=1")
}

fn broken() -> ConnectorError {
    ConnectorError::io("the connection broke: a fault by rule".into())
}

/// Sends the entries that the rules don't refuse, and answers as EventBridge does when the others failed.
async fn refuse_entries(
    inner: &SharedHttpConnector,
    mut request: HttpRequest,
    rules: &[Rule],
) -> Result<HttpResponse, ConnectorError> {
    let mut call = json_of(request.body().bytes().unwrap_or_default())?;
    let entries = call["Entries"].take();
    let entries = entries.as_array().ok_or_else(unreadable)?;
    let numbered = entries.iter().enumerate();
    let refused: Vec<_> = numbered
        .map(|(n, entry)| {
            let entry = entry.to_string();
            rules.iter().any(|rule| match rule.act {
                Act::FailEntries(from) => n >= from && rule.is_about(entry.as_bytes()),
                _ => false,
            })
        })
        .collect();
    let left = entries
        .iter()
        .zip(&refused)
        .filter(|(_, refused)| !**refused);
    let left: Vec<_> = left.map(|(entry, _)| entry).collect();
    let (mut results, mut failed) = (Vec::new(), 0);
    if !left.is_empty() {
        call["Entries"] = json!(left);
        let body = call.to_string();
        let length = body.len().to_string();
        request.headers_mut().insert("content-length", length);
        *request.body_mut() = SdkBody::from(body);
        let mut response = inner.call(request).await?;
        let body = ByteStream::new(response.take_body());
        let body = body.collect().await;
        let body = body.map_err(|error| ConnectorError::io(error.into()))?;
        let body = body.to_vec();
        if !response.status().is_success() {
            *response.body_mut() = SdkBody::from(body);
            return Ok(response);
        }
        let answer = json_of(&body)?;
        failed = answer["FailedEntryCount"].as_u64().unwrap_or(0);
        results = answer["Entries"].as_array().cloned().unwrap_or_default();
    }
    let mut results = results.into_iter();
    let mut answers = Vec::with_capacity(entries.len());
    for refused in refused {
        if refused {
            failed += 1;
            answers.push(json!({ "ErrorCode": ENTRY_ERROR, "ErrorMessage": "a fault by rule" }));
        } else {
            answers.extend(results.next());
        }
    }
    let answer = json!({ "FailedEntryCount": failed, "Entries": answers });
    let ok = 200.try_into().map_err(|_| unreadable())?;
    Ok(HttpResponse::new(ok, SdkBody::from(answer.to_string())))
}

fn json_of(bytes: &[u8]) -> Result<Value, ConnectorError> {
    serde_json::from_slice(bytes).map_err(|_| unreadable())
}

fn unreadable() -> ConnectorError {
    ConnectorError::other("not a PutEvents call as expected".into(), None)
}
