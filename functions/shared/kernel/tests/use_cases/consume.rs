//! From messages to a domain's projection, with crashes, redeliveries and overtaking.

mod failing;

use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_harness::build::{event, message, message_in};
use sluice_harness::bus::{MemoryBus, Script};
use sluice_harness::clock::TestClock;
use sluice_harness::ledger::MemoryLedger;
use sluice_harness::outcomes::MemoryOutcomes;
use sluice_harness::projections::MemoryProjections;
use sluice_kernel::backoff;
use sluice_kernel::bus::detail::EmitMode;
use sluice_kernel::clock::Clock;
use sluice_kernel::consumer::batch::{self, BatchRun, FAILING_RECEIVES, Handled};
use sluice_kernel::consumer::consume::Ports;
use sluice_kernel::consumer::fetch::WithoutKey;
use sluice_kernel::domain::{Domain, NoSettings, Projected};
use sluice_kernel::effects::effect::{Fact, Level};
use sluice_kernel::event::Event;
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;
use sluice_kernel::outcome::{Outcome, RecordKind};
use sluice_kernel::queue::{self, PANIC_RECEIVES_MAX, Received};

use crate::code;

/// How often the queue of these tests hands a message out.
const RECEIVES_MAX: u32 = 500;

/// A domain of lamps: a fact when one is lit, a level for how bright it is, terminal once broken.
pub(crate) struct Lamps;

impl Domain for Lamps {
    const NAME: &'static str = "lamps";
    type State = i64;
    type Settings = NoSettings;

    fn handles(kind: &str) -> bool {
        kind.starts_with("lamp.")
    }

    /// The routing table has no lamps. All are known but one.
    fn knows(kind: &str) -> bool {
        kind != "lamp.frobbed"
    }

    fn project(event: &Event) -> Result<Projected<i64>, Fault> {
        assert!(event.kind != "lamp.panics", "the domain's own mistake");
        let fields = Fields::of(&event.object);
        let object = fields.text("id")?.to_owned();
        Ok(Projected {
            object,
            terminal: event.kind == "lamp.broken",
            state: fields.integer("light")?,
        })
    }

    fn facts(event: &Event) -> Result<Vec<Fact>, Fault> {
        let fields = Fields::of(&event.object);
        let kind = match &*event.kind {
            "lamp.lit" => Some("LampLit"),
            "lamp.sold" => Some("LampSold"),
            _ => None,
        };
        let fact = |kind| {
            let object = fields.text("id")?.to_owned();
            Ok(Fact {
                kind,
                object,
                discriminator: Some(fields.integer("light")?.to_string()),
                data: Value::Null,
            })
        };
        kind.map(fact).into_iter().collect()
    }

    fn levels(before: Option<&i64>, after: &i64, _: &NoSettings) -> Vec<Level> {
        if before == Some(after) {
            return Vec::new();
        }
        vec![Level {
            kind: "Light",
            key: "lamp_1".to_owned(),
            data: json!(after),
            until: None,
        }]
    }
}

#[derive(Default)]
pub(crate) struct World {
    pub(crate) clock: TestClock,
    pub(crate) projections: MemoryProjections,
    pub(crate) bus: MemoryBus,
    pub(crate) outcomes: MemoryOutcomes,
    pub(crate) ledger: MemoryLedger,
    pub(crate) stripe: WithoutKey,
}

pub(crate) fn lamp(id: &str, kind: &str, created: i64, light: i64) -> Event {
    event(
        id,
        kind,
        created,
        json!({ "id": "lamp_1", "object": "lamp", "light": light }),
    )
}

fn received(text: String, receives: u32) -> Received {
    Received {
        message_id: "m".to_owned(),
        text,
        receives,
    }
}

impl World {
    async fn handle(&self, messages: &[Received]) -> Vec<Handled> {
        let ports = Ports {
            projections: &self.projections,
            bus: &self.bus,
            bodies: &self.ledger,
            objects: &self.stripe,
            settings: &NoSettings {},
        };
        let run = BatchRun {
            deadline_ms: self.clock.now_ms() + 30_000,
            receives_max: RECEIVES_MAX,
        };
        batch::handle::<Lamps>(&ports, &self.outcomes, &self.clock, messages, run).await
    }

