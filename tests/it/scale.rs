//! How cost grows with the ledger, by a short run of what `make scale` measures: an operation that is documented as
//! constant takes the same calls and units for a ledger three times as large.

use sluice_scale::Options;
use sluice_scale::measure::{Fixed, Work};

#[test]
fn a_page_an_hour_sweep_and_a_replay_take_the_same_calls_of_a_ledger_three_times_as_large() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options {
        entries: vec![1_050, 3_150],
        days: 3,
        fixed: Fixed {
            // More than a first page reads from each of the eight shards of a day.
            newest: 1_000,
            due: 20,
        },
        folder: folder.path().to_owned(),
    };
    let report = sluice_scale::run(&options, &mut |line| println!("{line}"));
    let report = report.expect("it can be measured");
    println!("{report}");
    assert_eq!(report.findings(), Vec::<String>::new());
    // The compared values exist.
    for size in &report.sizes {
        for work in Work::ALL {
            let measured = &size.figures[&work];
            assert!(measured.calls.sum() > 0, "{work:?}");
        }
    }
}
