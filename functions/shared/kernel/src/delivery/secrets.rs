//! Webhook secrets, cached.
//!
//! A secret is read once and kept for a time. If a signature matches none of the kept secrets, the store is asked once
//! more before the delivery is refused, so that rotating a secret loses nothing. This happens at most every
//! [`REFRESH_MS_MIN`] per environment, so that forged requests can't cause a paid call each. If the store can't be
//! reached, secrets past their time are still used: refusing good deliveries would be worse.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

use crate::code;
use crate::fault::Fault;

/// The least time between two reads of the store, in one environment.
pub const REFRESH_MS_MIN: i64 = 30_000;

/// The most secrets that an endpoint may have: more than a rotation ever needs, and each costs an HMAC per delivery.
pub const SECRETS_MAX: usize = 8;

/// One signing secret. Its value never shows in a log.
///
/// White space around it is removed: a secret has none, and one that was pasted may have a line break after it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Secret(String);

impl Secret {
    /// Wraps a `whsec_…` value.
    pub fn new(value: impl Into<String>) -> Self {
        Self::from(value.into())
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        match value.trim() {
            trimmed if trimmed.len() < value.len() => Self(trimmed.to_owned()),
            _ => Self(value),
        }
    }
}

impl AsRef<[u8]> for Secret {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Endpoint name → its secrets.
pub type Secrets = BTreeMap<String, Vec<Secret>>;

/// Reads the secret's JSON: `{"platform": ["whsec_…"], "connect": []}`.
///
/// # Errors
/// `Retry` with `secret.malformed`: an operator is correcting it, and Stripe may deliver again. Never quotes the value.
pub fn parse(json: &str) -> Result<Secrets, Fault> {
    let secrets: Secrets = serde_json::from_str(json).map_err(|error| {
        Fault::retry(
            code::SECRET_MALFORMED,
            format!(
                "not a JSON object of lists of strings (line {} column {})",
                error.line(),
                error.column()
            ),
        )
    })?;
    match secrets.iter().find(|(_, list)| list.len() > SECRETS_MAX) {
        Some((endpoint, list)) => Err(Fault::retry(
            code::SECRET_MALFORMED,
            format!(
                "endpoint {endpoint} has {} secrets; the limit is {SECRETS_MAX}",
                list.len()
            ),
        )),
        None => Ok(secrets),
    }
}

/// Where secrets are read from.
pub trait SecretSource: Sync {
    /// Reads every endpoint's secrets.
    ///
    /// # Errors
    /// `Retry` if the store can't be reached or its content can't be read.
    fn fetch(&self) -> impl Future<Output = Result<Secrets, Fault>> + Send;
}

struct Kept {
    secrets: Arc<Secrets>,
    fetched_at_ms: i64,
}

/// The cache over a [`SecretSource`].
pub struct SecretCache<S> {
    source: S,
    ttl_ms: i64,
    kept: Mutex<Option<Kept>>,
    /// When the store was last asked, whatever it answered.
    asked_at_ms: Mutex<Option<i64>>,
    /// When it was last asked because a signature matched nothing.
    refreshed_at_ms: Mutex<Option<i64>>,
}

impl<S: SecretSource> SecretCache<S> {
    /// A cache that keeps secrets for `ttl_ms`.
    pub fn new(source: S, ttl_ms: i64) -> Self {
        Self {
            source,
            ttl_ms,
            kept: Mutex::new(None),
            asked_at_ms: Mutex::new(None),
            refreshed_at_ms: Mutex::new(None),
        }
    }

    /// The secrets, read from the store if none are kept or their time is over.
    ///
    /// # Errors
    /// `Retry` if none are kept and the store can't be read.
    pub async fn get(&self, now_ms: i64) -> Result<Arc<Secrets>, Fault> {
        let kept = self.kept(now_ms);
        match kept {
            Some((secrets, true)) => Ok(secrets),
            Some((secrets, false)) if !is_due(&self.asked_at_ms, now_ms) => Ok(secrets),
            Some((secrets, false)) => Ok(self.fetch(now_ms).await.unwrap_or(secrets)),
            None => self.fetch(now_ms).await,
        }
    }

    /// Asks the store again after a signature matched none of the kept secrets. `None` if it was asked too recently,
    /// can't be read, or holds nothing new: looking again is pointless then.
    pub async fn refresh(&self, now_ms: i64) -> Option<Arc<Secrets>> {
        if !is_due(&self.refreshed_at_ms, now_ms) {
            return None;
        }
        set(&self.refreshed_at_ms, now_ms);
        let before = self.kept(now_ms).map(|(secrets, _)| secrets);
        let after = self.fetch(now_ms).await.ok()?;
        (before.as_deref() != Some(&*after)).then_some(after)
    }

    /// The kept secrets, and whether they are still within their time.
    fn kept(&self, now_ms: i64) -> Option<(Arc<Secrets>, bool)> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().map(|kept| {
            (
                kept.secrets.clone(),
                now_ms - kept.fetched_at_ms < self.ttl_ms,
            )
        })
    }

    async fn fetch(&self, now_ms: i64) -> Result<Arc<Secrets>, Fault> {
        set(&self.asked_at_ms, now_ms);
        let secrets = Arc::new(self.source.fetch().await?);
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Kept {
            secrets: secrets.clone(),
            fetched_at_ms: now_ms,
        });
        Ok(secrets)
    }
}

fn is_due(last_ms: &Mutex<Option<i64>>, now_ms: i64) -> bool {
    let last_ms = last_ms.lock().unwrap_or_else(PoisonError::into_inner);
    last_ms.is_none_or(|at_ms| now_ms - at_ms >= REFRESH_MS_MIN)
}

fn set(last_ms: &Mutex<Option<i64>>, now_ms: i64) {
    *last_ms.lock().unwrap_or_else(PoisonError::into_inner) = Some(now_ms);
}
