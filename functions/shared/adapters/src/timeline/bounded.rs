//! A walk with a limit of calls: where few events match, one event could otherwise take a walk through everything.

use std::collections::BTreeSet;

use sluice_kernel::fault::Fault;

use super::{Position, Seen, Walk};

const DAY_MS: i64 = 86_400_000;

/// The next step of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An event.
    Event(Seen),
    /// The next event would take more calls than allowed. The walk's position says how far it has come.
    Paused,
    /// There are no more.
    End,
}

impl Walk {
    /// The next event, as long as the walk has made no more than this number of calls. The first page of each shard is
    /// always read, so that every walk gets further. That takes a limit at which a shard's pages hold more events than
    /// come in one millisecond.
    ///
    /// # Errors
    /// `Retry` if the ledger can't be reached.
    pub async fn next_within(&mut self, calls_max: usize) -> Result<Step, Fault> {
        loop {
            let seen = match self.head() {
                Ok(Some(seen)) => seen,
                Ok(None) if self.next_day() => continue,
                Ok(None) => return Ok(Step::End),
                Err(behind) => {
                    if self.calls > 0 && self.calls.saturating_add(behind.len()) > calls_max {
                        self.given = Some(self.reached());
                        return Ok(Step::Paused);
                    }
                    self.read(&behind).await?;
                    continue;
                }
            };
            match &mut self.given {
                Some(given) if given.has_given(&seen) => continue,
                Some(given) if given.at_ms == seen.received_at_ms => {
                    given.ids.insert(seen.id.clone());
                }
                given => {
                    *given = Some(Position {
                        at_ms: seen.received_at_ms,
                        ids: BTreeSet::from([seen.id.clone()]),
                    });
                }
            }
            return Ok(Step::Event(seen));
        }
    }

    /// The position up to which every event was returned or isn't wanted.
    fn reached(&self) -> Position {
        let newest_first = self.wanted.newest_first;
        let unread = match newest_first {
            true => (self.wanted.until_ms - 1).min((self.day + 1) * DAY_MS - 1),
            false => self.wanted.from_ms.max(self.day * DAY_MS),
        };
        let left = self.shards.iter().filter_map(|shard| {
            let next = shard.buffer.front().map(|seen| seen.received_at_ms);
            let unread = || (!shard.done).then_some(shard.read_to_ms.unwrap_or(unread));
            next.or_else(unread)
        });
        let at_ms = match newest_first {
            true => left.max(),
            false => left.min(),
        };
        let at_ms = at_ms.unwrap_or(unread);
        match &self.given {
            Some(given) if given.at_ms == at_ms => given.clone(),
            _ => Position {
                at_ms,
                ids: BTreeSet::new(),
            },
        }
    }
}

impl Position {
    /// The time up to which the walk has come, in milliseconds.
    pub fn at_ms(&self) -> i64 {
        self.at_ms
    }
}
