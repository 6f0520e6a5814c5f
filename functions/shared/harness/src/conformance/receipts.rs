//! What every table of receipts has to do.

use futures_util::future::join_all;
use serde_json::Value;
use sluice_kernel::effects::receive::Receipt::{Done, Held, Mine};
use sluice_kernel::effects::receive::{Attempt, Effect, Receipts};

use crate::clock::START_MS;

const LAPSE_MS: i64 = 20_000;

fn fact(id: &str) -> Effect {
    Effect {
        kind: "DisputeOpened".to_owned(),
        id: id.to_owned(),
        key: None,
        seq: None,
        account: None,
        livemode: true,
        object: "dp_1".to_owned(),
        event: "evt_1".to_owned(),
        created: 1,
        data: Value::Null,
        until: None,
    }
}

fn level(seq: u64) -> Effect {
    Effect {
        key: Some("Access#1".to_owned()),
        seq: Some(seq),
        ..fact(&format!("Access#1#{seq}"))
    }
}

fn attempt(name: &str) -> Attempt<'_> {
    Attempt {
        name,
        lapses_at_ms: START_MS + LAPSE_MS,
        expires_at_s: START_MS / 1000 + 1_000,
    }
}

async fn claim(
    receipts: &impl Receipts,
    effect: &Effect,
    name: &str,
) -> sluice_kernel::effects::receive::Receipt {
    receipts
        .claim(effect, attempt(name), START_MS)
        .await
        .expect("reachable")
}

/// A receiver reacts to a fact once.
pub async fn a_fact_is_claimed_once_and_done_once_marked(receipts: &impl Receipts) {
    assert_eq!(claim(receipts, &fact("f"), "a").await, Mine);
    assert_eq!(
        claim(receipts, &fact("f"), "a").await,
        Mine,
        "the SDK repeats a put whose answer was lost"
    );
    assert_eq!(claim(receipts, &fact("f"), "b").await, Held);
    receipts
        .mark(&fact("f"), attempt("a"))
        .await
        .expect("reachable");
    for name in ["a", "b"] {
        assert_eq!(claim(receipts, &fact("f"), name).await, Done);
    }
    assert_eq!(claim(receipts, &fact("g"), "b").await, Mine);
}

/// An attempt that died doesn't hold a receipt forever.
pub async fn a_lapsed_or_released_claim_is_free_again(receipts: &impl Receipts) {
    assert_eq!(claim(receipts, &fact("f"), "a").await, Mine);
    let later = receipts
        .claim(&fact("f"), attempt("b"), START_MS + LAPSE_MS)
        .await;
    assert_eq!(later, Ok(Mine));
    // The first attempt can't mark a receipt that it no longer holds.
    receipts
        .mark(&fact("f"), attempt("a"))
        .await
        .expect("reachable");
    receipts
        .release(&fact("f"), attempt("b"))
        .await
        .expect("reachable");
    assert_eq!(claim(receipts, &fact("f"), "c").await, Mine);
}

/// A receiver reacts to a level only while it is the newest.
pub async fn a_level_gives_way_to_a_higher_seq_and_to_no_lower_one(receipts: &impl Receipts) {
    assert_eq!(claim(receipts, &level(5), "a").await, Mine);
    assert_eq!(claim(receipts, &level(4), "b").await, Done);
    assert_eq!(
        claim(receipts, &level(6), "b").await,
        Mine,
        "without waiting for the older one"
    );
    receipts
        .mark(&level(5), attempt("a"))
        .await
        .expect("reachable");
    assert_eq!(claim(receipts, &level(6), "c").await, Held);
    receipts
        .mark(&level(6), attempt("b"))
        .await
        .expect("reachable");
    assert_eq!(claim(receipts, &level(6), "c").await, Done);
    assert_eq!(claim(receipts, &level(5), "a").await, Done);
}

/// The central guarantee of a receipt.
pub async fn of_twenty_parallel_claims_of_a_receipt_one_is_mine(receipts: &impl Receipts) {
    let names: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    let effect = fact("f");
    let claims = join_all(names.iter().map(|name| claim(receipts, &effect, name))).await;
    let mine = claims.iter().filter(|claim| **claim == Mine).count();
    let held = claims.iter().filter(|claim| **claim == Held).count();
    assert_eq!((mine, held), (1, 19));
}

/// TTL deletes within days; the condition checks the time itself.
pub async fn an_expired_receipt_counts_as_absent(receipts: &impl Receipts) {
    assert_eq!(claim(receipts, &fact("f"), "a").await, Mine);
    receipts
        .mark(&fact("f"), attempt("a"))
        .await
        .expect("reachable");
    let later = receipts
        .claim(&fact("f"), attempt("b"), START_MS + 1_000_000)
        .await;
    assert_eq!(later, Ok(Mine));
}
