//! Endpoints: what each is configured to receive, which account an event belongs to, and what happens to one that
//! doesn't fit.
//!
//! An event with a valid signature is Stripe's and is never refused. If the configuration doesn't expect it, it is
//! stored and not published. The reason says whether that is on purpose or waits for the configuration.

use serde::Deserialize;

use crate::code::{self, Code};
use crate::event::Head;

/// The accounts of the events that an endpoint receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountScope {
    /// The platform's own: no event names another account.
    Platform,
    /// Connected accounts: every event names one.
    Connect,
    /// Both, which an event destination can be set up for.
    Both,
}

/// The format in which an endpoint is sent events: Stripe calls it an event destination's payload style.
///
/// Ingest accepts either, whatever is configured. Reconcile looks for snapshots in one of Stripe's lists and for thin
/// events in another, so it has to know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    /// The object as it was when the event was made: types such as `payment_intent.succeeded`.
    #[default]
    Snapshot,
    /// A reference to the object: types that begin with `v1.` or `v2.`.
    Thin,
}

impl Payload {
    /// The format of events of this type, or of a pattern of types. Only thin types begin with `v1.` or `v2.`.
    pub fn of(kind: &str) -> Self {
        match kind.starts_with("v1.") || kind.starts_with("v2.") {
            true => Self::Thin,
            false => Self::Snapshot,
        }
    }
}

/// What an endpoint is configured to receive.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// The accounts of its events.
    pub scope: AccountScope,
    /// Live events, or test events.
    pub livemode: bool,
    /// The id of the account that the endpoint and the API key belong to (`acct_…`). Events that name it are the
    /// platform's own, like those that name no account.
    #[serde(default)]
    pub account: Option<String>,
    /// The format of its events; snapshots by default.
    #[serde(default)]
    pub payload: Payload,
}

impl Endpoint {
    /// An endpoint of this scope and mode that doesn't know its account's id.
    pub fn of(scope: AccountScope, livemode: bool) -> Self {
        Self {
            scope,
            livemode,
            account: None,
            payload: Payload::Snapshot,
        }
    }

    /// The account under which an event of this account is keyed: `None` for the platform's own.
    ///
    /// An organization's destination names the account of each event, even the platform's own. The account's own
    /// endpoint doesn't name it. The two are one account, so they get one key.
    pub fn keyed<A: AsRef<str>>(&self, account: Option<A>) -> Option<A> {
        account.filter(|account| self.account.as_deref() != Some(account.as_ref()))
    }
}

/// Whether this is the own account of one of the endpoints of a mode.
pub fn is_own<'a>(
    endpoints: impl IntoIterator<Item = &'a Endpoint>,
    livemode: bool,
    account: &str,
) -> bool {
    let mut of_mode = endpoints.into_iter().filter(|one| one.livemode == livemode);
    of_mode.any(|one| one.account.as_deref() == Some(account))
}

/// Why a test event of a connected account is stored and not published: live Connect endpoints receive those by design.
pub const TEST_EVENT: &str = "test_event_at_live_endpoint";

/// The reasons why a stored event waits until the endpoint's configuration is corrected.
pub const WAITING: [Code; 3] = [
    code::ENDPOINT_WRONG_MODE,
    code::ENDPOINT_UNEXPECTED_ACCOUNT,
    code::ENDPOINT_ACCOUNT_MISSING,
];

/// The code of an event that was stored for this reason and waits for the configuration; `None` if it is kept on
/// purpose.
pub fn waits_for(reason: &str) -> Option<Code> {
    WAITING.into_iter().find(|code| *code == reason)
}

/// Whether an event that was stored for this reason waits for the configuration. Otherwise it is kept on purpose.
pub fn is_waiting(reason: &str) -> bool {
    waits_for(reason).is_some()
}

/// What happens to an event that comes in through an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It fits the configuration: it is published.
    Admitted,
    /// Stored, and not published, for this reason.
    LedgerOnly(&'static str),
}

impl Admission {
    /// Why the event is only stored; `None` if it is published.
    pub fn ledger_only(self) -> Option<&'static str> {
        match self {
            Self::Admitted => None,
            Self::LedgerOnly(reason) => Some(reason),
        }
    }
}

