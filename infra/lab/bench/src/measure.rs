//! The figures of one contestant's run in one scenario.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use crate::batch::{self, Batches};
use crate::contestant::Contestant;
use crate::delivery::{self, Deliveries};
use crate::judge;
use crate::lambda::{self, Launch, Observed, Payloads};
use crate::problem::{Result, While};
use crate::process::Cores;
use crate::scenario::{Course, Load, Scenario};
use crate::stub::{Stub, billed_bytes};

/// The fewest invocations from which a run's slowest hundredth is reported: with fewer, it is a handful of invocations
/// and depends on chance.
const TAIL_INVOCATIONS_MIN: usize = 500;

/// The figures of one run, which are one line of JSON.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Measured {
    pub(crate) scenario: &'static str,
    pub(crate) contestant: &'static str,
    pub(crate) round: usize,
    /// Milliseconds from the process's start to its first poll. This and the following are medians of a run's starts.
    pub(crate) init_ms: f64,
    /// Milliseconds from the process's start to its first answer.
    pub(crate) first_answer_ms: f64,
    /// Milliseconds of CPU time until the first answer.
    pub(crate) first_answer_cpu_ms: f64,
    /// Microseconds of CPU time per event.
    pub(crate) cpu_us: f64,
    /// The same in the hundredth of the invocations that took most, if the run has enough of them.
    pub(crate) cpu_p99_us: Option<f64>,
    /// Microseconds from payload to answer, per invocation, without the stub's work. Missing if environments share the
    /// stub, which doesn't know which of them it works for.
    pub(crate) p50_us: Option<f64>,
    /// The same of the slowest hundredth, if the run has enough invocations.
    pub(crate) p99_us: Option<f64>,
    /// The share of the measured time in which the function, or its driver, was ready and had no processor.
    pub(crate) waited: Option<f64>,
    /// Events per second, all environments together.
    pub(crate) per_second: f64,
    /// The most resident memory of one environment, in MB.
    pub(crate) resident_peak_mb: f64,
    /// AWS calls per event; a refused call is counted under `Operation:Code`.
    pub(crate) calls: BTreeMap<String, f64>,
    /// Bytes that the function wrote to its log, per event.
    pub(crate) log_bytes: f64,
    /// Bytes that DynamoDB bills for the largest entry in Sluice's ledger; 0 for other contestants.
    pub(crate) entry_bytes: u64,
    /// What was wrong; empty if the run was correct.
    pub(crate) wrong: Vec<String>,
}

/// The input of a run.
enum Sent {
    Deliveries(Deliveries),
    Batches(Batches),
}

/// What every run of a benchmark shares.
pub(crate) struct Bench<'a> {
    pub(crate) stub: &'a Stub,
    pub(crate) cores: Option<Cores>,
    /// A trust store with the stub's CA: the machine's own roots and that one more.
    pub(crate) trust: &'a Path,
    /// The stub's CA alone.
    pub(crate) ca: &'a Path,
    /// The folder that functions write to.
    pub(crate) log: &'a Path,
}

impl Bench<'_> {
    /// Runs a contestant once through a scenario.
    ///
    /// # Errors
    /// If it can't be run to the end.
    pub(crate) fn measure(
        &self,
        contestant: &Contestant,
        scenario: &Scenario,
        round: usize,
    ) -> Result<Measured> {
        self.stub.reset(scenario.delays);
        std::fs::write(self.log, "").during(&self.log.display().to_string())?;
        let (seed, count) = (1_000 + round as u64, scenario.invocations());
        let mut sent = match scenario.load {
            Load::Deliveries(mix) => Sent::Deliveries(delivery::deliveries(seed, count, mix)),
            Load::Batches { messages, bytes } => {
                Sent::Batches(batch::batches(seed, count, messages, bytes))
            }
        };
        let payloads = match &mut sent {
            Sent::Deliveries(sent) => std::mem::take(&mut sent.payloads),
            Sent::Batches(sent) => std::mem::take(&mut sent.payloads),
        };
        let mut launch = Launch {
            contestant,
            variables: self.variables(scenario.tls),
            cores: self.cores,
            stub: self.stub,
            log: self.log,
            payloads: Arc::new(Payloads::new(payloads)),
            warm_up: 0,
            count: 1,
        };
        let mut observed = Vec::new();
        match scenario.course {
            Course::Cold { starts } => {
                for _ in 0..starts {
                    observed.extend(lambda::run(&launch, 1)?);
                }
            }
            Course::Warm {
                environments,
                warm_up,
                count,
            } => {
                (launch.warm_up, launch.count) = (warm_up, warm_up + count);
                observed = lambda::run(&launch, environments)?;
            }
        }
        let mut answers = Vec::new();
        for one in &mut observed {
            answers.append(&mut one.answers);
        }
        let wrong = match &sent {
            Sent::Deliveries(sent) => judge::deliveries(contestant, sent, &answers, self.stub),
            Sent::Batches(sent) => judge::batches(contestant, sent, count, &answers, self.stub),
        };
        let calls = self.stub.calls();
        let logged = std::fs::metadata(self.log).map_or(0, |metadata| metadata.len());
        let events = (count * scenario.events()) as f64;
        Ok(Measured {
            scenario: scenario.name,
            contestant: contestant.name,
            round,
            wrong,
            entry_bytes: self.entry_bytes(),
            calls: calls
                .into_iter()
                .map(|(call, times)| (call, times as f64 / events))
                .collect(),
            log_bytes: logged as f64 / events,
            ..figures(&observed, scenario)
        })
    }

    fn entry_bytes(&self) -> u64 {
        let items = self.stub.items("ledger");
        let entries = items
            .iter()
            .filter(|item| item.get("sk") == Some(&json!({ "S": "entry" })));
        entries.map(billed_bytes).max().unwrap_or_default() as u64
    }

    fn variables(&self, tls: bool) -> Vec<(&'static str, String)> {
        if !tls {
            return vec![("AWS_ENDPOINT_URL", self.stub.http.clone())];
        }
        let trust = self.trust.display().to_string();
        vec![
            ("AWS_ENDPOINT_URL", self.stub.https.clone()),
            // Rust and Python read a trust store by these variables; Node has its own, and takes one more CA.
            ("SSL_CERT_FILE", trust.clone()),
            ("AWS_CA_BUNDLE", trust),
            ("NODE_EXTRA_CA_CERTS", self.ca.display().to_string()),
        ]
    }
}

