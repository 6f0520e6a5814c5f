//! `sluice smoke`: whether a door is open to Stripe and to nobody else, in a few requests.
//!
//! It signs an event of a type that no domain is told of ([`KIND`]), posts it twice, and posts what has to be refused: a
//! forged signature, an old one, a wrong method. With `--stack` the secret is the stack's own, and the event is looked for
//! in the ledger, byte for byte and published. Without, `--url` and a secret are enough: nothing of AWS is asked.
//!
//! It leaves one event in the ledger for as long as events are kept. Give it an endpoint of its own in `Endpoints`, so that
//! whoever runs it needs no secret of Stripe's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::{Value, json};
use sluice_adapters::inspect;
use sluice_stripe::signature::sign;
use tokio::time::{sleep, timeout};

use crate::context::{Context, Global};
use crate::output::{BAD, GOOD, Output, paint};
use sluice_operations::problem::Problem;

/// Of Stripe's test clocks: a type that goes to the ledger and the bus, and to no domain.
const KIND: &str = "test_helpers.test_clock.ready";

/// The longest wait for an answer; above the 30 s that API Gateway allows itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(35);

/// How often the ledger is asked whether the event is published, a second apart: longer than sweep's minute.
const LEDGER_TRIES: u32 = 75;

/// How old the old signature is, in seconds: more than any tolerance that can be configured.
const OLD_S: i64 = 3_601;

/// Where to post, and with which secret.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  SLUICE_SMOKE_SECRET=whsec_… sluice smoke --url https://….amazonaws.com/webhooks/stripe/smoke
  sluice --stack sluice-staging smoke --endpoint smoke")]
pub(crate) struct Args {
    /// The endpoint's URL; with a stack it is the stack's.
    #[arg(long, requires = "secret")]
    url: Option<String>,
    /// The endpoint's signing secret. Better given by the variable, which no list of processes shows.
    #[arg(long, env = "SLUICE_SMOKE_SECRET", hide_env_values = true, value_parser = secret_of)]
    secret: Option<String>,
    /// The endpoint's name, without --url.
    #[arg(long, default_value = "platform", conflicts_with = "url")]
    endpoint: String,
    /// A connected account to name in the event, for an endpoint that takes connected accounts'.
    #[arg(long)]
    account: Option<String>,
    /// The endpoint takes live events.
    #[arg(long)]
    live: bool,
}

fn secret_of(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => {
            Err("it is empty; leave --secret and SLUICE_SMOKE_SECRET out to take the stack's own")
        }
        secret => Ok(secret.to_owned()),
    }
}

/// The door's answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    text: String,
}

/// What was tried, what was to be answered, and what was.
#[derive(Debug)]
struct Check {
    what: &'static str,
    wanted: String,
    got: String,
    is_good: bool,
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

    fn print(&self, out: Output) -> Result<(), Problem> {
        if out.is_json() {
            return out.value(&json!({
                "check": self.what, "wanted": self.wanted, "got": self.got, "good": self.is_good,
            }));
        }
        let Self {
            what, wanted, got, ..
        } = self;
        out.line(match self.is_good {
            true => format!("{} {what}: {got}", paint(GOOD, "good ")),
            false => format!(
                "{} {what}: {got}; it should be {wanted}",
                paint(BAD, "wrong")
            ),
        })
    }
}

/// Tries the door.
pub(crate) async fn run(global: &Global, args: Args) -> Result<(), Problem> {
    let out = global.output();
    let context = match &args.url {
        Some(_) if !global.names_stack() => None,
        _ => Some(Context::find(global).await?),
    };
    let (url, secret) = target(context.as_ref(), &args).await?;
    let door = Door::at(&url);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now_s = i64::try_from(now.as_secs()).unwrap_or_default();
    let id = format!("evt_smoke{:x}", now.as_nanos());
    let body = event(&id, now_s, &args);
    let signed = sign(&body, &secret, now_s);
    let mut checks = Vec::new();
    let mut check = |check: Check| -> Result<(), Problem> {
        check.print(out)?;
        checks.push(check.is_good);
        Ok(())
    };

    let first = door.post(&body, &signed).await?;
    check(Check::of(
        "a signed event is taken",
        (200, "accepted"),
        &first,
    ))?;
    let second = door.post(&body, &signed).await?;
    check(Check::of(
        "the same event again is known",
        (200, "duplicate"),
        &second,
    ))?;
    let forged = sign(&body, format!("{secret}x"), now_s);
    let forged = door.post(&body, &forged).await?;
    check(Check::of(
        "a forged signature is refused",
        (400, "signature.no_match"),
        &forged,
    ))?;
    let old = door
        .post(&body, &sign(&body, &secret, now_s - OLD_S))
        .await?;
    check(Check::of(
        "an old signature is refused",
        (400, "signature.too_old"),
        &old,
    ))?;
    let get = door.send("GET", &[], None).await?;
    check(Check::of(
        "another method is refused",
        (405, "request.not_post"),
        &get,
    ))?;
    if let Some(context) = &context {
        check(in_ledger(context, &id, &body).await?)?;
    }
    match checks.iter().filter(|is_good| !**is_good).count() {
        0 => out.flush(),
        wrong => Err(Problem::Partly(format!(
            "{wrong} of {} checks of {url} went wrong",
            checks.len()
        ))),
    }
}

/// The URL and the secret: as given, or the stack's own.
async fn target(context: Option<&Context>, args: &Args) -> Result<(String, String), Problem> {
    if let (Some(url), Some(secret)) = (&args.url, &args.secret) {
        return Ok((url.clone(), secret.clone()));
    }
    let context = context.ok_or_else(|| Problem::Usage("--url needs a secret".to_owned()))?;
    let output = |name: &str| {
        let found = context.stack.outputs.get(name);
        found.ok_or_else(|| {
            Problem::NotFound(format!(
                "the stack {} has no output {name}",
                context.stack.name
            ))
        })
    };
    let endpoint = &args.endpoint;
    let url = format!("{}/{endpoint}", output("WebhookUrl")?);
    if let Some(secret) = &args.secret {
        return Ok((url, secret.clone()));
    }
    let asked = json!({ "SecretId": output("SecretId")? });
    let answer = context
        .stack
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
    Ok((url, secret.to_owned()))
}

fn event(id: &str, created: i64, args: &Args) -> Vec<u8> {
    let mut event = json!({
        "id": id, "object": "event", "type": KIND, "created": created, "livemode": args.live, "api_version": null,
        "pending_webhooks": 1, "request": null,
        "data": { "object": { "id": format!("clock_{}", &id[4..]), "object": "test_helpers.test_clock", "status": "ready" } },
    });
    if let Some(account) = &args.account {
        event["account"] = json!(account);
    }
    event.to_string().into_bytes()
}

/// Whether the ledger has the event as it was sent, and published.
async fn in_ledger(context: &Context, id: &str, body: &[u8]) -> Result<Check, Problem> {
    let (ledger, outcomes) = (
        context.stack.table("ledger")?,
        context.stack.table("outcomes")?,
    );
    let mut got = String::new();
    for _ in 0..LEDGER_TRIES {
        let story = inspect::event(context.stack.aws.sdk(), ledger, outcomes, id).await?;
        let state = story
            .as_ref()
            .and_then(|story| story.summary["state"].as_str());
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
struct Door<'a> {
    url: &'a str,
    connector: SharedHttpConnector,
}

impl<'a> Door<'a> {
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
    fn no_domain_is_told_of_the_event() {
        use sluice_kernel::bus::route::{Route, route};
        assert!(matches!(route(KIND), Route::LedgerOnly(_)));
    }
}
