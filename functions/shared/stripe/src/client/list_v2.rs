//! Stripe's list of the events of API v2: thin events, and what Stripe says it failed to make.
//!
//! A page names the URL of the next one, including the filters, so one second may have more events than a page.
//! [`EVENTS_API_VERSION`] introduced the list by type and time, without an object's id.

use std::time::Duration;

use http::StatusCode;
use http::header::HeaderValue;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sluice_kernel::event::Scope;
use sluice_kernel::fault::Fault;
use sluice_kernel::reconcile::ungenerated;
use sluice_kernel::reconcile::{Ask, AskUngenerated, Listed, PAGE_EVENTS_MAX, Ungenerated};

use super::list::{TYPES_MAX, as_bytes, types_of};
use super::paths::{OnBehalf, segment};
use super::{Client, head_of, readable, refusal};
use crate::code;
use crate::event::time;

/// The API version of requests for lists: the first that filters by `types` and `created`, and needs no object.
pub const EVENTS_API_VERSION: &str = "2025-11-17.clover";

/// The list, and each event below it.
const EVENTS: &str = "/v2/core/events";

/// A page of API v2.
#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    next_page_url: Option<String>,
}

impl Client {
    /// A page of thin events, of the platform's own or of a connected account.
    pub(super) async fn list_thin(&self, ask: &Ask) -> Result<Listed<Vec<u8>>, Fault> {
        let target = match &ask.after {
            Some(url) => place(url)?,
            None => {
                let types = types_of(ask);
                let filtered =
                    types.len() <= TYPES_MAX && !types.iter().any(|one| one.contains('*'));
                let types = if filtered { &types[..] } else { &[] };
                list_target(PAGE_EVENTS_MAX, types, ask.from_s, ask.to_s)
            }
        };
        let listed = self.page_v2::<Box<RawValue>>(&target, &ask.scope).await?;
        Ok(as_bytes(listed))
    }

    /// The events by which Stripe says what it failed to make, with their data.
    pub(super) async fn list_ungenerated(
        &self,
        ask: &AskUngenerated,
    ) -> Result<Listed<Ungenerated>, Fault> {
        let within = Duration::from_millis(ask.within_ms);
        let listed = tokio::time::timeout(within, self.ungenerated_page(ask));
        listed.await.unwrap_or_else(|_| {
            let cause = format!("no whole page in the {} ms that were left", ask.within_ms);
            Err(Fault::retry(code::STRIPE_UNAVAILABLE, cause))
        })
    }

    async fn ungenerated_page(&self, ask: &AskUngenerated) -> Result<Listed<Ungenerated>, Fault> {
        let target = match &ask.after {
            Some(url) => place(url)?,
            None => list_target(
                ungenerated::PAGE_MAX,
                &[ungenerated::KIND],
                ask.from_s,
                ask.to_s,
            ),
        };
        let platform = Scope {
            account: None,
            livemode: ask.livemode,
        };
        let (events, next) = match self.page_v2::<Value>(&target, &platform).await? {
            Listed::Page { items, next } => (items, next),
            Listed::NoKey => return Ok(Listed::NoKey),
            Listed::Spent { wait_ms } => return Ok(Listed::Spent { wait_ms }),
        };
        let mut items = Vec::with_capacity(events.len());
        for mut event in events {
            // A list may show an event without its data, as a delivery does.
            if !event["data"].is_object()
                && let Some(id) = event["id"].as_str()
                && let Some(key) = self.authorization(ask.livemode)?
            {
                let target = format!("{EVENTS}/{}", segment(id));
                // This request is made even without budget: half a page would have to be requested again.
                self.budget().spend((self.ticks_ms)());
                event = self.get_v2(&target, None, &key).await?;
            }
            items.extend(ungenerated_of(&event, ask.livemode));
        }
        Ok(Listed::Page { items, next })
    }

    async fn page_v2<T: for<'de> Deserialize<'de>>(
        &self,
        target: &str,
        scope: &Scope,
    ) -> Result<Listed<T>, Fault> {
        let Some(key) = self.authorization(scope.livemode)? else {
            return Ok(Listed::NoKey);
        };
        let taken = self.budget().take((self.ticks_ms)());
        if let Err(wait_ms) = taken {
            return Ok(Listed::Spent { wait_ms });
        }
        let account = scope.account.as_deref();
        let page: Page<T> = self.get_v2(target, account, &key).await?;
        let next = page.next_page_url.as_deref().map(place).transpose();
        Ok(Listed::Page {
            items: page.data,
            next: next
                .map_err(|fault| Fault::retry(code::STRIPE_ANSWER_UNREADABLE, fault.cause))?,
        })
    }

