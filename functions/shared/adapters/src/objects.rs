//! Stripe's objects, fetched with the keys that the operator put into Secrets Manager.
//!
//! Without `API_KEY_SECRET_ID` there is no key: ties are resolved by the flagged choice, and thin events are visibly
//! ignored. With it, the secret is read at the first fetch and again after [`KEYS_TTL_MS`], so that a key can be rolled
//! without a deployment.

use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::Client as SecretsClient;
use aws_types::SdkConfig;
use sluice_kernel::clock::Clock;
use sluice_kernel::consumer::fetch::budget::Budget;
use sluice_kernel::consumer::fetch::{FETCH_MS_MAX, Fetch, Fetched, Objects};
use sluice_kernel::event::Scope;
use sluice_kernel::fault::Fault;
use sluice_kernel::rebuild::{Existing, Shown};
use sluice_kernel::reconcile::{Ask, AskUngenerated, Listed, Listing, Ungenerated};
use sluice_stripe::client::keys::Keys;
use sluice_stripe::client::{API_BASE, Client, Settings, WebhookEndpoint};

use crate::aws;
use crate::clock::SystemClock;
use crate::code;
use crate::config::{BadVariables, Vars};

/// How long keys are kept before they are read again.
pub const KEYS_TTL_MS: i64 = 300_000;

// --- generated: count (make generate) ---
/// How many domains share the budget of fetches.
const DOMAINS: u32 = 4;
// --- end of generated ---

/// The longest wait for a page of a list.
const LIST_TIMEOUT: Duration = Duration::from_secs(15);

/// The largest page of a list that is read.
const LIST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Stripe's objects and lists.
#[derive(Debug)]
pub struct StripeObjects {
    client: Client,
    secret: Option<(SecretsClient, String)>,
    keys_read_at_ms: Mutex<Option<i64>>,
}

