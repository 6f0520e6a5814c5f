//! From the true state to what Stripe shows: an object at a moment and an API version.

pub(crate) mod billing;
pub(crate) mod changes;
pub(crate) mod discounts;
pub(crate) mod documents;
mod notices;
mod organization;
pub(crate) mod payments;
mod shown;
mod thin;

use serde_json::{Value, json};

use crate::version::ApiVersion;
use crate::world::{Key, Moment, Scope, World};
use changes::CHANGES;

/// How many elements of a list an object shows. <https://docs.stripe.com/api/pagination>
const SHOWN_MAX: usize = 10;

/// The view of an object: the world, at a moment, from an account, at a version. Older shapes carry other objects
/// inside, which are shown by the same view.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lens<'w> {
    pub(crate) world: &'w World,
    pub(crate) scope: &'w Scope,
    pub(crate) moment: Moment,
    pub(crate) version: ApiVersion,
}

impl Lens<'_> {
    /// The object of this id, as it is shown.
    pub(crate) fn object(&self, id: &str) -> Option<Value> {
        let key = Key {
            scope: self.scope.clone(),
            id: id.to_owned(),
        };
        let state = self.world.state_at(&key, self.moment)?;
        Some(self.show(&state.truth))
    }

    /// The same with what Stripe shows only on request: complete lists, the latest invoice of a subscription.
    pub(crate) fn whole(&self, id: &str) -> Option<Value> {
        let key = Key {
            scope: self.scope.clone(),
            id: id.to_owned(),
        };
        let state = self.world.state_at(&key, self.moment)?;
        let mut whole = self.render(&state.truth);
        if whole["object"] == "subscription"
            && let Some(invoice) = whole["latest_invoice"].as_str()
        {
            whole["latest_invoice"] = self.object(invoice).into();
        }
        if whole["object"] == "charge" {
            let url = format!("/v1/charges/{id}/refunds");
            whole["refunds"] = self.listed(&state.truth["~refunds"], url);
        }
        Some(whole)
    }

    /// A true state, as it is shown: the first page of long lists.
    pub(crate) fn show(&self, truth: &Value) -> Value {
        let mut shown = self.render(truth);
        for list in ["items", "entitlements"] {
            let Some(list) = shown.get_mut(list) else {
                continue;
            };
            if let Some(data) = list.get_mut("data").and_then(Value::as_array_mut)
                && data.len() > SHOWN_MAX
            {
                data.truncate(SHOWN_MAX);
                list["has_more"] = json!(true);
            }
        }
        shown
    }

    fn render(&self, truth: &Value) -> Value {
        let mut shown = truth.clone();
        let kind = truth["object"].as_str().unwrap_or_default();
        for change in &CHANGES {
            if change.since > self.version && change.object == kind {
                (change.undo)(&mut shown, self);
            }
        }
        if let Value::Object(map) = &mut shown {
            map.retain(|key, _| !key.starts_with('~'));
        }
        shown
    }

    /// The objects of those ids as one of Stripe's lists, newest first.
    pub(crate) fn listed(&self, ids: &Value, url: String) -> Value {
        let data: Vec<_> = ids
            .as_array()
            .into_iter()
            .flatten()
            .rev()
            .filter_map(|id| self.object(id.as_str()?))
            .collect();
        list(data, url)
    }
}

/// One of Stripe's lists, complete.
pub(crate) fn list(data: Vec<Value>, url: String) -> Value {
    json!({ "object": "list", "total_count": data.len(), "data": data, "has_more": false, "url": url })
}
