//! Which events an endpoint receives, and how they are delivered there.
//!
//! An [`Endpoint`] has what Stripe's dashboard has; a [`Destination`] adds how Stripe and the network behave towards
//! it.

use std::time::Duration;

use sluice_stripe::signature;

use crate::api::events_match;
use crate::delivery::clock::HOUR;
use crate::delivery::outage::Outage;
use crate::delivery::retry::Retry;
use crate::version::ApiVersion;
use crate::world::{Notice, Occurrence, Scope};

/// How long an endpoint may take to answer, in seconds. Stripe doesn't publish its own limit.
pub const TIMEOUT_S: u64 = 30;

/// The most connections to a destination at a time.
pub const CONNECTIONS_MAX: usize = 64;

/// How long a rolled secret may stay valid beside the new one, at most: as at Stripe.
pub const OVERLAP_MAX: Duration = HOUR.saturating_mul(24);

/// How long an endpoint has to fail without one success until Stripe disables it. Stripe warns after days and names a
/// date; that date was nine days after the first failure.
pub const DISABLE_AFTER: Duration = HOUR.saturating_mul(9 * 24);

/// Whose events an endpoint receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventsFrom {
    /// The platform's own.
    Platform,
    /// Those of the connected accounts. A live endpoint of this kind receives their test events too, as at Stripe.
    Connect,
    /// Those of an organization's accounts, in the endpoint's own mode: each names its account in `context` alone
    /// ([`World::event_of_organization`](crate::World::event_of_organization)).
    Organization,
}

/// What an endpoint is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Payload {
    /// Events with their object, as it was.
    #[default]
    Snapshot,
    /// Thin events, which name it: their types begin with `v1.`. Only these endpoints receive notices of events that
    /// Stripe failed to generate.
    Thin,
}

/// A webhook endpoint.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The URL, plain HTTP.
    pub url: String,
    /// `whsec_…`; several while a secret is rolled.
    pub secrets: Vec<String>,
    /// Whose events.
    pub events_from: EventsFrom,
    /// The mode in which it was made.
    pub livemode: bool,
    /// The version that it is pinned to; thin events have none.
    pub api_version: ApiVersion,
    /// Snapshots or thin events.
    pub payload: Payload,
    /// Types or patterns (`charge.*`); an empty list means all.
    pub types: Vec<String>,
}

impl Endpoint {
    /// Whether the endpoint gets this event, as a snapshot or as its thin event.
    #[must_use]
    pub fn receives(&self, event: &Occurrence) -> bool {
        let scope = &event.object.scope;
        match self.payload {
            Payload::Snapshot => self.is_for(scope, &event.kind),
            Payload::Thin => self.is_for(scope, &event.thin_kind()),
        }
    }

    /// Whether the endpoint gets this notice.
    #[must_use]
    pub fn receives_notice(&self, notice: &Notice) -> bool {
        self.payload == Payload::Thin && self.is_for(&notice.scope(), notice.kind())
    }

    fn is_for(&self, scope: &Scope, kind: &str) -> bool {
        let ours = match self.events_from {
            EventsFrom::Platform => scope.account.is_none() && scope.livemode == self.livemode,
            EventsFrom::Connect => scope.account.is_some() && (self.livemode || !scope.livemode),
            EventsFrom::Organization => scope.account.is_some() && scope.livemode == self.livemode,
        };
        let patterns = &self.types;
        let wanted = || patterns.iter().any(|one| events_match(one, kind));
        ours && (patterns.is_empty() || wanted())
    }

    /// The `Stripe-Signature` header for a body, signed at this second (Unix) with every secret.
    #[must_use]
    pub fn signature(&self, body: &[u8], t: i64) -> String {
        signature_of(body, &self.secrets, t)
    }
}

/// The `Stripe-Signature` header for a body, signed at this second (Unix) with each of the secrets.
#[must_use]
pub fn signature_of(body: &[u8], secrets: &[String], t: i64) -> String {
    let mut header = format!("t={t}");
    for secret in secrets {
        let one = signature::sign(body, secret, t);
        header.extend(one.split_once(',').map(|(_, v1)| format!(",{v1}")));
    }
    header
}

/// A secret is rolled: from a moment on, the new secret signs deliveries, and for a while the old one does too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roll {
    /// The moment, in Stripe's time since the run began.
    pub at: Duration,
    /// The new one: `whsec_…`.
    pub secret: String,
    /// How long the secret before still signs: up to [`OVERLAP_MAX`].
    pub overlap: Duration,
}

