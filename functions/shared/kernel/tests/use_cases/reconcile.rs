//! Compares the ledger with Stripe's list.

mod accounts;
mod own_account;
mod pages;
mod scopes;
mod thin;
mod ties;
mod ungenerated;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_harness::build::{TRACEPARENT, arrival, head};
use sluice_harness::bus::{MemoryBus, Script};
use sluice_harness::clock::{START_MS, TestClock};
use sluice_harness::ledger::MemoryLedger;
use sluice_harness::reconcile::{MemoryLists, MemoryNotes};
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::endpoint::{self, Endpoint, Payload};
use sluice_kernel::delivery::ledger::Ledger;
use sluice_kernel::delivery::record::record_and_publish;
use sluice_kernel::event::{Head, Scope};
use sluice_kernel::fault::Fault;
use sluice_kernel::reconcile::report::{AccountsFrom, Report};
use sluice_kernel::reconcile::{Plan, Ports, Standings, VIA, run};

use crate::code;

const SETTLE_S: i64 = 300;

/// The head of this suite's own events.
fn read(body: &[u8]) -> Option<Head<'_>> {
    let event: Value = serde_json::from_slice(body).ok()?;
    let text = |field: &str| event[field].as_str().map(str::to_owned);
    let mut head = head("");
    head.id = Cow::Owned(text("id")?);
    head.kind = Cow::Owned(text("type")?);
    head.context = text("context").map(Cow::Owned);
    head.account = head.context.clone();
    head.livemode = event["livemode"].as_bool();
    head.created = event["created"].as_i64();
    if let Some(object) = &mut head.object {
        object.id = Some(Cow::Owned(format!("ch_of_{}", head.id)));
    }
    Some(head)
}

struct World {
    clock: TestClock,
    ledger: MemoryLedger,
    bus: MemoryBus,
    lists: MemoryLists,
    notes: MemoryNotes,
    endpoints: BTreeMap<String, Endpoint>,
    types: Vec<String>,
    pages_max: u32,
    checks_max: usize,
    /// How long a run has, in milliseconds.
    until_ms: i64,
}

fn platform() -> Scope {
    Scope {
        account: None,
        livemode: true,
    }
}

/// An event as Stripe lists it, made at this second after the start.
fn event(id: &str, kind: &str, after_s: i64) -> Value {
    let created = START_MS / 1_000 + after_s;
    json!({ "id": id, "type": kind, "livemode": true, "created": created })
}

fn account(id: &str) -> Scope {
    Scope {
        account: Some(id.to_owned()),
        livemode: true,
    }
}

impl World {
    fn new(scope: endpoint::AccountScope) -> Self {
        let clock = TestClock::default();
        let endpoint = Endpoint::of(scope, true);
        Self {
            ledger: MemoryLedger::new(clock.clone()),
            bus: MemoryBus::default(),
            lists: MemoryLists::of_pages(3),
            notes: MemoryNotes::default(),
            endpoints: BTreeMap::from([("main".to_owned(), endpoint)]),
            types: Vec::new(),
            pages_max: 100,
            checks_max: 0,
            until_ms: 60_000,
            clock,
        }
    }

    /// A world that has been reconciled once, some time ago.
    async fn begun() -> Self {
        let world = Self::new(endpoint::AccountScope::Platform);
        let first = world.run("run-0").await;
        assert_eq!((first.seen, first.from_s), (0, None));
        world.clock.advance_ms(3_600_000);
        world
    }

    /// Stripe makes an event at this second after the start; nothing delivers it.
    fn made(&self, scope: &Scope, id: &str, after_s: i64) {
        self.lists
            .add(scope, event(id, "charge.succeeded", after_s));
    }

    /// An hour passes, as between two runs.
    fn an_hour_later(&self) {
        self.clock.advance_ms(3_600_000);
    }

    /// The accounts whose events were asked for since the last call of this; none is the platform.
    fn asked(&self) -> Vec<Option<String>> {
        let asked = self.lists.take_asked().into_iter();
        asked.map(|ask| ask.scope.account).collect()
    }

    async fn delivered(&self, id: &str) {
        let body = json!({ "id": id, "type": "charge.succeeded" }).to_string();
        let mut arrival = arrival(id, "main", body.as_bytes());
        arrival.expires_at_s = self.clock.now_ms() / 1_000 + 35 * 86_400;
        let taken = record_and_publish(&self.ledger, &self.bus, &self.clock, &arrival).await;
        taken.expect("taken");
    }

    async fn try_run(&self, attempt: &str) -> Result<Report, Fault> {
        self.run_with(&self.ledger, attempt).await
    }

