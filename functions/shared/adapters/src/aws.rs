//! The SDK's configuration, without the credential chains, Regions and TLS stacks that a function in Lambda never
//! uses: Lambda gives credentials and Region in the environment.
//!
//! Time budget of one call: [`ATTEMPT_TIMEOUT`] per try, [`OPERATION_TIMEOUT`] with the SDK's own retries. Ingest's
//! longest path is a claim, a publish and a defer: three operations, which fit its 15 s. A call that is cut off counts
//! as unanswered, never as failed.

mod agent;

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::{BehaviorVersion, IdentityCache, StalledStreamProtectionConfig};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use sluice_kernel::code::Code;
use sluice_kernel::fault::{Fault, Pace};

use agent::Agent;

use crate::config::Vars;
use crate::http::Http;

/// The longest wait for a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_000);

/// The longest wait for one try of a call.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(2_000);

/// The longest wait for a call with all its tries.
pub const OPERATION_TIMEOUT: Duration = Duration::from_millis(4_500);

/// Tries of a call, including the first.
pub const ATTEMPTS_MAX: u32 = 3;

/// Reads Region, credentials and an optional endpoint from the environment as Lambda sets it. `vars` remembers what is
/// missing: no call may be made before [`Vars::finish`].
pub fn sdk_config(vars: &mut Vars<'_>) -> SdkConfig {
    sdk_config_over(&Http::default(), vars)
}

/// The same over this client, so that its connections can be opened before the first call.
pub fn sdk_config_over(http: &Http, vars: &mut Vars<'_>) -> SdkConfig {
    let region = vars.text("AWS_REGION");
    let key = vars.text("AWS_ACCESS_KEY_ID");
    let secret = vars.text("AWS_SECRET_ACCESS_KEY");
    let token = vars.optional_text("AWS_SESSION_TOKEN");
    let endpoint = vars.optional_text("AWS_ENDPOINT_URL");
    let config = sdk_config_of(
        Region::new(region),
        Credentials::new(key, secret, token, None, "environment"),
        endpoint,
    );
    let config = config.into_builder().http_client(http.clone()).build();
    #[cfg(debug_assertions)]
    if let Some(file) = vars.optional_text(crate::faults::FILE_VARIABLE) {
        let function = vars
            .optional_text("AWS_LAMBDA_FUNCTION_NAME")
            .unwrap_or_default();
        return crate::faults::through(&config, file.as_ref(), &function);
    }
    config
}

/// HTTP over the one TLS stack that is linked.
pub fn http_client() -> SharedHttpClient {
    SharedHttpClient::new(Http::default())
}

/// DynamoDB's client.
pub(crate) fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::config::Builder::from(config).interceptor(Agent);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// EventBridge's client.
pub(crate) fn eventbridge(config: &SdkConfig) -> aws_sdk_eventbridge::Client {
    let config = aws_sdk_eventbridge::config::Builder::from(config).interceptor(Agent);
    aws_sdk_eventbridge::Client::from_conf(config.build())
}

/// Opens a connection to each of these services (`dynamodb`, `events`), concurrently, so that the first calls find them
/// open. If the endpoint is configured, it is the same for all, and the first call's connection serves them.
pub async fn open(http: &Http, config: &SdkConfig, services: [&str; 2]) {
    let (Some(region), None) = (config.region(), config.endpoint_url()) else {
        return;
    };
    let tail = if region.as_ref().starts_with("cn-") {
        ".cn"
    } else {
        ""
    };
    // A guess of where the SDK will call: if it is wrong, a connection is opened without use.
    let base = |service| format!("https://{service}.{region}.amazonaws.com{tail}");
    let [first, second] = services.map(base);
    tokio::join!(
        http.open(&first, CONNECT_TIMEOUT),
        http.open(&second, CONNECT_TIMEOUT)
    );
}

/// The SDK's configuration from its parts.
pub fn sdk_config_of(
    region: Region,
    credentials: Credentials,
    endpoint: Option<String>,
) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS_MAX)
        .with_initial_backoff(Duration::from_millis(50))
        .with_max_backoff(Duration::from_millis(500));
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        // Credentials that never change need no cache in front of them.
        .identity_cache(IdentityCache::no_cache())
        .http_client(http_client())
        .region(region)
        // No call streams: a body that stalls is cut off by the timeout of the try.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts)
        .retry_config(retries);
    config.set_endpoint_url(endpoint);
    config.build()
}

/// What may be logged of a failed call: the service's error code, or the kind of failure. Never the message, which may
/// quote an item.
pub(crate) fn cause<E: ProvideErrorMetadata, R>(operation: &str, error: &SdkError<E, R>) -> String {
    let what = match error {
        SdkError::ConstructionFailure(_) => "not built",
        SdkError::TimeoutError(_) => "timed out",
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "connection timed out",
        SdkError::DispatchFailure(_) => "not delivered",
        SdkError::ResponseError(_) => "answer unreadable",
        SdkError::ServiceError(_) => error.code().unwrap_or("refused without a code"),
        _ => "failed",
    };
    format!("{operation}: {what}")
}

/// The codes by which AWS says that a limit was met.
const THROTTLED: &[&str] = &[
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// A failed call as a fault: in every case the same call may work later.
pub fn unavailable<E: ProvideErrorMetadata, R>(
    code: Code,
    operation: &str,
    error: &SdkError<E, R>,
) -> Fault {
    let fault = Fault::retry(code, cause(operation, error));
    let said = error.as_service_error().and_then(E::code);
    match said {
        Some(said) if THROTTLED.contains(&said) => fault.paced(Pace::Throttled),
        _ => fault,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::error::ErrorMetadata;
    use aws_sdk_dynamodb::operation::put_item::PutItemError;

    use super::*;
    use crate::code;

    #[test]
    fn a_limit_that_was_met_is_distinguished_from_what_is_broken() {
        for (code, pace) in [
            ("ThrottlingException", Pace::Throttled),
            ("ProvisionedThroughputExceededException", Pace::Throttled),
            ("InternalServerError", Pace::Outage),
            ("AccessDeniedException", Pace::Outage),
        ] {
            let said = ErrorMetadata::builder().code(code).build();
            let error = SdkError::service_error(PutItemError::generic(said), ());
            let fault = unavailable(code::LEDGER_UNAVAILABLE, "PutItem", &error);
            assert_eq!(
                (fault.pace, &*fault.cause),
                (pace, &*format!("PutItem: {code}"))
            );
        }
        let error = SdkError::<PutItemError, ()>::timeout_error("too late");
        assert_eq!(
            unavailable(code::LEDGER_UNAVAILABLE, "PutItem", &error).pace,
            Pace::Outage
        );
    }
}
