//! What has to be raised at 100, 1,000 and 10,000 events per second: measured figures × rate, compared with AWS's
//! quotas.
//!
//! This is a calculation: the throughput of a local AWS says nothing about AWS's. Quotas are those of us-east-1 for an
//! account that has requested no increase, as of November 2026; Service Quotas shows yours.

use sluice_domains::ALL as DOMAINS;

use crate::measure::Measured;
use crate::model::{Assumptions, PerEvent, float, mean};
use crate::units::write_units;

/// Events per second.
pub const RATES: [f64; 3] = [100.0, 1_000.0, 10_000.0];

/// Shards of a day in the index by_time, and of the index due.
const SHARDS: f64 = 8.0;

/// Writes that a partition takes, in units per second.
const PARTITION_UNITS: f64 = 1_000.0;

/// The longest that ingest waits for a call with its repetitions, in seconds (`adapters::aws::OPERATION_TIMEOUT`).
const CALL_S_MAX: f64 = 4.5;

/// Events that reconcile compares in an hour: a run of 200 pages of a hundred.
const RECONCILED: f64 = 200.0 * 100.0;

/// Events that sweep publishes in a minute.
const SWEPT: f64 = 1_000.0;

/// A limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// What is limited.
    pub what: &'static str,
    /// How much of it is used at each of [`RATES`].
    pub needs: [f64; 3],
    /// Its value as deployed, in an account that has requested no increase.
    pub limit: f64,
    /// How to raise it.
    pub raise: &'static str,
}

/// Each limit, how much of it is used, and how to raise it.
#[must_use]
pub fn limits(measured: &Measured, assumed: &Assumptions) -> Vec<Limit> {
    let per = PerEvent::of(measured);
    let entries = &measured.entries;
    let busiest = DOMAINS
        .iter()
        .filter_map(|domain| measured.logs.get(*domain))
        .map(|log| float(log.lines) / float(measured.events.max(1)))
        .fold(0.0, f64::max);
    let claim_and_mark = mean(entries, |entry| {
        write_units(entry.claimed) + write_units(entry.marked)
    });
    let seen = mean(entries, |entry| write_units(entry.by_time));
    let environments =
        assumed.ingest_ms / 1e3 + per.messages / assumed.batch * assumed.batch_ms / 1e3;
    let limit = |what, per_event: f64, limit, raise| Limit {
        what,
        needs: RATES.map(|rate| rate * per_event),
        limit,
        raise,
    };
    vec![
        limit(
            "HTTP API: the stage's throttle, requests a second",
            1.0,
            1_000.0,
            "parameter `ThrottleRate`",
        ),
        limit(
            "HTTP API: the account's throttle, requests a second",
            1.0,
            10_000.0,
            "quota",
        ),
        limit(
            "Lambda: the account's concurrency",
            environments,
            1_000.0,
            "quota; `IngestReservedConcurrency` keeps a part of it for ingest",
        ),
        limit(
            "the same while a table is away and each call of ingest waits 4.5 s",
            CALL_S_MAX,
            1_000.0,
            "the same quota; beyond it Stripe is answered 429 or 503 and comes back",
        ),
        limit(
            "Lambda: invocations a second, ten for each of the account's concurrency",
            1.0 + per.messages / assumed.batch,
            10_000.0,
            "the same quota",
        ),
        limit(
            "Lambda: copies of the busiest domain",
            busiest / assumed.batch * assumed.batch_ms / 1e3,
            10.0,
            "parameter `MaximumConcurrency` (and `DomainReservedConcurrency`, if set)",
        ),
        limit(
            "EventBridge: PutEvents a second",
            1.0 + per.with_effects,
            10_000.0,
            "quota; 2,400 and less in smaller Regions. What is refused is sweep's",
        ),
        limit(
            "EventBridge: rule matches a second",
            per.messages + per.effects,
            18_750.0,
            "quota; 4,500 and less in smaller Regions. Beyond it the bus is late and loses nothing",
        ),
        limit(
            "DynamoDB: the ledger, write units a second",
            claim_and_mark,
            4_000.0,
            "warm throughput; from 40,000 a quota",
        ),
        limit(
            "DynamoDB: index by_time, write units a second of a shard",
            seen / SHARDS,
            PARTITION_UNITS,
            "`SEEN_SHARDS` in `adapters/src/entry.rs`, see below",
        ),
        limit(
            "DynamoDB: index by_time, write units a second",
            seen,
            4_000.0,
            "warm throughput of the index",
        ),
        limit(
            "DynamoDB: index due in an outage of the bus, write units a second of a shard",
            1.0 / SHARDS,
            PARTITION_UNITS,
            "`DUE_SHARDS` in `adapters/src/entry.rs`",
        ),
        limit(
            "DynamoDB: the busiest domain's table, write units a second",
            busiest * per.projection_units * (1.0 + per.with_effects),
            4_000.0,
            "warm throughput",
        ),
        limit(
            "SQS: messages in flight of the busiest queue",
            busiest * assumed.batch_ms / 1e3,
            120_000.0,
            "quota",
        ),
        limit(
            "CloudWatch Logs: MB a second",
            (per.log_bytes + float(measured.access_line)) / 1e6,
            f64::INFINITY,
            "no limit for Lambda's own delivery",
        ),
        limit(
            "Secrets Manager: reads a second, one of each environment in five minutes",
            environments / 300.0,
            10_000.0,
            "quota; a start of many environments at once reads as many",
        ),
        limit(
            "sweep: events that a minute without the bus leaves it, and what it publishes in a minute",
            60.0,
            SWEPT,
            "parameter `SweepMaxEntries`, up to some 4,000; beyond, see below",
        ),
        limit(
            "reconcile: events an hour, and what it compares in an hour",
            3_600.0,
            RECONCILED,
            "parameters `ReconcileSchedule`, `ReconcileMaxPages`, `ReconcileListsPerSecond`, see below",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_grow_with_the_rate() {
        for limit in limits(&Measured::default(), &Assumptions::default()) {
            let [low, middle, high] = limit.needs;
            assert!(low <= middle && middle <= high, "{}", limit.what);
            assert!((high - 100.0 * low).abs() < 1e-6, "{}", limit.what);
        }
    }

    /// A parameter that a line names is one of the template's, with the default that the line counts with.
    #[test]
    fn the_parameters_named_are_the_template_s() {
        let template = std::fs::read_to_string(sluice_local::stack::root().join("template.yaml"))
            .expect("the template is there");
        let default = |name: &str| {
            let block = template.split_once(&format!("\n  {name}:\n"))?.1;
            let value = block.split_once("Default: ")?.1;
            value.split_once('\n')?.0.trim().parse::<f64>().ok()
        };
        let limits = limits(&Measured::default(), &Assumptions::default());
        let limit_of = |name: &str| {
            let raised = format!("`{name}`");
            let found = limits.iter().find(|limit| limit.raise.contains(&raised));
            found.map(|limit| limit.limit)
        };
        for name in ["ThrottleRate", "MaximumConcurrency", "SweepMaxEntries"] {
            assert!(default(name).is_some(), "{name}");
            assert_eq!(default(name), limit_of(name), "{name}");
        }
        assert_eq!(
            default("ReconcileMaxPages").map(|pages| pages * 100.0),
            limit_of("ReconcileMaxPages")
        );
        for name in [
            "IngestReservedConcurrency",
            "DomainReservedConcurrency",
            "ReconcileSchedule",
            "ReconcileListsPerSecond",
        ] {
            assert!(template.contains(&format!("\n  {name}:\n")), "{name}");
            assert!(limit_of(name).is_some(), "{name}");
        }
    }
}
