//! What an event costs, by a short run of what `make cost` measures: one call, byte or unit too many shows here first.

use sluice_cost::model::Assumptions;
use sluice_cost::report::Report;
use sluice_cost::setup::Options;
use sluice_cost::units::write_units;
use sluice_domains::ALL as DOMAINS;

use crate::world::{built, unique};

/// The number of events in the run: a few of each domain.
const EVENTS: usize = 60;

#[test]
fn an_event_costs_a_claim_a_put_and_a_mark_in_ingest_and_a_read_and_a_write_in_its_domain() {
    let mut local = built();
    local.log = local
        .root
        .join(format!("target/local/{}.log", unique("cost")));
    let options = Options {
        seed: 1,
        events: EVENTS,
    };
    let measured = sluice_cost::run(options, local, &mut |line| println!("{line}"));
    let report = Report::of(
        measured.expect("the run can be made"),
        Assumptions::default(),
    );
    println!("{report}");
    let measured = &report.measured;
    assert!(measured.events >= EVENTS && measured.entries.len() == measured.events);
    for (operation, table) in [
        ("PutItem", &["ledger"][..]),
        ("UpdateItem", &["ledger"]),
        ("PutEvents", &[]),
    ] {
        let called = measured.called(&["ingest"], operation, table);
        assert_eq!(called, measured.events, "{operation}");
    }
    // Each message reads once and writes at most once, and once more if it has effects, except for a few that meet
    // another message's write.
    let (messages, effects) = (
        measured.messages(),
        measured.called(&DOMAINS, "PutEvents", &[]),
    );
    let (reads, writes) = (
        measured.called(&DOMAINS, "GetItem", &DOMAINS),
        measured.called(&DOMAINS, "PutItem", &DOMAINS),
    );
    let few = messages / 5;
    assert!(
        reads >= messages && reads <= messages + few,
        "{reads} of {messages}"
    );
    assert!(writes <= messages + effects + few, "{writes} of {messages}");
    // The index costs one unit for any event.
    let mut entries = measured.entries.iter();
    assert!(entries.all(|entry| write_units(entry.by_time) == 1));
    assert!(measured.effects > 0);
    let (ours, usual) = report.bill.sums();
    assert!(ours < usual, "{report}");
}