    pub(crate) async fn deliver(&self, event: &Event) -> Result<Outcome, Fault> {
        self.deliver_in(EmitMode::Normal, event).await
    }

    pub(crate) async fn deliver_in(
        &self,
        mode: EmitMode<'_>,
        event: &Event,
    ) -> Result<Outcome, Fault> {
        self.handle_one(mode, event).await.result
    }

    pub(crate) async fn handle_one(&self, mode: EmitMode<'_>, event: &Event) -> Handled {
        let message = received(message_in(mode, event), 1);
        self.handle(&[message]).await.remove(0)
    }

    pub(crate) fn item(&self) -> Value {
        let items = self.projections.items();
        serde_json::from_str(&items["platform#live#lamp_1"].document).expect("JSON")
    }

    /// What a receiver keeps of the effects: facts by id, and the last level by seq.
    pub(crate) fn received_effects(&self) -> (Vec<String>, Option<Value>) {
        let mut facts = Vec::new();
        let mut level: Option<Value> = None;
        for detail in self.bus.details() {
            let id = detail["id"].as_str().expect("an id").to_owned();
            if detail["class"] == "fact" {
                if !facts.contains(&id) {
                    facts.push(id);
                }
            } else if level
                .as_ref()
                .is_none_or(|level| level["seq"].as_u64() < detail["seq"].as_u64())
            {
                level = Some(detail);
            }
        }
        facts.sort();
        (facts, level.map(|level| level["data"].clone()))
    }
}

#[tokio::test]
async fn an_event_is_applied_once_and_its_effects_are_emitted_once() {
    let world = World::default();
    let lit = lamp("evt_1", "lamp.lit", 10, 5);
    assert_eq!(world.deliver(&lit).await, Ok(Outcome::Applied));
    for _ in 0..3 {
        assert_eq!(world.deliver(&lit).await, Ok(Outcome::Duplicate));
    }
    assert_eq!(world.bus.taken().len(), 2);
    assert_eq!(world.item()["state"], 5);
    assert!(world.item().get("pending").is_none(), "nothing is pending");
}

#[tokio::test]
async fn a_stale_event_leaves_the_state_and_still_emits_its_fact() {
    let world = World::default();
    assert_eq!(
        world.deliver(&lamp("evt_2", "lamp.dimmed", 20, 1)).await,
        Ok(Outcome::Applied)
    );
    assert_eq!(
        world.deliver(&lamp("evt_1", "lamp.lit", 10, 5)).await,
        Ok(Outcome::Stale)
    );
    assert_eq!(world.item()["state"], 1);
    let (facts, level) = world.received_effects();
    assert_eq!(facts, ["LampLit#platform#live#lamp_1#5"]);
    assert_eq!(level, Some(json!(1)));
}

#[tokio::test]
async fn two_events_for_one_change_are_one_fact() {
    let world = World::default();
    world
        .deliver(&lamp("evt_1", "lamp.lit", 10, 5))
        .await
        .expect("applied");
    world
        .deliver(&lamp("evt_2", "lamp.lit", 10, 5))
        .await
        .expect("applied");
    assert_eq!(
        world
            .bus
            .details()
            .iter()
            .filter(|detail| detail["class"] == "fact")
            .count(),
        1
    );
}

#[tokio::test]
async fn an_emission_that_fails_is_made_up_by_the_redelivery() {
    for script in [Script::Later, Script::TakeAndLose] {
        let world = World::default();
        world.bus.script([script]);
        let lit = lamp("evt_1", "lamp.lit", 10, 5);
        assert_eq!(
            world.deliver(&lit).await.expect_err("not emitted").code,
            code::EFFECT_NOT_PUBLISHED
        );
        assert_eq!(world.item()["pending"].as_array().map(Vec::len), Some(2));
        assert_eq!(world.deliver(&lit).await, Ok(Outcome::Duplicate));
        assert_eq!(
            world.received_effects(),
            (
                vec!["LampLit#platform#live#lamp_1#5".to_owned()],
                Some(json!(5))
            )
        );
        assert!(world.item().get("pending").is_none());
    }
}

