//! Ingest over the in-memory ports: every response, and what it leaves behind.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_http::http::StatusCode;
use lambda_http::{Context, Request, RequestExt};
use serde_json::{Value, json};
use sluice_harness::bus::MemoryBus;
use sluice_harness::clock::{START_MS, TestClock};
use sluice_harness::ledger::MemoryLedger;
use sluice_harness::secrets::MemorySecrets;
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::endpoint::{AccountScope, Endpoint};
use sluice_kernel::delivery::record::DeliveryOutcome;
use sluice_kernel::delivery::secrets::SecretCache;
use sluice_stripe::signature::{Tolerance, sign};

use crate::code::{self, Code};
use crate::envelope::Envelope;
use crate::{Answer, Ingest, answer};

mod authentic;

const PLATFORM: &str = "whsec_platform";
const CONNECT: &str = "whsec_connect";

struct World {
    ingest: Ingest<MemoryLedger, MemoryBus, &'static MemorySecrets, TestClock>,
    store: &'static MemorySecrets,
    clock: TestClock,
    deliveries: std::cell::Cell<u32>,
}

fn world() -> World {
    let clock = TestClock::default();
    // Leaked, because the cache owns its source and the test looks at it too.
    let store: &'static MemorySecrets = Box::leak(Box::new(MemorySecrets::holding(&[
        ("platform", &[PLATFORM]),
        ("connect", &[CONNECT]),
    ])));
    let ingest = Ingest {
        ledger: MemoryLedger::new(clock.clone()),
        bus: MemoryBus::default(),
        secrets: SecretCache::new(store, 300_000),
        clock: clock.clone(),
        endpoints: BTreeMap::from([
            (
                "platform".to_owned(),
                Endpoint::of(AccountScope::Platform, true),
            ),
            (
                "connect".to_owned(),
                Endpoint::of(AccountScope::Connect, true),
            ),
            (
                "bare".to_owned(),
                Endpoint::of(AccountScope::Platform, true),
            ),
        ]),
        sources: Vec::new(),
        tolerance: Tolerance::default(),
        body_bytes_max: 100_000,
        retention_days: 35,
        lapse_margin_ms: 5_000,
    };
    World {
        ingest,
        store,
        clock,
        deliveries: std::cell::Cell::new(0),
    }
}

fn charge(id: &str) -> String {
    json!({
        "id": id, "object": "event", "type": "charge.succeeded", "livemode": true, "created": START_MS / 1000,
        "data": { "object": { "id": "ch_1", "object": "charge" } },
    })
    .to_string()
}

/// What API Gateway passes in, as JSON.
fn http(method: &str, path: &str, signature: Option<&str>, body: &str, is_base64: bool) -> Request {
    let mut headers = json!({ "content-type": "application/json", "host": "example.com" });
    if let Some(signature) = signature {
        headers["stripe-signature"] = json!(signature);
    }
    let event = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers,
        "requestContext": {
            "accountId": "1", "apiId": "api", "domainName": "example.com", "domainPrefix": "example",
            "requestId": "r", "routeKey": "$default", "stage": "$default", "time": "", "timeEpoch": 0,
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "" },
        },
        "body": body, "isBase64Encoded": is_base64,
    });
    let envelope: Envelope = serde_json::from_value(event).expect("an HTTP API event");
    envelope
        .into_request(Context::default())
        .expect("a request")
}

impl World {
    fn now_s(&self) -> i64 {
        self.clock.now_ms() / 1000
    }

    async fn send(&self, request: Request) -> (u16, Value) {
        let n = self.deliveries.get() + 1;
        self.deliveries.set(n);
        let mut context = Context::default();
        context.request_id = format!("00000000-0000-4000-8000-{n:012}");
        context.deadline = u64::try_from(self.clock.now_ms() + 15_000).expect("positive");
        let response = match answer(&self.ingest, request.with_lambda_context(context)).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        (
            response.status().as_u16(),
            serde_json::from_slice(response.body()).expect("JSON"),
        )
    }

    async fn post(&self, path: &str, secret: &str, body: &str) -> (u16, Value) {
        let signature = sign(body.as_bytes(), secret, self.now_s());
        self.send(http("POST", path, Some(&signature), body, false))
            .await
    }

