//! The account of a message in a queue, and the event in it, even if consumers cannot read the message.

use serde_json::Value;

/// The account of a stored body or message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// This connected account, or with `None` the platform's own.
    Known(Option<String>),
    /// The message or body doesn't say.
    Unknown,
}

impl Account {
    /// The account that a queue's message names in the leading key that Sluice puts before the event. The event's own
    /// `account` doesn't count, because it may name the platform's own account or an organization's.
    pub fn of_message(message: &str) -> Self {
        let message: Value = serde_json::from_str(message).unwrap_or_default();
        match message.pointer("/detail/sluice/account") {
            Some(Value::Null) => Self::Known(None),
            Some(Value::String(account)) => Self::Known(Some(account.clone())),
            _ => Self::Unknown,
        }
    }

    /// Whether it is known to be of this account.
    pub fn is_of(&self, account: Option<&str>) -> bool {
        matches!(self, Self::Known(of) if of.as_deref() == account)
    }

    /// Whether it may be of this account: it is, or the account is unknown.
    pub fn may_be_of(&self, account: Option<&str>) -> bool {
        *self == Self::Unknown || self.is_of(account)
    }
}

/// The event in a stored body, or in a message, which has it as its detail. `None` if it is no JSON.
pub fn event_in(bytes: &[u8]) -> Option<Value> {
    let mut event: Value = serde_json::from_slice(bytes).ok()?;
    Some(match event.get("detail") {
        Some(_) => event["detail"].take(),
        None => event,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_messages_account_is_the_one_that_sluice_put_before_the_event() {
        let of = |detail: Value| Account::of_message(&json!({ "detail": detail }).to_string());
        let connected = Account::Known(Some("acct_1".to_owned()));
        assert_eq!(of(json!({ "sluice": { "account": "acct_1" } })), connected);
        assert_eq!(
            of(json!({ "sluice": { "account": null } })),
            Account::Known(None)
        );
        for unknown in [
            json!({ "account": "acct_1" }),
            json!({ "sluice": {} }),
            json!({ "sluice": { "account": 7 } }),
            Value::Null,
        ] {
            assert_eq!(of(unknown), Account::Unknown);
        }
        assert_eq!(Account::of_message("not JSON"), Account::Unknown);
        assert!(Account::Unknown.may_be_of(None) && !Account::Unknown.is_of(None));
        assert!(connected.is_of(Some("acct_1")) && !connected.may_be_of(None));
    }

    #[test]
    fn an_event_is_read_from_a_body_and_from_a_message() {
        let event = json!({ "id": "evt_1" });
        let message = json!({ "detail": event, "source": "sluice.stripe" });
        for stored in [&event, &message] {
            let found = event_in(stored.to_string().as_bytes());
            assert_eq!(found.as_ref(), Some(&event));
        }
        assert_eq!(event_in(b"\xff"), None);
    }
}
