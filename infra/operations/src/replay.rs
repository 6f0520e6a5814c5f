//! Publishes recorded events again, to every domain that the rules name or to one.
//!
//! A plan says what would happen, by the domains' own code as this program was built with it. When it is carried out,
//! it is a run ([`sluice_kernel::replay`]). The run is recorded in the table of outcomes under a name of its own, by
//! which it is resumed.
//!
//! Events that wait for their endpoint's configuration are judged by ingest's endpoints as they are deployed when the
//! run begins or is resumed.
//!
//! # Layout
//! - [`select`]: which events. `plan`: what would happen. [`target`]: where they go, and what became of them there.

pub mod plan;
pub mod select;
pub mod target;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{SystemTime, UNIX_EPOCH};

use sluice_adapters::clock::SystemClock;
use sluice_adapters::ledger::DynamoLedger;
use sluice_adapters::runs::replays::DynamoRuns;
use sluice_adapters::runs::{DIGEST_BYTES, digest};
use sluice_kernel::bus::detail::is_generation;
use sluice_kernel::delivery::endpoint::Endpoint;
use sluice_kernel::replay::{Admissions, Ports, Runs, resume};
pub use sluice_kernel::replay::{EVENTS_MAX, Run, RunState};
use sluice_stripe::event::parse_head;

use crate::actor::Reason;
use crate::code;
use crate::domains;
use crate::problem::Problem;
use crate::runs::{self as recorded, KEEP_DAYS, RunKind};
use crate::stack::Stack;
use crate::times::{now_ms, time_of_ms};
pub use plan::Plan;

/// The most events of a plan whose digest covers what was predicted. It is predicted again when the plan is confirmed. Of
/// more events, on a stack that works, something may be decided in another way each time, and no plan could be confirmed.
pub const DECISIONS_MAX: usize = 100;

/// How often a stop is written again, if the run makes progress in between.
const STOPS_MAX: u32 = 20;

/// Which events are replayed, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which events.
    pub wanted: select::Wanted,
    /// The one domain whose queue is reached; without it, all domains that the rules name.
    pub domain: Option<String>,
    /// Facts are emitted again, under the run's name as generation, and current levels at a new seq.
    pub forced: bool,
    /// Events per second, at most.
    pub rate: u32,
    /// The number of events that go first; the run waits for their verdicts.
    pub canary: usize,
    /// The run stops if more than this share of what was looked at has failed, in percent.
    pub stop_percent: u32,
    /// How long to wait for the queues to empty before verdicts are looked at, in seconds.
    pub settle_s: u64,
}

/// A recorded run, and the version of its record.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The run, as it was when the record was read.
    pub run: Run,
    version: u64,
}

fn runs(stack: &Stack) -> Result<DynamoRuns, Problem> {
    let table = stack.table("outcomes")?.to_owned();
    Ok(DynamoRuns::new(stack.aws.sdk(), table, KEEP_DAYS))
}

/// Finds the events, and predicts what would happen. Changes nothing.
///
/// # Errors
/// `Usage` for a domain that the stack or this program doesn't have, and for events that a run can't take; `NotFound`
/// if no event is wanted.
pub async fn plan(stack: &Stack, request: Request) -> Result<Plan, Problem> {
    if let Some(domain) = &request.domain {
        domains::check_code(stack, domain)?;
    }
    let ids = select::ids(stack, &request.wanted).await?;
    if ids.is_empty() {
        return Err(Problem::NotFound(
            "no event is wanted: give ids, --file or a filter".to_owned(),
        ));
    }
    if ids.len() > EVENTS_MAX {
        return Err(Problem::Usage(format!(
            "{} events; a run takes {EVENTS_MAX}",
            ids.len()
        )));
    }
    let begun_ms = now_ms();
    let run = Run {
        id: name(begun_ms),
        forced: request.forced,
        domain: request.domain,
        total: ids.len(),
        canary: request.canary.min(ids.len()),
        rate_per_s: request.rate,
        stop_percent: request.stop_percent,
        settle_ms: request.settle_s * 1_000,
        started_at_ms: begun_ms,
        at_ms: begun_ms,
        ..Run::default()
    };
    let endpoints = stack.endpoints().await?;
    Plan::of(stack, run, ids, admissions(&endpoints)).await
}

