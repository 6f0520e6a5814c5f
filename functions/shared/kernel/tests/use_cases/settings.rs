//! What is computed from settings, what happens when they change, and facts that their object has overtaken.

use serde::Deserialize;
use serde_json::{Value, json};
use sluice_harness::build::{event, message};
use sluice_harness::bus::MemoryBus;
use sluice_harness::clock::TestClock;
use sluice_harness::ledger::MemoryLedger;
use sluice_harness::outcomes::MemoryOutcomes;
use sluice_harness::projections::MemoryProjections;
use sluice_kernel::clock::Clock;
use sluice_kernel::consumer::batch::{self, BatchRun};
use sluice_kernel::consumer::consume::Ports;
use sluice_kernel::consumer::fetch::WithoutKey;
use sluice_kernel::domain::{Domain, Projected};
use sluice_kernel::effects::effect::{Fact, Level};
use sluice_kernel::event::Event;
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;
use sluice_kernel::outcome::Outcome;
use sluice_kernel::queue::Received;
use sluice_kernel::rebuild::{self, Change, Mode, rebuild};

const KEY: &str = "platform#live#pass_1";

/// A domain of passes: each is valid to its end and some days of grace; a fact for each warning that it ends.
struct Passes;

#[derive(Debug, Default, Deserialize)]
struct Grace {
    grace: i64,
}

impl Domain for Passes {
    const NAME: &'static str = "passes";
    type State = i64;
    type Settings = Grace;

    fn handles(kind: &str) -> bool {
        kind.starts_with("pass.")
    }

    fn project(event: &Event) -> Result<Projected<i64>, Fault> {
        let fields = Fields::of(&event.object);
        Ok(Projected {
            object: fields.text("id")?.to_owned(),
            terminal: false,
            state: fields.integer("end")?,
        })
    }

    fn facts(event: &Event) -> Result<Vec<Fact>, Fault> {
        let end = Fields::of(&event.object).integer("end")?;
        let warns = event.kind == "pass.ending";
        let fact = || Fact {
            kind: "Ending",
            object: "pass_1".to_owned(),
            discriminator: None,
            data: json!({ "end": end }),
        };
        Ok(warns.then(fact).into_iter().collect())
    }

    fn levels(before: Option<&i64>, after: &i64, settings: &Grace) -> Vec<Level> {
        if before == Some(after) {
            return Vec::new();
        }
        vec![Level {
            kind: "Valid",
            key: "pass_1".to_owned(),
            data: json!(after + settings.grace),
            until: None,
        }]
    }

    fn derived(state: &i64, settings: &Grace) -> Option<Value> {
        Some(json!({ "until": state + settings.grace }))
    }

    fn owner(_: &i64) -> Option<String> {
        Some("cus_1".to_owned())
    }

    fn overtaken(fact: &Fact, state: &i64) -> Option<String> {
        let announced = fact.data["end"].as_i64();
        (announced < Some(*state)).then(|| "prolonged".to_owned())
    }
}

#[derive(Default)]
struct World {
    clock: TestClock,
    projections: MemoryProjections,
    bus: MemoryBus,
    outcomes: MemoryOutcomes,
    ledger: MemoryLedger,
}

impl World {
    async fn deliver(&self, event: &Event, grace: i64) -> Result<Outcome, Fault> {
        let ports = Ports {
            projections: &self.projections,
            bus: &self.bus,
            bodies: &self.ledger,
            objects: &WithoutKey,
            settings: &Grace { grace },
        };
        let message = Received {
            message_id: "m".to_owned(),
            text: message(event),
            receives: 1,
        };
        let run = BatchRun {
            deadline_ms: self.clock.now_ms() + 30_000,
            receives_max: 500,
        };
        let (outcomes, clock) = (&self.outcomes, &self.clock);
        batch::handle::<Passes>(&ports, outcomes, clock, &[message], run)
            .await
            .remove(0)
            .result
    }

    async fn rebuild(&self, grace: i64) -> Change {
        let ports = rebuild::Ports {
            projections: &self.projections,
            bus: &self.bus,
            bodies: &self.ledger,
            objects: &WithoutKey,
            outcomes: &MemoryOutcomes::default(),
            settings: &Grace { grace },
        };
        let rebuilt = rebuild::<Passes>(&ports, &self.clock, KEY, Mode::Suppress).await;
        rebuilt.expect("rebuilt").expect("an item").change
    }

    fn derived(&self) -> Value {
        let stored = self.projections.items()[KEY].clone();
        let document: Value = serde_json::from_str(&stored.document).expect("JSON");
        document["derived"].clone()
    }

