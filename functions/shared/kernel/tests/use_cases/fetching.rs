//! Ties and thin events: what Stripe is asked, and what happens with the answers.

pub(crate) mod checks;
pub(crate) mod parts;

use serde_json::{Value, json};
use sluice_harness::build::{TRACEPARENT, event, message};
use sluice_harness::bus::MemoryBus;
use sluice_harness::clock::{START_MS, TestClock};
use sluice_harness::ledger::MemoryLedger;
use sluice_harness::outcomes::MemoryOutcomes;
use sluice_harness::projections::MemoryProjections;
use sluice_harness::stripe::MemoryStripe;
use sluice_kernel::bus::detail;
use sluice_kernel::clock::Clock;
use sluice_kernel::consumer::batch::{self, BatchRun, Handled};
use sluice_kernel::consumer::consume::Ports;
use sluice_kernel::consumer::fetch::{AFTER_FETCH_MS, FETCH_MS_MAX, Fetched, Proof};
use sluice_kernel::domain::{Domain, Lacks, NoSettings, Projected};
use sluice_kernel::effects::effect::{Fact, Level};
use sluice_kernel::event::{Event, Scope};
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;
use sluice_kernel::outcome::{Finding, Outcome};
use sluice_kernel::queue::Received;

use crate::code;

pub(crate) const NOW_S: i64 = START_MS / 1_000;

/// How often the queue of these tests hands a message out.
pub(crate) const RECEIVES_MAX: u32 = 500;

/// A domain of doors: open or shut, gone for good; a fact for each that was painted.
struct Doors;

impl Domain for Doors {
    const NAME: &'static str = "doors";
    type State = String;
    type Settings = NoSettings;

    fn handles(kind: &str) -> bool {
        kind.starts_with("door.")
    }

    /// The routing table has no doors.
    fn knows(_: &str) -> bool {
        true
    }

    fn project(event: &Event) -> Result<Projected<String>, Fault> {
        let fields = Fields::of(&event.object);
        let gone = fields.flag("deleted");
        Ok(Projected {
            object: fields.text("id")?.to_owned(),
            terminal: gone,
            state: if gone { "gone" } else { fields.text("state")? }.to_owned(),
        })
    }

    fn facts(event: &Event) -> Result<Vec<Fact>, Fault> {
        let painted = event.kind == "door.painted";
        let fact = |coat: Option<&str>| Fact {
            kind: "Painted",
            object: "door_1".to_owned(),
            discriminator: coat.map(str::to_owned),
            data: Value::Null,
        };
        let coats = Fields::of(&event.object).list("coats");
        let coats: Vec<_> = coats
            .filter_map(|coat| coat.optional_text("id").map(|id| fact(Some(id))))
            .collect();
        Ok(painted
            .then(|| fact(None))
            .into_iter()
            .chain(coats)
            .collect())
    }

    fn is_whole(state: &String) -> bool {
        state != "half"
    }

    /// An event shows only a part of an object with many parts, and `repainted` doesn't say how often.
    fn lacks(event: &Event) -> Lacks {
        match &*event.kind {
            "door.repainted" if event.object["coats"].is_null() => Lacks::Facts,
            _ if event.object["has_more"] == true => Lacks::State,
            _ => Lacks::Nothing,
        }
    }

    fn levels(_: Option<&String>, _: &String, _: &NoSettings) -> Vec<Level> {
        Vec::new()
    }
}

pub(crate) struct World {
    pub(crate) clock: TestClock,
    pub(crate) projections: MemoryProjections,
    bus: MemoryBus,
    pub(crate) outcomes: MemoryOutcomes,
    pub(crate) ledger: MemoryLedger,
    pub(crate) stripe: MemoryStripe,
}

pub(crate) fn world(stripe: MemoryStripe) -> World {
    World {
        clock: TestClock::default(),
        projections: MemoryProjections::default(),
        bus: MemoryBus::default(),
        outcomes: MemoryOutcomes::default(),
        ledger: MemoryLedger::default(),
        stripe,
    }
}

