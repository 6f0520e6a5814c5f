//! Reacting to effects, with duplicates, reversals and failures.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use proptest::prelude::*;
use serde_json::json;
use sluice_harness::clock::TestClock;
use sluice_harness::receipts::MemoryReceipts;
use sluice_kernel::backoff;
use sluice_kernel::clock::Clock;
use sluice_kernel::code::Code;
use sluice_kernel::effects::receive::{
    Attempt, Batch, Effect, HandledEffect, Reaction, Receipt, Receipts, ReceiveOutcome, read,
    receive_batch,
};
use sluice_kernel::fault::{Fault, Pace};
use sluice_kernel::queue;

use crate::code;

/// Remembers what it reacted to, and fails as configured.
#[derive(Default)]
struct Memory {
    reacted: Mutex<Vec<String>>,
    failures: Mutex<VecDeque<bool>>,
}

impl Reaction for Memory {
    async fn react(&self, effect: &Effect) -> Result<(), Fault> {
        assert!(effect.kind != "Panics", "the user's own mistake");
        if self
            .failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
            == Some(true)
        {
            return Err(Fault::retry(code::NOTIFY_FAILED, "scripted"));
        }
        self.reacted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(effect.id.clone());
        Ok(())
    }
}

#[derive(Default)]
struct World {
    clock: TestClock,
    receipts: MemoryReceipts,
    memory: Memory,
}

fn message(kind: &str, id: &str, level: Option<(&str, u64)>) -> String {
    let mut detail = json!({
        "id": id, "class": "fact", "account": null, "livemode": true, "object": "dp_1", "event": "evt_1", "created": 1,
        "data": {},
    });
    if let Some((key, seq)) = level {
        detail["class"] = json!("level");
        detail["key"] = json!(key);
        detail["seq"] = json!(seq);
    }
    json!({ "source": "sluice.effects", "detail-type": kind, "detail": detail }).to_string()
}

fn fact(id: &str) -> String {
    message("DisputeOpened", id, None)
}

fn level(seq: u64) -> String {
    message("Access", &format!("Access#{seq}"), Some(("Access", seq)))
}

impl World {
    async fn receive(&self, texts: &[String]) -> Vec<HandledEffect> {
        let received = |(n, text): (usize, &String)| queue::Received {
            message_id: n.to_string(),
            text: text.clone(),
            receives: 1,
        };
        let messages: Vec<_> = texts.iter().enumerate().map(received).collect();
        let batch = Batch {
            invocation: "invocation",
            deadline_ms: self.clock.now_ms() + 30_000,
            lapse_margin_ms: 5_000,
            keep_s: 86_400,
        };
        receive_batch(&self.receipts, &self.memory, &self.clock, batch, &messages).await
    }

    async fn results(&self, texts: &[String]) -> Vec<Result<ReceiveOutcome, Code>> {
        let handled = self.receive(texts).await;
        handled
            .into_iter()
            .map(|handled| handled.result.map_err(|fault| fault.code))
            .collect()
    }

    fn reacted(&self) -> Vec<String> {
        self.memory
            .reacted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[tokio::test]
async fn a_fact_is_reacted_to_once_however_often_it_comes() {
    let world = World::default();
    let results = world.results(&[fact("f"), fact("f"), fact("g")]).await;
    assert_eq!(
        results,
        [
            Ok(ReceiveOutcome::Reacted),
            Ok(ReceiveOutcome::Dropped),
            Ok(ReceiveOutcome::Reacted)
        ]
    );
    assert_eq!(
        world.results(&[fact("g")]).await,
        [Ok(ReceiveOutcome::Dropped)]
    );
    assert_eq!(world.reacted(), ["f", "g"]);
}

#[tokio::test]
async fn granted_and_revoked_delivered_reversed_end_at_the_last() {
    let world = World::default();
    // Granted is seq 1, revoked is seq 2; the bus brings revoked first.
    let results = world.results(&[level(2), level(1)]).await;
    assert_eq!(
        results,
        [Ok(ReceiveOutcome::Reacted), Ok(ReceiveOutcome::Dropped)]
    );
    assert_eq!(
        world.results(&[level(3)]).await,
        [Ok(ReceiveOutcome::Reacted)]
    );
    assert_eq!(world.reacted(), ["Access#2", "Access#3"]);
}

#[tokio::test]
async fn a_reaction_that_fails_comes_again_at_once() {
    let world = World::default();
    world
        .memory
        .failures
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push_back(true);
    assert_eq!(
        world.results(&[fact("f")]).await,
        [Err(code::NOTIFY_FAILED)]
    );
    assert_eq!(
        world.results(&[fact("f")]).await,
        [Ok(ReceiveOutcome::Reacted)]
    );
}

#[tokio::test]
async fn what_goes_back_has_the_delay_of_its_fault_and_what_another_holds_a_short_one() {
    let world = World::default();
    world
        .memory
        .failures
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push_back(true);
    let handled = world.receive(&[fact("f"), fact("g")]).await;
    let fault = handled[0].result.as_ref().expect_err("failed");
    let expected = backoff::delay_s(fault, "0", 1);
    assert_eq!(
        (handled[0].delay_s, handled[1].delay_s),
        (Some(expected), None)
    );

    let effect = read(&fact("h")).expect("readable");
    let attempt = Attempt {
        name: "another",
        lapses_at_ms: i64::MAX,
        expires_at_s: i64::MAX / 1_000,
    };
    let now_ms = world.clock.now_ms();
    let claimed = world.receipts.claim(&effect, attempt, now_ms).await;
    assert_eq!(claimed, Ok(Receipt::Mine));
    let handled = world.receive(&[fact("h")]).await;
    let fault = handled[0].result.as_ref().expect_err("held");
    assert_eq!(
        (fault.code, fault.pace),
        (code::RECEIPT_HELD, Pace::Contention)
    );
}

#[tokio::test]
async fn one_bad_message_or_panic_leaves_the_others_alone() {
    let world = World::default();
    let panics = message("Panics", "p", None);
    let results = world
        .results(&["poison".to_owned(), panics, fact("f")])
        .await;
    assert_eq!(
        results,
        [
            Err(code::EFFECT_UNREADABLE),
            Err(code::DOMAIN_PANICKED),
            Ok(ReceiveOutcome::Reacted)
        ]
    );
}

proptest! {
    #[test]
    fn any_order_of_levels_and_duplicates_ends_at_the_highest_and_never_goes_back(
        seqs in proptest::collection::vec(1_u64..6, 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let world = World::default();
        runtime.block_on(async {
            for seq in &seqs {
                world.receive(&[level(*seq)]).await;
            }
        });
        let reacted = world.reacted();
        prop_assert!(reacted.is_sorted());
        let highest = seqs.iter().max().map(|seq| format!("Access#{seq}"));
        prop_assert_eq!(reacted.last(), highest.as_ref());
    }
}
