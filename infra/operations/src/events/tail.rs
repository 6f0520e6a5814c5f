//! New events as they come.
//!
//! The ledger is read in rounds. The index by time follows the table within a moment. So each round begins a little
//! before the end of the last one, and leaves out what the last one has returned.

use std::collections::BTreeMap;

use sluice_adapters::listing::{BATCH_MAX, Listed, Listing};
use sluice_adapters::timeline::{Timeline, Walk};

use super::filter::Filter;
use crate::problem::Problem;
use crate::stack::Stack;
use crate::times::now_ms;

/// How long before the end of the last round a round begins: the index follows the table within a moment.
const OVERLAP_MS: i64 = 5_000;

/// Follows events.
#[derive(Debug)]
pub struct Tail {
    filter: Filter,
    timeline: Timeline,
    listing: Listing,
    from_ms: i64,
    /// The events that the overlap brings again, and when each was received: as many as came in the overlap.
    known: BTreeMap<String, i64>,
    /// This round's pages and its end; none between two rounds.
    round: Option<(Walk, i64)>,
}

/// Begins to follow events from those received at this time, in milliseconds.
///
/// # Errors
/// `Usage` if the filter names a domain that the stack doesn't have.
pub async fn tail(stack: &Stack, filter: Filter, from_ms: i64) -> Result<Tail, Problem> {
    Ok(Tail {
        filter: filter.keyed(stack).await?,
        timeline: stack.timeline()?,
        listing: stack.listing()?,
        from_ms,
        known: BTreeMap::new(),
        round: None,
    })
}

impl Tail {
    /// The next new events of this round, the oldest first, possibly none; `None` once at the end of a round. The next
    /// call begins another round: wait a moment before it.
    ///
    /// # Errors
    /// When a table can't be read.
    pub async fn next(&mut self) -> Result<Option<Vec<Listed>>, Problem> {
        let (walk, until_ms) = match &mut self.round {
            Some(round) => round,
            None => {
                let until_ms = now_ms() + 1;
                let wanted = self.filter.wanted(self.from_ms, until_ms, false);
                self.round.insert((self.timeline.walk(wanted), until_ms))
            }
        };
        let mut batch = Vec::new();
        while batch.len() < BATCH_MAX {
            let Some(seen) = walk.next().await? else {
                break;
            };
            let is_known = self.known.insert(seen.id.clone(), seen.received_at_ms);
            if is_known.is_none() {
                batch.push(seen);
            }
        }
        if batch.is_empty() {
            self.from_ms = self.from_ms.max(*until_ms - OVERLAP_MS);
            let from_ms = self.from_ms;
            self.known
                .retain(|_, received_at_ms| *received_at_ms >= from_ms);
            self.round = None;
            return Ok(None);
        }
        let listed = self.listing.look_up(batch).await?;
        let taken = listed
            .into_iter()
            .filter(|listed| self.filter.takes(listed));
        Ok(Some(taken.collect()))
    }
}
