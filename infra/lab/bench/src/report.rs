//! Figures as Markdown tables: medians of the rounds, with the least and the greatest, and ratios to one contestant.

use std::fmt::Write as _;
use std::path::Path;

use sluice_report::{LEFT, NONE, heading, row};

use crate::contestant::{Contestant, REFERENCES};
use crate::measure::{Measured, median};
use crate::role::Role;
use crate::scenario::{Course, Scenario, Series};

/// The share of a run that Sluice's function may wait for a processor before the page mentions it.
const WAITED_MAX: f64 = 0.02;

/// A column of figures.
const RIGHT: &str = "--:";

/// A figure of a run, if the run has it.
type Figure = fn(&Measured) -> Option<f64>;

/// A column: its heading, and the figure in it.
type Column = (&'static str, Figure);

const COLD: [Column; 3] = [
    ("first answer, ms", |one| Some(one.first_answer_ms)),
    ("of it until ready, ms", |one| Some(one.init_ms)),
    ("CPU, ms", |one| Some(one.first_answer_cpu_ms)),
];

const WARM: [Column; 6] = [
    ("CPU an event, µs", |one| Some(one.cpu_us)),
    ("p99 of it, µs", |one| one.cpu_p99_us),
    ("p50, µs", |one| one.p50_us),
    ("p99, µs", |one| one.p99_us),
    ("events/s", |one| Some(one.per_second)),
    ("resident peak, MB", |one| Some(one.resident_peak_mb)),
];

/// A line of the headline: its name, its scenario, and the figure.
type Line = (&'static str, &'static str, Figure);

/// The headline's lines.
const HEADLINE: &[Line] = &[
    (
        "Cold start to the first answer, over TLS, ms",
        "cold-tls",
        |one| Some(one.first_answer_ms),
    ),
    ("CPU an event, 3 KB, µs", "warm-3k", |one| Some(one.cpu_us)),
    ("CPU an event, 200 KB, µs", "warm-200k", |one| {
        Some(one.cpu_us)
    }),
    ("Slowest hundredth, 3 KB: CPU, µs", "warm-3k", |one| {
        one.cpu_p99_us
    }),
    (
        "Slowest hundredth, 3 KB: until the answer, µs",
        "warm-3k",
        |one| one.p99_us,
    ),
    ("Resident memory at the most, 3 KB, MB", "warm-3k", |one| {
        Some(one.resident_peak_mb)
    }),
];

fn columns(scenario: &Scenario) -> &'static [Column] {
    match scenario.course {
        Course::Cold { .. } => &COLD,
        Course::Warm { .. } => &WARM,
    }
}

/// A figure with three significant digits.
fn figure(value: f64) -> String {
    let digits = match value.abs() {
        0.0..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}

/// A figure, if there is one.
pub(crate) fn one(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), figure)
}

/// A median with the least and the greatest of its values.
fn spread(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(0.0, f64::max);
    let middle = median(values.iter().copied());
    match values.len() {
        0 => NONE.to_owned(),
        1 => figure(middle),
        _ => format!(
            "{} ({}–{})",
            figure(middle),
            figure(least),
            figure(greatest)
        ),
    }
}

fn ratio(values: &[f64], others: &[f64]) -> String {
    let other = median(others.iter().copied());
    match other > 0.0 && !values.is_empty() {
        true => figure(median(values.iter().copied()) / other),
        false => NONE.to_owned(),
    }
}

/// All measurements.
pub(crate) struct Report<'a> {
    pub(crate) contestants: &'a [Contestant],
    pub(crate) measured: &'a [Measured],
    /// The folder of the packages.
    pub(crate) folder: &'a Path,
}

