//! How much is stored of events: with the shipped dictionary, and with dictionaries that were trained without them.

use std::path::Path;
use std::time::Instant;

use sluice_adapters::codec::{self, HARDER_LEVEL, LEVEL};
use sluice_adapters::ledger;
use sluice_kernel::delivery::ledger::Arrival;
use sluice_stripe::event::parse_head;
use sluice_stripe_sim::{ApiVersion, Story};
use zstd::bulk::Compressor;

use crate::corpus::{self, Body, Source};
use crate::train;

/// A play that nothing was trained on.
const OTHER_SEEDS: std::ops::Range<u64> = 1_000..1_001;

/// The number of parts that lifecycles and types are held out in.
const FOLDS: usize = 6;

/// DynamoDB bills a write by each begun kilobyte.
const BILLED: usize = 1_024;

/// The size of an event's entry.
struct Weight {
    body: usize,
    stored: usize,
    item: usize,
}

/// Measures events' entries with their bodies compressed as the ledger does it, with this dictionary.
fn weigh<'a>(
    dictionary: &[u8],
    bodies: impl Iterator<Item = &'a Body>,
) -> Result<Vec<Weight>, std::io::Error> {
    let mut usual = Compressor::with_dictionary(LEVEL, dictionary)?;
    let mut harder = Compressor::with_dictionary(HARDER_LEVEL, dictionary)?;
    let weigh = |body: &Body| {
        let head = parse_head(&body.bytes).expect("an event");
        let arrival = Arrival {
            head,
            endpoint: "platform",
            via: None,
            body: &body.bytes,
            attempt: "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            received_at_ms: 1_767_603_600_000,
            lapses_at_ms: 1_767_603_620_000,
            expires_at_s: 1_770_627_600,
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            ledger_only: None,
        };
        let stored = usual.compress(&body.bytes)?.len();
        let weight = ledger::weigh(&arrival, stored, || {
            harder
                .compress(&body.bytes)
                .map_or(stored, |frame| frame.len())
        });
        Ok(Weight {
            body: body.bytes.len(),
            stored: weight.stored,
            item: weight.item,
        })
    };
    bodies.map(weigh).collect()
}

fn row(what: &str, weights: &[Weight]) {
    let at = |of: fn(&Weight) -> usize, percent: usize| {
        let mut values: Vec<_> = weights.iter().map(of).collect();
        values.sort_unstable();
        values[(values.len() - 1) * percent / 100]
    };
    let small = weights
        .iter()
        .filter(|weight| weight.item <= BILLED)
        .count();
    println!(
        "| {what} | {} | {} | {} | {} | {} | {} | {} % |",
        weights.len(),
        at(|weight| weight.body, 50),
        at(|weight| weight.stored, 50),
        at(|weight| weight.stored, 90),
        at(|weight| weight.item, 50),
        at(|weight| weight.item, 90),
        small * 100 / weights.len()
    );
}

/// Measures events with a dictionary of the shipped one's size that is trained on other events.
fn without(train_on: &[&Body], measure: &[&Body]) -> Result<Vec<Weight>, std::io::Error> {
    let dictionary = train::dictionary(1, train::BYTES, train_on)?;
    weigh(&dictionary, measure.iter().copied())
}

/// Holds out each part in turn, and measures it with a dictionary that was trained on the rest.
fn held_out(
    trained: &[Body],
    others: &[Body],
    part: impl Fn(&Body) -> Option<usize>,
    parts: usize,
) -> Result<Vec<Weight>, std::io::Error> {
    let mut weights = Vec::new();
    for of in 0..parts {
        let rest: Vec<_> = trained
            .iter()
            .filter(|body| part(body) != Some(of))
            .collect();
        let held: Vec<_> = others
            .iter()
            .filter(|body| part(body) == Some(of))
            .collect();
        weights.extend(without(&rest, &held)?);
        eprint!(".");
    }
    Ok(weights)
}

/// The object that a type is about: `customer.subscription` of `v1.customer.subscription.updated`.
fn object_of(kind: &str) -> &str {
    let kind = kind.strip_prefix("v1.").unwrap_or(kind);
    kind.rsplit_once('.').map_or(kind, |(object, _)| object)
}

