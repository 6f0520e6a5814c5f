//! Deliveries in progress: posted over loopback, retried in compressed time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sluice_stripe::signature::{Tolerance, verify};
use sluice_stripe_sim::delivery::{
    Answered, Clock, Destination, Endpoint, EventsFrom, How, Mix, Order, Outage, Outcome, Pace,
    Payload, Run,
};
use sluice_stripe_sim::{ApiVersion, Options, Scope, Story, World};

use crate::receiver::{Received, Receiver};
use crate::{full_world, played};

/// Three days in less than a second.
const HOUR: Duration = Duration::from_millis(5);

/// Far longer than any of these runs takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn destination(name: &str, receiver: &Receiver, events_from: EventsFrom) -> Destination {
    let endpoint = Endpoint {
        url: receiver.url.clone(),
        secrets: vec![format!("whsec_{name}")],
        events_from,
        livemode: true,
        api_version: ApiVersion::V2025_09_30,
        payload: Payload::Snapshot,
        types: Vec::new(),
    };
    Destination::new(name, endpoint)
}

fn run(destinations: Vec<Destination>) -> Run {
    Run::start(destinations, Clock::hour_lasts(HOUR), 1).expect("sound destinations")
}

fn verifies(received: &Received, secret: &str) -> bool {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let now = i64::try_from(now.as_secs()).expect("before long");
    let header = Some(received.signature.as_bytes());
    verify(&received.body, header, &[secret], now, Tolerance::default()).is_ok()
}

fn outcomes(run: &Run) -> BTreeSet<String> {
    let fates = run.report().fates.into_iter();
    fates.map(|fate| format!("{:?}", fate.outcome)).collect()
}

#[test]
fn a_burst_arrives_whole_over_no_more_connections_than_it_may_have() {
    let receiver = Receiver::start(|_, _| 200);
    let mut world = World::new(5, Options::default());
    world.play_some(60, &[Scope::platform(true)]);
    let mut busy = destination("platform", &receiver, EventsFrom::Platform);
    busy.connections = 4;
    let mut run = run(vec![busy]);
    let mix = Mix {
        order: Order::Shuffled,
        duplicates_percent: 20,
        seed: 3,
    };
    let events = run.send(&world, mix, Pace::AtOnce);
    assert_eq!(events, world.events().len());
    assert!(run.settle(PATIENCE));
    let received = receiver.received();
    let ids: BTreeSet<_> = received.iter().map(|one| &one.id).collect();
    assert_eq!(ids.len(), events);
    let tally = run.tally();
    assert_eq!((tally.acknowledged, tally.posts), (events, received.len()));
    assert_eq!(tally.posts, events + tally.duplicates);
    assert!(tally.duplicates > events / 10);
    assert!((1..=4).contains(&receiver.connections()));
    assert!(received.iter().all(|one| verifies(one, "whsec_platform")));
    // Nothing is planned twice, and later events are planned.
    assert_eq!(run.send(&world, mix, Pace::AtOnce), 0);
    world.play(Story::Purchase, &Scope::platform(true));
    let more = run.send(&world, mix, Pace::PerSecond(500));
    assert_eq!(more, world.events().len() - events);
    assert!(run.settle(PATIENCE));
    assert_eq!(run.report().acknowledged().len(), events + more);
}

#[test]
fn events_outside_of_the_seconds_that_are_asked_for_wait_for_a_later_call() {
    let receiver = Receiver::start(|_, _| 200);
    let world = played(Story::Trial);
    let middle = world.events()[world.events().len() / 2].created;
    let mut run = run(vec![destination(
        "platform",
        &receiver,
        EventsFrom::Platform,
    )]);
    let early = world.events().iter().filter(|one| one.created < middle);
    let early = early.count();
    let send = |run: &mut Run, seconds| run.send_of(&world, seconds, Mix::PLAIN, Pace::AtOnce);
    assert_eq!(send(&mut run, i64::MIN..middle), early);
    assert_eq!(send(&mut run, i64::MIN..middle), 0);
    assert_eq!(
        send(&mut run, middle..i64::MAX),
        world.events().len() - early
    );
    assert!(run.settle(PATIENCE));
    assert_eq!(receiver.received().len(), world.events().len());
}

