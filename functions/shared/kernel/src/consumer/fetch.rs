//! Asks Stripe for an object as it is: the port, and what its answers mean. No HTTP here.
//!
//! # Why Stripe is asked
//!
//! - **A tie**: the evidence can't decide which of several states is the last ([`crate::consumer::order`]). The answer
//!   does.
//! - **A thin event**: it names its object and carries no state.
//! - **Drift**: whether a projection matches Stripe's object.
//!
//! # What each answer means to the caller
//!
//! | [`Fetched`] | a tie | a thin event |
//! |---|---|---|
//! | `Found` | the object is a further candidate | the object is the event's state |
//! | `Deleted` | a terminal candidate | the same |
//! | `NoKey`, `NoPath` | the choice, flagged | `Ignored` |
//! | `Spent` | the choice, flagged: it never waits | back to the queue, for `wait_ms` |
//! | not asked: the invocation is nearly over | the choice, flagged | back to the queue, at once |
//! | a fault | the choice, flagged; the fault is logged | as the fault's class says |
//!
//! A check is fetched like a thin event, but no fault of its one object brings it back (`is_of_one_object`). It is
//! `Ignored`, and reconcile asks again as long as the object has a tie.
//!
//! A tie never waits and never fails because of a fetch. Its choice is the same in any order of delivery and says that
//! it is a choice, and a later event or check corrects it.
//!
//! # When an object is gone
//!
//! A wrong `Deleted` is worse than none, because it is terminal. Stripe also answers "No such object" to a key of the
//! other mode, of another account, or of another sandbox (whose keys look alike). So an implementation says `Deleted`
//! only if the object itself says `"deleted": true`, or if all of this holds:
//!
//! 1. the key is of the object's mode, by its prefix;
//! 2. the answer is a 404 with the code `resource_missing`: an account that can't be reached gets another code;
//! 3. the same key, on behalf of the same account, can read the event that named the object ([`Proof`]): so it looks at
//!    the place where the object was.
//!
//! Otherwise it is a fault, `stripe.deletion_unproven`.

pub mod budget;

use std::future::Future;

use serde_json::Value;

use crate::clock::Clock;
use crate::code;
use crate::event::{Event, Scope};
use crate::fault::{Class, Fault};

/// The longest that a fetch takes, in milliseconds, including its key and its proof. None begins with less time left.
pub const FETCH_MS_MAX: i64 = 5_000;

/// The time that a write, an emission and a clear have after a fetch, in milliseconds. If less than this and the
/// fetch's own time is left, Stripe isn't asked: a tie takes the flagged choice, and a thin event comes back untouched.
pub const AFTER_FETCH_MS: i64 = 3_000;

/// Stripe's name for the one kind of object that is fetched by its customer and not by an id of its own.
const ENTITLEMENTS: &str = "entitlements.active_entitlement_summary";

/// Which object to ask for, and on behalf of which account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// The object's account and mode: chooses the key.
    pub scope: Scope,
    /// The event's [`context`](context_of), sent back unchanged. If there is none, the scope's account is named.
    pub context: Option<String>,
    /// Stripe's name for the kind of object: `payment_intent`.
    pub kind: String,
    /// Its id. `None` for an object that exists once per account (`balance`). For a summary of entitlements, the
    /// customer's.
    pub id: Option<String>,
    /// The id of the object's parent at Stripe, if the kind needs one: a person's account.
    pub parent: Option<String>,
    /// The API version of the answer; the account's own if none is named.
    pub api_version: Option<String>,
    /// A thin event's `related_object.url`: the path to request, instead of the kind's own path.
    pub url: Option<String>,
    /// Proves that an object that is missing now existed. Without it no object counts as deleted.
    pub proof: Option<Proof>,
}

/// An event of the same account and mode that a signed delivery brought, not older than the 30 days for which Stripe
/// shows events. A key that can read it looks at the right account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// `evt_…`, one of `/v1/events`.
    Snapshot(String),
    /// `evt_…`, one of `/v2/core/events`.
    Thin(String),
}

impl Fetch {
    /// The object of a snapshot event, in the event's own API version, so that the two can be compared. `None` if the
    /// event's object doesn't say what it is.
    pub fn of_snapshot(event: &Event) -> Option<Self> {
        let text = |field: &str| text(&event.object, field);
        let mut kind = text("object")?;
        let id = match (kind.as_str(), &event.scope.account) {
            (ENTITLEMENTS, _) => text("customer"),
            // The platform's application has no path; what the event says about it, it says about the account.
            ("application", Some(account)) => {
                let id = account.clone();
                "account".clone_into(&mut kind);
                Some(id)
            }
            _ => text("id"),
        };
        let parent = match kind.as_str() {
            "capability" | "person" => text("account"),
            "bank_account" | "card" => text("account").or_else(|| text("customer")),
            "fee_refund" => text("fee"),
            _ => None,
        };
        Some(Self {
            scope: event.scope.clone(),
            context: None,
            kind,
            id,
            parent,
            api_version: event.api_version.clone(),
            url: None,
            proof: Some(Proof::Snapshot(event.id.clone())),
        })
    }

