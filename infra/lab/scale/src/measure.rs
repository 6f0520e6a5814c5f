//! What is measured: pieces of work of an operator and of sweep, each over a ledger of some size.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use sluice_adapters::bus::EventBridgeBus;
use sluice_adapters::clock::SystemClock;
use sluice_adapters::ledger::DynamoLedger;
use sluice_adapters::timeline::PAGE_MAX;
use sluice_console::costs::{self, Page};
use sluice_kernel::clock::Clock;
use sluice_kernel::replay::EVENTS_MAX;
use sluice_local::problem::Problem;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::aws::{Aws, BUS, Calls, LEDGER, failed};
use crate::ledger::Ledger;
use crate::pages::Console;
use crate::program::Program;
use crate::records::CAUSE;

/// Rows of `sluice event list` by default.
const FIRST_ROWS: usize = 50;

/// The number of events for which `sluice replay` predicts what their domains would do.
const FORESEEN_MAX: usize = 10_000;

/// Shards of a day in the index by time.
const SHARDS: f64 = 8.0;

/// Calls that the first and the last batch of a list may add.
const ROUNDING_CALLS: f64 = 4.0;

/// The most rows of the index that are read to count the types of 5,000 events: a page of each shard may be left over.
const TYPES_ROWS_MAX: usize = 5_000 + 8 * 1_000;

/// The days that a week up to now touches.
const WEEK_DAYS: u16 = 8;

/// The size of a row of the index, from the least to the most.
const ROW_BYTES: [f64; 2] = [120.0, 240.0];

/// How much of an index one read unit reads.
const BYTES_A_UNIT: f64 = 8_192.0;

/// The most entries that one run of sweep handles, as deployed.
const SWEEP_ENTRIES_MAX: usize = 1_000;

/// The time left to a run of sweep, in milliseconds: more than any takes here.
const SWEEP_LEFT_MS: i64 = 900_000;

/// The most times that a piece is measured, until no client has repeated a call. A client repeats one if this machine
/// is so busy that an answer comes too late for it; this wouldn't happen on AWS.
const MEASURED_MAX: u32 = 5;

/// How often progress is reported while a piece runs.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// A piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// `sluice event list`: the newest fifty.
    FirstPage,
    /// `sluice event list` of the newest hour.
    ListHour,
    /// `sluice event list` of everything.
    ListAll,
    /// `sluice event list` of everything of a type that no event has.
    ListNone,
    /// Sweep, with nothing due.
    SweepIdle,
    /// Sweep, with some due.
    Sweep,
    /// `sluice replay` of the newest hour: the plan.
    PlanHour,
    /// The same with `--yes`.
    ReplayHour,
    /// `sluice replay` of everything, or of the newest events that one run takes: the plan.
    PlanAll,
    /// The console's overview.
    PageOverview,
    /// What the overview shows of a week: types are counted of the newest events.
    PageWeek,
    /// The console's first page of events.
    PageEvents,
    /// The console's page of a search in the bodies of the newest hour.
    PageSearch,
    /// The console's page of an event.
    PageEvent,
    /// The console's page of failures.
    PageFailures,
    /// The same, of a type that no failure has.
    PageFailuresNone,
    /// The console's page of one cause.
    PageCause,
    /// The console's page of runs.
    PageRuns,
    /// The console's page of reconcile.
    PageReconcile,
}

/// How the cost of a piece grows with the ledger.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stated {
    /// Not at all.
    Flat,
    /// In proportion to what is asked for.
    Linear(Linear),
    /// In proportion up to a bound, in calls and read units.
    Bounded([f64; 2]),
}

/// The bounds: from all pages full to the first and last page of each shard not full.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Linear {
    /// Calls, the fewest and the most.
    pub calls: [f64; 2],
    /// Read units, the fewest and the most.
    pub units: [f64; 2],
}

