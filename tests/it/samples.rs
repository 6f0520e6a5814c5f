//! The sample events (`tests/events`), one by one and in memory: what `ingest` reads from each, where it goes by its
//! type, and its domain's result.

use std::collections::BTreeSet;

use serde_json::Value;
use sluice_domains::{Answer, Visit, by_name};
use sluice_harness::bus::MemoryBus;
use sluice_harness::clock::TestClock;
use sluice_harness::ledger::MemoryLedger;
use sluice_harness::projections::MemoryProjections;
use sluice_harness::samples::samples;
use sluice_harness::stripe::MemoryStripe;
use sluice_kernel::bus::detail::{Message, outgoing, read};
use sluice_kernel::bus::route::{Route, route};
use sluice_kernel::clock::Clock;
use sluice_kernel::consumer::consume::{Ports, consume};
use sluice_kernel::delivery::ledger::Arrival;
use sluice_kernel::domain::Domain;
use sluice_kernel::event::{Scope, Shape};
use sluice_kernel::fault::Fault;
use sluice_kernel::outcome::Outcome;
use sluice_stripe::event::parse_head;

/// Applies a message to a domain that has seen nothing yet.
struct Apply<'a> {
    message: &'a Message,
    stripe: &'a MemoryStripe,
}

impl<'a> Visit for Apply<'a> {
    type Output = Answer<'a, Result<Outcome, Fault>>;

    fn visit<D: Domain>(self) -> Self::Output {
        Box::pin(async move {
            let clock = TestClock::default();
            let ports = Ports {
                projections: &MemoryProjections::default(),
                bus: &MemoryBus::default(),
                bodies: &MemoryLedger::new(clock.clone()),
                objects: self.stripe,
                settings: &D::Settings::default(),
            };
            let deadline_ms = clock.now_ms() + 30_000;
            let consumed = consume::<D>(&ports, &clock, self.message, deadline_ms).await?;
            Ok(consumed.outcome)
        })
    }
}

/// The message that a domain's queue gets for a body that `ingest` published.
fn message(body: &[u8]) -> Message {
    let arrival = Arrival {
        head: parse_head(body).expect("an event"),
        endpoint: "platform",
        via: None,
        body,
        attempt: "a",
        received_at_ms: 0,
        lapses_at_ms: 0,
        expires_at_s: 0,
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ledger_only: None,
    };
    let sent = outgoing(&arrival.origin(), Some(body));
    let detail: Value = serde_json::from_str(&sent.detail).expect("JSON");
    let envelope = serde_json::json!({
        "version": "0", "source": sent.source, "detail-type": sent.detail_type, "detail": detail,
    });
    read(&envelope.to_string()).expect("a message")
}

/// A Stripe that has the object of a thin event, as its snapshot sample shows it.
fn stripe(name: &str) -> MemoryStripe {
    let stripe = MemoryStripe::at(2_000_000_000);
    let Some(snapshot_kind) = name.strip_prefix("v1.") else {
        return stripe;
    };
    let mut snapshots = samples(snapshot_kind).into_iter();
    if let Some((_, snapshot)) = snapshots.find(|(name, _)| name == snapshot_kind) {
        let scope = Scope {
            account: snapshot["account"].as_str().map(str::to_owned),
            livemode: false,
        };
        stripe.put(&scope, snapshot["data"]["object"].clone());
    }
    stripe
}

#[tokio::test]
async fn every_sample_is_read_goes_where_its_type_says_and_is_applied_there() {
    let (mut ignored, mut stored, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    let mut ids = BTreeSet::new();
    for (name, event) in samples("") {
        let body = serde_json::to_vec_pretty(&event).expect("JSON");
        let head = parse_head(&body).expect(&name);
        let kind = head.kind.clone().into_owned();
        assert!(name.starts_with(&kind), "{name}");
        let is_thin = event["object"] == "v2.core.event";
        assert_eq!(head.shape == Shape::Thin, is_thin, "{name}");
        assert!(head.created.is_some(), "{name}");
        assert_eq!(head.livemode, Some(false), "{name}");
        let is_old = name.ends_with(".2020-08-27");
        assert!(ids.insert(head.id.clone().into_owned()) || is_old, "{name}");
        match route(&kind) {
            Route::Domain(domain) => {
                let stripe = stripe(&name);
                let apply = Apply {
                    message: &message(&body),
                    stripe: &stripe,
                };
                match by_name(domain, apply).expect("a domain").await {
                    Ok(Outcome::Ignored) => ignored.push(name),
                    outcome => assert_eq!(outcome, Ok(Outcome::Applied), "{name}"),
                }
            }
            Route::NoDomain(_) => stored.push(name),
            Route::Unrouted => unknown.push(name),
        }
    }
    // The preview of an invoice that doesn't exist yet.
    assert_eq!(ignored, ["invoice.upcoming"]);
    // A thin event of a balance names nothing to fetch, and no domain keeps meters: routes.tsv says so.
    assert_eq!(
        stored,
        [
            "v1.balance.available",
            "v1.billing.meter.error_report_triggered"
        ]
    );
    assert_eq!(unknown, ["galaxy.moved"]);
}

#[test]
fn each_message_of_a_sample_batch_can_be_read_but_those_that_are_poison() {
    let read_all = |name: &str| -> Vec<Result<String, &'static str>> {
        let path = format!(
            "{}/events/lambda/sqs.{name}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let text = std::fs::read_to_string(&path).expect(&path);
        let batch: Value = serde_json::from_str(&text).expect("JSON");
        let records = batch["Records"].as_array().expect("records").iter();
        records
            .map(|record| {
                let read = read(record["body"].as_str().expect("a text"));
                read.map(|message| message.kind)
                    .map_err(|unread| unread.fault.code.as_str())
            })
            .collect()
    };
    let kinds = |names: &[&str]| -> Vec<Result<String, &'static str>> {
        names.iter().map(|name| Ok((*name).to_owned())).collect()
    };
    let purchase = [
        "charge.succeeded",
        "checkout.session.completed",
        "payment_intent.succeeded",
        "payment_intent.created",
    ];
    assert_eq!(read_all("payments"), kinds(&purchase));
    let life = ["created", "updated", "deleted"].map(|end| format!("customer.subscription.{end}"));
    assert_eq!(
        read_all("subscriptions"),
        kinds(&life.each_ref().map(String::as_str))
    );
    let [not_json, no_event, good] = &read_all("payments.poison")[..] else {
        panic!("three messages")
    };
    assert!(not_json.is_err() && no_event.is_err());
    assert_eq!(good.as_deref(), Ok("charge.succeeded"));
}