impl Plan {
    /// Distinguishes this plan from another: a digest of its events, of how they are replayed, and if there are at most
    /// [`DECISIONS_MAX`], of what was predicted of them.
    pub fn digest(&self) -> String {
        let domain = self.run.domain.as_deref().unwrap_or_default();
        let manner = ["plain", "forced"][usize::from(self.forced)];
        let decisions = match self.ids.len() {
            ..=DECISIONS_MAX => self.decisions(),
            _ => String::new(),
        };
        let head = [domain, manner, &decisions];
        let ids = self.ids.iter().map(String::as_str);
        digest(head.into_iter().chain(ids), DIGEST_BYTES)
    }

    /// All that was predicted, in one text that is the same for the same predictions.
    fn decisions(&self) -> String {
        let others = [self.skipped, self.admitted, self.waiting, self.nowhere];
        format!("{others:?} {:?}", self.domains)
    }

    /// The name of the run that carries it out; a forced one's is the generation that receivers get.
    pub fn name(&self) -> &str {
        &self.run.id
    }

    /// The same plan, to be carried out as the run that it was shown with.
    ///
    /// # Errors
    /// `Usage` for what can't be the name of a replay.
    pub fn named(mut self, name: &str) -> Result<Self, Problem> {
        recorded::check_name(RunKind::Replay, name)?;
        if !is_generation(name) {
            return Err(Problem::Usage("that is no name of a replay".to_owned()));
        }
        name.clone_into(&mut self.run.id);
        Ok(self)
    }

    /// Records the run. From then on it can be resumed; [`Recorded::resume`] carries it out.
    ///
    /// # Errors
    /// If the table of outcomes can't be written.
    pub async fn begin(self, stack: &Stack, reason: Reason) -> Result<Recorded, Problem> {
        let plan = self.digest();
        let run = Run {
            who: reason.who,
            why: reason.why,
            ..self.run
        };
        runs(stack)?.create(&run, &self.ids, Some(plan)).await?;
        Ok(Recorded { run, version: 1 })
    }
}

/// A run by its name.
///
/// # Errors
/// `NotFound` if there is none.
pub async fn find(stack: &Stack, id: &str) -> Result<Recorded, Problem> {
    let found = runs(stack)?.find(id).await?;
    let (run, version) = found.ok_or_else(|| Problem::NotFound(format!("there is no run {id}")))?;
    Ok(Recorded { run, version })
}

impl Recorded {
    /// Records that the run is resumed, by whom and why: from then on it is running, and the next to resume it is refused.
    ///
    /// # Errors
    /// `replay.taken` if another program has resumed it since; what AWS refuses.
    pub(crate) async fn claim(mut self, stack: &Stack, reason: &Reason) -> Result<Self, Problem> {
        self.run.why = recorded::resumed(&self.run.why, reason);
        (self.run.standing, self.run.at_ms) = (RunState::Running, now_ms());
        match runs(stack)?.save(&self.run, self.version).await? {
            true => self.version += 1,
            false => {
                let what = "another program continues this run";
                return Err(Problem::Failed(format!("{}: {what}", code::REPLAY_TAKEN)));
            }
        }
        Ok(self)
    }

