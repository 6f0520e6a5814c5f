//! Stripe's lists: events, the connected accounts, and the objects of a kind.
//!
//! Each page is one request, within the same budget and time as a fetch. A page of events is returned as each event's
//! own bytes, as Stripe wrote them. If a page is larger than the limit, it is requested again with fewer events. A list
//! of API v1 continues after the last element of a page that has an id, even if nothing else of it can be read. A list
//! of API v2 (`list_v2`) names its next page itself.

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sluice_kernel::delivery::endpoint::Payload;
use sluice_kernel::event::Scope;
use sluice_kernel::fault::Fault;
use sluice_kernel::rebuild::{Existing, Shown};
use sluice_kernel::reconcile::{
    Ask, AskUngenerated, Listed, Listing, PAGE_EVENTS_MAX, Ungenerated,
};

use super::paths::{OnBehalf, collection, segment};
use super::wire::Answer;
use super::{Client, head_of, refusal};
use crate::code;

/// The most types that Stripe's filter accepts; with more, all events are listed and the client filters the answer.
pub(super) const TYPES_MAX: usize = 20;

/// The page sizes to try, largest first, when an answer is too large.
const LIMITS: [usize; 3] = [PAGE_EVENTS_MAX, 10, 1];

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    has_more: bool,
}

#[derive(Deserialize)]
struct Account {
    id: String,
}

impl Listing for Client {
    async fn has_key(&self, livemode: bool) -> Result<bool, Fault> {
        Ok(self.authorization(livemode)?.is_some())
    }

    async fn events(&self, ask: &Ask) -> Result<Listed<Vec<u8>>, Fault> {
        if ask.payload == Payload::Thin {
            return self.list_thin(ask).await;
        }
        let mut refused = None;
        for limit in LIMITS {
            let target = events(ask, limit);
            let id = |item: &Box<_>| id_of_raw(item);
            let listed = self.list(&target, &ask.scope, OnBehalf::Account, id);
            match listed.await {
                Err(fault) if fault.code == code::STRIPE_ANSWER_TOO_LARGE => refused = Some(fault),
                listed => return Ok(as_bytes(listed?)),
            }
        }
        // One event is larger than the limit: nothing that would be listed after it may be skipped.
        let cause = refused.map_or_else(String::new, |fault| fault.cause);
        Err(Fault::retry(code::STRIPE_ANSWER_TOO_LARGE, cause))
    }

    async fn accounts(&self, livemode: bool, after: Option<&str>) -> Result<Listed<String>, Fault> {
        let target = format!("/v1/accounts?limit={PAGE_EVENTS_MAX}");
        let platform = Scope {
            account: None,
            livemode,
        };
        let target = going_on(target, after);
        let id = |account: &Account| Some(account.id.clone());
        let listed = self
            .list(&target, &platform, OnBehalf::Platform, id)
            .await?;
        Ok(each(listed, |account| account.id))
    }

    async fn ungenerated(&self, ask: &AskUngenerated) -> Result<Listed<Ungenerated>, Fault> {
        self.list_ungenerated(ask).await
    }
}

/// The id of an element of any shape.
#[derive(Deserialize)]
struct Named {
    id: String,
}

fn id_of_raw(item: &RawValue) -> Option<String> {
    let named = serde_json::from_str::<Named>(item.get());
    named.ok().map(|named| named.id)
}

/// The same page with each element converted.
pub(super) fn each<T, U>(listed: Listed<T>, change: impl FnMut(T) -> U) -> Listed<U> {
    match listed {
        Listed::Page { items, next } => Listed::Page {
            items: items.into_iter().map(change).collect(),
            next,
        },
        Listed::NoKey => Listed::NoKey,
        Listed::Spent { wait_ms } => Listed::Spent { wait_ms },
    }
}

/// A page of elements as Stripe wrote them.
pub(super) fn as_bytes(listed: Listed<Box<RawValue>>) -> Listed<Vec<u8>> {
    each(listed, |item| item.get().as_bytes().to_vec())
}

