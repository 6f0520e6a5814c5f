//! Webhook secrets from Secrets Manager.

use aws_sdk_secretsmanager::Client;
use aws_types::SdkConfig;
use sluice_kernel::delivery::secrets::{self, SecretSource, Secrets};
use sluice_kernel::fault::Fault;

use crate::aws;
use crate::code;

/// The secret that holds every endpoint's signing secrets as JSON.
#[derive(Debug, Clone)]
pub struct SecretsManager {
    client: Client,
    secret_id: String,
}

impl SecretsManager {
    /// The secret of this name or ARN.
    pub fn new(config: &SdkConfig, secret_id: String) -> Self {
        Self {
            client: Client::new(config),
            secret_id,
        }
    }
}

impl SecretSource for SecretsManager {
    async fn fetch(&self) -> Result<Secrets, Fault> {
        let output = self
            .client
            .get_secret_value()
            .secret_id(&self.secret_id)
            .send()
            .await;
        let output = output.map_err(|error| {
            aws::unavailable(code::SECRET_UNAVAILABLE, "GetSecretValue", &error)
        })?;
        let text = output.secret_string().ok_or_else(|| {
            Fault::retry(code::SECRET_MALFORMED, "the secret is binary, not a text")
        })?;
        secrets::parse(text)
    }
}