/// The figures of a run.
fn figures(observed: &[Observed], scenario: &Scenario) -> Measured {
    let ms = |of: fn(&Observed) -> Duration| {
        median(observed.iter().map(|one| of(one).as_secs_f64() * 1e3))
    };
    let latencies = observed.iter().flat_map(|one| &one.latencies);
    let latencies = sorted(latencies.map(|latency| latency.as_secs_f64() * 1e6));
    let each = scenario.events().max(1) as f64;
    let cpu = observed.iter().flat_map(|one| &one.cpu_ns);
    let cpu = sorted(cpu.map(|ns| *ns as f64 / 1e3 / each));
    let invocations = latencies.len().max(1) as f64;
    let is_alone = !matches!(
        scenario.course,
        Course::Warm {
            environments: 2..,
            ..
        }
    );
    let has_tail = latencies.len() >= TAIL_INVOCATIONS_MIN;
    let spans = || observed.iter().filter_map(|one| one.span);
    let from = spans().map(|(from, _)| from).min();
    let until = spans().map(|(_, until)| until).max();
    let seconds = from
        .zip(until)
        .map_or(0.0, |(from, until)| (until - from).as_secs_f64());
    let waited_ns: u64 = observed.iter().map(|one| one.waited_ns).sum();
    let resident_kb = observed.iter().map(|one| one.resident_peak_kb).max();
    Measured {
        init_ms: ms(|one| one.init),
        first_answer_ms: ms(|one| one.first_answer),
        first_answer_cpu_ms: median(
            observed
                .iter()
                .map(|one| one.first_answer_cpu_ns as f64 / 1e6),
        ),
        cpu_us: cpu.iter().sum::<f64>() / invocations,
        cpu_p99_us: has_tail.then(|| quantile(&cpu, 0.99)),
        p50_us: is_alone.then(|| quantile(&latencies, 0.5)),
        p99_us: (is_alone && has_tail).then(|| quantile(&latencies, 0.99)),
        waited: (is_alone && seconds > 0.0).then(|| waited_ns as f64 / 1e9 / seconds),
        per_second: match seconds > 0.0 {
            true => invocations * each / seconds,
            false => 0.0,
        },
        resident_peak_mb: resident_kb.unwrap_or_default() as f64 * 1024.0 / 1e6,
        ..Measured::default()
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The value that this share of sorted values doesn't exceed.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len() as f64 * share).ceil() as usize;
    sorted
        .get(at.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

/// The middle value; for an even number of values, the mean of the two.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let values = sorted(values);
    let upper = values.get(values.len() / 2).copied().unwrap_or_default();
    match values.len() % 2 {
        0 if !values.is_empty() => f64::midpoint(values[values.len() / 2 - 1], upper),
        _ => upper,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::scenario::SCENARIOS;

    #[test]
    fn medians_and_quantiles_are_values_in_the_middle_and_near_the_end() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert_eq!(median(std::iter::empty()), 0.0);
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(
            (quantile(&hundred, 0.5), quantile(&hundred, 0.99)),
            (50.0, 99.0)
        );
        assert_eq!(quantile(&[], 0.99), 0.0);
    }

    /// A number of invocations of 2 µs, one of them of 4 µs, over a hundredth of a second.
    fn observed(count: usize) -> Observed {
        let from = Instant::now();
        let mut latencies = vec![Duration::from_micros(2); count];
        latencies[0] *= 2;
        Observed {
            cpu_ns: latencies.iter().map(|one| one.as_nanos() as u64).collect(),
            latencies,
            span: Some((from, from + Duration::from_millis(10))),
            waited_ns: 1_000_000,
            ..Observed::default()
        }
    }

    fn scenario(environments: usize) -> Scenario {
        Scenario {
            course: Course::Warm {
                environments,
                warm_up: 0,
                count: 1,
            },
            ..SCENARIOS[1]
        }
    }

    #[test]
    fn a_tail_is_reported_if_there_are_enough_invocations() {
        let few = figures(&[observed(TAIL_INVOCATIONS_MIN - 1)], &scenario(1));
        assert_eq!(
            (few.p50_us, few.p99_us, few.cpu_p99_us),
            (Some(2.0), None, None)
        );
        let enough = figures(&[observed(TAIL_INVOCATIONS_MIN)], &scenario(1));
        assert_eq!((enough.p99_us, enough.cpu_p99_us), (Some(2.0), Some(2.0)));
        assert_eq!(enough.waited, Some(0.1));
    }

    #[test]
    fn environments_that_share_the_stub_have_throughput_and_no_latency() {
        let shared = figures(&[observed(600), observed(600)], &scenario(2));
        assert_eq!(
            (shared.p50_us, shared.p99_us, shared.waited),
            (None, None, None)
        );
        assert_eq!(shared.cpu_p99_us, Some(2.0));
        assert!(shared.per_second > 0.0 && shared.cpu_us > 2.0);
    }
}