#[tokio::test]
async fn an_overtaking_event_emits_what_an_earlier_one_left_pending() {
    let world = World::default();
    world.bus.script([Script::Later, Script::Later]);
    world
        .deliver(&lamp("evt_1", "lamp.lit", 10, 5))
        .await
        .expect_err("not emitted");
    assert_eq!(
        world.deliver(&lamp("evt_2", "lamp.dimmed", 20, 1)).await,
        Ok(Outcome::Applied)
    );
    let (facts, level) = world.received_effects();
    assert_eq!((facts.len(), level), (1, Some(json!(1))));
}

#[tokio::test]
async fn a_write_or_a_clear_without_an_answer_ends_right() {
    for (lose, fail) in [(1, 0), (0, 1)] {
        let world = World::default();
        world.projections.lose_answers(lose);
        world.projections.fail_writes(fail);
        let lit = lamp("evt_1", "lamp.lit", 10, 5);
        world.deliver(&lit).await.expect_err("no answer");
        world.deliver(&lit).await.expect("ends right");
        assert_eq!(
            world.received_effects(),
            (
                vec!["LampLit#platform#live#lamp_1#5".to_owned()],
                Some(json!(5))
            )
        );
        assert!(world.item().get("pending").is_none());
    }
}

#[tokio::test]
async fn a_clear_that_fails_brings_the_message_back() {
    let world = World::default();
    let lit = lamp("evt_1", "lamp.lit", 10, 5);
    world.bus.script([Script::Later]);
    world.deliver(&lit).await.expect_err("not emitted");
    world.projections.fail_writes(1);
    assert_eq!(
        world.deliver(&lit).await.expect_err("not cleared").code,
        code::PROJECTION_UNAVAILABLE
    );
    assert_eq!(world.deliver(&lit).await, Ok(Outcome::Duplicate));
    assert!(world.item().get("pending").is_none());
}

#[tokio::test]
async fn parallel_events_of_one_object_all_count() {
    let world = std::sync::Arc::new(World::default());
    let mut deliveries = tokio::task::JoinSet::new();
    for n in 0..6 {
        let world = world.clone();
        deliveries.spawn(async move {
            let event = lamp(&format!("evt_{n}"), "lamp.lit", n, n);
            // In parallel with five others, a delivery may lose every round: the queue brings it back.
            while let Err(fault) = world.deliver(&event).await {
                assert_eq!(fault.code, code::PROJECTION_CONTENDED);
            }
        });
    }
    deliveries.join_all().await;
    let (facts, level) = world.received_effects();
    let item = world.item();
    let kept = |name: &str| item[name].as_array().map(Vec::len);
    assert_eq!(
        (kept("facts"), kept("history"), &item["state"]),
        (Some(6), Some(6), &json!(5))
    );
    assert_eq!((facts.len(), level), (6, Some(json!(5))));
}

#[tokio::test]
async fn a_message_that_the_deadline_leaves_no_time_for_goes_back_untouched() {
    let world = World::default();
    let ports = Ports {
        projections: &world.projections,
        bus: &world.bus,
        bodies: &world.ledger,
        objects: &world.stripe,
        settings: &NoSettings {},
    };
    let messages = [received(message(&lamp("evt_1", "lamp.lit", 10, 5)), 1)];
    let run = BatchRun {
        deadline_ms: world.clock.now_ms() + queue::MESSAGE_RESERVE_MS - 1,
        receives_max: RECEIVES_MAX,
    };
    let handled =
        batch::handle::<Lamps>(&ports, &world.outcomes, &world.clock, &messages, run).await;
    assert_eq!(
        handled[0].result.as_ref().expect_err("no time").code,
        code::BATCH_NO_TIME
    );
    assert_eq!(handled[0].delay_s, Some(0), "at once");
    assert!(world.projections.items().is_empty());
}

