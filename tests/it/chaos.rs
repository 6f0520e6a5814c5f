//! A short run of chaos: a simulated Stripe delivers while everything fails, and nothing is lost, doubled or other than it has
//! it. `make chaos` runs long ones.

use sluice_chaos::plan::Options;

use crate::world::{built, unique};

/// Events of the run: with the retries and the wait for rest about half a minute.
const EVENTS: usize = 120;

#[test]
fn a_short_run_with_every_kind_of_fault_loses_doubles_and_drifts_nothing() {
    let mut local = built();
    local.log = local
        .root
        .join(format!("target/local/{}.log", unique("chaos")));
    let options = Options::new(7, EVENTS, None);
    let report = sluice_chaos::run(&options, local, &mut |line| println!("{line}"));
    let report = report.expect("the run can be made");
    println!("{report}");
    assert!(report.findings.is_right(), "{report}");
    // It wasn't peace.
    assert!(report.kills() > 0 && report.retries > 0, "{report}");
}
