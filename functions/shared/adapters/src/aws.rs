//! The SDK's configuration, without the credential chains, Regions and TLS stacks that a function in Lambda never
//! uses: Lambda gives credentials and Region in the environment.
//!
//! Time budget of one call: [`ATTEMPT_TIMEOUT`] a try, [`OPERATION_TIMEOUT`] with the SDK's own repetitions. Ingest's
//! longest way is a claim, a publish and a defer, three operations, which fits its 15 s; a call that is cut off counts
//! as unanswered, never as failed.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::BehaviorVersion;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use sluice_kernel::fault::{Fault, Pace};

use crate::config::Vars;

/// The longest wait for a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_000);

/// The longest wait for one try of a call.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(2_000);

/// The longest wait for a call with all its tries.
pub const OPERATION_TIMEOUT: Duration = Duration::from_millis(4_500);

/// Tries of a call, the first included.
pub const ATTEMPTS_MAX: u32 = 3;

/// Reads Region, credentials and an optional endpoint from the environment as Lambda sets it. What is missing is
/// remembered by `vars`: no call may be made before [`Vars::finish`].
pub fn sdk_config(vars: &mut Vars<'_>) -> SdkConfig {
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
    let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    Builder::new().tls_provider(ring).build_https()
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
        .http_client(http_client())
        .region(region)
        .timeout_config(timeouts)
        .retry_config(retries);
    config.set_endpoint_url(endpoint);
    config.build()
}

/// What may be logged of a failed call: the service's error code, or what kind of failure it was. Never the message,
/// which may quote an item.
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

/// A failed call as a fault: whatever it was, the same call may work later.
pub fn unavailable<E: ProvideErrorMetadata, R>(
    code: &'static str,
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

    #[test]
    fn a_limit_that_was_met_is_told_from_what_is_broken() {
        for (code, pace) in [
            ("ThrottlingException", Pace::Throttled),
            ("ProvisionedThroughputExceededException", Pace::Throttled),
            ("InternalServerError", Pace::Outage),
            ("AccessDeniedException", Pace::Outage),
        ] {
            let said = ErrorMetadata::builder().code(code).build();
            let error = SdkError::service_error(PutItemError::generic(said), ());
            let fault = unavailable("any.code", "PutItem", &error);
            assert_eq!(
                (fault.pace, &*fault.cause),
                (pace, &*format!("PutItem: {code}"))
            );
        }
        let error = SdkError::<PutItemError, ()>::timeout_error("too late");
        assert_eq!(
            unavailable("any.code", "PutItem", &error).pace,
            Pace::Outage
        );
    }
}
