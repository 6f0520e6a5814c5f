//! What a domain is: pure functions over Stripe's objects.
//!
//! A domain says three things, and the runner in [`crate::consume`] owns everything else:
//!
//! - [`Domain::project`]: the state that an event gives its object, from the event alone;
//! - [`Domain::facts`]: what the event says happened, whatever came before or after it;
//! - [`Domain::levels`]: what a change from one state to the next means to others.
//!
//! They are three functions and not one `apply(state, event)` so that order can't matter by accident: a state can't
//! depend on the states before it, and a fact can't depend on any state.

use serde::{Serialize, de::DeserializeOwned};

use crate::consume::Event;
use crate::effect::{Fact, Level};
use crate::fault::Fault;
use crate::route::{Route, route};

/// An object as one event shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Projected<S> {
    /// The object's id: with account and mode, the projection's key.
    pub object: String,
    /// Whose it is, for reading all of an owner's objects with one query: a subscription's customer.
    pub owner: Option<String>,
    /// The state is the object's last: no event that isn't terminal too comes after it, whatever its `created`.
    pub terminal: bool,
    /// The state.
    pub state: S,
}

/// A domain's code. The three functions are pure: they read no clock and do no I/O, and may panic without harm.
pub trait Domain: Send + Sync + 'static {
    /// `payments`: names the domain in outcomes, logs and operators' commands.
    const NAME: &'static str;

    /// What is kept of an object. Written as JSON into the projection; fields added later need a default, so that
    /// what was written before can be read.
    type State: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync;

    /// Whether the domain has a use for events of this type. The rule in the template decides what arrives; this
    /// decides what is applied, and the rest is `Ignored`.
    fn handles(kind: &str) -> bool;

    /// Whether somebody has decided about events of this type: the routing table has it. Rules match by an object's prefix,
    /// so a type that Stripe makes later (`charge.frobbed`) reaches the domain first. If the domain can read it, it is
    /// applied as any other; if not, it is `Ignored` and counted as unrouted, where a known one would be rejected.
    fn knows(kind: &str) -> bool {
        route(kind) != Route::Unrouted
    }

    /// The object as this event shows it.
    ///
    /// # Errors
    /// `Reject` with a code of the domain, naming the field that is missing or can't be read.
    fn project(event: &Event) -> Result<Projected<Self::State>, Fault>;

    /// What this event says happened.
    ///
    /// # Errors
    /// `Reject` with a code of the domain.
    fn facts(event: &Event) -> Result<Vec<Fact>, Fault>;

    /// What the change means to others; `before` is `None` for an object that is new here.
    fn levels(before: Option<&Self::State>, after: &Self::State) -> Vec<Level>;
}
