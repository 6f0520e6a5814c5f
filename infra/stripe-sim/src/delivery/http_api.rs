//! A delivery as it reaches a function: behind API Gateway's HTTP API (payload 2.0).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sluice_stripe::signature::sign;
use time::OffsetDateTime;
use time::format_description::parse_borrowed;

/// The Region of every sample.
pub const REGION: &str = "us-east-1";
/// The AWS account of every sample.
pub const AWS_ACCOUNT: &str = "123456789012";
const API_ID: &str = "a1b2c3d4e5";
const AGENT: &str = "Stripe/1.0 (+https://stripe.com/docs/webhooks)";
/// One of the addresses that Stripe sends webhooks from.
const SOURCE: &str = "3.18.12.63";

/// The secret that signs the stored samples; it protects nothing.
pub const SAMPLE_SECRET: &str = "whsec_SluiceSampleSecretForTestsOnly";

/// A webhook as Lambda gets it from API Gateway.
#[derive(Debug, Clone, Copy)]
pub struct HttpApi<'a> {
    /// The endpoint in the path `/webhooks/stripe/<endpoint>`; the path is `/webhooks/stripe` if `None`.
    pub endpoint: Option<&'a str>,
    /// The signing secret, `whsec_…`.
    pub secret: &'a str,
    /// When it was signed, in Unix seconds.
    pub t: i64,
    /// Whether the body is base64-encoded; a body that isn't UTF-8 always is.
    pub as_base64: bool,
}

impl HttpApi<'_> {
    /// The event of a function's invocation. It depends only on the arguments.
    #[must_use]
    pub fn event(&self, body: &[u8]) -> Value {
        let mut path = "/webhooks/stripe".to_owned();
        let mut route = format!("ANY {path}");
        if let Some(endpoint) = self.endpoint {
            path = format!("{path}/{endpoint}");
            route.push_str("/{endpoint}");
        }
        let text = (!self.as_base64)
            .then(|| str::from_utf8(body).ok())
            .flatten();
        let host = format!("{API_ID}.execute-api.{REGION}.amazonaws.com");
        let signature = sign(body, self.secret, self.t);
        // Two deliveries differ in their signatures, so their ids differ.
        let unique = signature.rsplit('=').next().unwrap_or_default();
        let mut event = json!({
            "version": "2.0",
            "routeKey": route,
            "rawPath": path,
            "rawQueryString": "",
            "headers": {
                "accept": "*/*; q=0.5, application/xml",
                "cache-control": "no-cache",
                "content-length": body.len().to_string(),
                "content-type": "application/json; charset=utf-8",
                "host": host,
                "stripe-signature": signature,
                "user-agent": AGENT,
                "x-amzn-trace-id": format!("Root=1-{:08x}-{}", self.t, &unique[..24]),
                "x-forwarded-for": SOURCE,
                "x-forwarded-port": "443",
                "x-forwarded-proto": "https",
            },
            "requestContext": {
                "accountId": AWS_ACCOUNT,
                "apiId": API_ID,
                "domainName": host,
                "domainPrefix": API_ID,
                "http": {
                    "method": "POST",
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": SOURCE,
                    "userAgent": AGENT,
                },
                "requestId": format!("{}=", &unique[..15]),
                "routeKey": route,
                "stage": "$default",
                "time": clock(self.t),
                "timeEpoch": self.t * 1_000 + 250,
            },
            "body": text.map_or_else(|| BASE64_STANDARD.encode(body), str::to_owned),
            "isBase64Encoded": text.is_none(),
        });
        if let Some(endpoint) = self.endpoint {
            event["pathParameters"] = json!({ "endpoint": endpoint });
        }
        event
    }
}

/// As access logs write a second (Unix): `05/Jan/2026:09:00:45 +0000`.
fn clock(t: i64) -> String {
    let format = "[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000";
    let format = parse_borrowed::<2>(format).unwrap_or_default();
    let time = OffsetDateTime::from_unix_timestamp(t).ok();
    time.and_then(|time| time.format(&format).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: HttpApi<'_> = HttpApi {
        endpoint: None,
        secret: "whsec_1",
        t: 1_767_603_645,
        as_base64: false,
    };

    #[test]
    fn a_webhook_carries_its_body_and_a_signature_over_it() {
        let event = PLAIN.event(b"{\"a\":1}");
        assert_eq!(event["body"], "{\"a\":1}");
        assert_eq!(event["isBase64Encoded"], false);
        assert_eq!(event["rawPath"], "/webhooks/stripe");
        let expected = sign(b"{\"a\":1}", "whsec_1", PLAIN.t);
        assert_eq!(event["headers"]["stripe-signature"], expected);
        let context = &event["requestContext"];
        assert_eq!(context["time"], "05/Jan/2026:09:00:45 +0000");
    }

    #[test]
    fn an_endpoint_is_named_in_the_path_and_what_is_no_text_comes_as_base64() {
        let named = HttpApi {
            endpoint: Some("connect"),
            ..PLAIN
        };
        let event = named.event(b"\xff");
        assert_eq!(event["rawPath"], "/webhooks/stripe/connect");
        assert_eq!(event["pathParameters"]["endpoint"], "connect");
        let context = &event["requestContext"];
        assert_eq!(context["routeKey"], "ANY /webhooks/stripe/{endpoint}");
        assert_eq!(event["body"], "/w==");
        assert_eq!(event["isBase64Encoded"], true);
    }
}
