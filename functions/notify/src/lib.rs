//! A sample receiver of effects: posts a message when a dispute or an inquiry opens. Copy it for a receiver of your own.
//!
//! What a receiver is: a rule on the bus (`source: sluice.effects`, and the kinds it wants), a queue, a table of
//! receipts, and a [`Reaction`]. The runner ensures that the receiver reacts to each fact once and to each level only
//! while it is the newest. See [`sluice_kernel::effects::receive`] for what "once" means when a function dies in the
//! middle of it.

pub mod code;

use std::future::Future;

use sluice_kernel::effects::receive::{Effect, Reaction};
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;

/// Where messages for people are posted.
pub trait Post: Sync {
    /// Posts a message. A repetition has the same `id`.
    ///
    /// # Errors
    /// `Retry` if it can't be posted now.
    fn post(
        &self,
        id: &str,
        subject: &str,
        text: &str,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// The reaction: one message per dispute, and one per inquiry that comes before it.
#[derive(Debug)]
pub struct Notify<P> {
    /// Where messages go.
    pub post: P,
}

impl<P: Post> Reaction for Notify<P> {
    async fn react(&self, effect: &Effect) -> Result<(), Fault> {
        // The rule sends nothing else; this function ignores anything else.
        let subject = match &*effect.kind {
            "DisputeOpened" => "A dispute has been opened",
            "InquiryOpened" => "A bank inquires about a charge",
            _ => return Ok(()),
        };
        self.post.post(&effect.id, subject, &text(effect)).await
    }
}

/// What people need to know. Amounts stay in minor units: the number of them in a unit differs by currency.
fn text(effect: &Effect) -> String {
    let fields = Fields::of(&effect.data);
    let said = |name| fields.optional_text(name).unwrap_or("unknown");
    let amount = fields
        .optional_integer("amount")
        .map_or("unknown".to_owned(), |amount| amount.to_string());
    format!(
        "Dispute {} over charge {}: {amount} {} (minor units), reason {}.\nAccount: {}. Event: {}.",
        effect.object,
        said("charge"),
        said("currency"),
        said("reason"),
        effect.account.as_deref().unwrap_or("your own"),
        effect.event,
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::json;
    use sluice_harness::clock::TestClock;
    use sluice_harness::receipts::MemoryReceipts;
    use sluice_kernel::effects::receive::{Attempt, ReceiveOutcome, read, receive};

    use super::*;

    #[derive(Default)]
    struct Wall(Mutex<Vec<String>>);

    impl Post for Wall {
        async fn post(&self, id: &str, _subject: &str, text: &str) -> Result<(), Fault> {
            self.0
                .lock()
                .expect("no panic")
                .push(format!("{id}: {text}"));
            Ok(())
        }
    }

    #[tokio::test]
    async fn an_inquiry_is_posted_as_one_and_no_other_effect_is() {
        let notify = Notify {
            post: Wall::default(),
        };
        let effect = |kind: &str| {
            let detail = json!({
                "id": format!("{kind}#platform#live#dp_1"), "class": "fact", "account": null, "livemode": true,
                "object": "dp_1", "event": "evt_1", "created": 1, "data": {},
            });
            let entry = json!({ "detail-type": kind, "detail": detail });
            read(&entry.to_string()).expect("readable")
        };
        for kind in ["InquiryOpened", "DisputeClosed", "Refunded"] {
            assert_eq!(notify.react(&effect(kind)).await, Ok(()));
        }
        let posted = notify.post.0.lock().expect("no panic");
        assert_eq!(posted.len(), 1);
        assert!(posted[0].starts_with("InquiryOpened#"), "{posted:?}");
    }

    #[tokio::test]
    async fn one_message_is_posted_per_dispute_however_often_it_is_emitted() {
        let detail = json!({
            "id": "DisputeOpened#platform#live#dp_1", "class": "fact", "account": null, "livemode": true, "object": "dp_1",
            "event": "evt_1", "created": 1, "data": { "charge": "ch_1", "amount": 4_200, "currency": "usd", "reason": "fraudulent" },
        });
        let effect = read(&json!({ "detail-type": "DisputeOpened", "detail": detail }).to_string())
            .expect("readable");
        let (receipts, clock, notify) = (
            MemoryReceipts::default(),
            TestClock::default(),
            Notify {
                post: Wall::default(),
            },
        );
        let attempt = Attempt {
            name: "a",
            lapses_at_ms: i64::MAX,
            expires_at_s: i64::MAX / 1000,
        };
        let first = receive(&receipts, &notify, &clock, &effect, attempt).await;
        let second = receive(&receipts, &notify, &clock, &effect, attempt).await;
        assert_eq!(
            (first, second),
            (Ok(ReceiveOutcome::Reacted), Ok(ReceiveOutcome::Dropped))
        );
        assert_eq!(
            *notify.post.0.lock().expect("no panic"),
            [
                "DisputeOpened#platform#live#dp_1: Dispute dp_1 over charge ch_1: 4200 usd (minor units), reason fraudulent.\n\
              Account: your own. Event: evt_1."
            ]
        );
    }
}
