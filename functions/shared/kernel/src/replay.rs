//! Replay: publishes recorded events again, in a run that can be stopped and resumed.
//!
//! A run is a list of event ids and a cursor, both kept in a table. It works batch by batch: read the entries, publish,
//! write the cursor. A canary batch goes first, and the run waits for its verdicts; after that they are checked every
//! [`CHECK_EVENTS`] events. If too many fail, the run stops and says so.
//!
//! Guarantee: every event of the run is published at least once, in the run's mode, or counted as skipped or refused. A
//! run that is cut off publishes again what came after the last cursor, at most a batch. Consumers recognise it as the
//! same event, in the same generation. A generation is the run's id, so resuming a run keeps it.
//!
//! The cursor is written at the version that was read: of two programs that resume one run, one stops.
//!
//! An event that [waits](crate::delivery::endpoint::is_waiting) for its endpoint's configuration has never been
//! published. If it fits the endpoint as it is deployed now, the run admits it: the entry becomes due, and sweep
//! publishes it to every domain as ingest would have done. A crash leaves it waiting or due, and two parallel runs both
//! find it due. An event that still doesn't fit is counted and left alone. An event that is kept in the ledger on
//! purpose is never touched.
//!
//! Limits: a verdict is what a domain has recorded for the event since the batch was begun. An event that a domain
//! hasn't reached by the end of the wait counts as good. The run doesn't wait for admitted events.

mod admission;
pub mod dry_run;

pub use admission::{Admissions, Replayable};

use std::future::Future;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::bus::detail::{self, EmitMode};
use crate::bus::{self, Bus, PublishRefusal};
use crate::clock::Clock;
use crate::code;
use crate::delivery::ledger::{Entry, Waiting};
use crate::fault::Fault;

/// The most events of a run. For more, make several runs.
pub const EVENTS_MAX: usize = 100_000;

/// Events between two writes of the cursor: at most this many are published again after a run was cut off.
pub const BATCH_EVENTS: usize = 10 * bus::BATCH_ENTRIES_MAX;

/// After this many events the verdicts are checked again.
pub const CHECK_EVENTS: usize = 500;

/// How often a batch is offered to the bus, with pauses in between, before refused events count as failed.
pub const OFFERS_MAX: u32 = 3;

/// The pause between two offers, in milliseconds.
pub const OFFER_PAUSE_MS: u64 = 1_000;

/// How often the queues are checked while the run waits for verdicts, in milliseconds.
const LOOK_MS: u64 = 500;

/// The state of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", content = "reason")]
pub enum RunState {
    /// It was begun, and its end isn't recorded: it is in progress, or was cut off.
    #[default]
    Running,
    /// Too many failed, or it was asked to stop.
    Stopped(String),
    /// The whole list was processed.
    Done,
}

/// A replay run: what was asked for, by whom and why, and its progress. The default has made none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Names the run, and the generation if it is forced: see [`detail::is_generation`].
    pub id: String,
    /// Who asked for it.
    pub who: String,
    /// Why.
    pub why: String,
    /// Facts and levels are emitted again.
    pub forced: bool,
    /// The one domain whose queue it reaches; if none, all that the rules name.
    pub domain: Option<String>,
    /// The number of events in its list.
    pub total: usize,
    /// The first event of the list that isn't yet done.
    pub next: usize,
    /// Events put on the bus or the queue.
    pub published: usize,
    /// Events without an entry or a complete body, or kept in the ledger on purpose.
    pub skipped: usize,
    /// Events that waited for their endpoint's configuration, fit it now and were made due for sweep.
    pub admitted: usize,
    /// Events that still don't fit their endpoint: they keep waiting.
    pub waiting: usize,
    /// Events that the bus refused.
    pub refused: usize,
    /// Events that a domain rejected or fails at, as far as was checked.
    pub failed: usize,
    /// Events whose verdicts were checked.
    pub checked: usize,
    /// Events of the canary batch, which goes first.
    pub canary: usize,
    /// Events per second, at most.
    pub rate_per_s: u32,
    /// The run stops if more than this percentage of the checked events has failed.
    pub stop_percent: u32,
    /// How long the run waits for verdicts, at most, in milliseconds.
    pub settle_ms: u64,
    /// When it was begun.
    pub started_at_ms: i64,
    /// When it last made progress.
    pub at_ms: i64,
    /// Its state.
    pub standing: RunState,
}

impl Run {
    /// The emit mode of its events.
    pub fn emit_mode(&self) -> EmitMode<'_> {
        match self.forced {
            true => EmitMode::Forced(&self.id),
            false => EmitMode::Normal,
        }
    }

    /// Why this share of failures is too many; `None` if it isn't.
    fn too_many(&self) -> Option<String> {
        let bad = self.failed + self.refused;
        let seen = self.checked + self.refused;
        let share = |limit: usize| bad * 100 > limit * seen;
        share(self.stop_percent as usize)
            .then(|| format!("{bad} of {seen} failed, more than {} %", self.stop_percent))
    }
}

