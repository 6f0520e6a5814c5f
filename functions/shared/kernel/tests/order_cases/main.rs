//! The cases of order that are known from practice, in Stripe's own words.

mod fetched;
mod notices;
mod stored;

use serde_json::{Value, json};
use sluice_kernel::consumer::order::candidate::Candidate;
use sluice_kernel::consumer::order::evidence::{Evidence, Head, MEMBERS_MAX};
use sluice_kernel::domain::{Domain, NoSettings, Projected};
use sluice_kernel::effects::effect::{Fact, Level};
use sluice_kernel::event::{Event, Scope};
use sluice_kernel::fault::Fault;

const VERSION: &str = "2026-01-28.clover";
const SECOND: i64 = 1_790_000_000;

/// The domain of these tests keeps the status and the quantity.
fn projected(object: &Value) -> Projected<Value> {
    Projected {
        object: "sub_1".to_owned(),
        terminal: object["status"] == "canceled",
        state: json!([object["status"], object["quantity"]]),
    }
}

struct Plans;

impl Domain for Plans {
    const NAME: &'static str = "plans";
    type State = Value;
    type Settings = NoSettings;

    fn handles(_: &str) -> bool {
        true
    }

    fn project(event: &Event) -> Result<Projected<Value>, Fault> {
        Ok(projected(&event.object))
    }

    fn facts(_: &Event) -> Result<Vec<Fact>, Fault> {
        Ok(Vec::new())
    }

    fn levels(_: Option<&Value>, _: &Value, _: &NoSettings) -> Vec<Level> {
        Vec::new()
    }

    fn is_notice(kind: &str) -> bool {
        kind == "customer.subscription.trial_will_end"
    }

    fn is_closing(kind: &str) -> bool {
        kind == "customer.subscription.left"
    }
}

struct TestEvent {
    id: &'static str,
    kind: &'static str,
    created: i64,
    version: &'static str,
    object: Value,
    previous: Option<Value>,
}

fn updated(id: &'static str, object: Value, previous: Value) -> TestEvent {
    TestEvent {
        id,
        kind: "customer.subscription.updated",
        created: SECOND,
        version: VERSION,
        object,
        previous: Some(previous),
    }
}

fn plain(id: &'static str, kind: &'static str, object: Value) -> TestEvent {
    TestEvent {
        kind,
        previous: None,
        ..updated(id, object, Value::Null)
    }
}

fn candidate(given: &TestEvent) -> Candidate<Value> {
    let event = Event {
        id: given.id.to_owned(),
        kind: given.kind.to_owned(),
        scope: Scope {
            account: None,
            livemode: true,
        },
        created: given.created,
        api_version: Some(given.version.to_owned()),
        request: None,
        object: given.object.clone(),
        previous_attributes: given.previous.clone(),
    };
    Candidate::of_event::<Plans>(&event, projected(&given.object))
}

fn fetched(object: &Value, date: i64, took_ms: u32) -> Candidate<Value> {
    Candidate::fetched(object, Some(VERSION), date, took_ms, projected(object))
}

fn all(candidates: impl IntoIterator<Item = Candidate<Value>>) -> Evidence<Value> {
    let evidence = candidates.into_iter().map(Evidence::of);
    evidence
        .reduce(|all, one| all.merge(&one))
        .expect("a case has candidates")
}

/// The head's event or fetch is decided, in every order of adding, and has this state.
fn decided(given: &[TestEvent], state: Value) {
    let forth = all(given.iter().map(candidate));
    let back = all(given.iter().rev().map(candidate));
    assert_eq!(forth, back);
    match forth.head() {
        Head::Decided(head) => assert_eq!(head.state, state),
        Head::Undecided(_) => panic!("not decided: {forth:#?}"),
    }
}

/// The head is a choice, and the same in every order of adding.
fn undecided(given: &[TestEvent]) -> Value {
    let forth = all(given.iter().map(candidate));
    assert_eq!(forth, all(given.iter().rev().map(candidate)));
    match forth.head() {
        Head::Undecided(head) => head.state.clone(),
        Head::Decided(_) => panic!("decided without evidence: {forth:#?}"),
    }
}

