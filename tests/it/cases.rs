//! Cases that must end in the right state, each with a name, through the deployed functions. A simulated Stripe plays
//! lifecycles, its events are delivered in the worst order, and each object's state must be the one at that Stripe.
//!
//! All cases share one stack and one delivery of all events. The platform's events come backwards. Three connected
//! accounts with equal ids have the same busy second: one account's events come in order, one's backwards, and one's
//! with the first update of that second last.

mod meaning;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};
use sluice_stripe_sim::api::Terms;
use sluice_stripe_sim::server::Server;
use sluice_stripe_sim::{Key, Occurrence, Options, Scope, Story, World as Stripe};

use crate::truth::{Right, body, truth, world_with_key};
use crate::world::{World, eventually, now_s, unique};

/// The platform's lifecycles.
const STORIES: [Story; 19] = [
    Story::DeclinedThenPaid,
    Story::TwoEqualRefunds,
    Story::RefundFailsLater,
    Story::DisputeWon,
    Story::PayoutFailsLater,
    Story::Trial,
    Story::TrialCanceled,
    Story::RenewalRecovered,
    Story::HoldReleased,
    Story::HoldCapturedInPart,
    Story::InquiryEscalated,
    Story::DisputeInAnotherCurrency,
    Story::RefundCanceledLater,
    Story::AdaptivePricing,
    Story::MixedIntervals,
    Story::LongLists,
    Story::TrialSwitched,
    Story::UpgradeDeclined,
    Story::CollectionStopped,
];

/// A live endpoint for connected accounts, which also receives their test events.
const LIVE: (&str, &str) = ("connect-live", "whsec_of_the_live_endpoint");

static PLAYED: LazyLock<Played> = LazyLock::new(Played::delivered);

/// A stack to which everything was delivered.
struct Played {
    world: World,
    stripe: Server,
    stories: BTreeMap<Story, Vec<Key>>,
    /// The objects of the busy second, by account.
    alike: Vec<Vec<Key>>,
    /// The second id of the event that says that a payment intent succeeded.
    second_id: String,
}

impl Played {
    fn delivered() -> Self {
        let mut stripe = Stripe::new(11, Options::default());
        let own = Scope::platform(false);
        let stories = STORIES.map(|story| (story, stripe.play(story, &own)));
        let accounts = [(); 3].map(|()| stripe.connect(false));
        let alike = stripe.play_alike(Story::BusySecond, &accounts);
        let end = stripe.end();
        let stripe = Server::start(stripe, Terms::default(), 0).expect("a port");
        stripe.set_now(Some(end + 60));
        let world = world_with_key(&stripe, |options| {
            let endpoints = json!({
                "platform": { "scope": "platform", "livemode": false },
                "connect": { "scope": "connect", "livemode": false },
                LIVE.0: { "scope": "connect", "livemode": true },
            });
            let parameter = ("Endpoints".to_owned(), endpoints.to_string());
            options.parameters.extend([parameter]);
            let secrets = vec![LIVE.1.to_owned()];
            options.secrets.insert(LIVE.0.to_owned(), secrets);
        });
        let second_id = deliver(&world, &stripe.world(), &accounts);
        for queue in sluice_domains::ALL {
            eventually("an empty queue", || (world.depth(queue) == 0).then_some(()));
        }
        world.see_all_of_the_bus();
        Self {
            world,
            stripe,
            stories: stories.into(),
            alike,
            second_id,
        }
    }

    /// The objects of a story with ids of this prefix, in the order in which they were made.
    fn objects(&self, story: Story, prefix: &str) -> Vec<Key> {
        of_kind(&self.stories[&story], prefix)
    }

