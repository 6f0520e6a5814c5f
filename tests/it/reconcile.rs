//! The deployed reconcile, with a simulated Stripe that knows which events it sent. Events that were acknowledged and
//! lost, or left undelivered, are recorded, and projections that have drifted are corrected.

use serde_json::{Value, json};
use sluice_adapters::clock::SystemClock;
use sluice_adapters::ledger::DynamoLedger;
use sluice_kernel::delivery::ledger::{Arrival, Ledger};
use sluice_kernel::reconcile::report::{AccountsFrom, Report};
use sluice_local::problem::Problem;
use sluice_local::stack::Options;
use sluice_stripe::event::parse_head;
use sluice_stripe_sim::api::Terms;
use sluice_stripe_sim::server::{Refusal, Server};
use sluice_stripe_sim::{Occurrence, Options as Settings, Scope, Story, World as Stripe};

use crate::replay::{facts, sluice};
use crate::truth::{body, give_key, truth, world_with_key};
use crate::world::{World, eventually, intent, now_s, shared, unique};

/// Reconcile leaves no time for a delivery: an event that isn't recorded now is missing.
pub(crate) fn at_once(options: &mut Options) {
    let settle = ("ReconcileSettleSeconds".to_owned(), "0".to_owned());
    options.parameters.extend([settle]);
}

/// A Stripe that began weeks ago, as its events say, so that its lifecycles are over by now.
pub(crate) fn stripe(seed: u64) -> Stripe {
    let settings = Settings {
        start: now_s() - 25 * 86_400,
        ..Settings::default()
    };
    Stripe::new(seed, settings)
}

impl World {
    fn reconcile(&self) -> Report {
        self.try_reconcile().expect("reconcile runs")
    }

    /// Runs reconcile once; it may fail.
    pub(crate) fn try_reconcile(&self) -> Result<Report, Problem> {
        let function = self.info().functions["reconcile"].clone();
        let report = self.stack(|stack| stack.aws().invoke(&function, &json!({})))?;
        Ok(serde_json::from_value(report).expect("a report"))
    }

    /// Sets a scope's cursor as if the stack had been deployed at that time, before all events.
    pub(crate) fn deployed_at(&self, scope: &Scope, since_s: i64) {
        let account = scope.account.as_deref().unwrap_or("platform");
        self.deployed_as(&format!("{account}#test"), since_s);
    }

    fn deployed_as(&self, cursor: &str, since_s: i64) {
        let document = json!({ "since_s": since_s, "through_s": since_s, "walk": null });
        let item = json!({
            "pk": { "S": "reconcile" }, "sk": { "S": format!("cursor#{cursor}") },
            "doc": { "S": document.to_string() },
        });
        let input = json!({ "TableName": self.info().tables["ledger"], "Item": item });
        self.stack(|stack| stack.aws().json("DynamoDB_20120810.PutItem", &input))
            .expect("a cursor");
    }

    pub(crate) fn deliver_to(&self, stripe: &Stripe, event: &Occurrence) {
        let endpoint = match event.object.scope.account {
            None => "platform",
            Some(_) => "connect",
        };
        let body = body(stripe, event);
        let secret = self.info().webhook_secrets[endpoint].clone();
        let answer = self.deliver_signed(endpoint, body.as_bytes(), &secret, now_s());
        assert_eq!(answer.words(), "accepted");
    }

    pub(crate) fn drained(&self) {
        for queue in sluice_domains::ALL {
            eventually("an empty queue", || (self.depth(queue) == 0).then_some(()));
        }
    }

    pub(crate) fn is_as_stripe_has_it(&self, stripe: &Stripe) {
        for key in stripe.objects() {
            let Some(right) = truth(stripe, key) else {
                continue;
            };
            let document = self.document(right.domain, &right.key);
            assert_eq!(document["state"], right.state, "{key:?}");
        }
    }
}