    /// The object that a thin event, or a check, is about. `None` if it names none.
    pub fn of_thin(event: &Value, scope: Scope, api_version: Option<&str>) -> Option<Self> {
        let related = event.get("related_object")?;
        Some(Self {
            context: context_of(event, &scope),
            kind: text(related, "type")?,
            id: text(related, "id"),
            // Only checks have it: Stripe's own thin events name a path.
            parent: text(related, "parent"),
            api_version: api_version.map(str::to_owned),
            url: text(related, "url"),
            proof: text(event, "id").map(Proof::Thin),
            scope,
        })
    }

    /// The same in an event's context, if it has one that says more than the scope's account.
    #[must_use]
    pub fn within(self, context: Option<&str>) -> Self {
        Self {
            context: context.map(str::to_owned),
            ..self
        }
    }
}

/// The value of `Stripe-Context` for an event's object: the event's `context`, the path to the account through an
/// organization. `None` if the key's own account is enough, or the one that `account` names.
pub fn context_of(event: &Value, scope: &Scope) -> Option<String> {
    let context = text(event, "context")?;
    // Only the platform's own account is named by an event that is keyed without an account.
    let is_own = scope.account.is_none() && context.split('/').any(|it| it.starts_with("acct_"));
    let is_said = text(event, "account").is_some_and(|account| account == context);
    (!is_own && !is_said).then_some(context)
}

fn text(value: &Value, field: &str) -> Option<String> {
    let text = value.get(field)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// The result of a fetch.
#[derive(Debug, Clone, PartialEq)]
pub enum Fetched {
    /// The object as it is.
    Found {
        /// The object, as an event would show it.
        object: Value,
        /// The same with what an event leaves out: complete lists, and what the domains need from other objects (a
        /// charge's refunds, a subscription's latest invoice). `None` if that is no more than `object`.
        whole: Option<Value>,
        /// The API version that it is in, if known.
        api_version: Option<String>,
        /// The answer's `Date`, in Unix seconds: Stripe's clock, as an event's `created` is.
        date_s: i64,
        /// How long the request took, in milliseconds: the object was read this long before `date_s`, or later.
        took_ms: u32,
    },
    /// The object existed and no longer does.
    Deleted {
        /// What Stripe still shows: `{"id": "cus_…", "object": "customer", "deleted": true}`.
        object: Option<Value>,
        /// As in [`Fetched::Found`].
        date_s: i64,
        /// As in [`Fetched::Found`].
        took_ms: u32,
    },
    /// There is no key for this mode.
    NoKey,
    /// This kind of object can't be fetched with what is known about it: Stripe has no path to it, or the id or the
    /// parent that the path needs is missing.
    NoPath,
    /// The budget is spent; Stripe wasn't asked.
    Spent {
        /// When to ask again, in milliseconds from now.
        wait_ms: u64,
    },
}

/// Stripe's objects, fetched one at a time.
pub trait Objects: Sync {
    /// Fetches an object. Ends within [`FETCH_MS_MAX`].
    ///
    /// # Errors
    /// `Retry` for everything that may work later: no answer, Stripe's own fault, a deletion that can't be proven, or a
    /// key that is refused or of the wrong mode (it waits for an operator). It has a delay if Stripe named one (429).
    /// `Reject` for a request that Stripe will never answer.
    fn fetch(&self, request: &Fetch) -> impl Future<Output = Result<Fetched, Fault>> + Send;
}

impl<O: Objects> Objects for &O {
    fn fetch(&self, request: &Fetch) -> impl Future<Output = Result<Fetched, Fault>> + Send {
        (**self).fetch(request)
    }
}

/// Whether a fault is lasting and concerns only this object or its account, not the next one: asking again soon doesn't
/// help.
pub(crate) fn is_of_one_object(fault: &Fault) -> bool {
    fault.class == Class::Reject
        || matches!(
            fault.code,
            code::STRIPE_DELETION_UNPROVEN
                | code::STRIPE_ACCOUNT_UNREACHABLE
                | code::STRIPE_ANSWER_TOO_LARGE
        )
}

/// For a stack without an API key: every answer is [`Fetched::NoKey`].
#[derive(Debug, Clone, Copy, Default)]
pub struct WithoutKey;

impl Objects for WithoutKey {
    async fn fetch(&self, _: &Fetch) -> Result<Fetched, Fault> {
        Ok(Fetched::NoKey)
    }
}

/// The time, and when the invocation ends.
#[derive(Debug)]
pub(crate) struct Time<'a, C> {
    pub(crate) clock: &'a C,
    pub(crate) deadline_ms: i64,
}

impl<C> Clone for Time<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Time<'_, C> {}

