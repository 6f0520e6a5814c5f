//! A batch's messages, handled in parallel if their objects differ.

use std::sync::Mutex;

use serde_json::json;
use sluice_harness::build::{event, message};
use sluice_harness::bus::MemoryBus;
use sluice_harness::clock::TestClock;
use sluice_harness::ledger::MemoryLedger;
use sluice_harness::outcomes::MemoryOutcomes;
use sluice_harness::projections::MemoryProjections;
use sluice_kernel::clock::Clock;
use sluice_kernel::consumer::batch::{self, BatchRun, SIDE_BY_SIDE_MAX};
use sluice_kernel::consumer::consume::Ports;
use sluice_kernel::consumer::fetch::WithoutKey;
use sluice_kernel::consumer::projection::{Projections, Stored};
use sluice_kernel::domain::NoSettings;
use sluice_kernel::fault::Fault;
use sluice_kernel::outcome::Outcome;
use sluice_kernel::queue::Received;

use super::consume::Lamps;

/// Projections of which every call takes a while, and that remember which keys were at work at once.
#[derive(Default)]
struct Slow {
    inner: MemoryProjections,
    at_work: Mutex<Vec<String>>,
    most: Mutex<usize>,
}

impl Slow {
    async fn begin(&self, key: &str) {
        {
            let mut at_work = self.at_work.lock().expect("whole");
            assert!(
                !at_work.iter().any(|other| other == key),
                "{key} twice at once"
            );
            at_work.push(key.to_owned());
            let mut most = self.most.lock().expect("whole");
            *most = (*most).max(at_work.len());
        }
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
    }

    fn end(&self, key: &str) {
        self.at_work
            .lock()
            .expect("whole")
            .retain(|other| other != key);
    }
}

impl Projections for Slow {
    async fn get(&self, key: &str) -> Result<Option<Stored>, Fault> {
        self.begin(key).await;
        let got = self.inner.get(key).await;
        self.end(key);
        got
    }

    async fn put(
        &self,
        key: &str,
        expected: u64,
        document: &str,
        owner: Option<&str>,
    ) -> Result<bool, Fault> {
        self.begin(key).await;
        let put = self.inner.put(key, expected, document, owner).await;
        self.end(key);
        put
    }
}

/// Handles messages of these lamps, each a second later than the one before. Returns the outcomes and how many messages
/// were handled at once.
async fn handle(lamps: &[&str]) -> (Vec<(String, Outcome)>, usize) {
    let (projections, bus, ledger) = (
        Slow::default(),
        MemoryBus::default(),
        MemoryLedger::default(),
    );
    let (outcomes, clock) = (MemoryOutcomes::default(), TestClock::default());
    let ports = Ports {
        projections: &projections,
        bus: &bus,
        bodies: &ledger,
        objects: &WithoutKey,
        settings: &NoSettings {},
    };
    let messages = lamps.iter().zip(1..).map(|(lamp, n)| Received {
        message_id: format!("m-{n}"),
        text: match *lamp {
            "" => "not JSON".to_owned(),
            id => {
                let object = json!({ "id": id, "object": "lamp", "light": n });
                message(&event(&format!("evt_{n}"), "lamp.lit", n, object))
            }
        },
        receives: 1,
    });
    let messages: Vec<_> = messages.collect();
    let run = BatchRun {
        deadline_ms: clock.now_ms() + 30_000,
        receives_max: 500,
    };
    let handled = batch::handle::<Lamps>(&ports, &outcomes, &clock, &messages, run).await;
    let came_of = handled
        .into_iter()
        .map(|one| (one.message_id, one.result.expect("acknowledged")));
    let most = *projections.most.lock().expect("whole");
    (came_of.collect(), most)
}

#[tokio::test]
async fn messages_of_different_objects_are_handled_side_by_side_and_answered_in_their_order() {
    let ids: Vec<_> = (0..10).map(|n| format!("lamp_{n}")).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    let (came_of, most) = handle(&ids).await;
    let expected = (1..=10).map(|n| (format!("m-{n}"), Outcome::Applied));
    assert_eq!(came_of, expected.collect::<Vec<_>>());
    assert_eq!(most, SIDE_BY_SIDE_MAX);
}

#[tokio::test]
async fn messages_of_one_object_are_handled_one_after_the_other() {
    let (came_of, most) = handle(&["lamp_1", "lamp_2", "lamp_1", "lamp_1", "lamp_2"]).await;
    // In their order: none is stale. Two lamps were handled at once.
    assert!(
        came_of
            .iter()
            .all(|(_, outcome)| *outcome == Outcome::Applied),
        "{came_of:?}"
    );
    assert_eq!(most, 2);
}

#[tokio::test]
async fn a_message_that_can_not_be_read_is_rejected_beside_the_others() {
    let (came_of, _) = handle(&["lamp_1", "", "lamp_1", ""]).await;
    let outcomes: Vec<_> = came_of.into_iter().map(|(_, outcome)| outcome).collect();
    use Outcome::{Applied, Rejected};
    assert_eq!(outcomes, [Applied, Rejected, Applied, Rejected]);
}
