//! Dollars per million events, line by line, for Sluice and for the usual design; and fixed dollars per month.
//!
//! Everything is list price × what was measured ([`Measured`]). What can't be measured here is an argument
//! ([`Assumptions`]).
//!
//! # The usual design
//! Teams build it from the parts that documentation shows. An idempotency item holds the body as it came, with an index
//! for what is unfinished. The index is sparse: one write when an item enters it, one when the item leaves it. An
//! update finishes the item, and is billed for its size again. Then come a bus and a queue, whose messages are sent,
//! received and deleted one by one, with one invocation each. The consumer reads its state and writes it together with
//! the message's id in one transaction, which is billed twice. It gets the same events, shares, log lines and durations
//! as Sluice.

use std::collections::BTreeMap;

use sluice_domains::ALL as DOMAINS;

use crate::measure::{Calls, Entry, Measured, Projection};
use crate::prices as price;
use crate::units::{STORED_OVERHEAD, chunks, read_units, write_units};

/// The memory of a function in GB, as in the template.
pub const MEMORY_GB: f64 = 0.25;

/// How many days the ledger keeps an event, as in the template.
const KEPT_DAYS: f64 = 35.0;

/// Days, hours and minutes of a month.
const MONTH_DAYS: f64 = 30.4;
const MONTH_HOURS: f64 = MONTH_DAYS * 24.0;
const MONTH_MINUTES: f64 = MONTH_HOURS * 60.0;

/// The bytes that an event's detail has besides the body, and a message besides the detail: `sluice` in the one,
/// EventBridge's envelope around the other. The number is more than enough.
const ENVELOPE_BYTES: usize = 700;

/// What the usual design's claim has besides the body, in bytes: key, status, expiry.
const USUAL_CLAIM_BYTES: usize = 150;

/// The usual design's marker of a message, and its index's copy of a claim: one unit each.
const SMALL_UNITS: f64 = 1.0;

/// How often reconcile looks an event up. It walks Stripe's list once per hour, and each walk begins an hour before the
/// end of the last.
const LOOKS: f64 = 2.0;

/// Requests to a customer managed key for an event on the bus: encrypt it, decrypt it.
const BUS_KEY_REQUESTS: f64 = 2.0;

/// Long polls per minute of a queue that gets nothing: five at once, of 20 s each.
const POLLS_A_MINUTE: f64 = 15.0;

/// What can't be measured on the local AWS.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assumptions {
    /// Messages that a domain gets at once, 1 to 10.
    pub batch: f64,
    /// How long an invocation of ingest takes, in milliseconds.
    pub ingest_ms: f64,
    /// How long an invocation of a domain takes, with a whole batch, in milliseconds.
    pub batch_ms: f64,
    /// How many of a hundred events cause an effect; as measured if it isn't given.
    pub effects_percent: Option<f64>,
    /// How many environments of ingest and of the domains read the secrets every five minutes.
    pub environments: f64,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self {
            batch: 10.0,
            ingest_ms: 20.0,
            batch_ms: 50.0,
            effects_percent: None,
            environments: 10.0,
        }
    }
}

/// A line: what it is, how much for Sluice, how much for the usual design, and the figures behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What is paid for.
    pub name: &'static str,
    /// Dollars per million events, or per month.
    pub ours: f64,
    /// The same for the usual design; `None` if it has nothing of the kind.
    pub usual: Option<f64>,
    /// The figures behind it.
    pub from: String,
}

/// What a million events cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Bill {
    /// What every event costs.
    pub rows: Vec<Row>,
    /// What only some events cost, or only some users pay.
    pub apart: Vec<Row>,
    /// Dollars per month, whatever the number of events.
    pub monthly: Vec<Row>,
}

impl Bill {
    /// Dollars per million events for Sluice and for the usual design, without what is apart.
    #[must_use]
    pub fn sums(&self) -> (f64, f64) {
        let ours = self.rows.iter().map(|row| row.ours).sum();
        let usual = self.rows.iter().filter_map(|row| row.usual).sum();
        (ours, usual)
    }
}

/// A count as a float: all of them are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn float(count: usize) -> f64 {
    count as f64
}

/// The mean of a figure.
pub(crate) fn mean<T>(of: &[T], figure: impl Fn(&T) -> usize) -> f64 {
    float(of.iter().map(figure).sum()) / float(of.len().max(1))
}

/// What is needed of [`Measured`], per event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PerEvent {
    /// Messages at domains.
    pub(crate) messages: f64,
    /// Writes of projections that apply a message.
    pub(crate) applied: f64,
    /// Messages with effects.
    pub(crate) with_effects: f64,
    /// Effects.
    pub(crate) effects: f64,
    /// Write units of a projection's write, its index included.
    pub(crate) projection_units: f64,
    /// The same without the index.
    pub(crate) state_units: f64,
    /// Bytes of the functions' log lines.
    pub(crate) log_bytes: f64,
}

