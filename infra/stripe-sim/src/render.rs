//! From the true state to what Stripe shows: an object at a moment and an API version.

pub(crate) mod billing;
pub(crate) mod discounts;
pub(crate) mod documents;
pub(crate) mod payments;

use serde_json::{Value, json};

use crate::version::{ApiVersion, CHANGES};
use crate::world::{Key, Moment, Scope, World};

/// What an object is looked at through: the world, at a moment, from an account, at a version. Older shapes carry
/// other objects inside, which are seen through the same lens.
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

    /// A true state, as it is shown.
    pub(crate) fn show(&self, truth: &Value) -> Value {
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

    /// Those ids' objects as one of Stripe's lists, newest first.
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

/// One of Stripe's lists, whole.
pub(crate) fn list(data: Vec<Value>, url: String) -> Value {
    json!({ "object": "list", "total_count": data.len(), "data": data, "has_more": false, "url": url })
}
