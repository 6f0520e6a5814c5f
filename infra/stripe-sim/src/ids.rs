//! Seeded randomness and ids of Stripe's form.
//!
//! Each play of a story has streams of its own, derived from the world's seed and the play's number. So one more draw
//! in one story changes nothing in another. Ids that are long enough contain the word `Sluice`, so that a reader
//! doesn't take one for a real id.

use fastrand::Rng;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a stream of random numbers is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// Ids of objects. Plays that are to have equal ids share it.
    Objects = 1,
    /// Ids of events and requests, which are unique everywhere.
    Events = 2,
    /// Amounts, waits and choices of a story.
    Story = 3,
    /// The world's own choices: which story next, when.
    World = 4,
    /// Ids of second events for a change.
    SecondEvents = 7,
    /// The wait of a delivery before its next try.
    Waits = 5,
    /// Which deliveries an outage hits.
    Outages = 6,
}

/// A stream that depends on these three alone.
pub(crate) fn stream(seed: u64, play: u64, purpose: Purpose) -> Rng {
    let mut mixed = seed;
    for part in [play, purpose as u64] {
        mixed = splitmix(mixed ^ splitmix(part));
    }
    Rng::with_seed(mixed)
}

/// SplitMix64's finalizer: neighbouring seeds give unrelated streams.
fn splitmix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// This number of base-62 characters.
pub(crate) fn token(rng: &mut Rng, length: usize) -> String {
    (0..length)
        .map(|_| char::from(BASE62[rng.usize(..BASE62.len())]))
        .collect()
}

/// An id of Stripe's form: `pi_3S…` with 24 characters, `cus_…` with 14.
pub(crate) fn id(rng: &mut Rng, prefix: &str, livemode: bool) -> String {
    match prefix {
        "cus" | "prod" | "si" | "req" => format!("{prefix}_{}", token(rng, 14)),
        "acct" => format!("acct_1S{}", token(rng, 14)),
        "mtr" => {
            let mode = if livemode { "" } else { "test_" };
            format!("mtr_{mode}61{}", token(rng, 32))
        }
        "cs" => {
            let mode = if livemode { "live" } else { "test" };
            format!("cs_{mode}_a1{}", token(rng, 56))
        }
        // A payment's objects begin with 3, all others with 1.
        "pi" | "ch" | "re" | "txn" => long(rng, prefix, '3'),
        _ => long(rng, prefix, '1'),
    }
}

/// An event's id. Events of payments share the `3` of the payment's ids.
pub(crate) fn event_id(rng: &mut Rng, kind: &str) -> String {
    let of_payment = ["payment_intent.", "charge.", "refund."]
        .iter()
        .any(|prefix| kind.starts_with(prefix));
    long(rng, "evt", if of_payment { '3' } else { '1' })
}

/// The id of an event of API v2, derived from this other id: of another form, and as unique.
pub(crate) fn thin_id(of: &str, livemode: bool) -> String {
    let seed = of.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mode = if livemode { "" } else { "test_" };
    let tail = token(&mut Rng::with_seed(splitmix(seed)), 42);
    format!("evt_{mode}65{tail}")
}

fn long(rng: &mut Rng, prefix: &str, generation: char) -> String {
    format!(
        "{prefix}_{generation}S{}Sluice{}",
        token(rng, 8),
        token(rng, 8)
    )
}

/// A version 4 UUID, as Stripe's libraries send for idempotency.
pub(crate) fn uuid(rng: &mut Rng) -> String {
    let bits = rng.u128(..);
    let hex = format!("{bits:032x}");
    format!(
        "{}-{}-4{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..]
    )
}
