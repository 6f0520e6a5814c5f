//! A walk with a limit of calls: where few events match, one event could otherwise take a walk through everything.

use sluice_kernel::fault::Fault;

use super::{Position, Seen, Walk};
use crate::merge::Step;

const DAY_MS: i64 = 86_400_000;

impl Walk {
    /// The next event, as long as the walk has made no more than this number of calls. The first page of each shard is
    /// always read, so that every walk gets further. That takes a limit at which a shard's pages hold more events than
    /// come in one millisecond.
    ///
    /// # Errors
    /// `Retry` if the ledger can't be reached.
    pub async fn next_within(&mut self, calls_max: usize) -> Result<Step<Seen>, Fault> {
        loop {
            match self.merge.next_within(calls_max).await? {
                Step::Row(seen) if Position::give(&mut self.given, &seen) => {
                    return Ok(Step::Row(seen));
                }
                Step::Row(_) => {}
                Step::Paused => {
                    self.given = Some(self.reached());
                    return Ok(Step::Paused);
                }
                Step::End if self.next_day() => {}
                Step::End => return Ok(Step::End),
            }
        }
    }

    /// The position up to which every event was returned or isn't wanted.
    fn reached(&self) -> Position {
        let unread = match self.newest_first {
            true => (self.until_ms - 1).min((self.day + 1) * DAY_MS - 1),
            false => self.from_ms.max(self.day * DAY_MS),
        };
        Position::reached(self.merge.reached_ms(unread), self.given.as_ref())
    }
}
