//! The table at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use sluice_local::table::columns;

use crate::faults::Kind;
use crate::judge::Findings;
use crate::operator::Operated;

/// How many findings of a kind are printed.
const SHOWN_MAX: usize = 20;

/// The result of a run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What everything depended on.
    pub seed: u64,
    /// Events that happened at Stripe.
    pub events: usize,
    /// The number of these that are older than the endpoints, and were not delivered.
    pub before: usize,
    /// Deliveries that were posted, retries and duplicates included.
    pub deliveries: usize,
    /// The number of these that were duplicates, after which nothing may be different.
    pub duplicates: usize,
    /// The number of these that were tries after a failed one.
    pub retries: usize,
    /// Answers by status, `none` where there was none.
    pub answers: BTreeMap<String, usize>,
    /// How often each kind of fault was made.
    pub faults: BTreeMap<Kind, usize>,
    /// Events that came more than once on the bus.
    pub copies: usize,
    /// Events on the bus that the ledger doesn't have as published: neither the mark nor the request to sweep could be
    /// written.
    pub unmarked: usize,
    /// Effects on the bus.
    pub emitted: usize,
    /// Facts that a receiver acted on.
    pub facts: usize,
    /// Levels that a receiver keeps.
    pub levels: usize,
    /// Projections.
    pub projections: usize,
    /// The number of these that were imported, for an object without a delivered event.
    pub imported: usize,
    /// Objects that reconcile's checks corrected.
    pub fixed: usize,
    /// What operators did meanwhile.
    pub operated: Operated,
    /// How long deliveries were made.
    pub delivering: Duration,
    /// From the end of traffic and faults until nothing was left to do.
    pub draining: Duration,
    /// What is wrong.
    pub findings: Findings,
}

impl Report {
    /// Processes that were killed.
    #[must_use]
    pub fn kills(&self) -> usize {
        let kills = self.faults.iter().filter(|(kind, _)| kind.kills());
        kills.map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answers = self
            .answers
            .iter()
            .map(|(answer, count)| format!("{answer}: {count}"));
        let answers = answers.collect::<Vec<_>>().join(", ");
        let mut rows: Vec<[String; 2]> = Vec::new();
        let mut row = |name: &str, value: String| rows.push([name.to_owned(), value]);
        row("seed", self.seed.to_string());
        row("events", self.events.to_string());
        row("  before the endpoints", self.before.to_string());
        row("deliveries", format!("{} ({answers})", self.deliveries));
        row("  duplicates", self.duplicates.to_string());
        row("  retries", self.retries.to_string());
        row("faults", self.faults.values().sum::<usize>().to_string());
        for (kind, count) in &self.faults {
            row(&format!("  {}", kind.name()), count.to_string());
        }
        row("kills", self.kills().to_string());
        row("events twice on the bus", self.copies.to_string());
        row("  never marked as such", self.unmarked.to_string());
        row("effects on the bus", self.emitted.to_string());
        row("  facts acted on", self.facts.to_string());
        row("  levels kept", self.levels.to_string());
        row("projections", self.projections.to_string());
        row("  imported, no event came", self.imported.to_string());
        row("  fixed by a check", self.fixed.to_string());
        let operated = &self.operated;
        row(
            "operators' calls",
            operated.calls.values().sum::<usize>().to_string(),
        );
        for (command, count) in &operated.calls {
            row(&format!("  {command}"), count.to_string());
        }
        row("  objects looked at", operated.looked.to_string());
        row("  objects written", operated.written.to_string());
        row("  killed", operated.killed.to_string());
        for (how, count) in &operated.failed {
            row(&format!("  failed: {how}"), count.to_string());
        }
        row("  resumed", operated.resumed.to_string());
        row("  reconcile found fault", operated.unwell.to_string());
        row(
            "time of deliveries",
            format!("{:.0} s", self.delivering.as_secs_f64()),
        );
        row(
            "time to drain",
            format!("{:.0} s", self.draining.as_secs_f64()),
        );
        for (name, found) in self.findings.all() {
            row(name, found.len().to_string());
        }
        writeln!(f, "{}", columns(["", ""], &rows))?;
        for (name, found) in self.findings.all() {
            for finding in found.iter().take(SHOWN_MAX) {
                writeln!(f, "{name}: {finding}")?;
            }
            if found.len() > SHOWN_MAX {
                writeln!(f, "{name}: and {} more", found.len() - SHOWN_MAX)?;
            }
        }
        Ok(())
    }
}
