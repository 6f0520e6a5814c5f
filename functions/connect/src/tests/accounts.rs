//! Accounts: when they are ready, and how they disconnect and come back.

use serde_json::{Value, json};
use sluice_effects::check;
use sluice_effects::stories::{self, Played};
use sluice_harness::build::{self, message};
use sluice_harness::bus::MemoryBus;
use sluice_harness::clock::TestClock;
use sluice_harness::ledger::MemoryLedger;
use sluice_harness::outcomes::MemoryOutcomes;
use sluice_harness::projections::MemoryProjections;
use sluice_harness::samples::sample;
use sluice_harness::stripe::MemoryStripe;
use sluice_kernel::clock::Clock as _;
use sluice_kernel::code::{self, Code};
use sluice_kernel::consumer::batch::{self, BatchRun, Handled};
use sluice_kernel::consumer::consume::Ports;
use sluice_kernel::domain::{Domain as _, NoSettings};
use sluice_kernel::effects::effect::{self, Fact};
use sluice_kernel::event::{Event, Scope};
use sluice_kernel::fault::Fault;
use sluice_kernel::queue::Received;

use super::{project, story};
use crate::{AUTHORIZED, Connect, Connected, DEAUTHORIZED};

const ACCOUNT: &str = "acct_1Seller";
const SECOND: i64 = 1_767_700_000;

fn scope() -> Scope {
    Scope {
        account: Some(ACCOUNT.to_owned()),
        livemode: true,
    }
}

/// A ready account, with these fields in place of its own.
fn account(fields: &Value) -> Value {
    let mut account = sample("account.updated").object;
    account["id"] = json!(ACCOUNT);
    for (path, value) in fields.as_object().expect("fields") {
        match path.split_once('/') {
            Some((outer, inner)) => account[outer][inner] = value.clone(),
            None => account[path] = value.clone(),
        }
    }
    account
}

fn of_account(id: &str, kind: &str, created: i64, object: Value) -> Event {
    Event {
        scope: scope(),
        ..build::event(id, kind, created, object)
    }
}

fn updated(id: &str, created: i64, fields: &Value) -> Event {
    of_account(id, "account.updated", created, account(fields))
}

fn application(id: &str, kind: &str, created: i64) -> Event {
    let application = json!({ "id": "ca_1", "object": "application", "name": "A Platform" });
    of_account(id, kind, created, application)
}

/// The data of the level that this state calls for, which fits its schema.
fn level_of(state: &Connected, event: &Event) -> Value {
    let mut levels = Connect::levels(None, state, &NoSettings {});
    assert_eq!(levels.len(), 1);
    let level = levels.remove(0);
    assert_eq!(level.key, ACCOUNT);
    let data = level.data.clone();
    check(&effect::pending_level(level, event, 1, None)).expect("it fits its schema");
    data
}

/// The level of an account with these fields.
fn level(fields: &Value) -> Value {
    let event = updated("evt_1", SECOND, fields);
    level_of(&project(&event).2, &event)
}

#[test]
fn an_account_is_ready_once_nothing_is_due_or_disabled_and_all_that_it_requested_is_active() {
    assert_eq!(level(&json!({}))["ready"], true);
    for fields in [
        json!({ "requirements/currently_due": ["external_account"] }),
        json!({ "requirements/past_due": ["external_account"] }),
        json!({ "requirements/disabled_reason": "requirements.pending_verification" }),
        json!({ "payouts_enabled": false }),
        json!({ "capabilities": { "card_payments": "active", "transfers": "pending" } }),
        json!({ "capabilities": { "card_payments": "inactive", "transfers": "active" } }),
    ] {
        assert_eq!(level(&fields)["ready"], false, "{fields}");
    }
    // What isn't due yet doesn't matter, and neither does what wasn't requested.
    for fields in [
        json!({ "requirements/eventually_due": ["individual.id_number"] }),
        json!({ "future_requirements/currently_due": ["individual.id_number"] }),
        json!({ "requirements/pending_verification": ["individual.verification.document"] }),
        json!({ "capabilities": { "card_payments": "active", "tax_reporting_us_1099_k": "unrequested" } }),
    ] {
        assert_eq!(level(&fields)["ready"], true, "{fields}");
    }
}

#[test]
fn a_recipient_is_ready_without_charges_and_says_that_it_may_receive_transfers() {
    let recipient = json!({ "charges_enabled": false, "capabilities": { "transfers": "active" } });
    let data = level(&recipient);
    assert_eq!(
        [&data["ready"], &data["charges_enabled"], &data["transfers"]],
        [&json!(true), &json!(false), &json!(true)]
    );
    assert_eq!(data["inactive_capabilities"], json!([]));

    let pending = json!({ "charges_enabled": false, "capabilities": { "transfers": "pending" } });
    let data = level(&pending);
    assert_eq!(
        [&data["ready"], &data["transfers"]],
        [&json!(false), &json!(false)]
    );
    assert_eq!(data["inactive_capabilities"], json!(["transfers"]));
}