    async fn run_with(
        &self,
        ledger: &(impl Ledger + Standings),
        attempt: &str,
    ) -> Result<Report, Fault> {
        let ports = Ports {
            listing: &self.lists,
            ledger,
            notes: &self.notes,
            bus: &self.bus,
            head: read,
        };
        let now_ms = self.clock.now_ms();
        let plan = Plan {
            endpoints: &self.endpoints,
            types: &self.types,
            attempt,
            traceparent: TRACEPARENT,
            until_ms: now_ms + self.until_ms,
            lapses_at_ms: now_ms + 65_000,
            retention_s: 35 * 86_400,
            settle_s: SETTLE_S,
            pages_max: self.pages_max,
            checks_max: self.checks_max,
        };
        run(&ports, &self.clock, &plan).await
    }

    async fn run(&self, attempt: &str) -> Report {
        self.try_run(attempt).await.expect("a report")
    }

    fn published(&self, id: &str) -> usize {
        let all = self.bus.details();
        let of = |detail: &&Value| detail["id"] == id && detail["sluice"]["check"] != true;
        all.iter().filter(of).count()
    }
}

#[tokio::test]
async fn what_the_ledger_lacks_is_claimed_published_and_marked_as_reconciled() {
    let world = World::begun().await;
    for (n, id) in ["evt_1", "evt_2", "evt_3", "evt_4", "evt_5"]
        .into_iter()
        .enumerate()
    {
        world.made(&platform(), id, 60 + i64::try_from(n).expect("small"));
    }
    world.delivered("evt_1").await;
    world.delivered("evt_4").await;
    let report = world.run("run-1").await;
    assert_eq!((report.seen, report.missing, report.recovered), (5, 3, 3));
    assert_eq!(report.completeness_percent(), Some(40.0));
    for id in ["evt_1", "evt_2", "evt_3", "evt_4", "evt_5"] {
        assert_eq!(world.published(id), 1, "{id}");
    }
    let via = |id: &str| world.ledger.entry(id).expect("an entry").origin.via;
    assert_eq!(via("evt_1"), None);
    assert_eq!(via("evt_2").as_deref(), Some(VIA));
    // Everything is there now, and the overlap shows it again.
    world.clock.advance_ms(600_000);
    let next = world.run("run-2").await;
    assert_eq!((next.seen, next.missing), (5, 0));
    assert_eq!(next.completeness_percent(), Some(100.0));
}

#[tokio::test]
async fn an_event_before_the_first_run_is_not_looked_for() {
    let world = World::begun().await;
    world.made(&platform(), "evt_old", -1);
    let report = world.run("run-1").await;
    assert_eq!(report.seen, 0);
    assert_eq!(world.published("evt_old"), 0);
}

#[tokio::test]
async fn what_may_still_be_on_its_way_is_left_to_its_delivery() {
    let world = World::begun().await;
    world.made(&platform(), "evt_new", 3_600 - SETTLE_S + 1);
    assert_eq!(world.run("run-1").await.seen, 0);
    world.clock.advance_ms(60_000);
    assert_eq!(world.run("run-2").await.recovered, 1);
}

#[tokio::test]
async fn an_attempt_that_died_is_taken_over_once_its_claim_has_lapsed() {
    let world = World::begun().await;
    world.made(&platform(), "evt_1", 60);
    let body = br#"{"id":"evt_1","type":"charge.succeeded"}"#;
    let mut dead = arrival("evt_1", "dead", body);
    dead.head = read(body).expect("readable");
    dead.lapses_at_ms = world.clock.now_ms() + 20_000;
    dead.expires_at_s = world.clock.now_ms() / 1_000 + 86_400;
    world.ledger.claim(&dead).await.expect("claimed");
    let report = world.run("run-1").await;
    assert_eq!((report.held, report.stuck, report.missing), (1, 0, 0));
    world.clock.advance_ms(60_000);
    let report = world.run("run-2").await;
    assert_eq!((report.stuck, report.recovered), (1, 1));
    assert_eq!(world.published("evt_1"), 1);
}

#[tokio::test]
async fn what_a_live_endpoint_only_stored_is_published_if_its_own_endpoint_never_received_it() {
    let world = World::begun().await;
    world.made(&platform(), "evt_1", 60);
    let body = br#"{"id":"evt_1","type":"charge.succeeded"}"#;
    let mut stored = arrival("evt_1", "stored", body);
    stored.head = read(body).expect("readable");
    stored.expires_at_s = world.clock.now_ms() / 1_000 + 86_400;
    stored.ledger_only = Some("test_event_at_live_endpoint");
    let taken = record_and_publish(&world.ledger, &world.bus, &world.clock, &stored).await;
    taken.expect("stored");
    assert_eq!(world.published("evt_1"), 0);
    let report = world.run("run-1").await;
    assert_eq!((report.missing, report.recovered), (1, 1));
    assert_eq!(world.published("evt_1"), 1);
}

