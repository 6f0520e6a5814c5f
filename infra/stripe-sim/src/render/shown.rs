//! Objects and events as Stripe shows and sends them.

use serde_json::{Value, json};

use super::Lens;
use crate::body::written;
use crate::diff::previous_attributes;
use crate::version::ApiVersion;
use crate::world::{Key, Moment, Occurrence, Scope, World};

/// From this version on, a connected account's events name it twice, in `account` and in `context`
/// (<https://docs.stripe.com/changelog/basil/2025-04-30/additional-context-organization-events>).
const CONTEXT_SINCE: ApiVersion = ApiVersion::V2025_04_30;

impl World {
    /// The object as it is at the end, in the default API version. A deleted object is shown in its last state.
    #[must_use]
    pub fn object(&self, account: Option<&str>, livemode: bool, id: &str) -> Option<Value> {
        let key = Key {
            scope: Scope {
                account: account.map(str::to_owned),
                livemode,
            },
            id: id.to_owned(),
        };
        self.object_at(&key, self.options().api_version, Moment::End)
    }

    /// The object as it was at a moment, at an API version.
    #[must_use]
    pub fn object_at(&self, key: &Key, version: ApiVersion, moment: Moment) -> Option<Value> {
        self.lens(&key.scope, moment, version).object(&key.id)
    }

    /// The same with what Stripe shows only on request: complete lists, a subscription's latest invoice.
    #[must_use]
    pub fn whole_at(&self, key: &Key, version: ApiVersion, moment: Moment) -> Option<Value> {
        self.lens(&key.scope, moment, version).whole(&key.id)
    }

    /// The object as the event shows it.
    #[must_use]
    pub fn shown(&self, event: &Occurrence, version: ApiVersion) -> Value {
        self.view(event, event.write, event.seen, version)
    }

    /// The object as it was before an event of an `*.updated` type.
    #[must_use]
    pub fn shown_before(&self, event: &Occurrence, version: ApiVersion) -> Option<Value> {
        let before = event.before?;
        Some(self.view(event, before, event.write.saturating_sub(1), version))
    }

    fn view(&self, event: &Occurrence, write: usize, seen: usize, version: ApiVersion) -> Value {
        self.lens(&event.object.scope, Moment::Write(seen), version)
            .show(&self.log[write].truth)
    }

    /// The event as Stripe sends and serves it at an API version: a snapshot.
    #[must_use]
    pub fn event(&self, event: &Occurrence, version: ApiVersion) -> Value {
        let object = self.shown(event, version);
        let mut data = json!({ "object": object });
        if let Some(before) = self.shown_before(event, version) {
            data["previous_attributes"] = previous_attributes(&before, &data["object"]);
        }
        let (request, key) = event.request.clone().unzip();
        let mut snapshot = json!({
            "id": event.id,
            "object": "event",
            "api_version": version.name(),
            "created": event.created,
            "data": data,
            "livemode": event.object.scope.livemode,
            "pending_webhooks": self.pending_webhooks(&event.id),
            "request": { "id": request, "idempotency_key": key },
            "type": event.kind,
        });
        if let Some(account) = &event.object.scope.account {
            snapshot["account"] = json!(account);
            if version >= CONTEXT_SINCE {
                snapshot["context"] = json!(account);
            }
        }
        snapshot
    }

    /// The bytes of [`World::event`], as Stripe writes its webhooks.
    #[must_use]
    pub fn body(&self, event: &Occurrence, version: ApiVersion) -> Vec<u8> {
        written(&self.event(event, version))
    }

    fn lens<'w>(&'w self, scope: &'w Scope, moment: Moment, version: ApiVersion) -> Lens<'w> {
        Lens {
            world: self,
            scope,
            moment,
            version,
        }
    }
}