#[test]
fn what_fails_comes_again_until_it_is_taken_and_is_identified_by_its_delivery() {
    let receiver = Receiver::start(|_, before| [503, 302, 409, 200][before.min(3)]);
    let world = played(Story::Purchase);
    let mut run = run(vec![destination(
        "platform",
        &receiver,
        EventsFrom::Platform,
    )]);
    let events = run.send(&world, Mix::PLAIN, Pace::AtOnce);
    assert!(run.settle(PATIENCE));
    let report = run.report();
    for fate in &report.fates {
        assert_eq!(fate.outcome, Outcome::Acknowledged { delivery: 4 });
        let statuses: Vec<_> = fate.posts.iter().map(|post| &post.answered).collect();
        let taken = Answered::Status {
            status: 200,
            body: "ok".to_owned(),
        };
        assert_eq!((statuses.len(), statuses[3]), (4, &taken));
    }
    let received = receiver.received();
    assert!(received.iter().all(|one| verifies(one, "whsec_platform")));
    let tally = report.tally();
    let answers = ["200", "302", "409", "503"].map(|answer| (answer.to_owned(), events));
    assert_eq!(tally.answers, BTreeMap::from(answers));
    assert_eq!(run.take_posts().len(), events * 4);
    assert_eq!(run.take_posts().len(), 0);
}

#[test]
fn an_answer_after_the_deadline_is_none_and_what_is_never_taken_is_given_up() {
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    // It answers when the test has ended.
    let receiver = Receiver::start(move |_, _| {
        let held = held.lock();
        held.map_or(200, |held| held.recv().map_or(200, |()| 200))
    });
    let world = played(Story::AbandonedCheckout);
    let mut slow = destination("platform", &receiver, EventsFrom::Platform);
    slow.endpoint.livemode = true;
    slow.deadline = Duration::from_millis(20);
    slow.retry = sluice_stripe_sim::delivery::Retry::SANDBOX;
    let mut run = run(vec![slow]);
    run.send(&world, Mix::PLAIN, Pace::AtOnce);
    assert!(run.settle(PATIENCE));
    drop(hold);
    let report = run.report();
    assert!(!report.fates.is_empty());
    for fate in &report.fates {
        assert_eq!((fate.outcome, fate.posts.len()), (Outcome::GivenUp, 4));
    }
    assert!(report.acknowledged().is_empty());
    assert_eq!(report.tally().answers.keys().collect::<Vec<_>>(), ["none"]);
}

#[test]
fn an_answer_that_is_lost_brings_the_event_again_though_it_was_taken() {
    let receiver = Receiver::start(|_, _| 200);
    let world = played(Story::Purchase);
    let mut lossy = destination("platform", &receiver, EventsFrom::Platform);
    let first = Duration::from_secs(60);
    lossy.outages = vec![Outage::whole(Duration::ZERO, first, How::AnswerLost)];
    // Not compressed: all first posts are within the first minute of the run, and their retries would take minutes.
    let mut run = Run::start(vec![lossy], Clock::REAL, 1).expect("sound");
    let events = run.send(&world, Mix::PLAIN, Pace::AtOnce);
    while run.tally().posts < events {
        assert!(!run.settle(Duration::from_millis(20)));
    }
    assert_eq!(receiver.received().len(), events);
    assert_eq!(run.tally().acknowledged, 0);
    assert_eq!(run.tally().waiting, events);
}

