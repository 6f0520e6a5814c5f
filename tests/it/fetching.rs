//! The deployed domains with an API key, and a simulated Stripe: a thin event is applied, though it carries no state.
//! `cases` has ties that are resolved with a key.

use serde_json::json;
use sluice_stripe_sim::api::Terms;
use sluice_stripe_sim::server::Server;
use sluice_stripe_sim::{Options, Scope, Story, World as Stripe};

use crate::truth::{truth, world_with_key};
use crate::world::{eventually, now_s, unique};

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
    let right = truth(&stripe, &intent.object).expect("there");
    let end = stripe.end();
    let server = Server::start(stripe, Terms::default(), 0).expect("a port");
    server.set_now(Some(end + 60));
    let world = world_with_key(&server, |_| {});
    let event = unique("evt");
    let thin = json!({
        "id": event, "object": "v2.core.event", "type": "v1.payment_intent.succeeded", "livemode": false,
        "created": "2026-01-01T00:00:00.000Z",
        "related_object": { "id": id, "type": "payment_intent", "url": format!("/v1/payment_intents/{id}") },
    });
    assert!(now_s() > end, "the simulated time is behind us");
    assert_eq!(world.deliver(&thin.to_string()).words(), "accepted");
    assert_eq!(world.settled("payments", &id)["state"], right.state);
    let facts = eventually("the fact", || {
        Some(world.effects(&id)).filter(|facts| !facts.is_empty())
    });
    assert_eq!(facts[0]["detail-type"], "PaymentSucceeded");
}