    /// Sends a request to API v2, with the account that it acts for in `Stripe-Context`.
    async fn get_v2<T: for<'de> Deserialize<'de>>(
        &self,
        target: &str,
        account: Option<&str>,
        key: &HeaderValue,
    ) -> Result<T, Fault> {
        let mut headers = head_of(key, None, OnBehalf::Platform)?;
        headers.insert(
            "stripe-version",
            HeaderValue::from_static(EVENTS_API_VERSION),
        );
        if let Some(account) = account {
            headers.insert("stripe-context", readable("context", account)?);
        }
        let asked = tokio::time::timeout(self.total_timeout, self.get(target, headers));
        let answer = asked.await.unwrap_or_else(|_| Err(self.no_answer()))?;
        if answer.status != StatusCode::OK {
            return Err(refusal::of_list(&answer, account));
        }
        serde_json::from_slice(&answer.body).map_err(|error| {
            let cause = format!("not what was asked for, at line {}", error.line());
            Fault::retry(code::STRIPE_ANSWER_UNREADABLE, cause)
        })
    }
}

/// The first page of the list between these seconds, both included.
fn list_target(limit: usize, types: &[&str], from_s: i64, to_s: i64) -> String {
    // The range ends before the second after the last one, because `created` has fractions of a second here.
    let (from, to) = (time::written(from_s), time::written(to_s + 1));
    let mut target = format!("{EVENTS}?limit={limit}");
    for (n, kind) in types.iter().enumerate() {
        target.push_str(&format!("&types%5B{n}%5D={}", segment(kind)));
    }
    target.push_str(&format!(
        "&created%5Bgte%5D={}&created%5Blt%5D={}",
        segment(&from),
        segment(&to)
    ));
    target
}

/// The path of a page's URL, which must belong to this list.
fn place(url: &str) -> Result<String, Fault> {
    let path = match url.strip_prefix("https://") {
        Some(rest) => rest.find('/').map_or("", |slash| &rest[slash..]),
        None => url,
    };
    let query = path
        .strip_prefix(EVENTS)
        .and_then(|rest| rest.strip_prefix('?'));
    match query {
        Some(query) if query.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(path.to_owned()),
        _ => Err(Fault::reject(
            code::STRIPE_BAD_REFERENCE,
            "a next page that isn't one of the list of events",
        )),
    }
}

/// The content of such an event; `None` if it doesn't name the type that it is about.
fn ungenerated_of(event: &Value, livemode: bool) -> Option<Ungenerated> {
    let impact = &event["data"]["impact"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let context = impact["context"].as_str().unwrap_or_default();
    let account = context.rsplit('/').find(|part| part.starts_with("acct_"));
    let related = &impact["related_object"];
    Some(Ungenerated {
        notice_id: text(&event["id"])?,
        noticed_s: time::unix_seconds(event["created"].as_str()?)?,
        scope: Scope {
            account: account.map(str::to_owned),
            livemode: event["livemode"].as_bool().unwrap_or(livemode),
        },
        kind: text(&impact["event_type"])?,
        object: text(&related["id"]).filter(|id| !id.is_empty()),
        object_kind: text(&related["type"]),
    })
}

#[cfg(test)]
mod tests {
    use sluice_kernel::fault::Class;

    use super::*;

    #[test]
    fn a_first_page_is_asked_for_by_types_and_seconds() {
        let target = list_target(100, &["v1.charge.failed", "v2.core.account.closed"], 0, 59);
        assert_eq!(
            target,
            "/v2/core/events?limit=100&types%5B0%5D=v1.charge.failed&types%5B1%5D=v2.core.account.closed\
             &created%5Bgte%5D=1970-01-01T00%3A00%3A00Z&created%5Blt%5D=1970-01-01T00%3A01%3A00Z"
        );
    }

    #[test]
    fn a_next_page_is_taken_from_nowhere_but_the_list_itself() {
        let path = "/v2/core/events?limit=20&page=ab%3D";
        assert_eq!(place(path).as_deref(), Ok(path));
        let whole = format!("https://api.stripe.com{path}");
        assert_eq!(place(&whole).as_deref(), Ok(path));
        for url in [
            "",
            "1767225600",
            "/v2/core/events",
            "/v2/core/eventsx?page=1",
            "/v1/charges?page=1",
            "https://example.com",
            "http://example.com/v2/core/events?page=1",
            "/v2/core/events?page=1 HTTP/1.1",
            "/v2/core/events?page=1\r\nhost: x",
        ] {
            let fault = place(url).expect_err(url);
            assert_eq!(
                (fault.class, fault.code.as_str()),
                (Class::Reject, "stripe.bad_reference")
            );
        }
    }
}