impl PerEvent {
    pub(crate) fn of(measured: &Measured) -> Self {
        let events = float(measured.events.max(1));
        let puts = measured.called(&DOMAINS, "PutItem", &DOMAINS);
        let emitting = measured.called(&DOMAINS, "PutEvents", &[]);
        let projections: Vec<_> = measured.projections.values().flatten().copied().collect();
        let writes = projections.iter().map(|one| one.writes).sum::<usize>();
        let units = |units: fn(&Projection) -> usize| {
            let sum = projections.iter().map(|one| one.writes * units(one));
            float(sum.sum()) / float(writes.max(1))
        };
        let logs = ["ingest"].iter().chain(&DOMAINS);
        let logs = logs.filter_map(|function| measured.logs.get(*function));
        Self {
            messages: float(measured.messages()) / events,
            // Each emission is followed by a write that takes its effects off the item.
            applied: float(puts.saturating_sub(emitting)) / events,
            with_effects: float(emitting) / events,
            effects: float(measured.effects) / events,
            projection_units: units(|one| write_units(one.bytes) * if one.indexed { 2 } else { 1 }),
            state_units: units(|one| write_units(one.bytes)),
            log_bytes: float(logs.map(|log| log.bytes).sum()) / events,
        }
    }
}

/// What these figures cost.
#[must_use]
pub fn bill(measured: &Measured, assumed: &Assumptions) -> Bill {
    let per = PerEvent::of(measured);
    Bill {
        rows: [api_and_ingest(measured, assumed), ledger(measured)]
            .into_iter()
            .flatten()
            .chain(domains(measured, assumed, &per))
            .chain(logs(measured, &per))
            .collect(),
        apart: apart(measured, assumed, &per),
        monthly: monthly(measured, assumed),
    }
}

/// Dollars per million invocations of this number of milliseconds.
fn invocations(ms: f64) -> f64 {
    // Billed by whole milliseconds.
    price::INVOCATIONS_MILLION + ms.ceil() * 1e3 * MEMORY_GB * price::MEMORY_GB_SECOND
}

fn bus(entries: &[Entry]) -> f64 {
    mean(entries, |entry| chunks(entry.body + ENVELOPE_BYTES)) * price::BUS_MILLION
}

fn api_and_ingest(measured: &Measured, assumed: &Assumptions) -> Vec<Row> {
    let entries = &measured.entries;
    let api =
        mean(entries, |entry| entry.body.div_ceil(512 * 1024).max(1)) * price::HTTP_API_MILLION;
    let puts =
        float(measured.called(&["ingest"], "PutEvents", &[])) / float(measured.events.max(1));
    let ingest = invocations(assumed.ingest_ms);
    vec![
        Row {
            name: "HTTP API",
            ours: api,
            usual: Some(api),
            from: "a request".to_owned(),
        },
        Row {
            name: "Lambda: ingest",
            ours: ingest,
            usual: Some(ingest),
            from: format!("an invocation, {:.0} ms at 256 MB", assumed.ingest_ms),
        },
        Row {
            name: "EventBridge",
            ours: puts * bus(entries),
            usual: Some(bus(entries)),
            from: format!("{puts:.2} events put, to rules and queues for nothing"),
        },
    ]
}

fn ledger(measured: &Measured) -> Vec<Row> {
    let (entries, events) = (&measured.entries, float(measured.events.max(1)));
    let calls = |operation| float(measured.called(&["ingest"], operation, &["ledger"])) / events;
    let claim = mean(entries, |entry| write_units(entry.claimed));
    let mark = mean(entries, |entry| write_units(entry.marked));
    let index = mean(entries, |entry| write_units(entry.by_time));
    let (puts, updates) = (calls("PutItem"), calls("UpdateItem"));
    let usual = mean(entries, |entry| write_units(entry.body + USUAL_CLAIM_BYTES));
    let row = |name, ours: f64, usual: f64, from: String| Row {
        name,
        ours: ours * price::WRITE_UNITS_MILLION,
        usual: Some(usual * price::WRITE_UNITS_MILLION),
        from,
    };
    let sized = |calls: f64, units: f64, bytes: f64| {
        format!("{calls:.2} writes of {units:.2} units ({bytes:.0} bytes); usual {usual:.2} units")
    };
    vec![
        row(
            "ledger: claim",
            puts * claim,
            usual,
            sized(puts, claim, mean(entries, |entry| entry.claimed)),
        ),
        row(
            "ledger: index",
            puts * index,
            2.0 * SMALL_UNITS,
            format!(
                "by_time, written once ({:.0} bytes); usual: in and out of a sparse one",
                mean(entries, |entry| entry.by_time)
            ),
        ),
        row(
            "ledger: mark",
            updates * mark,
            usual,
            sized(updates, mark, mean(entries, |entry| entry.marked)),
        ),
    ]
}

