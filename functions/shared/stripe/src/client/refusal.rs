//! Answers that aren't the object, as faults.
//!
//! | Stripe answers | fault | |
//! |---|---|---|
//! | 429 | `Retry` `stripe.rate_limited` | after `Retry-After` |
//! | 5xx, 408, 409, 424, 425 | `Retry` `stripe.unavailable` | after `Retry-After`, if there is one |
//! | 401, 403 | `Retry` `stripe.key_refused` | for an operator: no such key, or it lacks a permission |
//! | 403 `account_invalid` | `Retry` `stripe.account_unreachable` | the account was disconnected, or the key belongs to another platform |
//! | anything else | `Reject` `stripe.request_refused` | the same request will be refused again |
//!
//! A cause has Stripe's codes and the request's id, by which support finds it. It never has the message, which may
//! quote a key.

use http::StatusCode;
use serde_json::Value;
use sluice_kernel::fault::{Class, Fault, Pace};

use super::wire::Answer;
use crate::code;

/// The longest word from Stripe that is quoted, in bytes.
const WORD_BYTES_MAX: usize = 64;

/// Whether Stripe says that there is no such object. A 404 without the code is about the path.
pub(super) fn is_missing(answer: &Answer) -> bool {
    answer.status == StatusCode::NOT_FOUND && code(answer).as_deref() == Some("resource_missing")
}

/// What an answer other than 200 means.
pub(super) fn fault(answer: &Answer) -> Fault {
    let code = code(answer);
    let cause = cause(answer, code.as_deref());
    let fault = match answer.status.as_u16() {
        429 => Fault::retry(code::STRIPE_RATE_LIMITED, cause).paced(Pace::Throttled),
        500.. | 408 | 409 | 424 | 425 => Fault::retry(code::STRIPE_UNAVAILABLE, cause),
        403 if code.as_deref() == Some("account_invalid") => {
            return Fault::retry(code::STRIPE_ACCOUNT_UNREACHABLE, cause);
        }
        401 | 403 => return Fault::retry(code::STRIPE_KEY_REFUSED, cause),
        _ => return Fault::reject(code::STRIPE_REQUEST_REFUSED, cause),
    };
    match answer.retry_after_ms() {
        Some(after_ms) => fault.with_delay(after_ms),
        None => fault,
    }
}

/// What such an answer means if a list was requested on behalf of an account.
pub(super) fn of_list(answer: &Answer, account: Option<&str>) -> Fault {
    let fault = fault(answer);
    // The request named no object, so the missing one is the account.
    match fault.class == Class::Reject && is_missing(answer) && account.is_some() {
        true => Fault::retry(code::STRIPE_ACCOUNT_UNREACHABLE, fault.cause),
        false => fault,
    }
}

fn code(answer: &Answer) -> Option<String> {
    word(&error(answer), "code")
}

fn error(answer: &Answer) -> Value {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    body.map_or(Value::Null, |mut body| body["error"].take())
}

fn cause(answer: &Answer, code: Option<&str>) -> String {
    let error = error(answer);
    let mut cause = format!("Stripe answered {}", answer.status.as_u16());
    let mut add = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            cause.push_str(&format!(", {name} {value}"));
        }
    };
    add("type", word(&error, "type").as_deref());
    add("code", code);
    add("param", word(&error, "param").as_deref());
    for name in ["stripe-rate-limited-reason", "request-id"] {
        let value = answer.header(name).filter(|value| is_word(value));
        add(name, value);
    }
    cause
}

fn word(error: &Value, field: &str) -> Option<String> {
    // An object of an unexpected shape has no words.
    let text = error.get(field)?.as_str()?;
    is_word(text).then(|| text.to_owned())
}

/// Codes, types and ids; not a sentence.
fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte);
    !text.is_empty() && text.len() <= WORD_BYTES_MAX && text.bytes().all(plain)
}