fn going_on(mut target: String, after: Option<&str>) -> String {
    if let Some(after) = after {
        target.push_str(&format!("&starting_after={}", segment(after)));
    }
    target
}

/// The names and patterns of types that apply to the list of this payload.
pub(super) fn types_of(ask: &Ask) -> Vec<&str> {
    let types = ask.types.iter().map(String::as_str);
    types
        .filter(|kind| *kind == "*" || Payload::of(kind) == ask.payload)
        .collect()
}

impl Existing for Client {
    async fn existing(
        &self,
        scope: &Scope,
        kind: &str,
        after: Option<&str>,
    ) -> Result<Listed<Shown>, Fault> {
        let mut refused = None;
        for limit in LIMITS {
            let target = existing(kind, limit, after)?;
            let asked = self.ask_page::<Value>(&target, scope, OnBehalf::Account);
            let (items, has_more, answer) = match asked.await {
                Err(fault) if fault.code == code::STRIPE_ANSWER_TOO_LARGE => {
                    refused = Some(fault);
                    continue;
                }
                Err(fault) => return Err(fault),
                Ok(Paged::NoKey) => return Ok(Listed::NoKey),
                Ok(Paged::Spent { wait_ms }) => return Ok(Listed::Spent { wait_ms }),
                Ok(Paged::Page(page, answer)) => (page.data, page.has_more, answer),
            };
            let (date_s, took_ms) = (answer.date_s()?, answer.took_ms);
            let id = |object: &Value| object["id"].as_str().map(str::to_owned);
            let next = next(&items, has_more, id)?;
            let items = items.into_iter().map(|object| Shown {
                object,
                api_version: answer.api_version().map(str::to_owned),
                date_s,
                took_ms,
            });
            return Ok(Listed::Page {
                items: items.collect(),
                next,
            });
        }
        let cause = refused.map_or_else(String::new, |fault| fault.cause);
        Err(Fault::retry(code::STRIPE_ANSWER_TOO_LARGE, cause))
    }
}

/// An endpoint that Stripe delivers to, as `/v1/webhook_endpoints` lists it. Event destinations of API v2 aren't listed there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WebhookEndpoint {
    /// `we_…`
    pub id: String,
    /// Where Stripe posts to.
    pub url: String,
    /// The types that are sent there; `*` for all but a few.
    pub enabled_events: Vec<String>,
    /// `enabled` or `disabled`.
    pub status: String,
    /// The API version that its events are in; the account's own if none.
    pub api_version: Option<String>,
}

impl Client {
    /// A page of the endpoints of a mode, after the one of this id.
    ///
    /// # Errors
    /// As [`Listing::events`]; `stripe.key_refused` if the key may not read webhook endpoints.
    pub async fn webhook_endpoints(
        &self,
        livemode: bool,
        after: Option<&str>,
    ) -> Result<Listed<WebhookEndpoint>, Fault> {
        let target = format!("/v1/webhook_endpoints?limit={PAGE_EVENTS_MAX}");
        let platform = Scope {
            account: None,
            livemode,
        };
        let target = going_on(target, after);
        let id = |endpoint: &WebhookEndpoint| Some(endpoint.id.clone());
        self.list(&target, &platform, OnBehalf::Platform, id).await
    }
}

impl Client {
    /// The id of the account that a mode's key belongs to; `None` without a key.
    ///
    /// # Errors
    /// `Retry` or `Reject` depending on Stripe's answer; `stripe.key_refused` if the key may not read its account.
    pub async fn own_account(&self, livemode: bool) -> Result<Option<String>, Fault> {
        let Some(key) = self.authorization(livemode)? else {
            return Ok(None);
        };
        self.budget().spend((self.ticks_ms)());
        let headers = head_of(&key, None, OnBehalf::Platform)?;
        let asked = tokio::time::timeout(self.total_timeout, self.get("/v1/account", headers));
        let answer = asked.await.unwrap_or_else(|_| Err(self.no_answer()))?;
        if answer.status != StatusCode::OK {
            return Err(refusal::fault(&answer));
        }
        let account: Account = serde_json::from_slice(&answer.body).map_err(|error| {
            let cause = format!("not an account at line {}", error.line());
            Fault::retry(code::STRIPE_ANSWER_UNREADABLE, cause)
        })?;
        Ok(Some(account.id))
    }
}