pub(crate) fn scope() -> Scope {
    Scope {
        account: None,
        livemode: true,
    }
}

pub(crate) fn door(state: &str) -> Value {
    json!({ "id": "door_1", "object": "door", "state": state })
}

/// Two events of one second that nothing links.
pub(crate) fn tie() -> [Event; 2] {
    [("evt_a", "open"), ("evt_b", "shut")]
        .map(|(id, state)| event(id, "door.moved", NOW_S, door(state)))
}

fn thin(kind: &str) -> String {
    let detail = json!({
        "sluice": {
            "account": null, "endpoint": "platform", "livemode": true, "created": NOW_S, "received_at_ms": START_MS,
            "traceparent": TRACEPARENT, "body": "inline",
        },
        "id": "evt_thin", "object": "v2.core.event", "type": kind, "livemode": true, "created": "2026-01-01T00:00:00.000Z",
        "related_object": { "id": "door_1", "type": "door", "url": "/v1/doors/door_1" },
    });
    json!({ "source": "sluice.stripe", "detail-type": kind, "detail": detail }).to_string()
}

impl World {
    pub(crate) async fn handle(&self, text: String) -> Handled {
        self.handle_within(text, 60_000).await
    }

    async fn handle_within(&self, text: String, left_ms: i64) -> Handled {
        self.handle_received(text, 1, left_ms).await
    }

    /// Handles a message that has been received this often.
    pub(crate) async fn handle_received(
        &self,
        text: String,
        receives: u32,
        left_ms: i64,
    ) -> Handled {
        let ports = Ports {
            projections: &self.projections,
            bus: &self.bus,
            bodies: &self.ledger,
            objects: &self.stripe,
            settings: &NoSettings {},
        };
        let message = Received {
            message_id: "m".to_owned(),
            text,
            receives,
        };
        let run = BatchRun {
            deadline_ms: self.clock.now_ms() + left_ms,
            receives_max: RECEIVES_MAX,
        };
        batch::handle::<Doors>(&ports, &self.outcomes, &self.clock, &[message], run)
            .await
            .remove(0)
    }

    fn item(&self) -> Value {
        let items = self.projections.items();
        serde_json::from_str(&items["platform#live#door_1"].document).expect("JSON")
    }
}

#[tokio::test]
async fn without_a_key_a_tie_is_the_same_flagged_choice_in_both_orders() {
    let mut ends = Vec::new();
    for order in [[0, 1], [1, 0]] {
        let world = world(MemoryStripe::without_key());
        for index in order {
            world
                .handle(message(&tie()[index]))
                .await
                .result
                .expect("applied");
        }
        let item = world.item();
        assert_eq!(item["tie_unresolved"], true);
        ends.push(item["state"].clone());
    }
    assert_eq!(ends[0], ends[1]);
}

#[tokio::test]
async fn with_a_key_a_tie_ends_as_stripe_has_it_and_asks_only_then() {
    let world = world(MemoryStripe::at(NOW_S + 30));
    world.stripe.put(&scope(), door("open"));
    let [first, second] = tie();
    world.handle(message(&first)).await.result.expect("applied");
    assert!(world.stripe.take_asked().is_empty(), "one event is no tie");
    let handled = world.handle(message(&second)).await;
    assert_eq!((handled.result, handled.note), (Ok(Outcome::Stale), None));
    assert_eq!(world.stripe.take_asked().len(), 1);
    assert_eq!(world.item()["state"], "open");
    assert!(world.item().get("tie_unresolved").is_none());
    // A duplicate asks for nothing.
    world
        .handle(message(&second))
        .await
        .result
        .expect("a duplicate");
    assert!(world.stripe.take_asked().is_empty());
}

