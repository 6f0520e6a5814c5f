//! Whether an endpoint takes what Stripe signs and nothing else, in a few requests.
//!
//! It signs an event of a type that goes to no domain ([`KIND`]) and posts it twice. It also posts what has to be
//! refused: a forged signature, an old one, a wrong method. With a stack, the ledger has to have the event, byte for
//! byte, and published. Without a stack, a URL and a secret are enough: AWS isn't called.
//!
//! It leaves one event in the ledger for as long as events are kept. Give it an endpoint of its own in `Endpoints`:
//! then it needs no secret of Stripe's.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde::Serialize;
use serde_json::{Value, json};
use sluice_adapters::inspect;
use sluice_stripe::signature::sign;
use tokio::time::{sleep, timeout};

use crate::code;
use crate::problem::Problem;
use crate::stack::Stack;

/// A type of Stripe's test clocks: it goes to the ledger and the bus, and to no domain.
pub const KIND: &str = "test_helpers.test_clock.ready";

/// The longest wait for an answer; above the 30 s that API Gateway allows itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(35);

/// How often the ledger is asked whether the event is published, once per second: longer than sweep's minute.
const LEDGER_TRIES: u32 = 75;

/// How old the old signature is, in seconds: more than any tolerance that can be configured.
const OLD_S: i64 = 3_601;

/// Where to post, and what.
#[derive(Clone)]
pub struct Target {
    /// The endpoint's URL.
    pub url: String,
    /// The endpoint's signing secret.
    pub secret: String,
    /// A connected account to name in the event, for an endpoint that takes connected accounts' events.
    pub account: Option<String>,
    /// The endpoint takes live events.
    pub livemode: bool,
}

// It shows no secret.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("url", &self.url)
            .field("account", &self.account)
            .field("livemode", &self.livemode)
            .finish_non_exhaustive()
    }
}

/// An endpoint's URL in a stack, as [`Target::url`] wants it.
///
/// # Errors
/// `NotFound` for a stack without a URL.
pub fn url(stack: &Stack, endpoint: &str) -> Result<String, Problem> {
    Ok(format!("{}/{endpoint}", output(stack, "WebhookUrl")?))
}

/// An endpoint's newest signing secret in a stack, as [`Target::secret`] wants it.
///
/// # Errors
/// `NotFound` if it has none, `Failed` if the stack's secret can't be read.
pub async fn secret(stack: &Stack, endpoint: &str) -> Result<String, Problem> {
    let asked = json!({ "SecretId": output(stack, "SecretId")? });
    let answer = stack
        .aws
        .json("secretsmanager.GetSecretValue", &asked)
        .await?;
    let secrets: Value = serde_json::from_str(answer["SecretString"].as_str().unwrap_or_default())
        .map_err(|_| Problem::failed("the stack's secret isn't JSON"))?;
    let secret = secrets[endpoint][0].as_str().ok_or_else(|| {
        Problem::NotFound(format!(
            "the endpoint {endpoint} has no secret yet: put one, or give --secret"
        ))
    })?;
    Ok(secret.to_owned())
}

fn output<'a>(stack: &'a Stack, name: &str) -> Result<&'a str, Problem> {
    let found = stack.outputs.get(name).map(String::as_str);
    found.ok_or_else(|| Problem::NotFound(format!("the stack {} has no output {name}", stack.name)))
}

/// An endpoint's answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    text: String,
}

/// A check: what was tried, the expected answer, and the actual answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was tried.
    #[serde(rename = "check")]
    pub what: &'static str,
    /// The expected answer.
    pub wanted: String,
    /// The actual answer.
    pub got: String,
    /// Whether the two are the same.
    #[serde(rename = "good")]
    pub is_good: bool,
}

impl Check {
    fn of(what: &'static str, wanted: (u16, &str), answer: &Answer) -> Self {
        let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        let word = ["code", "status"]
            .iter()
            .find_map(|name| body[*name].as_str());
        let word = word.unwrap_or("no answer of Sluice's");
        Self {
            what,
            wanted: format!("{} {}", wanted.0, wanted.1),
            got: format!("{} {word}", answer.status),
            is_good: (answer.status, word) == wanted,
        }
    }
}

/// Tries an endpoint, and with a stack looks for the event in its ledger. `found` is called with each check as it is
/// made. An error of `found` ends the run.
///
/// # Errors
/// If the endpoint or the ledger can't be reached. A failed check is no error.
pub async fn run(
    target: &Target,
    stack: Option<&Stack>,
    found: &mut dyn FnMut(&Check) -> Result<(), Problem>,
) -> Result<Vec<Check>, Problem> {
    let endpoint = Endpoint::at(&target.url);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now_s = i64::try_from(now.as_secs()).unwrap_or_default();
    let id = format!("evt_smoke{:x}", now.as_nanos());
    let body = event(&id, now_s, target);
    let secret = target.secret.as_str();
    let signed = sign(&body, secret, now_s);
    let forged = sign(&body, format!("{secret}x"), now_s);
    let old = sign(&body, secret, now_s - OLD_S);
    let mut checks = Vec::new();
    for (what, wanted, signature) in [
        ("a signed event is taken", (200, "accepted"), &signed),
        ("the same event again is known", (200, "duplicate"), &signed),
        (
            "a forged signature is refused",
            (400, code::SIGNATURE_NO_MATCH.as_str()),
            &forged,
        ),
        (
            "an old signature is refused",
            (400, code::SIGNATURE_TOO_OLD.as_str()),
            &old,
        ),
    ] {
        let answer = endpoint.post(&body, signature).await?;
        let check = Check::of(what, wanted, &answer);
        found(&check)?;
        checks.push(check);
    }
    let answer = endpoint.send("GET", &[], None).await?;
    let get = Check::of(
        "another method is refused",
        (405, code::REQUEST_NOT_POST.as_str()),
        &answer,
    );
    found(&get)?;
    checks.push(get);
    if let Some(stack) = stack {
        let stored = in_ledger(stack, &id, &body).await?;
        found(&stored)?;
        checks.push(stored);
    }
    Ok(checks)
}

