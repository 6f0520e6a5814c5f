//! What an open tab asks of AWS, and what that costs.
//!
//! `make scale` counts what each page asks of a growing ledger, and fails if one reads more than [`PAGES`] says.
//! CloudWatch bills metrics, and not calls. How many there are depends on which outcomes and codes occur.

use sluice_operations::prices::{METRICS_THOUSAND, QUEUE_MILLION, READ_UNITS_MILLION};

use crate::limits::{FRESH_IN_AWS, LIVE_EVERY, RUN_EVERY};

/// Outcomes of ingest and codes of faults, of which each is a metric.
const COMMON_METRICS: usize = 30;

/// Metrics for each domain: outcomes, receives, lags, percentiles, and those of its queues.
const METRICS_EACH: usize = 15;

/// A page.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Its name.
    pub name: &'static str,
    /// DynamoDB's read units each time that it is read, at most.
    pub read_units: f64,
    /// Requests to queues: some, and some more for each domain.
    pub queues: [usize; 2],
    /// Whether it reads CloudWatch's metrics.
    pub metrics: bool,
    /// How often it is read in an hour while a tab that shows it is visible, or several.
    pub an_hour: f64,
}

/// The overview: its numbers are read once in a while for all tabs.
pub const OVERVIEW: Page = Page {
    name: "Overview, live",
    read_units: 1_400.0,
    queues: [2, 2],
    metrics: true,
    an_hour: 3_600.0 / FRESH_IN_AWS.as_secs_f64(),
};

/// The runs.
pub const RUNS: Page = Page {
    name: "Runs, live",
    read_units: 30.0,
    queues: [0, 0],
    metrics: false,
    an_hour: 3_600.0 / LIVE_EVERY.as_secs_f64(),
};

/// A run, which is live while it works: its place in the list, and its record.
pub const RUN: Page = Page {
    name: "A run while it works, live",
    read_units: 10.0,
    queues: [0, 0],
    metrics: false,
    an_hour: 3_600.0 / RUN_EVERY.as_secs_f64(),
};

/// The newest events.
pub const EVENTS: Page = Page {
    name: "Events, opened once a minute",
    read_units: 250.0,
    queues: [0, 0],
    metrics: false,
    an_hour: 60.0,
};

/// An event.
pub const EVENT: Page = Page {
    name: "An event, live",
    read_units: 40.0,
    queues: [0, 0],
    metrics: false,
    an_hour: 3_600.0 / LIVE_EVERY.as_secs_f64(),
};

/// Failures, or those of one cause: the newest records of each outcome.
pub const FAILURES: Page = Page {
    name: "Failures, opened once a minute",
    read_units: 1_000.0,
    queues: [2, 1],
    metrics: false,
    an_hour: 60.0,
};

/// The pages, those that are live first.
pub const PAGES: [Page; 6] = [OVERVIEW, RUNS, RUN, EVENT, EVENTS, FAILURES];

impl Page {
    /// Requests to queues in an hour.
    pub fn queue_requests(&self, domains: usize) -> f64 {
        self.an_hour * float(self.queues[0] + self.queues[1] * domains)
    }

    /// Metrics that are asked for in an hour.
    pub fn metrics(&self, domains: usize) -> f64 {
        match self.metrics {
            true => self.an_hour * float(COMMON_METRICS + METRICS_EACH * domains),
            false => 0.0,
        }
    }

    /// Read units in an hour.
    pub fn units(&self) -> f64 {
        self.an_hour * self.read_units
    }

    /// Dollars an hour.
    pub fn dollars(&self, domains: usize) -> f64 {
        let units = self.units() / 1e6 * READ_UNITS_MILLION;
        let queues = self.queue_requests(domains) / 1e6 * QUEUE_MILLION;
        units + queues + self.metrics(domains) / 1e3 * METRICS_THOUSAND
    }
}

fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_overview_costs_cents_an_hour_and_reads_metrics_once_a_minute() {
        let [overview, runs, ..] = PAGES;
        assert_eq!(overview.metrics(4), 60.0 * 90.0);
        assert_eq!(overview.queue_requests(4), 600.0);
        let dollars = overview.dollars(4);
        assert!((0.01..0.10).contains(&dollars), "{dollars}");
        assert!(runs.dollars(4) < dollars);
        // A page that is live is read by its topic, for all its tabs.
        assert_eq!(
            (runs.an_hour, EVENT.an_hour, RUN.an_hour),
            (720.0, 720.0, 3_600.0)
        );
    }
}
