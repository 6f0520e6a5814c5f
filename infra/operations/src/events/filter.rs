//! Which events: what a filter over the ledger can name.

use serde::{Deserialize, Serialize};
use sluice_adapters::listing::Listed;
use sluice_adapters::timeline::{Wanted, is_like};

use crate::domains;
use crate::problem::Problem;
use crate::stack::Stack;

/// Which events. A field that isn't set filters nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Of one of these types; `*` stands for anything.
    pub types: Vec<String>,
    /// Of this connected account; `platform` for the platform's own.
    pub account: Option<String>,
    /// Live or test events only.
    pub livemode: Option<bool>,
    /// Where they are in the ledger.
    pub state: Option<State>,
    /// What their domain recorded of them: `rejected`, `failing`…
    pub outcome: Option<String>,
    /// With this code on record; `*` stands for anything.
    pub code: Option<String>,
    /// Of the types that go to this domain.
    pub domain: Option<String>,
}

/// Where an event is in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// On the bus.
    Published,
    /// Stored, and not published: on purpose, or until the endpoint's configuration is corrected (the code says which).
    LedgerOnly,
    /// Waiting for sweep.
    Due,
    /// Claimed by a live attempt.
    Held,
    /// Claimed by an attempt that is over; Stripe's next delivery or reconcile takes it over.
    Lapsed,
    /// Past its time in the ledger.
    Expired,
}

impl State {
    /// As [`Listed::state`] has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::LedgerOnly => "ledger_only",
            Self::Due => "due",
            Self::Held => "held",
            Self::Lapsed => "lapsed",
            Self::Expired => "expired",
        }
    }
}

impl Filter {
    /// The same, with the account as events are keyed by it.
    ///
    /// # Errors
    /// `Usage` if it names a domain that the stack doesn't have.
    pub(super) async fn keyed(mut self, stack: &Stack) -> Result<Self, Problem> {
        if let Some(domain) = &self.domain {
            domains::check(stack, domain)?;
        }
        if let Some(account) = self.account.take() {
            self.account = Some(stack.account_key(&account).await);
        }
        Ok(self)
    }

    /// What the index filters, over a span of time in milliseconds.
    pub(super) fn wanted(&self, from_ms: i64, until_ms: i64, newest_first: bool) -> Wanted {
        Wanted {
            newest_first,
            types: self.types.clone(),
            account: self.account.clone(),
            livemode: self.livemode,
            ..Wanted::between(from_ms, until_ms)
        }
    }

    /// Whether an event that the index let through is wanted, now that everything about it is known.
    pub(super) fn takes(&self, listed: &Listed) -> bool {
        let code = listed.code.as_deref();
        self.state
            .is_none_or(|state| state.as_str() == listed.state)
            && self
                .outcome
                .as_deref()
                .is_none_or(|outcome| listed.outcome.as_deref() == Some(outcome))
            && self
                .code
                .as_deref()
                .is_none_or(|pattern| code.is_some_and(|code| is_like(code, pattern)))
            && self
                .domain
                .as_deref()
                .is_none_or(|domain| listed.domain == Some(domain))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;
    use sluice_adapters::timeline::Seen;

    use super::*;

    pub(in crate::events) fn listed() -> Listed {
        Listed {
            seen: Seen {
                id: "evt_1".to_owned(),
                received_at_ms: 1_767_225_600_000,
                kind: "charge.refunded".to_owned(),
                account: None,
                livemode: Some(true),
                created: None,
                object_id: None,
            },
            state: "published",
            domain: Some("payments"),
            outcome: Some("rejected".to_owned()),
            code: Some("object.field_missing".to_owned()),
        }
    }

    #[test]
    fn what_only_the_entry_and_the_record_hold_is_filtered_after_they_are_looked_up() {
        let event = listed();
        let takes = |change: &dyn Fn(&mut Filter)| {
            let mut filter = Filter::default();
            change(&mut filter);
            filter.takes(&event)
        };
        assert!(takes(&|_| {}));
        assert!(takes(&|filter| filter.state = Some(State::Published)));
        assert!(!takes(&|filter| filter.state = Some(State::LedgerOnly)));
        assert!(takes(&|filter| filter.code = Some("object.*".to_owned())));
        assert!(!takes(
            &|filter| filter.code = Some("signature.*".to_owned())
        ));
        assert!(!takes(&|filter| filter.outcome = Some("failing".to_owned())));
        assert!(!takes(&|filter| filter.domain = Some("billing".to_owned())));
    }

    #[test]
    fn a_filter_is_read_from_json_with_states_by_the_words_that_lists_show() {
        let read = |value| serde_json::from_value::<Filter>(value);
        for state in [
            State::Published,
            State::LedgerOnly,
            State::Due,
            State::Held,
            State::Lapsed,
            State::Expired,
        ] {
            let filter = read(json!({ "state": state.as_str() })).expect("a filter");
            assert_eq!(filter.state, Some(state));
        }
        assert_eq!(read(json!({})).expect("a filter"), Filter::default());
        assert!(
            read(json!({ "stat": "due" })).is_err(),
            "a field that is none"
        );
    }

    #[test]
    fn an_event_of_a_list_has_all_that_is_known_of_it_at_one_level() {
        let shown = serde_json::to_value(listed()).expect("JSON");
        let expected = json!({
            "id": "evt_1", "type": "charge.refunded", "received_at_ms": 1_767_225_600_000_i64, "account": null,
            "livemode": true, "created": null, "object_id": null, "state": "published", "domain": "payments",
            "outcome": "rejected", "code": "object.field_missing",
        });
        assert_eq!(shown, expected);
    }
}
