//! Endpoints: what each is configured to receive, and what becomes of an event that doesn't fit.

use serde::Deserialize;

use crate::event::Head;

/// Whose events an endpoint receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The account's own: no event names an account.
    Platform,
    /// Connected accounts': every event names one.
    Connect,
    /// Both, as an event destination can be set up.
    Both,
}

/// What an endpoint is configured to receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Whose events.
    pub scope: Scope,
    /// Live events, or test events.
    pub livemode: bool,
}

/// Whether an event may come in through an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// As configured.
    Admitted,
    /// Stored, never published, for the reason given.
    LedgerOnly(&'static str),
    /// Not for this endpoint: the code says why.
    Refused(&'static str),
}

/// Admits an event whose signature was verified.
///
/// Live Connect endpoints do receive test events, because a connected account's owner may test: those are stored and go no
/// further. Any other mismatch means that the endpoint is set up wrongly, and is refused. An event without a boolean
/// `livemode` is not held against it.
pub fn admit(endpoint: Endpoint, head: &Head<'_>) -> Admission {
    match (endpoint.scope, &head.account) {
        (Scope::Platform, Some(_)) => return Admission::Refused("endpoint.unexpected_account"),
        (Scope::Connect, None) => return Admission::Refused("endpoint.account_missing"),
        _ => {}
    }
    match head.livemode {
        Some(livemode) if livemode != endpoint.livemode => {
            if endpoint.livemode && endpoint.scope != Scope::Platform && head.account.is_some() {
                Admission::LedgerOnly("test_event_at_live_endpoint")
            } else {
                Admission::Refused("endpoint.wrong_mode")
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
        use Admission::{Admitted, LedgerOnly, Refused};
        use Scope::{Both, Connect, Platform};
        let acct = Some("acct_1");
        for (scope, endpoint_live, account, event_live, admission) in [
            (Platform, true, None, Some(true), Admitted),
            (Platform, true, None, None, Admitted),
            (
                Platform,
                true,
                None,
                Some(false),
                Refused("endpoint.wrong_mode"),
            ),
            (
                Platform,
                false,
                None,
                Some(true),
                Refused("endpoint.wrong_mode"),
            ),
            (
                Platform,
                true,
                acct,
                Some(true),
                Refused("endpoint.unexpected_account"),
            ),
            (Connect, true, acct, Some(true), Admitted),
            (
                Connect,
                true,
                None,
                Some(true),
                Refused("endpoint.account_missing"),
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
                Refused("endpoint.wrong_mode"),
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
                Refused("endpoint.wrong_mode"),
            ),
        ] {
            let endpoint = Endpoint {
                scope,
                livemode: endpoint_live,
            };
            assert_eq!(
                admit(endpoint, &head(account, event_live)),
                admission,
                "{scope:?} {account:?} {event_live:?}"
            );
        }
    }
}