fn one_or_more(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

/// Milliseconds since the start, by a clock that doesn't jump.
fn ticks_ms() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl StripeObjects {
    /// Reads `API_KEY_SECRET_ID` (none), `STRIPE_API_URL` (Stripe's own), `FETCHES_PER_SECOND` (10) and
    /// `MAXIMUM_CONCURRENCY` (10; how many environments each domain may have). `vars` remembers bad ones.
    ///
    /// An environment has an equal share of the fetches, whether or not the others fetch: by default one in 4 seconds.
    /// So a domain fetches 2.5 objects per second if all its environments run, and all domains together 10.
    ///
    /// # Errors
    /// If `STRIPE_API_URL` isn't a usable address.
    pub fn read(vars: &mut Vars<'_>, sdk: &SdkConfig) -> Result<Self, BadVariables> {
        let per_second = one_or_more(vars.number("FETCHES_PER_SECOND", 10, 1, 100));
        let concurrency = vars.number("MAXIMUM_CONCURRENCY", 10, 1, 1_000);
        let budget = Budget::shared(per_second, one_or_more(concurrency * DOMAINS));
        Self::with(vars, sdk, Settings::new(budget))
    }

    /// For programs that read lists, mainly reconcile. Reads the same variables except the last two, and
    /// `LISTS_PER_SECOND` (5), which only this environment spends. A page of a hundred events has more bytes than an
    /// object, and takes longer.
    ///
    /// # Errors
    /// If `STRIPE_API_URL` isn't a usable address.
    pub fn read_for_lists(vars: &mut Vars<'_>, sdk: &SdkConfig) -> Result<Self, BadVariables> {
        let per_second = one_or_more(vars.number("LISTS_PER_SECOND", 5, 1, 100));
        let settings = Settings {
            total_timeout: LIST_TIMEOUT,
            answer_bytes_max: LIST_BYTES_MAX,
            ..Settings::new(Budget::shared(per_second, NonZeroU32::MIN))
        };
        Self::with(vars, sdk, settings)
    }

    fn with(
        vars: &mut Vars<'_>,
        sdk: &SdkConfig,
        settings: Settings,
    ) -> Result<Self, BadVariables> {
        let base = vars
            .optional_text("STRIPE_API_URL")
            .unwrap_or_else(|| API_BASE.to_owned());
        let secret = vars.optional_text("API_KEY_SECRET_ID");
        let settings = Settings { base, ..settings };
        let client = Client::new(settings, Keys::default(), ticks_ms).map_err(|fault| {
            let what = format!("STRIPE_API_URL: {}", fault.cause);
            vars.reject(what.clone());
            BadVariables(vec![what])
        })?;
        Ok(Self {
            client,
            secret: secret.map(|id| (SecretsClient::new(sdk), id)),
            keys_read_at_ms: Mutex::new(None),
        })
    }

    /// Reads the keys if there are none yet, or if they are old. Old keys stay in use while the store can't be read.
    /// Returns false if no secret is configured to hold any.
    async fn refresh_keys(&self) -> Result<bool, Fault> {
        let Some((secrets, id)) = &self.secret else {
            return Ok(false);
        };
        let now_ms = SystemClock.now_ms();
        let read_at_ms = *self
            .keys_read_at_ms
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if read_at_ms.is_some_and(|at_ms| now_ms - at_ms < KEYS_TTL_MS) {
            return Ok(true);
        }
        let output = secrets.get_secret_value().secret_id(id).send().await;
        let keys = output
            .map_err(|error| {
                aws::unavailable(code::STRIPE_KEY_UNAVAILABLE, "GetSecretValue", &error)
            })
            .and_then(|output| parse(output.secret_string().unwrap_or_default()));
        match (keys, read_at_ms) {
            (Ok(keys), _) => self.client.set_keys(keys),
            (Err(_), Some(_)) => {}
            (Err(fault), None) => return Err(fault),
        }
        *self
            .keys_read_at_ms
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(now_ms);
        Ok(true)
    }
}

/// `{"live": "rk_live_…", "test": "rk_test_…"}`, either may be absent. Never quotes the value.
fn parse(json: &str) -> Result<Keys, Fault> {
    // Only an object is accepted: serde also reads a struct from a list, and a key in the wrong place is worse than
    // none.
    let keys = serde_json::from_str(json)
        .and_then(|object: serde_json::Map<_, _>| serde_json::from_value(object.into()));
    keys.map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        let cause = format!("not a JSON object of keys ({place})");
        Fault::retry(code::STRIPE_KEY_MALFORMED, cause)
    })
}

impl Objects for StripeObjects {
    async fn fetch(&self, request: &Fetch) -> Result<Fetched, Fault> {
        let fetching = async {
            if !self.refresh_keys().await? {
                return Ok(Fetched::NoKey);
            }
            self.client.fetch(request).await
        };
        let within = Duration::from_millis(FETCH_MS_MAX.unsigned_abs());
        tokio::time::timeout(within, fetching)
            .await
            .unwrap_or_else(|_| {
                let cause = format!("no key and answer in {FETCH_MS_MAX} ms");
                Err(Fault::retry(code::STRIPE_UNAVAILABLE, cause))
            })
    }
}

impl StripeObjects {
    /// The id of the account that a mode's key belongs to; `None` without a key.
    ///
    /// # Errors
    /// `Retry` or `Reject` depending on Stripe's answer.
    pub async fn own_account(&self, livemode: bool) -> Result<Option<String>, Fault> {
        match self.refresh_keys().await? {
            true => self.client.own_account(livemode).await,
            false => Ok(None),
        }
    }

    /// All endpoints that Stripe delivers a mode's events to, from all pages.
    ///
    /// # Errors
    /// `Retry` if Stripe can't be reached now. `None` without a key.
    pub async fn webhook_endpoints(
        &self,
        livemode: bool,
    ) -> Result<Option<Vec<WebhookEndpoint>>, Fault> {
        if !self.refresh_keys().await? {
            return Ok(None);
        }
        let (mut all, mut after) = (Vec::new(), None::<String>);
        loop {
            match self
                .client
                .webhook_endpoints(livemode, after.as_deref())
                .await?
            {
                Listed::NoKey => return Ok(None),
                Listed::Spent { wait_ms } => SystemClock.sleep_ms(wait_ms).await,
                Listed::Page { items, next } => {
                    all.extend(items);
                    if next.is_none() {
                        return Ok(Some(all));
                    }
                    after = next;
                }
            }
        }
    }
}

