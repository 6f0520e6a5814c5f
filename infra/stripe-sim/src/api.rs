//! Answers to API requests, as a function of the world, the second and the request. This module opens no sockets.
//!
//! The API serves `GET` of each kind of object by id and as a list, `/v1/events` and `/v2/core/events` with their
//! filters, the connected accounts and the webhook endpoints. It reads the headers `Authorization` (Bearer, or Basic
//! with the key as the user), `Stripe-Version`, `Stripe-Account` and `Stripe-Context`. Faults have Stripe's form and
//! words, so a client's own reading of them is tested. Unknown parameters are refused, as at Stripe, and so is whatever
//! this simulation lacks: a client must not believe that a filter worked that was ignored.

mod error;
mod events;
mod events_v2;
mod objects;
mod page;
mod query;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

pub use error::Error;
pub(crate) use events::matches as events_match;

use crate::version::ApiVersion;
use crate::world::{Moment, OWN_ACCOUNT, Scope, World};
use query::Query;

/// How long events can be listed, in seconds: 30 days.
pub const EVENTS_KEPT_S: i64 = 30 * 86_400;

/// An API key, and the mode that it opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// `sk_…` or `rk_…`; its form isn't checked.
    pub text: String,
    /// Live or test mode.
    pub livemode: bool,
}

/// The terms on which the API is served.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The keys that open it.
    pub keys: Vec<ApiKey>,
    /// How long events can be read, in seconds; no limit if `None`.
    pub events_kept_s: Option<i64>,
}

impl Default for Terms {
    /// `sk_test_Sluice` and `sk_live_Sluice`, and [`EVENTS_KEPT_S`].
    fn default() -> Self {
        let key = |text: &str, livemode| ApiKey {
            text: text.to_owned(),
            livemode,
        };
        Self {
            keys: vec![key("sk_test_Sluice", false), key("sk_live_Sluice", true)],
            events_kept_s: Some(EVENTS_KEPT_S),
        }
    }
}

/// A request: the parts that matter here.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// `/v1/events`.
    pub path: String,
    /// The part after the question mark, still encoded.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The account that the request acts for: `Stripe-Account`, or the last account of `Stripe-Context`.
    pub(crate) fn account(&self) -> Option<&str> {
        let context = || {
            let context = self.header("stripe-context")?;
            context.rsplit('/').find(|part| part.starts_with("acct_"))
        };
        self.header("stripe-account").or_else(context)
    }
}

/// The answer to a request.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// JSON.
    pub body: Value,
    /// The API version that it is in, if the request got that far.
    pub version: Option<ApiVersion>,
}

/// What an answer is computed from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) world: &'a World,
    pub(crate) terms: &'a Terms,
    pub(crate) now: i64,
    pub(crate) scope: &'a Scope,
    pub(crate) version: ApiVersion,
    pub(crate) query: &'a Query,
}

impl Call<'_> {
    pub(crate) fn moment(&self) -> Moment {
        Moment::Second(self.now)
    }
}

/// Answers a request at a second (Unix) of the simulated time.
#[must_use]
pub fn answer(world: &World, terms: &Terms, now: i64, request: &Request) -> Answer {
    let answered = serve(world, terms, now, request);
    let version = version_of(world, request).ok();
    match answered {
        Ok(body) => Answer {
            status: 200,
            body,
            version,
        },
        Err(error) => Answer {
            status: error.status,
            body: error.body(),
            version,
        },
    }
}

fn serve(world: &World, terms: &Terms, now: i64, request: &Request) -> Result<Value, Error> {
    let key = key_of(terms, request)?;
    let scope = scope_of(world, key, now, request)?;
    let version = version_of(world, request)?;
    let unknown = || Error::unknown_url(&request.method, &request.path);
    if request.method != "GET" {
        return Err(unknown());
    }
    let call = Call {
        world,
        terms,
        now,
        scope: &scope,
        version,
        query: &Query::read(&request.query),
    };
    let parts = request.path.split('/').filter(|part| !part.is_empty());
    match parts.collect::<Vec<_>>().as_slice() {
        ["v1", "events"] => events::list(&call),
        ["v1", "events", id] => events::retrieve(&call, id),
        ["v1", object @ ..] => objects::serve(&call, object).ok_or_else(unknown)?,
        // Unlike v1, v2 doesn't fall back to a version of the account's own.
        ["v2", ..] if request.header("stripe-version").is_none() => Err(Error::no_version()),
        ["v2", "core", "events"] => events_v2::list(&call),
        ["v2", "core", "events", id] => events_v2::retrieve(&call, id),
        _ => Err(unknown()),
    }
}

fn key_of<'t>(terms: &'t Terms, request: &Request) -> Result<&'t ApiKey, Error> {
    let given = request
        .header("authorization")
        .and_then(key_text)
        .filter(|text| !text.is_empty())
        .ok_or_else(Error::no_key)?;
    let known = terms.keys.iter().find(|key| key.text == given);
    known.ok_or_else(|| Error::bad_key(&given))
}

/// The key in an `Authorization` header: a Bearer's token or Basic's user.
fn key_text(header: &str) -> Option<String> {
    let (scheme, rest) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    let decoded = BASE64_STANDARD.decode(rest.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    Some(text.split(':').next()?.to_owned())
}

fn scope_of(world: &World, key: &ApiKey, now: i64, request: &Request) -> Result<Scope, Error> {
    // A key may name its own account, which changes nothing.
    let account = request.account();
    let account = account.filter(|account| *account != OWN_ACCOUNT);
    if let Some(account) = account {
        let made_in = world
            .accounts()
            .iter()
            .find(|known| known.account.as_deref() == Some(account));
        match made_in {
            None => return Err(Error::no_access(&key.text, account)),
            Some(made) if key.livemode && !made.livemode => {
                return Err(Error::test_account(account));
            }
            Some(made) if world.has_left(made, now) => {
                return Err(Error::no_access(&key.text, account));
            }
            Some(_) => {}
        }
    }
    Ok(Scope {
        account: account.map(str::to_owned),
        livemode: key.livemode,
    })
}

fn version_of(world: &World, request: &Request) -> Result<ApiVersion, Error> {
    match request.header("stripe-version") {
        None => Ok(world.options().api_version),
        Some(name) => ApiVersion::named(name).ok_or_else(|| Error::bad_version(name)),
    }
}
