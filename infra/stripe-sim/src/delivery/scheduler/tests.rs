//! The scheduler against receivers of every kind, in Stripe's time and in no real time.

use fastrand::Rng;
use proptest::prelude::*;

use super::*;
use crate::delivery::clock::HOUR;
use crate::delivery::endpoint::{DISABLE_AFTER, Endpoint, EventsFrom, Payload};
use crate::delivery::outage::Outage;
use crate::delivery::plan::Order;
use crate::delivery::report::{Report, Tally};
use crate::delivery::retry::Retry;
use crate::version::ApiVersion;

fn destination(name: &str, livemode: bool) -> Destination {
    let endpoint = Endpoint {
        url: "http://127.0.0.1:9".to_owned(),
        secrets: vec!["whsec_a".to_owned()],
        events_from: EventsFrom::Platform,
        livemode,
        api_version: ApiVersion::V2025_09_30,
        payload: Payload::Snapshot,
        types: Vec::new(),
    };
    Destination::new(name, endpoint)
}

fn events(numbers: Range<usize>) -> Vec<NewEvent> {
    let event = |number| NewEvent {
        event: format!("evt_{number}"),
        kind: "charge.succeeded".to_owned(),
        body: b"{\n  \"id\": \"evt\",\n  \"pending_webhooks\": 1\n}".to_vec(),
    };
    numbers.map(event).collect()
}

fn status(status: u16) -> Answered {
    Answered::Status {
        status,
        body: String::new(),
    }
}

const MIX: Mix = Mix {
    order: Order::Shuffled,
    duplicates_percent: 25,
    seed: 1,
};