#[tokio::test]
async fn a_fetch_within_the_ties_own_second_is_made_again_when_that_second_is_over() {
    let world = world(MemoryStripe::at(NOW_S + 30));
    let found = |state: &str, date_s| {
        Ok(Fetched::Found {
            object: door(state),
            whole: None,
            api_version: None,
            date_s,
            took_ms: 20,
        })
    };
    world.stripe.then(found("open", NOW_S));
    world.stripe.then(found("shut", NOW_S + 2));
    let before_ms = world.clock.now_ms();
    for event in tie() {
        world.handle(message(&event)).await.result.expect("applied");
    }
    assert_eq!(world.stripe.take_asked().len(), 2);
    assert!(world.clock.now_ms() - before_ms >= 1_000, "it has waited");
    assert_eq!(
        (&world.item()["state"], world.item().get("tie_unresolved")),
        (&json!("shut"), None)
    );
}

#[tokio::test]
async fn a_tie_never_fails_for_a_fetch_that_does() {
    for (answer, note) in [
        (
            Err(Fault::retry(code::STRIPE_UNAVAILABLE, "scripted")),
            code::STRIPE_UNAVAILABLE,
        ),
        (
            Ok(Fetched::Spent { wait_ms: 9_000 }),
            code::ORDER_TIE_UNRESOLVED,
        ),
        (Ok(Fetched::NoPath), code::ORDER_TIE_UNRESOLVED),
    ] {
        let world = world(MemoryStripe::at(NOW_S));
        world.stripe.then(answer);
        let [first, second] = tie();
        let applied = world.handle(message(&first)).await;
        assert_eq!((applied.result, applied.note), (Ok(Outcome::Applied), None));
        let chosen = world.handle(message(&second)).await;
        // Stale, if the first event's state is the choice.
        chosen.result.expect("applied or stale");
        assert_eq!(chosen.note, Some(note));
        assert_eq!(world.item()["tie_unresolved"], true);
    }
}

#[tokio::test]
async fn a_tie_without_the_time_to_ask_takes_the_flagged_choice() {
    let enough_ms = FETCH_MS_MAX + AFTER_FETCH_MS;
    for (left_ms, asks) in [(enough_ms - 1, 0), (enough_ms, 1)] {
        let world = world(MemoryStripe::at(NOW_S + 30));
        world.stripe.put(&scope(), door("open"));
        let [first, second] = tie();
        world.handle(message(&first)).await.result.expect("applied");
        let handled = world.handle_within(message(&second), left_ms).await;
        handled.result.expect("applied or stale");
        assert_eq!(world.stripe.take_asked().len(), asks);
        let flagged = handled.note == Some(code::ORDER_TIE_UNRESOLVED);
        assert_eq!(flagged, asks == 0);
    }
}

#[tokio::test]
async fn a_tie_never_waits_for_its_second_beyond_the_time_it_has() {
    let world = world(MemoryStripe::at(NOW_S));
    world.stripe.put(&scope(), door("open"));
    let [first, second] = tie();
    world.handle(message(&first)).await.result.expect("applied");
    let before_ms = world.clock.now_ms();
    // Time for one fetch, and none for the second, which has to wait.
    let left_ms = FETCH_MS_MAX + AFTER_FETCH_MS;
    let handled = world.handle_within(message(&second), left_ms).await;
    assert_eq!(handled.note, Some(code::ORDER_TIE_UNRESOLVED));
    assert_eq!(world.stripe.take_asked().len(), 1);
    assert_eq!(world.clock.now_ms(), before_ms);
}

#[tokio::test]
async fn a_thin_event_without_the_time_to_ask_comes_back_at_once() {
    let world = world(MemoryStripe::at(NOW_S));
    let left_ms = FETCH_MS_MAX + AFTER_FETCH_MS - 1;
    let handled = world.handle_within(thin("v1.door.moved"), left_ms).await;
    let fault = handled.result.expect_err("back to the queue");
    assert_eq!(
        (fault.code, handled.delay_s),
        (code::BATCH_NO_TIME, Some(0))
    );
    assert!(world.stripe.take_asked().is_empty());
}