/// A page, with its answer.
enum Paged<T> {
    Page(Page<T>, Answer),
    NoKey,
    Spent { wait_ms: u64 },
}

impl Client {
    async fn list<T: for<'de> Deserialize<'de>>(
        &self,
        target: &str,
        scope: &Scope,
        on_behalf: OnBehalf,
        id: impl Fn(&T) -> Option<String>,
    ) -> Result<Listed<T>, Fault> {
        Ok(match self.ask_page(target, scope, on_behalf).await? {
            Paged::Page(page, _) => Listed::Page {
                next: next(&page.data, page.has_more, id)?,
                items: page.data,
            },
            Paged::NoKey => Listed::NoKey,
            Paged::Spent { wait_ms } => Listed::Spent { wait_ms },
        })
    }

    async fn ask_page<T: for<'de> Deserialize<'de>>(
        &self,
        target: &str,
        scope: &Scope,
        on_behalf: OnBehalf,
    ) -> Result<Paged<T>, Fault> {
        let Some(key) = self.authorization(scope.livemode)? else {
            return Ok(Paged::NoKey);
        };
        let taken = self.budget().take((self.ticks_ms)());
        if let Err(wait_ms) = taken {
            return Ok(Paged::Spent { wait_ms });
        }
        let headers = head_of(&key, scope.account.as_deref(), on_behalf)?;
        let asked = tokio::time::timeout(self.total_timeout, self.get(target, headers));
        let answer = asked.await.unwrap_or_else(|_| Err(self.no_answer()))?;
        if answer.status != StatusCode::OK {
            return Err(refusal::of_list(&answer, scope.account.as_deref()));
        }
        let page: Page<T> = serde_json::from_slice(&answer.body).map_err(|error| {
            let cause = format!("not a page at line {}", error.line());
            Fault::retry(code::STRIPE_ANSWER_UNREADABLE, cause)
        })?;
        Ok(Paged::Page(page, answer))
    }
}

/// Where the next page begins: after the last element of this one that has an id. If no element has an id and there are
/// more pages, the list can't continue: that is a fault and not the end.
fn next<T>(
    items: &[T],
    has_more: bool,
    id: impl Fn(&T) -> Option<String>,
) -> Result<Option<String>, Fault> {
    if !has_more {
        return Ok(None);
    }
    let nowhere = || {
        Fault::retry(
            code::STRIPE_ANSWER_UNREADABLE,
            "a page without an id, and more after it",
        )
    };
    items
        .iter()
        .rev()
        .find_map(id)
        .ok_or_else(nowhere)
        .map(Some)
}

fn existing(kind: &str, limit: usize, after: Option<&str>) -> Result<String, Fault> {
    let Some(collection) = collection(kind) else {
        let cause = "objects of this kind have no list of their own";
        return Err(Fault::reject(code::STRIPE_NO_LIST, cause));
    };
    let mut target = format!("/v1/{collection}?limit={limit}");
    // Stripe lists no subscription that is canceled unless the request says so.
    if kind == "subscription" {
        target.push_str("&status=all");
    }
    Ok(going_on(target, after))
}

fn events(ask: &Ask, limit: usize) -> String {
    let mut target = format!(
        "/v1/events?limit={limit}&created%5Bgte%5D={}&created%5Blte%5D={}",
        ask.from_s, ask.to_s
    );
    let mut add = |name: &str, value: &str| {
        target.push_str(&format!("&{name}={}", segment(value)));
    };
    match &types_of(ask)[..] {
        [one] if *one != "*" => add("type", one),
        [] => {}
        // Stripe accepts a pattern only alone.
        several if several.len() <= TYPES_MAX && !several.iter().any(|one| one.contains('*')) => {
            for one in several {
                add("types%5B%5D", one);
            }
        }
        _ => {}
    }
    going_on(target, ask.after.as_deref())
}

