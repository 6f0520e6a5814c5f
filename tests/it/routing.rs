//! Where each event type goes: compares the deployed rules with the routing table.
//!
//! The rules are those that the template made, read back from the bus with the queues that they feed, and matched by
//! the local AWS itself (`TestEventPattern`), so the test doesn't interpret patterns itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sluice_domains::{ALL, Answer, Visit, by_name};
use sluice_harness::build::{event, message};
use sluice_harness::bus::MemoryBus;
use sluice_harness::clock::TestClock;
use sluice_harness::ledger::MemoryLedger;
use sluice_harness::outcomes::MemoryOutcomes;
use sluice_harness::projections::MemoryProjections;
use sluice_kernel::bus::route::{Route, RouteShape, route, rows};
use sluice_kernel::code;
use sluice_kernel::consumer::batch::{self, BatchRun, Handled};
use sluice_kernel::consumer::consume::Ports;
use sluice_kernel::consumer::fetch::WithoutKey;
use sluice_kernel::domain::Domain;
use sluice_kernel::outcome::Outcome;
use sluice_kernel::queue::Received;
use sluice_local::aws::Aws;
use sluice_local::build;
use sluice_local::follow::Follower;
use sluice_local::stack::root;

use crate::world::{World, eventually, now_s, shared, unique};

/// A rule that feeds a domain's queue.
struct Rule {
    domain: String,
    pattern: String,
}

impl Rule {
    /// Whether the rule matches events of this source and type.
    fn takes(&self, aws: &Aws, source: &str, kind: &str) -> bool {
        let event = json!({
            "id": "7bf73129-1428-4cd3-a780-95db273d1602", "account": "123456789012", "region": "us-east-1",
            "time": "2026-01-01T00:00:00Z", "resources": [], "source": source, "detail-type": kind,
            "detail": { "sluice": {}, "id": "evt_1", "type": kind },
        });
        let input = json!({ "EventPattern": self.pattern, "Event": event.to_string() });
        let answer = aws
            .json("AWSEvents.TestEventPattern", &input)
            .expect("a pattern that AWS takes");
        answer["Result"].as_bool().expect("yes or no")
    }
}

/// The rules of the bus that feed the domains' queues; the tests' own rules feed the tests' queues.
fn rules(world: &World, aws: &Aws) -> Vec<Rule> {
    let queues = world.info().queues.iter();
    let domains: BTreeMap<_, _> = queues
        .filter(|(name, _)| !name.ends_with("dead_letters"))
        .filter_map(|(domain, url)| Some((url.rsplit('/').next()?, domain)))
        .collect();
    let bus = &world.info().bus;
    let listed = aws
        .json("AWSEvents.ListRules", &json!({ "EventBusName": bus }))
        .expect("rules");
    let mut rules = Vec::new();
    for rule in listed["Rules"].as_array().expect("a list") {
        let input = json!({ "EventBusName": bus, "Rule": rule["Name"] });
        let targets = aws
            .json("AWSEvents.ListTargetsByRule", &input)
            .expect("targets");
        for target in targets["Targets"].as_array().expect("a list") {
            let queue = target["Arn"]
                .as_str()
                .and_then(|arn| arn.rsplit(':').next());
            if let Some(domain) = queue.and_then(|queue| domains.get(queue)) {
                rules.push(Rule {
                    domain: (*domain).clone(),
                    pattern: rule["EventPattern"].as_str().expect("a pattern").to_owned(),
                });
            }
        }
    }
    rules
}

/// The domain that the table names.
fn domain_of(to: Route) -> Option<&'static str> {
    match to {
        Route::Domain(domain) => Some(domain),
        Route::NoDomain(_) | Route::Unrouted => None,
    }
}

/// The domains that get this type, named once per delivery.
fn taken_by<'a>(rules: &'a [Rule], aws: &Aws, kind: &str) -> Vec<&'a str> {
    let taking = rules
        .iter()
        .filter(|rule| rule.takes(aws, "sluice.stripe", kind));
    taking.map(|rule| rule.domain.as_str()).collect()
}

