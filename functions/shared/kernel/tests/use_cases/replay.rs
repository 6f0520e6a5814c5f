//! Replay runs over tables in memory: cut off, resumed, contended, refused and stopped; and what is predicted of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Mutex;

use serde_json::{Value, json};
use sluice_harness::build::{arrival, head, message_in};
use sluice_harness::bus::{MemoryBus, Script};
use sluice_harness::clock::TestClock;
use sluice_harness::ledger::MemoryLedger;
use sluice_kernel::bus::detail::{self, EmitMode};
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::endpoint::{AccountScope, Endpoint, TEST_EVENT};
use sluice_kernel::delivery::ledger::{Bodies, Ledger, Waiting};
use sluice_kernel::delivery::sweep;
use sluice_kernel::domain::NoSettings;
use sluice_kernel::event::Head;
use sluice_kernel::fault::Fault;
use sluice_kernel::outcome::Outcome;
use sluice_kernel::replay::dry_run::{Overlay, dry_run};
use sluice_kernel::replay::{
    Admissions, Entries, Ledgered, Ports, Run, RunState, Runs, Verdicts, resume,
};

use crate::code::{self, Code};
use crate::consume::{Lamps, World, lamp};

/// The table of one run.
#[derive(Default)]
struct OneRun {
    ids: Vec<String>,
    kept: Mutex<(Option<Run>, u64)>,
    noted: Mutex<Vec<String>>,
    /// How many records succeed before one fails, as if the program died there.
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
                return Err(Fault::retry(code::TEST_DIED, "here"));
            }
            *left -= 1;
        }
        self.noted.lock().expect("whole").extend_from_slice(ids);
        Ok(())
    }
}

/// The ledger, with the entries that it was given.
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

impl Waiting for Kept {
    async fn admit(
        &self,
        id: &str,
        reason: Code,
        account: Option<&str>,
        due_at_ms: i64,
    ) -> Result<bool, Fault> {
        self.0.admit(id, reason, account, due_at_ms).await
    }
}

/// Reads an event plainly: an account may stand in `account` alone.
fn read(body: &[u8]) -> Option<Head<'_>> {
    let event: Value = serde_json::from_slice(body).ok()?;
    let text = |field: &str| event[field].as_str().map(|text| text.to_owned().into());
    let mut head = head("");
    head.id = text("id")?;
    head.kind = text("type")?;
    head.account = text("account");
    head.livemode = event["livemode"].as_bool();
    Some(head)
}

/// Domains that fail at these events.
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

struct Setup {
    runs: OneRun,
    entries: Kept,
    bus: MemoryBus,
    verdicts: Failing,
    clock: TestClock,
    endpoints: BTreeMap<String, Endpoint>,
}

impl Setup {
    async fn of(events: usize) -> Self {
        let ledger = MemoryLedger::default();
        let ids: Vec<String> = (0..events).map(|n| format!("evt_{n}")).collect();
        for id in &ids {
            let message = message_in(EmitMode::Normal, &lamp(id, "lamp.lit", 10, 5));
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
            endpoints: BTreeMap::new(),
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
            canary: 5.min(self.runs.ids.len()),
            rate_per_s: 1_000,
            stop_percent: 10,
            settle_ms: 0,
            started_at_ms: 0,
            at_ms: 0,
            ..Run::default()
        }
    }

    async fn resume(&self, run: Run, version: u64) -> Result<Run, Fault> {
        self.resume_to(run, version, usize::MAX).await
    }

    /// As `resume`, and asks it to stop once it has reached this position.
    async fn resume_to(&self, run: Run, version: u64, end: usize) -> Result<Run, Fault> {
        let ports = Ports {
            runs: &self.runs,
            entries: &self.entries,
            target: &self.bus,
            verdicts: &self.verdicts,
            admissions: Admissions {
                endpoints: &self.endpoints,
                head: read,
            },
        };
        resume(&ports, &self.clock, run, version, |run| {
            match run.next >= end {
                true => ControlFlow::Break("paused".to_owned()),
                false => ControlFlow::Continue(()),
            }
        })
        .await
    }

    fn kept(&self) -> (Run, u64) {
        let kept = self.runs.kept.lock().expect("whole").clone();
        (kept.0.expect("a run"), kept.1)
    }
}

