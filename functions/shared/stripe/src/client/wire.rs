//! One request and its answer: TLS, connections, time, size.

use std::error::Error;
use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{DATE, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value;
use sluice_kernel::fault::Fault;

use super::{CONNECT_TIMEOUT, RETRY_AFTER_MS_MAX};

use crate::code;

/// Connections unused for longer are closed: Stripe keeps them for longer than this.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a request is sent at most: a second time if the connection turns out to be dead.
const SENDINGS_MAX: u32 = 2;

type Http = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// Requests to one host.
pub(super) struct Wire {
    base: Uri,
    answer_bytes_max: usize,
    ticks_ms: fn() -> u64,
    /// Made for the first request: reading the root certificates takes milliseconds that most starts can save.
    http: OnceLock<Http>,
}

/// An answer with any status.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    /// The time from before the first sending until the answer's head arrived.
    pub(super) took_ms: u32,
    headers: HeaderMap,
}

/// Why there is no answer.
enum Lost {
    /// The connection broke, or was already dead: another may work.
    Connection(String),
    /// Another connection won't help.
    Else(Fault),
}

impl Wire {
    /// Sends requests to this base: `https://host[:port]`, or `http://` with a loopback host.
    pub(super) fn new(
        base: &str,
        answer_bytes_max: usize,
        ticks_ms: fn() -> u64,
    ) -> Result<Self, Fault> {
        let bad = |why: &str| Fault::init(code::STRIPE_BAD_BASE, format!("Stripe's address {why}"));
        let base: Uri = base.parse().map_err(|_| bad("isn't a URL"))?;
        if base.path() != "/" && !base.path().is_empty() || base.query().is_some() {
            return Err(bad("has a path"));
        }
        let authority = base.authority().ok_or_else(|| bad("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("has a user"));
        }
        let allowed = match base.scheme_str() {
            Some("https") => true,
            Some("http") => is_loopback(authority.host()),
            _ => false,
        };
        if !allowed {
            return Err(bad(
                "must begin with https:// unless it is a loopback address",
            ));
        }
        Ok(Self {
            base,
            answer_bytes_max,
            ticks_ms,
            http: OnceLock::new(),
        })
    }

    /// Sends a request and reads the whole answer. The caller bounds the time.
    pub(super) async fn get(&self, target: &str, headers: HeaderMap) -> Result<Answer, Fault> {
        let started_ms = (self.ticks_ms)();
        let mut sendings = 0;
        loop {
            sendings += 1;
            match self.send(target, &headers, started_ms).await {
                Ok(answer) => return Ok(answer),
                Err(Lost::Else(fault)) => return Err(fault),
                Err(Lost::Connection(_)) if sendings < SENDINGS_MAX => {}
                Err(Lost::Connection(why)) => {
                    return Err(Fault::retry(
                        code::STRIPE_UNAVAILABLE,
                        format!("the connection broke: {why}"),
                    ));
                }
            }
        }
    }

    async fn send(
        &self,
        target: &str,
        headers: &HeaderMap,
        started_ms: u64,
    ) -> Result<Answer, Lost> {
        let request = self.request(target, headers).map_err(Lost::Else)?;
        let http = self.http().map_err(Lost::Else)?;
        let answer = http.request(request).await.map_err(|error| {
            let why = innermost(&error);
            if error.is_connect() {
                Lost::Else(Fault::retry(
                    code::STRIPE_UNAVAILABLE,
                    format!("no connection: {why}"),
                ))
            } else {
                Lost::Connection(why)
            }
        })?;
        let took_ms = (self.ticks_ms)().saturating_sub(started_ms);
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, self.answer_bytes_max).collect().await;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                let cause = format!("the answer has more than {} bytes", self.answer_bytes_max);
                Lost::Else(Fault::reject(code::STRIPE_ANSWER_TOO_LARGE, cause))
            } else {
                Lost::Connection(innermost(&*error))
            }
        })?;
        Ok(Answer {
            status: head.status,
            body: body.to_bytes(),
            took_ms: u32::try_from(took_ms).unwrap_or(u32::MAX),
            headers: head.headers,
        })
    }

    fn request(&self, target: &str, headers: &HeaderMap) -> Result<Request<Empty<Bytes>>, Fault> {
        let bad = || {
            Fault::reject(
                code::STRIPE_BAD_REFERENCE,
                "the object has no path that can be asked",
            )
        };
        let mut parts = self.base.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(target).map_err(|_| bad())?);
        let uri = Uri::from_parts(parts).map_err(|_| bad())?;
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri;
        *request.headers_mut() = headers.clone();
        let agent = HeaderValue::from_static(concat!("sluice/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(USER_AGENT, agent);
        Ok(request)
    }

    fn http(&self) -> Result<&Http, Fault> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| {
                let cause = format!("no root certificates: {}", innermost(&error));
                Fault::retry(code::STRIPE_UNAVAILABLE, cause)
            })?;
        let tls = if self.base.scheme() == Some(&Scheme::HTTPS) {
            tls.https_only()
        } else {
            tls.https_or_http()
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(1)
            .build(tls.enable_http1().wrap_connector(tcp));
        Ok(self.http.get_or_init(|| http))
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The API version that the answer is in.
    pub(super) fn api_version(&self) -> Option<&str> {
        self.header("stripe-version")
    }

    /// Stripe's time.
    pub(super) fn date_s(&self) -> Result<i64, Fault> {
        let date = self.header(DATE.as_str()).and_then(unix_s);
        date.ok_or_else(|| Fault::retry(code::STRIPE_ANSWER_UNREADABLE, "the answer has no Date"))
    }

    /// `Retry-After`, in seconds or as a date.
    pub(super) fn retry_after_ms(&self) -> Option<u64> {
        let text = self.header(RETRY_AFTER.as_str())?.trim();
        let seconds = match text.parse::<u64>() {
            Ok(seconds) => seconds,
            Err(_) => u64::try_from(unix_s(text)? - self.date_s().ok()?).unwrap_or(0),
        };
        Some(seconds.saturating_mul(1_000).min(RETRY_AFTER_MS_MAX))
    }

    pub(super) fn json(&self) -> Result<Value, Fault> {
        let value: Option<Value> = serde_json::from_slice(&self.body).ok();
        value.filter(Value::is_object).ok_or_else(|| {
            Fault::retry(
                code::STRIPE_ANSWER_UNREADABLE,
                "the answer isn't a JSON object",
            )
        })
    }
}

