//! One list, in the order of times, of the rows that an index holds in several shards.
//!
//! The shards are read concurrently, each in bounded pages that grow, and merged. So a walk over any number of rows
//! holds one page per shard in memory, and reads no shard further than the request needs.

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;

use serde::{Deserialize, Serialize};
use sluice_kernel::code::Code;
use sluice_kernel::fault::Fault;
use tokio::task::JoinSet;

use crate::entry::Item;
use crate::usage::Usage;

/// The largest page, to which pages grow.
pub const PAGE_MAX: i32 = 1_000;

/// A row of an index.
pub(crate) trait Row: Send + 'static {
    /// Its time, by which its shard is ordered.
    fn at_ms(&self) -> i64;

    /// Its name: no other row of this time has it.
    fn name(&self) -> String;
}

/// Where shards are read.
pub(crate) trait Source: Clone + Send + Sync + 'static {
    type Row: Row;

    /// The fault's code if the read can't be made.
    const UNAVAILABLE: Code;

    /// The attribute that the index is ordered by.
    const TIME: &'static str;

    /// A page of a shard: at most `size` rows, those that follow this key.
    fn page(
        &self,
        shard: String,
        size: i32,
        after: Option<Item>,
    ) -> impl Future<Output = Result<Page<Self::Row>, Fault>> + Send;
}

/// A page of a shard.
pub(crate) struct Page<R> {
    /// The rows that are wanted.
    pub(crate) found: Vec<R>,
    /// The key after which the next page begins.
    pub(crate) after: Option<Item>,
    /// What reading it used.
    pub(crate) usage: Usage,
}

/// The next step of a walk with a limit of calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<R> {
    /// A row.
    Row(R),
    /// The next row would take more calls than allowed. The walk's position says how far it has come.
    Paused,
    /// There are no more.
    End,
}

/// The position of a walk: the time of the last row that it returned, and all rows of that time that it has returned.
/// From it another walk resumes, even in another process, returns no row twice and leaves none out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub(crate) at_ms: i64,
    ids: BTreeSet<String>,
}

impl Position {
    /// The time up to which the walk has come, in milliseconds.
    pub fn at_ms(&self) -> i64 {
        self.at_ms
    }

    /// The position of a walk that has come up to this time: `before` if that is of the same time.
    pub(crate) fn reached(at_ms: i64, before: Option<&Self>) -> Self {
        match before {
            Some(before) if before.at_ms == at_ms => before.clone(),
            _ => Self {
                at_ms,
                ids: BTreeSet::new(),
            },
        }
    }

    /// Whether the walk has returned this row.
    pub(crate) fn has(&self, row: &impl Row) -> bool {
        self.at_ms == row.at_ms() && self.ids.contains(&row.name())
    }

    /// Moves a walk's position to this row. Returns false if the walk has returned it before.
    pub(crate) fn give(position: &mut Option<Self>, row: &impl Row) -> bool {
        let (at_ms, id) = (row.at_ms(), row.name());
        match position {
            Some(position) if position.at_ms == at_ms => position.ids.insert(id),
            _ => {
                *position = Some(Self {
                    at_ms,
                    ids: BTreeSet::from([id]),
                });
                true
            }
        }
    }
}

/// The rows of some shards, merged.
#[derive(Debug)]
pub(crate) struct Merge<S: Source> {
    source: S,
    newest_first: bool,
    /// The size of a shard's first page.
    first_page: i32,
    shards: Vec<Shard<S::Row>>,
    /// How many calls it has made.
    calls: usize,
    usage: Usage,
}

#[derive(Debug)]
struct Shard<R> {
    key: String,
    page_size: i32,
    /// Wanted rows that were read and not yet returned.
    buffer: VecDeque<R>,
    /// The key after which the next page begins; `None` before the first.
    after: Option<Item>,
    /// The time up to which it has been read, wanted or not; `None` before the first page.
    read_to_ms: Option<i64>,
    done: bool,
}

impl<R: Row> Shard<R> {
    /// Whether it may still return a row that comes before this time in the order.
    fn may_precede(&self, at_ms: i64, newest_first: bool) -> bool {
        let is_behind = match self.read_to_ms {
            None => true,
            Some(read_to_ms) if newest_first => read_to_ms > at_ms,
            Some(read_to_ms) => read_to_ms < at_ms,
        };
        self.buffer.is_empty() && !self.done && is_behind
    }
}

impl<S: Source> Merge<S> {
    /// Of no shard yet.
    pub(crate) fn new(source: S, newest_first: bool, first_page: i32) -> Self {
        Self {
            source,
            newest_first,
            first_page,
            shards: Vec::new(),
            calls: 0,
            usage: Usage::default(),
        }
    }

