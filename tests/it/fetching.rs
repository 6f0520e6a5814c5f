//! The deployed domains with an API key, and a simulated Stripe to ask: whatever the order of delivery, every projection ends
//! as Stripe has the object.

use serde_json::{Value, json};
use sluice_kernel::consume::Event;
use sluice_kernel::domain::Domain;
use sluice_stripe_sim::api::Terms;
use sluice_stripe_sim::server::Server;
use sluice_stripe_sim::{ApiVersion, Moment, Occurrence, Options, Scope, Story, World as Stripe};

use crate::world::{World, eventually, now_s, unique};

/// The name of the secret that holds the API keys.
const KEYS: &str = "stripe-keys";

/// A stack whose domains ask this server, with a key for the test mode.
pub(crate) fn world_with_key(server: &Server) -> World {
    let url = server.url();
    let world = World::own(|options| {
        let arn = format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{KEYS}");
        let parameters = [
            ("ApiKeySecretArn", arn.as_str()),
            ("StripeApiUrl", url.as_str()),
            // Plenty, so that what is shown is the order and not the budget.
            ("FetchesPerSecond", "100"),
            ("MaximumConcurrency", "2"),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        options.parameters.extend(parameters);
    });
    let keys = json!({ "test": "sk_test_Sluice" }).to_string();
    let secret = json!({ "Name": KEYS, "SecretString": keys });
    world
        .stack(|stack| stack.aws().json("secretsmanager.CreateSecret", &secret))
        .expect("a secret");
    world
}

/// The state that Stripe's own object has, by the domain's own code.
fn truth<D: Domain>(stripe: &Stripe, occurrence: &Occurrence) -> Option<(String, Value)>
where
    D::State: serde::Serialize,
{
    if !D::handles(&occurrence.kind) || stripe.is_deleted(&occurrence.object, Moment::End) {
        return None;
    }
    let event = Event {
        id: occurrence.id.clone(),
        kind: occurrence.kind.clone(),
        scope: sluice_kernel::effect::Scope {
            account: None,
            livemode: false,
        },
        created: occurrence.created,
        api_version: None,
        object: stripe.object_at(&occurrence.object, ApiVersion::V2025_09_30, Moment::End)?,
        previous_attributes: None,
    };
    let projected = D::project(&event).expect("readable");
    Some((
        projected.object,
        serde_json::to_value(projected.state).expect("JSON"),
    ))
}

#[test]
fn with_a_key_every_projection_ends_as_stripe_has_it_whatever_the_order() {
    let scope = Scope::platform(false);
    let mut stripe = Stripe::new(7, Options::default());
    for story in [
        Story::BusySecond,
        Story::RenewalRecovered,
        Story::TwoEqualRefunds,
        Story::DisputeWon,
    ] {
        stripe.play(story, &scope);
    }
    let mut bodies: Vec<_> = stripe
        .events()
        .iter()
        .map(|event| stripe.body(event, ApiVersion::V2025_09_30))
        .collect();
    // Backwards: the worst order that there is for whoever goes by arrival.
    bodies.reverse();
    let expected: Vec<(&str, String, Value)> = stripe
        .events()
        .iter()
        .flat_map(|event| {
            let of = |domain, found: Option<(String, Value)>| {
                found.map(|(id, state)| (domain, id, state))
            };
            [
                of("payments", truth::<payments::Payments>(&stripe, event)),
                of("billing", truth::<billing::Billing>(&stripe, event)),
                of(
                    "subscriptions",
                    truth::<subscriptions::Subscriptions>(&stripe, event),
                ),
            ]
        })
        .flatten()
        .collect();
    let end = stripe.end();
    let server = Server::start(stripe, Terms::default(), 0).expect("a port");
    server.set_now(Some(end + 60));
    let world = world_with_key(&server);
    for body in &bodies {
        let answer = world.deliver(std::str::from_utf8(body).expect("JSON"));
        assert_eq!(answer.words(), "accepted");
    }
    for queue in ["payments", "billing", "subscriptions"] {
        eventually("an empty queue", || (world.depth(queue) == 0).then_some(()));
    }
    for (domain, id, state) in &expected {
        let document = world.settled(domain, id);
        assert_eq!(
            (&document["state"], document.get("tie_unresolved")),
            (state, None),
            "{domain} {id}"
        );
    }
    assert!(
        !server.take_asked().is_empty(),
        "the busy second was settled by asking"
    );
}

#[test]
fn a_thin_event_is_applied_by_fetching_its_object() {
    let scope = Scope::platform(false);
    let mut stripe = Stripe::new(8, Options::default());
    stripe.play(Story::Purchase, &scope);
    let intent = stripe
        .events()
        .iter()
        .find(|event| event.kind == "payment_intent.succeeded")
        .expect("paid");
    let id = intent.object.id.clone();
    let (_, state) = truth::<payments::Payments>(&stripe, intent).expect("there");
    let end = stripe.end();
    let server = Server::start(stripe, Terms::default(), 0).expect("a port");
    server.set_now(Some(end + 60));
    let world = world_with_key(&server);
    let event = unique("evt");
    let thin = json!({
        "id": event, "object": "v2.core.event", "type": "v1.payment_intent.succeeded", "livemode": false,
        "created": "2026-01-01T00:00:00.000Z",
        "related_object": { "id": id, "type": "payment_intent", "url": format!("/v1/payment_intents/{id}") },
    });
    assert!(now_s() > end, "the simulated time is behind us");
    assert_eq!(world.deliver(&thin.to_string()).words(), "accepted");
    assert_eq!(world.settled("payments", &id)["state"], state);
    let facts = eventually("the fact", || {
        Some(world.effects(&id)).filter(|facts| !facts.is_empty())
    });
    assert_eq!(facts[0]["detail-type"], "PaymentSucceeded");
}