#[test]
fn every_domain_is_among_the_functions_that_are_built() {
    let names = build::names(&root()).expect("the template");
    for domain in ALL {
        assert!(names.iter().any(|name| name == domain), "{domain}");
    }
}

#[test]
fn every_type_lands_exactly_where_the_table_says() {
    let world = shared();
    let aws = Aws::at(&world.info().aws_endpoint_url);
    let rules = rules(world, &aws);
    let table: Vec<_> = rows().collect();
    let judged = table.iter().map(|(kind, _, to)| {
        let wanted: Vec<_> = domain_of(*to).into_iter().collect();
        (*kind, wanted, taken_by(&rules, &aws, kind))
    });
    let wrong: Vec<_> = judged
        .filter(|(_, wanted, taken)| wanted != taken)
        .collect();
    assert!(wrong.is_empty(), "type, wanted, taken by: {wrong:#?}");
    let named: BTreeSet<_> = table
        .iter()
        .filter_map(|(_, _, to)| domain_of(*to))
        .collect();
    let fed: BTreeSet<_> = rules.iter().map(|rule| rule.domain.as_str()).collect();
    assert_eq!(named, fed);
}

#[test]
fn a_domain_handles_what_lands_with_it_and_nothing_that_lands_elsewhere() {
    for (kind, shape, to) in rows() {
        // The domain is asked with the object's type, without the thin event's prefix.
        let asked = kind.strip_prefix("v1.").unwrap_or(kind);
        for domain in ALL {
            let handles = |kind| by_name(domain, Handles(kind)).expect("a domain");
            // The preview of an invoice that doesn't exist yet: no pattern can match `invoice.` without it.
            let is_preview = asked == "invoice.upcoming";
            match domain_of(to) {
                Some(own) => {
                    let wanted = own == domain && !is_preview;
                    assert_eq!(handles(asked), wanted, "{kind} at {domain}");
                }
                None if shape == RouteShape::Snapshot => {
                    assert!(!handles(asked), "{kind} at {domain}")
                }
                None => {}
            }
        }
    }
}

#[test]
fn a_type_of_the_future_lands_in_no_domain_unless_a_domain_has_its_object() {
    let world = shared();
    let aws = Aws::at(&world.info().aws_endpoint_url);
    let rules = rules(world, &aws);
    for kind in [
        "galaxy.moved",
        "v1.galaxy.moved",
        "v2.galaxy.moved",
        "v3.charge.succeeded",
        "v2.core.account.moved",
        "invoices.paid",
        "chargeback.created",
        "balance.moved",
        "v1.balance.moved",
        "customer.moved",
        "customer.passport.created",
        "radar.moved",
        "issuing_authorization.moved",
        "Charge.succeeded",
        "charge",
    ] {
        assert_eq!(route(kind), Route::Unrouted, "{kind}");
        assert!(taken_by(&rules, &aws, kind).is_empty(), "{kind}");
    }
    for (kind, domain) in [
        ("charge.dispute.moved", "payments"),
        ("v1.invoice.moved", "billing"),
        ("customer.subscription.moved", "subscriptions"),
        ("payout.moved", "connect"),
    ] {
        // It is still counted as unrouted, until the table has it.
        assert_eq!(route(kind), Route::Unrouted, "{kind}");
        assert_eq!(taken_by(&rules, &aws, kind), [domain], "{kind}");
    }
}

/// Whether a domain handles events of a type.
struct Handles<'a>(&'a str);

impl Visit for Handles<'_> {
    type Output = bool;

    fn visit<D: Domain>(self) -> bool {
        D::handles(self.0)
    }
}

/// A domain's result for a message.
struct HandledBy(String);

impl Visit for HandledBy {
    type Output = Answer<'static, Handled>;

    fn visit<D: Domain>(self) -> Self::Output {
        Box::pin(handled::<D>(self.0))
    }
}

/// A domain's result for a message, by its own code over in-memory tables.
async fn handled<D: Domain>(text: String) -> Handled {
    let ports = Ports {
        projections: &MemoryProjections::default(),
        bus: &MemoryBus::default(),
        bodies: &MemoryLedger::default(),
        objects: &WithoutKey,
        settings: &D::Settings::default(),
    };
    let run = BatchRun {
        deadline_ms: i64::MAX,
        receives_max: 500,
    };
    let message = Received {
        message_id: "m".to_owned(),
        text,
        receives: 1,
    };
    let outcomes = MemoryOutcomes::default();
    batch::handle::<D>(&ports, &outcomes, &TestClock::default(), &[message], run)
        .await
        .remove(0)
}