fn event(id: &str, created: i64, target: &Target) -> Vec<u8> {
    let mut event = json!({
        "id": id, "object": "event", "type": KIND, "created": created, "livemode": target.livemode, "api_version": null,
        "pending_webhooks": 1, "request": null,
        "data": { "object": { "id": format!("clock_{}", &id[4..]), "object": "test_helpers.test_clock", "status": "ready" } },
    });
    if let Some(account) = &target.account {
        event["account"] = json!(account);
    }
    event.to_string().into_bytes()
}

/// Whether the ledger has the event as it was sent, and published.
async fn in_ledger(stack: &Stack, id: &str, body: &[u8]) -> Result<Check, Problem> {
    let (ledger, outcomes) = (stack.table("ledger")?, stack.table("outcomes")?);
    let mut got = String::new();
    for _ in 0..LEDGER_TRIES {
        let story = inspect::event(stack.aws.sdk(), ledger, outcomes, id).await?;
        let state = story.as_ref().map(|story| story.entry.state);
        got = state.unwrap_or("not there").to_owned();
        if got == "published" {
            let is_whole = story
                .and_then(|story| story.body)
                .is_some_and(|stored| stored == body);
            got.push_str(if is_whole {
                ", byte for byte"
            } else {
                ", with another body"
            });
            break;
        }
        sleep(Duration::from_secs(1)).await;
    }
    let wanted = "published, byte for byte".to_owned();
    let is_good = got == wanted;
    Ok(Check {
        what: "the ledger has it",
        wanted,
        got,
        is_good,
    })
}

/// An HTTP client for one URL.
struct Endpoint<'a> {
    url: &'a str,
    connector: SharedHttpConnector,
}

impl<'a> Endpoint<'a> {
    fn at(url: &'a str) -> Self {
        let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        let connector = SharedHttpConnector::new(Connector::builder().tls_provider(ring).build());
        Self { url, connector }
    }

    async fn post(&self, body: &[u8], signature: &str) -> Result<Answer, Problem> {
        self.send("POST", body, Some(signature)).await
    }

    async fn send(
        &self,
        method: &str,
        body: &[u8],
        signature: Option<&str>,
    ) -> Result<Answer, Problem> {
        let broken = |error: &dyn std::error::Error| {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            Problem::Failed(format!("{}: {error} {cause}", self.url))
        };
        let mut request = Request::new(SdkBody::from(body));
        request.set_method(method).map_err(|error| broken(&error))?;
        request
            .set_uri(self.url.to_owned())
            .map_err(|error| broken(&error))?;
        let headers = request.headers_mut();
        headers.insert("content-type", "application/json");
        if let Some(signature) = signature {
            headers.insert("stripe-signature", signature.to_owned());
        }
        let asked = timeout(ANSWER_TIMEOUT, self.connector.call(request)).await;
        let response = asked
            .map_err(|_| Problem::Failed(format!("{}: no answer in {ANSWER_TIMEOUT:?}", self.url)))?
            .map_err(|error| broken(&error))?;
        let status = response.status().as_u16();
        let bytes = ByteStream::new(response.into_body()).collect().await;
        let bytes = bytes.map_err(|error| broken(&error))?.to_vec();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Answer { status, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_good_only_with_status_and_word() {
        let of = |status, text: &str| {
            let answer = Answer {
                status,
                text: text.to_owned(),
            };
            Check::of("x", (400, "signature.no_match"), &answer)
        };
        assert!(of(400, r#"{"status":"refused","code":"signature.no_match"}"#).is_good);
        assert!(!of(400, r#"{"status":"refused","code":"signature.missing"}"#).is_good);
        assert!(!of(200, r#"{"status":"accepted","code":"signature.no_match"}"#).is_good);
        let proxy = of(400, "<html>");
        assert_eq!(
            (proxy.is_good, &*proxy.got),
            (false, "400 no answer of Sluice's")
        );
    }

    #[test]
    fn the_event_goes_to_no_domain() {
        use sluice_kernel::bus::route::{Route, route};
        assert!(matches!(route(KIND), Route::NoDomain(_)));
    }

    #[test]
    fn a_target_is_shown_without_its_secret() {
        let target = Target {
            url: "https://x".to_owned(),
            secret: "whsec_1".to_owned(),
            account: None,
            livemode: false,
        };
        let shown = format!("{target:?}");
        assert!(
            shown.contains("https://x") && !shown.contains("whsec_1"),
            "{shown}"
        );
    }
}