/// Decides about an event whose signature was verified, and whose account is [keyed](Endpoint::keyed).
///
/// Live Connect endpoints do receive test events, because a connected account's owner may test: those are stored on
/// purpose. Any other mismatch means that the endpoint is set up wrongly: the event waits until that is corrected. An
/// event without a boolean `livemode` fits either mode.
pub fn admit(endpoint: &Endpoint, head: &Head<'_>) -> Admission {
    match (endpoint.scope, &head.account) {
        (AccountScope::Platform, Some(_)) => {
            return Admission::LedgerOnly(code::ENDPOINT_UNEXPECTED_ACCOUNT.as_str());
        }
        (AccountScope::Connect, None) => {
            return Admission::LedgerOnly(code::ENDPOINT_ACCOUNT_MISSING.as_str());
        }
        _ => {}
    }
    match head.livemode {
        Some(livemode) if livemode != endpoint.livemode => {
            if endpoint.livemode
                && endpoint.scope != AccountScope::Platform
                && head.account.is_some()
            {
                Admission::LedgerOnly(TEST_EVENT)
            } else {
                Admission::LedgerOnly(code::ENDPOINT_WRONG_MODE.as_str())
            }
        }
        _ => Admission::Admitted,
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::event::Shape;

    fn head(account: Option<&'static str>, livemode: Option<bool>) -> Head<'static> {
        Head {
            id: Cow::Borrowed("evt_1"),
            kind: Cow::Borrowed("a.b"),
            shape: Shape::Snapshot,
            account: account.map(Cow::Borrowed),
            context: None,
            livemode,
            created: None,
            api_version: None,
            object: None,
            has_reserved_key: false,
        }
    }

    #[test]
    fn an_endpoint_admits_what_it_is_configured_for() {
        use AccountScope::{Both, Connect, Platform};
        use Admission::{Admitted, LedgerOnly};
        let acct = Some("acct_1");
        for (scope, endpoint_live, account, event_live, admission) in [
            (Platform, true, None, Some(true), Admitted),
            (Platform, true, None, None, Admitted),
            (
                Platform,
                true,
                None,
                Some(false),
                LedgerOnly("endpoint.wrong_mode"),
            ),
            (
                Platform,
                false,
                None,
                Some(true),
                LedgerOnly("endpoint.wrong_mode"),
            ),
            (
                Platform,
                true,
                acct,
                Some(true),
                LedgerOnly("endpoint.unexpected_account"),
            ),
            (Connect, true, acct, Some(true), Admitted),
            (
                Connect,
                true,
                None,
                Some(true),
                LedgerOnly("endpoint.account_missing"),
            ),
            (
                Connect,
                true,
                acct,
                Some(false),
                LedgerOnly("test_event_at_live_endpoint"),
            ),
            (
                Connect,
                false,
                acct,
                Some(true),
                LedgerOnly("endpoint.wrong_mode"),
            ),
            (Both, true, None, Some(true), Admitted),
            (
                Both,
                true,
                acct,
                Some(false),
                LedgerOnly("test_event_at_live_endpoint"),
            ),
            (
                Both,
                true,
                None,
                Some(false),
                LedgerOnly("endpoint.wrong_mode"),
            ),
        ] {
            let endpoint = Endpoint::of(scope, endpoint_live);
            assert_eq!(
                admit(&endpoint, &head(account, event_live)),
                admission,
                "{scope:?} {account:?} {event_live:?}"
            );
        }
    }

    #[test]
    fn only_what_a_corrected_configuration_would_take_waits_for_it() {
        assert!(WAITING.iter().all(|code| is_waiting(code.as_str())));
        assert!(!is_waiting(TEST_EVENT) && !is_waiting("test_event"));
    }

    #[test]
    fn an_event_that_names_the_endpoints_own_account_is_the_platforms_own() {
        let mut endpoint = Endpoint::of(AccountScope::Both, true);
        assert_eq!(endpoint.keyed(Some("acct_own")), Some("acct_own"));
        endpoint.account = Some("acct_own".to_owned());
        assert_eq!(endpoint.keyed(Some("acct_own")), None);
        assert_eq!(endpoint.keyed(Some("acct_1")), Some("acct_1"));
        assert_eq!(endpoint.keyed(None::<&str>), None);
    }

    #[test]
    fn a_types_name_says_whether_its_events_are_thin() {
        for kind in ["v1.charge.failed", "v2.core.account.closed", "v1.*"] {
            assert_eq!(Payload::of(kind), Payload::Thin, "{kind}");
        }
        for kind in ["charge.failed", "charge.*", "*", "v1", ""] {
            assert_eq!(Payload::of(kind), Payload::Snapshot, "{kind}");
        }
    }

    #[test]
    fn an_endpoints_account_and_payload_may_be_left_out_and_nothing_else_may_be_added() {
        let read = |json: &str| serde_json::from_str::<Endpoint>(json);
        let bare = read(r#"{"scope":"both","livemode":true}"#).expect("an endpoint");
        assert_eq!(bare, Endpoint::of(AccountScope::Both, true));
        let named = read(r#"{"scope":"both","livemode":true,"account":"acct_1"}"#);
        assert_eq!(
            named.expect("an endpoint").account.as_deref(),
            Some("acct_1")
        );
        assert!(read(r#"{"scope":"both","livemode":true,"accounts":[]}"#).is_err());
        let thin = read(r#"{"scope":"platform","livemode":true,"payload":"thin"}"#);
        assert_eq!(thin.expect("an endpoint").payload, Payload::Thin);
        assert!(read(r#"{"scope":"platform","livemode":true,"payload":"both"}"#).is_err());
    }
}