impl Linear {
    /// The cost of reading this number of rows of the index by time over this number of days, and of looking them up.
    fn of(rows: usize, days: u16, looked_up: f64, [calls_each, units_each]: [f64; 2]) -> Self {
        let pages = float(rows) / f64::from(PAGE_MAX);
        // A shard of a day begins with four smaller pages, and ends with one that isn't full. Each page's units are
        // rounded up.
        let rounding = 4.0 * f64::from(days) * SHARDS + ROUNDING_CALLS;
        let calls = pages + looked_up * calls_each;
        let units = looked_up * units_each;
        let index = ROW_BYTES.map(|bytes| float(rows) * bytes / BYTES_A_UNIT);
        Self {
            calls: [(calls - 1.0).max(0.0), calls + rounding],
            units: [
                units + index[0],
                units + index[1] + (pages + rounding) / 2.0,
            ],
        }
    }
}

impl Work {
    /// All of it, in the order in which it is measured.
    pub const ALL: [Self; 19] = [
        Self::FirstPage,
        Self::ListHour,
        Self::ListAll,
        Self::ListNone,
        Self::SweepIdle,
        Self::Sweep,
        Self::PlanHour,
        Self::ReplayHour,
        Self::PlanAll,
        Self::PageOverview,
        Self::PageWeek,
        Self::PageEvents,
        Self::PageSearch,
        Self::PageEvent,
        Self::PageFailures,
        Self::PageFailuresNone,
        Self::PageCause,
        Self::PageRuns,
        Self::PageReconcile,
    ];

    /// What the console says that its page costs.
    pub(crate) fn priced(self) -> Option<Page> {
        match self {
            Self::PageOverview | Self::PageWeek => Some(costs::OVERVIEW),
            Self::PageEvents => Some(costs::EVENTS),
            Self::PageEvent => Some(costs::EVENT),
            Self::PageFailures | Self::PageFailuresNone | Self::PageCause => Some(costs::FAILURES),
            Self::PageRuns => Some(costs::RUNS),
            _ => None,
        }
    }

    /// The address of the console's page, where the newest hour begins and ends at these times; none for other work.
    fn page(self, [since, until]: [&str; 2]) -> Option<String> {
        let path = match self {
            Self::PageOverview => "/",
            Self::PageWeek => "/numbers?span=week",
            Self::PageEvents => "/events",
            Self::PageSearch => {
                let window = format!("since={since}&until={until}");
                return Some(format!("/search?body=no.such%20exists&{window}"));
            }
            // The first of the newest hour.
            Self::PageEvent => return Some(format!("/events/evt_{:024}", 0)),
            Self::PageFailures => "/failures",
            Self::PageFailuresNone => "/failures?type=charge.dispute.closed",
            Self::PageCause => return Some(CAUSE.clone()),
            Self::PageRuns => "/runs",
            Self::PageReconcile => "/reconcile",
            _ => return None,
        };
        Some(path.to_owned())
    }

    /// Its description, for a run with this number of events per hour and this number of due events.
    #[must_use]
    pub fn words(self, fixed: &Fixed) -> String {
        let Fixed { newest, due } = fixed;
        match self {
            Self::FirstPage => format!("list: the first {FIRST_ROWS}"),
            Self::ListHour => format!("list: an hour with {newest}"),
            Self::ListAll => "list: everything".to_owned(),
            Self::ListNone => "list: everything of a type that no event has".to_owned(),
            Self::SweepIdle => "sweep: nothing due".to_owned(),
            Self::Sweep => format!("sweep: {due} due"),
            Self::PlanHour => format!("replay: plan of an hour with {newest}"),
            Self::ReplayHour => "replay: that hour, done".to_owned(),
            Self::PlanAll => format!("replay: plan of everything, {EVENTS_MAX} at most"),
            Self::PageOverview => "console: overview".to_owned(),
            Self::PageWeek => "console: overview, over a week".to_owned(),
            Self::PageEvents => "console: events".to_owned(),
            Self::PageSearch => format!("console: a search in an hour with {newest}"),
            Self::PageEvent => "console: an event".to_owned(),
            Self::PageFailures => "console: failures".to_owned(),
            Self::PageFailuresNone => "console: failures of a type that none has".to_owned(),
            Self::PageCause => "console: a cause".to_owned(),
            Self::PageRuns => "console: runs".to_owned(),
            Self::PageReconcile => "console: reconcile".to_owned(),
        }
    }

