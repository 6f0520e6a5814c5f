//! A short run of chaos: a simulated Stripe delivers, and operators import and rebuild, while everything fails; nothing
//! may be lost, doubled or different from that Stripe. `make chaos` runs long ones.

use sluice_chaos::plan::Options;

use crate::world::{built, unique};

/// The approximate number of events: with retries, the operators' last calls and the wait for the drain, the run takes
/// less than a minute.
const EVENTS: usize = 120;

#[test]
fn a_short_run_with_every_kind_of_fault_and_operators_beside_it_loses_doubles_and_drifts_nothing() {
    let mut local = built();
    local.log = local
        .root
        .join(format!("target/local/{}.log", unique("chaos")));
    let options = Options::new(7, EVENTS, None);
    let report = sluice_chaos::run(&options, local, &mut |line| println!("{line}"));
    let report = report.expect("the run can be made");
    println!("{report}");
    assert!(report.findings.is_right(), "{report}");
    // There were faults.
    assert!(report.kills() > 0 && report.retries > 0, "{report}");
    let calls = &report.operated.calls;
    let is_made = |command| calls.get(command).is_some_and(|count| *count > 0);
    assert!(is_made("import") && is_made("rebuild"), "{report}");
    assert!(report.operated.written > 0, "{report}");
}