    async fn deliver(&self, secret: &str, body: &str) -> (u16, Value) {
        self.post("/webhooks/stripe", secret, body).await
    }

    fn published(&self) -> usize {
        self.ingest.bus.taken().len()
    }
}

fn ok(word: &str) -> (u16, Value) {
    (200, json!({ "status": word }))
}

fn refused(status: u16, code: &str) -> (u16, Value) {
    (status, json!({ "status": "refused", "code": code }))
}

#[tokio::test]
async fn a_good_delivery_is_accepted_and_its_repetitions_are_duplicates() {
    let world = world();
    let body = charge("evt_1");
    assert_eq!(world.deliver(PLATFORM, &body).await, ok("accepted"));
    for _ in 0..3 {
        assert_eq!(world.deliver(PLATFORM, &body).await, ok("duplicate"));
    }
    assert_eq!(world.published(), 1);
    assert_eq!(
        world
            .post("/webhooks/stripe/platform", PLATFORM, &body)
            .await,
        ok("duplicate")
    );
}

#[tokio::test]
async fn a_stranger_gets_400_and_leaves_nothing() {
    let world = world();
    let body = charge("evt_1");
    let now_s = world.now_s();
    let good = sign(body.as_bytes(), PLATFORM, now_s);
    for (signature, code) in [
        (None, "signature.missing"),
        (
            Some(sign(body.as_bytes(), "whsec_wrong", now_s)),
            "signature.no_match",
        ),
        (
            Some(sign(body.as_bytes(), CONNECT, now_s)),
            "signature.no_match",
        ),
        (
            Some(sign(body.as_bytes(), PLATFORM, now_s - 301)),
            "signature.too_old",
        ),
        (
            Some(sign(body.as_bytes(), PLATFORM, now_s + 301)),
            "signature.too_new",
        ),
        (Some(format!("{good},t=1")), "signature.malformed"),
        (Some(format!("t={now_s},v0=00")), "signature.no_v1"),
        (
            Some(format!("{good},{}", "v1=0,".repeat(10_000))),
            "signature.too_large",
        ),
    ] {
        let request = http(
            "POST",
            "/webhooks/stripe",
            signature.as_deref(),
            &body,
            false,
        );
        assert_eq!(world.send(request).await, refused(400, code));
    }
    assert_eq!(world.published(), 0);
    assert!(world.ingest.ledger.entry("evt_1").is_none());
    assert_eq!(
        world.store.reads(),
        2,
        "one read at the start, and one for all the forged"
    );
}

#[tokio::test]
async fn where_addresses_are_listed_others_get_403_before_anything_is_looked_at() {
    let mut world = world();
    let body = charge("evt_1");
    // The deliveries' own address is 127.0.0.1.
    world.ingest.sources = ["54.187.216.72", "::1"]
        .map(|it| it.parse().expect("an address"))
        .into();
    assert_eq!(
        world.deliver(PLATFORM, &body).await,
        refused(403, "source.not_allowed")
    );
    let elsewhere = http("GET", "/elsewhere", None, &body, false);
    assert_eq!(world.send(elsewhere).await.0, 403);
    let mut claimed = http("POST", "/webhooks/stripe", None, &body, false);
    let header = "54.187.216.72".parse().expect("a header's value");
    claimed.headers_mut().insert("x-forwarded-for", header);
    assert_eq!(world.send(claimed).await.0, 403);
    assert_eq!((world.published(), world.store.reads()), (0, 0));
    world
        .ingest
        .sources
        .push("127.0.0.1".parse().expect("an address"));
    assert_eq!(world.deliver(PLATFORM, &body).await, ok("accepted"));
}

#[tokio::test]
async fn an_allowed_address_still_has_to_sign() {
    let mut world = world();
    world.ingest.sources = vec!["127.0.0.1".parse().expect("an address")];
    let answer = world.deliver("whsec_wrong", &charge("evt_1")).await;
    assert_eq!(answer, refused(400, "signature.no_match"));
}

