//! Evidence as it is stored with an item.

use super::*;

#[test]
fn evidence_is_written_with_its_state_once() {
    let one = updated("evt_1", subscription("active", 2), json!({"quantity": 1}));
    let single = all([candidate(&one)]);
    let written = serde_json::to_value(&single).unwrap();
    let member = &written["members"][0];
    assert_eq!(
        written,
        json!({
            "state": ["active", 2],
            "second": SECOND,
            "members": [{
                "event": "evt_1",
                "api_version": VERSION,
                "before": member["before"],
                "after": member["after"],
            }],
        })
    );
    let tie = single.add(candidate(&TestEvent {
        version: "2020-08-27",
        ..updated("evt_2", subscription("active", 3), json!({"quantity": 7}))
    }));
    let written = serde_json::to_value(&tie).unwrap();
    assert_eq!(written["state"], *tie.head().state());
    assert_eq!(written["tie_unresolved"], json!(true));
    let members = written["members"].as_array().expect("a list");
    let apart: Vec<_> = members.iter().filter_map(|one| one.get("state")).collect();
    assert_eq!(apart.len(), 1);
    assert_ne!(*apart[0], written["state"]);
}

#[test]
fn evidence_costs_an_item_little_and_can_stand_beside_its_other_fields() {
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Item {
        schema: u32,
        #[serde(flatten)]
        evidence: Evidence<Value>,
        history: Vec<String>,
    }
    let one = updated(
        "evt_1RnXyz2eZvKYlo2C0aBcDeFg",
        subscription("active", 2),
        json!({"quantity": 1}),
    );
    let item = Item {
        schema: 2,
        evidence: all([candidate(&one)]),
        history: vec![one.id.to_owned()],
    };
    let written = serde_json::to_string(&item).unwrap();
    let whole: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(whole["state"], json!(["active", 2]));
    assert_eq!(serde_json::from_str::<Item>(&written).unwrap(), item);
    let evidence = serde_json::to_string(&item.evidence).unwrap().len();
    let state = item.evidence.head().state().to_string().len();
    assert!(
        evidence - state <= 250,
        "{evidence} bytes for {state} of state"
    );
}
