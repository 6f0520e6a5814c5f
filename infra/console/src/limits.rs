//! What the console limits, so that neither a page nor a burst of requests can exhaust anything.

use std::time::Duration;

/// The most bytes of a page's HTML. Lists are paged, and bodies are cut, so that no page is larger.
pub const PAGE_BYTES: usize = 100 * 1024;

/// The most bytes of a request's body: a form with a few fields.
pub const REQUEST_BYTES: usize = 16 * 1024;

/// How long a request waits for its operation. The operation itself ends by its own limits.
pub const REQUEST_WAIT: Duration = Duration::from_secs(60);

/// How long the plan of a rebuild looks at objects: it has to be there before a request's time is over.
pub const PLAN_WAIT: Duration = Duration::from_secs(30);

/// The most records that the plan of a replay looks at, to find all that match. The program looks at more.
pub const PLAN_RECORDS: usize = 100_000;

/// The most bytes of HTML that the states of a rebuild's plan are shown in, together.
pub const PLANNED_BYTES: usize = 48 * 1024;

/// How many operations work at the same time; others wait for their turn.
pub const OPERATIONS: usize = 8;

/// The number of events after which a page of the list ends. A page of the index is never cut, so a few more may be
/// shown.
pub const EVENTS_PAGE: usize = 50;

/// How many pages of the index a page of the list looks at, if few events match.
pub const INDEX_PAGES: usize = 5;

/// The most events that are counted before a search, to say what it costs.
pub const SEARCH_COUNTED: usize = 5_000;

/// The number of found events after which a search that goes on by itself stops.
pub const SEARCH_FOUND: usize = 150;

/// The number of runs of one page.
pub const RUNS_PAGE: u16 = 50;

/// The most rows of a table that isn't paged. Further rows are counted.
pub const ROWS: usize = 150;

/// The most causes of a page of failures. Further causes are counted.
pub const CAUSES: usize = 100;

/// The most steps of a timeline. Further steps are counted.
pub const STEPS: usize = 80;

/// The most bytes of HTML that a stored body is shown in.
pub const BODY_BYTES: usize = 48 * 1024;

/// How long the overview's numbers are used again for a stack in AWS: CloudWatch is asked once in this time, however
/// many tabs are open.
pub const FRESH_IN_AWS: Duration = Duration::from_secs(60);

/// The same for the local stack.
pub const FRESH_LOCALLY: Duration = Duration::from_secs(2);

/// How long numbers that were counted from log lines are used again, for the local stack.
pub const FRESH_LINES: Duration = Duration::from_secs(5);

/// How often what a page shows live is read, for all tabs together.
pub const LIVE_EVERY: Duration = Duration::from_secs(5);

/// The same for a run that works.
pub const RUN_EVERY: Duration = Duration::from_secs(1);

/// How many streams are open at the same time: one per visible tab.
pub const STREAMS: usize = 24;

/// How long a stream lasts. The browser opens the next by itself.
pub const STREAM_TIME: Duration = Duration::from_secs(600);

/// How long a browser waits before it opens a stream again that has ended.
pub const STREAM_RETRY: Duration = Duration::from_secs(3);

/// How often a stream that has nothing to say shows that it is there. So a browser that is gone is noticed.
pub const STREAM_ALIVE: Duration = Duration::from_secs(15);

/// How many of reconcile's reports are shown.
pub const REPORTS: u16 = 72;
