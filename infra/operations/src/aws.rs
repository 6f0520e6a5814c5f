//! Calls to AWS: signed, over the TLS that the functions use.
//!
//! The tables are read through the adapters, with the SDK's configuration ([`Aws::sdk`]). Each of the other services
//! (queues, logs, metrics, CloudFormation, Lambda) needs a few calls only, which are plain requests here: an SDK client
//! for each would take minutes to compile. A call that is throttled or fails is repeated: it has `TRIES` tries.

use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::{DateTime, Format};
use aws_types::SdkConfig;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sluice_adapters::aws::{http_client, sdk_config_of};
use tokio::time::{sleep, timeout};

use crate::problem::Problem;
use crate::times::now_ms;
use crate::xml;

/// The longest wait for one try of a call.
const TRY_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest wait for a function that is invoked: Lambda's own limit.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(900);

/// Tries of a call, the first included.
const TRIES: u32 = 4;

/// The pause before the second try; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(200);

/// The most bytes of an answer that are quoted in a problem.
const QUOTED_MAX: usize = 400;

/// AWS, or the local one.
#[derive(Debug, Clone)]
pub struct Aws {
    sdk: SdkConfig,
    region: String,
    connector: SharedHttpConnector,
}

/// The answer to `GetCallerIdentity`.
#[derive(Debug, Deserialize)]
struct Identity {
    #[serde(rename = "GetCallerIdentityResult")]
    result: Caller,
}

#[derive(Debug, Deserialize)]
struct Caller {
    #[serde(rename = "Arn")]
    arn: String,
}

/// An answer of a service.
struct Answer {
    status: u16,
    function_error: bool,
    /// The service's own time, if the answer says it.
    date: Option<String>,
    /// The error's name, if the service says it in a header.
    error: Option<String>,
    text: String,
}

/// A call: its address, and what is sent.
#[derive(Clone, Copy)]
struct Call<'a> {
    method: &'a str,
    service: &'a str,
    /// With its query.
    path: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: &'a str,
}

impl<'a> Call<'a> {
    fn post(service: &'a str, headers: &'a [(&'a str, &'a str)], body: &'a str) -> Self {
        Self {
            method: "POST",
            service,
            path: "/",
            headers,
            body,
        }
    }
}

impl Aws {
    /// The local AWS at this address, which takes any credentials.
    pub fn local(endpoint_url: &str, region: &str) -> Self {
        let sdk = sdk_config_of(
            Region::new(region.to_owned()),
            Credentials::new("local", "local", None, None, "local"),
            Some(endpoint_url.to_owned()),
        );
        #[cfg(debug_assertions)]
        let sdk = with_faults(sdk);
        Self::of(sdk, region.to_owned())
    }