#[tokio::test]
async fn types_and_shapes_that_the_domain_has_no_use_for_are_ignored() {
    let world = World::default();
    assert_eq!(
        world.deliver(&lamp("evt_1", "chair.moved", 10, 5)).await,
        Ok(Outcome::Ignored)
    );
    let thin = message(&lamp("evt_2", "lamp.lit", 10, 5))
        .replace(r#""object":"event""#, r#""object":"v2.core.event""#);
    let handled = world.handle(&[received(thin, 1)]).await;
    assert_eq!(handled[0].result, Ok(Outcome::Ignored));
    assert!(world.projections.items().is_empty());
}

#[tokio::test]
async fn a_type_that_nobody_has_decided_about_is_applied_where_it_can_be_read_and_ignored_else() {
    let world = World::default();
    let readable = lamp("evt_1", "lamp.frobbed", 10, 5);
    assert_eq!(world.deliver(&readable).await, Ok(Outcome::Applied));
    let frob = json!({ "id": "frob_1", "object": "lamp.frob" });
    let unreadable = message(&event("evt_2", "lamp.frobbed", 10, frob.clone()));
    let handled = world.handle(&[received(unreadable, 1)]).await;
    assert_eq!(
        (&handled[0].result, handled[0].note),
        (&Ok(Outcome::Ignored), Some(code::EVENT_UNROUTED))
    );
    assert!(world.outcomes.recorded().is_empty());
    // A type that is known and can't be read is a mistake.
    let known = event("evt_3", "lamp.lit", 10, frob);
    assert_eq!(world.deliver(&known).await, Ok(Outcome::Rejected));
}

/// Events of one lamp in few seconds, some broken for good; those called `updated` say what was there before.
pub(crate) fn history() -> impl Strategy<Value = Vec<Event>> {
    let kind = prop_oneof![
        Just("lamp.lit"),
        Just("lamp.updated"),
        Just("lamp.updated"),
        Just("lamp.broken")
    ];
    proptest::collection::vec((kind, 0_i64..4, 0_i64..2), 1..7).prop_map(|steps| {
        let (mut second, mut light) = (0, 0);
        let mut events = Vec::new();
        for (n, (kind, next, later)) in steps.into_iter().enumerate() {
            second += later;
            let mut event = lamp(&format!("evt_{n}"), kind, second, next);
            if kind == "lamp.updated" {
                event.previous_attributes = Some(json!({ "light": light }));
            }
            light = next;
            events.push(event);
        }
        events
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Promises 2 and 3: any order, any duplicates, any ties, the bus refusing now and then.
    #[test]
    fn any_order_and_any_duplicates_end_in_the_same_state_facts_and_level(
        (history, deliveries) in history().prop_flat_map(|history| {
            let once: Vec<usize> = (0..history.len()).collect();
            let again = proptest::collection::vec(0..history.len(), 0..4);
            (Just(history), again.prop_map(move |again| [once.clone(), again].concat()).prop_shuffle())
        }),
        refusals in proptest::collection::vec(prop_oneof![Just(Script::Take), Just(Script::Later), Just(Script::TakeAndLose)], 0..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (scrambled, straight) = (World::default(), World::default());
        scrambled.bus.script(refusals);
        runtime.block_on(async {
            for index in &deliveries {
                // As the queue does: until the message is acknowledged.
                while scrambled.deliver(&history[*index]).await.is_err() {}
            }
            for event in &history {
                straight.deliver(event).await.expect("applied");
            }
        });
        prop_assert_eq!(&scrambled.item()["state"], &straight.item()["state"]);
        prop_assert_eq!(&scrambled.item()["tie_unresolved"], &straight.item()["tie_unresolved"]);
        prop_assert_eq!(&scrambled.item()["facts"], &straight.item()["facts"]);
        prop_assert!(scrambled.item().get("pending").is_none());
        prop_assert_eq!(scrambled.received_effects(), straight.received_effects());
    }
}