    /// Continues with these shards. Those before have ended.
    pub(crate) fn begin(&mut self, keys: impl IntoIterator<Item = String>) {
        let shard = |key| Shard {
            key,
            page_size: self.first_page,
            buffer: VecDeque::new(),
            after: None,
            read_to_ms: None,
            done: false,
        };
        self.shards = keys.into_iter().map(shard).collect();
    }

    /// What it has read so far used.
    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// The next wanted row of these shards, or `None` at their end.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
    pub(crate) async fn next(&mut self) -> Result<Option<S::Row>, Fault> {
        match self.next_within(usize::MAX).await? {
            Step::Row(row) => Ok(Some(row)),
            Step::Paused | Step::End => Ok(None),
        }
    }

    /// The same, as long as no more than this number of calls has been made. The first page of each shard is always read,
    /// so that every walk gets further.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
    pub(crate) async fn next_within(&mut self, calls_max: usize) -> Result<Step<S::Row>, Fault> {
        loop {
            let behind = match self.head() {
                Ok(Some(row)) => return Ok(Step::Row(row)),
                Ok(None) => return Ok(Step::End),
                Err(behind) => behind,
            };
            if self.calls > 0 && self.calls.saturating_add(behind.len()) > calls_max {
                return Ok(Step::Paused);
            }
            self.read(&behind).await?;
        }
    }

    /// The next row among those read, else the shards that have to be read for it; none of both at the end.
    fn head(&mut self) -> Result<Option<S::Row>, Vec<usize>> {
        let newest_first = self.newest_first;
        let heads = self.shards.iter().enumerate().filter_map(|(index, shard)| {
            let at_ms = shard.buffer.front()?.at_ms();
            Some((if newest_first { -at_ms } else { at_ms }, at_ms, index))
        });
        // A shard without a wanted row delays the others only until it is read as far as they are, so that a rare one
        // doesn't read a whole shard at once.
        let (head, behind) = match heads.min() {
            Some((_, at_ms, index)) => {
                let behind = self.indexes(|shard| shard.may_precede(at_ms, newest_first));
                (Some(index), behind)
            }
            None => (None, self.indexes(|shard| !shard.done)),
        };
        match (behind.is_empty(), head) {
            (false, _) => Err(behind),
            (true, Some(index)) => Ok(self.shards[index].buffer.pop_front()),
            (true, None) => Ok(None),
        }
    }

    /// The time up to which every row was returned or isn't wanted; `unread` is that of a shard that wasn't read yet.
    pub(crate) fn reached_ms(&self, unread: i64) -> i64 {
        let left = self.shards.iter().filter_map(|shard| {
            let next = shard.buffer.front().map(Row::at_ms);
            let unread = || (!shard.done).then_some(shard.read_to_ms.unwrap_or(unread));
            next.or_else(unread)
        });
        let at_ms = match self.newest_first {
            true => left.max(),
            false => left.min(),
        };
        at_ms.unwrap_or(unread)
    }

    fn indexes(&self, is_meant: impl Fn(&Shard<S::Row>) -> bool) -> Vec<usize> {
        let shards = self.shards.iter().enumerate();
        shards
            .filter_map(|(index, shard)| is_meant(shard).then_some(index))
            .collect()
    }

    /// Reads a page of each of these shards, concurrently.
    async fn read(&mut self, indexes: &[usize]) -> Result<(), Fault> {
        let mut reads = JoinSet::new();
        for &index in indexes {
            let shard = &mut self.shards[index];
            let source = self.source.clone();
            let (key, page_size, after) = (shard.key.clone(), shard.page_size, shard.after.take());
            reads.spawn(async move {
                let page = source.page(key, page_size, after).await;
                page.map(|page| (index, page))
            });
        }
        while let Some(read) = reads.join_next().await {
            let read = read.map_err(|error| Fault::retry(S::UNAVAILABLE, error.to_string()))?;
            let (index, page) = read?;
            let Page {
                found,
                after,
                usage,
            } = page;
            self.calls += 1;
            self.usage += usage;
            let shard = &mut self.shards[index];
            shard.page_size = shard.page_size.saturating_mul(2).min(PAGE_MAX);
            shard.done = after.is_none();
            shard.buffer.extend(found);
            shard.read_to_ms = after
                .as_ref()
                .and_then(|key| key.get(S::TIME)?.as_n().ok()?.parse().ok());
            shard.after = after;
        }
        Ok(())
    }
}