fn domains(measured: &Measured, assumed: &Assumptions, per: &PerEvent) -> Vec<Row> {
    let (events, batch) = (float(measured.events.max(1)), assumed.batch);
    let message = mean(&measured.entries, |entry| {
        chunks(entry.body + ENVELOPE_BYTES)
    });
    let together = mean(&measured.entries, |entry| {
        chunks((entry.body + ENVELOPE_BYTES) * whole(batch))
    });
    let requests = message + (together + 1.0) / batch;
    let one_by_one = 2.0 * message + 1.0;
    let projections: Vec<_> = measured.projections.values().flatten().copied().collect();
    let read = mean(&projections, |one| read_units(one.bytes));
    let gets = float(measured.called(&DOMAINS, "GetItem", &DOMAINS)) / events;
    let noted = float(measured.called(&DOMAINS, "PutItem", &["outcomes"])) / events;
    let transaction = 2.0 * (per.state_units + SMALL_UNITS);
    let bytes = mean(&projections, |one| one.bytes);
    vec![
        Row {
            name: "SQS",
            ours: per.messages * requests * price::QUEUE_MILLION,
            usual: Some(per.messages * one_by_one * price::QUEUE_MILLION),
            from: format!(
                "{:.2} messages of {requests:.2} requests in batches of {batch:.0}; usual {one_by_one:.2}",
                per.messages
            ),
        },
        Row {
            name: "Lambda: domains",
            ours: per.messages / batch * invocations(assumed.batch_ms),
            usual: Some(per.messages * invocations(assumed.batch_ms / batch)),
            from: format!(
                "{:.2} invocations, {:.0} ms at 256 MB",
                per.messages / batch,
                assumed.batch_ms
            ),
        },
        Row {
            name: "domains: read",
            ours: gets * read * price::READ_UNITS_MILLION,
            usual: Some(per.messages * read * price::READ_UNITS_MILLION),
            from: format!("{gets:.2} reads of {read:.2} units"),
        },
        Row {
            name: "domains: write",
            ours: (per.applied * per.projection_units + noted) * price::WRITE_UNITS_MILLION,
            usual: Some(per.applied * transaction * price::WRITE_UNITS_MILLION),
            from: format!(
                "{:.2} writes of {:.2} units ({bytes:.0} bytes; subscriptions are in an index too), {noted:.2} notes; usual {transaction:.2} units",
                per.applied, per.projection_units
            ),
        },
    ]
}

/// A batch's size as a count.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "1 to 10"
)]
fn whole(batch: f64) -> usize {
    batch.ceil() as usize
}

fn logs(measured: &Measured, per: &PerEvent) -> Vec<Row> {
    let row = |name, bytes: f64, from: String| Row {
        name,
        ours: bytes * price::LOGS_GB / 1e3,
        usual: Some(bytes * price::LOGS_GB / 1e3),
        from,
    };
    vec![
        row(
            "logs: functions",
            per.log_bytes,
            format!("{:.0} bytes; usual: taken as ours", per.log_bytes),
        ),
        row(
            "logs: the API",
            float(measured.access_line),
            format!(
                "{} bytes, by the template's format; usual: taken as ours",
                measured.access_line
            ),
        ),
    ]
}

