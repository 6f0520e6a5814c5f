//! What giving a message up would lose: the pending effects of its object, for every kind of message.

use serde_json::{Value, json};
use sluice_harness::build::{TRACEPARENT, event, message};
use sluice_harness::clock::{START_MS, TestClock};
use sluice_harness::ledger::MemoryLedger;
use sluice_harness::projections::MemoryProjections;
use sluice_kernel::bus::detail;
use sluice_kernel::consumer::pending;
use sluice_kernel::consumer::projection::Projections;
use sluice_kernel::domain::{Domain, NoSettings, Projected};
use sluice_kernel::effects::effect::{Fact, Level};
use sluice_kernel::event::{Event, Scope};
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;

use crate::code;

/// A domain that keeps a box under its shelf, as a summary is kept under its customer.
struct Boxes;

impl Domain for Boxes {
    const NAME: &'static str = "boxes";
    type State = String;
    type Settings = NoSettings;

    fn handles(kind: &str) -> bool {
        kind.starts_with("box.")
    }

    fn project(event: &Event) -> Result<Projected<String>, Fault> {
        assert!(event.object["status"] != "panics", "the domain's mistake");
        let fields = Fields::of(&event.object);
        let is_gone = fields.flag("deleted");
        Ok(Projected {
            object: format!("shelf:{}", fields.text("id")?),
            terminal: is_gone,
            state: if is_gone {
                "gone"
            } else {
                fields.text("status")?
            }
            .to_owned(),
        })
    }

    fn facts(_: &Event) -> Result<Vec<Fact>, Fault> {
        Ok(Vec::new())
    }

    fn levels(_: Option<&String>, _: &String, _: &NoSettings) -> Vec<Level> {
        Vec::new()
    }
}

/// A message in a thin event's form, with this `related_object`.
fn thin(related: &Value, is_check: bool) -> String {
    let detail = json!({
        "sluice": {
            "account": null, "endpoint": "platform", "livemode": true, "received_at_ms": START_MS,
            "traceparent": TRACEPARENT, "body": "inline", "check": is_check,
        },
        "id": "evt_thin", "object": "v2.core.event", "type": "v1.box.moved", "related_object": related,
    });
    json!({ "detail": detail }).to_string()
}

/// How many effects are found of this message, over a table where the box `box_1` has two pending.
async fn found(text: &str) -> Result<usize, Fault> {
    let projections = MemoryProjections::default();
    let pending = |id: &str| json!({ "id": id, "kind": "Moved", "event": "evt_0", "detail": {} });
    let document = json!({
        "schema": 1, "state": "open", "evidence": { "terminal": false, "created": 1, "event": "evt_0" },
        "history": ["evt_0"], "pending": [pending("a"), pending("b")],
    });
    let key = "platform#live#shelf:box_1";
    let put = projections.put(key, 0, &document.to_string(), None).await;
    assert_eq!(put, Ok(true));
    let message = detail::read(text).expect("a message");
    let (ledger, clock) = (MemoryLedger::default(), TestClock::default());
    pending::effects_of::<Boxes>(&projections, &ledger, &clock, &message).await
}

fn snapshot(object: Value) -> Event {
    event("evt_1", "box.moved", 1, object)
}

#[tokio::test]
async fn pending_effects_are_found_by_the_object_of_a_snapshot_a_thin_event_and_a_check() {
    let related = json!({ "id": "box_1", "type": "box", "url": "/v1/boxes/box_1" });
    let whole = json!({ "id": "box_1", "object": "box", "status": "open" });
    for text in [
        message(&snapshot(whole)),
        thin(&related, false),
        thin(&related, true),
    ] {
        assert_eq!(found(&text).await, Ok(2), "{text}");
    }
}

#[tokio::test]
async fn a_message_that_the_domain_rejects_or_panics_at_says_its_object_all_the_same() {
    for status in [Value::Null, json!("panics")] {
        let object = json!({ "id": "box_1", "object": "box", "status": status });
        let found = found(&message(&snapshot(object))).await;
        match status.is_null() {
            true => assert_eq!(found, Ok(2)),
            // The domain panics at what is left of it too: nothing is known then.
            false => assert_eq!(found.expect_err("unknown").code, code::DOMAIN_PANICKED),
        }
    }
}

#[tokio::test]
async fn a_pointer_names_its_object_although_the_ledger_has_no_body_any_more() {
    let mut text: Value = serde_json::from_str(&message(&snapshot(
        json!({ "id": "box_1", "object": "box" }),
    )))
    .expect("JSON");
    text["detail"]["sluice"]["body"] = json!("ledger");
    assert_eq!(found(&text.to_string()).await, Ok(2));
}

#[tokio::test]
async fn the_effects_of_another_object_mode_or_account_are_none_of_its_own() {
    let whole = json!({ "id": "box_2", "object": "box", "status": "open" });
    assert_eq!(found(&message(&snapshot(whole))).await, Ok(0));
    let mut other = snapshot(json!({ "id": "box_1", "object": "box", "status": "open" }));
    for (account, livemode) in [(None, false), (Some("acct_1".to_owned()), true)] {
        other.scope = Scope { account, livemode };
        assert_eq!(found(&message(&other)).await, Ok(0));
    }
}

#[tokio::test]
async fn a_thin_event_without_an_object_is_applied_to_nothing_and_a_snapshot_without_one_is_unknown()
 {
    assert_eq!(found(&thin(&Value::Null, false)).await, Ok(0));
    let fault = found(&message(&snapshot(Value::Null))).await;
    assert_eq!(fault.expect_err("unknown").code, code::EVENT_NO_OBJECT);
}
