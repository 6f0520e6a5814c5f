//! Ingest: receives Stripe's webhooks.
//!
//! Checks run in this order, cheapest refusal first, so that strangers cost almost nothing: the address, if a list of
//! them is given; method and path; size; signature on the raw bytes. Only then come parsing, the endpoint's admission,
//! and the protocol of [`sluice_kernel::delivery::record`].
//!
//! An event with a valid signature is never refused. If the endpoint's configuration doesn't expect its mode or
//! account, it is only stored in the ledger: its log line has the reason as `code`, an alarm fires, and `sluice replay`
//! publishes it once the configuration is right ([`sluice_kernel::delivery::endpoint`]).
//!
//! Answers, all JSON:
//!
//! | status | body | Stripe |
//! |---|---|---|
//! | 200 | `{"status":"accepted"}`, `"duplicate"`, `"queued"` | is done: the event is stored and on the bus, or will be put there, or is only kept in the ledger |
//! | 200 | `{"status":"test"}` | is done: it was the dashboard's "send test event"; nothing of it is kept |
//! | 400 | `{"status":"refused","code":…}` | sends it again for three days, without success unless a secret is corrected: the signature is wrong, or the body isn't an event |
//! | 409 | `{"status":"held"}`, or `"conflict"` | sends it again; by then the other attempt has ended |
//! | 403, 404, 405, 413 | `{"status":"refused","code":…}` | — |
//! | 503 | `{"status":"failed","code":…}` | sends it again; nothing is guaranteed |
//!
//! A 400 never says which secret failed. One line is logged per delivery, only here. An accepted event of a type that
//! the routing table doesn't have is logged with the code `event.unrouted`, so that it is counted.

pub mod code;
pub mod envelope;
mod route;
mod source;
mod trace;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;

use lambda_http::http::{Method, StatusCode, header};
use lambda_http::{Body, Request, RequestExt, Response};
use serde_json::json;
use sluice_kernel::bus::Bus;
use sluice_kernel::bus::route::{Route, route as route_of};
use sluice_kernel::clock::{self, Clock};
use sluice_kernel::delivery::endpoint::{Endpoint, WAITING, admit, waits_for};
use sluice_kernel::delivery::ledger::{Arrival, Ledger};
use sluice_kernel::delivery::record::{DeliveryOutcome, record_and_publish};
use sluice_kernel::delivery::secrets::{Secret, SecretCache, SecretSource, Secrets};
use sluice_kernel::event::Head;
use sluice_kernel::fault::Fault;
use sluice_stripe::event::parse_head;
use sluice_stripe::signature::{self, Refusal, Tolerance, Verified};

use crate::code::Code;

const DAY_S: i64 = 86_400;

/// The id of every event that Stripe's dashboard sends when a user clicks on "send test event", for any type.
const TRIAL_ID: &str = "evt_00000000000000";

/// What ingest needs, made once per environment.
pub struct Ingest<L, B, S, C> {
    /// The table of every event seen.
    pub ledger: L,
    /// Where events are published.
    pub bus: B,
    /// Webhook secrets by endpoint.
    pub secrets: SecretCache<S>,
    /// The time.
    pub clock: C,
    /// What each endpoint receives.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// The only addresses that deliveries may come from; an empty list lets all through to the signature check.
    pub sources: Vec<IpAddr>,
    /// How far a signature's timestamp may be from now.
    pub tolerance: Tolerance,
    /// Larger bodies are answered 413.
    pub body_bytes_max: usize,
    /// How long an entry counts.
    pub retention_days: u32,
    /// How long after the invocation's deadline its claim lapses.
    pub lapse_margin_ms: u32,
}

/// The response, and what is logged of it.
struct Answer {
    status: StatusCode,
    word: &'static str,
    /// Why, if it isn't plain success.
    code: Option<Code>,
    /// For the log only.
    cause: Option<String>,
    account: Option<String>,
    event: Option<String>,
    kind: Option<String>,
    /// Stripe's `created`, in seconds.
    created: Option<i64>,
    /// How long ago the event first came in, if a claim was taken over.
    claim_age_ms: Option<i64>,
    /// While an endpoint has several secrets: the indexes of those that the delivery was signed with, `0` or `0,1`. An
    /// operator who rolls a secret sees from it when Stripe has stopped signing with the old one.
    signed_by: Option<String>,
}

impl Answer {
    fn refused(status: StatusCode, code: Code) -> Self {
        Self {
            code: Some(code),
            ..Self::plain(status, "refused")
        }
    }

    fn plain(status: StatusCode, word: &'static str) -> Self {
        Self {
            status,
            word,
            code: None,
            cause: None,
            account: None,
            event: None,
            kind: None,
            created: None,
            claim_age_ms: None,
            signed_by: None,
        }
    }

    fn signed_by(self, signed_by: Option<String>) -> Self {
        Self { signed_by, ..self }
    }

    fn failed(fault: Fault) -> Self {
        let cause = Some(fault.cause);
        Self {
            word: "failed",
            cause,
            ..Self::refused(StatusCode::SERVICE_UNAVAILABLE, fault.code)
        }
    }