impl Report<'_> {
    fn runs<'a>(
        &'a self,
        scenario: &'a str,
        contestant: &'a str,
    ) -> impl Iterator<Item = &'a Measured> {
        let of = move |one: &&Measured| one.scenario == scenario && one.contestant == contestant;
        self.measured.iter().filter(of)
    }

    fn values(&self, scenario: &str, contestant: &str, figure: Figure) -> Vec<f64> {
        self.runs(scenario, contestant).filter_map(figure).collect()
    }

    /// The contestants that ran a scenario.
    fn ran(&self, scenario: &str) -> Vec<&Contestant> {
        let ran = |one: &&Contestant| self.runs(scenario, one.name).next().is_some();
        self.contestants.iter().filter(ran).collect()
    }

    /// The contestant that others are compared with.
    fn reference(&self, scenario: &str) -> &'static str {
        let ran = |name: &&str| self.runs(scenario, name).next().is_some();
        REFERENCES.iter().copied().find(ran).unwrap_or_default()
    }

    fn megabytes(&self, contestant: &Contestant) -> Option<f64> {
        let package = std::fs::metadata(contestant.package(self.folder)).ok()?;
        Some(package.len() as f64 / 1e6)
    }

    /// Everything as a Markdown page.
    pub(crate) fn page(&self, scenarios: &[Scenario]) -> String {
        let mut text = self.headline();
        for scenario in scenarios.iter().filter(|one| one.series.is_none()) {
            text.push_str(&self.table(scenario));
        }
        for series in Series::ALL {
            let lines = scenarios.iter().filter(|one| one.series == Some(series));
            text.push_str(&self.series(series, &lines.collect::<Vec<_>>()));
        }
        text + &self.rest()
    }

    /// The table for a reader who reads only one.
    fn headline(&self) -> String {
        let ingests: Vec<_> = self
            .contestants
            .iter()
            .filter(|one| one.role == Role::Ingest)
            .collect();
        let (Some(ours), false) = (
            ingests.iter().find(|one| one.is_ours),
            self.measured.is_empty(),
        ) else {
            return String::new();
        };
        let reference = REFERENCES
            .iter()
            .find_map(|name| ingests.iter().find(|one| one.name == *name));
        let against: Vec<_> = reference.into_iter().collect();
        let titles = ingests.iter().map(|ingest| ingest.title.to_owned());
        let ratios = against
            .iter()
            .map(|other| format!("Sluice ÷ {}", other.title));
        let columns = titles.chain(ratios).map(|title| (title, RIGHT));
        let columns = [(String::new(), LEFT)].into_iter().chain(columns);
        let mut text = "### In short\n\n".to_owned() + &heading(columns);
        let mut line = |what: &str, values: &dyn Fn(&Contestant) -> Vec<f64>| {
            let own = ingests.iter().map(|ingest| spread(&values(ingest)));
            let ratios = against
                .iter()
                .map(|other| ratio(&values(ours), &values(other)));
            text += &row([what.to_owned()].into_iter().chain(own).chain(ratios));
        };
        for (what, scenario, column) in HEADLINE {
            if !self.ran(scenario).is_empty() {
                line(what, &|one| self.values(scenario, one.name, *column));
            }
        }
        line("ZIP file, MB", &|one| {
            self.megabytes(one).into_iter().collect()
        });
        text + "\n" + &self.remarks()
    }

    /// What a reader has to know to read the tables; empty if they need no explanation.
    fn remarks(&self) -> String {
        let mut text = String::new();
        // Sluice's functions have one thread, which never waits for another of its own.
        let ours = self.contestants.iter().filter(|one| one.is_ours);
        let ours: Vec<_> = ours.map(|one| one.name).collect();
        let runs = self.measured.iter();
        let runs = runs.filter(|one| ours.contains(&one.contestant));
        let waited = median(runs.filter_map(|one| one.waited));
        if waited > WAITED_MAX {
            let _ = writeln!(
                text,
                "**This machine had other work**: Sluice's functions, or what drives them, waited {} % of the time for a \
                 processor. Latencies, events a second and cold starts have that in them, CPU hasn't. PRIORITY=1 goes before \
                 other work.\n",
                figure(waited * 100.0)
            );
        }
        text
    }

    /// A scenario's table; empty if no contestant ran it.
    fn table(&self, scenario: &Scenario) -> String {
        let ran = self.ran(scenario.name);
        if ran.is_empty() {
            return String::new();
        }
        let columns = columns(scenario);
        let reference = self.reference(scenario.name);
        let figures = columns.iter().flat_map(|(title, _)| [*title, "×"]);
        let figures = figures.map(|title| (title, RIGHT));
        let mut text = format!("### {} (`{}`)\n\n", scenario.title, scenario.name);
        text += &heading([("", LEFT)].into_iter().chain(figures));
        for contestant in ran {
            let figures = columns.iter().flat_map(|(_, column)| {
                let values = self.values(scenario.name, contestant.name, *column);
                let others = self.values(scenario.name, reference, *column);
                [spread(&values), ratio(&values, &others)]
            });
            text += &row([contestant.title.to_owned()].into_iter().chain(figures));
        }
        text + "\n"
    }

    /// A series' table: one line for each of its scenarios, two columns for each contestant.
    fn series(&self, series: Series, scenarios: &[&Scenario]) -> String {
        let mut ran: Vec<&Contestant> = Vec::new();
        for one in scenarios
            .iter()
            .flat_map(|scenario| self.ran(scenario.name))
        {
            if ran.iter().all(|known| known.name != one.name) {
                ran.push(one);
            }
        }
        if ran.is_empty() {
            return String::new();
        }
        let figures = ran.iter().flat_map(|contestant| {
            let cpu = format!("{}: CPU an event, µs", contestant.title);
            [(cpu, RIGHT), ("events/s".to_owned(), RIGHT)]
        });
        let mut text = format!("### {}\n\n", series.title());
        text += &heading([(String::new(), LEFT)].into_iter().chain(figures));
        for scenario in scenarios {
            let figures = ran.iter().flat_map(|contestant| {
                let figures: [Figure; 2] = [|one| Some(one.cpu_us), |one| Some(one.per_second)];
                figures.map(|figure| spread(&self.values(scenario.name, contestant.name, figure)))
            });
            text += &row([scenario.title.to_owned()].into_iter().chain(figures));
        }
        text + "\n"
    }

    /// What Sluice's own functions call, store and log.
    fn rest(&self) -> String {
        let columns = [
            ("scenario", LEFT),
            ("calls an event", LEFT),
            ("bytes of log", RIGHT),
            ("bytes of the largest ledger entry", RIGHT),
        ];
        let mut text = "### What an event costs Sluice beside CPU\n\n".to_owned();
        text += &heading(columns);
        let mut named: Vec<&str> = Vec::new();
        let ours = self.contestants.iter().filter(|one| one.is_ours);
        let ours: Vec<_> = ours.map(|one| one.name).collect();
        for one in self
            .measured
            .iter()
            .filter(|one| ours.contains(&one.contestant))
        {
            if named.contains(&one.scenario) {
                continue;
            }
            named.push(one.scenario);
            let calls = one
                .calls
                .iter()
                .map(|(call, count)| format!("{call} {}", figure(*count)));
            let calls = calls.collect::<Vec<_>>().join(", ");
            let entry = match one.entry_bytes {
                0 => NONE.to_owned(),
                bytes => bytes.to_string(),
            };
            let scenario = format!("`{}`", one.scenario);
            text += &row([scenario, calls, figure(one.log_bytes), entry]);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::SCENARIOS;

    #[test]
    fn figures_have_three_digits() {
        let figures = [0.0, 2.71, 27.18, 271.8, 2_718.2].map(figure);
        assert_eq!(figures, ["0.00", "2.71", "27.2", "272", "2718"]);
    }

    fn named(name: &'static str, title: &'static str) -> Contestant {
        Contestant {
            name,
            title,
            command: Vec::new(),
            folder: std::path::PathBuf::new(),
            variables: Vec::new(),
            needs: Vec::new(),
            role: Role::Ingest,
            dedupes: true,
            is_ours: name == "ours",
        }
    }

    #[test]
    fn a_machine_with_other_work_is_reported() {
        let of = |contestant, waited| Measured {
            contestant,
            waited: Some(waited),
            ..Measured::default()
        };
        let contestants = [named("ours", "Sluice"), named("naive", "naive Rust")];
        let remarks = |measured: &[Measured]| {
            let folder = Path::new("no such folder");
            let contestants = &contestants;
            Report {
                contestants,
                measured,
                folder,
            }
            .remarks()
        };
        assert_eq!(remarks(&[of("ours", 0.01), of("naive", 0.5)]), "");
        assert!(remarks(&[of("ours", 0.25)]).contains("waited 25.0 % of the time"));
    }

    #[test]
    fn a_table_has_a_line_for_each_contestant_that_ran() {
        let scenario = &SCENARIOS[0];
        let of = |contestant, first_answer_ms| Measured {
            scenario: scenario.name,
            contestant,
            first_answer_ms,
            ..Measured::default()
        };
        let measured = [
            of("naive", 10.0),
            of("ours", 4.0),
            of("ours", 6.0),
            of("ours", 5.0),
        ];
        let contestants = [
            named("ours", "Sluice"),
            named("naive", "naive Rust"),
            named("node", "Node"),
        ];
        let report = Report {
            contestants: &contestants,
            measured: &measured,
            folder: Path::new("no such folder"),
        };
        let text = report.table(scenario);
        assert!(
            text.contains("| Sluice | 5.00 (4.00–6.00) | 0.50 |"),
            "{text}"
        );
        assert!(text.contains("| naive Rust | 10.0 | 1.00 |"), "{text}");
        assert!(!text.contains("Node"), "{text}");
        let short = report.headline();
        let line = "over TLS, ms | 5.00 (4.00–6.00) | 10.0 | – | 0.50 |";
        assert!(short.contains(line), "{short}");
        assert!(report.series(Series::Batches, &[]).is_empty());
    }
}