impl<C: Clock> Time<'_, C> {
    /// Whether enough time is left to fetch after this wait and to use the answer.
    pub(crate) fn is_enough_to_fetch(&self, wait_ms: u64) -> bool {
        let wait_ms = i64::try_from(wait_ms).unwrap_or(i64::MAX);
        let left_ms = self.deadline_ms.saturating_sub(self.clock.now_ms());
        left_ms.saturating_sub(wait_ms) >= FETCH_MS_MAX + AFTER_FETCH_MS
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        Scope {
            account: Some("acct_1".to_owned()),
            livemode: true,
        }
    }

    fn snapshot(object: Value) -> Event {
        Event {
            id: "evt_1".to_owned(),
            kind: "any".to_owned(),
            scope: scope(),
            created: 1,
            api_version: Some("2024-06-20".to_owned()),
            request: None,
            object,
            previous_attributes: None,
        }
    }

    #[test]
    fn a_snapshots_object_is_asked_for_in_the_events_own_version_with_the_event_as_proof() {
        let event =
            snapshot(json!({ "id": "pi_1", "object": "payment_intent", "customer": "cus_1" }));
        assert_eq!(
            Fetch::of_snapshot(&event),
            Some(Fetch {
                scope: scope(),
                context: None,
                kind: "payment_intent".to_owned(),
                id: Some("pi_1".to_owned()),
                parent: None,
                api_version: Some("2024-06-20".to_owned()),
                url: None,
                proof: Some(Proof::Snapshot("evt_1".to_owned())),
            })
        );
        assert_eq!(Fetch::of_snapshot(&snapshot(json!({ "id": "pi_1" }))), None);
    }

    #[test]
    fn of_an_application_the_account_is_asked_for_that_connects_to_it() {
        let application = json!({ "id": "ca_1", "object": "application" });
        let event = snapshot(application.clone());
        let fetch = Fetch::of_snapshot(&event).expect("an account");
        assert_eq!(
            (&*fetch.kind, fetch.id.as_deref()),
            ("account", Some("acct_1"))
        );
        let mut own = snapshot(application);
        own.scope.account = None;
        let fetch = Fetch::of_snapshot(&own).expect("it says what it is");
        assert_eq!(
            (&*fetch.kind, fetch.id.as_deref()),
            ("application", Some("ca_1"))
        );
    }

    #[test]
    fn an_organizations_context_is_sent_back_and_the_keys_own_account_needs_none() {
        let platform = Scope {
            account: None,
            livemode: true,
        };
        for (event, scope, expected) in [
            (json!({ "context": "acct_1" }), scope(), Some("acct_1")),
            (
                json!({ "context": "org_1/acct_1" }),
                scope(),
                Some("org_1/acct_1"),
            ),
            (
                json!({ "context": "acct_9/acct_1", "account": "acct_1" }),
                scope(),
                Some("acct_9/acct_1"),
            ),
            // A connected account's event, as Connect has always sent it.
            (
                json!({ "context": "acct_1", "account": "acct_1" }),
                scope(),
                None,
            ),
            (
                json!({ "context": "org_1/acct_own" }),
                platform.clone(),
                None,
            ),
            (
                json!({ "context": "org_1" }),
                platform.clone(),
                Some("org_1"),
            ),
            (json!({ "context": null }), platform, None),
        ] {
            let context = context_of(&event, &scope);
            assert_eq!(context.as_deref(), expected, "{event}");
        }
    }

    #[test]
    fn what_lies_under_another_object_names_it() {
        let parent = |object: Value| {
            let fetch =
                Fetch::of_snapshot(&snapshot(object)).expect("an object that says what it is");
            (fetch.id, fetch.parent)
        };
        let pair = |id: &str, parent: &str| (Some(id.to_owned()), Some(parent.to_owned()));
        assert_eq!(
            parent(json!({ "id": "person_1", "object": "person", "account": "acct_9" })),
            pair("person_1", "acct_9")
        );
        assert_eq!(
            parent(json!({ "id": "fr_1", "object": "fee_refund", "fee": "fee_1" })),
            pair("fr_1", "fee_1")
        );
        let card =
            json!({ "id": "card_1", "object": "card", "account": null, "customer": "cus_1" });
        assert_eq!(parent(card), pair("card_1", "cus_1"));
        assert_eq!(
            parent(json!({ "object": ENTITLEMENTS, "customer": "cus_1" })),
            (Some("cus_1".to_owned()), None)
        );
    }

    #[test]
    fn a_thin_events_object_is_asked_for_by_its_url_and_in_its_context() {
        let event = json!({
            "id": "evt_2", "object": "v2.core.event", "context": "org_1/acct_1",
            "related_object": { "id": "cus_1", "type": "customer", "url": "/v1/customers/cus_1" },
        });
        let fetch =
            Fetch::of_thin(&event, scope(), Some("2025-09-30.clover")).expect("it names one");
        assert_eq!(fetch.context.as_deref(), Some("org_1/acct_1"));
        assert_eq!(fetch.url.as_deref(), Some("/v1/customers/cus_1"));
        assert_eq!(fetch.proof, Some(Proof::Thin("evt_2".to_owned())));

        let single =
            json!({ "id": "evt_3", "related_object": { "type": "balance", "url": "/v1/balance" } });
        let fetch = Fetch::of_thin(&single, scope(), None).expect("it names one");
        assert_eq!((fetch.id, fetch.kind.as_str()), (None, "balance"));
        assert_eq!(
            Fetch::of_thin(&json!({ "id": "evt_4" }), scope(), None),
            None
        );
    }
}
