//! Events by what is in their bodies: `data.object.metadata.order = 1234` over a span of time.
//!
//! There is no index of bodies. So a search reads the bodies of all events that its filter lets through, page by page.
//! Before it begins, [`estimate`] says how many events there are and about what they cost. Each [`Page`] says what it
//! looked at, what that cost, and where the next one begins. A person can decide before each. A page is bounded in
//! events, bytes, calls and time ([`Bounds`]). It keeps no state, so another process can ask for the next one.
//!
//! # Layout
//! - [`condition`]: what is typed. `evaluate`: whether a body fulfils it. `number`: numbers, exactly.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sluice_adapters::bodies::{BATCH_MAX, Bodies, Body, StoredBody};
pub use sluice_adapters::listing::Listed;
pub use sluice_adapters::timeline::Position;
use sluice_adapters::timeline::{Seen, Step, Walk};
use sluice_adapters::usage::Usage;
use tokio::task::JoinSet;

use super::filter::Filter;
use super::list;
use crate::domains;
use crate::prices::READ_UNITS_MILLION;
use crate::problem::Problem;
use crate::stack::Stack;

pub mod condition;
mod evaluate;
mod number;

pub use condition::Conditions;
pub use evaluate::Verdict;

/// The most events that a page looks at.
pub const PAGE_EVENTS: usize = 1_000;

/// The number of bytes of bodies after which a page ends.
pub const PAGE_BYTES: usize = 16 * 1024 * 1024;

/// The most events that a page finds. They are looked up with one call.
pub const PAGE_MATCHES: usize = 50;

/// The most calls of a page to the index by time: where a type is rare, a page ends without having seen one.
pub const PAGE_CALLS: usize = 64;

/// How long a page works before it ends, after the bodies that are being read.
pub const PAGE_TIME: Duration = Duration::from_secs(10);

/// Bodies that are read at the same time.
pub const READS_AT_ONCE: usize = 4;

/// The most events that are searched without being asked to, by `--yes`.
pub const UNASKED_EVENTS: usize = 10_000;

/// Calls to the index that count one page's events.
const COUNT_CALLS_A_PAGE: usize = 8;

/// What reading an event's entry uses, for an estimate: an entry of up to 8 KB, read without consistency.
const UNITS_EACH: f64 = 1.0;

/// Which events, and what their bodies have to fulfil.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Which events are looked at.
    #[serde(flatten)]
    pub of: list::Query,
    /// What their bodies have to fulfil.
    pub conditions: Conditions,
}

/// When a page ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// After this number of events were looked at.
    pub events: usize,
    /// After this number of bytes of bodies.
    pub bytes: usize,
    /// After this number of events were found: at most [`PAGE_MATCHES`].
    pub matches: usize,
    /// After this number of calls to the index by time.
    pub calls: usize,
    /// After this time; each page looks at some events.
    pub time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            events: PAGE_EVENTS,
            bytes: PAGE_BYTES,
            matches: PAGE_MATCHES,
            calls: PAGE_CALLS,
            time: PAGE_TIME,
        }
    }
}

/// What was looked at, and what that used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Events whose bodies were wanted.
    pub looked_at: usize,
    /// Bodies that were read.
    pub bodies: usize,
    /// Bytes of these bodies.
    pub bytes: usize,
    /// Events that were found.
    pub matched: usize,
    /// Bodies that aren't JSON: these can't match.
    pub not_json: usize,
    /// Events without a body that could be read: erased, never stored to the end, or damaged.
    pub without_body: usize,
    /// DynamoDB's read units. As it answers where it says so; the parts of large bodies, and what was looked up of
    /// found events, are counted from sizes.
    #[serde(flatten)]
    pub usage: Usage,
}

