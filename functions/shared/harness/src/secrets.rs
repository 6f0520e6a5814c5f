//! A store of webhook secrets in memory that counts how often it is read.

use std::sync::{Mutex, PoisonError};

use sluice_kernel::code;
use sluice_kernel::delivery::secrets::{Secret, SecretSource, Secrets};
use sluice_kernel::fault::Fault;

/// The store.
#[derive(Debug, Default)]
pub struct MemorySecrets {
    secrets: Mutex<Option<Secrets>>,
    reads: Mutex<u32>,
}

impl MemorySecrets {
    /// A store that holds these secrets: endpoint, secrets.
    pub fn holding(secrets: &[(&str, &[&str])]) -> Self {
        let store = Self::default();
        store.hold(secrets);
        store
    }

    /// Replaces what the store holds.
    pub fn hold(&self, secrets: &[(&str, &[&str])]) {
        let list = |values: &[&str]| values.iter().map(|value| Secret::new(*value)).collect();
        let secrets = secrets
            .iter()
            .map(|(name, values)| ((*name).to_owned(), list(values)))
            .collect();
        *self.secrets.lock().unwrap_or_else(PoisonError::into_inner) = Some(secrets);
    }

    /// Makes every read fail.
    pub fn break_down(&self) {
        *self.secrets.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How often the store was read.
    pub fn reads(&self) -> u32 {
        *self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SecretSource for MemorySecrets {
    async fn fetch(&self) -> Result<Secrets, Fault> {
        *self.reads.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let secrets = self
            .secrets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        secrets.ok_or_else(|| Fault::retry(code::SECRET_UNAVAILABLE, "scripted"))
    }
}

impl SecretSource for &MemorySecrets {
    async fn fetch(&self) -> Result<Secrets, Fault> {
        (**self).fetch().await
    }
}