#[test]
fn events_that_were_acknowledged_and_thrown_away_are_found_and_applied() {
    let mut stripe = stripe(21);
    let scopes = [
        Scope::platform(false),
        stripe.connect(false),
        stripe.connect(false),
    ];
    for scope in &scopes {
        for story in [Story::Purchase, Story::TwoEqualRefunds] {
            stripe.play(story, scope);
        }
    }
    let begun_s = stripe.options().start - 10;
    let server = Server::start(stripe, Terms::default(), 0).expect("a port");
    let world = world_with_key(&server, at_once);
    for scope in &scopes {
        world.deployed_at(scope, begun_s);
    }
    let stripe = server.world();
    let mut thrown_away = 0;
    for (n, event) in stripe.events().iter().enumerate() {
        // An endpoint that answers 200 and loses the event: nothing of that event ever comes here.
        if n % 3 == 0 {
            thrown_away += 1;
        } else {
            world.deliver_to(&stripe, event);
        }
    }
    let all = stripe.events().len() as u64;
    drop(stripe);

    // The domains ask Stripe too, when two events are in one second; the refusal is for reconcile.
    world.drained();
    // Stripe is busy at first: the next run does the rest.
    server.refuse_next(1, &Refusal::rate_limited(1, "global"));
    let first = world.reconcile();
    assert_eq!(first.accounts_code.as_deref(), Some("stripe.rate_limited"));
    // The accounts are known from the deliveries.
    assert_eq!(first.accounts_from, AccountsFrom::Seen);
    std::thread::sleep(std::time::Duration::from_secs(1));
    let second = world.reconcile();
    assert_eq!(second.stopped, None);
    assert_eq!(second.accounts_from, AccountsFrom::Api);
    assert_eq!(first.missing + second.missing, thrown_away);
    assert_eq!(first.recovered + second.recovered, thrown_away);
    // The overlap is an hour: reading all of it again needs an earlier cursor.
    for scope in &scopes {
        world.deployed_at(scope, begun_s);
    }
    let (lines, code) = sluice(&world, &["reconcile", "--run", "--why", "a look"]);
    let (runs, _) = sluice(&world, &["runs"]);
    assert_eq!(
        [
            &runs[0]["kind"],
            &runs[0]["state"],
            &runs[0]["why"],
            &runs[0]["counts"]["seen"]
        ],
        [
            &json!("reconcile"),
            &json!("done"),
            &json!("a look"),
            &json!(all)
        ],
        "{runs:?}"
    );
    let third: Report = serde_json::from_value(lines[0].clone()).expect("a report");
    assert_eq!(
        (lines[0]["completeness_percent"].as_f64(), code),
        (Some(100.0), 0)
    );
    assert_eq!((third.seen, third.missing), (all, 0));
    assert_eq!(third.completeness_percent(), Some(100.0));

    world.drained();
    let stripe = server.world();
    world.is_as_stripe_has_it(&stripe);
    let missed = &stripe.events()[0];
    let on_bus = world.on_bus(&missed.id);
    assert_eq!(on_bus["detail"]["sluice"]["via"], "reconcile");
    for event in stripe.events() {
        let whole = world.state(&event.id);
        assert_eq!(whole.as_deref(), Some("published"), "{}", event.id);
    }
}

#[test]
fn accounts_that_refuse_keep_nothing_of_the_platform_or_of_another_account_out() {
    let mut stripe = stripe(25);
    let scopes = [
        Scope::platform(false),
        stripe.connect(false),
        stripe.connect(false),
        stripe.connect(false),
    ];
    for scope in &scopes {
        stripe.play(Story::Purchase, scope);
    }
    let begun_s = stripe.options().start - 10;
    let all = stripe.events().len() as u64;
    let of = |scope: &Scope| {
        let events = stripe.events().iter();
        events.filter(|event| event.object.scope == *scope).count() as u64
    };
    let reachable = of(&scopes[0]) + of(&scopes[3]);
    let server = Server::start(stripe, Terms::default(), 0).expect("a port");
    let world = world_with_key(&server, at_once);
    for scope in &scopes {
        world.deployed_at(scope, begun_s);
    }
    // A key without the permission for one of them, and one that Stripe limits.
    let refusals = [
        (&scopes[1], Refusal::no_permission(), "stripe.key_refused"),
        (
            &scopes[2],
            Refusal::rate_limited(1, "resource-specific"),
            "stripe.rate_limited",
        ),
    ];
    let account = |scope: &Scope| scope.account.clone().expect("connected");
    for (scope, refusal, _) in &refusals {
        server.refuse_account(&account(scope), Some(refusal.clone()));
    }
    let first = world.reconcile();
    assert_eq!((&first.stopped, first.more), (&None, false), "{first:?}");
    assert_eq!((first.recovered, first.scopes_whole), (reachable, 2));
    for (scope, _, code) in &refusals {
        let key = format!("{}#test", account(scope));
        let failure = first.failures.iter().find(|one| one.scope == key);
        assert_eq!(failure.expect("named").code, *code);
    }
    let second = world.reconcile();
    assert_eq!((second.scopes_failed, second.recovered), (2, 0));
    let since = |report: &Report| report.failures.iter().map(|one| one.since_s).max();
    assert_eq!(
        since(&second),
        since(&first),
        "since the first of the faults"
    );

    for (scope, ..) in &refusals {
        server.refuse_account(&account(scope), None);
    }
    let third = world.reconcile();
    assert_eq!((third.scopes_failed, third.recovered), (0, all - reachable));
    world.drained();
    world.is_as_stripe_has_it(&server.world());
}