    /// What is stated of it for this number of events over this number of days.
    #[must_use]
    pub fn stated(self, events: usize, days: u16) -> Stated {
        let linear = |looked_up, each| Stated::Linear(Linear::of(events, days, looked_up, each));
        match self {
            // The state of each event, and what its domain recorded: a hundred at once.
            Self::ListAll => linear(float(events), [0.02, 1.5]),
            Self::ListNone => linear(0.0, [0.0, 0.0]),
            // Each event's entry, a hundred at once, and its object's projection, before and after.
            Self::PlanAll => linear(float(events.min(FORESEEN_MAX)), [2.01, 3.0]),
            // The newest events' rows, of a shard that is read in pages that double.
            Self::PageWeek => {
                let most = Linear::of(TYPES_ROWS_MAX, WEEK_DAYS, 0.0, [0.0, 0.0]);
                Stated::Bounded([most.calls[1], most.units[1]])
            }
            _ => Stated::Flat,
        }
    }
}

/// What is the same at every size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed {
    /// Events of the newest hour.
    pub newest: usize,
    /// Events that are due when sweep runs.
    pub due: usize,
}

/// The cost of a piece.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Events that were asked for.
    pub events: usize,
    /// The calls.
    pub calls: Calls,
    /// How long it took, the program's start included.
    pub took: Duration,
    /// The most memory of the operator's program in KiB; 0 if another program ran, or if the system doesn't say.
    pub peak_kib: u64,
}

/// The cost of each piece.
pub type Figures = BTreeMap<Work, Measured>;