#[test]
fn a_rolled_secret_signs_beside_the_old_one_and_then_alone() {
    let world = played(Story::Purchase);
    for (hours, old_signs_on) in [(24, true), (0, false)] {
        let receiver = Receiver::start(|_, _| 200);
        let platform = destination("platform", &receiver, EventsFrom::Platform);
        let mut run = Run::start(vec![platform], Clock::REAL, 1).expect("sound");
        let overlap = Duration::from_secs(hours * 3_600);
        let rolled = run.roll("platform", "whsec_new", overlap);
        rolled.expect("a destination");
        run.send(&world, Mix::PLAIN, Pace::AtOnce);
        assert!(run.settle(PATIENCE));
        assert!(!receiver.received().is_empty());
        for one in receiver.received() {
            assert!(verifies(&one, "whsec_new"));
            assert_eq!(verifies(&one, "whsec_platform"), old_signs_on);
        }
        assert!(run.roll("nobody", "whsec_new", overlap).is_err());
        let days = Duration::from_secs(25 * 3_600);
        assert!(run.roll("platform", "whsec_newer", days).is_err());
    }
}

#[test]
fn destinations_receive_their_own_at_their_versions_and_one_that_fails_holds_up_no_other() {
    let world = full_world(2);
    let broken = Receiver::start(|_, _| 500);
    let good = Receiver::start(|_, _| 200);
    let old = Receiver::start(|_, _| 200);
    let mut aged = destination("aged", &old, EventsFrom::Platform);
    aged.endpoint.api_version = ApiVersion::V2020_08_27;
    let mut run = run(vec![
        destination("connect", &broken, EventsFrom::Connect),
        destination("platform", &good, EventsFrom::Platform),
        aged,
    ]);
    run.send(&world, Mix::PLAIN, Pace::AtOnce);
    assert!(run.settle(PATIENCE));
    let report = run.report();
    let tallies = report.by_destination();
    assert_eq!(
        tallies["connect"].given_up + tallies["connect"].disabled,
        tallies["connect"].events
    );
    for name in ["platform", "aged"] {
        assert_eq!(tallies[name].at_first, tallies[name].events, "{name}");
    }
    let versions = |receiver: &Receiver| -> BTreeSet<String> {
        let received = receiver.received();
        let events = received.iter().map(Received::json);
        events
            .map(|event| event["api_version"].to_string())
            .collect()
    };
    assert_ne!(versions(&good), versions(&old));
    assert_eq!(good.received().len(), old.received().len());
    // Two destinations receive each of the platform's events: the first delivery says 2, and none says more.
    let pending: BTreeSet<_> = [good.received(), old.received()]
        .iter()
        .flatten()
        .map(|one| one.json()["pending_webhooks"].as_u64())
        .collect();
    assert!(pending.is_subset(&[Some(1), Some(2)].into()), "{pending:?}");
    assert!(outcomes(&run).contains("Acknowledged { delivery: 1 }"));
}

#[test]
fn the_world_learns_what_was_delivered() {
    let receiver = Receiver::start(|received, _| {
        if received.json()["type"] == "charge.succeeded" {
            500
        } else {
            200
        }
    });
    let mut world = played(Story::Purchase);
    let mut run = run(vec![destination(
        "platform",
        &receiver,
        EventsFrom::Platform,
    )]);
    run.send(&world, Mix::PLAIN, Pace::AtOnce);
    assert!(run.settle(PATIENCE));
    let posts = run.note_posts(&mut world);
    assert!(posts.len() > world.events().len());
    for event in world.events() {
        let failed = u32::from(event.kind == "charge.succeeded");
        assert_eq!(world.pending_webhooks(&event.id), failed, "{}", event.kind);
    }
}

#[test]
fn destinations_that_cannot_be_are_refused() {
    let receiver = Receiver::start(|_, _| 200);
    let one = || destination("platform", &receiver, EventsFrom::Platform);
    let twice = Run::start(vec![one(), one()], Clock::REAL, 1).expect_err("one name");
    assert_eq!(twice.to_string(), "two destinations are called platform");
    let mut crowded = one();
    crowded.connections = 65;
    assert!(Run::start(vec![crowded], Clock::REAL, 1).is_err());
}
