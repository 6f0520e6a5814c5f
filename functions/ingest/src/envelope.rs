//! What Lambda passes in for a request to the HTTP API (payload format 2.0), parsed for the parts that ingest reads.
//!
//! [`lambda_http`]'s own parser keeps everything that a request might be asked for: each header, the query, the
//! caller's identity, a URL put together and parsed. Ingest reads the method, the path, the caller's address, two
//! headers and the body. So this parser reads just those, in one pass, into the same [`lambda_http::Request`]. The
//! tests compare the two; infra/docs/performance.md has what it saves.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::http::{HeaderValue, Method};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Context, Request, RequestExt, Response};
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The headers that ingest reads.
const HEADERS: [&str; 2] = ["stripe-signature", "traceparent"];

/// A request to the HTTP API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    #[serde(default)]
    raw_path: String,
    #[serde(default)]
    headers: Headers,
    request_context: OfRequest,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Debug, Deserialize)]
struct OfRequest {
    http: OfHttp,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfHttp {
    method: String,
    #[serde(default)]
    source_ip: Option<String>,
}

/// The headers of [`HEADERS`] that are present, each at its index there.
#[derive(Debug, Default)]
struct Headers([Option<String>; HEADERS.len()]);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Headers::default())
    }
}

impl<'de> Visitor<'de> for Headers {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of headers")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        // API Gateway writes names in lower case and a header that came twice as one; other callers may not.
        while let Some(name) = map.next_key::<Name>()? {
            match name {
                Name::Known(place) => self.0[place] = Some(map.next_value()?),
                Name::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(self)
    }
}

/// A header's name: its index in [`HEADERS`], if it has one.
enum Name {
    Known(usize),
    Other,
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(AnyName)
    }
}

struct AnyName;

impl Visitor<'_> for AnyName {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
        let place = HEADERS
            .iter()
            .position(|known| known.eq_ignore_ascii_case(name));
        Ok(place.map_or(Name::Other, Name::Known))
    }
}

/// Why an envelope isn't a request.
#[derive(Debug)]
pub struct NoRequest(&'static str);

impl fmt::Display for NoRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NoRequest {}

impl Envelope {
    /// The request, within this invocation.
    ///
    /// # Errors
    /// If API Gateway has written what it never writes: no method, or a `base64` body that can't be decoded.
    pub fn into_request(self, context: Context) -> Result<Request, NoRequest> {
        let body = match (self.body, self.is_base64_encoded) {
            (None, _) => Body::Empty,
            (Some(text), false) => Body::Text(text),
            (Some(base64), true) => {
                let bytes = STANDARD.decode(base64);
                Body::Binary(bytes.map_err(|_| NoRequest("the body isn't base64"))?)
            }
        };
        let of_http = self.request_context.http;
        let mut request = Request::new(body);
        *request.method_mut() = Method::from_bytes(of_http.method.as_bytes())
            .map_err(|_| NoRequest("the method isn't one"))?;
        for (name, value) in HEADERS.into_iter().zip(self.headers.0) {
            // A value that can't be a header's value counts as absent.
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                request.headers_mut().insert(name, value);
            }
        }
        let mut of_request = ApiGatewayV2httpRequestContext::default();
        of_request.http.source_ip = of_http.source_ip;
        Ok(request
            .with_raw_http_path(self.raw_path)
            .with_request_context(RequestContext::ApiGatewayV2(of_request))
            .with_lambda_context(context))
    }
}

/// A response in the HTTP API's form.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    status_code: u16,
    headers: BTreeMap<String, String>,
    body: String,
    is_base64_encoded: bool,
}

impl From<Response<Body>> for Reply {
    fn from(response: Response<Body>) -> Self {
        let headers = response.headers().iter().filter_map(|(name, value)| {
            let value = value.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        });
        Self {
            status_code: response.status().as_u16(),
            headers: headers.collect(),
            body: match response.into_body() {
                Body::Text(text) => text,
                // Ingest answers only in JSON.
                _ => String::new(),
            },
            is_base64_encoded: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The parts of a request that ingest reads.
    fn looked_at(
        request: &Request,
    ) -> (
        Method,
        String,
        Option<String>,
        Vec<Option<HeaderValue>>,
        Vec<u8>,
    ) {
        let source = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.clone(),
            _ => None,
        };
        (
            request.method().clone(),
            request.raw_http_path().to_owned(),
            source,
            HEADERS
                .map(|name| request.headers().get(name).cloned())
                .to_vec(),
            request.body().as_ref().to_vec(),
        )
    }

    fn request(envelope: &str) -> Request {
        let envelope: Envelope = serde_json::from_str(envelope).expect("an envelope");
        envelope
            .into_request(Context::default())
            .expect("a request")
    }

    #[test]
    fn a_request_is_read_as_lambda_http_reads_it() {
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/events/lambda");
        let mut seen = 0;
        for file in std::fs::read_dir(folder).expect("there").flatten() {
            if !file.file_name().to_string_lossy().starts_with("http.") {
                continue;
            }
            let envelope = std::fs::read_to_string(file.path()).expect("readable");
            let theirs = lambda_http::request::from_str(&envelope).expect("an HTTP API event");
            assert_eq!(
                looked_at(&request(&envelope)),
                looked_at(&theirs),
                "{file:?}"
            );
            seen += 1;
        }
        assert!(seen >= 4, "{seen} samples");
    }

    #[test]
    fn a_headers_name_may_be_in_any_case_and_what_is_missing_is_absent() {
        let mut envelope = json!({
            "headers": { "Stripe-Signature": "t=1", "TRACEPARENT": "00-a", "cookie": "x" },
            "requestContext": { "http": { "method": "GET" } },
        });
        let read = request(&envelope.to_string());
        assert_eq!(read.headers()["stripe-signature"], "t=1");
        assert_eq!(read.headers()["traceparent"], "00-a");
        assert_eq!((read.raw_http_path(), read.body().as_ref()), ("", &b""[..]));
        envelope["headers"]["stripe-signature"] = json!("t=1\n");
        assert!(
            !request(&envelope.to_string())
                .headers()
                .contains_key("stripe-signature")
        );
    }

    #[test]
    fn what_api_gateway_never_writes_is_refused_without_a_panic() {
        let envelope = |method: &str, body: &str| {
            json!({
                "requestContext": { "http": { "method": method } }, "body": body, "isBase64Encoded": true,
            })
        };
        for bad in [envelope("POST", "%"), envelope("a b", "")] {
            let envelope: Envelope = serde_json::from_value(bad).expect("an envelope");
            assert!(envelope.into_request(Context::default()).is_err());
        }
        assert!(serde_json::from_value::<Envelope>(json!({ "Records": [] })).is_err());
    }

    #[test]
    fn an_answer_is_written_as_the_http_api_wants_it() {
        let mut response = Response::new(Body::Text("{}".to_owned()));
        response
            .headers_mut()
            .insert("allow", HeaderValue::from_static("POST"));
        let reply: Value = serde_json::to_value(Reply::from(response)).expect("JSON");
        let expected = json!({ "statusCode": 200, "headers": { "allow": "POST" }, "body": "{}", "isBase64Encoded": false });
        assert_eq!(reply, expected);
    }
}