    fn only(&self, story: Story, prefix: &str) -> Key {
        let mut found = self.objects(story, prefix);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    fn document(&self, right: &Right) -> Value {
        self.world.document(right.domain, &right.key)
    }

    /// The object's state, after checking that it equals Stripe's and isn't a guess.
    fn right(&self, key: &Key) -> Value {
        let right = truth(&self.stripe.world(), key).expect("an object of a domain's");
        let document = self.document(&right);
        assert_eq!(
            (&document["state"], document.get("tie_unresolved")),
            (&right.state, None),
            "{key:?}"
        );
        document["state"].clone()
    }

    /// The object's facts, each once by its id: kinds, sorted.
    fn facts(&self, key: &Key) -> Vec<String> {
        let effects = self.world.effects(&key.id).into_iter();
        let ours = effects.filter(|effect| {
            let detail = &effect["detail"];
            detail["class"] == "fact" && detail["account"] == json!(key.scope.account)
        });
        let by_id: BTreeMap<String, String> = ours
            .map(|effect| {
                let text = |value: &Value| value.as_str().expect("a text").to_owned();
                (text(&effect["detail"]["id"]), text(&effect["detail-type"]))
            })
            .collect();
        let mut kinds: Vec<_> = by_id.into_values().collect();
        kinds.sort();
        kinds
    }

    /// The final value of a receiver of the subscription's levels: the data of the highest `seq`.
    fn access(&self, subscription: &Key) -> Value {
        let effects = self.world.effects(&subscription.id).into_iter();
        let levels = effects.filter(|effect| effect["detail-type"] == "Access");
        let last = levels.max_by_key(|effect| effect["detail"]["seq"].as_u64());
        last.expect("a level")["detail"]["data"].clone()
    }

    fn events_of(&self, key: &Key) -> Vec<Occurrence> {
        let stripe = self.stripe.world();
        let events = stripe.events().iter();
        events
            .filter(|event| event.object == *key)
            .cloned()
            .collect()
    }
}

fn of_kind(keys: &[Key], prefix: &str) -> Vec<Key> {
    let keys = keys.iter();
    keys.filter(|key| key.id.starts_with(prefix))
        .cloned()
        .collect()
}

/// Delivers everything in the worst order. Returns the second id under which one event came.
fn deliver(world: &World, stripe: &Stripe, accounts: &[Scope; 3]) -> String {
    let of = |scope: &Scope| -> Vec<&Occurrence> {
        let events = stripe.events().iter();
        events
            .filter(|event| event.object.scope == *scope)
            .collect()
    };
    let mut second_id = String::new();
    for event in of(&Scope::platform(false)).into_iter().rev() {
        let body = body(stripe, event);
        assert_eq!(world.deliver(&body).words(), "accepted");
        if event.kind == "payment_intent.succeeded" && second_id.is_empty() {
            second_id = unique("evt");
            let again = body.replace(&event.id, &second_id);
            assert_eq!(world.deliver(&again).words(), "accepted");
        }
    }
    let [forwards, backwards, first_last] = accounts;
    let mut orders = [of(forwards), of(backwards), of(first_last)];
    orders[1].reverse();
    let updates = orders[2].iter();
    let first = updates.clone().position(|event| is_busy(event, &orders[2]));
    let first = orders[2].remove(first.expect("a busy second"));
    orders[2].push(first);
    let secret = &world.info().webhook_secrets["connect"];
    for event in orders.into_iter().flatten() {
        let body = body(stripe, event);
        let answer = world.deliver_signed("connect", body.as_bytes(), secret, now_s());
        assert_eq!(answer.words(), "accepted");
    }
    second_id
}

/// Whether it is one of the four updates that the subscription has in one second.
fn is_busy(event: &Occurrence, all: &[&Occurrence]) -> bool {
    let kind = "customer.subscription.updated";
    let together = all.iter().filter(|other| {
        other.kind == kind && other.object == event.object && other.created == event.created
    });
    event.kind == kind && together.count() == 4
}

#[test]
fn an_update_that_comes_after_the_deletion_leaves_it_deleted() {
    let subscription = PLAYED.only(Story::Trial, "sub_");
    let events = PLAYED.events_of(&subscription);
    let kinds: Vec<_> = events.iter().map(|event| &*event.kind).collect();
    assert_eq!(kinds.last(), Some(&"customer.subscription.deleted"));
    assert!(kinds.contains(&"customer.subscription.updated"));
    assert_eq!(PLAYED.right(&subscription)["status"], "canceled");
    assert_eq!(PLAYED.access(&subscription)["products"], json!([]));
}

#[test]
fn an_incomplete_that_comes_after_the_activation_leaves_it_active() {
    let subscription = PLAYED.only(Story::RenewalRecovered, "sub_");
    let created = PLAYED.events_of(&subscription).remove(0);
    let stripe = PLAYED.stripe.world();
    let shown = stripe.shown(&created, crate::truth::VERSION);
    assert_eq!(shown["status"], "incomplete");
    assert_eq!(PLAYED.right(&subscription)["status"], "active");
    let access = PLAYED.access(&subscription);
    assert_eq!(access["products"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_payment_that_failed_before_it_was_paid_stays_paid_and_the_failure_is_emitted_once() {
    let intent = PLAYED.only(Story::DeclinedThenPaid, "pi_");
    assert_eq!(PLAYED.right(&intent)["status"], "succeeded");
    assert_eq!(PLAYED.facts(&intent), ["PaymentFailed", "PaymentSucceeded"]);
}

#[test]
fn two_event_ids_for_one_change_are_two_entries_and_one_fact() {
    let world = &PLAYED.world;
    assert_eq!(world.state(&PLAYED.second_id).as_deref(), Some("published"));
    assert_eq!(world.published(&PLAYED.second_id), 1);
    let seen = world.on_bus(&PLAYED.second_id);
    let id = seen["detail"]["data"]["object"]["id"]
        .as_str()
        .expect("an id");
    let facts = world.effects(id).into_iter();
    let facts = facts.filter(|fact| fact["detail-type"] == "PaymentSucceeded");
    let ids: std::collections::BTreeSet<_> =
        facts.map(|fact| fact["detail"]["id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
}

#[test]
fn two_partial_refunds_of_equal_amounts_that_come_before_their_charge_are_two_refunds() {
    let refunds = PLAYED.objects(Story::TwoEqualRefunds, "re_");
    let states: Vec<_> = refunds.iter().map(|key| PLAYED.right(key)).collect();
    assert_eq!(states.len(), 2);
    assert_eq!(states[0]["amount"], states[1]["amount"]);
    for refund in &refunds {
        assert_eq!(PLAYED.facts(refund), ["Refunded"]);
    }
    let charge = PLAYED.right(&PLAYED.only(Story::TwoEqualRefunds, "ch_"));
    let back = states[0]["amount"].as_i64().map(|amount| 2 * amount);
    assert_eq!(charge["amount_refunded"].as_i64(), back);
}

#[test]
fn a_refund_that_fails_after_it_succeeded_has_failed_and_both_are_emitted() {
    let refund = PLAYED.only(Story::RefundFailsLater, "re_");
    assert_eq!(PLAYED.right(&refund)["status"], "failed");
    assert_eq!(PLAYED.facts(&refund), ["RefundFailed", "Refunded"]);
}

#[test]
fn a_payout_that_fails_after_it_was_paid_has_failed_and_both_are_emitted() {
    let payout = PLAYED.only(Story::PayoutFailsLater, "po_");
    assert_eq!(PLAYED.right(&payout)["status"], "failed");
    assert_eq!(PLAYED.facts(&payout), ["PayoutFailed", "PayoutPaid"]);
}

#[test]
fn a_disputes_money_leaves_and_returns_and_it_opens_and_closes_once() {
    let dispute = PLAYED.only(Story::DisputeWon, "du_");
    let state = PLAYED.right(&dispute);
    assert_eq!(
        (&state["status"], &state["moved"]),
        (&json!("won"), &json!({ "usd": 0 }))
    );
    assert_eq!(PLAYED.facts(&dispute), ["DisputeClosed", "DisputeOpened"]);
}

#[test]
fn an_invoice_that_is_paid_before_it_is_created_is_paid_and_emitted_once() {
    for invoice in PLAYED.objects(Story::RenewalRecovered, "in_") {
        assert_eq!(PLAYED.right(&invoice)["status"], "paid");
        let facts = PLAYED.facts(&invoice);
        let paid = facts.iter().filter(|kind| *kind == "InvoicePaid");
        assert_eq!(paid.count(), 1, "{facts:?}");
    }
}

#[test]
fn a_trials_end_that_comes_after_the_cancelation_is_emitted_and_changes_nothing() {
    let subscription = PLAYED.only(Story::TrialCanceled, "sub_");
    assert_eq!(PLAYED.right(&subscription)["status"], "canceled");
    assert_eq!(PLAYED.facts(&subscription), ["TrialEnding"]);
    assert_eq!(PLAYED.access(&subscription)["products"], json!([]));
}

#[test]
fn a_busy_second_ends_at_its_last_update_forwards_backwards_and_with_the_first_one_last() {
    for account in &PLAYED.alike {
        let [subscription] = &of_kind(account, "sub_")[..] else {
            panic!("one subscription an account");
        };
        let state = PLAYED.right(subscription);
        // The quantity went up and down again in that second.
        let stripe = PLAYED.stripe.world();
        let scope = &subscription.scope;
        let truth = stripe.object(scope.account.as_deref(), false, &subscription.id);
        let truth = truth.expect("there");
        assert_eq!(
            state["items"][0]["quantity"],
            truth["items"]["data"][0]["quantity"]
        );
    }
}

#[test]
fn equal_ids_in_three_connected_accounts_are_three_objects_with_facts_of_their_own() {
    let invoices: Vec<_> = PLAYED
        .alike
        .iter()
        .flat_map(|account| of_kind(account, "in_"))
        .collect();
    assert_eq!(invoices.len(), 3);
    assert!(invoices.iter().all(|invoice| invoice.id == invoices[0].id));
    for invoice in &invoices {
        assert_eq!(PLAYED.right(invoice)["status"], "paid");
        assert_eq!(PLAYED.facts(invoice), ["InvoicePaid"]);
    }
}

#[test]
fn a_live_endpoint_for_connected_accounts_keeps_their_test_events_in_the_ledger_alone() {
    let world = &PLAYED.world;
    let (id, object) = (unique("evt"), unique("pi"));
    let mut event = crate::world::intent(&id, &object, "succeeded", now_s(), "succeeded");
    event["account"] = json!("acct_1");
    let answer = world.deliver_signed(LIVE.0, event.to_string().as_bytes(), LIVE.1, now_s());
    assert_eq!((answer.status, answer.words().as_str()), (200, "accepted"));
    assert_eq!(world.state(&id).as_deref(), Some("ledger_only"));
    world.see_all_of_the_bus();
    assert_eq!(world.published(&id), 0);
}

#[test]
fn every_object_is_as_stripe_has_it_and_stripe_was_asked_for_the_ties() {
    let keys: Vec<_> = PLAYED.stripe.world().objects().cloned().collect();
    let rights = keys
        .iter()
        .filter_map(|key| truth(&PLAYED.stripe.world(), key));
    let mut compared = 0;
    for right in rights {
        let document = PLAYED.document(&right);
        assert_eq!(document["state"], right.state, "{}", right.key);
        assert_eq!(document.get("pending"), None, "{}", right.key);
        compared += 1;
    }
    assert!(compared > 60, "{compared}");
    assert!(!PLAYED.stripe.take_asked().is_empty());
}
