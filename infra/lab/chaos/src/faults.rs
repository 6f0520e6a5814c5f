//! The kinds of fault that a run makes, and how each is made.
//!
//! Faults have three places. The wire between the functions and AWS is a proxy. The AWS client inside each function can
//! end the process between two steps, and refuse single entries. On Stripe's side, deliveries don't arrive or their
//! answers are lost, and the API refuses.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_stripe_sim::delivery::{Answered, How};

/// A call slower than this is cut off with its function: longer than the timeouts that the run sets, in milliseconds.
const LATE_MS: u64 = 12_000;

/// How long a whole service is down in a round that has it, in seconds.
const DOWN_S: u64 = 3;

/// How many requests to Stripe's API are refused in a round that has it.
pub(crate) const API_REFUSALS: usize = 15;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// On the wire: AWS throttles a call.
    Throttled,
    /// On the wire: AWS answers 500.
    Failed,
    /// On the wire: a call takes up to a second and a half.
    Slow,
    /// On the wire: a call takes longer than its function has.
    Late,
    /// On the wire: the connection is reset before the call arrives.
    Reset,
    /// On the wire: the call is carried out and its answer is lost.
    AnswerLost,
    /// On the wire: the bus is down for some seconds.
    BusDown,
    /// On the wire: the tables are down for some seconds.
    TablesDown,
    /// At the client: the process is killed before a call.
    KillBefore,
    /// At the client: the process is killed after a call.
    KillAfter,
    /// At the client: a call is never sent.
    DropBefore,
    /// At the client: a call is carried out, its answer dropped.
    DropAfter,
    /// At the client: entries of a PutEvents call are refused, some or all.
    EntriesRefused,
    /// At Stripe: some deliveries find no connection.
    Refused,
    /// At Stripe: some deliveries are answered 503 by something in front of the endpoint.
    Unavailable,
    /// At Stripe: some answers of ingest are lost.
    DeliveryAnswerLost,
    /// At Stripe: for a while no delivery arrives at all.
    Outage,
    /// At Stripe: the API says 429.
    ApiLimited,
    /// At Stripe: the API says 500.
    ApiFailed,
    /// At Stripe: a secret is rolled, and deliveries are signed twice for a while.
    SecretRolled,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 20] = [
        Self::Throttled,
        Self::Failed,
        Self::Slow,
        Self::Late,
        Self::Reset,
        Self::AnswerLost,
        Self::BusDown,
        Self::TablesDown,
        Self::KillBefore,
        Self::KillAfter,
        Self::DropBefore,
        Self::DropAfter,
        Self::EntriesRefused,
        Self::Refused,
        Self::Unavailable,
        Self::DeliveryAnswerLost,
        Self::Outage,
        Self::ApiLimited,
        Self::ApiFailed,
        Self::SecretRolled,
    ];

    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Throttled => "AWS throttles",
            Self::Failed => "AWS answers 500",
            Self::Slow => "AWS is slow",
            Self::Late => "AWS is later than the deadline",
            Self::Reset => "connection reset",
            Self::AnswerLost => "answer lost on the wire",
            Self::BusDown => "the bus is down",
            Self::TablesDown => "the tables are down",
            Self::KillBefore => "killed before a call",
            Self::KillAfter => "killed after a call",
            Self::DropBefore => "call dropped",
            Self::DropAfter => "answer dropped",
            Self::EntriesRefused => "entries refused by the bus",
            Self::Refused => "delivery: no connection",
            Self::Unavailable => "delivery: 503 on the way",
            Self::DeliveryAnswerLost => "delivery: answer lost",
            Self::Outage => "delivery: outage",
            Self::ApiLimited => "Stripe's API: 429",
            Self::ApiFailed => "Stripe's API: 500",
            Self::SecretRolled => "secret rolled",
        }
    }

    /// The proxy's rules that make it.
    pub(crate) fn wire_rules(self) -> Vec<Value> {
        let throttled = |service: &str, operation: &str, code: &str| json!({ "service": service, "operation": operation, "probability": 0.08, "error": { "code": code, "status": 400 } });
        match self {
            Self::Throttled => vec![
                throttled(
                    "dynamodb",
                    "PutItem",
                    "ProvisionedThroughputExceededException",
                ),
                throttled("dynamodb", "UpdateItem", "ThrottlingException"),
                throttled("dynamodb", "GetItem", "RequestLimitExceeded"),
                throttled("events", "PutEvents", "ThrottlingException"),
            ],
            Self::Failed => vec![
                json!({ "service": "*", "probability": 0.06, "error": { "code": "InternalServerError", "status": 500 } }),
            ],
            Self::Slow => vec![
                json!({ "service": "*", "probability": 0.05, "latency": { "dist": "uniform", "min_ms": 100, "max_ms": 1_500 } }),
            ],
            Self::Late => vec![
                json!({ "service": "*", "probability": 0.01, "latency": { "dist": "uniform", "min_ms": LATE_MS, "max_ms": LATE_MS } }),
            ],
            Self::Reset => vec![json!({ "service": "*", "probability": 0.06, "reset": true })],
            Self::AnswerLost => vec![
                json!({ "service": "*", "probability": 0.06, "response": { "abort_frac": 0.0 } }),
            ],
            Self::BusDown => vec![
                json!({ "service": "events", "ttl_s": DOWN_S, "error": { "code": "InternalException", "status": 500 } }),
            ],
            Self::TablesDown => vec![
                json!({ "service": "dynamodb", "ttl_s": DOWN_S, "error": { "code": "InternalServerError", "status": 500 } }),
            ],
            _ => Vec::new(),
        }
    }

    /// The clients' rules that make it. `round` is part of their ids, so rounds have different ids.
    pub(crate) fn client_rules(self, seed: u64, round: usize) -> Vec<Value> {
        let rule = |name: &str, call: &str, probability: f64, act: Value| {
            json!({
                "id": format!("r{round}-{name}"), "call": call, "probability": probability, "seed": seed, "do": act,
            })
        };
        match self {
            Self::KillBefore => vec![rule("kill-before", "*", 0.01, json!("kill-before"))],
            Self::KillAfter => vec![rule("kill-after", "*", 0.01, json!("kill-after"))],
            Self::DropBefore => vec![rule("drop-before", "*", 0.04, json!("drop-before"))],
            Self::DropAfter => vec![rule("drop-after", "*", 0.04, json!("drop-after"))],
            Self::EntriesRefused => vec![
                rule(
                    "all-entries",
                    "PutEvents",
                    0.1,
                    json!({ "fail-entries": 0 }),
                ),
                rule(
                    "some-entries",
                    "PutEvents",
                    0.15,
                    json!({ "fail-entries": 1 }),
                ),
            ],
            _ => Vec::new(),
        }
    }

    /// The kind that a client's rule with this id belongs to.
    pub(crate) fn of_client(did: &str) -> Option<Self> {
        match did {
            "kill-before" => Some(Self::KillBefore),
            "kill-after" => Some(Self::KillAfter),
            "drop-before" => Some(Self::DropBefore),
            "drop-after" => Some(Self::DropAfter),
            "fail-entries" => Some(Self::EntriesRefused),
            _ => None,
        }
    }

    /// The kind of trouble that a delivery met on its way. The simulated Stripe names the trouble that it makes.
    pub(crate) fn of_post(answered: &Answered) -> Option<Self> {
        match answered {
            Answered::Status { status: 503, body } if body == "outage" => Some(Self::Unavailable),
            Answered::Nothing { cause } if cause.starts_with("outage") => match () {
                () if cause.contains("refused") => Some(Self::Refused),
                () if cause.contains("lost") => Some(Self::DeliveryAnswerLost),
                () => Some(Self::Outage),
            },
            _ => None,
        }
    }

    /// Whether it ends processes.
    #[must_use]
    pub fn kills(self) -> bool {
        matches!(self, Self::KillBefore | Self::KillAfter)
    }

    /// What Stripe meets on the way to ingest, for how many of a hundred deliveries, how long after the beginning of a
    /// round, and for how long. Faults that last from the beginning affect deliveries before an outage stops all of
    /// them.
    pub(crate) fn outage(self, round: Duration) -> Option<(How, u8, Duration, Duration)> {
        match self {
            Self::Refused => Some((How::Refused, 20, Duration::ZERO, round)),
            Self::Unavailable => Some((How::Status(503), 20, Duration::ZERO, round)),
            Self::DeliveryAnswerLost => Some((How::AnswerLost, 20, Duration::ZERO, round)),
            Self::Outage => Some((How::Silent, 100, round / 3, round / 3)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_kind_is_made_in_exactly_one_place() {
        for kind in Kind::ALL {
            let places = [
                !kind.wire_rules().is_empty(),
                !kind.client_rules(1, 1).is_empty(),
                kind.outage(Duration::from_secs(3)).is_some(),
                matches!(
                    kind,
                    Kind::ApiLimited | Kind::ApiFailed | Kind::SecretRolled
                ),
            ];
            assert_eq!(places.iter().filter(|made| **made).count(), 1, "{kind:?}");
        }
        let names: BTreeSet<_> = Kind::ALL.map(Kind::name).into();
        assert_eq!(names.len(), Kind::ALL.len());
    }

    #[test]
    fn what_a_client_did_is_counted_under_the_kind_that_asked_for_it() {
        for kind in Kind::ALL {
            for rule in kind.client_rules(1, 1) {
                let act = &rule["do"];
                let did = act.as_str().unwrap_or("fail-entries");
                assert_eq!(Kind::of_client(did), Some(kind));
            }
        }
    }
}
