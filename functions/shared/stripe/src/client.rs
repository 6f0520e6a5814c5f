//! The API's client: asks Stripe for an object, or for a page of a list. Behind the feature `client`.
//!
//! # Layout
//!
//! | Module | |
//! |---|---|
//! | this | turns a [`Fetch`] into a [`Fetched`] |
//! | [`keys`] | API keys, and the mode that each opens |
//! | `list` | pages of events, accounts and objects |
//! | `list_v2` | pages of the events of API v2 |
//! | [`paths`] | the path of each kind of object |
//! | `wire` | one request and its answer: TLS, time, size |
//! | `refusal` | answers that aren't the object, as faults |
//! | [`whole`] | complete lists, and what else domains need of an object |
//!
//! # Guarantees
//!
//! - A fetch ends within [`Settings::total_timeout`], regardless of what Stripe does.
//! - It only ever reads, so nothing is left half done: a failed fetch may be repeated.
//! - [`Fetched::Deleted`] is proven, as [`sluice_kernel::consumer::fetch`] describes.
//! - Requests keep to the [`Budget`]. A 429 is a fault with Stripe's `Retry-After` as its delay, and until then this
//!   client sends no request: it returns `Spent`.
//! - A fault never contains a key, nor anything of Stripe's answer except its error's code.
//!
//! # Failure windows
//!
//! A connection that the server closed while the function was frozen (between two invocations) is noticed only when it
//! is used. Such a request is sent once more, within the same time; the object may then be read twice, which does no
//! harm, and `took_ms` counts from the first sending.
//!
//! # What it doesn't do
//!
//! The client never repeats a request that Stripe answered: the queue does, later. It doesn't support organisations'
//! keys (`sk_org_…`), because their prefix doesn't show their mode.

pub mod keys;
mod list;
mod list_v2;
pub mod paths;
mod refusal;
pub mod whole;
mod wire;

pub use list::WebhookEndpoint;
pub use list_v2::EVENTS_API_VERSION;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::HeaderValue;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sluice_kernel::consumer::fetch::budget::Budget;
use sluice_kernel::consumer::fetch::{Fetch, Fetched, Objects, Proof};
use sluice_kernel::fault::Fault;

use keys::Keys;
use paths::{ENTITLEMENTS, OnBehalf};
use wire::{Answer, Wire};

use crate::code;

/// Stripe.
pub const API_BASE: &str = "https://api.stripe.com";

/// The API version that is requested if a path needs one (`/v2/…`) and the request names none.
pub const API_VERSION: &str = "2025-09-30.clover";

/// The longest wait for a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_000);

/// The longest time of a fetch, including the proof of a deletion. Stripe answers a retrieval in 0.1 to 0.5 s.
pub const TOTAL_TIMEOUT: Duration = Duration::from_millis(4_000);

/// The largest answer that is read. Objects have 1 to 300 KB: lists within them are cut to ten.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// How long to wait after a 429 when the server named no delay.
pub const REST_MS: u64 = 1_000;

/// The longest accepted `Retry-After`: a longer one is an error of some intermediary.
pub const RETRY_AFTER_MS_MAX: u64 = 900_000;

/// The settings of a client, without its keys.
#[derive(Debug, Clone)]
pub struct Settings {
    /// [`API_BASE`], or a loopback address with `http://` for a simulation.
    pub base: String,
    /// This environment's share of the requests.
    pub budget: Budget,
    /// [`TOTAL_TIMEOUT`].
    pub total_timeout: Duration,
    /// [`ANSWER_BYTES_MAX`].
    pub answer_bytes_max: usize,
}

impl Settings {
    /// Stripe itself, with the limits above.
    pub fn new(budget: Budget) -> Self {
        Self {
            base: API_BASE.to_owned(),
            budget,
            total_timeout: TOTAL_TIMEOUT,
            answer_bytes_max: ANSWER_BYTES_MAX,
        }
    }
}

