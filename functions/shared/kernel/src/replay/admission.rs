//! Which recorded events a replay may publish: again, or for the first time once their endpoint's configuration is
//! right.

use std::collections::BTreeMap;

use super::Ledgered;
use crate::bus::route::{Route, route};
use crate::code::Code;
use crate::delivery::endpoint::{Admission, Endpoint, admit, waits_for};
use crate::delivery::ledger::Entry;
use crate::event::Head;

/// The endpoints as they are deployed now, and how an event is read.
#[derive(Debug, Clone, Copy)]
pub struct Admissions<'a> {
    /// By name.
    pub endpoints: &'a BTreeMap<String, Endpoint>,
    /// Reads the head of an event, as ingest does.
    pub head: for<'b> fn(&'b [u8]) -> Option<Head<'b>>,
}

/// What a replay may do with a recorded event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayable {
    /// Publish it again.
    Again,
    /// Admit it: it waited for its endpoint's configuration, and fits now.
    Admit {
        /// Why it waited.
        reason: Code,
        /// Its account, by the current configuration.
        account: Option<String>,
    },
    /// Nothing yet: it still doesn't fit its endpoint.
    Waits,
    /// Nothing: it has no complete body, or is kept in the ledger on purpose.
    Never,
}

impl Admissions<'_> {
    /// Judges a recorded event.
    pub fn judge(&self, ledgered: &Ledgered) -> Replayable {
        let (entry, body) = ledgered;
        let Some(body) = body else {
            return Replayable::Never;
        };
        match &entry.standing.ledger_only {
            None => Replayable::Again,
            // Types that the routing table keeps in the ledger stay there, whatever their endpoint was set up for.
            Some(_) if matches!(route(&entry.origin.kind), Route::NoDomain(_)) => Replayable::Never,
            Some(reason) => match waits_for(reason) {
                Some(reason) => self.again(reason, entry, body),
                None => Replayable::Never,
            },
        }
    }

    /// Judges what ingest would do with the event today.
    fn again(&self, reason: Code, entry: &Entry, body: &[u8]) -> Replayable {
        let endpoint = self.endpoints.get(&*entry.origin.endpoint);
        // The account comes from the body: the entry's account came from an earlier configuration.
        let (Some(endpoint), Some(mut head)) = (endpoint, (self.head)(body)) else {
            return Replayable::Waits;
        };
        head.account = endpoint.keyed(head.account);
        match admit(endpoint, &head) {
            Admission::Admitted => Replayable::Admit {
                reason,
                account: head.account.as_deref().map(str::to_owned),
            },
            Admission::LedgerOnly(_) => Replayable::Waits,
        }
    }
}
