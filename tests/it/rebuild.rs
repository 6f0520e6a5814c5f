//! A domain's bug is corrected, and a merchant's existing objects are imported: the operator's program as it is built,
//! with a simulated Stripe.

use serde_json::{Value, json};
use sluice_stripe_sim::api::Terms;
use sluice_stripe_sim::server::Server;
use sluice_stripe_sim::{Options as Settings, Scope, Story, World as Stripe};

use crate::reconcile::damage;
use crate::replay::{facts, program, sluice};
use crate::truth::{truth, world_with_key};
use crate::world::{eventually, now_s};

/// A Stripe that began weeks ago, so that its lifecycles are over by now.
fn stripe(seed: u64) -> Stripe {
    let settings = Settings {
        start: now_s() - 60 * 86_400,
        ..Settings::default()
    };
    Stripe::new(seed, settings)
}

#[test]
fn a_bug_in_a_domain_is_put_right_by_a_rebuild_and_emitted_by_a_forced_replay_of_a_filter() {
    let mut stripe = stripe(31);
    stripe.play(Story::Purchase, &Scope::platform(false));
    let server = Server::start(stripe, Terms::default(), 0).expect("a port");
    let world = world_with_key(&server, |_| {});
    let stripe = server.world();
    for event in stripe.events() {
        world.deliver_to(&stripe, event);
    }
    world.drained();
    let event = stripe
        .events()
        .iter()
        .find(|event| event.kind == "payment_intent.succeeded")
        .expect("a payment");
    let right = truth(&stripe, &event.object).expect("its truth");
    let object = &event.object.id;
    eventually("the payment", || {
        (world.document("payments", &right.key)["state"] == right.state).then_some(())
    });
    let fact = format!("PaymentSucceeded#platform#test#{object}");
    eventually("its fact", || {
        (facts(&world, object) == [fact.clone()]).then_some(())
    });
    // By hand, as the state that a bug in the domain's code would have left: the rest of the item is unchanged.
    damage(&world, "payments", &right.key);
    let damaged = world.document("payments", &right.key);

    let (said, _) = sluice(&world, &["rebuild", "payments"]);
    let plan = &said.last().expect("a plan")["rebuild"];
    assert_eq!(
        (&plan["done"], &plan["counts"]["changed"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(world.document("payments", &right.key), damaged);
    // The ledger's bodies alone give the same result.
    let (said, _) = sluice(
        &world,
        &["rebuild", "payments", &right.key, "--without-key"],
    );
    assert_eq!(said[0]["after"], right.state, "{said:?}");

    let why = ["--why", "fixed", "--yes"];
    let (said, code) = sluice(&world, &[&["rebuild", "payments"], &why[..]].concat());
    let done = &said.last().expect("a report")["rebuild"];
    assert_eq!((code, &done["counts"]["changed"]), (0, &json!(1)), "{done}");
    let rebuilt = world.document("payments", &right.key);
    assert_eq!(rebuilt["state"], right.state);
    assert_eq!(rebuilt["facts"], damaged["facts"]);
    assert_eq!(
        facts(&world, object),
        std::slice::from_ref(&fact),
        "nothing is emitted"
    );
    // Resuming a run that is done does nothing.
    let name = done["run"].as_str().expect("a name");
    let (said, code) = sluice(&world, &["rebuild", "payments", "--resume", name, "--yes"]);
    let resumed = &said.last().expect("a report")["rebuild"];
    assert_eq!((code, &resumed["looked"]), (0, &done["looked"]));

    let filter = [
        "replay",
        "--type",
        "payment_intent.succ*",
        "--account",
        "platform",
        "--domain",
        "payments",
        "--force",
    ];
    let (said, code) = sluice(&world, &[&filter[..], &why[..]].concat());
    let run = &said.last().expect("a run")["run"];
    assert_eq!((code, &run["total"]), (0, &json!(1)), "{run}");
    let again = format!("{fact}#{}", run["id"].as_str().expect("a name"));
    eventually("the fact, emitted again", || {
        (facts(&world, object) == [fact.clone(), again.clone()]).then_some(())
    });
    assert_eq!(world.settled("payments", object)["state"], right.state);
}

/// The runbook of a gap says to import, and after a gap no later event brings the change. But an event may be on its
/// way while its object is imported, and is stale when it comes.
#[test]
fn an_import_emits_what_it_corrects_and_an_event_that_comes_after_one_emits_what_it_saw() {
    let mut stripe = stripe(33);
    for _ in 0..2 {
        stripe.play(Story::Trial, &Scope::platform(false));
    }
    let server = Server::start(stripe, Terms::default(), 0).expect("a port");
    let world = world_with_key(&server, |_| {});
    let stripe = server.world();
    let of_kind = |kind: &str| {
        let events = stripe.events().iter().filter(|event| event.kind == kind);
        events.collect::<Vec<_>>()
    };
    let made = of_kind("customer.subscription.created");
    let ends = of_kind("customer.subscription.deleted");
    let before_any_end = ends.iter().map(|end| end.created).min().expect("an end") - 10;
    let [known, imported] = [&made[0], &made[1]];
    assert_ne!(known.object.id, imported.object.id);
    let access = |id: &str| {
        world.see_all_of_the_bus();
        let effects = world.effects(id);
        let last = effects.iter().max_by_key(|it| it["detail"]["seq"].as_u64());
        last.map(|effect| effect["detail"]["data"].clone())
    };
    world.deliver_to(&stripe, known);
    eventually("access by the event", || access(&known.object.id));

    let import = ["import", "--mode", "test", "--kind", "subscription"];
    let why = ["--why", "a gap", "--yes"];
    let import = [&import[..], &why[..]].concat();
    server.set_now(Some(before_any_end));
    assert_eq!(sluice(&world, &import).1, 0);
    assert_eq!(access(&imported.object.id), None);
    world.deliver_to(&stripe, imported);
    let active = eventually("access by the late event", || access(&imported.object.id));

    server.set_now(None);
    assert_eq!(sluice(&world, &import).1, 0);
    for id in [&known.object.id, &imported.object.id] {
        let ended = eventually("the end, by the import alone", || {
            access(id).filter(|access| *access != active)
        });
        let item = world.settled("subscriptions", id);
        assert_eq!(item["state"]["status"], "canceled", "{ended}");
    }
}

#[test]
fn what_a_merchant_had_before_comes_in_silently_and_its_next_event_emits_the_difference() {
    let mut stripe = stripe(32);
    stripe.play(Story::Trial, &Scope::platform(false));
    let account = stripe.connect(false).account.expect("an account");
    let server = Server::start(stripe, Terms::default(), 0).expect("a port");
    let world = world_with_key(&server, |_| {});
    let stripe = server.world();
    let end = stripe
        .events()
        .iter()
        .find(|event| event.kind == "customer.subscription.deleted")
        .expect("an end");
    server.set_now(Some(end.created - 10));
    let import = ["import", "--mode", "test"];
    let (said, _) = sluice(&world, &import);
    let plan = &said.last().expect("a plan")["import"];
    assert_eq!(plan["done"], false);
    assert!(plan["counts"]["made"].as_u64() >= Some(2), "{plan}");
    let subscription = &end.object.id;
    assert!(world.projection("subscriptions", subscription).is_none());

    let why = ["--why", "before go-live", "--yes"];
    let (said, code) = sluice(&world, &[&import[..], &why[..]].concat());
    let done = &said.last().expect("a report")["import"];
    assert_eq!((code, &done["counts"]), (0, &plan["counts"]), "{done}");
    let imported = world.settled("subscriptions", subscription);
    assert_eq!(imported["state"]["status"], "active", "{imported}");
    assert_eq!(imported["history"], json!(["import"]));
    world.see_all_of_the_bus();
    assert!(world.effects(subscription).is_empty(), "nothing is emitted");
    let (said, _) = sluice(&world, &[&import[..], &why[..]].concat());
    let again = &said.last().expect("a report")["import"];
    assert_eq!(again["counts"]["same"], again["looked"], "{again}");
    let connected = world.document("connect", &format!("{account}#test#{account}"));
    if again["looked"].as_u64() > Some(2) {
        assert_eq!(connected["history"], json!(["import"]));
    }

    server.set_now(None);
    world.deliver_to(&stripe, end);
    eventually("the end of the subscription", || {
        let item = world.settled("subscriptions", subscription);
        (item["state"]["status"] == "canceled").then_some(())
    });
    eventually("the difference", || {
        world.see_all_of_the_bus();
        let emitted = world.effects(subscription);
        (!emitted.is_empty()
            && emitted
                .iter()
                .all(|effect| effect["detail-type"] == "Access"))
        .then_some(())
    });
}

#[test]
fn a_rebuild_that_is_killed_before_its_first_page_is_resumed_by_the_name_that_it_gave() {
    let world = crate::world::shared();
    let kill = json!([{ "id": "first-page", "call": "Scan", "times": 1, "do": "kill-before" }]);
    let rules = world.file(&kill.to_string());
    let call = ["rebuild", "billing", "--without-key"];
    let begin = [&call[..], &["--why", "a test", "--yes"]].concat();
    let killed = program(world, &begin)
        .arg("--json")
        .env("SLUICE_FAULTS_FILE", &rules)
        .output()
        .expect("it runs");
    assert_eq!(killed.status.code(), None, "{killed:?}");
    let begun: Value = serde_json::from_slice(&killed.stdout).expect("one line");
    let name = begun["begun"].as_str().expect("a name");

    let (said, code) = sluice(world, &[&call[..], &["--resume", name, "--yes"]].concat());
    let done = &said.last().expect("a report")["rebuild"];
    assert_eq!((code, done["run"].as_str()), (0, Some(name)), "{done}");
}
