//! What a domain is: pure functions over Stripe's objects.
//!
//! A domain defines the following, and the runner in [`crate::consumer::consume`] does everything else:
//!
//! | | input | gives |
//! |---|---|---|
//! | [`Domain::PREFIXES`], [`Domain::TYPES`], [`Domain::EXCEPT`] | | which event types the domain uses |
//! | [`Domain::TERMINAL`] | | which states an object doesn't leave |
//! | [`Domain::NEEDED`] | | which event types its states can't do without |
//! | [`Domain::IMPORTS`] | | which kinds of objects an import adds |
//! | [`Domain::project`] | an event | the state of its object |
//! | [`Domain::facts`] | an event | what it says happened, whatever came before or after it |
//! | [`Domain::levels`] | two states, settings | what the change from one to the other means to others |
//! | [`Domain::derived`] | a state, settings | what readers need from both: until when an access holds |
//! | [`Domain::overtaken`] | a fact, a state | the object's current status, if it has changed since the fact |
//! | [`Domain::is_whole`], [`Domain::owner`] | a state | whether nothing is missing in it; the object's owner |
//! | [`Domain::is_notice`] | a type | whether its events change nothing |
//! | [`Domain::is_closing`] | a type | whether its events are the last of their second |
//! | [`Domain::lacks`] | an event | whether Stripe would show more of the object than the event does |
//!
//! They are several functions instead of one `apply(state, event)`, so that order can't matter by accident: a state
//! can't depend on the states before it, and a fact can't depend on any state.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::bus::route::{Route, route};
use crate::effects::effect::{Fact, Level};
use crate::event::Event;
use crate::fault::Fault;
use crate::object::Fields;

/// An object as one event shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Projected<S> {
    /// The object's id: with account and mode, the projection's key.
    pub object: String,
    /// The state is the object's last: only another terminal event comes after it, whatever its `created`.
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
    /// further candidate. Without a key, or if the budget is spent, the event's own state is used, which itself says
    /// that it is partial.
    State,
    /// What a fact needs: which refunds a charge has. The event itself is applied at once. With a key the object is
    /// then fetched, and the facts that it shows count too. The message waits for the budget, since nothing else may
    /// ever bring the fact. Without a key the message succeeds with the code
    /// [`OBJECT_FACTS_LACKING`](crate::code::OBJECT_FACTS_LACKING).
    Facts,
}