    /// Seq and value of each level, in the order in which they were emitted.
    fn levels(&self) -> Vec<(Value, Value)> {
        let details = self.bus.details().into_iter();
        let levels = details.filter(|detail| detail["class"] == "level");
        levels
            .map(|level| (level["seq"].clone(), level["data"].clone()))
            .collect()
    }
}

fn pass(id: &str, kind: &str, created: i64, end: i64) -> Event {
    event(
        id,
        kind,
        created,
        json!({ "id": "pass_1", "object": "pass", "end": end }),
    )
}

#[tokio::test]
async fn what_is_derived_is_stored_beside_the_state_and_follows_the_settings_with_the_next_event() {
    let world = World::default();
    let sold = pass("evt_1", "pass.sold", 10, 100);
    assert_eq!(world.deliver(&sold, 5).await, Ok(Outcome::Applied));
    assert_eq!(world.derived(), json!({ "until": 105 }));
    let time = json!(world.clock.now_ms());
    assert_eq!(world.levels(), [(time, json!(105))]);

    // The same settings and the same event: nothing is written.
    let version = world.projections.items()[KEY].version;
    assert_eq!(world.deliver(&sold, 5).await, Ok(Outcome::Duplicate));
    assert_eq!(world.projections.items()[KEY].version, version);

    // Other settings: any event of the object brings the level up to date, at a higher seq.
    assert_eq!(world.deliver(&sold, 9).await, Ok(Outcome::Duplicate));
    assert_eq!(world.derived(), json!({ "until": 109 }));
    let levels = world.levels();
    assert_eq!(levels.len(), 2);
    assert_eq!(levels[1].1, json!(109));
    assert!(levels[1].0.as_u64() > levels[0].0.as_u64());

    // Other settings and another state at once, which give the same value: receivers still get the level.
    let shorter = pass("evt_2", "pass.shortened", 20, 106);
    assert_eq!(world.deliver(&shorter, 3).await, Ok(Outcome::Applied));
    assert_eq!(world.levels()[2].1, json!(109));
}

#[tokio::test]
async fn a_rebuild_by_other_settings_derives_again_and_emits_nothing() {
    let world = World::default();
    let sold = pass("evt_1", "pass.sold", 10, 100);
    world.deliver(&sold, 5).await.expect("applied");
    let emitted = world.bus.details().len();
    // If nothing can be read again, derived values still follow the settings.
    assert_eq!(world.rebuild(5).await, Change::Unfounded);
    assert_eq!(world.rebuild(7).await, Change::Changed);
    assert_eq!(world.derived(), json!({ "until": 107 }));
    assert_eq!(world.projections.of_owner("platform#live#cus_1"), [KEY]);
    // The ledger has the event's body, as in production.
    let body = json!({ "id": "evt_1", "object": "event", "type": "pass.sold", "created": 10, "livemode": true,
        "data": { "object": sold.object } });
    keep(&world, &body).await;
    assert_eq!(world.rebuild(7).await, Change::Same);
    assert_eq!(world.rebuild(9).await, Change::Changed);
    assert_eq!(world.derived(), json!({ "until": 109 }));
    assert_eq!(world.rebuild(9).await, Change::Same);
    assert_eq!(world.bus.details().len(), emitted);
    // Receivers get it with the object's next event, even one that changes nothing.
    assert_eq!(world.deliver(&sold, 9).await, Ok(Outcome::Duplicate));
    assert_eq!(world.levels().last().expect("emitted").1, json!(109));
    assert_eq!(world.bus.details().len(), emitted + 1);
    assert_eq!(world.deliver(&sold, 9).await, Ok(Outcome::Duplicate));
    assert_eq!(world.bus.details().len(), emitted + 1);
}

async fn keep(world: &World, body: &Value) {
    use sluice_kernel::delivery::ledger::Ledger;
    let text = body.to_string();
    let arrival = sluice_harness::build::arrival("evt_1", "attempt", text.as_bytes());
    world.ledger.claim(&arrival).await.expect("claimed");
}

#[tokio::test]
async fn a_fact_that_comes_late_says_how_its_object_stands_and_its_data_stay_the_same() {
    let warning = pass("evt_1", "pass.ending", 10, 100);
    let prolonged = pass("evt_2", "pass.prolonged", 20, 200);
    let mut facts = Vec::new();
    for order in [[&warning, &prolonged], [&prolonged, &warning]] {
        let world = World::default();
        for event in order {
            world.deliver(event, 0).await.expect("taken in");
        }
        let mut details = world.bus.details().into_iter();
        facts.push(details.find(|it| it["class"] == "fact").expect("emitted"));
    }
    assert_eq!(facts[0].get("overtaken"), None);
    assert_eq!(facts[1]["overtaken"], json!({ "status": "prolonged" }));
    assert_eq!(facts[0]["data"], facts[1]["data"]);
    assert_eq!(facts[0]["id"], facts[1]["id"]);
}
