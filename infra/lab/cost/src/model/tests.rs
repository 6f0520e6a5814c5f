//! The model's arithmetic.

use proptest::prelude::*;

use super::*;
use crate::measure::{Call, Log};

fn call(function: &str, operation: &str, table: Option<&str>) -> Call {
    Call {
        function: function.to_owned(),
        operation: operation.to_owned(),
        table: table.map(str::to_owned),
    }
}

/// A hundred events of this size, all of them about one domain's objects. Each takes a claim, a put on the bus, a mark,
/// a read and a write; every fifth emits an effect.
fn measured(body: usize, item: usize, projection: usize, log: usize) -> Measured {
    let entry = Entry {
        body,
        claimed: item,
        marked: item,
        by_time: 200,
    };
    let objects = Projection {
        bytes: projection,
        writes: 100,
        indexed: false,
    };
    let lines = Log {
        lines: 100,
        bytes: 100 * log,
        duration_ms: 0,
    };
    let calls: Calls = BTreeMap::from([
        (call("ingest", "PutItem", Some("ledger")), 100),
        (call("ingest", "UpdateItem", Some("ledger")), 100),
        (call("ingest", "PutEvents", None), 100),
        (call("payments", "GetItem", Some("payments")), 100),
        (call("payments", "PutItem", Some("payments")), 120),
        (call("payments", "PutEvents", None), 20),
    ]);
    Measured {
        events: 100,
        entries: vec![entry; 100],
        projections: BTreeMap::from([("payments".to_owned(), vec![objects])]),
        calls,
        effects: 20,
        logs: BTreeMap::from([("ingest".to_owned(), lines), ("payments".to_owned(), lines)]),
        access_line: 200,
        ..Measured::default()
    }
}

fn row(bill: &Bill, name: &str) -> Row {
    let mut rows = bill.rows.iter().chain(&bill.apart).chain(&bill.monthly);
    rows.find(|row| row.name == name)
        .cloned()
        .expect("there is such a line")
}

#[track_caller]
fn is(dollars: f64, expected: f64) {
    assert!(
        (dollars - expected).abs() < 1e-6,
        "{dollars} $, not {expected} $"
    );
}

#[test]
fn a_small_event_costs_what_its_requests_cost() {
    let bill = bill(&measured(3_000, 1_000, 1_000, 400), &Assumptions::default());
    is(row(&bill, "HTTP API").ours, 1.0);
    is(row(&bill, "EventBridge").ours, 1.0);
    is(row(&bill, "ledger: claim").ours, 0.625);
    is(row(&bill, "ledger: index").ours, 0.625);
    is(row(&bill, "ledger: mark").ours, 0.625);
    is(row(&bill, "SQS").ours, 0.4 * 1.2);
    is(
        row(&bill, "Lambda: ingest").ours,
        0.2 + 20.0 * 0.25 * 0.013_333_4,
    );
    is(
        row(&bill, "Lambda: domains").ours,
        (0.2 + 50.0 * 0.25 * 0.013_333_4) / 10.0,
    );
    is(row(&bill, "domains: read").ours, 0.125);
    is(row(&bill, "domains: write").ours, 0.625);
    is(row(&bill, "logs: functions").ours, 0.4);
    is(row(&bill, "logs: the API").ours, 0.1);
    is(row(&bill, "effects").ours, 0.2 * (1.0 + 0.625));
    // Each event and each effect is encrypted and decrypted.
    is(
        row(&bill, "KMS, with a key of your own").ours,
        1.2 * 2.0 * 3.0,
    );
}

#[test]
fn the_usual_design_pays_for_size_transaction_index_and_single_messages() {
    let bill = bill(&measured(3_000, 1_000, 1_000, 400), &Assumptions::default());
    let usual = |name| row(&bill, name).usual.expect("it has that line");
    // 3,150 bytes are four units, at the claim and again at the end.
    is(usual("ledger: claim"), 4.0 * 0.625);
    is(usual("ledger: mark"), 4.0 * 0.625);
    is(usual("ledger: index"), 2.0 * 0.625);
    is(usual("SQS"), 3.0 * 0.4);
    is(usual("domains: write"), 4.0 * 0.625);
    is(usual("Lambda: domains"), 0.2 + 5.0 * 0.25 * 0.013_333_4);
    is(usual("X-Ray, if every event is traced"), 10.0);
}

#[test]
fn effects_cost_by_their_share() {
    let of = |effects_percent| {
        let assumed = Assumptions {
            effects_percent,
            ..Assumptions::default()
        };
        row(
            &bill(&measured(3_000, 1_000, 1_000, 400), &assumed),
            "effects",
        )
        .ours
    };
    is(of(Some(0.0)), 0.0);
    is(of(Some(40.0)), 2.0 * of(None));
}

#[test]
fn a_projection_in_an_index_is_written_twice() {
    let mut with = measured(3_000, 1_000, 1_500, 400);
    let without = bill(&with, &Assumptions::default());
    for one in with.projections.values_mut().flatten() {
        one.indexed = true;
    }
    let with = bill(&with, &Assumptions::default());
    is(
        row(&with, "domains: write").ours,
        2.0 * row(&without, "domains: write").ours,
    );
}

#[test]
fn nothing_measured_costs_something_and_divides_by_nothing() {
    let (ours, usual) = bill(&Measured::default(), &Assumptions::default()).sums();
    assert!(ours.is_finite() && usual.is_finite());
}

proptest! {
    #[test]
    fn more_bytes_never_cost_less(
        body in 1_usize..300_000, item in 100_usize..40_000, projection in 100_usize..40_000, log in 0_usize..5_000,
        more in 0_usize..300_000, batch in 1_u8..=10,
    ) {
        let assumed = Assumptions { batch: f64::from(batch), ..Assumptions::default() };
        let sums = |measured: &Measured| bill(measured, &assumed).sums();
        let (ours, usual) = sums(&measured(body, item, projection, log));
        for larger in [
            measured(body + more, item, projection, log),
            measured(body, item + more, projection, log),
            measured(body, item, projection + more, log),
            measured(body, item, projection, log + more),
        ] {
            let (more_ours, more_usual) = sums(&larger);
            prop_assert!(more_ours >= ours - 1e-9 && more_usual >= usual - 1e-9);
        }
    }

    #[test]
    fn longer_invocations_never_cost_less_and_larger_batches_never_more(
        ms in 1.0..1_000.0_f64, more in 0.0..1_000.0_f64, batch in 1_u8..10,
    ) {
        let of = |assumed: Assumptions| bill(&measured(3_000, 1_000, 1_000, 400), &assumed).sums().0;
        let assumed = |ms: f64, batch: u8| Assumptions {
            batch: f64::from(batch), ingest_ms: ms, batch_ms: ms, ..Assumptions::default()
        };
        prop_assert!(of(assumed(ms + more, batch)) >= of(assumed(ms, batch)));
        prop_assert!(of(assumed(ms, batch + 1)) <= of(assumed(ms, batch)) + 1e-9);
    }
}
