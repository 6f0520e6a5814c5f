//! The platform's webhook endpoints, as `/v1/webhook_endpoints` lists them. The world only keeps the list; the
//! deliverer gets its destinations by other means.

use serde_json::{Value, json};

use super::World;

/// A webhook endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// `we_…`
    pub id: String,
    /// Live or test mode.
    pub livemode: bool,
    /// The URL.
    pub url: String,
    /// The types; `*` for all.
    pub enabled_events: Vec<String>,
    /// Enabled or disabled.
    pub is_enabled: bool,
    /// The API version of its events; the account's own if `None`.
    pub api_version: Option<String>,
}

impl WebhookEndpoint {
    /// The endpoint as the API shows it.
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
    /// Makes an endpoint, enabled and pinned to the account's current version. Returns its id.
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

    /// Changes an endpoint; does nothing if there is none with this id.
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