#[tokio::test]
async fn a_type_of_the_future_about_another_object_is_ignored_and_counted_by_every_domain_that_it_reaches()
 {
    let mut objects = BTreeSet::new();
    for (kind, shape, to) in rows() {
        let object = kind.rsplit_once('.').map(|(object, _)| object);
        if let (RouteShape::Snapshot, Some(domain), Some(object)) = (shape, domain_of(to), object) {
            objects.insert((domain, object));
        }
    }
    assert!(objects.len() > 20, "{objects:?}");
    for (domain, object) in objects {
        let kind = format!("{object}.frobbed");
        let frob = json!({ "id": "frob_1", "object": "frob" });
        let text = message(&event("evt_1", &kind, now_s(), frob));
        let handled = by_name(domain, HandledBy(text)).expect("a domain").await;
        let handles = by_name(domain, Handles(&kind)).expect("a domain");
        let note = handles.then_some(code::EVENT_UNROUTED);
        assert_eq!(
            (handled.result, handled.note),
            (Ok(Outcome::Ignored), note),
            "{kind} at {domain}"
        );
    }
}

#[test]
fn a_type_of_the_future_that_reaches_a_domain_by_its_prefix_is_ignored_and_counted_there_too() {
    let world = shared();
    let event = unique("evt");
    let body = json!({
        "id": event, "object": "event", "type": "charge.frobbed", "livemode": false, "created": now_s(),
        "data": { "object": { "id": "frob_1", "object": "frob" } },
    });
    let mut lines = Follower::of(world.info());
    assert_eq!(world.deliver(&body.to_string()).words(), "accepted");
    let mut own = Vec::new();
    eventually("ingest's and the domain's lines", || {
        own.extend(lines.poll().expect("readable"));
        own.retain(|line| line.fields["event"] == event);
        (own.len() == 2).then_some(())
    });
    let domain = own.iter().find(|line| line.function == "payments");
    assert_eq!(
        domain.and_then(|line| line.text("outcome")),
        Some("ignored")
    );
    for line in &own {
        assert_eq!(line.text("code"), Some("event.unrouted"), "{line}");
    }
    assert!(world.rejections(&event).is_empty());
}

#[test]
fn effects_never_come_back_into_a_domain() {
    let world = shared();
    let aws = Aws::at(&world.info().aws_endpoint_url);
    for rule in rules(world, &aws) {
        for kind in ["PaymentSucceeded", "Access", "charge.succeeded"] {
            assert!(!rule.takes(&aws, "sluice.effects", kind), "{}", rule.domain);
        }
    }
}

#[test]
fn a_type_of_the_future_is_in_the_ledger_and_on_the_bus_and_is_counted_as_unrouted() {
    let world = shared();
    let event = unique("evt");
    let body = json!({
        "id": event, "object": "event", "type": "galaxy.moved", "livemode": false, "created": now_s(),
        "data": { "object": { "id": "galaxy_1", "object": "galaxy" } },
    });
    let body = body.to_string();
    let mut lines = Follower::of(world.info());
    assert_eq!(world.deliver(&body).words(), "accepted");
    assert_eq!(world.deliver(&body).words(), "duplicate");
    assert_eq!(world.state(&event).as_deref(), Some("published"));
    assert_eq!(world.on_bus(&event)["detail-type"], "galaxy.moved");
    // Its code is what the metric filter counts; the repetition has none.
    let mut codes: Vec<Value> = Vec::new();
    eventually("ingest's line on each delivery", || {
        let new = lines.poll().expect("the logs can be read");
        let own = new.iter().filter(|line| line.fields["event"] == event);
        codes.extend(own.map(|line| line.fields["code"].clone()));
        (codes.len() == 2).then_some(())
    });
    assert_eq!(codes, [json!("event.unrouted"), Value::Null]);
}