fn subscription(status: &str, quantity: u32) -> Value {
    json!({"id": "sub_1", "status": status, "quantity": quantity, "metadata": {}})
}

#[test]
fn two_updates_of_one_second_are_decided_in_both_orders() {
    decided(
        &[
            updated("evt_2", subscription("active", 2), json!({"quantity": 1})),
            updated("evt_1", subscription("active", 3), json!({"quantity": 2})),
        ],
        json!(["active", 3]),
    );
}

#[test]
fn of_three_updates_the_last_stands_wherever_it_is_delivered() {
    decided(
        &[
            updated(
                "evt_1",
                subscription("past_due", 3),
                json!({"status": "active"}),
            ),
            updated("evt_3", subscription("active", 2), json!({"quantity": 1})),
            updated("evt_2", subscription("active", 3), json!({"quantity": 2})),
        ],
        json!(["past_due", 3]),
    );
}

#[test]
fn two_event_ids_for_one_change_are_no_tie() {
    let one = || updated("evt_1", subscription("active", 2), json!({"quantity": 1}));
    let two = || TestEvent {
        id: "evt_2",
        ..one()
    };
    decided(&[one(), two()], json!(["active", 2]));
    decided(
        &[
            one(),
            two(),
            updated("evt_0", subscription("active", 5), json!({"quantity": 2})),
        ],
        json!(["active", 5]),
    );
}

#[test]
fn a_change_that_is_taken_back_within_its_second_is_not_decided() {
    undecided(&[
        updated("evt_1", subscription("active", 2), json!({"quantity": 1})),
        updated("evt_2", subscription("active", 1), json!({"quantity": 2})),
    ]);
    // The attribute that is put back there is nothing that the domain keeps.
    let with = |key: &str| {
        let mut object = subscription("active", 1);
        object["metadata"][key] = json!("x");
        object
    };
    decided(
        &[
            updated(
                "evt_1",
                with("a"),
                json!({"metadata": {"a": null, "b": "x"}}),
            ),
            updated(
                "evt_2",
                with("b"),
                json!({"metadata": {"b": null, "a": "x"}}),
            ),
        ],
        json!(["active", 1]),
    );
}

#[test]
fn a_change_made_taken_back_and_made_again_is_not_taken_for_two_ids_of_one() {
    undecided(&[
        updated("evt_1", subscription("active", 2), json!({"quantity": 1})),
        updated("evt_2", subscription("active", 3), json!({"quantity": 2})),
        updated("evt_3", subscription("active", 2), json!({"quantity": 3})),
        updated("evt_4", subscription("active", 3), json!({"quantity": 2})),
    ]);
}

#[test]
fn an_update_after_the_deletion_changes_nothing_though_its_second_is_later() {
    decided(
        &[
            plain(
                "evt_1",
                "customer.subscription.deleted",
                subscription("canceled", 1),
            ),
            TestEvent {
                created: SECOND + 2,
                ..updated(
                    "evt_2",
                    subscription("active", 1),
                    json!({"status": "past_due"}),
                )
            },
        ],
        json!(["canceled", 1]),
    );
}

#[test]
fn a_creation_comes_before_all_else_of_its_second() {
    let created = || {
        plain(
            "evt_9",
            "customer.subscription.created",
            subscription("incomplete", 1),
        )
    };
    decided(
        &[
            updated(
                "evt_1",
                subscription("active", 1),
                json!({"status": "incomplete"}),
            ),
            created(),
        ],
        json!(["active", 1]),
    );
    // Without previous_attributes, and in another version, too.
    decided(
        &[
            TestEvent {
                version: "2020-08-27",
                ..plain(
                    "evt_1",
                    "customer.subscription.paused",
                    subscription("paused", 1),
                )
            },
            created(),
        ],
        json!(["paused", 1]),
    );
}