/// An endpoint, and how it is delivered to. Times are Stripe's since the run began unless they say otherwise.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The name in reports.
    pub name: String,
    /// The endpoint.
    pub endpoint: Endpoint,
    /// How many deliveries are posted at once: 1 to [`CONNECTIONS_MAX`]. With one, they come one after another.
    pub connections: usize,
    /// How long an answer may take, in real time.
    pub deadline: Duration,
    /// When a failed delivery is retried.
    pub retry: Retry,
    /// Failing for this long, without a success, disables it.
    pub disable_after: Duration,
    /// An operator enables it again after this long; never if `None`.
    pub enable_after: Option<Duration>,
    /// When it can't be reached.
    pub outages: Vec<Outage>,
    /// When its secret is rolled, in order of time.
    pub rolls: Vec<Roll>,
}

impl Destination {
    /// An endpoint with the deliveries that Stripe makes in its mode, over eight connections, without outages.
    #[must_use]
    pub fn new(name: &str, endpoint: Endpoint) -> Self {
        Self {
            name: name.to_owned(),
            connections: 8,
            deadline: Duration::from_secs(TIMEOUT_S),
            retry: Retry::of(endpoint.livemode),
            disable_after: DISABLE_AFTER,
            enable_after: None,
            outages: Vec::new(),
            rolls: Vec::new(),
            endpoint,
        }
    }

    /// The secrets that sign at a moment, the newest first.
    #[must_use]
    pub fn secrets_at(&self, at: Duration) -> Vec<String> {
        let begun: Vec<_> = self.rolls.iter().filter(|roll| roll.at <= at).collect();
        let signs_on = |roll: &Roll| at < roll.at.saturating_add(roll.overlap);
        let mut secrets = Vec::new();
        for (place, roll) in begun.iter().enumerate().rev() {
            let replaced = begun.get(place + 1);
            if replaced.is_none_or(|next| signs_on(next)) {
                secrets.push(roll.secret.clone());
            }
        }
        if begun.first().is_none_or(|first| signs_on(first)) {
            secrets.extend(self.endpoint.secrets.iter().cloned());
        }
        secrets
    }

    /// # Errors
    /// If it describes something that Stripe couldn't do, with the reason.
    pub fn check(&self) -> Result<(), Unsound> {
        let problem = if self.endpoint.secrets.is_empty() {
            "has no secret to sign with"
        } else if !(1..=CONNECTIONS_MAX).contains(&self.connections) {
            "needs 1 to 64 connections"
        } else if self.deadline.is_zero() {
            "leaves no time to answer"
        } else if self.rolls.iter().any(|roll| roll.overlap > OVERLAP_MAX) {
            "keeps a rolled secret for more than 24 h"
        } else if !self.rolls.is_sorted_by_key(|roll| roll.at) {
            "rolls its secrets in no order of time"
        } else {
            return Ok(());
        };
        Err(Unsound(format!("the destination {} {problem}", self.name)))
    }
}

/// Why a run can't be made, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsound(pub(crate) String);

impl std::fmt::Display for Unsound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unsound {}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination() -> Destination {
        let endpoint = Endpoint {
            url: "http://127.0.0.1:9".to_owned(),
            secrets: vec!["whsec_a".to_owned()],
            events_from: EventsFrom::Platform,
            livemode: true,
            api_version: ApiVersion::V2025_09_30,
            payload: Payload::Snapshot,
            types: Vec::new(),
        };
        Destination::new("platform", endpoint)
    }

    #[test]
    fn while_a_secret_is_rolled_both_sign_and_then_the_new_one_alone() {
        let roll = |at, secret: &str| Roll {
            at: HOUR * at,
            secret: secret.to_owned(),
            overlap: HOUR * 2,
        };
        let rolls = vec![roll(1, "whsec_b"), roll(5, "whsec_c")];
        let rolled = Destination {
            rolls,
            ..destination()
        };
        let at = |hour| rolled.secrets_at(HOUR * hour).join(" ");
        assert_eq!(at(0), "whsec_a");
        assert_eq!(at(1), "whsec_b whsec_a");
        assert_eq!(at(3), "whsec_b");
        assert_eq!(at(5), "whsec_c whsec_b");
        assert_eq!(at(9), "whsec_c");
    }

    #[test]
    fn a_destination_that_cannot_be_is_refused_in_words() {
        assert_eq!(destination().check(), Ok(()));
        let mut silent = destination();
        silent.endpoint.secrets.clear();
        let refusal = silent.check().expect_err("it can't sign").to_string();
        assert_eq!(
            refusal,
            "the destination platform has no secret to sign with"
        );
        let crowded = Destination {
            connections: CONNECTIONS_MAX + 1,
            ..destination()
        };
        assert!(crowded.check().is_err());
    }
}