#[tokio::test]
async fn a_secret_that_was_rolled_a_moment_ago_is_found_before_refusing() {
    let world = world();
    assert_eq!(
        world.deliver(PLATFORM, &charge("evt_1")).await,
        ok("accepted")
    );
    world.store.hold(&[("platform", &["whsec_new", PLATFORM])]);
    assert_eq!(
        world.deliver("whsec_new", &charge("evt_2")).await,
        ok("accepted")
    );
    assert_eq!(
        world.deliver(PLATFORM, &charge("evt_3")).await,
        ok("accepted")
    );
    let both = format!(
        "{},{}",
        sign(charge("evt_4").as_bytes(), "whsec_new", world.now_s()),
        sign(charge("evt_4").as_bytes(), "whsec_gone", world.now_s())
            .split_once(',')
            .expect("t and v1")
            .1,
    );
    let request = http(
        "POST",
        "/webhooks/stripe",
        Some(&both),
        &charge("evt_4"),
        false,
    );
    assert_eq!(world.send(request).await, ok("accepted"));
}

#[tokio::test]
async fn while_a_secret_is_rolled_the_log_says_which_ones_signed_and_otherwise_nothing() {
    let world = world();
    let signed_by = async |secret: &str| {
        let body = charge("evt_1");
        let signature = sign(body.as_bytes(), secret, world.now_s());
        let request = http("POST", "/webhooks/stripe", Some(&signature), &body, false);
        let now_ms = world.now_s() * 1_000;
        let verified = world
            .ingest
            .verify(&request, "platform", body.as_bytes(), now_ms);
        verified
            .await
            .unwrap_or_else(|_| panic!("{secret} verifies"))
    };
    assert_eq!(signed_by(PLATFORM).await, None);
    world.store.hold(&[("platform", &["whsec_new", PLATFORM])]);
    assert_eq!(signed_by("whsec_new").await.as_deref(), Some("0"));
    assert_eq!(signed_by(PLATFORM).await.as_deref(), Some("1"));
}

#[tokio::test]
async fn without_a_secret_stripe_is_asked_to_come_back() {
    let world = world();
    let failed = |code: &str| (503, json!({ "status": "failed", "code": code }));
    assert_eq!(
        world
            .post("/webhooks/stripe/bare", PLATFORM, &charge("evt_1"))
            .await,
        failed("secret.missing")
    );
    let broken = self::world();
    broken.store.break_down();
    assert_eq!(
        broken.deliver(PLATFORM, &charge("evt_1")).await,
        failed("secret.unavailable")
    );
}

#[tokio::test]
async fn a_base64_body_is_the_bytes_that_it_encodes() {
    let world = world();
    let body = charge("evt_1");
    let signature = sign(body.as_bytes(), PLATFORM, world.now_s());
    let request = http(
        "POST",
        "/webhooks/stripe",
        Some(&signature),
        &STANDARD.encode(&body),
        true,
    );
    assert_eq!(world.send(request).await, ok("accepted"));
    // Signed, but not UTF-8: the signature of the bytes is right, and they are no event.
    let bytes = [body.as_bytes(), b"\xff"].concat();
    let signature = sign(&bytes, PLATFORM, world.now_s());
    let request = http(
        "POST",
        "/webhooks/stripe",
        Some(&signature),
        &STANDARD.encode(&bytes),
        true,
    );
    assert_eq!(world.send(request).await, refused(400, "event.not_json"));
}

#[tokio::test]
async fn other_methods_paths_and_sizes_are_refused_before_anything_is_verified() {
    let world = world();
    let body = charge("evt_1");
    for (method, path, status, code) in [
        ("GET", "/webhooks/stripe", 405, "request.not_post"),
        ("PUT", "/webhooks/stripe/connect", 405, "request.not_post"),
        ("POST", "/webhooks/paypal", 404, "request.unknown_path"),
        ("GET", "/", 404, "request.unknown_path"),
        ("POST", "/webhooks/stripe/nobody", 404, "endpoint.unknown"),
    ] {
        assert_eq!(
            world.send(http(method, path, None, &body, false)).await,
            refused(status, code),
            "{method} {path}"
        );
    }
    let large = "x".repeat(100_001);
    assert_eq!(
        world.deliver(PLATFORM, &large).await,
        refused(413, "body.too_large")
    );
    assert_eq!(world.store.reads(), 0);
}

