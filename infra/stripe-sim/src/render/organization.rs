//! Events as a destination of an organization receives them.
//!
//! An organization owns several accounts, and has destinations of its own. Stripe sends it the events of its accounts
//! without `account`. Their `context` names the account below the organization; requests send it back as
//! `Stripe-Context`. Here the connected accounts are the organization's.

use serde_json::{Value, json};

use crate::body::written;
use crate::version::ApiVersion;
use crate::world::{ORGANIZATION, Occurrence, World};

impl World {
    /// [`World::event`] as the organization gets it.
    #[must_use]
    pub fn event_of_organization(&self, event: &Occurrence, version: ApiVersion) -> Value {
        in_organization(self.event(event, version), event)
    }

    /// [`World::thin`] as the organization gets it.
    #[must_use]
    pub fn thin_of_organization(&self, event: &Occurrence) -> Value {
        in_organization(self.thin(event), event)
    }

    /// The bytes of [`World::event_of_organization`], written as [`World::body`] writes.
    #[must_use]
    pub fn body_of_organization(&self, event: &Occurrence, version: ApiVersion) -> Vec<u8> {
        written(&self.event_of_organization(event, version))
    }

    /// The bytes of [`World::thin_of_organization`], written as [`World::body`] writes.
    #[must_use]
    pub fn thin_body_of_organization(&self, event: &Occurrence) -> Vec<u8> {
        written(&self.thin_of_organization(event))
    }
}

fn in_organization(mut event_body: Value, event: &Occurrence) -> Value {
    if let (Some(fields), Some(account)) = (event_body.as_object_mut(), &event.object.scope.account)
    {
        fields.remove("account");
        let context = json!(format!("{ORGANIZATION}/{account}"));
        fields.insert("context".to_owned(), context);
    }
    event_body
}
