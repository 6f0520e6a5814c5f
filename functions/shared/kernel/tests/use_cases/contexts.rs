//! On behalf of which account Stripe is asked for the object of an event that names its account only in its context.

use serde_json::{Value, json};
use sluice_harness::build::message;
use sluice_harness::stripe::MemoryStripe;

use crate::fetching::parts::repainted;
use crate::fetching::world;

/// A message of an event that has to be fetched, with these fields of the event, keyed by this account.
fn text(account: Option<&str>, fields: &[(&str, &str)]) -> String {
    let mut event = repainted();
    event.scope.account = account.map(str::to_owned);
    let mut message: Value = serde_json::from_str(&message(&event)).expect("JSON");
    for (name, value) in fields {
        message["detail"][*name] = json!(value);
    }
    message.to_string()
}

#[tokio::test]
async fn the_object_of_an_organizations_event_is_asked_for_in_the_events_context() {
    for (account, fields, context) in [
        (
            Some("acct_1"),
            &[("context", "org_1/acct_1")][..],
            Some("org_1/acct_1"),
        ),
        (
            Some("acct_1"),
            &[("context", "acct_1"), ("account", "acct_1")],
            None,
        ),
        (None, &[("context", "acct_own")], None),
        (None, &[], None),
    ] {
        let world = world(MemoryStripe::at(1_000));
        world.handle(text(account, fields)).await;
        let asked = world.stripe.take_asked();
        assert!(!asked.is_empty(), "{fields:?}");
        for fetch in asked {
            assert_eq!(fetch.context.as_deref(), context, "{fields:?}");
            assert_eq!(fetch.scope.account.as_deref(), account);
        }
    }
}
