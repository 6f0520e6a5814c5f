//! The emulator's API over plain HTTP.
//!
//! Requests carry a credential scope, by which the emulator finds the service. They carry no signature, because the
//! emulator doesn't check any. So the stack starts without compiling any part of an SDK, and tests read any table or
//! queue with one call.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

use crate::problem::Problem;

/// The Region that everything here claims to be in.
pub const REGION: &str = "us-east-1";

/// The longest wait for an answer. CreateStack answers at once and works on; on a busy machine "at once" takes a while.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The longest wait for a function: reconcile may take 300 s.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(310);

/// A client of the emulator.
#[derive(Debug, Clone)]
pub struct Aws {
    endpoint_url: String,
    agent: Agent,
}

impl Aws {
    /// A client of the emulator at this address.
    pub fn at(endpoint_url: &str) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false);
        Self {
            endpoint_url: endpoint_url.to_owned(),
            agent: config.build().into(),
        }
    }

    /// Calls an operation of a service that speaks JSON, by its target, e.g. `DynamoDB_20120810.GetItem`,
    /// `AmazonSQS.GetQueueAttributes`, `AWSEvents.PutEvents`, `secretsmanager.PutSecretValue`,
    /// `Logs_20140328.FilterLogEvents`.
    ///
    /// # Errors
    /// The service's own error, or that it can't be reached.
    pub fn json(&self, target: &str, input: &Value) -> Result<Value, Problem> {
        let service = match target.split(['.', '_']).next().unwrap_or_default() {
            "AmazonSQS" => "sqs",
            "AWSEvents" => "events",
            "DynamoDB" => "dynamodb",
            "Logs" => "logs",
            other => other,
        };
        let answer = self
            .agent
            .post(&self.endpoint_url)
            .header("authorization", scope(service))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", target)
            .send(input.to_string());
        let text = read(target, answer)?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|error| Problem::aws(target, error))
    }

    /// Calls a function and waits for its answer; a function's own error is an error.
    ///
    /// # Errors
    /// The function's error, or that it can't be reached.
    pub fn invoke(&self, function: &str, input: &Value) -> Result<Value, Problem> {
        let call = format!("invoke {function}");
        let url = format!(
            "{}/2015-03-31/functions/{function}/invocations",
            self.endpoint_url
        );
        let answer = self
            .agent
            .post(&url)
            .config()
            .timeout_global(Some(INVOKE_TIMEOUT))
            .build()
            .header("authorization", scope("lambda"))
            .send(input.to_string());
        let failed = match &answer {
            Ok(answer) => answer.headers().contains_key("x-amz-function-error"),
            Err(_) => false,
        };
        let text = read(&call, answer)?;
        if failed {
            return Err(Problem::aws(&call, text));
        }
        serde_json::from_str(&text).map_err(|error| Problem::aws(&call, error))
    }

    /// Sets how many copies of a function may run at once: none with 0, no limit with `None`.
    ///
    /// # Errors
    /// When there is no such function.
    pub fn reserve(&self, function: &str, copies: Option<u32>) -> Result<(), Problem> {
        let call = format!("concurrency of {function}");
        let url = format!(
            "{}/2017-10-31/functions/{function}/concurrency",
            self.endpoint_url
        );
        let answer = match copies {
            Some(copies) => {
                let input = json!({ "ReservedConcurrentExecutions": copies });
                let request = self.agent.put(&url);
                let request = request.header("authorization", scope("lambda"));
                request.send(input.to_string())
            }
            None => {
                let request = self.agent.delete(&url);
                request.header("authorization", scope("lambda")).call()
            }
        };
        read(&call, answer).map(drop)
    }

    /// The variables that a function was deployed with.
    ///
    /// # Errors
    /// When there is no such function.
    pub fn environment(&self, function: &str) -> Result<BTreeMap<String, String>, Problem> {
        let call = format!("configuration of {function}");
        let url = format!(
            "{}/2015-03-31/functions/{function}/configuration",
            self.endpoint_url
        );
        let request = self
            .agent
            .get(&url)
            .header("authorization", scope("lambda"));
        let configuration: Value = serde_json::from_str(&read(&call, request.call())?)
            .map_err(|error| Problem::aws(&call, error))?;
        serde_json::from_value(configuration["Environment"]["Variables"].clone())
            .map_err(|error| Problem::aws(&call, error))
    }

    /// Deploys a function again with these variables instead: running environments end, and new ones read the
    /// variables.
    ///
    /// # Errors
    /// When there is no such function.
    pub fn set_environment(
        &self,
        function: &str,
        variables: &BTreeMap<String, String>,
    ) -> Result<(), Problem> {
        let call = format!("configure {function}");
        let url = format!(
            "{}/2015-03-31/functions/{function}/configuration",
            self.endpoint_url
        );
        let input = json!({ "Environment": { "Variables": variables } });
        let request = self.agent.put(&url);
        let request = request.header("authorization", scope("lambda"));
        read(&call, request.send(input.to_string())).map(drop)
    }

    /// Calls CloudFormation and returns its XML.
    pub(crate) fn cloudformation(
        &self,
        action: &str,
        parameters: &[(String, String)],
    ) -> Result<String, Problem> {
        let mut form = vec![("Action", action), ("Version", "2010-05-15")];
        form.extend(
            parameters
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let request = self
            .agent
            .post(&self.endpoint_url)
            .header("authorization", scope("cloudformation"));
        read(action, request.send_form(form))
    }

    /// Creates a bucket of the object store.
    pub(crate) fn create_bucket(&self, bucket: &str) -> Result<(), Problem> {
        self.put_object(bucket, &[])
    }

    /// Puts an object, by its bucket and key.
    pub(crate) fn put_object(&self, path: &str, bytes: &[u8]) -> Result<(), Problem> {
        let request = self
            .agent
            .put(format!("{}/{path}", self.endpoint_url))
            .header("authorization", scope("s3"));
        read(&format!("put {path}"), request.send(bytes)).map(drop)
    }

    /// The status of a GET, or `None` if nothing answers.
    pub(crate) fn get_status(&self, url: &str) -> Option<u16> {
        Some(self.agent.get(url).call().ok()?.status().as_u16())
    }

    /// The emulator's URL.
    pub fn endpoint_url(&self) -> &str {
        &self.endpoint_url
    }
}