impl Totals {
    /// What this costs, in dollars.
    pub fn dollars(&self) -> f64 {
        self.usage.read_units / 1e6 * READ_UNITS_MILLION
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.looked_at = self.looked_at.saturating_add(other.looked_at);
        self.bodies = self.bodies.saturating_add(other.bodies);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.matched = self.matched.saturating_add(other.matched);
        self.not_json = self.not_json.saturating_add(other.not_json);
        self.without_body = self.without_body.saturating_add(other.without_body);
        self.usage += other.usage;
    }
}

/// What a search would look at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// How many events the filter lets through, of those that were counted.
    pub events: usize,
    /// Whether there are more than were counted.
    pub is_more: bool,
    /// About what it costs to search those that were counted, in dollars. Entries of up to 8 KB are assumed.
    pub dollars: f64,
    /// What counting used.
    pub used: Usage,
}

/// A page of a search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page {
    /// The events that were found, in the order of the search; may be none, though more pages follow.
    pub events: Vec<Listed>,
    /// What was looked at.
    pub totals: Totals,
    /// What that cost, in dollars.
    pub dollars: f64,
    /// Up to when the search has come, in milliseconds.
    pub reached_ms: i64,
    /// The place where the next page begins; none after the last one.
    pub next: Option<Position>,
}

/// Counts the events of a search, up to this number, by the index alone.
///
/// # Errors
/// As [`page`].
pub async fn estimate(
    stack: &Stack,
    query: &Query,
    after: Option<Position>,
    events_max: usize,
) -> Result<Estimate, Problem> {
    let (filter, mut walk) = begin(stack, query, after).await?;
    let pages = events_max.div_ceil(PAGE_EVENTS).max(1);
    let calls = PAGE_CALLS + pages.saturating_mul(COUNT_CALLS_A_PAGE);
    let mut events = 0;
    let is_more = loop {
        match walk.next_within(calls).await? {
            Step::End => break false,
            Step::Paused => break true,
            Step::Row(seen) if !may_be_of(&filter, &seen) => {}
            Step::Row(_) if events == events_max => break true,
            Step::Row(_) => events += 1,
        }
    };
    let used = walk.usage();
    // Each page reads the index again from where it begins.
    let units = float(events) * UNITS_EACH + 2.0 * used.read_units;
    Ok(Estimate {
        events,
        is_more,
        dollars: units / 1e6 * READ_UNITS_MILLION,
        used,
    })
}

/// The next page of a search: its first, or the one that begins where another says. The query has to be the same then.
///
/// # Errors
/// `Usage` if the filter names a domain that the stack doesn't have, or the span ends before it begins; `Failed` if a
/// table can't be read.
pub async fn page(
    stack: &Stack,
    query: &Query,
    after: Option<Position>,
    bounds: &Bounds,
) -> Result<Page, Problem> {
    let began = Instant::now();
    let (filter, walk) = begin(stack, query, after).await?;
    let ledger = stack.table("ledger")?.to_owned();
    let work = Work {
        bodies: Bodies::new(stack.aws.sdk(), ledger),
        conditions: &query.conditions,
        bounds,
        began,
        totals: Totals::default(),
        found: Vec::new(),
    };
    let Done {
        mut totals,
        found,
        reached_ms,
        next,
    } = work.of(&filter, walk).await?;
    for found in &found {
        // The state is read consistently, and the record beside it without.
        totals.usage.read_units += Usage::units(found.item_bytes) + 0.5;
    }
    let found = found.into_iter().map(|found| found.seen).collect();
    let listed = stack.listing()?.look_up(found).await?.into_iter();
    let events: Vec<_> = listed.filter(|listed| filter.takes(listed)).collect();
    totals.matched = events.len();
    Ok(Page {
        events,
        dollars: totals.dollars(),
        totals,
        reached_ms: reached_ms.unwrap_or(match query.of.oldest_first {
            true => query.of.until_ms,
            false => query.of.from_ms,
        }),
        next,
    })
}