/// The table of runs.
pub trait Runs: Sync {
    /// Writes the run if its version is still `expected`, and sets it to `expected + 1`. `Ok(false)` if it differs.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
    fn save(&self, run: &Run, expected: u64) -> impl Future<Output = Result<bool, Fault>> + Send;

    /// Ids of the run's list, from this place on.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
    fn ids(
        &self,
        run: &str,
        from: usize,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<String>, Fault>> + Send;

    /// Records for these events that the run published them: it becomes part of their history.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
    fn note(
        &self,
        run: &Run,
        ids: &[String],
        now_ms: i64,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// An entry of the ledger and its body, if that is complete.
pub type Ledgered = (Entry, Option<Vec<u8>>);

/// The ledger as replay uses it.
pub trait Entries: Sync {
    /// The entries of these events, in their order; `None` if there is none, or it has expired.
    ///
    /// # Errors
    /// `Retry` if the ledger can't be reached.
    fn entries(
        &self,
        ids: &[String],
        now_ms: i64,
    ) -> impl Future<Output = Result<Vec<Option<Ledgered>>, Fault>> + Send;
}

/// What became of events that were published.
pub trait Verdicts: Sync {
    /// How many of these events a domain has rejected, or fails at, since then.
    ///
    /// # Errors
    /// `Retry` if the outcomes can't be read.
    fn failed(
        &self,
        ids: &[String],
        since_ms: i64,
    ) -> impl Future<Output = Result<usize, Fault>> + Send;

    /// Whether messages are waiting in the queues that the run reaches.
    ///
    /// # Errors
    /// `Retry` if the queues can't be asked.
    fn is_waiting(&self) -> impl Future<Output = Result<bool, Fault>> + Send;
}

/// What a run needs.
#[derive(Debug)]
pub struct Ports<'a, R, E, B, V> {
    /// The table of runs.
    pub runs: &'a R,
    /// The ledger.
    pub entries: &'a E,
    /// The bus, or one domain's queue.
    pub target: &'a B,
    /// What became of the published events.
    pub verdicts: &'a V,
    /// Which entries may be published.
    pub admissions: Admissions<'a>,
}

/// Resumes a run of this version until its list is exhausted, too many events fail or `progress` stops it. Returns the
/// run in its last state. `progress` is called after each batch, and with [`ControlFlow::Break`] stops the run for this
/// reason. A run that was stopped can be resumed.
///
/// # Errors
/// `Retry` if a table can't be reached, `Held` with `replay.taken` if another program resumes the run. The run stays
/// [`RunState::Running`] then, and can be resumed.
pub async fn resume(
    ports: &Ports<'_, impl Runs, impl Entries + Waiting, impl Bus, impl Verdicts>,
    clock: &impl Clock,
    mut run: Run,
    mut version: u64,
    mut progress: impl FnMut(&Run) -> ControlFlow<String>,
) -> Result<Run, Fault> {
    run.standing = RunState::Running;
    // Before anything is published: a program that lost the run to another publishes nothing.
    version = save(ports.runs, &run, version).await?;
    let mut unchecked: Vec<String> = Vec::new();
    let mut since_ms = clock.now_ms();
    while run.next < run.total && run.standing == RunState::Running {
        let begun_ms = clock.now_ms();
        let in_canary = run.next < run.canary;
        let room = match in_canary {
            true => run.canary - run.next,
            false => run.total - run.next,
        };
        let limit = room.min(run.total - run.next).min(BATCH_EVENTS);
        let ids = ports.runs.ids(&run.id, run.next, limit).await?;
        if ids.is_empty() {
            return Err(Fault::reject(
                code::REPLAY_LIST_SHORT,
                format!("the run's list ends at {}, before {}", run.next, run.total),
            ));
        }
        let (again, admitted) = sort(ports, clock, &mut run, &ids).await?;
        let published = publish(ports, clock, &mut run, again).await;
        run.next += ids.len();
        run.at_ms = clock.now_ms();
        let touched = [published.as_slice(), &admitted].concat();
        ports.runs.note(&run, &touched, run.at_ms).await?;
        unchecked.extend(published);
        let canary_is_over = in_canary && run.next >= run.canary.min(run.total);
        if canary_is_over || unchecked.len() >= CHECK_EVENTS || run.next >= run.total {
            wait_for_drain(ports.verdicts, clock, run.settle_ms).await?;
            run.failed += ports.verdicts.failed(&unchecked, since_ms).await?;
            run.checked += unchecked.len();
            unchecked.clear();
            since_ms = clock.now_ms();
        }
        if let Some(reason) = run.too_many() {
            run.standing = RunState::Stopped(reason);
        } else if run.next >= run.total {
            run.standing = RunState::Done;
        }
        version = save(ports.runs, &run, version).await?;
        let wish = progress(&run);
        if run.standing == RunState::Running {
            if let ControlFlow::Break(reason) = wish {
                run.standing = RunState::Stopped(reason);
                save(ports.runs, &run, version).await?;
                break;
            }
            pace(clock, &run, ids.len(), begun_ms).await;
        }
    }
    Ok(run)
}

async fn save(runs: &impl Runs, run: &Run, version: u64) -> Result<u64, Fault> {
    match runs.save(run, version).await? {
        true => Ok(version + 1),
        false => Err(Fault::held(
            code::REPLAY_TAKEN,
            "another program has resumed this run",
        )),
    }
}

/// Admits the events that waited and fit now. Returns those to publish again, and the ids of the admitted ones.
async fn sort(
    ports: &Ports<'_, impl Runs, impl Entries + Waiting, impl Bus, impl Verdicts>,
    clock: &impl Clock,
    run: &mut Run,
    ids: &[String],
) -> Result<(Vec<Ledgered>, Vec<String>), Fault> {
    let found = ports.entries.entries(ids, clock.now_ms()).await?;
    run.skipped += ids.len() - found.iter().flatten().count();
    let (mut again, mut admitted) = (Vec::new(), Vec::new());
    for ledgered in found.into_iter().flatten() {
        match ports.admissions.judge(&ledgered) {
            Replayable::Again => again.push(ledgered),
            Replayable::Admit { reason, account } => {
                let id = &*ledgered.0.origin.id;
                let account = account.as_deref();
                let is_due = ports
                    .entries
                    .admit(id, reason, account, clock.now_ms())
                    .await?;
                match is_due {
                    true => admitted.push(id.to_owned()),
                    // A delivery has taken it over meanwhile, and publishes it.
                    false => run.skipped += 1,
                }
            }
            Replayable::Waits => run.waiting += 1,
            Replayable::Never => run.skipped += 1,
        }
    }
    run.admitted += admitted.len();
    Ok((again, admitted))
}

/// Publishes what can be published; returns the ids of what was.
async fn publish(
    ports: &Ports<'_, impl Runs, impl Entries, impl Bus, impl Verdicts>,
    clock: &impl Clock,
    run: &mut Run,
    found: Vec<Ledgered>,
) -> Vec<String> {
    let mut left: Vec<(String, bool, Ledgered)> = found
        .into_iter()
        .map(|ledgered| (ledgered.0.origin.id.to_string(), false, ledgered))
        .collect();
    let mut published = Vec::new();
    for offer in 1..=OFFERS_MAX {
        let outgoing: Vec<_> = left
            .iter()
            .map(|(_, as_pointer, (entry, body))| {
                let body = body.as_deref().filter(|_| !as_pointer);
                detail::encode_in(run.emit_mode(), &entry.origin, body)
            })
            .collect();
        let mut fates = ports.target.publish(&outgoing).await.into_iter();
        let mut refused = Vec::new();
        for (id, as_pointer, ledgered) in left {
            match fates.next() {
                Some(Ok(())) => published.push(id),
                // Once more, as a pointer to the ledger.
                Some(Err(PublishRefusal::Form { .. })) if !as_pointer => {
                    refused.push((id, true, ledgered))
                }
                _ => refused.push((id, as_pointer, ledgered)),
            }
        }
        left = refused;
        if left.is_empty() {
            break;
        }
        if offer < OFFERS_MAX {
            clock.sleep_ms(OFFER_PAUSE_MS).await;
        }
    }
    run.published += published.len();
    run.refused += left.len();
    published
}

/// Waits until the queues are empty, at most this long.
async fn wait_for_drain(
    verdicts: &impl Verdicts,
    clock: &impl Clock,
    settle_ms: u64,
) -> Result<(), Fault> {
    let mut waited_ms = 0;
    while waited_ms < settle_ms && verdicts.is_waiting().await? {
        clock.sleep_ms(LOOK_MS).await;
        waited_ms += LOOK_MS;
    }
    Ok(())
}

async fn pace(clock: &impl Clock, run: &Run, events: usize, begun_ms: i64) {
    let due_ms = events as u64 * 1_000 / u64::from(run.rate_per_s.max(1));
    let took_ms = u64::try_from(clock.now_ms() - begun_ms).unwrap_or(0);
    if due_ms > took_ms {
        clock.sleep_ms(due_ms - took_ms).await;
    }
}
