//! Signed deliveries.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;

use sluice_stripe::signature::{Tolerance, verify};
use sluice_stripe_sim::delivery::{
    Answered, Endpoint, EventsFrom, Mix, Order, Payload, Sender, plan,
};
use sluice_stripe_sim::world::ORGANIZATION;
use sluice_stripe_sim::{ApiVersion, Options, Story, World};

use crate::{full_world, played};

const SECOND: i64 = 1_790_000_000;

fn endpoint(events_from: EventsFrom, livemode: bool) -> Endpoint {
    Endpoint {
        url: "http://127.0.0.1:9".to_owned(),
        secrets: vec!["whsec_new".to_owned(), "whsec_old".to_owned()],
        events_from,
        livemode,
        api_version: ApiVersion::V2025_09_30,
        payload: Payload::Snapshot,
        types: Vec::new(),
    }
}

#[test]
fn signatures_verify_with_each_secret_and_with_no_other() {
    let world = played(Story::Purchase);
    let endpoint = endpoint(EventsFrom::Platform, true);
    for delivery in plan(&world, &endpoint, Mix::PLAIN) {
        let header = endpoint.signature(&delivery.body, SECOND);
        let judge = |secret: &str| {
            let secrets = [secret];
            let header = Some(header.as_bytes());
            verify(
                &delivery.body,
                header,
                &secrets,
                SECOND,
                Tolerance::default(),
            )
        };
        assert!(judge("whsec_new").is_ok());
        assert!(judge("whsec_old").is_ok());
        assert!(judge("whsec_other").is_err());
    }
}

#[test]
fn every_order_delivers_every_event_once_and_the_same_bytes() {
    let world = full_world(1);
    let endpoint = endpoint(EventsFrom::Platform, true);
    let sorted = |order| {
        let mix = Mix {
            order,
            duplicates_percent: 0,
            seed: 4,
        };
        let deliveries = plan(&world, &endpoint, mix);
        let by_id: BTreeMap<_, _> = deliveries
            .iter()
            .map(|one| (one.event.clone(), one.body.clone()))
            .collect();
        assert_eq!(by_id.len(), deliveries.len());
        (by_id, deliveries)
    };
    let (expected, plain) = sorted(Order::AsHappened);
    for order in [Order::Reversed, Order::Shuffled, Order::Jumbled(5)] {
        let (found, deliveries) = sorted(order);
        assert_eq!(found, expected, "{order:?}");
        assert_ne!(deliveries, plain, "{order:?}");
        assert_eq!(deliveries, sorted(order).1, "{order:?} is repeatable");
    }
    let (_, jumbled) = sorted(Order::Jumbled(5));
    for (place, delivery) in plain.iter().enumerate() {
        let other = jumbled.iter().position(|one| one.event == delivery.event);
        assert!(other.unwrap().abs_diff(place) <= 5);
    }
}

#[test]
fn duplicates_come_after_the_first_and_only_then() {
    let world = full_world(1);
    let mix = Mix {
        order: Order::Shuffled,
        duplicates_percent: 50,
        seed: 1,
    };
    let deliveries = plan(&world, &endpoint(EventsFrom::Platform, true), mix);
    let again = deliveries.iter().filter(|one| one.again).count();
    let once = deliveries.len() - again;
    assert!(again > once / 3 && again < once, "{again} of {once}");
    let mut seen = std::collections::BTreeSet::new();
    for delivery in &deliveries {
        assert_eq!(delivery.again, !seen.insert(&delivery.event));
    }
}