async fn begin(
    stack: &Stack,
    query: &Query,
    after: Option<Position>,
) -> Result<(Filter, Walk), Problem> {
    let Query { of, .. } = query;
    let filter = of.filter.clone().keyed(stack).await?;
    if of.until_ms <= of.from_ms {
        return Err(Problem::Usage("--since is not before --until".to_owned()));
    }
    let wanted = filter.wanted(of.from_ms, of.until_ms, !of.oldest_first);
    let timeline = stack.timeline()?;
    let walk = match after {
        Some(position) => timeline.resume(wanted, position),
        None => timeline.walk(wanted),
    };
    Ok((filter, walk))
}

/// Whether its type goes to the domain that the filter names: what else a filter has is looked up for found events
/// alone.
fn may_be_of(filter: &Filter, seen: &Seen) -> bool {
    let domain = filter.domain.as_deref();
    domain.is_none_or(|domain| domains::of_type(None, &seen.kind).contains(&domain))
}

/// An event that was found.
struct Found {
    seen: Seen,
    item_bytes: usize,
}

/// What a page came to.
struct Done {
    totals: Totals,
    found: Vec<Found>,
    reached_ms: Option<i64>,
    next: Option<Position>,
}

/// The work of a page.
struct Work<'a> {
    bodies: Bodies,
    conditions: &'a Conditions,
    bounds: &'a Bounds,
    began: Instant,
    totals: Totals,
    found: Vec<Found>,
}

impl Work<'_> {
    async fn of(mut self, filter: &Filter, mut walk: Walk) -> Result<Done, Problem> {
        let (mut next, mut reached_ms) = (None, None);
        let mut is_over = false;
        while !is_over {
            let room = self.bounds.events.saturating_sub(self.totals.looked_at);
            let mut batch = Vec::new();
            let mut step = None;
            while batch.len() < room.min(BATCH_MAX) {
                match walk.next_within(self.bounds.calls).await? {
                    Step::Row(seen) if may_be_of(filter, &seen) => {
                        batch.push((seen, walk.position().cloned()));
                    }
                    Step::Row(_) => {}
                    other => {
                        step = Some(other);
                        break;
                    }
                }
            }
            let count = batch.len();
            let (done, last) = self.look_at(batch).await?;
            if let Some((at_ms, position)) = last {
                (reached_ms, next) = (Some(at_ms), position);
            }
            is_over = done < count || self.is_full();
            match step {
                Some(Step::End) if done == count => {
                    (reached_ms, next) = (None, None);
                    is_over = true;
                }
                Some(_) if done == count => {
                    next = walk.position().cloned();
                    reached_ms = next.as_ref().map(Position::at_ms);
                    is_over = true;
                }
                _ => {}
            }
        }
        self.totals.usage += walk.usage();
        Ok(Done {
            totals: self.totals,
            found: self.found,
            reached_ms,
            next,
        })
    }

    /// Whether the page ends here.
    fn is_full(&self) -> bool {
        self.totals.looked_at >= self.bounds.events
            || self.totals.bytes >= self.bounds.bytes
            || self.found.len() >= self.bounds.matches.min(PAGE_MATCHES)
            || self.began.elapsed() >= self.bounds.time
    }

    /// Looks at events until the page is full: how many, and when the last of them was received, with its place.
    async fn look_at(
        &mut self,
        batch: Vec<(Seen, Option<Position>)>,
    ) -> Result<(usize, Option<(i64, Option<Position>)>), Problem> {
        if batch.is_empty() {
            return Ok((0, None));
        }
        let ids: Vec<_> = batch.iter().map(|(seen, _)| seen.id.as_str()).collect();
        let (stored, usage) = self.bodies.stored(&ids).await?;
        self.totals.usage += usage;
        let mut events = batch.into_iter().zip(stored).peekable();
        let (mut done, mut last) = (0, None);
        while events.peek().is_some() {
            let some: Vec<_> = events.by_ref().take(READS_AT_ONCE).collect();
            let (some, stored): (Vec<_>, Vec<_>) = some.into_iter().unzip();
            let sizes: Vec<_> = stored
                .iter()
                .map(|one| one.as_ref().map_or(0, StoredBody::item_bytes))
                .collect();
            let bodies = self.load(stored).await?;
            for (((seen, position), body), item_bytes) in some.into_iter().zip(bodies).zip(sizes) {
                done += 1;
                last = Some((seen.received_at_ms, position));
                if self.judge(body) {
                    self.found.push(Found { seen, item_bytes });
                }
                if self.is_full() {
                    return Ok((done, last));
                }
            }
        }
        Ok((done, last))
    }

    /// These bodies, read at the same time.
    async fn load(&mut self, stored: Vec<Option<StoredBody>>) -> Result<Vec<Body>, Problem> {
        let mut bodies = vec![Body::Missing; stored.len()];
        let mut reads = JoinSet::new();
        for (index, stored) in stored.into_iter().enumerate() {
            if let Some(stored) = stored {
                let reader = self.bodies.clone();
                reads.spawn(async move { (index, reader.load(stored).await) });
            }
        }
        while let Some(read) = reads.join_next().await {
            let (index, read) = read.map_err(Problem::failed)?;
            let (body, usage) = read?;
            self.totals.usage += usage;
            bodies[index] = body;
        }
        Ok(bodies)
    }

    /// Counts a body; whether it matches.
    fn judge(&mut self, body: Body) -> bool {
        self.totals.looked_at += 1;
        let Body::Whole(body) = body else {
            self.totals.without_body += 1;
            return false;
        };
        self.totals.bodies += 1;
        self.totals.bytes += body.len();
        match self.conditions.judge(&body) {
            Verdict::Matches => true,
            Verdict::Differs => false,
            Verdict::NotJson => {
                self.totals.not_json += 1;
                false
            }
        }
    }
}

fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn query() -> Query {
        Query {
            of: list::Query {
                filter: Filter::default(),
                from_ms: 1,
                until_ms: 2,
                oldest_first: false,
            },
            conditions: "a = 1".parse().expect("a condition"),
        }
    }

    #[test]
    fn a_query_is_read_back_from_json_with_its_conditions_as_they_are_typed() {
        let written = serde_json::to_value(query()).expect("JSON");
        assert_eq!(written["conditions"], "a = 1");
        assert_eq!(
            serde_json::from_value::<Query>(written).expect("read"),
            query()
        );
        let mut wrong = serde_json::to_value(query()).expect("JSON");
        wrong["conditions"] = json!("a =");
        let wrong = serde_json::from_value::<Query>(wrong).expect_err("refused");
        assert!(wrong.to_string().contains("a value"), "{wrong}");
    }

    #[test]
    fn totals_add_up_and_a_million_units_have_the_list_price() {
        let mut all = Totals::default();
        let one = Totals {
            looked_at: 3,
            bodies: 2,
            bytes: 10,
            matched: 1,
            not_json: 1,
            without_body: 1,
            usage: Usage {
                read_units: 500_000.0,
                from_sizes: true,
            },
        };
        all += one;
        all += one;
        assert_eq!((all.looked_at, all.bytes, all.without_body), (6, 20, 2));
        assert!(all.usage.from_sizes);
        assert!((all.dollars() - READ_UNITS_MILLION).abs() < 1e-9);
    }

    #[tokio::test]
    async fn a_problem_of_a_search_says_nothing_of_what_is_searched() {
        let mut stack = Stack::for_tests();
        for table in ["ledger", "outcomes"] {
            stack.tables.insert(table.to_owned(), table.to_owned());
        }
        let query = Query {
            conditions: "a = secret".parse().expect("a condition"),
            ..query()
        };
        let failed = page(&stack, &query, None, &Bounds::default()).await;
        let said = failed.expect_err("nothing answers").to_string();
        assert!(!said.contains("secret") && !said.is_empty(), "{said}");
    }
}
