//! One signed POST, and its answer.

use std::time::Duration;

use crate::delivery::endpoint::{Endpoint, TIMEOUT_S};
use crate::delivery::plan::Delivery;

/// The most of an answer's body that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 65_536;

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
    /// No answer: refused, cut off, too slow.
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

/// Posts deliveries over connections that it keeps open.
#[derive(Debug)]
pub struct Sender {
    agent: ureq::Agent,
}

impl Default for Sender {
    fn default() -> Self {
        Self::with_deadline(Duration::from_secs(TIMEOUT_S))
    }
}

impl Sender {
    /// A sender that waits this long for an answer.
    #[must_use]
    pub fn with_deadline(deadline: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(deadline))
            .build();
        Self {
            agent: config.new_agent(),
        }
    }

    /// Posts one delivery, signed at this second (Unix). Blocks until it is answered.
    #[must_use]
    pub fn post(&self, endpoint: &Endpoint, delivery: &Delivery, t: i64) -> Answered {
        let signature = endpoint.signature(&delivery.body, t);
        self.send(&endpoint.url, &delivery.body, &signature)
    }

    /// Posts bytes under a `Stripe-Signature` header. Blocks until it is answered.
    #[must_use]
    pub fn send(&self, url: &str, body: &[u8], signature: &str) -> Answered {
        let sent = self
            .agent
            .post(url)
            .header("content-type", "application/json; charset=utf-8")
            .header(
                "user-agent",
                "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            )
            .header("stripe-signature", signature)
            .send(body);
        let read = sent.and_then(|mut answer| {
            let status = answer.status().as_u16();
            let text = answer
                .body_mut()
                .with_config()
                .limit(ANSWER_BYTES_MAX)
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

    /// Posts a whole plan, one delivery after another; `clock` gives the second of each signature.
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
