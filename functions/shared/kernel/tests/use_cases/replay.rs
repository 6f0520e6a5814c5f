//! Replay runs over tables in memory: cut off, gone on with, fought over, refused and stopped; and what is foreseen of them.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::Value;
use sluice_harness::build::{arrival, message_in};
use sluice_harness::bus::{MemoryBus, Script};
use sluice_harness::clock::TestClock;
use sluice_harness::ledger::MemoryLedger;
use sluice_kernel::detail::{self, Manner};
use sluice_kernel::domain::NoSettings;
use sluice_kernel::fault::Fault;
use sluice_kernel::foresee::{Overlay, foresee};
use sluice_kernel::ledger::{Bodies, Ledger};
use sluice_kernel::outcome::Outcome;
use sluice_kernel::replay::{Entries, Ledgered, Ports, Run, Runs, Standing, Verdicts, go_on};

use crate::consume::{Lamps, World, lamp};

/// The table of one run.
#[derive(Default)]
struct OneRun {
    ids: Vec<String>,
    kept: Mutex<(Option<Run>, u64)>,
    noted: Mutex<Vec<String>>,
    /// Notes that work before one fails, as though the program died there.
    dies_after: Mutex<Option<usize>>,
}

impl Runs for OneRun {
    async fn save(&self, run: &Run, expected: u64) -> Result<bool, Fault> {
        let mut kept = self.kept.lock().expect("whole");
        if kept.1 != expected {
            return Ok(false);
        }
        *kept = (Some(run.clone()), expected + 1);
        Ok(true)
    }

    async fn ids(&self, _: &str, from: usize, limit: usize) -> Result<Vec<String>, Fault> {
        Ok(self.ids.iter().skip(from).take(limit).cloned().collect())
    }

    async fn note(&self, _: &Run, ids: &[String], _: i64) -> Result<(), Fault> {
        if let Some(left) = self.dies_after.lock().expect("whole").as_mut() {
            if *left == 0 {
                return Err(Fault::retry("test.died", "here"));
            }
            *left -= 1;
        }
        self.noted.lock().expect("whole").extend_from_slice(ids);
        Ok(())
    }
}

/// The ledger, as far as it was given entries.
struct Kept(MemoryLedger);

impl Entries for Kept {
    async fn entries(&self, ids: &[String], now_ms: i64) -> Result<Vec<Option<Ledgered>>, Fault> {
        let mut found = Vec::new();
        for id in ids {
            let body = self.0.body(id, now_ms).await?;
            found.push(self.0.entry(id).map(|entry| (entry, body)));
        }
        Ok(found)
    }
}

/// Domains that fail at these.
#[derive(Default)]
struct Failing(BTreeSet<String>);

impl Verdicts for Failing {
    async fn failed(&self, ids: &[String], _: i64) -> Result<usize, Fault> {
        Ok(ids.iter().filter(|id| self.0.contains(*id)).count())
    }

    async fn is_waiting(&self) -> Result<bool, Fault> {
        Ok(false)
    }
}

struct Stage {
    runs: OneRun,
    entries: Kept,
    bus: MemoryBus,
    verdicts: Failing,
    clock: TestClock,
}

impl Stage {
    async fn of(events: usize) -> Self {
        let ledger = MemoryLedger::default();
        let ids: Vec<String> = (0..events).map(|n| format!("evt_{n}")).collect();
        for id in &ids {
            let message = message_in(Manner::Plain, &lamp(id, "lamp.lit", 10, 5));
            let mut message: Value = serde_json::from_str(&message).expect("JSON");
            // The leading key is the bus's, and not Stripe's.
            let detail = message["detail"].as_object_mut().expect("an event");
            detail.remove("sluice");
            let body = message["detail"].to_string();
            let arrival = arrival(id, "attempt", body.as_bytes());
            ledger.claim(&arrival).await.expect("claimed");
        }
        Self {
            runs: OneRun {
                ids,
                ..OneRun::default()
            },
            entries: Kept(ledger),
            bus: MemoryBus::default(),
            verdicts: Failing::default(),
            clock: TestClock::default(),
        }
    }

    fn run(&self) -> Run {
        Run {
            id: "replay-1".to_owned(),
            who: "an operator".to_owned(),
            why: "a test".to_owned(),
            forced: true,
            domain: None,
            total: self.runs.ids.len(),
            next: 0,
            published: 0,
            skipped: 0,
            refused: 0,
            failed: 0,
            checked: 0,
            canary: 5.min(self.runs.ids.len()),
            rate_per_s: 1_000,
            stop_percent: 10,
            settle_ms: 0,
            started_at_ms: 0,
            at_ms: 0,
            standing: Standing::Running,
        }
    }

    async fn go_on(&self, run: Run, version: u64) -> Result<Run, Fault> {
        let ports = Ports {
            runs: &self.runs,
            entries: &self.entries,
            target: &self.bus,
            verdicts: &self.verdicts,
        };
        go_on(&ports, &self.clock, run, version, |_| {}).await
    }

