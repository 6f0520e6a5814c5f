//! What a domain is: pure functions over Stripe's objects.
//!
//! A domain says the following, and the runner in [`crate::consume`] owns everything else:
//!
//! | | of what | is |
//! |---|---|---|
//! | [`Domain::project`] | an event | the state that it gives its object |
//! | [`Domain::facts`] | an event | what it says happened, whatever came before or after it |
//! | [`Domain::levels`] | two states, settings | what the change from one to the other means to others |
//! | [`Domain::derived`] | a state, settings | what readers need that is computed from both: until when an access holds |
//! | [`Domain::overtaken`] | a fact, a state | how the object stands by now, if it has moved on since the fact |
//! | [`Domain::is_whole`], [`Domain::owner`] | a state | whether nothing is missing in it; whose the object is |
//! | [`Domain::is_notice`] | a type | whether events of it change nothing |
//! | [`Domain::is_closing`] | a type | whether events of it are the last of their second |
//! | [`Domain::lacks`] | an event | whether Stripe would show more of the object than the event does |
//!
//! They are several functions and not one `apply(state, event)` so that order can't matter by accident: a state can't
//! depend on the states before it, and a fact can't depend on any state.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

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

/// What an event's object leaves out of what Stripe would show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacks {
    /// Nothing that the domain needs.
    Nothing,
    /// A part of the state: a list longer than its first page. With a key the object is fetched, and the answer is a
    /// further candidate. Without one, or when the budget is spent, the event's own state stands, which says itself
    /// that it is partial.
    State,
    /// What a fact needs: which refunds a charge has. The event itself is applied at once. With a key the object is then
    /// fetched, and what it says happened counts too; the message waits for the budget, since nothing else may ever
    /// bring the fact. Without a key the message goes through with the code [`crate::consume::FACTS_LACKING`].
    Facts,
}

/// The settings of a domain that has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// A domain's code. The functions are pure: they read no clock and do no I/O, and may panic without harm.
pub trait Domain: Send + Sync + 'static {
    /// `payments`: names the domain in outcomes, logs and operators' commands.
    const NAME: &'static str;

    /// What is kept of an object. Written as JSON into the projection; fields added later need a default, so that
    /// what was written before can be read.
    type State: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync;

    /// What the operator decides, by parameters of the stack: read from the variable `DOMAIN_SETTINGS` (JSON). Never
    /// part of a state, so that a change of them is no change of Stripe's object. [`NoSettings`] for none.
    type Settings: DeserializeOwned + Default + Send + Sync;

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
    fn levels(
        before: Option<&Self::State>,
        after: &Self::State,
        settings: &Self::Settings,
    ) -> Vec<Level>;

    /// What is computed of the state for readers, and stored beside it under `derived`, so that readers in other
    /// languages copy no arithmetic. It is no evidence and no drift. It is computed whenever an item is written; where
    /// other settings make it another, the object's next event writes it and emits its levels. A rebuild writes it, and
    /// the levels are owed.
    fn derived(_state: &Self::State, _settings: &Self::Settings) -> Option<Value> {
        None
    }

    /// The object's present status, if it has moved on since this fact, so that acting on the fact alone would be wrong (a failed
    /// payment of an invoice that is paid by now). The effect carries it as `overtaken`. `state` is what is known
    /// when the fact is emitted: without it nothing is proven, since what overtakes a fact may come later.
    fn overtaken(_fact: &Fact, _state: &Self::State) -> Option<String> {
        None
    }

    /// Whether nothing is missing in the state. What a check completes of one that isn't whole is no drift.
    fn is_whole(_state: &Self::State) -> bool {
        true
    }

    /// Whose the object is by its state, as [`Projected::owner`] of the event that it comes from.
    fn owner(_state: &Self::State) -> Option<String> {
        None
    }

    /// Whether events of this type change nothing: they remind. Such an event is no candidate for the state beside a change
    /// of the same second.
    fn is_notice(_kind: &str) -> bool {
        false
    }

    /// Whether an event of this type is the last of its second: whatever else is of that second came before it. An
    /// account that disconnects sends nothing after it.
    fn is_closing(_kind: &str) -> bool {
        false
    }

    /// Whether the event's object leaves something out. Asked of snapshots, and of Stripe's answer: a key may not be shown
    /// everything.
    fn lacks(_event: &Event) -> Lacks {
        Lacks::Nothing
    }
}