#[tokio::test]
async fn a_run_that_was_cut_off_goes_on_with_its_last_batch_in_the_same_generation() {
    let setup = Setup::of(250).await;
    // The canary, a batch, and then it dies between the bus and the cursor.
    *setup.runs.dies_after.lock().expect("whole") = Some(2);
    let died = setup.resume(setup.run(), 0).await;
    assert_eq!(died.expect_err("died").code, "test.died");
    let (run, version) = setup.kept();
    assert_eq!((run.next, &run.standing), (105, &RunState::Running));
    assert_eq!(setup.bus.taken().len(), 205);
    *setup.runs.dies_after.lock().expect("whole") = None;
    let done = setup.resume(run, version).await.expect("done");
    assert_eq!(
        (done.next, done.published, &done.standing),
        (250, 250, &RunState::Done)
    );
    assert_eq!(
        setup.bus.taken().len(),
        350,
        "the batch that was lost comes again"
    );
    let details = setup.bus.details();
    assert!(
        details
            .iter()
            .all(|detail| detail["sluice"]["generation"] == "replay-1")
    );
    let noted: BTreeSet<_> = setup
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
async fn a_run_that_is_asked_to_stop_does_so_after_its_batch_and_goes_on_with_the_next() {
    let setup = Setup::of(250).await;
    let paused = setup.resume_to(setup.run(), 0, 105).await.expect("it ends");
    assert_eq!(paused.standing, RunState::Stopped("paused".to_owned()));
    let (run, version) = setup.kept();
    assert_eq!((run.next, &run), (105, &paused));
    let done = setup.resume_to(run, version, 250).await.expect("done");
    assert_eq!((done.published, done.standing), (250, RunState::Done));
    assert_eq!(setup.bus.taken().len(), 250, "none comes twice");
}

#[tokio::test]
async fn of_two_programs_on_one_run_one_stops_before_it_publishes() {
    let setup = Setup::of(20).await;
    let done = setup.resume(setup.run(), 0).await.expect("done");
    assert_eq!(done.published, 20);
    // The other read the run when the first began.
    let late = setup.resume(setup.run(), 0).await;
    assert_eq!(late.expect_err("taken").code, "replay.taken");
    assert_eq!(setup.bus.taken().len(), 20);
}

#[tokio::test]
async fn a_run_stops_after_its_canary_where_too_many_of_that_fail() {
    let mut setup = Setup::of(50).await;
    setup.verdicts.0.insert("evt_3".to_owned());
    let stopped = setup.resume(setup.run(), 0).await.expect("it ends");
    assert!(
        matches!(stopped.standing, RunState::Stopped(_)),
        "{stopped:?}"
    );
    assert_eq!((stopped.next, stopped.failed, stopped.checked), (5, 1, 5));
    assert_eq!(setup.bus.taken().len(), 5);
}

#[tokio::test]
async fn what_the_ledger_lacks_is_skipped_and_what_the_bus_refuses_is_offered_again() {
    let mut setup = Setup::of(20).await;
    setup.runs.ids.push("evt_unknown".to_owned());
    setup.bus.script([Script::Later]);
    let done = setup.resume(setup.run(), 0).await.expect("done");
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
    let mut emitted = Vec::new();
    for event in [
        lamp("evt_2", "lamp.dimmed", 20, 1),
        lamp("evt_1", "lamp.lit", 10, 5),
        lamp("evt_1", "lamp.lit", 10, 5),
    ] {
        let message = detail::read(&message_in(EmitMode::Normal, &event)).expect("readable");
        let predicted = dry_run::<Lamps>(
            &overlay,
            &world.ledger,
            &world.clock,
            &message,
            &NoSettings {},
        )
        .await;
        let predicted = predicted.expect("predicted");
        outcomes.push(predicted.result.expect("no fault").outcome);
        emitted.push(
            predicted
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
    assert_eq!(emitted, [vec!["Light"], vec!["LampLit"], vec![]]);
    assert!(world.projections.items().is_empty() && world.bus.taken().is_empty());
}

#[tokio::test]
async fn what_a_domain_would_reject_or_panic_at_is_foreseen_and_no_error() {
    let world = World::default();
    let overlay = Overlay::over(&world.projections);
    let mut dark = lamp("evt_1", "lamp.lit", 10, 5);
    dark.object["light"] = Value::Null;
    for (event, code) in [
        (dark, code::OBJECT_FIELD_MISSING),
        (lamp("evt_2", "lamp.panics", 10, 5), code::DOMAIN_PANICKED),
    ] {
        let message = detail::read(&message_in(EmitMode::Normal, &event)).expect("readable");
        let predicted = dry_run::<Lamps>(
            &overlay,
            &world.ledger,
            &world.clock,
            &message,
            &NoSettings {},
        )
        .await;
        let fault = predicted.expect("predicted").result.expect_err("rejected");
        assert_eq!(fault.code, code);
    }
}

/// What a test stores in the ledger alone.
struct Stored {
    id: &'static str,
    kind: &'static str,
    account: Option<&'static str>,
    livemode: bool,
    reason: &'static str,
    endpoint: &'static str,
}

/// A test event of the account `acct_own` that an endpoint for live events of the platform had stored.
const STORED: Stored = Stored {
    id: "evt_waits",
    kind: "lamp.lit",
    account: Some("acct_own"),
    livemode: true,
    reason: code::ENDPOINT_UNEXPECTED_ACCOUNT.as_str(),
    endpoint: "platform",
};

impl Setup {
    /// A ledger with this alone.
    async fn with(stored: &[Stored]) -> Self {
        let mut setup = Self::of(0).await;
        for Stored {
            id,
            kind,
            account,
            livemode,
            reason,
            endpoint,
        } in stored
        {
            let event = json!({ "id": id, "object": "event", "type": kind, "account": account, "livemode": livemode });
            let body = event.to_string();
            let mut arrival = arrival(id, "attempt", body.as_bytes());
            arrival.head = read(body.as_bytes()).expect("readable");
            arrival.endpoint = endpoint;
            arrival.ledger_only = Some(reason);
            let ledger = &setup.entries.0;
            ledger.claim(&arrival).await.expect("claimed");
            assert!(ledger.mark(&arrival, 0).await.expect("marked"));
            setup.runs.ids.push((*id).to_owned());
        }
        setup
    }

    async fn swept(&self) -> Vec<Value> {
        let now_ms = self.clock.now_ms();
        sweep::sweep(
            &self.entries.0,
            &self.bus,
            &self.clock,
            100,
            now_ms + 60_000,
        )
        .await
        .expect("swept");
        self.bus.details()
    }
}

#[tokio::test]
async fn what_waits_is_admitted_once_its_endpoint_fits_and_published_by_sweep_with_its_body() {
    let mut setup = Setup::with(&[STORED]).await;
    setup.endpoints.insert(
        "platform".to_owned(),
        Endpoint::of(AccountScope::Platform, true),
    );
    let still = setup.resume(setup.run(), 0).await.expect("done");
    assert_eq!((still.waiting, still.admitted, still.skipped), (1, 0, 0));
    assert!(setup.swept().await.is_empty());

    let named = Endpoint {
        account: Some("acct_own".to_owned()),
        ..Endpoint::of(AccountScope::Platform, true)
    };
    setup.endpoints.insert("platform".to_owned(), named);
    let done = setup.resume(setup.run(), 1 + 1).await.expect("done");
    assert_eq!((done.waiting, done.admitted, done.published), (0, 1, 0));
    assert_eq!(done.standing, RunState::Done);
    assert!(setup.bus.taken().is_empty(), "it is sweep's to publish");
    let published = setup.swept().await;
    assert_eq!(published.len(), 1);
    assert_eq!(published[0]["sluice"]["account"], Value::Null);
    assert_eq!(
        published[0]["account"], "acct_own",
        "the body is as Stripe sent it"
    );
    assert_eq!(published[0]["sluice"].get("generation"), None);
    assert!(
        setup
            .runs
            .noted
            .lock()
            .expect("whole")
            .contains(&"evt_waits".to_owned())
    );
}

#[tokio::test]
async fn a_run_that_dies_after_an_admission_publishes_nothing_twice() {
    let mut setup = Setup::with(&[STORED]).await;
    setup.endpoints.insert(
        "platform".to_owned(),
        Endpoint::of(AccountScope::Connect, true),
    );
    *setup.runs.dies_after.lock().expect("whole") = Some(0);
    let died = setup.resume(setup.run(), 0).await;
    assert_eq!(died.expect_err("died").code, "test.died");
    *setup.runs.dies_after.lock().expect("whole") = None;
    assert_eq!(setup.swept().await.len(), 1);
    let (run, version) = setup.kept();
    let done = setup.resume(run, version).await.expect("done");
    // Now it is a published event like any other.
    assert_eq!((done.admitted, done.published), (0, 1));
    let details = setup.swept().await;
    assert_eq!(details.len(), 2);
    assert_eq!(details[1]["sluice"]["account"], "acct_own");
}

#[tokio::test]
async fn what_is_kept_on_purpose_is_never_published_whatever_the_endpoint_is_set_to() {
    let kept = [
        Stored {
            id: "evt_test",
            livemode: false,
            reason: TEST_EVENT,
            endpoint: "connect",
            ..STORED
        },
        // The routing table keeps this type in the ledger.
        Stored {
            id: "evt_routed",
            kind: "apps.install.created",
            reason: code::ENDPOINT_WRONG_MODE.as_str(),
            ..STORED
        },
        Stored {
            id: "evt_gone",
            endpoint: "removed",
            ..STORED
        },
    ];
    let mut setup = Setup::with(&kept).await;
    for (name, livemode) in [("platform", true), ("connect", false)] {
        let endpoint = Endpoint::of(AccountScope::Both, livemode);
        setup.endpoints.insert(name.to_owned(), endpoint);
    }
    let done = setup.resume(setup.run(), 0).await.expect("done");
    assert_eq!((done.skipped, done.waiting, done.admitted), (2, 1, 0));
    assert!(setup.swept().await.is_empty());
}