#[test]
fn an_endpoint_receives_its_own_scope_and_mode() {
    let world = full_world(1);
    let modes = |events_from, livemode| {
        let endpoint = endpoint(events_from, livemode);
        let events = world
            .events()
            .iter()
            .filter(|event| endpoint.receives(event));
        let scopes: std::collections::BTreeSet<_> = events
            .map(|event| {
                (
                    event.object.scope.account.is_some(),
                    event.object.scope.livemode,
                )
            })
            .collect();
        scopes.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(modes(EventsFrom::Platform, true), [(false, true)]);
    assert_eq!(modes(EventsFrom::Platform, false), [(false, false)]);
    assert_eq!(modes(EventsFrom::Connect, false), [(true, false)]);
    // Live Connect endpoints receive test events too.
    assert_eq!(
        modes(EventsFrom::Connect, true),
        [(true, false), (true, true)]
    );
    assert_eq!(modes(EventsFrom::Organization, true), [(true, true)]);
    assert_eq!(modes(EventsFrom::Organization, false), [(true, false)]);
    let mut picky = endpoint(EventsFrom::Platform, true);
    picky.types = vec!["payout.*".to_owned()];
    assert!(
        plan(&world, &picky, Mix::PLAIN)
            .iter()
            .all(|one| one.kind.starts_with("payout."))
    );
}

#[test]
fn an_organization_is_sent_the_same_events_with_their_account_in_the_context_alone() {
    let mut world = World::new(4, Options::default());
    let scope = world.connect(true);
    world.play(Story::PayoutPaid, &scope);
    let account = scope.account.expect("a connected account");
    for payload in [Payload::Snapshot, Payload::Thin] {
        let [own, organizations] =
            [EventsFrom::Connect, EventsFrom::Organization].map(|events_from| {
                let endpoint = Endpoint {
                    payload,
                    ..endpoint(events_from, true)
                };
                plan(&world, &endpoint, Mix::PLAIN)
            });
        assert!(own.len() > 10 && own.len() == organizations.len());
        for (own, organizations) in own.iter().zip(&organizations) {
            let [mut own, mut theirs] = [own, organizations].map(|delivery| {
                let body: serde_json::Value = serde_json::from_slice(&delivery.body).expect("JSON");
                body
            });
            assert!(theirs.get("account").is_none());
            assert_eq!(theirs["context"], format!("{ORGANIZATION}/{account}"));
            // A connected account's event names the account twice, a thin one by its context.
            assert_eq!(own["context"], account);
            for event in [&mut own, &mut theirs] {
                let fields = event.as_object_mut().expect("an object");
                fields.remove("account");
                fields.remove("context");
            }
            assert_eq!(own, theirs);
        }
    }
}

#[test]
fn versions_of_before_the_context_name_the_account_once() {
    let mut world = World::new(4, Options::default());
    world.connect(true);
    let event = &world.events()[0];
    let old = world.event(event, ApiVersion::V2024_06_20);
    assert!(old["account"].is_string() && old.get("context").is_none());
    let own = played(Story::PayoutPaid);
    assert!(
        own.event(&own.events()[0], ApiVersion::V2025_09_30)
            .get("context")
            .is_none()
    );
}

#[test]
fn what_the_endpoint_answered_is_reported() {
    let world = played(Story::AbandonedCheckout);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut endpoint = endpoint(EventsFrom::Platform, true);
    endpoint.url = format!("http://{}/webhooks", listener.local_addr().expect("bound"));
    let deliveries = plan(&world, &endpoint, Mix::PLAIN);
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let mut reader = BufReader::new(stream);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            if line.trim().is_empty() {
                break;
            }
            head.push(line.trim().to_lowercase());
        }
        let length = head
            .iter()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.expect("a length").parse().expect("a number")];
        reader.read_exact(&mut body).expect("a body");
        let answer = "HTTP/1.1 409 Conflict\r\ncontent-length: 4\r\nconnection: close\r\n\r\nheld";
        reader
            .get_mut()
            .write_all(answer.as_bytes())
            .expect("answered");
        (head, body)
    });
    let sender = Sender::default();
    let answered = sender.deliver(&endpoint, &deliveries, || SECOND);
    let (head, body) = server.join().expect("it served");
    assert_eq!(body, deliveries[0].body);
    assert!(
        head.iter()
            .any(|line| line.starts_with("stripe-signature: t=1790000000,v1="))
    );
    let expected = Answered::Status {
        status: 409,
        body: "held".to_owned(),
    };
    assert_eq!(answered, [expected]);
    assert!(!answered[0].is_success());
    let gone = sender.post(&endpoint, &deliveries[0], SECOND);
    assert!(matches!(gone, Answered::Nothing { .. }));
}
