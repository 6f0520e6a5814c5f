//! Signature vectors as lines of JSON: runs arbitrary cases through the same function that ingest uses.
//!
//! A vector is one line with an object:
//!
//! | Field | Type | Meaning |
//! |---|---|---|
//! | `name` | string | repeated in the answer |
//! | `secrets` | array of strings | the endpoint's secrets, in any order |
//! | `header_null` | boolean, optional | `true`: the delivery has no `Stripe-Signature` header |
//! | `header_b64` | string | the header's bytes in base64; ignored if `header_null` is `true` |
//! | `body_b64` | string | the body's bytes in base64 |
//! | `now` | integer | the time of the check, in unix seconds |
//! | `tolerance` | integer, optional | in seconds; 300 if absent or null |
//!
//! and its answer is one line, `{"name":"…","verdict":"ok"}` or with a [`Refusal`](crate::signature::Refusal)'s code as the verdict. Base64 is the
//! standard alphabet, with or without padding. Other fields are ignored, so a vector can carry what it expects.
//!
//! A tolerance outside [`Tolerance`]'s range still gets an answer, since the line itself is valid. Above
//! [`Tolerance::SECONDS_MAX`] it counts as that maximum. Below 1 the verdict is `tolerance.out_of_range` for any
//! signature: some libraries read 0 as "off", which doesn't exist here.

#[cfg(test)]
mod tests;

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value, json};

use crate::code::{self, Code};
use crate::signature::{self, Tolerance, ToleranceOutOfRange};

/// The verdict on a delivery that verifies; every other verdict is a code with a full stop in it.
pub const VERDICT_OK: &str = "ok";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Answers one vector with one line of JSON, without a line break at its end.
///
/// # Errors
/// [`BadLine`] if the line is not a vector: it names the field and what is wrong with it.
pub fn answer_line(line: &str) -> Result<String, BadLine> {
    let vector = Vector::read(line)?;
    Ok(json!({ "name": vector.name, "verdict": vector.verdict() }).to_string())
}

/// One case.
struct Vector {
    name: String,
    secrets: Vec<String>,
    header: Option<Vec<u8>>,
    body: Vec<u8>,
    now_s: i64,
    tolerance: Result<Tolerance, ToleranceOutOfRange>,
}

impl Vector {
    fn read(line: &str) -> Result<Self, BadLine> {
        let value: Value =
            serde_json::from_str(line).map_err(|error| BadLine(format!("not JSON: {error}")))?;
        let Value::Object(fields) = value else {
            return Err(BadLine("not a JSON object".to_owned()));
        };
        Ok(Self {
            name: text(&fields, "name")?.to_owned(),
            secrets: secrets(&fields)?,
            header: header(&fields)?,
            body: bytes(&fields, "body_b64")?,
            now_s: present(&fields, "now")?
                .as_i64()
                .ok_or_else(|| wrong("now", "an integer of 64 bits"))?,
            tolerance: tolerance(&fields)?,
        })
    }

    fn verdict(&self) -> &'static str {
        let Ok(tolerance) = self.tolerance else {
            return ToleranceOutOfRange::CODE.as_str();
        };
        signature::verify(
            &self.body,
            self.header.as_deref(),
            &self.secrets,
            self.now_s,
            tolerance,
        )
        .map_or_else(|refusal| refusal.code().as_str(), |_| VERDICT_OK)
    }
}

fn secrets(fields: &Map<String, Value>) -> Result<Vec<String>, BadLine> {
    let wrong_secrets = || wrong("secrets", "an array of strings");
    let values = present(fields, "secrets")?
        .as_array()
        .ok_or_else(wrong_secrets)?;
    values
        .iter()
        .map(|secret| secret.as_str().map(str::to_owned).ok_or_else(wrong_secrets))
        .collect()
}

fn header(fields: &Map<String, Value>) -> Result<Option<Vec<u8>>, BadLine> {
    let header_null = match fields.get("header_null") {
        None | Some(Value::Null) => false,
        Some(value) => value
            .as_bool()
            .ok_or_else(|| wrong("header_null", "a boolean"))?,
    };
    if header_null {
        Ok(None)
    } else {
        bytes(fields, "header_b64").map(Some)
    }
}

fn tolerance(
    fields: &Map<String, Value>,
) -> Result<Result<Tolerance, ToleranceOutOfRange>, BadLine> {
    let value = match fields.get("tolerance") {
        None | Some(Value::Null) => return Ok(Ok(Tolerance::default())),
        Some(value) => value,
    };
    let seconds = match (value.as_u64(), value.as_i64()) {
        (Some(seconds), _) => u32::try_from(seconds)
            .unwrap_or(u32::MAX)
            .min(Tolerance::SECONDS_MAX),
        // Negative: out of range like 0.
        (None, Some(_)) => 0,
        (None, None) => return Err(wrong("tolerance", "an integer of 64 bits")),
    };
    Ok(Tolerance::seconds(seconds))
}

fn present<'a>(fields: &'a Map<String, Value>, field: &'static str) -> Result<&'a Value, BadLine> {
    fields
        .get(field)
        .ok_or_else(|| BadLine(format!("`{field}` is missing")))
}

fn text<'a>(fields: &'a Map<String, Value>, field: &'static str) -> Result<&'a str, BadLine> {
    present(fields, field)?
        .as_str()
        .ok_or_else(|| wrong(field, "a string"))
}

fn bytes(fields: &Map<String, Value>, field: &'static str) -> Result<Vec<u8>, BadLine> {
    BASE64
        .decode(text(fields, field)?)
        .map_err(|error| BadLine(format!("`{field}` is not base64: {error}")))
}

fn wrong(field: &'static str, expected: &str) -> BadLine {
    BadLine(format!("`{field}` is not {expected}"))
}

/// A line that isn't a vector. Its text names the field and the problem; it never repeats a value, which may be a
/// secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine(String);

impl BadLine {
    /// The stable code of this fault.
    pub const CODE: Code = code::VECTOR_UNREADABLE;
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadLine {}