impl Listing for StripeObjects {
    async fn has_key(&self, livemode: bool) -> Result<bool, Fault> {
        if !self.refresh_keys().await? {
            return Ok(false);
        }
        self.client.has_key(livemode).await
    }

    async fn events(&self, ask: &Ask) -> Result<Listed<Vec<u8>>, Fault> {
        if !self.refresh_keys().await? {
            return Ok(Listed::NoKey);
        }
        self.client.events(ask).await
    }

    async fn accounts(&self, livemode: bool, after: Option<&str>) -> Result<Listed<String>, Fault> {
        if !self.refresh_keys().await? {
            return Ok(Listed::NoKey);
        }
        self.client.accounts(livemode, after).await
    }

    async fn ungenerated(&self, ask: &AskUngenerated) -> Result<Listed<Ungenerated>, Fault> {
        if !self.refresh_keys().await? {
            return Ok(Listed::NoKey);
        }
        self.client.ungenerated(ask).await
    }
}

impl Existing for StripeObjects {
    async fn existing(
        &self,
        scope: &Scope,
        kind: &str,
        after: Option<&str>,
    ) -> Result<Listed<Shown>, Fault> {
        if !self.refresh_keys().await? {
            return Ok(Listed::NoKey);
        }
        self.client.existing(scope, kind, after).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_kernel::consumer::fetch::budget::RATE_PER_S;
    use sluice_kernel::domain::NoSettings;

    use crate::config::DomainConfig;

    #[test]
    fn as_many_functions_share_the_fetches_as_the_template_gives_them_to() {
        let template = include_str!("../../../../template.yaml");
        let functions = template.matches("FETCHES_PER_SECOND: ").count();
        assert_eq!(u32::try_from(functions), Ok(DOMAINS));
        // What the parameter's description says of one environment with the defaults.
        let mut share = Budget::shared(RATE_PER_S, one_or_more(10 * DOMAINS));
        let waits = [0, 0, 0].map(|now_ms| share.take(now_ms));
        assert_eq!(waits, [Ok(()), Ok(()), Err(u64::from(DOMAINS) * 1_000)]);
    }

    #[test]
    fn bad_variables_of_every_reader_are_named_at_once() {
        let lookup = |name: &str| match name {
            "RETENTION_DAYS" => Some("7".to_owned()),
            "STRIPE_API_URL" => Some("ftp://nowhere".to_owned()),
            "FETCHES_PER_SECOND" => Some("many".to_owned()),
            _ => None,
        };
        let mut vars = Vars::new(&lookup);
        DomainConfig::<NoSettings>::read(&mut vars);
        let sdk = aws::sdk_config(&mut vars);
        assert!(StripeObjects::read(&mut vars, &sdk).is_err());
        let bad = vars.finish().expect_err("bad").to_string();
        for name in [
            "DOMAIN_TABLE",
            "RETENTION_DAYS",
            "AWS_REGION",
            "STRIPE_API_URL",
            "FETCHES_PER_SECOND",
        ] {
            assert!(bad.contains(name), "{name} is missing in: {bad}");
        }
    }

    #[test]
    fn keys_are_read_from_json_and_never_quoted() {
        let keys = parse(r#"{"live":"rk_live_x"}"#).expect("keys");
        assert!(keys.live.is_some() && keys.test.is_none());
        for text in ["rk_live_x", r#"{"live":7}"#, r#"["rk_live_x"]"#, ""] {
            let fault = parse(text).expect_err("refused");
            assert_eq!(fault.code, "stripe.key_malformed");
            assert!(!fault.to_string().contains("rk_live"), "{fault}");
        }
    }
}