/// The client. One per environment: it keeps its connection and its budget.
pub struct Client {
    wire: Wire,
    total_timeout: Duration,
    ticks_ms: fn() -> u64,
    keys: Mutex<Keys>,
    budget: Mutex<Budget>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// A client. It connects, and reads the system's root certificates, at the first fetch.
    ///
    /// `ticks_ms` counts milliseconds from an arbitrary moment by a clock that doesn't jump: it measures how long
    /// requests take.
    ///
    /// # Errors
    /// `Init` with `stripe.bad_base`.
    pub fn new(settings: Settings, keys: Keys, ticks_ms: fn() -> u64) -> Result<Self, Fault> {
        Ok(Self {
            wire: Wire::new(&settings.base, settings.answer_bytes_max, ticks_ms)?,
            total_timeout: settings.total_timeout,
            ticks_ms,
            keys: Mutex::new(keys),
            budget: Mutex::new(settings.budget),
        })
    }

    /// Uses other keys from now on: after `stripe.key_refused`, once the secret was read again.
    pub fn set_keys(&self, keys: Keys) {
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    fn authorization(&self, livemode: bool) -> Result<Option<HeaderValue>, Fault> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.authorization(livemode)
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(
        &self,
        request: &Fetch,
        path: &paths::Path,
        key: &HeaderValue,
    ) -> Result<Fetched, Fault> {
        let version = request.api_version.as_deref();
        let headers = headers(request, &path.target, path.on_behalf, version, key)?;
        let began_ms = (self.ticks_ms)();
        let expanded = whole::expanded(&path.target);
        let mut answer = self.get(&expanded, headers.clone()).await?;
        if answer.status == StatusCode::FORBIDDEN && expanded != path.target {
            // The key may be allowed to read the object but not the objects expanded in it.
            self.budget().spend((self.ticks_ms)());
            answer = self.get(&path.target, headers).await?;
        }
        if answer.status == StatusCode::OK {
            let found = found(request, version, &answer)?;
            return self.whole(request, path, key, found, began_ms).await;
        }
        if !refusal::is_missing(&answer) {
            return Err(refusal::fault(&answer));
        }
        self.prove(request, key).await?;
        Ok(Fetched::Deleted {
            object: None,
            date_s: answer.date_s()?,
            took_ms: answer.took_ms,
        })
    }

    /// The object with what events leave out of it.
    async fn whole(
        &self,
        request: &Fetch,
        path: &paths::Path,
        key: &HeaderValue,
        found: Fetched,
        began_ms: u64,
    ) -> Result<Fetched, Fault> {
        let Fetched::Found {
            object: mut whole,
            api_version,
            mut date_s,
            mut took_ms,
            ..
        } = found
        else {
            return Ok(found);
        };
        // Read page by page, the list shows its state at some moment between the first page and the last.
        if let Some(last_s) = self.complete(request, path, key, &mut whole).await? {
            let all_ms = (self.ticks_ms)().saturating_sub(began_ms);
            took_ms = took_ms.max(u32::try_from(all_ms).unwrap_or(u32::MAX));
            date_s = last_s;
        }
        let shown = whole::shown(&path.target, api_version.as_deref(), &whole);
        let (object, whole) = match shown {
            Some(shown) => (shown, Some(whole)),
            None => (whole, None),
        };
        Ok(Fetched::Found {
            object,
            whole,
            api_version,
            date_s,
            took_ms,
        })
    }

    /// Whether the key, acting for the account, can read the event that showed the object.
    async fn prove(&self, request: &Fetch, key: &HeaderValue) -> Result<(), Fault> {
        let unproven = |why: &str| Err(Fault::retry(code::STRIPE_DELETION_UNPROVEN, why));
        let (target, id) = match &request.proof {
            Some(Proof::Snapshot(id)) => (format!("/v1/events/{}", paths::segment(id)), id),
            Some(Proof::Thin(id)) => (format!("/v2/core/events/{}", paths::segment(id)), id),
            None => return unproven("there is no event to show that the key is the right one"),
        };
        // This request is made even without budget: half an answer would have to be requested again.
        self.budget().spend((self.ticks_ms)());
        let headers = headers(request, &target, OnBehalf::Account, None, key)?;
        let answer = self.get(&target, headers).await?;
        if answer.status == StatusCode::OK {
            let event = answer.json()?;
            let mode = Value::Bool(request.scope.livemode);
            return if event["id"] == **id && event["livemode"] == mode {
                Ok(())
            } else {
                unproven("the event that the key is shown is another")
            };
        }
        let fault = refusal::fault(&answer);
        match answer.status {
            StatusCode::NOT_FOUND => unproven(
                "the key isn't shown the event either: it is another account's, or the event is older than 30 days",
            ),
            StatusCode::FORBIDDEN => unproven(&format!("no permission to read events ({fault})")),
            _ => Err(fault),
        }
    }

    fn no_answer(&self) -> Fault {
        let cause = format!("no whole answer in {} ms", self.total_timeout.as_millis());
        Fault::retry(code::STRIPE_UNAVAILABLE, cause)
    }

    async fn get(&self, target: &str, headers: HeaderMap) -> Result<Answer, Fault> {
        let answer = self.wire.get(target, headers).await?;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            let rest_ms = answer.retry_after_ms().unwrap_or(REST_MS);
            self.budget().rest((self.ticks_ms)(), rest_ms);
        }
        Ok(answer)
    }
}