    /// Resumes the run until its end, or until it stops. It stops itself, or `progress` stops it by
    /// [`ControlFlow::Break`] with a reason. Returns the run as it is then.
    ///
    /// # Errors
    /// If AWS can't be reached, or if another program has resumed the run (`replay.taken`). The run can be resumed.
    pub async fn resume(
        self,
        stack: &Stack,
        progress: impl FnMut(&Run) -> ControlFlow<String>,
    ) -> Result<Run, Problem> {
        let Self { run, version } = self;
        // It was stopped by what became of its last events: it would be recorded as running, and never end.
        if run.next >= run.total {
            return Ok(run);
        }
        let runs = runs(stack)?;
        let ledger = stack.table("ledger")?.to_owned();
        let entries = DynamoLedger::new(stack.aws.sdk(), ledger, SystemClock);
        let domain = run.domain.clone();
        let target = target::Target::of(stack, domain.as_deref())?;
        let endpoints = stack.endpoints().await?;
        let verdicts = target::Outcomes::of(stack, &runs, domain.as_deref());
        let ports = Ports {
            runs: &runs,
            entries: &entries,
            target: &target,
            verdicts: &verdicts,
            admissions: admissions(&endpoints),
        };
        let name = run.id.clone();
        match resume(&ports, &SystemClock, run, version, progress).await {
            // Somebody may have stopped it: then it has ended as the record says.
            Err(fault) if fault.code == code::REPLAY_TAKEN => match runs.find(&name).await? {
                Some((run, _)) if matches!(run.standing, RunState::Stopped(_)) => Ok(run),
                _ => Err(fault.into()),
            },
            ended => Ok(ended?),
        }
    }
}

/// Stops a run, whichever program works on it: its record says so from now on, and the program ends after the batch that
/// it is at. That batch is published again when the run is resumed, as after a run that was cut off.
///
/// # Errors
/// `NotFound` if there is no such run; `Partly` if it isn't running; what AWS refuses.
pub(crate) async fn stop(stack: &Stack, id: &str, reason: &Reason) -> Result<(), Problem> {
    let runs = runs(stack)?;
    for _ in 0..STOPS_MAX {
        let Recorded { mut run, version } = find(stack, id).await?;
        if run.standing != RunState::Running {
            return Err(recorded::not_running(id));
        }
        run.standing = RunState::Stopped(recorded::by(reason));
        if runs.save(&run, version).await? {
            return Ok(());
        }
    }
    Err(recorded::too_busy(id))
}

/// What is wrong with a run that has ended: that it was stopped, or that events failed.
pub fn trouble(run: &Run) -> Option<String> {
    match &run.standing {
        RunState::Done if run.refused + run.failed == 0 => None,
        RunState::Stopped(reason) => Some(recorded::stopped(reason)),
        _ => Some(format!("{} failed, {} refused", run.failed, run.refused)),
    }
}

/// Events are read as ingest reads them.
fn admissions(endpoints: &BTreeMap<String, Endpoint>) -> Admissions<'_> {
    Admissions {
        endpoints,
        head: |body| parse_head(body).ok(),
    }
}

/// `replay-20261124T181500-3fa2`: when it began, and a few digits that distinguish runs that began in one second.
fn name(now_ms: i64) -> String {
    let second = time_of_ms(now_ms - now_ms.rem_euclid(1_000));
    let digits: String = second
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .collect();
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos());
    format!(
        "replay-{}-{:04x}",
        digits.trim_end_matches('Z'),
        (nanos ^ std::process::id()) & 0xffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(events: usize, outcome: &str) -> Plan {
        let expected = plan::Expected {
            outcomes: BTreeMap::from([(outcome.to_owned(), events)]),
            ..plan::Expected::default()
        };
        Plan {
            events,
            skipped: 0,
            admitted: 0,
            waiting: 0,
            nowhere: 0,
            uncounted: 0,
            forced: false,
            domains: BTreeMap::from([("billing".to_owned(), expected)]),
            run: Run::default(),
            ids: (0..events).map(|event| format!("evt_{event}")).collect(),
        }
    }

    #[test]
    fn what_is_decided_of_few_events_makes_another_plan_and_of_many_it_does_not() {
        let digests =
            |events| ["applied", "stale"].map(|outcome| planned(events, outcome).digest());
        let [applied, stale] = digests(DECISIONS_MAX);
        assert_ne!(applied, stale);
        assert_eq!(applied, planned(DECISIONS_MAX, "applied").digest());
        let [applied, stale] = digests(DECISIONS_MAX + 1);
        assert_eq!(applied, stale);
        assert_ne!(applied, planned(DECISIONS_MAX, "applied").digest());
    }

    #[test]
    fn a_runs_name_can_be_a_generation() {
        let name = name(1_764_007_200_123);
        assert!(name.starts_with("replay-20251124T180000-"), "{name}");
        assert!(is_generation(&name));
    }
}
