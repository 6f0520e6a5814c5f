//! A listener on the bus: counts the events that come, and receives effects as a user's function does.
//!
//! A rule and a queue of its own take everything that Sluice publishes. Effects go through `kernel::effects::receive`
//! with its receipts. So the counts are what a receiver acts on, however often the bus delivers an effect.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use sluice_harness::clock::TestClock;
use sluice_harness::receipts::MemoryReceipts;
use sluice_kernel::effects::receive::{Batch, Effect, Reaction, receive_batch};
use sluice_kernel::fault::Fault;
use sluice_kernel::queue::Received;
use sluice_local::aws::Aws;
use sluice_local::contents::listen;
use sluice_local::problem::Problem;
use sluice_local::stack::RunningStack;

/// The rule's and the queue's name.
const NAME: &str = "chaos-witness";

/// A deadline that no receiver reaches.
const DEADLINE_MS: i64 = i64::MAX / 4;

/// What was seen and acted on.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How often each event was on the bus.
    pub(crate) events: BTreeMap<String, usize>,
    /// How many effects came, repeated ones included.
    pub(crate) emitted: usize,
    /// The facts that were acted on, by id: once each if the receiver is right.
    pub(crate) facts: BTreeMap<String, Vec<Effect>>,
    /// The last level that was acted on, by key.
    pub(crate) levels: BTreeMap<String, Effect>,
    /// The first content of each effect, by id: a level's has its key and seq.
    said: BTreeMap<String, Value>,
    /// Ids with two different contents.
    pub(crate) contradictions: Vec<String>,
    /// Messages that can't be read.
    pub(crate) unreadable: Vec<String>,
}

/// The listener. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Witness {
    seen: Arc<Mutex<Seen>>,
    over: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    queue: String,
}

impl Witness {
    /// Listens from now on.
    pub(crate) fn on(stack: &RunningStack) -> Result<Self, Problem> {
        let aws = stack.aws();
        let pattern = json!({ "source": [{ "prefix": "sluice." }] });
        let queue = listen(aws, stack.info(), NAME, &pattern)?;
        let (seen, over) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let reader = Reader {
            aws: aws.clone(),
            queue: queue.clone(),
            receipts: MemoryReceipts::default(),
            seen: seen.clone(),
        };
        let end = over.clone();
        let reader = std::thread::spawn(move || reader.read_on(&end));
        Ok(Self {
            seen,
            over,
            reader: Some(reader),
            queue,
        })
    }

    /// What was seen up to now.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue's URL.
    pub(crate) fn queue(&self) -> &str {
        &self.queue
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            // A listener that panicked has reported it, and what it didn't see counts as lost.
            let _ = reader.join();
        }
    }
}

struct Reader {
    aws: Aws,
    queue: String,
    receipts: MemoryReceipts,
    seen: Arc<Mutex<Seen>>,
}

impl Reader {
    fn read_on(&self, over: &AtomicBool) {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime without I/O needs nothing of the system");
        while !over.load(Ordering::Relaxed) {
            let wanted = json!({ "QueueUrl": self.queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": 30 });
            // While the local AWS can't be reached there is nothing to read.
            let answer = self
                .aws
                .json("AmazonSQS.ReceiveMessage", &wanted)
                .unwrap_or_default();
            let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
            if messages.is_empty() {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            }
            let effects = self.note(&messages);
            runtime.block_on(self.receive(&effects));
            let entry = |(n, message): (usize, &Value)| json!({ "Id": n.to_string(), "ReceiptHandle": message["ReceiptHandle"] });
            let entries: Vec<_> = messages.iter().enumerate().map(entry).collect();
            let deletion = json!({ "QueueUrl": self.queue, "Entries": entries });
            // If it fails the messages come again: effects are dropped by their receipts, and an event counts once
            // more.
            let _ = self.aws.json("AmazonSQS.DeleteMessageBatch", &deletion);
        }
    }

    /// Counts, and returns the effects.
    fn note(&self, messages: &[Value]) -> Vec<Received> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut effects = Vec::new();
        for message in messages {
            let text = message["Body"].as_str().unwrap_or_default();
            let read: Value = serde_json::from_str(text).unwrap_or_default();
            let id = read["detail"]["id"].as_str().unwrap_or_default().to_owned();
            match read["source"].as_str() {
                // One of reconcile's checks, which is addressed to a domain: it names an event and isn't that event.
                Some("sluice.stripe") if read["detail"]["sluice"]["check"] == true => {}
                Some("sluice.stripe") => *seen.events.entry(id).or_default() += 1,
                Some("sluice.effects") => {
                    seen.emitted += 1;
                    seen.compare(id, &read);
                    effects.push(Received {
                        message_id: message["MessageId"].as_str().unwrap_or_default().to_owned(),
                        text: text.to_owned(),
                        receives: 1,
                    });
                }
                _ => seen.unreadable.push(text.chars().take(80).collect()),
            }
        }
        effects
    }

    async fn receive(&self, effects: &[Received]) {
        let batch = Batch {
            invocation: NAME,
            deadline_ms: DEADLINE_MS,
            lapse_margin_ms: 0,
            keep_s: 86_400,
        };
        let clock = TestClock::default();
        let handled = receive_batch(&self.receipts, self, &clock, batch, effects).await;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = handled.into_iter().filter_map(|one| one.result.err());
        seen.unreadable
            .extend(failed.map(|fault| fault.to_string()));
    }
}

impl Reaction for Reader {
    async fn react(&self, effect: &Effect) -> Result<(), Fault> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match &effect.key {
            Some(key) => {
                seen.levels.insert(key.clone(), effect.clone());
            }
            None => seen
                .facts
                .entry(effect.id.clone())
                .or_default()
                .push(effect.clone()),
        }
        Ok(())
    }
}

impl Seen {
    /// One id has one content. For a level that includes key and seq: with two values at one seq, a receiver can't tell
    /// which one holds.
    fn compare(&mut self, id: String, effect: &Value) {
        let says = json!([
            effect["detail-type"],
            effect["detail"]["object"],
            effect["detail"]["data"],
            effect["detail"]["until"]
        ]);
        match self.said.get(&id) {
            Some(first) if *first != says => self.contradictions.push(id),
            Some(_) => {}
            None => {
                self.said.insert(id, says);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_counts_and_a_check_that_names_it_does_not() {
        let reader = Reader {
            aws: Aws::at("http://127.0.0.1:9"),
            queue: String::new(),
            receipts: MemoryReceipts::default(),
            seen: Arc::default(),
        };
        let effect = |tag: Value| {
            let body =
                json!({ "source": "sluice.stripe", "detail": { "id": "evt_1", "sluice": tag } });
            json!({ "MessageId": "m", "Body": body.to_string() })
        };
        let copies = |reader: &Reader| {
            reader
                .seen
                .lock()
                .expect("whole")
                .events
                .get("evt_1")
                .copied()
        };
        assert!(reader.note(&[effect(json!({ "check": true }))]).is_empty());
        assert_eq!(copies(&reader), None);
        assert!(reader.note(&[effect(json!({}))]).is_empty());
        assert_eq!(copies(&reader), Some(1));
    }

    #[test]
    fn two_values_at_one_seq_contradict_each_other_and_repetitions_do_not() {
        let effect = |data| json!({ "detail-type": "Access", "detail": { "object": "sub_1", "data": data } });
        let mut seen = Seen::default();
        for data in [1, 1, 2] {
            seen.compare("Access#platform#test#sub_1#4".to_owned(), &effect(data));
        }
        assert_eq!(seen.contradictions.len(), 1);
    }
}
