//! Where the platform has events delivered to, as `/v1/webhook_endpoints` lists it. The world only keeps the list: who
//! delivers is told where to by other means.

use serde_json::{Value, json};

use super::World;

/// A webhook endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// `we_…`
    pub id: String,
    /// Live or test mode.
    pub livemode: bool,
    /// Where to.
    pub url: String,
    /// The types; `*` for all.
    pub enabled_events: Vec<String>,
    /// Or disabled.
    pub is_enabled: bool,
    /// The version that its events are in; the account's own where none.
    pub api_version: Option<String>,
}

impl WebhookEndpoint {
    /// As the API shows it.
    pub(crate) fn shown(&self) -> Value {
        let status = if self.is_enabled {
            "enabled"
        } else {
            "disabled"
        };
        json!({
            "id": self.id, "object": "webhook_endpoint", "api_version": self.api_version, "application": null, "created": 0,
            "description": null, "enabled_events": self.enabled_events, "livemode": self.livemode, "metadata": {},
            "status": status, "url": self.url,
        })
    }
}

impl World {
    /// Makes an endpoint, enabled and pinned to the account's version of now. Returns its id.
    pub fn add_endpoint(&mut self, livemode: bool, url: &str, enabled_events: &[&str]) -> String {
        let id = format!("we_Sluice{:04}", self.endpoints.len());
        self.endpoints.push(WebhookEndpoint {
            id: id.clone(),
            livemode,
            url: url.to_owned(),
            enabled_events: enabled_events
                .iter()
                .map(|kind| (*kind).to_owned())
                .collect(),
            is_enabled: true,
            api_version: Some(self.options.api_version.name().to_owned()),
        });
        id
    }

    /// Changes an endpoint; nothing where there is none of this id.
    pub fn change_endpoint(&mut self, id: &str, change: impl FnOnce(&mut WebhookEndpoint)) {
        let mut endpoints = self.endpoints.iter_mut();
        if let Some(endpoint) = endpoints.find(|one| one.id == id) {
            change(endpoint);
        }
    }

    /// The endpoints, in the order in which they were made.
    #[must_use]
    pub fn endpoints(&self) -> &[WebhookEndpoint] {
        &self.endpoints
    }
}