#[tokio::test]
async fn a_405_says_what_is_allowed() {
    let world = world();
    let response = match answer(
        &world.ingest,
        http("GET", "/webhooks/stripe", None, "", false),
    )
    .await
    {
        Ok(response) => response,
        Err(never) => match never {},
    };
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()["allow"], "POST");
}

#[tokio::test]
async fn a_verified_body_that_is_no_event_is_refused() {
    let world = world();
    for (body, code) in [
        ("", "event.not_json"),
        ("[]", "event.not_an_object"),
        ("{}", "event.no_id"),
        (r#"{"id":7,"type":"a"}"#, "event.bad_id"),
        (r#"{"id":"evt_1"}"#, "event.no_type"),
    ] {
        assert_eq!(
            world.deliver(PLATFORM, body).await,
            refused(400, code),
            "{body}"
        );
    }
}

#[tokio::test]
async fn unknown_types_and_odd_shapes_are_stored_and_published() {
    let world = world();
    for body in [
        r#"{"id":"evt_1","type":"galaxy.moved","livemode":true}"#,
        r#"{"id":"evt_2","type":"a","data":7,"account":{},"created":"soon","livemode":null}"#,
        r#"{"id":"evt_3","type":"a","x":1e999,"x":0.10,"big":123456789012345678901234567890}"#,
    ] {
        assert_eq!(world.deliver(PLATFORM, body).await, ok("accepted"));
        assert!(
            world
                .ingest
                .bus
                .taken()
                .last()
                .expect("published")
                .detail
                .ends_with(&body[1..])
        );
    }
}

#[tokio::test]
async fn a_thin_event_is_stored_and_published() {
    let world = world();
    let body = json!({
        "id": "evt_test_1", "object": "v2.core.event", "type": "v1.billing.meter.error_report_triggered",
        "livemode": true, "created": "2026-01-01T00:00:00.000Z",
        "related_object": { "id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_1" },
    });
    assert_eq!(
        world.deliver(PLATFORM, &body.to_string()).await,
        ok("accepted")
    );
    let entry = world.ingest.ledger.entry("evt_test_1").expect("an entry");
    assert_eq!(entry.origin.object_id.as_deref(), Some("mtr_1"));
    assert_eq!(entry.origin.created, Some(START_MS / 1000));
}

#[tokio::test]
async fn a_bus_that_refuses_is_answered_queued_and_another_event_under_an_id_conflict() {
    let world = world();
    world.ingest.bus.set_down(true);
    assert_eq!(
        world.deliver(PLATFORM, &charge("evt_1")).await,
        ok("queued")
    );
    assert_eq!(
        world.deliver(PLATFORM, &charge("evt_1")).await,
        ok("queued")
    );
    let other = charge("evt_1").replace("ch_1", "ch_2");
    let conflict = (
        409,
        json!({ "status": "conflict", "code": "claim.conflict" }),
    );
    assert_eq!(world.deliver(PLATFORM, &other).await, conflict);
    assert_eq!(world.ingest.ledger.others("evt_1"), [other.into_bytes()]);
}

#[test]
fn an_accepted_event_of_a_type_that_nobody_has_decided_about_is_counted_once() {
    let accepted = DeliveryOutcome::Accepted {
        claim_age_ms: None,
        unmarked: false,
    };
    let unmarked = DeliveryOutcome::Accepted {
        claim_age_ms: None,
        unmarked: true,
    };
    for (taken, kind, code) in [
        (accepted.clone(), "galaxy.moved", Some("event.unrouted")),
        (accepted.clone(), "charge.succeeded", None),
        (accepted, "issuing_authorization.request", None),
        (unmarked, "galaxy.moved", Some("mark.failed")),
        (DeliveryOutcome::Duplicate, "galaxy.moved", None),
    ] {
        let answer = Answer::from(taken).or_unrouted(kind);
        assert_eq!(answer.code.map(Code::as_str), code, "{kind}");
        assert_eq!(answer.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn an_event_of_a_type_of_the_future_is_stored_and_published() {
    let world = world();
    let body = charge("evt_1").replace("charge.succeeded", "galaxy.moved");
    assert_eq!(world.deliver(PLATFORM, &body).await, ok("accepted"));
    assert_eq!(world.published(), 1);
}
