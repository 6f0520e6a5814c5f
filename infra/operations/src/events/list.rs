//! Events by time, filtered, page by page.
//!
//! The index filters by what is known of an event without its entry (time, type, account, mode). State, outcome and
//! code are looked up for the events that are left, page by page. So memory is bounded whatever the number of events,
//! and the first events are there after the first page. A page says where the next one begins, so another process can
//! ask for it.

use serde::{Deserialize, Serialize};
pub use sluice_adapters::listing::Listed;
use sluice_adapters::listing::{BATCH_MAX, Listing};
use sluice_adapters::timeline::Walk;
pub use sluice_adapters::timeline::{Position, Seen};

use super::filter::Filter;
use crate::problem::Problem;
use crate::stack::Stack;

/// How many events the first page looks at: few, so that it is there at once.
const FIRST_PAGE: usize = 20;

/// Which events, in which order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Which.
    pub filter: Filter,
    /// Received from here on, in milliseconds.
    pub from_ms: i64,
    /// Received before, in milliseconds.
    pub until_ms: i64,
    /// The oldest first, or the newest.
    pub oldest_first: bool,
}

/// A page of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    /// The events of those looked at that match the filter; may be none, though more pages follow.
    pub events: Vec<Listed>,
    /// The place where the next page begins; none after the last one.
    pub next: Option<Position>,
}

/// The pages of a list, one after the other.
#[derive(Debug)]
pub struct Pages {
    filter: Filter,
    walk: Walk,
    listing: Listing,
    size: usize,
    ended: bool,
}

/// Begins a list, or continues one at the place where a page says that the next begins. The query has to be the same
/// then.
///
/// # Errors
/// `Usage` if the filter names a domain that the stack doesn't have, or the span ends before it begins.
pub async fn list(stack: &Stack, query: &Query, after: Option<Position>) -> Result<Pages, Problem> {
    let filter = query.filter.clone().keyed(stack).await?;
    if query.until_ms <= query.from_ms {
        return Err(Problem::Usage("--since is not before --until".to_owned()));
    }
    let wanted = filter.wanted(query.from_ms, query.until_ms, !query.oldest_first);
    let timeline = stack.timeline()?;
    Ok(Pages {
        filter,
        walk: match after {
            Some(position) => timeline.resume(wanted, position),
            None => timeline.walk(wanted),
        },
        listing: stack.listing()?,
        size: FIRST_PAGE,
        ended: false,
    })
}

impl Pages {
    /// The next page; none after the last one.
    ///
    /// # Errors
    /// When a table can't be read.
    pub async fn next(&mut self) -> Result<Option<Page>, Problem> {
        if self.ended {
            return Ok(None);
        }
        let mut batch = Vec::new();
        while batch.len() < self.size && !self.ended {
            match self.walk.next().await? {
                Some(seen) => batch.push(seen),
                None => self.ended = true,
            }
        }
        self.size = BATCH_MAX;
        let listed = self.listing.look_up(batch).await?;
        let taken = listed
            .into_iter()
            .filter(|listed| self.filter.takes(listed));
        Ok(Some(Page {
            events: taken.collect(),
            next: match self.ended {
                true => None,
                false => self.walk.position().cloned(),
            },
        }))
    }
}