#[test]
fn an_endpoint_of_thin_events_gets_the_lost_ones_from_the_list_of_those() {
    let mut stripe = stripe(26);
    let scopes = [Scope::platform(false), stripe.connect(false)];
    for scope in &scopes {
        stripe.play(Story::Purchase, scope);
    }
    let begun_s = stripe.options().start - 10;
    let server = Server::start(stripe, Terms::default(), 0).expect("a port");
    let world = world_with_key(&server, |options| {
        at_once(options);
        let endpoints = json!({
            "platform": { "scope": "both", "livemode": false, "payload": "thin" },
        });
        let parameter = ("Endpoints".to_owned(), endpoints.to_string());
        options.parameters.extend([parameter]);
    });
    for scope in &scopes {
        let account = scope.account.as_deref().unwrap_or("platform");
        world.deployed_as(&format!("{account}#test#thin"), begun_s);
    }
    let stripe = server.world();
    let all = stripe.events().len() as u64;
    let report = world.reconcile();
    assert_eq!((report.missing, report.recovered), (all, all), "{report:?}");
    assert_eq!(report.scopes_failed, 0);
    for event in stripe.events() {
        let thin = world.state(&event.thin_id());
        assert_eq!(thin.as_deref(), Some("published"), "{}", event.kind);
        assert_eq!(world.state(&event.id), None, "{}", event.kind);
    }
    assert_eq!(world.reconcile().missing, 0);
    world.drained();
    world.is_as_stripe_has_it(&stripe);
}

#[test]
fn an_event_that_stripe_failed_to_make_is_made_up_for_by_a_look_at_its_object() {
    let mut stripe = stripe(24);
    let scopes = [Scope::platform(false), stripe.connect(false)];
    for scope in &scopes {
        stripe.play(Story::Purchase, scope);
    }
    let begun_s = stripe.options().start - 10;
    let lost: Vec<_> = scopes
        .iter()
        .map(|scope| {
            let mut events = stripe.events().iter().filter(|event| {
                event.object.scope == *scope && event.kind == "payment_intent.succeeded"
            });
            events.next().expect("a payment").clone()
        })
        .collect();
    for event in &lost {
        let notice = stripe.fail_to_generate(&event.id, 3_600);
        assert!(notice.is_some());
    }
    let server = Server::start(stripe, Terms::default(), 0).expect("a port");
    let world = world_with_key(&server, at_once);
    for scope in &scopes {
        world.deployed_at(scope, begun_s);
    }
    world.deployed_as("ungenerated#test", begun_s);
    let stripe = server.world();
    for event in stripe.events() {
        world.deliver_to(&stripe, event);
    }
    world.drained();
    let report = world.reconcile();
    assert_eq!((report.missing, report.ungenerated), (0, 2), "{report:?}");
    assert_eq!(report.ungenerated_code, None);
    world.drained();
    world.is_as_stripe_has_it(&stripe);
    for event in &lost {
        // What the event would have emitted is emitted.
        let object = &event.object.id;
        let whose = event.object.scope.account.as_deref().unwrap_or("platform");
        let fact = format!("PaymentSucceeded#{whose}#test#{object}");
        eventually("its fact", || {
            facts(&world, object).contains(&fact).then_some(())
        });
    }
}

#[test]
fn an_event_that_an_attempt_died_with_is_put_on_the_bus() {
    let mut stripe = stripe(22);
    stripe.play(Story::Purchase, &Scope::platform(false));
    let begun_s = stripe.options().start - 10;
    let server = Server::start(stripe, Terms::default(), 0).expect("a port");
    let world = world_with_key(&server, at_once);
    world.deployed_at(&Scope::platform(false), begun_s);
    let stripe = server.world();
    for event in stripe.events() {
        let text = body(&stripe, event);
        let arrival = Arrival {
            head: parse_head(text.as_bytes()).expect("an event"),
            endpoint: "platform",
            via: None,
            body: text.as_bytes(),
            attempt: "one that died",
            received_at_ms: now_s() * 1_000 - 60_000,
            lapses_at_ms: now_s() * 1_000 - 30_000,
            expires_at_s: now_s() + 86_400,
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            ledger_only: None,
        };
        let table = world.info().tables["ledger"].clone();
        world
            .with_sdk(async |sdk| {
                let ledger = DynamoLedger::new(sdk, table.clone(), SystemClock);
                ledger.claim(&arrival).await
            })
            .expect("claimed");
    }
    let all = stripe.events().len() as u64;
    let report = world.reconcile();
    assert_eq!(
        (report.stuck, report.recovered, report.missing),
        (all, all, 0)
    );
    world.drained();
    world.is_as_stripe_has_it(&stripe);
}