#[cfg(test)]
mod tests {
    use sluice_kernel::fault::Class;

    use super::*;

    fn ask(types: &[&str], after: Option<&str>) -> Ask {
        Ask {
            scope: Scope {
                account: None,
                livemode: true,
            },
            payload: Payload::Snapshot,
            from_s: 10,
            to_s: 20,
            after: after.map(str::to_owned),
            types: types.iter().map(|one| (*one).to_owned()).collect(),
        }
    }

    #[test]
    fn a_page_of_events_is_asked_for_by_time_type_and_the_event_before() {
        let base = "/v1/events?limit=100&created%5Bgte%5D=10&created%5Blte%5D=20";
        assert_eq!(events(&ask(&[], None), 100), base);
        assert_eq!(
            events(&ask(&["charge.*"], Some("evt_1")), 100),
            format!("{base}&type=charge.%2A&starting_after=evt_1")
        );
        assert_eq!(
            events(&ask(&["charge.failed", "payout.paid"], None), 100),
            format!("{base}&types%5B%5D=charge.failed&types%5B%5D=payout.paid")
        );
    }

    #[test]
    fn a_page_of_objects_is_asked_for_by_kind_and_the_object_before() {
        assert_eq!(
            existing("subscription", 100, Some("sub_1")).expect("a list"),
            "/v1/subscriptions?limit=100&status=all&starting_after=sub_1"
        );
        assert_eq!(
            existing("customer", 10, None).expect("a list"),
            "/v1/customers?limit=10"
        );
        for kind in ["capability", "balance", "discount"] {
            let fault = existing(kind, 10, None).expect_err("no list");
            assert_eq!(fault.code, "stripe.no_list", "{kind}");
        }
    }

    #[test]
    fn what_stripes_filter_can_not_say_is_listed_whole() {
        let base = "/v1/events?limit=10&created%5Bgte%5D=10&created%5Blte%5D=20";
        let many: Vec<String> = (0..=TYPES_MAX).map(|n| format!("a.b{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for types in [&["*"][..], &["charge.*", "payout.paid"], &many] {
            assert_eq!(events(&ask(types, None), 10), base);
        }
    }

    #[test]
    fn types_of_thin_events_are_no_filter_of_snapshots() {
        let base = "/v1/events?limit=10&created%5Bgte%5D=10&created%5Blte%5D=20";
        let asked = events(
            &ask(&["v1.charge.failed", "payout.paid", "v2.core.*"], None),
            10,
        );
        assert_eq!(asked, format!("{base}&type=payout.paid"));
        assert_eq!(events(&ask(&["v1.charge.failed"], None), 10), base);
    }

    #[test]
    fn a_page_goes_on_after_the_last_thing_on_it_that_has_an_id() {
        let raw = |json: &str| RawValue::from_string(json.to_owned()).expect("JSON");
        let page = [
            raw(r#"{"id":"evt_1","type":"a.b"}"#),
            raw(r#"{"type":7,"amount":1e999,"id":"evt_2"}"#),
            raw(r#"{"id":5}"#),
            raw("[]"),
        ];
        let next = |page: &[Box<_>], has_more| next(page, has_more, |item| id_of_raw(item));
        assert_eq!(next(&page, false), Ok(None));
        assert_eq!(next(&page, true), Ok(Some("evt_2".to_owned())));
        for none in [&page[2..], &[]] {
            let fault = next(none, true).expect_err("nowhere to go on");
            assert_eq!(
                (fault.class, fault.code.as_str()),
                (Class::Retry, "stripe.answer_unreadable")
            );
        }
    }
}