    /// AWS by the usual means: environment, profile, single sign-on, instance role.
    pub async fn usual(profile: Option<&str>, region: Option<&str>) -> Result<Self, Problem> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client());
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = region {
            loader = loader.region(Region::new(region.to_owned()));
        }
        let sdk = loader.load().await;
        let region = sdk.region().map(ToString::to_string).ok_or_else(|| {
            Problem::Usage("no Region: give --region, or set AWS_REGION or a profile's".to_owned())
        })?;
        Ok(Self::of(sdk, region))
    }

    fn of(sdk: SdkConfig, region: String) -> Self {
        let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        let connector = SharedHttpConnector::new(Connector::builder().tls_provider(ring).build());
        Self {
            sdk,
            region,
            connector,
        }
    }

    /// The SDK's configuration, for the adapters.
    pub fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The Region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Whether it is AWS itself, whose web console has pages to link to.
    pub fn is_real(&self) -> bool {
        self.sdk.endpoint_url().is_none()
    }

    /// Calls an operation of a service that speaks JSON, by its target, e.g. `AmazonSQS.GetQueueAttributes`,
    /// `Logs_20140328.FilterLogEvents`, `AWSEvents.PutEvents`, `DynamoDB_20120810.Query`, `TrentService.DescribeKey` (KMS).
    pub async fn json(&self, target: &str, input: &Value) -> Result<Value, Problem> {
        let service = match target.split(['.', '_']).next().unwrap_or_default() {
            "AmazonSQS" => "sqs",
            "AWSEvents" => "events",
            "DynamoDB" => "dynamodb",
            "Logs" => "logs",
            "TrentService" => "kms",
            other => other,
        };
        // DynamoDB and SQS speak version 1.0, the others 1.1.
        let version = match service {
            "dynamodb" | "sqs" => "application/x-amz-json-1.0",
            _ => "application/x-amz-json-1.1",
        };
        let headers = [("content-type", version), ("x-amz-target", target)];
        let body = input.to_string();
        let call = Call::post(service, &headers, &body);
        let answer = self.send(target, call).await?;
        match answer.text.is_empty() {
            true => Ok(Value::Null),
            false => parsed(target, &answer.text),
        }
    }

    /// Calls an operation of a service that takes forms and answers XML: CloudFormation (`2010-05-15`) and CloudWatch's
    /// metrics (`monitoring`, `2010-08-01`).
    ///
    /// # Errors
    /// `Failed` when the service refuses, can't be reached or answers in another shape.
    pub async fn form<T: DeserializeOwned>(
        &self,
        service: &str,
        version: &str,
        action: &str,
        fields: &[(String, String)],
    ) -> Result<T, Problem> {
        let answer = self.submit(service, version, action, fields).await?;
        xml::read(action, &answer.text)
    }

    /// Who makes these calls, and how many milliseconds this machine's clock is ahead of AWS's, if AWS says its time.
    pub async fn caller(&self) -> Result<(String, Option<i64>), Problem> {
        let before_ms = now_ms();
        let answer = self
            .submit("sts", "2011-06-15", "GetCallerIdentity", &[])
            .await?;
        let identity: Identity = xml::read("GetCallerIdentity", &answer.text)?;
        let date = answer.date.as_deref().and_then(|date| {
            let read = DateTime::from_str(date, Format::HttpDate).ok()?;
            read.to_millis().ok()
        });
        // A date has whole seconds: half a second more is the middle of what it may mean.
        let ahead_ms = date.map(|date_ms| i64::midpoint(before_ms, now_ms()) - date_ms - 500);
        Ok((identity.result.arn, ahead_ms))
    }

    /// Reads from a service that is called by paths (`lambda`, `scheduler`). The path with its query.
    pub async fn get(&self, service: &str, path: &str) -> Result<Value, Problem> {
        let call = Call {
            method: "GET",
            service,
            path,
            headers: &[],
            body: "",
        };
        let name = format!("GET {service} {path}");
        parsed(&name, &self.send(&name, call).await?.text)
    }

    /// Writes to a service that is called by paths. A try whose answer was lost is repeated. So the call has to be one
    /// that may be made twice, or one that refuses the second try by its own condition.
    pub async fn put(&self, service: &str, path: &str, input: &Value) -> Result<Value, Problem> {
        let body = input.to_string();
        let call = Call {
            method: "PUT",
            path,
            ..Call::post(service, &[("content-type", "application/json")], &body)
        };
        let name = format!("PUT {service} {path}");
        parsed(&name, &self.send(&name, call).await?.text)
    }

    async fn submit(
        &self,
        service: &str,
        version: &str,
        action: &str,
        fields: &[(String, String)],
    ) -> Result<Answer, Problem> {
        let mut body = format!("Action={action}&Version={version}");
        for (name, value) in fields {
            body.push_str(&format!("&{}={}", escaped(name), escaped(value)));
        }
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.send(action, Call::post(service, &headers, &body))
            .await
    }

    /// Invokes a function and waits for its answer; a function's own error is a problem. Never repeated.
    pub async fn invoke(&self, function: &str, input: &Value) -> Result<Value, Problem> {
        let call = format!("invoke {function}");
        let path = format!("/2015-03-31/functions/{}/invocations", escaped(function));
        let body = input.to_string();
        let request = self.once(Call {
            path: &path,
            ..Call::post("lambda", &[], &body)
        });
        let answer = timeout(INVOKE_TIMEOUT, request)
            .await
            .map_err(|_| Problem::Failed(format!("{call}: no answer in {INVOKE_TIMEOUT:?}")))??;
        if answer.status >= 300 || answer.function_error {
            return Err(refused(&call, &answer));
        }
        parsed(&call, &answer.text)
    }

    /// A function's configuration, its variables among it.
    pub async fn configuration(&self, function: &str) -> Result<Value, Problem> {
        let path = format!("/2015-03-31/functions/{}/configuration", escaped(function));
        self.get("lambda", &path).await
    }

    async fn send(&self, name: &str, call: Call<'_>) -> Result<Answer, Problem> {
        let mut pause = PAUSE;
        let mut tried = 1;
        loop {
            let outcome = match timeout(TRY_TIMEOUT, self.once(call)).await {
                Ok(Ok(answer)) if answer.status < 300 => return Ok(answer),
                Ok(Ok(answer)) if !is_passing(&answer) => return Err(refused(name, &answer)),
                Ok(Ok(answer)) => refused(name, &answer),
                Ok(Err(problem)) => problem,
                Err(_) => Problem::Failed(format!("{name}: no answer in {TRY_TIMEOUT:?}")),
            };
            if tried == TRIES {
                return Err(outcome);
            }
            tried += 1;
            sleep(pause).await;
            pause *= 2;
        }
    }

    async fn once(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let Call {
            method,
            service,
            path,
            headers,
            body,
        } = call;
        let broken = |error: &dyn std::error::Error| {
            Problem::Failed(format!("{service}: {}", with_causes(error)))
        };
        let url = format!("{}{path}", self.endpoint(service));
        let provider = self.sdk.credentials_provider().ok_or_else(|| {
            Problem::Failed("there are no AWS credentials: set a profile".to_owned())
        })?;
        let credentials = provider.provide_credentials().await;
        let identity = credentials.map_err(|error| broken(&error))?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.signing_region(service))
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| broken(&error))?
            .into();
        let signable = SignableRequest::new(
            method,
            &url,
            headers.iter().copied(),
            SignableBody::Bytes(body.as_bytes()),
        );
        let signable = signable.map_err(|error| broken(&error))?;
        let (instructions, _) = sign(signable, &params)
            .map_err(|error| broken(&error))?
            .into_parts();

        let mut request = Request::new(SdkBody::from(body));
        request.set_method(method).map_err(|error| broken(&error))?;
        request.set_uri(url).map_err(|error| broken(&error))?;
        for (name, value) in headers {
            request
                .headers_mut()
                .insert((*name).to_owned(), (*value).to_owned());
        }
        for (name, value) in instructions.headers() {
            request
                .headers_mut()
                .insert(name.to_owned(), value.to_owned());
        }
        let response = self.connector.call(request).await;
        let response = response.map_err(|error| broken(&error))?;
        let status = response.status().as_u16();
        let function_error = response.headers().contains_key("x-amz-function-error");
        let date = response.headers().get("date").map(str::to_owned);
        // Services that are called by paths name the error here, and not in the body.
        let error = response.headers().get("x-amzn-errortype");
        let error = error.and_then(|error| error.split(':').next());
        let error = error.map(str::to_owned);
        let bytes = collect(response.into_body()).await;
        let bytes = bytes.map_err(|error| Problem::Failed(format!("{service}: {error}")))?;
        Ok(Answer {
            status,
            function_error,
            date,
            error,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    /// IAM is one service for the whole world.
    fn signing_region(&self, service: &str) -> &str {
        match service {
            "iam" if self.region.starts_with("cn-") => "cn-north-1",
            "iam" => "us-east-1",
            _ => &self.region,
        }
    }

    fn endpoint(&self, service: &str) -> String {
        if let Some(url) = self.sdk.endpoint_url() {
            return url.trim_end_matches('/').to_owned();
        }
        let suffix = match self.region.starts_with("cn-") {
            true => "amazonaws.com.cn",
            false => "amazonaws.com",
        };
        match service {
            "iam" if self.region.starts_with("cn-") => format!("https://iam.cn-north-1.{suffix}"),
            "iam" => format!("https://iam.{suffix}"),
            _ => format!("https://{service}.{}.{suffix}", self.region),
        }
    }
}

/// The configuration with the faults that tests ask for, as the functions have it: in development builds only.
#[cfg(debug_assertions)]
fn with_faults(sdk: SdkConfig) -> SdkConfig {
    use sluice_adapters::faults::{FILE_VARIABLE, through};

    match std::env::var_os(FILE_VARIABLE) {
        Some(file) => through(&sdk, file.as_ref(), "sluice"),
        None => sdk,
    }
}

async fn collect(body: SdkBody) -> Result<Vec<u8>, String> {
    let collected = aws_smithy_types::byte_stream::ByteStream::new(body).collect();
    let collected = collected.await.map_err(|error| error.to_string())?;
    Ok(collected.to_vec())
}

/// Whether the same call may succeed a moment later.
fn is_passing(answer: &Answer) -> bool {
    answer.status >= 500 || answer.status == 429 || answer.text.contains("Throttl")
}

fn refused(call: &str, answer: &Answer) -> Problem {
    let quoted: String = answer.text.trim().chars().take(QUOTED_MAX).collect();
    let error = answer.error.iter().map(|error| format!("{error} "));
    let error: String = error.collect();
    Problem::Failed(format!("{call}: {} {error}{quoted}", answer.status))
}

fn parsed(call: &str, text: &str) -> Result<Value, Problem> {
    serde_json::from_str(text).map_err(|error| Problem::Failed(format!("{call}: {error}")))
}

/// An error with its causes: errors of credentials say there what is wrong.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// Percent-encoded for a path or a form: all but letters, digits and `-._~`.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(byte.into());
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_has_its_own_address_and_china_its_own_suffix() {
        let mut aws = Aws::local("http://127.0.0.1:1", "us-east-1");
        assert_eq!(aws.endpoint("sqs"), "http://127.0.0.1:1");
        aws.sdk = SdkConfig::builder().build();
        assert_eq!(aws.endpoint("sqs"), "https://sqs.us-east-1.amazonaws.com");
        assert_eq!(aws.endpoint("iam"), "https://iam.amazonaws.com");
        aws.region = "cn-north-1".to_owned();
        assert_eq!(
            aws.endpoint("logs"),
            "https://logs.cn-north-1.amazonaws.com.cn"
        );
    }

    #[test]
    fn what_a_form_or_path_cannot_hold_is_escaped() {
        assert_eq!(escaped("a b&c=é:fn"), "a%20b%26c%3D%C3%A9%3Afn");
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let answer = |status, text: &str| Answer {
            status,
            function_error: false,
            date: None,
            error: None,
            text: text.to_owned(),
        };
        assert!(is_passing(&answer(503, "")));
        assert!(is_passing(&answer(
            400,
            r#"{"__type":"ThrottlingException"}"#
        )));
        assert!(!is_passing(&answer(403, "AccessDenied")));
    }
}