    fn about(self, head: &Head<'_>) -> Self {
        Self {
            account: head.account.as_deref().map(str::to_owned),
            event: Some(head.id.to_string()),
            kind: Some(head.kind.to_string()),
            created: head.created,
            ..self
        }
    }

    /// The answer to a trial click of the dashboard: such events share one id, and report nothing real.
    fn trial() -> Self {
        Self {
            word: "test",
            ..Self::refused(StatusCode::OK, code::EVENT_TRIAL)
        }
    }

    /// Names the reason for which an event was only stored, if it waits for the endpoint's configuration. A repetition
    /// isn't counted again.
    fn or_waiting(self, ledger_only: Option<&'static str>) -> Self {
        let waits = ledger_only.and_then(waits_for);
        match self.word == "accepted" {
            true => Self {
                code: self.code.or(waits),
                ..self
            },
            false => self,
        }
    }

    /// Marks an accepted event with a type that isn't in the routing table. A code that says what went wrong takes
    /// precedence; a repetition isn't counted again.
    fn or_unrouted(self, kind: &str) -> Self {
        let plain = self.word == "accepted" && self.code.is_none();
        match plain && route_of(kind) == Route::Unrouted {
            true => Self {
                code: Some(code::EVENT_UNROUTED),
                ..self
            },
            false => self,
        }
    }
}

impl From<DeliveryOutcome> for Answer {
    fn from(taken: DeliveryOutcome) -> Self {
        let ok = |word| Self::plain(StatusCode::OK, word);
        match taken {
            DeliveryOutcome::Accepted {
                unmarked,
                claim_age_ms,
            } => Self {
                code: unmarked.then_some(code::MARK_FAILED),
                claim_age_ms,
                ..ok("accepted")
            },
            DeliveryOutcome::Duplicate => ok("duplicate"),
            DeliveryOutcome::Queued { cause: None, .. } => ok("queued"),
            DeliveryOutcome::Queued {
                cause,
                claim_age_ms,
            } => Self {
                code: Some(code::PUBLISH_DEFERRED),
                cause,
                claim_age_ms,
                ..ok("queued")
            },
            DeliveryOutcome::Held => Self {
                word: "held",
                ..Self::refused(StatusCode::CONFLICT, code::CLAIM_HELD)
            },
            DeliveryOutcome::Conflict => Self {
                word: "conflict",
                ..Self::refused(StatusCode::CONFLICT, code::CLAIM_CONFLICT)
            },
        }
    }
}

/// Answers one request, and logs one line.
///
/// # Errors
/// Never fails: every outcome is a response, so that Stripe gets an answer and sends the event again.
pub async fn answer<L, B, S, C>(
    ingest: &Ingest<L, B, S, C>,
    request: Request,
) -> Result<Response<Body>, Infallible>
where
    L: Ledger,
    B: Bus,
    S: SecretSource,
    C: Clock,
{
    let start_ms = ingest.clock.now_ms();
    let endpoint = route::endpoint_of(request.raw_http_path());
    let traceparent = trace::traceparent(&request);
    let answer = ingest
        .take(&request, endpoint, &traceparent, start_ms)
        .await;
    let end_ms = ingest.clock.now_ms();
    let duration_ms = end_ms - start_ms;
    // Only for what was accepted now: the lag of a duplicate or a refusal says nothing about Sluice.
    let lag_ms = match answer.word {
        "accepted" | "queued" => clock::lag_ms(answer.created, end_ms),
        _ => None,
    };
    let endpoint = endpoint.unwrap_or_default();
    let trace = sluice_kernel::bus::trace::id(&traceparent);
    log(&answer, endpoint, trace, duration_ms, lag_ms);
    Ok(response(&answer))
}