#[test]
fn a_projection_that_has_drifted_is_corrected_and_reported() {
    let mut stripe = stripe(23);
    stripe.play(Story::Purchase, &Scope::platform(false));
    let begun_s = stripe.options().start - 10;
    let server = Server::start(stripe, Terms::default(), 0).expect("a port");
    let world = world_with_key(&server, at_once);
    world.deployed_at(&Scope::platform(false), begun_s);
    let stripe = server.world();
    for event in stripe.events() {
        world.deliver_to(&stripe, event);
    }
    world.drained();
    let paid = stripe.events().iter().rev();
    let paid = paid
        .filter(|event| event.kind.starts_with("payment_intent."))
        .find_map(|event| truth(&stripe, &event.object));
    let paid = paid.expect("a payment");
    damage(&world, paid.domain, &paid.key);
    let report = world.reconcile();
    assert_eq!(report.missing, 0);
    assert!(report.checked > 0, "{report:?}");
    eventually("the payment as Stripe has it", || {
        let document = world.document(paid.domain, &paid.key);
        (document["state"] == paid.state).then_some(())
    });
    world.drained();
    assert!(world.reconcile().drifted >= Some(1));
}

/// Breaks the state that an item has, as a bug in a domain's code would have: everything else is unchanged.
pub(crate) fn damage(world: &World, domain: &str, key: &str) {
    let table = world.info().tables[domain].clone();
    let mut document = world.document(domain, key);
    let texts = document.to_string().replace("succeeded", "processing");
    let damaged: Value = serde_json::from_str(&texts).expect("JSON");
    assert_ne!(damaged, document);
    document = damaged;
    let input = json!({
        "TableName": table, "Key": { "pk": { "S": key } }, "UpdateExpression": "SET #d = :d",
        "ExpressionAttributeNames": { "#d": "doc" }, "ExpressionAttributeValues": { ":d": { "S": document.to_string() } },
    });
    world
        .stack(|stack| stack.aws().json("DynamoDB_20120810.UpdateItem", &input))
        .expect("damaged");
}

#[test]
fn ties_wait_for_a_key_and_are_settled_as_stripe_has_the_object_once_there_is_one() {
    let mut stripe = stripe(25);
    stripe.play(Story::Purchase, &Scope::platform(false));
    let paid = stripe.events().iter();
    let paid = paid
        .filter(|event| event.kind == "payment_intent.succeeded")
        .find_map(|event| truth(&stripe, &event.object).map(|right| (event, right)));
    let (event, right) = paid.expect("a payment");
    let (object, before_s) = (event.object.id.clone(), event.created - 60);
    let server = Server::start(stripe, Terms::default(), 0).expect("a port");
    let world = World::own(|options| {
        at_once(options);
        let url = ("StripeApiUrl".to_owned(), server.url());
        options.parameters.extend([url]);
    });
    // Two events of one second with no link between them.
    for (kind, status) in [
        ("processing", "processing"),
        ("amount_capturable_updated", "requires_capture"),
    ] {
        let body = intent(&unique("evt"), &object, kind, before_s, status).to_string();
        assert_eq!(world.deliver(&body).words(), "accepted");
    }
    eventually("a guess", || {
        (world.document(right.domain, &right.key)["tie_unresolved"] == true).then_some(())
    });
    world.drained();
    for _ in 0..2 {
        let report = world.reconcile();
        assert_eq!((report.ties, report.ties_without_key), (1, 1));
        assert_eq!(report.checked, 0);
        assert_eq!(report.stopped.as_deref(), Some("reconcile.no_key"));
    }

    give_key(&world, &["payments", "reconcile"]);
    eventually("the payment as Stripe has it", || {
        let report = world.try_reconcile().ok()?;
        assert_eq!(report.ties_without_key, 0);
        world.drained();
        let document = world.document(right.domain, &right.key);
        (document["state"] == right.state).then_some(())
    });
    assert_eq!(
        world.document(right.domain, &right.key)["tie_unresolved"],
        Value::Null
    );
    eventually("no tie", || (world.reconcile().ties == 0).then_some(()));
}

#[test]
fn without_a_key_reconcile_says_so_and_touches_nothing() {
    let report = shared().reconcile();
    assert_eq!(report.stopped.as_deref(), Some("reconcile.no_key"));
    assert_eq!((report.pages, report.checked), (0, 0));
    // The operator's program reports the same, and that there is a problem.
    let (lines, code) = sluice(shared(), &["reconcile", "--last", "1"]);
    assert_eq!((lines.len(), code), (1, 4));
    assert_eq!(lines[0]["stopped"], "reconcile.no_key");
}
