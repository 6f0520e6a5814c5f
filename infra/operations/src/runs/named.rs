//! Runs by their names: plans that a person has confirmed, and runs that a person stops.

use serde_json::Value;
use sluice_adapters::runs::bulk::BulkRuns;
use sluice_adapters::runs::{DIGEST_BYTES, RunKind, RunStore, State, Summary, digest};

use super::KEEP_DAYS;
use crate::actor::{Reason, WHY_MAX};
use crate::code;
use crate::problem::Problem;
use crate::stack::Stack;
use crate::times::now_ms;

/// The longest name of a run.
const NAME_MAX: usize = 120;

/// How often a stop is written again, if the run makes progress in between.
const STOPS_MAX: u32 = 20;

/// The longest reason of a run that was resumed, in characters.
const RESUMED_MAX: usize = 4 * WHY_MAX;

/// The run of this kind and name that was begun at this time.
///
/// # Errors
/// `NotFound` if there is none; if the table of outcomes can't be read.
pub async fn find(
    stack: &Stack,
    kind: RunKind,
    name: &str,
    began_ms: i64,
) -> Result<Summary, Problem> {
    let table = stack.table("outcomes")?.to_owned();
    let store = RunStore::new(stack.aws.sdk(), table);
    let found = store.find(kind, name, began_ms).await?;
    found.ok_or_else(|| Problem::NotFound(format!("there is no run {name}")))
}

/// A plan that a person has confirmed, and the name of the run that carries it out. A name is used once: of two programs
/// that carry out the same plan, one is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// The run's name, which the plan was shown with.
    pub run: String,
    /// The plan's digest.
    pub plan: String,
    /// Who confirmed it, and why.
    pub reason: Reason,
}

/// A name for a run that begins now: `redrive-payments-19b0c3d5a2f`.
pub fn name(kind: RunKind, of: &str) -> String {
    format!("{}-{of}-{:x}", kind.as_str(), now_ms())
}

/// Checks that a text can be the name of a run of this kind, as [`name`] makes them.
///
/// # Errors
/// `Usage` if it can't.
pub fn check_name(kind: RunKind, name: &str) -> Result<(), Problem> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let rest = name
        .strip_prefix(kind.as_str())
        .and_then(|rest| rest.strip_prefix('-'));
    match rest {
        Some(rest) if !rest.is_empty() && name.len() <= NAME_MAX && name.bytes().all(is_plain) => {
            Ok(())
        }
        _ => Err(Problem::Usage(format!(
            "that is no name of a {}",
            kind.as_str()
        ))),
    }
}

/// Identifies what a plan would do, by its parts in their order.
pub(crate) fn plan_digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    digest(parts, DIGEST_BYTES)
}

/// Whether a run of this kind, which has a record of its progress, was begun under this name.
///
/// # Errors
/// If the table of outcomes can't be read.
pub async fn is_begun(stack: &Stack, kind: RunKind, name: &str) -> Result<bool, Problem> {
    Ok(store(stack, kind)?.find(name).await?.is_some())
}

/// What a run was asked to do, in its own form; null if that isn't on record.
pub(crate) async fn asked(stack: &Stack, kind: RunKind, name: &str) -> Result<Value, Problem> {
    let found = store(stack, kind)?.find(name).await?;
    Ok(found.map_or(Value::Null, |(run, _)| run.asked))
}

pub(super) fn store(stack: &Stack, kind: RunKind) -> Result<BulkRuns, Problem> {
    let table = stack.table("outcomes")?.to_owned();
    Ok(BulkRuns::new(stack.aws.sdk(), table, kind, KEEP_DAYS))
}

/// Why a run was stopped, if a person did that.
pub(crate) fn by(reason: &Reason) -> String {
    format!("by {}: {}", reason.who, reason.why)
}

/// Records that a run over many objects is running again, with who resumes it and why added to its reason.
///
/// # Errors
/// `NotFound` if there is no such run; `Partly` if another program has resumed it; what AWS refuses.
pub(crate) async fn resume_by(
    stack: &Stack,
    kind: RunKind,
    name: &str,
    reason: &Reason,
) -> Result<(), Problem> {
    let store = store(stack, kind)?;
    let found = store.find(name).await?;
    let (mut run, held) =
        found.ok_or_else(|| Problem::NotFound(format!("there is no run {name}")))?;
    run.why = Some(resumed(run.why.as_deref().unwrap_or_default(), reason));
    run.state = State::Running;
    run.at_ms = now_ms();
    match store.save(&run, &held).await {
        Err(fault) if fault.code == code::RUN_TAKEN => Err(taken(name)),
        saved => Ok(saved.map(drop)?),
    }
}

/// The reason of a run that a person resumes.
pub(crate) fn resumed(why: &str, reason: &Reason) -> String {
    let whole = format!("{why}; resumed {}", by(reason));
    whole.chars().take(RESUMED_MAX).collect()
}

/// That a run was stopped, for people.
pub(crate) fn stopped(reason: &str) -> String {
    match reason.starts_with("by ") {
        true => format!("the run was stopped {reason}"),
        false => format!("the run stopped itself: {reason}"),
    }
}

/// Stops a run over many objects, whichever program works on it: its record says so from now on, and the program ends
/// after the page that it is at. What it did of that page isn't counted.
///
/// # Errors
/// `NotFound` if there is no such run; `Partly` if it isn't running; what AWS refuses.
pub(crate) async fn stop(
    stack: &Stack,
    kind: RunKind,
    name: &str,
    reason: &Reason,
) -> Result<(), Problem> {
    let store = store(stack, kind)?;
    for _ in 0..STOPS_MAX {
        let found = store.find(name).await?;
        let (mut run, held) =
            found.ok_or_else(|| Problem::NotFound(format!("there is no run {name}")))?;
        if run.state != State::Running {
            return Err(not_running(name));
        }
        run.state = State::Stopped(by(reason));
        match store.save(&run, &held).await {
            Err(fault) if fault.code == code::RUN_TAKEN => {}
            saved => return Ok(saved.map(drop)?),
        }
    }
    Err(too_busy(name))
}

pub(crate) fn not_running(name: &str) -> Problem {
    Problem::Partly(format!("{name} isn't running: nothing was done"))
}

pub(crate) fn taken(name: &str) -> Problem {
    Problem::Partly(format!(
        "another program has resumed {name}: nothing was done"
    ))
}

pub(crate) fn too_busy(name: &str) -> Problem {
    Problem::Failed(format!(
        "{name} made progress each time that it was to be stopped: try again"
    ))
}
