//! A stack that queries a simulated Stripe, and every command that needs that: events that are lost, out of order,
//! thin, or in the same second; reconcile, rebuild, import, shadow, erase.

use serde_json::json;
use sluice_stripe_sim::api::Terms;
use sluice_stripe_sim::server::Server;
use sluice_stripe_sim::world::OWN_ACCOUNT;
use sluice_stripe_sim::{Occurrence, Scope, Story, World as Stripe};

use super::commands::{Call, Form, call, make_all};
use super::files::{Goldens, check};
use super::placeholders::Placeholders;
use super::plain::{settle, wait_for};
use super::stored;
use crate::reconcile::{at_once, damage, stripe};
use crate::truth::{truth, world_with_key};
use crate::world::{World, now_s};

const STORIES: [Story; 6] = [
    Story::Purchase,
    Story::Trial,
    Story::BusySecond,
    Story::DisputeWon,
    Story::PayoutPaid,
    Story::PartialRefund,
];

/// One in this number of events is lost.
const LOST: usize = 9;

fn stack(server: &Server) -> World {
    let world = world_with_key(server, |options| {
        at_once(options);
        for (endpoint, secrets) in &mut options.secrets {
            *secrets = vec![format!("whsec_local_{endpoint}_0123456789abcdef")];
        }
        let endpoints = json!({
            "platform": { "scope": "platform", "livemode": false, "account": OWN_ACCOUNT },
            "connect": { "scope": "connect", "livemode": false },
        });
        let parameter = ("Endpoints".to_owned(), endpoints.to_string());
        options.parameters.extend([parameter]);
    });
    for endpoint in ["platform", "connect"] {
        let url = world.info().url_of(endpoint);
        server.world_mut().add_endpoint(false, &url, &["*"]);
    }
    world
}

/// Delivers an event, and waits until everything that follows has happened.
fn deliver(world: &World, stripe: &Stripe, event: &Occurrence) {
    world.deliver_to(stripe, event);
    wait_for(world, &event.kind);
}

/// Delivers the events of a Stripe: each third pair of neighbours in the wrong order, some not at all, and one only as
/// a thin event.
fn deliver_all(world: &World, stripe: &Stripe) {
    for (pair, events) in stripe.events().chunks(2).enumerate() {
        let mut events: Vec<_> = events.iter().enumerate().collect();
        if pair % 3 == 1 {
            events.reverse();
        }
        for (n, event) in events {
            if (2 * pair + n) % LOST != LOST - 1 {
                deliver(world, stripe, event);
            }
        }
    }
    let lost = stripe.events().iter().skip(LOST - 1).step_by(LOST);
    let mut lost = lost.filter(|event| event.object.scope.account.is_none());
    let thin = lost.find(|event| {
        event.kind.starts_with("payment_intent.") || event.kind.starts_with("charge.")
    });
    let thin = thin.expect("a lost event of a payment");
    let body = String::from_utf8(stripe.thin_body(thin)).expect("JSON");
    assert_eq!(world.deliver(&body).words(), "accepted");
    wait_for(world, &thin.thin_kind());
    settle(world);
}

#[test]
fn what_a_stack_that_asks_stripe_leaves_behind_and_what_commands_say_of_it_is_as_it_was() {
    let begun_s = now_s();
    let mut stripe = stripe(71);
    let scopes = [Scope::platform(false), stripe.connect(false)];
    let start_s = stripe.options().start;
    // The whole story is in the past by now: future times would differ from run to run.
    let mut end_s = start_s + 24 * 86_400;
    for story in STORIES {
        stripe.play_until(story, &scopes[0], end_s);
        end_s -= 3_600;
    }
    stripe.play_until(Story::Purchase, &scopes[1], end_s);
    let server = Server::start(stripe, Terms::default(), 0).expect("a port");
    let world = stack(&server);

    let mut goldens = Goldens::new();
    deliver_all(&world, &server.world());

    let stripe = server.world();
    let id_of = |kind: &str| {
        let found = stripe.events().iter().find(|event| event.kind == kind);
        found.unwrap_or_else(|| panic!("no {kind}")).object.clone()
    };
    let subscription = id_of("customer.subscription.created");
    let customer = stripe
        .object(None, false, &subscription.id)
        .expect("an object")["customer"]
        .clone();
    let customer = customer.as_str().expect("a customer").to_owned();
    let payment = id_of("payment_intent.succeeded");
    let payment = truth(&stripe, &payment).expect("its truth");
    let theirs = stripe
        .events()
        .iter()
        .skip(2)
        .map(|event| event.id.as_str());
    let theirs = world.file(&theirs.collect::<Vec<_>>().join("\n"));
    drop(stripe);
    let placeholders = Placeholders::new(begun_s, Some(start_s)).with_file(&theirs);

    let mut make = |calls: Vec<Call>| {
        goldens.append(&mut make_all(&world, &placeholders, &calls));
        settle(&world);
    };
    let import = "import --mode test --why test --yes";
    make(vec![
        call("doctor", Form::Words, "doctor"),
        call(
            "state-show",
            Form::Both,
            &format!("state show {}", subscription.id),
        ),
        call(
            "access-show",
            Form::Both,
            &format!("access show {customer}"),
        ),
        call("shadow", Form::Both, "shadow --since 100d --until 0s"),
        call(
            "shadow-theirs",
            Form::Both,
            &format!("shadow --theirs {theirs} --since 100d --until 0s"),
        ),
        call("import-plan", Form::Both, "import --mode test"),
        call("rebuild-plan", Form::Both, "rebuild subscriptions"),
    ]);
    for scope in &scopes {
        world.deployed_at(scope, start_s - 10);
    }
    make(vec![call("reconcile-run", Form::Json, "reconcile --run")]);
    make(vec![call(
        "reconcile-run-again",
        Form::Words,
        "reconcile --run",
    )]);
    make(vec![call("reconcile", Form::Both, "reconcile")]);
    damage(&world, "payments", &payment.key);
    make(vec![call(
        "rebuild-plan-damaged",
        Form::Both,
        &format!("rebuild payments {}", payment.key),
    )]);
    make(vec![call(
        "rebuild",
        Form::Json,
        &format!("rebuild payments {} --why test --yes", payment.key),
    )]);
    make(vec![call("import", Form::Json, import)]);
    make(vec![call("import-again", Form::Words, import)]);
    make(vec![call(
        "erase-plan",
        Form::Words,
        &format!("erase {customer}"),
    )]);
    make(vec![call(
        "erase",
        Form::Json,
        &format!("erase {customer} --yes"),
    )]);
    make(vec![call(
        "access-show-erased",
        Form::Json,
        &format!("access show {customer}"),
    )]);
    make(vec![call("runs", Form::Both, "runs")]);
    goldens.append(&mut stored::of(&world, &placeholders, false));
    check("asked", &goldens);
}