#[test]
fn an_event_beside_the_update_that_it_goes_with_is_no_tie() {
    let update = || {
        updated(
            "evt_1",
            subscription("paused", 1),
            json!({"status": "active"}),
        )
    };
    decided(
        &[
            plain(
                "evt_2",
                "customer.subscription.paused",
                subscription("paused", 1),
            ),
            update(),
        ],
        json!(["paused", 1]),
    );
    decided(
        &[
            plain(
                "evt_3",
                "customer.subscription.resumed",
                subscription("active", 1),
            ),
            update(),
        ],
        json!(["paused", 1]),
    );
}

#[test]
fn two_states_without_a_word_of_what_was_before_are_not_decided() {
    undecided(&[
        plain("evt_1", "charge.succeeded", subscription("active", 1)),
        plain("evt_2", "charge.captured", subscription("active", 2)),
    ]);
}

#[test]
fn an_update_that_no_other_event_leads_up_to_says_nothing_of_the_others_place() {
    // Paused before the update, and resumed by an event that isn't there? Or paused after it?
    undecided(&[
        plain(
            "evt_1",
            "customer.subscription.paused",
            subscription("paused", 1),
        ),
        updated("evt_2", subscription("active", 2), json!({"quantity": 1})),
    ]);
}

#[test]
fn different_api_versions_give_no_evidence() {
    undecided(&[
        updated("evt_1", subscription("active", 3), json!({"quantity": 2})),
        TestEvent {
            version: "2020-08-27",
            ..updated("evt_2", subscription("active", 2), json!({"quantity": 1}))
        },
    ]);
}

#[test]
fn one_event_in_two_api_versions_is_one_event() {
    let newer = || updated("evt_1", subscription("active", 3), json!({"quantity": 2}));
    let mut shape = subscription("active", 3);
    shape["plan"] = json!("plan_1");
    let older = TestEvent {
        version: "2020-08-27",
        object: shape,
        ..newer()
    };
    decided(&[newer(), older], json!(["active", 3]));
}

#[test]
fn previous_attributes_that_leave_something_out_decide_nothing() {
    undecided(&[
        updated("evt_1", subscription("active", 2), json!({"quantity": 1})),
        // The status changed too.
        updated("evt_2", subscription("past_due", 3), json!({"quantity": 2})),
    ]);
}

#[test]
fn a_choice_does_not_depend_on_the_ids_of_the_events() {
    let tie = |ids: [&'static str; 2]| {
        undecided(&[
            updated(ids[0], subscription("active", 2), json!({"quantity": 1})),
            updated(ids[1], subscription("past_due", 3), json!({"quantity": 2})),
        ])
    };
    assert_eq!(tie(["evt_1", "evt_2"]), tie(["evt_2", "evt_1"]));
}

#[test]
fn more_changes_than_are_kept_of_one_second_wait_for_something_later() {
    let ids: Vec<&'static str> = vec![
        "evt_a", "evt_b", "evt_c", "evt_d", "evt_e", "evt_f", "evt_g", "evt_h", "evt_i",
    ];
    assert_eq!(ids.len(), MEMBERS_MAX + 1);
    let changes: Vec<_> = (1..)
        .zip(ids)
        .map(|(quantity, id)| {
            let previous = json!({"quantity": quantity - 1});
            updated(id, subscription("active", quantity), previous)
        })
        .collect();
    decided(&changes[..MEMBERS_MAX], json!(["active", 8]));
    assert_eq!(undecided(&changes), json!(["active", 9]));
    let evidence = all(changes.iter().map(candidate));
    let later = fetched(&subscription("active", 9), SECOND + 2, 300);
    assert!(evidence.add(later).head().is_decided());
}

#[test]
fn an_object_that_is_gone_stays_gone() {
    let gone = Projected {
        object: "sub_1".to_owned(),
        terminal: true,
        state: json!(["canceled", null]),
    };
    let evidence = all([
        candidate(&updated(
            "evt_1",
            subscription("active", 2),
            json!({"quantity": 1}),
        )),
        Candidate::fetched(&Value::Null, Some(VERSION), SECOND, 100, gone),
    ]);
    assert!(evidence.head().is_decided());
    assert_eq!(*evidence.head().state(), json!(["canceled", null]));
}