/// Stripe's name for a kind of object, and its final statuses.
pub type Ends = (&'static str, &'static [&'static str]);

/// The status of a projection whose object Stripe no longer has: terminal, for every kind.
pub const DELETED: &str = "deleted";

/// The status of a projection whose object has no status at Stripe, or null.
pub const UNKNOWN: &str = "unknown";

/// The settings of a domain that has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// A domain's code. The functions are pure: they read no clock and do no I/O, and may panic without harm.
pub trait Domain: Send + Sync + 'static {
    /// `payments`: names the domain in outcomes, logs and operators' commands.
    const NAME: &'static str;

    /// The event types that the domain uses, by prefix; the template's rule has the same.
    const PREFIXES: &'static [&'static str] = &[];

    /// Further event types that it uses, by name.
    const TYPES: &'static [&'static str] = &[];

    /// Event types with one of the prefixes that it doesn't use.
    const EXCEPT: &'static [&'static str] = &[];

    /// States that an object of a kind leaves only for another of them. [`DELETED`] is one for every kind.
    const TERMINAL: &'static [Ends] = &[];

    /// The event types that it reads to know the current state of its objects. If an endpoint is subscribed to only
    /// some of them, states are out of date; doctor says so.
    const NEEDED: &'static [&'static str] = &[];

    /// The kinds of objects, by Stripe's names, that an import can add to it: those for which Stripe has a list.
    const IMPORTS: &'static [&'static str] = &[];

    /// What is kept of an object. It is written as JSON into the projection. Fields added later need a default, so that
    /// older items can be read.
    type State: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync;

    /// What the operator decides, by parameters of the stack: read from the variable `DOMAIN_SETTINGS` (JSON). Settings
    /// are never part of a state, so a change of them is no change of Stripe's object. [`NoSettings`] for none.
    type Settings: DeserializeOwned + Default + Send + Sync;

    /// Whether the domain uses events of this type. The template's rule decides what arrives. This function decides
    /// what is applied, and the rest is `Ignored`.
    fn handles(kind: &str) -> bool {
        let has_prefix = || Self::PREFIXES.iter().any(|prefix| kind.starts_with(prefix));
        (Self::TYPES.contains(&kind) || has_prefix()) && !Self::EXCEPT.contains(&kind)
    }

    /// Whether the routing table has this type. Rules match by an object's prefix, so a type that Stripe makes later
    /// (`charge.frobbed`) reaches the domain first. If the domain can read it, it is applied like any other. If not, it
    /// is `Ignored` and counted as unrouted; a known type would be rejected.
    fn knows(kind: &str) -> bool {
        route(kind) != Route::Unrouted
    }

    /// Whether this status is final for an object of this kind.
    fn is_terminal(object: &str, status: &str) -> bool {
        let ends = |(kind, ends): &Ends| *kind == object && ends.contains(&status);
        status == DELETED || Self::TERMINAL.iter().any(ends)
    }

    /// Whether Stripe no longer has the event's object. If the object was read from the API, it says so itself.
    fn is_deleted(event: &Event) -> bool {
        event.kind.ends_with(".deleted") || Fields::of(&event.object).flag("deleted")
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

    /// What is computed from the state for readers, and stored beside it under `derived`, so that readers in other
    /// languages copy no arithmetic. It is no evidence and no drift. It is computed whenever an item is written. If
    /// other settings change it, the object's next event writes it and emits its levels. A rebuild also writes it, and
    /// the levels are owed.
    fn derived(_state: &Self::State, _settings: &Self::Settings) -> Option<Value> {
        None
    }

    /// The object's current status, if it has changed since this fact, so that acting on the fact alone would be wrong
    /// (a failed payment of an invoice that is paid by now). The effect carries it as `overtaken`. `state` is what is
    /// known when the fact is emitted. `None` proves nothing, since what overtakes a fact may come later.
    fn overtaken(_fact: &Fact, _state: &Self::State) -> Option<String> {
        None
    }

    /// Whether nothing is missing in the state. If a check completes a partial state, that is no drift.
    fn is_whole(_state: &Self::State) -> bool {
        true
    }

    /// The object's owner, for reading all of an owner's objects with one query: a subscription's customer.
    fn owner(_state: &Self::State) -> Option<String> {
        None
    }

    /// Whether events of this type change nothing and only remind. Beside a change of the same second, such an event is
    /// no candidate for the state.
    fn is_notice(_kind: &str) -> bool {
        false
    }

    /// Whether an event of this type is the last of its second: everything else of that second came before it. An
    /// account that disconnects sends nothing after it.
    fn is_closing(_kind: &str) -> bool {
        false
    }

    /// Whether the event's object leaves something out. Called for snapshots, and for Stripe's answer: a key may not be
    /// allowed to read everything.
    fn lacks(_event: &Event) -> Lacks {
        Lacks::Nothing
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::code;
    use crate::event::Scope;

    /// A domain that defines no more than it has to.
    struct Lamps;

    impl Domain for Lamps {
        const NAME: &'static str = "lamps";

        const PREFIXES: &'static [&'static str] = &["lamp."];

        const TYPES: &'static [&'static str] = &["bulb.sold"];

        const EXCEPT: &'static [&'static str] = &["lamp.upcoming"];

        const TERMINAL: &'static [Ends] = &[("lamp", &["broken"])];

        type State = String;
        type Settings = NoSettings;

        fn project(_: &Event) -> Result<Projected<String>, Fault> {
            Err(Fault::reject(
                code::OBJECT_FIELD_MISSING,
                "these tests read none",
            ))
        }

        fn facts(_: &Event) -> Result<Vec<Fact>, Fault> {
            Ok(Vec::new())
        }

        fn levels(_: Option<&String>, _: &String, _: &NoSettings) -> Vec<Level> {
            Vec::new()
        }
    }

    #[test]
    fn a_domain_handles_its_prefixes_and_types_but_for_those_that_it_excepts() {
        for kind in ["lamp.lit", "bulb.sold"] {
            assert!(Lamps::handles(kind), "{kind}");
        }
        for kind in [
            "lamp.upcoming",
            "bulb.sold.twice",
            "bulb.broken",
            "lamp",
            "a.lamp.lit",
        ] {
            assert!(!Lamps::handles(kind), "{kind}");
        }
    }

    #[test]
    fn a_kind_ends_with_its_own_statuses_and_every_kind_with_its_deletion() {
        let is_terminal = |object, status| Lamps::is_terminal(object, status);
        assert!(is_terminal("lamp", "broken") && is_terminal("bulb", DELETED));
        assert!(!is_terminal("bulb", "broken") && !is_terminal("lamp", "lit"));
    }

    #[test]
    fn an_object_is_deleted_if_the_type_says_so_or_the_object_itself() {
        let is_deleted = |kind: &str, object| {
            Lamps::is_deleted(&Event {
                id: "evt_1".to_owned(),
                kind: kind.to_owned(),
                scope: Scope {
                    account: None,
                    livemode: true,
                },
                created: 1,
                api_version: None,
                request: None,
                object,
                previous_attributes: None,
            })
        };
        assert!(is_deleted("lamp.deleted", json!({ "id": "lamp_1" })));
        assert!(is_deleted(
            "lamp.lit",
            json!({ "id": "lamp_1", "deleted": true })
        ));
        assert!(!is_deleted(
            "lamp.lit",
            json!({ "id": "lamp_1", "deleted": false })
        ));
        assert!(!is_deleted("lamp.undeleted", json!({ "id": "lamp_1" })));
    }
}