#[test]
fn an_account_that_lists_no_capabilities_is_judged_by_charges_and_payouts() {
    for capabilities in [Value::Null, json!({})] {
        let of = |charges: bool| {
            level(&json!({ "capabilities": capabilities, "charges_enabled": charges }))
        };
        assert_eq!(
            [of(true), of(false)].map(|data| data["ready"].clone()),
            [json!(true), json!(false)]
        );
        assert_eq!(of(true)["transfers"], Value::Null);
    }
}

fn readies(played: &Played<Connected>) -> Vec<(bool, bool)> {
    let flag = |data: &Value, name: &str| data[name].as_bool().expect("a flag");
    let data = played.levels.iter().map(|level| &level.detail["data"]);
    let mut said: Vec<_> = data
        .map(|data| (flag(data, "ready"), flag(data, "disconnected")))
        .collect();
    said.dedup();
    said
}

fn play(events: &[Event]) -> Played<Connected> {
    stories::play::<Connect>(events).expect("nothing is refused")
}

#[test]
fn the_lifecycles_of_accounts_emit_when_they_are_ready_and_when_they_have_left() {
    let (not, ready, left) = ((false, false), (true, false), (false, true));
    for (name, expected) in [
        ("Onboarding", &[not, ready][..]),
        ("RecipientOnboarding", &[not, ready]),
        ("Restricted", &[not, ready, not, ready]),
        ("Reconnecting", &[not, ready, left, not]),
        ("Offboarding", &[not, ready, not, left]),
    ] {
        assert_eq!(readies(&play(&story(name))), expected, "{name}");
    }
}

#[test]
fn an_account_that_disconnected_is_not_ready_however_late_its_updates_come() {
    let before = updated("evt_z", SECOND - 60, &json!({}));
    let left = application("evt_a", DEAUTHORIZED, SECOND);
    let key = format!("{ACCOUNT}#live#{ACCOUNT}");
    // The same holds within the disconnection's own second, and by ids of either order.
    for id in ["evt_0", "evt_z"] {
        let same = updated(id, SECOND, &json!({ "metadata": { "note": "changed" } }));
        for order in [
            [&before, &left, &same],
            [&left, &same, &before],
            [&same, &before, &left],
        ] {
            let played = play(&order.map(Event::clone));
            let state = &played.states[&key];
            assert_eq!(
                (&*state.object, &*state.status),
                ("account", "deauthorized")
            );
            let data = level_of(state, &left);
            assert_eq!(
                [&data["ready"], &data["disconnected"]],
                [&json!(false), &json!(true)]
            );
            assert_eq!(data["transfers"], false);
            assert_eq!(
                played.states.len(),
                1,
                "the application has no item beside it"
            );
        }
    }
}

#[test]
fn an_account_that_comes_back_is_ready_when_an_update_shows_it_and_not_before() {
    let ready = updated("evt_1", SECOND, &json!({}));
    let left = application("evt_2", DEAUTHORIZED, SECOND + 60);
    let back = application("evt_3", AUTHORIZED, SECOND + 120);
    let shown = updated("evt_0", SECOND + 120, &json!({}));
    let mut events = vec![ready, left, back.clone()];
    let played = play(&events);
    assert_eq!(
        readies(&played),
        [(true, false), (false, true), (false, false)]
    );
    // The update in the same second as the connection says more than the connection.
    events.push(shown);
    let played = play(&events);
    assert_eq!(readies(&played).last(), Some(&(true, false)));
    events.reverse();
    assert_eq!(play(&events).states, played.states);
    let state = played.states.values().next().expect("the account");
    assert_eq!(level_of(state, &back)["ready"], true);
}

#[test]
fn a_payout_that_came_back_overtakes_that_it_was_paid() {
    let paid = sample("payout.paid");
    let fact = || -> Fact { Connect::facts(&paid).expect("readable").remove(0) };
    let state = |status: &str| {
        let mut event = paid.clone();
        event.object["status"] = json!(status);
        project(&event).2
    };
    assert_eq!(Connect::overtaken(&fact(), &state("paid")), None);
    assert_eq!(Connect::overtaken(&fact(), &state("in_transit")), None);
    let overtaken = Connect::overtaken(&fact(), &state("failed"));
    assert_eq!(overtaken.as_deref(), Some("failed"));
    let failed = Fact {
        kind: "PayoutFailed",
        ..fact()
    };
    assert_eq!(Connect::overtaken(&failed, &state("failed")), None);

    let mut events = story("PayoutFailsLater");
    events.reverse();
    let played = play(&events);
    let paid = played.facts.values().find(|fact| fact.kind == "PayoutPaid");
    assert_eq!(
        paid.expect("it was paid").detail["overtaken"]["status"],
        "failed"
    );
}

