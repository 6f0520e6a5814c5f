//! Figures as Markdown tables: medians of the rounds, with the least and the greatest, and ratios to one contestant.

use std::fmt::Write as _;
use std::path::Path;

use crate::contestant::{Contestant, REFERENCES};
use crate::measure::{Measured, median};
use crate::scenario::{Course, Scenario};

/// A column: its heading, and the figure in it.
type Column = (&'static str, fn(&Measured) -> f64);

const COLD: [Column; 3] = [
    ("first answer, ms", |one| one.first_answer_ms),
    ("of it until ready, ms", |one| one.init_ms),
    ("CPU, ms", |one| one.first_answer_cpu_ms),
];

const WARM: [Column; 5] = [
    ("CPU an event, µs", |one| one.cpu_us),
    ("p50, µs", |one| one.p50_us),
    ("p99, µs", |one| one.p99_us),
    ("events/s", |one| one.per_second),
    ("resident peak, MB", |one| one.resident_peak_mb),
];

fn columns(scenario: &Scenario) -> &'static [Column] {
    match scenario.course {
        Course::Cold { .. } => &COLD,
        Course::Warm { .. } => &WARM,
    }
}

/// A figure with three digits that count.
fn figure(value: f64) -> String {
    let digits = match value.abs() {
        0.0..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}

/// A scenario's table.
pub(crate) fn table(
    scenario: &Scenario,
    contestants: &[Contestant],
    measured: &[Measured],
) -> String {
    let columns = columns(scenario);
    let ran = |name: &&str| {
        let mut runs = measured.iter().filter(|one| one.scenario == scenario.name);
        runs.any(|one| one.contestant == *name)
    };
    let reference = REFERENCES
        .iter()
        .copied()
        .find(|name| ran(name))
        .unwrap_or_default();
    let mut text = format!("### {} (`{}`)\n\n| |", scenario.title, scenario.name);
    for (heading, _) in columns {
        let _ = write!(text, " {heading} | × |");
    }
    text.push_str("\n|---|");
    text.push_str(&"--:|--:|".repeat(columns.len()));
    text.push('\n');
    let of = |name: &str, column: fn(&Measured) -> f64| -> Vec<f64> {
        let runs = measured
            .iter()
            .filter(|one| one.scenario == scenario.name && one.contestant == name);
        runs.map(column).collect()
    };
    for contestant in contestants {
        if of(contestant.name, |_| 0.0).is_empty() {
            continue;
        }
        let _ = write!(text, "| {} |", contestant.title);
        for (_, column) in columns {
            let values = of(contestant.name, *column);
            let other = median(of(reference, *column).into_iter());
            let middle = median(values.iter().copied());
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let greatest = values.iter().copied().fold(0.0, f64::max);
            let ratio = match other > 0.0 {
                true => figure(middle / other),
                false => "–".to_owned(),
            };
            let _ = write!(
                text,
                " {} ({}–{}) | {ratio} |",
                figure(middle),
                figure(least),
                figure(greatest)
            );
        }
        text.push('\n');
    }
    text
}

/// What would be uploaded of each contestant, and what Sluice stores of an event.
pub(crate) fn sizes(contestants: &[Contestant], measured: &[Measured], folder: &Path) -> String {
    let mut text = "### Sizes\n\n| | ZIP file, MB |\n|---|--:|\n".to_owned();
    for contestant in contestants {
        if let Ok(package) = std::fs::metadata(contestant.package(folder)) {
            let megabytes = package.len() as f64 / 1e6;
            let _ = writeln!(
                text,
                "| {} (`{}`) | {} |",
                contestant.title,
                contestant.name,
                figure(megabytes)
            );
        }
    }
    let mut told: Vec<&str> = Vec::new();
    for one in measured.iter().filter(|one| one.entry_bytes > 0) {
        if !told.contains(&one.scenario) {
            told.push(one.scenario);
            let _ = write!(
                text,
                "\nAn entry of Sluice's ledger in `{}`: {} bytes at the most.",
                one.scenario, one.entry_bytes
            );
        }
    }
    text + "\n"
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
        let named = |name, title| Contestant {
            name,
            title,
            command: Vec::new(),
            folder: std::path::PathBuf::new(),
            variables: Vec::new(),
            dedupes: true,
            is_ours: false,
            needs: Vec::new(),
            role: crate::contestant::Role::Door,
        };
        let contestants = [
            named("ours", "Sluice"),
            named("naive", "naive Rust"),
            named("node", "Node"),
        ];
        let text = table(scenario, &contestants, &measured);
        assert!(
            text.contains("| Sluice | 5.00 (4.00–6.00) | 0.50 |"),
            "{text}"
        );
        assert!(
            text.contains("| naive Rust | 10.0 (10.0–10.0) | 1.00 |"),
            "{text}"
        );
        assert!(!text.contains("Node"), "{text}");
    }
}