impl Objects for Client {
    async fn fetch(&self, request: &Fetch) -> Result<Fetched, Fault> {
        let Some(key) = self.authorization(request.scope.livemode)? else {
            return Ok(Fetched::NoKey);
        };
        let Some(path) = paths::path(request)? else {
            return Ok(Fetched::NoPath);
        };
        let taken = self.budget().take((self.ticks_ms)());
        if let Err(wait_ms) = taken {
            return Ok(Fetched::Spent { wait_ms });
        }
        let asked = tokio::time::timeout(self.total_timeout, self.ask(request, &path, &key));
        asked.await.unwrap_or_else(|_| Err(self.no_answer()))
    }
}

fn headers(
    request: &Fetch,
    target: &str,
    on_behalf: OnBehalf,
    version: Option<&str>,
    key: &HeaderValue,
) -> Result<HeaderMap, Fault> {
    // Stripe accepts one of the two. A context says more: the path to the account through an organisation.
    let context = request.context.as_deref();
    let account = request.scope.account.as_deref();
    let mut headers = head_of(key, account.filter(|_| context.is_none()), on_behalf)?;
    let version = version.or_else(|| target.starts_with("/v2/").then_some(API_VERSION));
    if let Some(version) = version {
        headers.insert("stripe-version", readable("api_version", version)?);
    }
    if let Some(context) = context {
        headers.insert("stripe-context", readable("context", context)?);
    }
    Ok(headers)
}

/// The headers of any request: who makes it, and for which account.
fn head_of(
    key: &HeaderValue,
    account: Option<&str>,
    on_behalf: OnBehalf,
) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::AUTHORIZATION, key.clone());
    if let (OnBehalf::Account, Some(account)) = (on_behalf, account) {
        headers.insert("stripe-account", readable("account", account)?);
    }
    Ok(headers)
}

fn readable(name: &str, text: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_str(text).map_err(|_| {
        let cause = format!("{name} has characters that a header can't carry");
        Fault::reject(code::STRIPE_BAD_REFERENCE, cause)
    })
}

fn found(request: &Fetch, asked: Option<&str>, answer: &Answer) -> Result<Fetched, Fault> {
    let mut object = answer.json()?;
    let (date_s, took_ms) = (answer.date_s()?, answer.took_ms);
    let livemode = object["livemode"].as_bool();
    if livemode.is_some_and(|livemode| livemode != request.scope.livemode) {
        let cause = "Stripe answered with an object of the other mode";
        return Err(Fault::retry(code::STRIPE_KEY_WRONG_MODE, cause));
    }
    if object["deleted"] == true {
        return Ok(Fetched::Deleted {
            object: Some(object),
            date_s,
            took_ms,
        });
    }
    if request.kind == ENTITLEMENTS && object["object"] == "list" {
        // Stripe serves only the list. This is the object that its events show.
        object = json!({
            "object": ENTITLEMENTS,
            "customer": request.id,
            "entitlements": object,
            "livemode": request.scope.livemode,
        });
    }
    let version = answer.api_version().or(asked);
    Ok(Fetched::Found {
        object,
        whole: None,
        api_version: version.map(str::to_owned),
        date_s,
        took_ms,
    })
}
