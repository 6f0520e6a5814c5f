//! The two endpoints as Stripe has them.

use std::collections::BTreeSet;

use sluice_kernel::reconcile::is_subscribed;
use sluice_stripe::client::WebhookEndpoint;

use crate::problem::Problem;
use crate::stack::Stack;

/// The two endpoints as Stripe has them, if they are known.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    pub(super) ours: Vec<WebhookEndpoint>,
    theirs: Option<WebhookEndpoint>,
}

impl Endpoints {
    /// Which of Stripe's endpoints is ours, and which theirs.
    pub(super) fn among<'a>(
        stack: &Stack,
        names: impl Iterator<Item = &'a str>,
        all: Vec<WebhookEndpoint>,
        wanted: Option<&str>,
    ) -> Result<Self, Problem> {
        let url = stack.outputs.get("WebhookUrl").cloned().unwrap_or_default();
        let names = names.map(|name| format!("{url}/{name}"));
        let urls: BTreeSet<String> = names.chain([url.clone()]).collect();
        let (ours, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|it| urls.contains(&it.url));
        let theirs = match wanted {
            Some(wanted) => {
                let found = others.into_iter().find(|it| it.id == wanted);
                Some(found.ok_or_else(|| {
                    Problem::NotFound(format!(
                        "Stripe has no other endpoint {wanted} in this mode"
                    ))
                })?)
            }
            None => {
                let mut enabled = others.into_iter().filter(|it| it.status == "enabled");
                let first = enabled.next();
                first.filter(|_| enabled.next().is_none())
            }
        };
        Ok(Self { ours, theirs })
    }

    /// How the two endpoints are set up differently.
    pub(super) fn apart(&self) -> Vec<String> {
        let Some(theirs) = &self.theirs else {
            return Vec::new();
        };
        let mut remarks = Vec::new();
        let ours: Vec<String> = self
            .ours
            .iter()
            .flat_map(|it| it.enabled_events.clone())
            .collect();
        if ours.is_empty() {
            return vec![format!(
                "no endpoint of Stripe's posts here; theirs is {}",
                theirs.url
            )];
        }
        let lacking = |has: &[String], wanted: &[String]| -> Vec<String> {
            let lacks = wanted.iter().filter(|kind| !is_subscribed(has, kind));
            lacks.cloned().collect()
        };
        let (here, there) = (
            lacking(&ours, &theirs.enabled_events),
            lacking(&theirs.enabled_events, &ours),
        );
        if !here.is_empty() {
            remarks.push(format!(
                "{} is subscribed to {}, and we aren't",
                theirs.id,
                here.join(", ")
            ));
        }
        if !there.is_empty() {
            remarks.push(format!(
                "we are subscribed to {}, and {} isn't",
                there.join(", "),
                theirs.id
            ));
        }
        let account_s_own = || "the account's own".to_owned();
        for own in &self.ours {
            if own.api_version != theirs.api_version {
                let [here, there] = [&own.api_version, &theirs.api_version]
                    .map(|version| version.clone().unwrap_or_else(account_s_own));
                remarks.push(format!(
                    "{} has API version {here}, {} has {there}: the same event differs in form",
                    own.id, theirs.id
                ));
            }
            if own.status != "enabled" {
                remarks.push(format!(
                    "{} is {}: Stripe doesn't deliver here",
                    own.id, own.status
                ));
            }
        }
        remarks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_the_endpoints_are_set_up_differently_is_said() {
        let endpoint = |id: &str, types: &[&str], version: Option<&str>| WebhookEndpoint {
            id: id.to_owned(),
            url: format!("https://example.com/{id}"),
            enabled_events: types.iter().map(|kind| (*kind).to_owned()).collect(),
            status: "enabled".to_owned(),
            api_version: version.map(str::to_owned),
        };
        let apart_of = |ours: WebhookEndpoint, theirs| {
            let endpoints = Endpoints {
                ours: vec![ours],
                theirs: Some(theirs),
            };
            endpoints.apart()
        };
        let same = apart_of(
            endpoint("we_1", &["charge.*"], None),
            endpoint("we_2", &["charge.*"], None),
        );
        assert!(same.is_empty(), "{same:?}");
        let said = apart_of(
            endpoint(
                "we_1",
                &["charge.*", "payout.paid"],
                Some("2025-09-30.clover"),
            ),
            endpoint("we_2", &["charge.refunded", "invoice.paid"], None),
        );
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(
            said[0].contains("we_2 is subscribed to invoice.paid"),
            "{said:?}"
        );
        assert!(said[1].contains("charge.*, payout.paid"), "{said:?}");
        assert!(said[2].contains("the account's own"), "{said:?}");
    }
}