/// Posts until nothing is left, with this number of posts in flight, answered in any order; an answer takes a second.
fn play(
    scheduler: &mut Scheduler,
    in_flight: usize,
    dice: &mut Rng,
    mut answer: impl FnMut(&Posting, Duration) -> Answered,
) -> Duration {
    let mut now = Duration::ZERO;
    let mut flying: Vec<Posting> = Vec::new();
    loop {
        let mut soonest = None;
        for place in 0..scheduler.seats.len() {
            while flying.len() < in_flight {
                match scheduler.next(place, now) {
                    Next::Post(posting) => flying.push(*posting),
                    Next::At(at) => {
                        soonest = Some(soonest.map_or(at, |other: Duration| other.min(at)));
                        break;
                    }
                    Next::Nothing => break,
                }
            }
        }
        if !flying.is_empty() {
            let posting = flying.swap_remove(dice.usize(..flying.len()));
            now += Duration::from_secs(1);
            let answered = answer(&posting, now);
            scheduler.answered(&posting, answered, 0, now);
        } else if let Some(at) = soonest {
            now = at;
        } else {
            return now;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the receivers answer: an event is acknowledged exactly if one answer was 2xx, and given up exactly if
    /// all of its tries failed. Nothing is retried after it was acknowledged.
    #[test]
    fn every_event_ends_as_its_answers_say(
        seed: u64,
        failing in 0_u8..=100,
        livemode: bool,
        in_flight in 1_usize..6,
    ) {
        let mut scheduler = Scheduler::new(vec![destination("a", livemode)], seed);
        // Another test covers disabled endpoints.
        scheduler.destination_mut(0).disable_after = Duration::MAX;
        scheduler.add(0, events(0..40), Mix { seed, ..MIX }, |place| HOUR * u32::try_from(place).expect("small") / 4);
        let mut dice = Rng::with_seed(seed);
        let mut chance = Rng::with_seed(!seed);
        play(&mut scheduler, in_flight, &mut dice, |_, _| match chance.u8(0..100) < failing {
            true if chance.bool() => Answered::Nothing { cause: "cut off".to_owned() },
            true => status([301, 400, 409, 500, 503][chance.usize(..5)]),
            false => status(200),
        });
        prop_assert!(scheduler.is_settled());
        let tries = Retry::of(livemode).tries() as usize;
        for fate in Report::of(&scheduler).fates {
            let firm: Vec<_> = fate.posts.iter().filter(|post| !post.again).collect();
            let taken = fate.posts.iter().position(|post| post.answered.is_success());
            match fate.outcome {
                Outcome::Acknowledged { delivery } => {
                    let taken = taken.expect("something was taken");
                    prop_assert_eq!(fate.posts[taken].number, delivery);
                    let acknowledged = fate.posts[taken].at + Duration::from_secs(1);
                    let latest = firm.iter().map(|post| post.at).max();
                    // Posts that were in flight may be answered later.
                    prop_assert!(latest < Some(acknowledged + Duration::from_secs(in_flight as u64)));
                }
                Outcome::GivenUp => prop_assert_eq!((taken, firm.len()), (None, tries)),
                other => prop_assert!(false, "{:?} is no end", other),
            }
            prop_assert!(firm.len() <= tries);
            let retry = Retry::of(livemode);
            for (pair, tried) in firm.windows(2).zip(1..) {
                let least = retry.after(tried, 0, 0).expect("there was one more") / 10 * 8;
                prop_assert!(pair[1].at - pair[0].at >= least);
            }
        }
    }

    /// An endpoint that fails for less than Stripe's retry period gets everything in the end, whatever the kind of
    /// outage.
    #[test]
    fn an_outage_of_up_to_two_days_loses_nothing(
        seed: u64,
        from in 0_u32..12,
        hours in 1_u32..48,
        how in prop_oneof![Just(How::Refused), Just(How::Silent), Just(How::Status(503)), Just(How::AnswerLost)],
    ) {
        let mut hit = destination("a", true);
        hit.outages = vec![Outage::whole(HOUR * from, HOUR * (from + hours), how)];
        let mut scheduler = Scheduler::new(vec![hit], seed);
        scheduler.add(0, events(0..30), Mix { seed, ..MIX }, |place| HOUR * u32::try_from(place).expect("small"));
        play(&mut scheduler, 3, &mut Rng::with_seed(seed), |posting, _| match posting.trouble {
            None => status(200),
            Some(_) => status(500),
        });
        let report = Report::of(&scheduler);
        prop_assert_eq!(report.tally().acknowledged, 30);
        prop_assert_eq!(report.acknowledged().len(), 30);
    }

    /// The run depends on the seed and on the answers, and on nothing else.
    #[test]
    fn one_seed_plays_one_run(seed: u64) {
        let run = || {
            let mut scheduler = Scheduler::new(vec![destination("a", true), destination("b", false)], seed);
            for place in 0..2 {
                scheduler.add(place, events(0..20), Mix { seed, ..MIX }, |_| Duration::ZERO);
            }
            let mut chance = Rng::with_seed(seed);
            play(&mut scheduler, 2, &mut Rng::with_seed(seed), |_, _| status(chance.choice([200, 500]).expect("two")));
            scheduler.posts
        };
        prop_assert_eq!(run(), run());
    }
}

#[test]
fn pending_webhooks_count_down_in_the_bytes_and_stay_where_one_gave_up() {
    let mut scheduler = Scheduler::new(vec![destination("a", true), destination("b", false)], 1);
    for place in 0..2 {
        scheduler.add(place, events(0..1), Mix::PLAIN, |_| {
            HOUR * u32::try_from(place).expect("small")
        });
    }
    // A duplicate, much later.
    scheduler.queue(0, HOUR * 100, 0, true);
    scheduler.repeats_queued += 1;
    let mut bytes = Vec::new();
    play(&mut scheduler, 1, &mut Rng::with_seed(1), |posting, _| {
        let body = String::from_utf8(posting.body.clone()).expect("text");
        bytes.push(body.replace(['\n', ' '], ""));
        // The first destination acknowledges at once, the second at its third try.
        status(if posting.task == 1 && posting.number < 3 {
            500
        } else {
            200
        })
    });
    let body = |pending| format!("{{\"id\":\"evt\",\"pending_webhooks\":{pending}}}");
    assert_eq!(bytes, [2, 1, 1, 1, 0].map(body));
}

#[test]
fn only_the_event_s_own_pending_webhooks_is_counted_down() {
    let inside = "{\n  \"data\": {\n    \"pending_webhooks\": 7\n  }\n}";
    assert_eq!(pending_at(inside.as_bytes()), None);
    let own = "{\n  \"data\": {\n    \"pending_webhooks\": 7\n  },\n  \"pending_webhooks\": 12\n}";
    let at = pending_at(own.as_bytes()).expect("it is there");
    assert_eq!(&own[at], "12");
}

#[test]
fn days_of_failing_disable_an_endpoint_and_what_is_made_then_is_never_sent() {
    let mut lasting = destination("a", true);
    lasting.enable_after = Some(HOUR * 24);
    let mut scheduler = Scheduler::new(vec![lasting], 1);
    // One event per hour for 20 days; the endpoint fails for ten of them.
    scheduler.add(0, events(0..480), Mix::PLAIN, |place| {
        HOUR * u32::try_from(place).expect("small")
    });
    play(&mut scheduler, 4, &mut Rng::with_seed(1), |_, now| {
        status(if now < HOUR * 240 { 503 } else { 200 })
    });
    let report = Report::of(&scheduler);
    let disabled_at = DISABLE_AFTER.as_secs() / 3_600;
    let mut ends = BTreeMap::<_, usize>::new();
    for (hour, fate) in (0..).zip(&report.fates) {
        *ends.entry(fate.outcome.word()).or_default() += 1;
        match hour {
            // Its tries ended before the endpoint was disabled.
            0..100 => assert_eq!(fate.outcome, Outcome::GivenUp, "{hour}"),
            // Made while it was disabled: never posted. (A post of its hour detects that.)
            _ if hour > disabled_at && hour <= disabled_at + 24 => {
                assert_eq!(
                    (fate.outcome, fate.posts.len()),
                    (Outcome::Disabled, 0),
                    "{hour}"
                );
            }
            _ if hour > disabled_at + 25 => {
                assert_eq!(
                    fate.outcome,
                    Outcome::Acknowledged { delivery: 1 },
                    "{hour}"
                );
            }
            _ => {}
        }
    }
    // Events with tries left found it disabled: no wait is as long as the 24 hours.
    let broken_off = report.fates.iter();
    let broken_off =
        broken_off.filter(|fate| fate.outcome == Outcome::Disabled && !fate.posts.is_empty());
    assert!(broken_off.count() > 24, "{ends:?}");
}

#[test]
fn a_disabled_endpoint_is_sent_nothing_until_somebody_enables_it() {
    let mut scheduler = Scheduler::new(vec![destination("a", true)], 1);
    scheduler.add(0, events(0..3), Mix::PLAIN, |place| {
        HOUR * u32::try_from(place).expect("small")
    });
    assert!(matches!(scheduler.next(0, Duration::ZERO), Next::Post(_)));
    scheduler.disable(0, HOUR / 2);
    assert!(matches!(scheduler.next(0, HOUR), Next::At(at) if at == HOUR * 2));
    scheduler.enable(0, HOUR * 3 / 2);
    assert!(matches!(scheduler.next(0, HOUR * 2), Next::Post(_)));
    let outcomes: Vec<_> = scheduler.tasks.iter().map(|task| task.outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::Waiting, Outcome::Disabled, Outcome::Waiting]
    );
}

#[test]
fn a_report_names_what_was_given_up() {
    let mut scheduler = Scheduler::new(vec![destination("a", false), destination("b", true)], 1);
    scheduler.add(0, events(0..2), Mix::PLAIN, |_| Duration::ZERO);
    scheduler.add(1, events(0..1), Mix::PLAIN, |_| Duration::ZERO);
    play(&mut scheduler, 1, &mut Rng::with_seed(1), |posting, _| {
        status(if posting.task == 1 { 500 } else { 204 })
    });
    let report = Report::of(&scheduler);
    let table = report.table();
    assert!(table.contains("answers:  204 × 2  500 × 4"), "{table}");
    assert!(
        table.contains("evt_1 charge.succeeded at a: given up after 4 deliveries, last answer 500"),
        "{table}"
    );
    let json = report.json();
    assert_eq!(json["totals"]["given_up"], 1);
    assert_eq!(json["destinations"]["b"]["acknowledged_at_first"], 1);
    assert_eq!(json["events"][0]["acknowledged_by"], 1);
    assert_eq!(
        json["events"][1]["acknowledged_by"],
        serde_json::Value::Null
    );
    assert_eq!(json["events"][1]["deliveries"][3]["delivery"], 4);
    assert_eq!(Tally::of(&scheduler), report.tally());
}
