//! Webhooks as Stripe sends them: signed, in any order, some of them more than once.
//!
//! A plan of deliveries is a pure function of the world, the endpoint and a [`Mix`]; posting it is all the I/O there is.
//! The second of the signature is the caller's: receivers compare it with their own clock.
//!
//! What it doesn't do: retry. What wasn't answered with 2xx is the caller's to send again.

use std::time::Duration;

use fastrand::Rng;
use sluice_stripe::signature;

use crate::api::events_match;
use crate::ids::{Purpose, stream};
use crate::version::ApiVersion;
use crate::world::{Occurrence, World};

/// How long an endpoint may take, in seconds. Stripe doesn't publish its own limit.
pub const TIMEOUT_S: u64 = 30;

/// Whose events an endpoint hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hears {
    /// The platform's own.
    Platform,
    /// Those of the connected accounts. A live endpoint of this kind hears their test events too, as at Stripe.
    Connect,
}

/// A webhook endpoint.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Plain HTTP.
    pub url: String,
    /// `whsec_…`; several while a secret is rolled.
    pub secrets: Vec<String>,
    /// Whose events.
    pub hears: Hears,
    /// In which mode it was made.
    pub livemode: bool,
    /// The version that it is pinned to.
    pub api_version: ApiVersion,
    /// Types or patterns (`charge.*`); none means all.
    pub types: Vec<String>,
}

impl Endpoint {
    /// Whether this event goes here.
    #[must_use]
    pub fn hears(&self, event: &Occurrence) -> bool {
        let scope = &event.object.scope;
        let ours = match self.hears {
            Hears::Platform => scope.account.is_none() && scope.livemode == self.livemode,
            Hears::Connect => scope.account.is_some() && (self.livemode || !scope.livemode),
        };
        let patterns = &self.types;
        let wanted = || patterns.iter().any(|one| events_match(one, &event.kind));
        ours && (patterns.is_empty() || wanted())
    }

    /// The `Stripe-Signature` header for a body, signed at this second (Unix) with every secret.
    #[must_use]
    pub fn signature(&self, body: &[u8], t: i64) -> String {
        let mut header = format!("t={t}");
        for secret in &self.secrets {
            let one = signature::sign(body, secret, t);
            header.extend(one.split_once(',').map(|(_, v1)| format!(",{v1}")));
        }
        header
    }
}

/// In which order events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As they happened.
    AsHappened,
    /// Backwards.
    Reversed,
    /// Any order at all.
    Shuffled,
    /// None comes earlier or later by more than so many places: what a busy day looks like.
    Jumbled(usize),
}

/// How deliveries are mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// The order.
    pub order: Order,
    /// How many of a hundred events come once more, some time after.
    pub duplicates_percent: u8,
    /// What chance depends on.
    pub seed: u64,
}

impl Mix {
    /// As they happened, once each.
    pub const PLAIN: Self = Self {
        order: Order::AsHappened,
        duplicates_percent: 0,
        seed: 0,
    };
}

/// One delivery of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// `evt_…`.
    pub event: String,
    /// Its type.
    pub kind: String,
    /// The bytes.
    pub body: Vec<u8>,
    /// The event was in the plan before.
    pub again: bool,
}

/// What the endpoint answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// An HTTP answer. 2xx is success; a redirect isn't followed.
    Status {
        /// The HTTP status.
        status: u16,
        /// Its body, as text, up to 64 KiB.
        body: String,
    },
    /// None: refused, cut off, too slow.
    Nothing {
        /// For people.
        cause: String,
    },
}

impl Answered {
    /// Whether Stripe would count it as delivered.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(
            self,
            Self::Status {
                status: 200..=299,
                ..
            }
        )
    }
}

/// The deliveries of everything that the endpoint hears, mixed.
#[must_use]
pub fn plan(world: &World, endpoint: &Endpoint, mix: Mix) -> Vec<Delivery> {
    let events = world.events().iter();
    let heard: Vec<_> = events.filter(|event| endpoint.hears(event)).collect();
    let mut dice = stream(mix.seed, 0, Purpose::World);
    let mut places = order(heard.len(), mix.order, &mut dice);
    repeat(&mut places, mix.duplicates_percent, &mut dice);
    let mut seen = vec![false; heard.len()];
    places
        .into_iter()
        .map(|place| Delivery {
            event: heard[place].id.clone(),
            kind: heard[place].kind.clone(),
            body: world.body(heard[place], endpoint.api_version),
            again: std::mem::replace(&mut seen[place], true),
        })
        .collect()
}

fn order(events: usize, order: Order, dice: &mut Rng) -> Vec<usize> {
    let mut places: Vec<_> = (0..events).collect();
    match order {
        Order::AsHappened => {}
        Order::Reversed => places.reverse(),
        Order::Shuffled => dice.shuffle(&mut places),
        // Each place is sorted by itself plus a chance of up to the bound: none moves further than that.
        Order::Jumbled(within) => {
            let mut keyed: Vec<_> = places
                .into_iter()
                .map(|place| (place + dice.usize(..=within), place))
                .collect();
            keyed.sort_unstable();
            places = keyed.into_iter().map(|(_, place)| place).collect();
        }
    }
    places
}

/// Adds a second delivery of some, anywhere after the first.
fn repeat(places: &mut Vec<usize>, percent: u8, dice: &mut Rng) {
    let chosen: Vec<_> = places
        .iter()
        .copied()
        .filter(|_| dice.u8(0..100) < percent)
        .collect();
    for place in chosen {
        let first = places.iter().position(|other| *other == place);
        let after = first.map_or(places.len(), |first| dice.usize(first + 1..=places.len()));
        places.insert(after, place);
    }
}

/// Posts deliveries over connections that it keeps.
#[derive(Debug)]
pub struct Sender {
    agent: ureq::Agent,
}

impl Default for Sender {
    fn default() -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(TIMEOUT_S)))
            .build();
        Self {
            agent: config.new_agent(),
        }
    }
}

impl Sender {
    /// Posts one delivery, signed at this second (Unix). Blocks until it is answered.
    #[must_use]
    pub fn post(&self, endpoint: &Endpoint, delivery: &Delivery, t: i64) -> Answered {
        let sent = self
            .agent
            .post(&endpoint.url)
            .header("content-type", "application/json; charset=utf-8")
            .header(
                "user-agent",
                "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            )
            .header("stripe-signature", endpoint.signature(&delivery.body, t))
            .send(&delivery.body[..]);
        let read = sent.and_then(|mut answer| {
            let status = answer.status().as_u16();
            let text = answer
                .body_mut()
                .with_config()
                .limit(65_536)
                .read_to_vec()?;
            Ok((status, String::from_utf8_lossy(&text).into_owned()))
        });
        match read {
            Ok((status, body)) => Answered::Status { status, body },
            Err(error) => Answered::Nothing {
                cause: error.to_string(),
            },
        }
    }

    /// Posts a whole plan, one after another; `clock` tells the second of each signature.
    pub fn deliver(
        &self,
        endpoint: &Endpoint,
        plan: &[Delivery],
        mut clock: impl FnMut() -> i64,
    ) -> Vec<Answered> {
        let each = plan.iter();
        each.map(|delivery| self.post(endpoint, delivery, clock()))
            .collect()
    }
}