/// Measures over one ledger.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    aws: &'a Aws,
    program: Program,
    /// The same, for the console.
    console: Program,
    fixed: Fixed,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(aws: &'a Aws, folder: PathBuf, fixed: Fixed) -> Result<Self, Problem> {
        let console = Program::build(&aws.info_with_records(), folder.join("console"))?;
        let program = Program::build(&aws.info(), folder)?;
        Ok(Self {
            aws,
            program,
            console,
            fixed,
        })
    }

    /// Measures every piece. A piece is left out if this machine is too slow for it.
    pub(crate) fn all(
        &self,
        ledger: &mut Ledger<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Figures, Problem> {
        let mut figures = Figures::new();
        for work in Work::ALL {
            let words = work.words(&self.fixed);
            for _ in 0..MEASURED_MAX {
                let did = match work {
                    Work::SweepIdle => self.sweep(ledger, 0),
                    Work::Sweep => self.sweep(ledger, self.fixed.due),
                    _ if work.page(["", ""]).is_some() => self.page(work, ledger),
                    _ => self.operator(work, ledger, &words, progress),
                };
                let calls = self.aws.take_calls();
                if calls.repeated > 0 {
                    progress(&format!("  {words}: calls were cut off, once more"));
                    continue;
                }
                let Did {
                    events,
                    took,
                    peak_kib,
                } = did?;
                progress(&format!(
                    "  {words}: {} calls, {:.1} s",
                    calls.sum(),
                    took.as_secs_f64()
                ));
                let measured = Measured {
                    events,
                    calls,
                    took,
                    peak_kib,
                };
                figures.insert(work, measured);
                break;
            }
        }
        Ok(figures)
    }

    /// What the operator's program does.
    fn operator(
        &self,
        work: Work,
        ledger: &Ledger<'_>,
        words: &str,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Did, Problem> {
        let spread = ledger.spread();
        let (hour_ms, all_ms) = (spread.newest_since_ms(), spread.since_ms());
        let (all, hour) = (ledger.entries(), self.fixed.newest);
        let nobodys = ["--limit", "0", "--type", "charge.dispute.*"];
        let done = ["--yes", "--why", "to measure it", "--rate", "1000"];
        let (newest_ms, newest) = match work {
            Work::PlanAll => ledger.newest(EVENTS_MAX),
            _ => (all_ms, all),
        };
        let (command, since_ms, more, events): (&[&str], i64, &[&str], usize) = match work {
            Work::FirstPage => (&LIST, all_ms, &[], FIRST_ROWS.min(all)),
            Work::ListHour => (&LIST, hour_ms, &nobodys[..2], hour),
            Work::ListNone => (&LIST, all_ms, &nobodys, all),
            Work::PlanHour => (&REPLAY, hour_ms, &[], hour),
            Work::ReplayHour => (&REPLAY, hour_ms, &done, hour),
            Work::PlanAll => (&REPLAY, newest_ms, &[], newest),
            _ => (&LIST, all_ms, &nobodys[..2], all),
        };
        let [since, until] = [since_ms, spread.until_ms].map(instant);
        let args = [command, &["--since", &since, "--until", &until], more].concat();
        let mut said = Instant::now();
        let mut progress = || {
            if said.elapsed() >= SAY_EVERY {
                let calls = self.aws.calls_so_far();
                progress(&format!("    {words}: {calls} calls so far"));
                said = Instant::now();
            }
        };
        let start = Instant::now();
        let ran = self.program.run(&args, &mut progress)?;
        let took = start.elapsed();
        // It was measured as intended.
        let came = match work {
            Work::PlanHour | Work::PlanAll => count(&ran.last["plan"]["events"]),
            Work::ReplayHour => count(&ran.last["run"]["published"]),
            Work::ListNone => all - ran.lines,
            _ => ran.lines,
        };
        match came == events {
            true => Ok(Did {
                events,
                took,
                peak_kib: ran.peak_kib,
            }),
            false => Err(failed(format!("{words}: {came} events, and not {events}"))),
        }
    }

    /// What a console does that is asked for a page: a new one for each, which has read nothing before.
    fn page(&self, work: Work, ledger: &Ledger<'_>) -> Result<Did, Problem> {
        let spread = ledger.spread();
        let [since, until] = [spread.newest_since_ms(), spread.until_ms].map(instant);
        let path = work.page([&since, &until]).unwrap_or_default();
        let console = Console::open(&self.console)?;
        self.aws.take_calls();
        let start = Instant::now();
        let bytes = console.page(&path)?;
        println!("  {path}: {bytes} bytes");
        Ok(Did {
            events: 1,
            took: start.elapsed(),
            peak_kib: 0,
        })
    }

    /// What sweep does with this number of due events.
    fn sweep(&self, ledger: &mut Ledger<'_>, due: usize) -> Result<Did, Problem> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        ledger.remove_due()?;
        runtime.block_on(ledger.defer(due))?;
        let sdk = self.aws.sdk();
        let adapter = DynamoLedger::new(&sdk, LEDGER.to_owned(), SystemClock);
        let bus = EventBridgeBus::new(&sdk, BUS.to_owned());
        self.aws.take_calls();
        let start = Instant::now();
        let until_ms = SystemClock.now_ms() + SWEEP_LEFT_MS;
        let run = sweep::run_once(&adapter, &bus, &SystemClock, SWEEP_ENTRIES_MAX, until_ms);
        let swept = runtime.block_on(run);
        let took = start.elapsed();
        ledger.remove_due()?;
        let swept =
            swept.map_err(|fault| failed(format!("sweep: {}: {}", fault.code, fault.cause)))?;
        let published = count(&swept["published"]);
        match published == due {
            true => Ok(Did {
                events: due,
                took,
                peak_kib: 0,
            }),
            false => Err(failed(format!(
                "sweep: {published} published, and not {due}"
            ))),
        }
    }
}

/// A piece of work that was done as intended.
struct Did {
    events: usize,
    took: Duration,
    peak_kib: u64,
}

const LIST: [&str; 2] = ["event", "list"];
const REPLAY: [&str; 1] = ["replay"];

/// In the form that `--since` takes. A ledger's times are after 1970.
fn instant(at_ms: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(at_ms.div_euclid(1_000)).ok();
    at.and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_default()
}

fn count(value: &Value) -> usize {
    value
        .as_u64()
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or_default()
}

pub(crate) fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