fn scope(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=none"
    )
}

fn read(
    call: &str,
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<String, Problem> {
    let mut answer = answer.map_err(|error| Problem::aws(call, error))?;
    let text = answer
        .body_mut()
        .read_to_string()
        .map_err(|error| Problem::aws(call, error))?;
    if answer.status().is_success() {
        Ok(text)
    } else {
        Err(Problem::aws(call, format!("{}: {text}", answer.status())))
    }
}

/// The texts of all XML elements of this name, in order; nested elements of other names stay inside.
pub fn elements<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    let mut found = Vec::new();
    while let Some(start) = rest.find(&open) {
        let inner = &rest[start + open.len()..];
        let Some(end) = inner.find(&close) else { break };
        found.push(&inner[..end]);
        rest = &inner[end + close.len()..];
    }
    found
}

/// XML text with its escapes resolved.
pub fn unescape(text: &str) -> String {
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'");
    text.replace("&#x27;", "'")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_in_order_and_without_their_escapes() {
        let xml = "<a><K>one</K><V>1 &amp;&lt; 2</V></a><a><K>two</K><V></V></a>";
        assert_eq!(elements(xml, "K"), ["one", "two"]);
        assert_eq!(unescape(elements(xml, "V")[0]), "1 &< 2");
        assert_eq!(elements(xml, "V")[1], "");
        assert!(elements("<K>open", "K").is_empty());
    }
}
