//! A search in bodies, by the operator's program and the console: exactly the event that has the value, in each form of
//! storage, and every event once over bounded pages.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_harness::build::noise_body;

use crate::browser::{Browser, between};
use crate::replay::{program, sluice};
use crate::world::{World, intent, now_s, shared, unique};

/// Delivers a payment with this order in its metadata, and this description: its id.
fn ordered(world: &World, order: &str, description: &str) -> String {
    let (event, object) = (unique("evt"), unique("pi"));
    let mut body = intent(&event, &object, "succeeded", now_s(), "succeeded");
    body["data"]["object"]["metadata"] = json!({ "order": order, "my key": "two words" });
    body["data"]["object"]["description"] = description.into();
    assert_eq!(world.deliver(&body.to_string()).words(), "accepted");
    event
}

/// What a search finds, and its last line.
fn search(world: &World, args: &[&str]) -> (Vec<String>, Value) {
    let (mut lines, code) = sluice(world, &[&["event", "search"], args].concat());
    assert_eq!(code, 0);
    let last = lines.pop().expect("a last line")["search"].clone();
    let id = |line: &Value| line["id"].as_str().expect("an id").to_owned();
    (lines.iter().map(id).collect(), last)
}

#[test]
fn a_search_finds_exactly_the_event_with_the_value_also_in_a_compressed_body_and_in_one_of_parts() {
    let world = shared();
    let noise: Value = serde_json::from_slice(&noise_body("evt_search", 700_000)).expect("JSON");
    let noise = noise["data"]["object"]["description"].as_str();
    for description in [
        "a few words",
        &"the same ".repeat(3_000),
        noise.expect("a text"),
    ] {
        let order = unique("order");
        let event = ordered(world, &order, description);
        ordered(world, &format!("{order}-other"), "another");
        let equal = format!("data.object.metadata.order = {order}");
        let (found, last) = search(
            world,
            &[&equal, "--since", "1h", "--type", "payment_intent.*"],
        );
        assert_eq!(found, [event.as_str()]);
        let totals = &last["totals"];
        assert_eq!(
            (&totals["matched"], &last["next"]),
            (&json!(1), &Value::Null)
        );
        assert_eq!(totals["not_json"], 0);
        assert!(totals["looked_at"].as_u64() >= Some(2), "{last}");
        assert!(totals["read_units"].as_f64() > Some(0.5), "{last}");
        assert!(last["dollars"].as_f64() > Some(0.0), "{last}");
        // All conditions have to hold, and a filter narrows what is read.
        let quoted = r#"data.object.metadata."my key" ~ "o w""#;
        let (both, _) = search(world, &[&equal, quoted]);
        assert_eq!(both, [event.as_str()]);
        let (none, _) = search(world, &[&equal, "data.object.amount > 9007199254740993"]);
        assert_eq!(none, [""; 0]);
        let (none, last) = search(world, &[&equal, "--live"]);
        assert_eq!((none.len(), &last["totals"]["looked_at"]), (0, &json!(0)));
    }
}

#[test]
fn bounded_searches_that_go_on_where_the_last_one_ended_look_at_each_event_once() {
    let world = World::own(|_| {});
    let order = unique("order");
    let mut delivered = BTreeSet::new();
    for _ in 0..7 {
        delivered.insert(ordered(&world, &order, ""));
        ordered(&world, "other", "");
    }
    let equal = format!("data.object.metadata.order = {order}");
    for order in [&[][..], &["--oldest-first"]] {
        let (mut all, mut looked_at, mut after) = (Vec::new(), 0, None);
        for _ in 0..20 {
            let place = after.take().map(|place: Value| place.to_string());
            let from: Vec<_> = place.iter().flat_map(|place| ["--after", place]).collect();
            let bounds = [equal.as_str(), "--max-events", "3", "--limit", "0"];
            let (found, last) = search(&world, &[&bounds[..], order, &from].concat());
            all.extend(found);
            looked_at += last["totals"]["looked_at"].as_u64().expect("a count");
            assert!(last["totals"]["looked_at"].as_u64() <= Some(3));
            if last["next"].is_null() {
                break;
            }
            after = Some(last["next"].clone());
        }
        assert_eq!(looked_at, 14);
        assert_eq!(all.len(), delivered.len(), "none twice");
        assert_eq!(BTreeSet::from_iter(all), delivered);
    }
    let (first, last) = search(&world, &[&equal, "--limit", "1"]);
    assert_eq!(first.len(), 1);
    let place = last["next"].to_string();
    let (rest, _) = search(&world, &[&equal, "--limit", "0", "--after", &place]);
    let found: BTreeSet<_> = first.into_iter().chain(rest).collect();
    assert_eq!(found, delivered);

    // The console's search says the same, and what it costs.
    let browser = Browser::open(&world, &[]);
    let query = format!("body=data.object.metadata.order%3D{}", order_of(&equal));
    assert_eq!(browser.status(&format!("/events?{query}")), 303);
    let page = browser.page(&format!("/search?{query}"));
    for event in &delivered {
        assert!(page.contains(event.as_str()), "{event}");
    }
    assert_eq!(
        between(&page, "role=\"status\">", " events looked at"),
        "14"
    );
    assert!(
        page.contains("7 found") && page.contains("$0.0001"),
        "{page}"
    );
    assert!(page.contains("searched to its end"), "{page}");
}

fn order_of(condition: &str) -> &str {
    condition.rsplit(' ').next().unwrap_or_default()
}

#[test]
fn a_condition_that_can_not_be_read_is_refused_with_the_place_of_the_fault() {
    let world = shared();
    for (condition, place) in [
        ("data.object.id =", "character 17"),
        ("a[x] = 1", "character 3"),
    ] {
        let output = program(world, &["event", "search", condition]).output();
        let output = output.expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2));
        assert!(said.contains(place), "{said}");
    }
}