#[test]
fn a_payout_without_a_status_is_kept_as_unknown() {
    let mut event = sample("payout.paid");
    event.object["status"] = Value::Null;
    let (_, terminal, state) = project(&event);
    assert_eq!((terminal, &*state.status), (false, "unknown"));
    assert_eq!(Connect::facts(&event), Ok(Vec::new()));
}

/// The deployed parts in memory, with what Stripe answers.
struct Consumer {
    projections: MemoryProjections,
    bus: MemoryBus,
    stripe: MemoryStripe,
}

impl Consumer {
    fn with(stripe: MemoryStripe) -> Self {
        Self {
            projections: MemoryProjections::default(),
            bus: MemoryBus::default(),
            stripe,
        }
    }

    async fn handle(&self, event: &Event) -> Handled {
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
            text: message(event),
            receives: 1,
        };
        let run = BatchRun {
            deadline_ms: clock.now_ms() + 60_000,
            receives_max: 500,
        };
        let mut handled =
            batch::handle::<Connect>(&ports, &outcomes, &clock, &[received], run).await;
        handled.remove(0)
    }

    /// The last level, and the code of the log line.
    async fn said(&self, event: &Event) -> (Value, Option<Code>) {
        let handled = self.handle(event).await;
        assert!(handled.result.is_ok(), "{:?}", handled.result);
        let data = self.bus.details().last().expect("a level")["data"].clone();
        (data, handled.note)
    }
}

#[tokio::test]
async fn with_a_key_an_account_that_connects_is_ready_at_once_if_stripe_shows_that_it_is() {
    let consumer = Consumer::with(MemoryStripe::at(SECOND + 30));
    consumer.stripe.put(&scope(), account(&json!({})));
    let (level, note) = consumer
        .said(&application("evt_1", AUTHORIZED, SECOND))
        .await;
    assert_eq!((&level["ready"], note), (&json!(true), None));
    let asked = consumer.stripe.take_asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (&*asked[0].kind, asked[0].id.as_deref()),
        ("account", Some(ACCOUNT))
    );

    // It leaves: nothing is asked for, since Stripe wouldn't show it.
    let (level, note) = consumer
        .said(&application("evt_2", DEAUTHORIZED, SECOND + 60))
        .await;
    assert_eq!((&level["disconnected"], note), (&json!(true), None));
    assert!(consumer.stripe.take_asked().is_empty());
    // An event that is delivered again, or an earlier update, asks for nothing and changes nothing.
    consumer
        .handle(&application("evt_1", AUTHORIZED, SECOND))
        .await;
    consumer
        .handle(&updated("evt_0", SECOND + 59, &json!({})))
        .await;
    assert!(consumer.stripe.take_asked().is_empty());
    assert_eq!(
        consumer.bus.details().last().expect("a level")["data"],
        level
    );
}

#[tokio::test]
async fn without_a_key_an_account_that_connects_is_noted_as_known_in_part() {
    let refused = MemoryStripe::at(SECOND);
    refused.then(Err(Fault::retry(
        code::STRIPE_ACCOUNT_UNREACHABLE,
        "it left again",
    )));
    for (stripe, code) in [
        (MemoryStripe::without_key(), code::OBJECT_PARTIAL),
        (refused, code::STRIPE_ACCOUNT_UNREACHABLE),
    ] {
        let consumer = Consumer::with(stripe);
        let (level, note) = consumer
            .said(&application("evt_1", AUTHORIZED, SECOND))
            .await;
        assert_eq!(
            (&level["ready"], &level["disconnected"]),
            (&json!(false), &json!(false))
        );
        assert_eq!(note, Some(code));
    }
}

#[tokio::test]
async fn the_platforms_own_application_is_kept_and_asked_for_in_vain() {
    let consumer = Consumer::with(MemoryStripe::without_key());
    for kind in [AUTHORIZED, DEAUTHORIZED] {
        let mut own = application("evt_1", kind, SECOND);
        own.scope.account = None;
        own.id = kind.to_owned();
        let handled = consumer.handle(&own).await;
        assert!(handled.result.is_ok() && handled.note != Some(code::OBJECT_PARTIAL));
    }
    assert!(consumer.bus.details().is_empty());
    assert!(
        consumer
            .projections
            .items()
            .contains_key("platform#live#ca_1")
    );
}
