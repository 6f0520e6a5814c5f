//! Events that Stripe failed to make: what a check of their object emits instead, and how often.

use serde_json::Value;
use sluice_harness::build::{TRACEPARENT, message};
use sluice_harness::bus::MemoryBus;
use sluice_harness::clock::TestClock;
use sluice_harness::ledger::MemoryLedger;
use sluice_harness::outcomes::MemoryOutcomes;
use sluice_harness::projections::MemoryProjections;
use sluice_harness::stripe::MemoryStripe;
use sluice_kernel::bus::detail::{self, Check};
use sluice_kernel::clock::Clock as _;
use sluice_kernel::consumer::batch::{self, BatchRun};
use sluice_kernel::consumer::consume::Ports;
use sluice_kernel::domain::NoSettings;
use sluice_kernel::outcome::Outcome;
use sluice_kernel::queue::Received;

use super::*;

const FAILED: &str = "payment_intent.payment_failed";

/// When Stripe said that it failed to make the event.
const SAID_S: i64 = 1_767_700_000;

/// The deployed domain in memory, and the Stripe that it asks.
struct Consumer {
    projections: MemoryProjections,
    bus: MemoryBus,
    stripe: MemoryStripe,
    event: Event,
}

impl Consumer {
    /// Stripe has the event's object, and never made the event.
    fn of(event: Event) -> Self {
        let stripe = MemoryStripe::at(SAID_S + 300);
        stripe.put(&event.scope, event.object.clone());
        Self {
            projections: MemoryProjections::default(),
            bus: MemoryBus::default(),
            stripe,
            event,
        }
    }

    async fn handle(&self, text: String) {
        let (clock, outcomes) = (TestClock::default(), MemoryOutcomes::default());
        let ports = Ports {
            projections: &self.projections,
            bus: &self.bus,
            bodies: &MemoryLedger::default(),
            objects: &self.stripe,
            settings: &NoSettings {},
        };
        let received = Received {
            message_id: "m".to_owned(),
            text,
            receives: 1,
        };
        let run = BatchRun {
            deadline_ms: clock.now_ms() + 60_000,
            receives_max: 500,
        };
        let mut handled =
            batch::handle::<Payments>(&ports, &outcomes, &clock, &[received], run).await;
        let result = handled.remove(0).result;
        assert!(matches!(result, Ok(outcome) if outcome != Outcome::Ignored));
    }

    /// Reconcile asks for a check because of a notice of this second.
    async fn check(&self, notice: &str, said_s: i64) {
        let intent = self.event.object["id"].as_str().expect("an id");
        let check = Check {
            scope: &self.event.scope,
            event: notice,
            kind: FAILED,
            object: intent,
            parent: None,
            object_kind: "payment_intent",
        };
        let sent = detail::check_ungenerated(&check, said_s, "reconcile", 0, TRACEPARENT);
        let detail: Value = serde_json::from_str(&sent.detail).expect("JSON");
        self.handle(json!({ "detail-type": sent.detail_type, "detail": detail }).to_string())
            .await;
    }

    /// The ids of the failures that were emitted, each once.
    fn failures(&self) -> BTreeSet<String> {
        let details = self.bus.details().into_iter();
        let ids = details.filter_map(|detail| detail["id"].as_str().map(str::to_owned));
        ids.filter(|id| id.starts_with("PaymentFailed#")).collect()
    }
}

/// The customer didn't authenticate: there is no charge.
fn not_authenticated() -> Event {
    let mut event = sample(FAILED);
    let error = &mut event.object["last_payment_error"];
    error["charge"] = json!(null);
    error["code"] = json!("payment_intent_authentication_failure");
    event.request = Some("req_1".to_owned());
    event
}

#[tokio::test]
async fn a_check_that_is_asked_for_twice_emits_a_failure_without_a_charge_once() {
    let consumer = Consumer::of(not_authenticated());
    consumer.check("evt_notice", SAID_S).await;
    // The next run of reconcile finds the same notice, and Stripe dates its answer later.
    consumer.stripe.set_date(SAID_S + 360);
    consumer.check("evt_notice", SAID_S).await;
    let failures = consumer.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(
        failures
            .iter()
            .all(|id| id.ends_with(&format!("at:{SAID_S}"))),
        "{failures:?}"
    );
}

#[tokio::test]
async fn a_failure_with_a_charge_is_one_fact_whatever_is_said_of_it() {
    let declined = sample(FAILED);
    let charge = declined.object["last_payment_error"]["charge"].clone();
    let charge = charge.as_str().expect("a charge").to_owned();
    let consumer = Consumer::of(declined.clone());
    // A notice, another one, and the event itself after all.
    consumer.check("evt_notice", SAID_S).await;
    consumer.check("evt_other", SAID_S + 7_200).await;
    consumer.handle(message(&declined)).await;
    let failures = consumer.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures.iter().all(|id| id.ends_with(&charge)));
}