fn apart(measured: &Measured, assumed: &Assumptions, per: &PerEvent) -> Vec<Row> {
    let entries = &measured.entries;
    // An event with effects emits this number of them, and costs one more write.
    let each = match per.with_effects {
        0.0 => 1.0,
        share => per.effects / share,
    };
    let share = match assumed.effects_percent {
        Some(percent) => percent / 100.0,
        None => per.with_effects,
    };
    let clear = per.projection_units * price::WRITE_UNITS_MILLION;
    let of_effects = each * price::BUS_MILLION;
    let kept = |bytes: f64, recovery: f64| {
        let gb_months = bytes / 1e3 * KEPT_DAYS / MONTH_DAYS;
        gb_months * (price::TABLE_GB_MONTH + recovery)
    };
    let overhead = float(STORED_OVERHEAD);
    let usual = mean(entries, |entry| entry.body + USUAL_CLAIM_BYTES);
    let stored = mean(entries, |entry| entry.marked) + overhead;
    let indexed = mean(entries, |entry| entry.by_time) + overhead;
    let looked_up = LOOKS * mean(entries, |entry| read_units(entry.marked));
    vec![
        Row {
            name: "effects",
            ours: share * (of_effects + clear),
            usual: Some(share * of_effects),
            from: format!(
                "{:.0} of 100 events, {each:.2} effects each: that number of events put, and one more write; receivers are yours",
                share * 100.0
            ),
        },
        Row {
            name: "reconcile's look-ups",
            ours: looked_up * price::READ_UNITS_MILLION,
            usual: None,
            from: format!("{looked_up:.2} read units, with an API key"),
        },
        Row {
            name: "the ledger, kept",
            ours: kept(stored, price::RECOVERY_GB_MONTH) + kept(indexed, 0.0),
            usual: Some(kept(usual + overhead, price::RECOVERY_GB_MONTH)),
            from: format!(
                "{KEPT_DAYS:.0} days, with point-in-time recovery; {stored:.0} bytes and {indexed:.0} in the index"
            ),
        },
        Row {
            name: "X-Ray, if every event is traced",
            ours: (1.0 + per.messages / assumed.batch) * price::TRACES_MILLION,
            usual: Some((1.0 + per.messages) * price::TRACES_MILLION),
            from: "a trace an invocation; off by default".to_owned(),
        },
        Row {
            name: "KMS, with a key of your own",
            ours: (1.0 + share * each) * BUS_KEY_REQUESTS * price::KEY_REQUESTS_MILLION,
            usual: None,
            from: format!(
                "at most, and {:.2} a month for the key; AWS doesn't say how long EventBridge keeps a data key, so two \
                 requests for each event put. Queues and tables keep theirs for five minutes",
                price::KEY_MONTH
            ),
        },
    ]
}

fn monthly(measured: &Measured, assumed: &Assumptions) -> Vec<Row> {
    let row = |name, ours: f64, usual: Option<f64>, from: String| Row {
        name,
        ours,
        usual,
        from,
    };
    let runs = |calls: &Calls, runs: f64, ms: f64| {
        let dollars: f64 = calls
            .iter()
            .map(|(call, count)| float(*count) * of_call(&call.operation))
            .sum();
        runs / 1e6 * (price::SCHEDULED_MILLION + invocations(ms) + dollars)
    };
    let made = |calls: &Calls| {
        let mut made: BTreeMap<&str, usize> = BTreeMap::new();
        for (call, count) in calls {
            *made.entry(&call.operation).or_default() += count;
        }
        let made = made.iter().map(|(call, count)| format!("{count} {call}"));
        made.collect::<Vec<_>>().join(", ")
    };
    let polls = float(DOMAINS.len()) * POLLS_A_MINUTE * MONTH_MINUTES / 1e6;
    let reads = assumed.environments * MONTH_HOURS * 12.0 / 1e6;
    vec![
        row(
            "sweep",
            runs(&measured.sweep, MONTH_MINUTES, 100.0),
            None,
            format!("each minute, with nothing to do: {}", made(&measured.sweep)),
        ),
        row(
            "reconcile",
            runs(&measured.reconcile, MONTH_HOURS, 5_000.0),
            None,
            format!(
                "each hour, with nothing to recover: {}",
                made(&measured.reconcile)
            ),
        ),
        row(
            "empty receives",
            polls * price::QUEUE_MILLION,
            Some(polls * price::QUEUE_MILLION),
            "four queues, five long polls of 20 s each".to_owned(),
        ),
        row(
            "secrets",
            price::SECRET_MONTH * 2.0 + reads * price::SECRET_CALLS_MILLION,
            Some(price::SECRET_MONTH + reads * price::SECRET_CALLS_MILLION),
            format!(
                "signing secrets and API keys; {:.0} environments read one each 5 minutes",
                assumed.environments
            ),
        ),
        row(
            "metrics",
            float(measured.metrics) * price::METRIC_MONTH,
            None,
            format!("{} by function and outcome", measured.metrics),
        ),
        row(
            "alarms",
            float(measured.alarm_metrics) * price::ALARM_MONTH,
            None,
            format!(
                "{} alarms over {} metrics; one more with SteadyType",
                measured.alarms, measured.alarm_metrics
            ),
        ),
        row("dashboard", price::DASHBOARD_MONTH, None, "one".to_owned()),
    ]
}

/// Dollars per million calls, for small items.
fn of_call(operation: &str) -> f64 {
    match operation {
        "PutItem" | "UpdateItem" | "DeleteItem" => price::WRITE_UNITS_MILLION,
        "PutEvents" => price::BUS_MILLION,
        "GetSecretValue" => price::SECRET_CALLS_MILLION,
        _ => price::READ_UNITS_MILLION,
    }
}

#[cfg(test)]
mod tests;