/// Prints the table of items.
///
/// # Errors
/// If samples can't be read, or zstd fails.
pub(crate) fn items(samples: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let samples = corpus::samples(samples)?;
    let played = corpus::played(train::SEEDS);
    let others = corpus::played(OTHER_SEEDS);
    let is_thin = |body: &Body| matches!(body.source, Source::Played(_, None));
    let snapshots: Vec<_> = others
        .iter()
        .filter(|body| !is_thin(body))
        .cloned()
        .collect();
    println!("| events | | body p50 | stored p50 | p90 | item p50 | p90 | items of 1 KB |");
    println!("|---|---|---|---|---|---|---|---|");
    let [.., current] = codec::DICTIONARIES;
    let shipped = |bodies: &[Body]| weigh(current.bytes, bodies.iter());
    // Lifecycles that the dictionary was trained on: they don't show how it does on what it has never seen.
    row("the sample events", &shipped(&samples)?);
    row(
        "other plays of the same lifecycles, snapshots",
        &shipped(&snapshots)?,
    );
    let thin: Vec<_> = others
        .iter()
        .filter(|body| is_thin(body))
        .cloned()
        .collect();
    row("the same, thin", &shipped(&thin)?);

    let stories = held_out(
        &played,
        &snapshots,
        |body| match body.source {
            Source::Played(story, _) => Some(position(story) % FOLDS),
            Source::Sample => None,
        },
        FOLDS,
    )?;
    row(
        "**not trained on**: whole lifecycles, a sixth at a time",
        &stories,
    );
    let objects = held_out(
        &played,
        &snapshots,
        |body| {
            Some(
                object_of(&body.kind)
                    .bytes()
                    .map(usize::from)
                    .sum::<usize>()
                    % FOLDS,
            )
        },
        FOLDS,
    )?;
    row(
        "all types of an object, a sixth of the objects at a time",
        &objects,
    );
    let versions = held_out(
        &played,
        &snapshots,
        |body| match body.source {
            Source::Played(_, Some(version)) => ApiVersion::TESTED
                .iter()
                .position(|tested| *tested == version),
            _ => None,
        },
        ApiVersion::TESTED.len(),
    )?;
    row("an API version, each in turn", &versions);
    eprintln!();
    row("no dictionary at all", &weigh(&[], snapshots.iter())?);
    Ok(())
}

fn position(story: Story) -> usize {
    Story::ALL
        .iter()
        .position(|of| *of == story)
        .unwrap_or(Story::ALL.len())
}

/// Prints what other sizes and levels give: for kinds of events that were trained on, and for lifecycles that were not.
///
/// # Errors
/// If samples can't be read, or zstd fails.
pub(crate) fn sizes(samples: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let samples = corpus::samples(samples)?;
    let played = corpus::played(train::SEEDS);
    let others = corpus::played(OTHER_SEEDS);
    let is_snapshot = |body: &&Body| !matches!(body.source, Source::Played(_, None));
    // Every sixth is enough.
    let others: Vec<_> = others.iter().filter(is_snapshot).step_by(6).collect();
    let is_held = |body: &&Body| match body.source {
        Source::Played(story, _) => position(story).is_multiple_of(FOLDS),
        Source::Sample => false,
    };
    let rest: Vec<_> = played.iter().filter(|body| !is_held(body)).collect();
    let held: Vec<_> = others.iter().copied().filter(is_held).collect();
    let samples: Vec<_> = samples.iter().collect();
    println!("| dictionary | level | ready in | an event | the same kinds | held out | samples |");
    println!("|---|---|---|---|---|---|---|");
    for kilobytes in [16, 32, 64, 112] {
        let all: Vec<_> = played.iter().collect();
        let whole = train::dictionary(1, kilobytes * 1_024, &all)?;
        let part = train::dictionary(1, kilobytes * 1_024, &rest)?;
        for level in [1, 3, 5, 9, 19] {
            // The least of a few: other work on the machine only adds time.
            let mut ready_us = f64::MAX;
            for _ in 0..3 {
                let start = Instant::now();
                Compressor::with_dictionary(level, &whole)?.compress(b"{}")?;
                ready_us = ready_us.min(start.elapsed().as_secs_f64() * 1e6);
            }
            let mut compressor = Compressor::with_dictionary(level, &whole)?;
            let mut event_us = f64::MAX;
            for _ in 0..3 {
                let start = Instant::now();
                bytes(&mut compressor, &others)?;
                let each = start.elapsed().as_secs_f64() * 1e6 / others.len() as f64;
                event_us = event_us.min(each);
            }
            let same = bytes(&mut compressor, &others)?;
            let mut compressor = Compressor::with_dictionary(level, &part)?;
            let (held, samples) = (
                bytes(&mut compressor, &held)?,
                bytes(&mut compressor, &samples)?,
            );
            println!(
                "| {kilobytes} KB | {level} | {ready_us:.0} µs | {event_us:.1} µs | {same} B | {held} B | {samples} B |"
            );
        }
    }
    Ok(())
}

/// The mean compressed size of events.
fn bytes(compressor: &mut Compressor<'_>, bodies: &[&Body]) -> Result<usize, std::io::Error> {
    let mut total = 0;
    for body in bodies {
        total += compressor.compress(&body.bytes)?.len();
    }
    Ok(total / bodies.len())
}