impl<L: Ledger, B: Bus, S: SecretSource, C: Clock> Ingest<L, B, S, C> {
    async fn take(
        &self,
        request: &Request,
        endpoint: Option<&str>,
        traceparent: &str,
        now_ms: i64,
    ) -> Answer {
        if !source::is_allowed(&self.sources, request) {
            return Answer::refused(StatusCode::FORBIDDEN, code::SOURCE_NOT_ALLOWED);
        }
        let Some(endpoint) = endpoint else {
            return Answer::refused(StatusCode::NOT_FOUND, code::REQUEST_UNKNOWN_PATH);
        };
        if request.method() != Method::POST {
            return Answer::refused(StatusCode::METHOD_NOT_ALLOWED, code::REQUEST_NOT_POST);
        }
        let Some(configured) = self.endpoints.get(endpoint) else {
            return Answer::refused(StatusCode::NOT_FOUND, code::ENDPOINT_UNKNOWN);
        };
        let body = request.body().as_ref();
        if body.len() > self.body_bytes_max {
            return Answer::refused(StatusCode::PAYLOAD_TOO_LARGE, code::BODY_TOO_LARGE);
        }
        let signed_by = match self.verify(request, endpoint, body, now_ms).await {
            Ok(signed_by) => signed_by,
            Err(Unverified::Refused(refusal)) => {
                return Answer::refused(StatusCode::BAD_REQUEST, refusal.code());
            }
            Err(Unverified::NoSecrets) => {
                let cause = format!("endpoint {endpoint} has no secret yet");
                return Answer::failed(Fault::retry(code::SECRET_MISSING, cause));
            }
            Err(Unverified::Fault(fault)) => return Answer::failed(fault),
        };
        let mut head = match parse_head(body) {
            Ok(head) => head,
            Err(not_an_event) => {
                return Answer::refused(StatusCode::BAD_REQUEST, not_an_event.code());
            }
        };
        if head.id == TRIAL_ID {
            return Answer::trial().about(&head).signed_by(signed_by);
        }
        // This is the one place that decides which account owns the event: entry, bus and domains follow.
        head.account = configured.keyed(head.account);
        let ledger_only = admit(configured, &head).ledger_only();
        let context = request.lambda_context();
        let deadline_ms = i64::try_from(context.deadline).unwrap_or(i64::MAX);
        let arrival = Arrival {
            head,
            endpoint,
            via: None,
            body,
            attempt: &context.request_id,
            received_at_ms: now_ms,
            lapses_at_ms: deadline_ms
                .max(now_ms)
                .saturating_add(i64::from(self.lapse_margin_ms)),
            expires_at_s: now_ms / 1000 + i64::from(self.retention_days) * DAY_S,
            traceparent,
            ledger_only,
        };
        let answer = match record_and_publish(&self.ledger, &self.bus, &self.clock, &arrival).await
        {
            Ok(taken) => Answer::from(taken)
                .or_waiting(ledger_only)
                .or_unrouted(&arrival.head.kind),
            Err(fault) => Answer::failed(fault),
        };
        answer.about(&arrival.head).signed_by(signed_by)
    }

    /// Verifies against the cached secrets and, when none matches, against the secrets as they are now. Returns which
    /// of several secrets signed it.
    async fn verify(
        &self,
        request: &Request,
        endpoint: &str,
        body: &[u8],
        now_ms: i64,
    ) -> Result<Option<String>, Unverified> {
        let header = request
            .headers()
            .get("stripe-signature")
            .map(header::HeaderValue::as_bytes);
        let check = |secrets: &[Secret]| {
            signature::verify(
                body,
                header,
                secrets,
                now_ms.div_euclid(1000),
                self.tolerance,
            )
        };
        let own = |secrets: &Secrets| {
            let own = secrets.get(endpoint).map(Vec::as_slice).unwrap_or_default();
            check(own).map(|verified| (own.len() > 1).then(|| places(verified)))
        };
        let kept = self.secrets.get(now_ms).await.map_err(Unverified::Fault)?;
        let refusal = match own(&kept) {
            Ok(signed_by) => return Ok(signed_by),
            Err(refusal) => refusal,
        };
        // A newer secret wouldn't fix the others.
        if matches!(refusal, Refusal::NoMatch | Refusal::NoSecret)
            && let Some(fresh) = self.secrets.refresh(now_ms).await
        {
            return own(&fresh).map_err(Unverified::from);
        }
        Err(refusal.into())
    }
}

fn places(verified: Verified) -> String {
    let places: Vec<_> = verified.by().map(|place| place.to_string()).collect();
    places.join(",")
}

enum Unverified {
    Refused(Refusal),
    /// The endpoint's secret hasn't been set yet: Stripe has to send the event again, and must not get "wrong
    /// signature".
    NoSecrets,
    Fault(Fault),
}

impl From<Refusal> for Unverified {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSecret => Self::NoSecrets,
            refusal => Self::Refused(refusal),
        }
    }
}

fn response(answer: &Answer) -> Response<Body> {
    let body = match answer.status {
        StatusCode::OK => json!({ "status": answer.word }),
        _ => json!({ "status": answer.word, "code": answer.code }),
    };
    let mut response = Response::new(Body::Text(body.to_string()));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    if answer.status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, header::HeaderValue::from_static("POST"));
    }
    response
}

fn log(answer: &Answer, endpoint: &str, trace: &str, duration_ms: i64, lag_ms: Option<i64>) {
    let Answer {
        status,
        word,
        code,
        cause,
        account,
        event,
        kind,
        created: _,
        claim_age_ms,
        signed_by,
    } = answer;
    let (claim_age_ms, signed_by) = (*claim_age_ms, signed_by.as_deref());
    let (status, outcome) = (status.as_u16(), *word);
    let (event, kind) = (event.as_deref(), kind.as_deref());
    let (account, cause) = (account.as_deref(), cause.as_deref());
    let is_incident =
        code.is_some_and(|code| code == code::CLAIM_CONFLICT || WAITING.contains(&code));
    let code = code.map(Code::as_str);
    // The levels differ, the fields don't.
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                event,
                r#type = kind,
                account,
                endpoint,
                trace,
                status,
                outcome,
                code,
                cause,
                duration_ms,
                lag_ms,
                claim_age_ms,
                signed_by
            )
        };
    }
    if status < 500 && !is_incident {
        line!(info);
    } else {
        line!(error);
    }
}

#[cfg(test)]
mod tests;