#[tokio::test]
async fn a_thin_event_is_its_object_as_stripe_has_it_with_the_facts_of_its_type() {
    let world = world(MemoryStripe::at(NOW_S + 30));
    world.stripe.put(&scope(), door("open"));
    let handled = world.handle(thin("v1.door.painted")).await;
    assert_eq!(handled.result, Ok(Outcome::Applied));
    assert_eq!(world.item()["state"], "open");
    // The snapshot event of the same change reports the same fact, under another event's id.
    let second_event = event("evt_second", "door.painted", NOW_S, door("open"));
    world
        .handle(message(&second_event))
        .await
        .result
        .expect("stale or applied");
    assert_eq!(world.bus.details().len(), 1);
    assert_eq!(
        world.item()["facts"],
        json!(["Painted#platform#live#door_1"])
    );
}

#[tokio::test]
async fn a_thin_event_without_a_key_is_ignored_and_said_so() {
    let world = world(MemoryStripe::without_key());
    let handled = world.handle(thin("v1.door.painted")).await;
    assert_eq!(
        (handled.result, handled.note),
        (Ok(Outcome::Ignored), Some(code::THIN_NO_KEY))
    );
    assert!(world.projections.items().is_empty());
}

#[tokio::test]
async fn a_thin_event_waits_where_the_budget_is_spent() {
    let world = world(MemoryStripe::at(NOW_S));
    world.stripe.then(Ok(Fetched::Spent { wait_ms: 9_000 }));
    let fault = world
        .handle(thin("v1.door.moved"))
        .await
        .result
        .expect_err("waits");
    assert_eq!(
        (fault.code, fault.after_ms),
        (code::STRIPE_BUDGET_SPENT, Some(9_000))
    );
}

#[tokio::test]
async fn a_proven_deletion_is_terminal_whatever_comes_after() {
    let world = world(MemoryStripe::at(NOW_S + 60));
    world.stripe.delete(&scope(), "door", "door_1");
    world
        .handle(thin("v1.door.moved"))
        .await
        .result
        .expect("applied");
    assert_eq!(
        (&world.item()["state"], &world.item()["terminal"]),
        (&json!("gone"), &json!(true))
    );
    let late = event("evt_late", "door.moved", NOW_S + 99, door("open"));
    assert_eq!(
        world.handle(message(&late)).await.result,
        Ok(Outcome::Stale)
    );
    assert_eq!(world.item()["state"], "gone");
}

/// Stripe may have the event before every copy has the object: a new object doesn't count as deleted.
#[tokio::test]
async fn an_object_that_is_missing_seconds_after_its_event_is_asked_for_again() {
    let world = world(MemoryStripe::at(NOW_S + 59));
    world.stripe.delete(&scope(), "door", "door_1");
    let fault = world.handle(thin("v1.door.created")).await.result;
    let fault = fault.expect_err("back to the queue");
    assert_eq!(
        (fault.code, fault.after_ms),
        (code::STRIPE_DELETION_UNPROVEN, Some(1_000))
    );
    assert!(world.projections.items().is_empty());
    let answer = world.handle(thin("v1.door.deleted")).await.result;
    assert_eq!(
        answer,
        Ok(Outcome::Applied),
        "an event that says so is enough"
    );
}

#[tokio::test]
async fn an_object_that_is_missing_to_this_key_is_no_deletion() {
    let world = world(MemoryStripe::at(NOW_S));
    world.stripe.then(Err(Fault::retry(
        code::STRIPE_DELETION_UNPROVEN,
        "a key of the wrong mode",
    )));
    let fault = world
        .handle(thin("v1.door.moved"))
        .await
        .result
        .expect_err("back to the queue");
    assert_eq!(fault.code, code::STRIPE_DELETION_UNPROVEN);
    assert!(world.projections.items().is_empty());
}