/// An HTTP date in Unix seconds.
fn unix_s(date: &str) -> Option<i64> {
    let since = httpdate::parse_http_date(date)
        .ok()?
        .duration_since(UNIX_EPOCH);
    i64::try_from(since.ok()?.as_secs()).ok()
}

fn is_loopback(host: &str) -> bool {
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// The first cause of an error: what the system or TLS said. It contains nothing of the request.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad_base(base: &str) -> Option<String> {
        let fault = Wire::new(base, 1, || 0).err()?;
        assert_eq!(fault.code, "stripe.bad_base");
        Some(fault.cause)
    }

    #[test]
    fn a_key_is_only_ever_sent_over_tls_or_to_this_machine() {
        for base in [
            "https://api.stripe.com",
            "https://api.stripe.com/",
            "http://127.0.0.1:4570",
            "http://[::1]:4570",
            "http://localhost:4570",
        ] {
            assert_eq!(bad_base(base), None, "{base}");
        }
        for base in [
            "http://api.stripe.com",
            "http://127.0.0.1.evil.example",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "https://user@api.stripe.com",
            "https://api.stripe.com/v1",
            "https://api.stripe.com?a=b",
            "api.stripe.com",
            "/v1",
            "",
        ] {
            assert!(bad_base(base).is_some(), "{base}");
        }
    }

    fn answer(headers: &[(&'static str, &str)]) -> Answer {
        let headers = headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).expect("a header's text");
            (http::HeaderName::from_static(name), value)
        });
        Answer {
            status: StatusCode::OK,
            body: Bytes::new(),
            took_ms: 0,
            headers: headers.collect(),
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date_and_is_bounded() {
        let date = ("date", "Mon, 05 Jan 2026 09:00:00 GMT");
        for (text, expected) in [
            ("0", Some(0)),
            ("3", Some(3_000)),
            ("99999999999999999999", None),
            ("100000", Some(RETRY_AFTER_MS_MAX)),
            ("Mon, 05 Jan 2026 09:00:07 GMT", Some(7_000)),
            ("Mon, 05 Jan 2026 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(
                answer(&[date, ("retry-after", text)]).retry_after_ms(),
                expected,
                "{text}"
            );
        }
        assert_eq!(answer(&[date]).retry_after_ms(), None);
    }

    #[test]
    fn the_answers_date_is_needed() {
        let date = answer(&[("date", "Mon, 05 Jan 2026 09:00:00 GMT")]).date_s();
        assert_eq!(date, Ok(1_767_603_600));
        for headers in [&[][..], &[("date", "yesterday")]] {
            let fault = answer(headers).date_s().expect_err("no date");
            assert_eq!(fault.code, "stripe.answer_unreadable");
        }
    }
}