#[tokio::test]
async fn a_walk_does_not_pass_an_event_that_another_attempt_holds() {
    let world = World::begun().await;
    world.made(&platform(), "evt_1", 60);
    // Reconcile was away for long: the overlap alone wouldn't cover it again.
    world.clock.advance_ms(3 * 86_400_000);
    let body = br#"{"id":"evt_1","type":"charge.succeeded"}"#;
    let mut other = arrival("evt_1", "other", body);
    other.head = read(body).expect("readable");
    other.lapses_at_ms = world.clock.now_ms() + 20_000;
    other.expires_at_s = world.clock.now_ms() / 1_000 + 86_400;
    world.ledger.claim(&other).await.expect("claimed");
    let report = world.run("run-1").await;
    assert_eq!((report.held, report.recovered), (1, 0));
    world.clock.advance_ms(3_600_000);
    let report = world.run("run-2").await;
    assert_eq!((report.stuck, report.recovered), (1, 1));
}

#[tokio::test]
async fn types_that_nobody_subscribed_to_are_not_missing() {
    let mut world = World::begun().await;
    world.types = vec!["invoice.*".to_owned(), "payout.paid".to_owned()];
    world.made(&platform(), "evt_1", 60);
    let report = world.run("run-1").await;
    assert_eq!((report.seen, report.pages), (0, 1));
    assert_eq!(world.published("evt_1"), 0);
}

#[tokio::test]
async fn a_run_that_is_stopped_goes_on_where_it_was() {
    for stop in ["pages", "fault", "cursor"] {
        let mut world = World::begun().await;
        for n in 0..10 {
            world.made(&platform(), &format!("evt_{n}"), 60 + n);
        }
        match stop {
            "pages" => world.pages_max = 2,
            "fault" => {
                let fault = Fault::retry(code::STRIPE_RATE_LIMITED, "scripted");
                world.lists.fail_after(2, fault);
            }
            _ => {
                world.notes.set_failing(true);
                let report = world.run("run-1").await;
                assert_eq!(report.stopped.as_deref(), Some("reconcile.unavailable"));
                assert_eq!(
                    report.recovered, 3,
                    "the page is dealt with before its cursor"
                );
                world.notes.set_failing(false);
            }
        }
        let first = world.run("run-2").await;
        world.pages_max = 100;
        if stop != "cursor" {
            assert_eq!((first.recovered, first.more), (6, stop == "pages"));
            assert_eq!(first.scopes_failed, u64::from(stop == "fault"));
            let second = world.run("run-3").await;
            assert_eq!(
                (second.recovered, second.pages, second.more),
                (4, 2, false),
                "{stop}"
            );
        }
        for n in 0..10 {
            assert_eq!(world.published(&format!("evt_{n}")), 1, "{stop}");
        }
        let cursor = world.notes.cursor(&platform()).expect("a cursor");
        assert_eq!(cursor.walk, None, "{stop}");
    }
}

#[tokio::test]
async fn a_page_after_an_event_that_stripe_no_longer_knows_is_asked_for_from_the_start() {
    let mut world = World::begun().await;
    for n in 0..6 {
        world.made(&platform(), &format!("evt_{n}"), 60 + n);
    }
    world.pages_max = 1;
    world.run("run-1").await;
    world.pages_max = 100;
    let refused = Fault::reject(code::STRIPE_REQUEST_REFUSED, "no such event");
    world.lists.fail_after(0, refused);
    let report = world.run("run-2").await;
    assert_eq!((report.recovered, report.more), (3, false));
    let asked = world.lists.take_asked();
    assert_eq!(asked.last().map(|ask| ask.after.is_some()), Some(true));
    assert!(asked.iter().any(|ask| ask.after.is_none()));
}

#[tokio::test]
async fn without_a_key_every_run_says_so_and_no_cursor_moves() {
    let mut world = World::new(endpoint::AccountScope::Both);
    world.lists = MemoryLists::of_pages(0);
    for attempt in ["run-1", "run-2"] {
        let report = world.run(attempt).await;
        assert_eq!(report.stopped.as_deref(), Some("reconcile.no_key"));
        assert_eq!(report.scopes_whole, 0);
    }
    assert_eq!(world.notes.cursor(&platform()), None);
    assert_eq!(world.notes.reports().len(), 2);
}
