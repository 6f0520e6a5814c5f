//! Posting events to ingest as Stripe does.

use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use sluice_stripe::signature::sign;
use ureq::Agent;

use crate::event::seconds;
use crate::problem::Problem;
use crate::stack::StackInfo;

/// The longest wait for an answer; above the 30 s that API Gateway allows itself.
const TIMEOUT: Duration = Duration::from_secs(35);

/// Ingest's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub text: String,
    /// From sending to the last byte.
    pub took: Duration,
}

impl Answer {
    /// The answer's word and code, e.g. `accepted` or `refused signature.no_match`; the text if it has none.
    pub fn words(&self) -> String {
        let body: Value = serde_json::from_str(&self.text).unwrap_or_default();
        let words: Vec<_> = ["status", "code"]
            .iter()
            .filter_map(|name| body[*name].as_str())
            .collect();
        if words.is_empty() {
            self.text.clone()
        } else {
            words.join(" ")
        }
    }
}

/// Posts to the ingest endpoint of a running stack, from any number of threads.
#[derive(Debug, Clone)]
pub struct Sender {
    info: StackInfo,
    agent: Agent,
}

impl Sender {
    /// A sender to this stack.
    pub fn to(info: &StackInfo) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false);
        Self {
            info: info.clone(),
            agent: config.build().into(),
        }
    }

    /// Posts a body to an endpoint, signed now with the endpoint's secret.
    ///
    /// # Errors
    /// When the endpoint has no secret, or there is no answer.
    pub fn deliver(&self, endpoint: &str, body: &[u8]) -> Result<Answer, Problem> {
        let secret = self.info.webhook_secrets.get(endpoint);
        let secret =
            secret.ok_or_else(|| Problem::Deploy(format!("has no endpoint {endpoint}")))?;
        self.post(
            endpoint,
            body,
            Some(&sign(body, secret, seconds(SystemTime::now()))),
        )
    }

    /// Posts a body with any signature header, or without one.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn post(
        &self,
        endpoint: &str,
        body: &[u8],
        signature: Option<&str>,
    ) -> Result<Answer, Problem> {
        let start = Instant::now();
        let mut request = self
            .agent
            .post(self.info.url_of(endpoint))
            .header("content-type", "application/json");
        if let Some(signature) = signature {
            request = request.header("stripe-signature", signature);
        }
        read(start, request.send(body))
    }

    /// Requests a URL by GET, which ingest refuses.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn get(&self, url: &str) -> Result<Answer, Problem> {
        read(Instant::now(), self.agent.get(url).call())
    }
}

fn read(
    start: Instant,
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Answer, Problem> {
    let problem = |error: ureq::Error| {
        let what = format!("{error}; is it running? `make run` starts it");
        Problem::aws("post", what)
    };
    let mut answer = answer.map_err(problem)?;
    let text = answer.body_mut().read_to_string().map_err(problem)?;
    Ok(Answer {
        status: answer.status().as_u16(),
        text,
        took: start.elapsed(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_said_by_its_word_and_code() {
        let words = |text: &str| {
            Answer {
                status: 400,
                text: text.to_owned(),
                took: Duration::ZERO,
            }
            .words()
        };
        assert_eq!(words(r#"{"status":"accepted"}"#), "accepted");
        assert_eq!(
            words(r#"{"status":"refused","code":"signature.no_match"}"#),
            "refused signature.no_match"
        );
        assert_eq!(words("Bad Gateway"), "Bad Gateway");
    }
}
