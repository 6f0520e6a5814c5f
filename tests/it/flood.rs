//! Strangers send requests to ingest at a high rate, together with good traffic.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_adapters::config::BODY_BYTES_MAX;
use sluice_kernel::delivery::secrets::REFRESH_MS_MIN;
use sluice_stripe::signature::sign;

use crate::world::{World, eventually, now_s, paid, unique};

/// The number of good deliveries, with and without strangers.
const GOOD: usize = 80;
const GOOD_SENDERS: usize = 4;

/// The number of strangers; each sends as fast as it is answered.
const STRANGERS: usize = 8;

/// One in this number of a stranger's requests is over the limit of a body: those are slow to send.
const OVERSIZED_EVERY: usize = 40;

/// Claim, publish, mark.
const CALLS_OF_A_GOOD_DELIVERY: usize = 3;

/// A stranger's `n`th request, and its expected answer.
fn bad(n: usize, secret: &str) -> (Vec<u8>, Option<String>, u16) {
    let (_, _, body) = paid();
    let body = body.into_bytes();
    let now = now_s();
    if n.is_multiple_of(OVERSIZED_EVERY) {
        let signature = sign(b"", "whsec_forged", now);
        return (vec![b' '; BODY_BYTES_MAX + 1], Some(signature), 413);
    }
    match n % 6 {
        // Forged with the stranger's own secret.
        0 => (body.clone(), Some(sign(&body, "whsec_forged", now)), 400),
        // No signature at all, or nothing like one.
        1 => (body, None, 400),
        2 => (body, Some("v1=,t=now,v1=zz".repeat(500)), 400),
        // Stripe's own signature, replayed an hour later, or with another body.
        3 => (body.clone(), Some(sign(&body, secret, now - 3_600)), 400),
        4 => {
            let signature = sign(&body, secret, now);
            let other = [&body[..], b" "].concat();
            (other, Some(signature), 400)
        }
        // Correctly signed, but not an event.
        _ => {
            let body = format!("{{\"id\":\"{}", unique("evt")).into_bytes();
            let signature = sign(&body, secret, now);
            (body, Some(signature), 400)
        }
    }
}

/// Delivers new good events; returns their ids, and the median time of an answer.
fn good(world: &World) -> (Vec<String>, Duration) {
    let each = GOOD / GOOD_SENDERS;
    let answered: Vec<(String, Duration)> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..GOOD_SENDERS)
            .map(|_| {
                scope.spawn(|| {
                    let deliver = |_| {
                        let (event, _, body) = paid();
                        let answer = world.deliver(&body);
                        assert_eq!(answer.words(), "accepted");
                        (event, answer.took)
                    };
                    (0..each).map(deliver).collect::<Vec<_>>()
                })
            })
            .collect();
        senders
            .into_iter()
            .flat_map(|sender| sender.join().expect("a sender ends"))
            .collect()
    });
    let mut took: Vec<_> = answered.iter().map(|(_, took)| *took).collect();
    took.sort();
    let median = took[took.len() / 2];
    (
        answered.into_iter().map(|(event, _)| event).collect(),
        median,
    )
}

/// The number of items in the ledger.
fn items(world: &World) -> usize {
    let input = json!({ "TableName": world.info().tables["ledger"], "Select": "COUNT" });
    let answer = world.stack(|stack| stack.aws().json("DynamoDB_20120810.Scan", &input));
    let answer = answer.expect("readable");
    assert!(answer.get("LastEvaluatedKey").is_none(), "one page");
    usize::try_from(answer["Count"].as_u64().expect("a count")).expect("few")
}

#[test]
fn a_flood_of_bad_requests_leaves_nothing_costs_next_to_nothing_and_every_good_delivery_succeeds() {
    let world = World::own(|options| options.client_faults = true);
    let secret = world.info().webhook_secret.clone();
    let start = Instant::now();
    // Every AWS call of ingest is recorded, but none of the SDK's retries, which only a slow machine makes.
    let ingest = &world.info().functions["ingest"];
    let note = json!([{ "id": "calls", "function": ingest, "call": "*", "first-tries": true, "do": "note" }]);
    world
        .stack(|stack| stack.client_faults().expect("asked for").set(&note))
        .expect("rules are written");

    let (mut events, alone) = good(&world);
    let (over, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    let under_flood = std::thread::scope(|scope| {
        for _ in 0..STRANGERS {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let (body, signature, status) =
                        bad(sent.fetch_add(1, Ordering::Relaxed), &secret);
                    let answer = world.post(&body, signature.as_deref());
                    assert_eq!(answer.status, status, "{}", answer.text);
                }
            });
        }
        // The strangers stop regardless of what happens to the good ones.
        let good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| good(&world)));
        over.store(true, Ordering::Relaxed);
        let (more, took) = good.expect("every good delivery is accepted");
        events.extend(more);
        took
    });
    let elapsed = start.elapsed();

    let calls = world
        .stack(|stack| stack.client_faults().expect("asked for").fired())
        .expect("readable");
    let is_refresh = |call: &&Value| call["call"] == "GetSecretValue";
    let others = calls.iter().filter(|call| !is_refresh(call)).count();
    assert_eq!(others, events.len() * CALLS_OF_A_GOOD_DELIVERY);
    let mut refreshes: BTreeMap<u64, u128> = BTreeMap::new();
    for call in calls.iter().filter(is_refresh) {
        *refreshes
            .entry(call["process"].as_u64().expect("a process"))
            .or_default() += 1;
    }
    let refresh_ms = u128::from(REFRESH_MS_MIN.unsigned_abs());
    let most = 1 + elapsed.as_millis().div_ceil(refresh_ms);
    for (process, refreshes) in &refreshes {
        assert!(
            *refreshes <= most,
            "process {process} read the secret {refreshes} times in {elapsed:?}"
        );
    }
    assert_eq!(items(&world), events.len(), "one item a good delivery");
    for event in &events {
        eventually("a good event on the bus", || {
            (world.published(event) > 0).then_some(())
        });
    }
    println!(
        "{} good, {} bad, {} reads of the secret by {} environments; an answer took {alone:?} alone, {under_flood:?} \
         beside the flood: x{:.1}",
        events.len(),
        sent.load(Ordering::Relaxed),
        refreshes.values().sum::<u128>(),
        refreshes.len(),
        under_flood.as_secs_f64() / alone.as_secs_f64(),
    );
}
