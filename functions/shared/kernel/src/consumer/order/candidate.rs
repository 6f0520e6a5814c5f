//! What is known about one state of an object: from an event, or from Stripe's answer to a fetch.

use serde_json::Value;

use super::digest::Digest;
use crate::domain::{Domain, Projected};
use crate::event::Event;

/// Where a candidate comes from, and when the object had this state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// An event: the object right after a change.
    Event {
        /// Stripe's `created`, in Unix seconds.
        created: i64,
        /// `evt_…`.
        id: String,
    },
    /// An answer of Stripe's API: the object at one moment within these seconds, both included.
    Fetch {
        /// The object was read in this second or later, in Unix seconds.
        from: i64,
        /// The object was read in this second or earlier: the answer's `Date`, in Unix seconds.
        to: i64,
    },
}

impl Source {
    /// No earlier than this second.
    pub fn from(&self) -> i64 {
        match self {
            Self::Event { created, .. } => *created,
            Self::Fetch { from, .. } => *from,
        }
    }

    /// No later than this second.
    pub fn to(&self) -> i64 {
        match self {
            Self::Event { created, .. } => *created,
            Self::Fetch { to, .. } => *to,
        }
    }
}

/// What a candidate says about the object before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Before {
    /// There was no object: the event is its creation.
    Nothing,
    /// It had this digest: the event has `previous_attributes`.
    Was(Digest),
    /// Nothing. An event without `previous_attributes` (`invoice.paid`) shows a state that another event may have
    /// caused (`invoice.updated`), or that it caused itself. A fetch changes nothing.
    Unknown,
}

/// One state of an object, with what is needed to order it among others.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate<S> {
    /// Where it comes from.
    pub source: Source,
    /// The state is terminal: only terminal ones come after it.
    pub terminal: bool,
    /// It comes from an event that changes nothing: a change in the same second is later.
    pub notice: bool,
    /// It comes from an event that is the last of its second.
    pub closing: bool,
    /// The object's API version. `None` if it isn't known: such a candidate links to no other.
    pub api_version: Option<String>,
    /// What was there before.
    pub before: Before,
    /// The object.
    pub after: Digest,
    /// What the domain keeps of it.
    pub state: S,
}

impl<S> Candidate<S> {
    /// What an event shows.
    pub fn of_event<D: Domain<State = S>>(event: &Event, projected: Projected<S>) -> Self {
        let before = match &event.previous_attributes {
            Some(previous) => Before::Was(Digest::before(&event.object, previous)),
            None if event.kind.ends_with(".created") => Before::Nothing,
            None => Before::Unknown,
        };
        Self {
            source: Source::Event {
                created: event.created,
                id: event.id.clone(),
            },
            terminal: projected.terminal,
            notice: D::is_notice(&event.kind),
            closing: D::is_closing(&event.kind),
            api_version: event.api_version.clone(),
            before,
            after: Digest::of(&event.object),
            state: projected.state,
        }
    }

    /// What an answer of Stripe's API shows. A deleted object is `Value::Null` with a terminal state.
    ///
    /// `date` is the answer's `Date` in Unix seconds: Stripe's clock, as `created` is. The object was read before the
    /// answer was dated, by no more than the duration of the whole request. That is `took_ms`, in milliseconds, by a
    /// clock of ours that doesn't jump. So the fetch reaches back by that much, rounded up. `api_version` is the
    /// version that was requested.
    pub fn fetched(
        object: &Value,
        api_version: Option<&str>,
        date: i64,
        took_ms: u32,
        projected: Projected<S>,
    ) -> Self {
        Self {
            source: Source::Fetch {
                from: date - i64::from(took_ms.div_ceil(1_000)),
                to: date,
            },
            terminal: projected.terminal,
            notice: false,
            closing: false,
            api_version: api_version.map(str::to_owned),
            before: Before::Unknown,
            after: Digest::of(object),
            state: projected.state,
        }
    }

    /// Two candidates with one identity are one: an event is identified by its id, a fetch by its answer and its time.
    pub(super) fn identity(&self) -> (&Source, Option<(&Option<String>, Digest)>) {
        let answer = match self.source {
            Source::Event { .. } => None,
            Source::Fetch { .. } => Some((&self.api_version, self.after)),
        };
        (&self.source, answer)
    }

    /// Chooses between two renderings of one event: endpoints pinned to different API versions receive different ones.
    pub(super) fn rendering(&self) -> (&Option<String>, Before, Digest) {
        (&self.api_version, self.before, self.after)
    }
}