    fn kept(&self) -> (Run, u64) {
        let kept = self.runs.kept.lock().expect("whole").clone();
        (kept.0.expect("a run"), kept.1)
    }
}

#[tokio::test]
async fn a_run_that_was_cut_off_goes_on_with_its_last_batch_in_the_same_generation() {
    let stage = Stage::of(250).await;
    // The canary, a batch, and then it dies between the bus and the cursor.
    *stage.runs.dies_after.lock().expect("whole") = Some(2);
    let died = stage.go_on(stage.run(), 0).await;
    assert_eq!(died.expect_err("died").code, "test.died");
    let (run, version) = stage.kept();
    assert_eq!((run.next, &run.standing), (105, &Standing::Running));
    assert_eq!(stage.bus.taken().len(), 205);
    *stage.runs.dies_after.lock().expect("whole") = None;
    let done = stage.go_on(run, version).await.expect("done");
    assert_eq!(
        (done.next, done.published, &done.standing),
        (250, 250, &Standing::Done)
    );
    assert_eq!(
        stage.bus.taken().len(),
        350,
        "the batch that was lost comes again"
    );
    let details = stage.bus.details();
    assert!(
        details
            .iter()
            .all(|detail| detail["sluice"]["generation"] == "replay-1")
    );
    let noted: BTreeSet<_> = stage
        .runs
        .noted
        .lock()
        .expect("whole")
        .iter()
        .cloned()
        .collect();
    assert_eq!(noted.len(), 250);
}

#[tokio::test]
async fn of_two_programs_on_one_run_one_stops_before_it_publishes() {
    let stage = Stage::of(20).await;
    let done = stage.go_on(stage.run(), 0).await.expect("done");
    assert_eq!(done.published, 20);
    // The other read the run when the first began.
    let late = stage.go_on(stage.run(), 0).await;
    assert_eq!(late.expect_err("taken").code, "replay.taken");
    assert_eq!(stage.bus.taken().len(), 20);
}

#[tokio::test]
async fn a_run_stops_after_its_canary_where_too_many_of_that_fail() {
    let mut stage = Stage::of(50).await;
    stage.verdicts.0.insert("evt_3".to_owned());
    let stopped = stage.go_on(stage.run(), 0).await.expect("it ends");
    assert!(
        matches!(stopped.standing, Standing::Stopped(_)),
        "{stopped:?}"
    );
    assert_eq!((stopped.next, stopped.failed, stopped.checked), (5, 1, 5));
    assert_eq!(stage.bus.taken().len(), 5);
}

#[tokio::test]
async fn what_the_ledger_lacks_is_skipped_and_what_the_bus_refuses_is_offered_again() {
    let mut stage = Stage::of(20).await;
    stage.runs.ids.push("evt_unknown".to_owned());
    stage.bus.script([Script::Later]);
    let done = stage.go_on(stage.run(), 0).await.expect("done");
    assert_eq!(
        (done.published, done.skipped, done.refused),
        (20, 1, 0),
        "{done:?}"
    );
}

#[tokio::test]
async fn a_plan_builds_on_what_it_foresaw_and_changes_nothing() {
    let world = World::default();
    let overlay = Overlay::over(&world.projections);
    let mut outcomes = Vec::new();
    let mut told = Vec::new();
    for event in [
        lamp("evt_2", "lamp.dimmed", 20, 1),
        lamp("evt_1", "lamp.lit", 10, 5),
        lamp("evt_1", "lamp.lit", 10, 5),
    ] {
        let message = detail::read(&message_in(Manner::Plain, &event)).expect("readable");
        let foreseen = foresee::<Lamps>(
            &overlay,
            &world.ledger,
            &world.clock,
            &message,
            &NoSettings {},
        )
        .await;
        let foreseen = foreseen.expect("foreseen");
        outcomes.push(foreseen.result.expect("no fault").outcome);
        told.push(
            foreseen
                .effects
                .into_iter()
                .map(|effect| effect.kind)
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(
        outcomes,
        [Outcome::Applied, Outcome::Stale, Outcome::Duplicate]
    );
    assert_eq!(told, [vec!["Light"], vec!["LampLit"], vec![]]);
    assert!(world.projections.items().is_empty() && world.bus.taken().is_empty());
}

#[tokio::test]
async fn what_a_domain_would_reject_or_panic_at_is_foreseen_and_no_error() {
    let world = World::default();
    let overlay = Overlay::over(&world.projections);
    let mut dark = lamp("evt_1", "lamp.lit", 10, 5);
    dark.object["light"] = Value::Null;
    for (event, code) in [
        (dark, "object.field_missing"),
        (lamp("evt_2", "lamp.panics", 10, 5), "domain.panicked"),
    ] {
        let message = detail::read(&message_in(Manner::Plain, &event)).expect("readable");
        let foreseen = foresee::<Lamps>(
            &overlay,
            &world.ledger,
            &world.clock,
            &message,
            &NoSettings {},
        )
        .await;
        let fault = foreseen.expect("foreseen").result.expect_err("rejected");
        assert_eq!(fault.code, code);
    }
}
