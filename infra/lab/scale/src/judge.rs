//! Whether what is stated flat is flat, and what is stated linear is linear: in calls and units, never in time.

use crate::measure::{Figures, Fixed, Linear, Measured, Stated, Work};

/// The result of one size.
#[derive(Debug, Clone, PartialEq)]
pub struct Size {
    /// Entries of the ledger.
    pub entries: usize,
    /// What each piece of work took.
    pub figures: Figures,
}

/// What isn't as stated, one sentence each; empty if everything is.
#[must_use]
pub fn findings(sizes: &[Size], fixed: &Fixed, days: u16) -> Vec<String> {
    let mut findings = Vec::new();
    for work in Work::ALL {
        let words = work.words(fixed);
        let measured: Vec<_> = sizes
            .iter()
            .filter_map(|size| Some((size.entries, size.figures.get(&work)?)))
            .collect();
        let found = match measured.first() {
            None => continue,
            Some((_, first)) => match work.stated(first.events, days) {
                Stated::Flat => flat(&measured),
                Stated::Linear(_) => linear(&measured, work, days),
                Stated::Bounded(most) => bounded(&measured, most),
            },
        };
        let over = over_price(&measured, work);
        let found = found.into_iter().chain(over);
        findings.extend(found.map(|found| format!("{words}: {found}")));
    }
    findings
}

fn flat(measured: &[(usize, &Measured)]) -> Vec<String> {
    let Some(((base, first), others)) = measured.split_first() else {
        return Vec::new();
    };
    let differs = others
        .iter()
        .filter(|(_, other)| other.calls != first.calls);
    let differs = differs.map(|(entries, other)| {
        format!(
            "stated flat, but of {base} entries it is {}, of {entries} {}",
            said(first),
            said(other)
        )
    });
    differs.collect()
}

fn said(measured: &Measured) -> String {
    let (read, write) = measured.calls.units();
    let operations = measured.calls.operations.iter();
    let operations: Vec<_> = operations
        .map(|(operation, count)| format!("{count} {operation}"))
        .collect();
    format!("{}, {read} + {write} units", operations.join(", "))
}

/// Where a page reads more than the console says that it costs.
fn over_price(measured: &[(usize, &Measured)], work: Work) -> Option<String> {
    let most = work.priced()?.read_units;
    let mut over = measured
        .iter()
        .filter(|(_, one)| one.calls.units().0 > most);
    let (entries, one) = over.next()?;
    Some(format!(
        "priced at {most:.0} read units, but of {entries} entries it is {}",
        said(one)
    ))
}

fn bounded(measured: &[(usize, &Measured)], [calls, units]: [f64; 2]) -> Vec<String> {
    let is_over = |one: &Measured| made(one) > calls || one.calls.units().0 > units;
    let over = measured.iter().filter(|(_, one)| is_over(one));
    let over = over.map(|(entries, one)| {
        format!(
            "stated bounded, with {calls:.0} calls and {units:.0} units at most, but of {entries} entries it is {}",
            said(one)
        )
    });
    over.collect()
}

/// How many calls were made.
fn made(measured: &Measured) -> f64 {
    f64::from(u32::try_from(measured.calls.sum()).unwrap_or(u32::MAX))
}

fn linear(measured: &[(usize, &Measured)], work: Work, days: u16) -> Vec<String> {
    let mut findings = Vec::new();
    for (entries, one) in measured {
        let Stated::Linear(Linear { calls, units }) = work.stated(one.events, days) else {
            continue;
        };
        let is_within = |what: f64, [least, most]: [f64; 2]| what >= least && what <= most;
        if !(is_within(made(one), calls) && is_within(one.calls.units().0, units)) {
            findings.push(format!(
                "stated linear, with {:.0} to {:.0} calls and {:.0} to {:.0} units for {} events, but of {entries} entries \
                 it is {}",
                calls[0],
                calls[1],
                units[0],
                units[1],
                one.events,
                said(one)
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::aws::Calls;

    const FIXED: Fixed = Fixed {
        newest: 1_000,
        due: 200,
    };

    fn size(entries: usize, work: Work, events: usize, queries: u64, read_halves: u64) -> Size {
        let calls = Calls {
            operations: [("Query".to_owned(), queries)].into(),
            read_halves,
            ..Calls::default()
        };
        let measured = Measured {
            events,
            calls,
            took: Duration::from_secs(entries as u64),
            peak_kib: 0,
        };
        Size {
            entries,
            figures: [(work, measured)].into(),
        }
    }

    #[test]
    fn a_call_or_half_a_unit_more_is_not_flat_and_time_is_no_matter() {
        let of = |queries, halves| {
            let sizes = [(1_000, 8, 16), (10_000, queries, halves)];
            let sizes =
                sizes.map(|(n, queries, halves)| size(n, Work::ListHour, 1_000, queries, halves));
            findings(&sizes, &FIXED, 30)
        };
        assert_eq!(of(8, 16), Vec::<String>::new());
        for (queries, halves) in [(9, 16), (8, 17), (7, 16)] {
            let found = of(queries, halves);
            assert!(
                found.len() == 1 && found[0].contains("stated flat"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn linear_is_a_call_for_each_full_page_and_a_few_more_for_each_shard() {
        let of = |queries, units: u64| {
            findings(
                &[size(
                    1_000_000,
                    Work::ListNone,
                    1_000_000,
                    queries,
                    2 * units,
                )],
                &FIXED,
                1,
            )
        };
        assert_eq!(of(1_000, 20_000), Vec::<String>::new());
        assert_eq!(of(1_030, 20_500), Vec::<String>::new());
        for (queries, units) in [
            (900, 20_000),
            (1_100, 20_000),
            (1_000, 10_000),
            (1_000, 40_000),
        ] {
            let found = of(queries, units);
            assert!(
                found.len() == 1 && found[0].contains("stated linear"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn what_is_bounded_may_grow_up_to_its_bound() {
        let of = |queries| {
            let sizes = [(1_000, 8), (10_000, queries)];
            let sizes = sizes.map(|(n, queries)| size(n, Work::PageWeek, 1, queries, 16));
            findings(&sizes, &FIXED, 30)
        };
        assert_eq!(of(200), Vec::<String>::new());
        let found = of(2_000);
        assert!(
            found.len() == 1 && found[0].contains("stated bounded"),
            "{found:?}"
        );
    }

    #[test]
    fn a_page_that_reads_more_than_its_price_is_found() {
        let sizes = [(1_000, 16), (10_000, 16)];
        let of = |halves| {
            let sizes = sizes.map(|(n, _)| size(n, Work::PageEvent, 1, 8, halves));
            findings(&sizes, &FIXED, 30)
        };
        assert_eq!(of(16), Vec::<String>::new());
        let found = of(16_000);
        assert!(
            found.len() == 1 && found[0].contains("priced at"),
            "{found:?}"
        );
    }

    #[test]
    fn what_could_not_be_measured_is_not_judged() {
        let none = Size {
            entries: 10_000,
            figures: Figures::new(),
        };
        let sizes = [size(1_000, Work::ListHour, 1_000, 8, 16), none];
        assert_eq!(findings(&sizes, &FIXED, 30), Vec::<String>::new());
    }
}
