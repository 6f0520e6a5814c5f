//! What happened, as the functions' lines counted it, over an hour and a day.

use std::collections::BTreeMap;

use serde::Serialize;

use super::figures::{EVENTS, FAULTS, Figures};
use crate::logs;
use crate::problem::Problem;
use crate::stack::Stack;

/// What the functions' lines counted over a span.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Counts {
    /// By function, then by outcome.
    pub outcomes: BTreeMap<String, BTreeMap<String, f64>>,
    /// Refusals and faults, by code.
    pub codes: BTreeMap<String, f64>,
    /// Whether there were more lines than are read: the counts are then a minimum.
    #[serde(rename = "at_least")]
    pub cut: bool,
}

impl Counts {
    /// How often a function had this outcome.
    pub fn of(&self, function: &str, outcome: &str) -> f64 {
        let outcomes = self.outcomes.get(function);
        let count = outcomes.and_then(|outcomes| outcomes.get(outcome));
        count.copied().unwrap_or_default()
    }

    /// How often a function had any outcome.
    pub fn all_of(&self, function: &str) -> f64 {
        let outcomes = self.outcomes.get(function);
        outcomes.map_or(0.0, |outcomes| outcomes.values().sum())
    }

    fn add(&mut self, function: String, outcome: String, count: f64) {
        let outcomes = self.outcomes.entry(function).or_default();
        *outcomes.entry(outcome).or_default() += count;
    }

    /// What the metrics of the last hour or day count.
    pub(super) fn of_figures(figures: &Figures, span_ms: i64) -> Self {
        let mut counts = Self::default();
        for (points, values) in figures.of(EVENTS, span_ms) {
            let [function, outcome] = [0, 1].map(|place| points.dimension(place).to_owned());
            // What didn't happen within the span isn't listed.
            if values.iter().any(|count| *count > 0.0) {
                counts.add(function, outcome, values.iter().sum());
            }
        }
        for (points, values) in figures.of(FAULTS, span_ms) {
            let count: f64 = values.iter().sum();
            if count > 0.0 {
                counts.codes.insert(points.dimension(0).to_owned(), count);
            }
        }
        counts
    }

    /// Counts the lines of a span, for a stack that makes no metrics of them.
    pub(super) async fn between(
        stack: &Stack,
        from_ms: i64,
        until_ms: i64,
    ) -> Result<Self, Problem> {
        let mut counts = Self::default();
        for function in stack.log_groups.keys() {
            let found = logs::search(stack, function, None, from_ms, until_ms).await?;
            counts.cut |= found.cut;
            for line in found.lines {
                if let Some(outcome) = line.fields["outcome"].as_str() {
                    counts.add(function.clone(), outcome.to_owned(), 1.0);
                }
                if let Some(code) = line.fields["code"].as_str() {
                    *counts.codes.entry(code.to_owned()).or_default() += 1.0;
                }
            }
        }
        Ok(counts)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::status) fn counts() -> Counts {
        let mut counts = Counts {
            codes: BTreeMap::from([("signature.no_match".to_owned(), 2.0)]),
            ..Counts::default()
        };
        for (function, outcome, count) in [
            ("ingest", "accepted", 7.0),
            ("ingest", "refused", 2.0),
            ("payments", "rejected", 1.0),
        ] {
            counts.add(function.to_owned(), outcome.to_owned(), count);
        }
        counts
    }

    #[test]
    fn a_functions_outcomes_add_up_and_what_was_not_seen_is_zero() {
        let counts = counts();
        assert_eq!(
            (counts.of("ingest", "refused"), counts.all_of("ingest")),
            (2.0, 9.0)
        );
        assert_eq!(
            (counts.of("ingest", "held"), counts.all_of("billing")),
            (0.0, 0.0)
        );
    }
}
