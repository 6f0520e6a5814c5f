//! Stripe's lists: events, the connected accounts, and the objects of a kind.
//!
//! Each page is one request, within the same budget and time as a fetch. A page of events is given as each event's own
//! bytes, as Stripe wrote them. Where a page is larger than what is read, it is asked for again with fewer on it.

use http::StatusCode;
use http::header::HeaderValue;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sluice_kernel::effect::Scope;
use sluice_kernel::fault::{Class, Fault};
use sluice_kernel::rebuild::{Existing, Shown};
use sluice_kernel::reconcile::ungenerated::{self, Ungenerated};
use sluice_kernel::reconcile::{Ask, Listed, Listing, PAGE_EVENTS_MAX};

use super::paths::{OnBehalf, collection, segment};
use super::wire::Answer;
use super::{API_VERSION, Client, head_of, refusal};
use crate::event::time;

/// The most types that Stripe's filter takes; with more, all are listed and the answer is filtered.
const TYPES_MAX: usize = 20;

/// How many events a page has at most, largest first: what to fall back to when an answer is too large.
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
        let mut refused = None;
        for limit in LIMITS {
            let listed = self
                .list::<Box<RawValue>>(&events(ask, limit), &ask.scope, OnBehalf::Account)
                .await;
            match listed {
                Err(fault) if fault.code == "stripe.answer_too_large" => refused = Some(fault),
                Err(fault) => return Err(fault),
                Ok(Listed::Page { items, has_more }) => {
                    let items = items.iter().map(|item| item.get().as_bytes().to_vec());
                    return Ok(Listed::Page {
                        items: items.collect(),
                        has_more,
                    });
                }
                Ok(Listed::NoKey) => return Ok(Listed::NoKey),
                Ok(Listed::Spent { wait_ms }) => return Ok(Listed::Spent { wait_ms }),
            }
        }
        // An event that is larger than what is read: nothing that would be listed after it may be passed over.
        let cause = refused.map_or_else(String::new, |fault| fault.cause);
        Err(Fault::retry("stripe.answer_too_large", cause))
    }

    async fn accounts(&self, livemode: bool, after: Option<&str>) -> Result<Listed<String>, Fault> {
        let mut target = format!("/v1/accounts?limit={PAGE_EVENTS_MAX}");
        if let Some(after) = after {
            target.push_str(&format!("&starting_after={}", segment(after)));
        }
        let platform = Scope {
            account: None,
            livemode,
        };
        let listed = self.list::<Account>(&target, &platform, OnBehalf::Platform);
        Ok(match listed.await? {
            Listed::Page { items, has_more } => Listed::Page {
                items: items.into_iter().map(|account| account.id).collect(),
                has_more,
            },
            Listed::NoKey => Listed::NoKey,
            Listed::Spent { wait_ms } => Listed::Spent { wait_ms },
        })
    }

    async fn ungenerated(
        &self,
        livemode: bool,
        from_s: i64,
        to_s: i64,
    ) -> Result<Listed<Ungenerated>, Fault> {
        self.list_ungenerated(livemode, from_s, to_s).await
    }
}

/// A page of API v2.
#[derive(Deserialize)]
struct PageV2 {
    data: Vec<Value>,
    next_page_url: Option<String>,
}

impl Client {
    /// The events by which Stripe says what it failed to make, with their data.
    pub(super) async fn list_ungenerated(
        &self,
        livemode: bool,
        from_s: i64,
        to_s: i64,
    ) -> Result<Listed<Ungenerated>, Fault> {
        let Some(key) = self.authorization(livemode)? else {
            return Ok(Listed::NoKey);
        };
        let taken = self.budget().take((self.ticks_ms)());
        if let Err(wait_ms) = taken {
            return Ok(Listed::Spent { wait_ms });
        }
        let (from, to) = (time::written(from_s), time::written(to_s + 1));
        // A page ends before the second after the last one that is asked for: `created` has parts of a second here.
        let target = format!(
            "/v2/core/events?limit={}&types%5B0%5D={}&created%5Bgte%5D={}&created%5Blt%5D={}",
            ungenerated::PAGE_MAX,
            ungenerated::KIND,
            segment(&from),
            segment(&to),
        );
        let page: PageV2 = self.get_v2(&target, &key).await?;
        let mut items = Vec::with_capacity(page.data.len());
        for mut event in page.data {
            // A list may show an event without its data, as a delivery does.
            if !event["data"].is_object()
                && let Some(id) = event["id"].as_str()
            {
                let target = format!("/v2/core/events/{}", segment(id));
                // It is owed: half a page would have to be asked for again.
                self.budget().spend((self.ticks_ms)());
                event = self.get_v2(&target, &key).await?;
            }
            items.extend(ungenerated_of(&event, livemode));
        }
        Ok(Listed::Page {
            items,
            has_more: page.next_page_url.is_some(),
        })
    }

    async fn get_v2<T: for<'de> Deserialize<'de>>(
        &self,
        target: &str,
        key: &HeaderValue,
    ) -> Result<T, Fault> {
        let mut headers = head_of(key, None, OnBehalf::Platform)?;
        headers.insert("stripe-version", HeaderValue::from_static(API_VERSION));
        let asked = tokio::time::timeout(self.total_timeout, self.get(target, headers));
        let answer = asked.await.unwrap_or_else(|_| Err(self.no_answer()))?;
        if answer.status != StatusCode::OK {
            return Err(refusal::fault(&answer));
        }
        serde_json::from_slice(&answer.body).map_err(|error| {
            let cause = format!("not what was asked for, at line {}", error.line());
            Fault::retry("stripe.answer_unreadable", cause)
        })
    }

    fn no_answer(&self) -> Fault {
        let cause = format!("no whole answer in {} ms", self.total_timeout.as_millis());
        Fault::retry("stripe.unavailable", cause)
    }
}

/// What such an event says. One that doesn't say of which type it speaks says nothing.
fn ungenerated_of(event: &Value, livemode: bool) -> Option<Ungenerated> {
    let impact = &event["data"]["impact"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let context = impact["context"].as_str().unwrap_or_default();
    let account = context.rsplit('/').find(|part| part.starts_with("acct_"));
    let related = &impact["related_object"];
    Some(Ungenerated {
        told_by: text(&event["id"])?,
        told_s: time::unix_seconds(event["created"].as_str()?)?,
        scope: Scope {
            account: account.map(str::to_owned),
            livemode: event["livemode"].as_bool().unwrap_or(livemode),
        },
        kind: text(&impact["event_type"])?,
        object: text(&related["id"]).filter(|id| !id.is_empty()),
        object_kind: text(&related["type"]),
    })
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
                Err(fault) if fault.code == "stripe.answer_too_large" => {
                    refused = Some(fault);
                    continue;
                }
                Err(fault) => return Err(fault),
                Ok(Paged::NoKey) => return Ok(Listed::NoKey),
                Ok(Paged::Spent { wait_ms }) => return Ok(Listed::Spent { wait_ms }),
                Ok(Paged::Page(page, answer)) => (page.data, page.has_more, answer),
            };
            let (date_s, took_ms) = (answer.date_s()?, answer.took_ms);
            let items = items.into_iter().map(|object| Shown {
                object,
                api_version: answer.api_version().map(str::to_owned),
                date_s,
                took_ms,
            });
            return Ok(Listed::Page {
                items: items.collect(),
                has_more,
            });
        }
        let cause = refused.map_or_else(String::new, |fault| fault.cause);
        Err(Fault::retry("stripe.answer_too_large", cause))
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
    /// The API version that its events are in; the account's own where none.
    pub api_version: Option<String>,
}

impl Client {
    /// A page of the endpoints of a mode, after the one of this id.
    ///
    /// # Errors
    /// As [`Listing::events`]; `stripe.key_refused` where the key may not read webhook endpoints.
    pub async fn webhook_endpoints(
        &self,
        livemode: bool,
        after: Option<&str>,
    ) -> Result<Listed<WebhookEndpoint>, Fault> {
        let mut target = format!("/v1/webhook_endpoints?limit={PAGE_EVENTS_MAX}");
        if let Some(after) = after {
            target.push_str(&format!("&starting_after={}", segment(after)));
        }
        let platform = Scope {
            account: None,
            livemode,
        };
        self.list(&target, &platform, OnBehalf::Platform).await
    }
}

impl Client {
    /// The id of the account that a mode's key belongs to; `None` without a key.
    ///
    /// # Errors
    /// `Retry` or `Reject` as Stripe answers; `stripe.key_refused` where the key may not read its account.
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
            Fault::retry("stripe.answer_unreadable", cause)
        })?;
        Ok(Some(account.id))
    }
}

/// A page, with the answer that it came in.
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
    ) -> Result<Listed<T>, Fault> {
        Ok(match self.ask_page(target, scope, on_behalf).await? {
            Paged::Page(page, _) => Listed::Page {
                items: page.data,
                has_more: page.has_more,
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
            let fault = refusal::fault(&answer);
            // Nothing that is there was named, so what is missing is the account.
            let gone = fault.class == Class::Reject && refusal::is_missing(&answer);
            return Err(if gone && scope.account.is_some() {
                Fault::retry("stripe.account_unreachable", fault.cause)
            } else {
                fault
            });
        }
        let page: Page<T> = serde_json::from_slice(&answer.body).map_err(|error| {
            let cause = format!("not a page at line {}", error.line());
            Fault::retry("stripe.answer_unreadable", cause)
        })?;
        Ok(Paged::Page(page, answer))
    }
}

fn existing(kind: &str, limit: usize, after: Option<&str>) -> Result<String, Fault> {
    let Some(collection) = collection(kind) else {
        let cause = "objects of this kind have no list of their own";
        return Err(Fault::reject("stripe.no_list", cause));
    };
    let mut target = format!("/v1/{collection}?limit={limit}");
    // Stripe lists no subscription that is canceled unless it is asked to.
    if kind == "subscription" {
        target.push_str("&status=all");
    }
    if let Some(after) = after {
        target.push_str(&format!("&starting_after={}", segment(after)));
    }
    Ok(target)
}

fn events(ask: &Ask, limit: usize) -> String {
    let mut target = format!(
        "/v1/events?limit={limit}&created%5Bgte%5D={}&created%5Blte%5D={}",
        ask.from_s, ask.to_s
    );
    let mut add = |name: &str, value: &str| {
        target.push_str(&format!("&{name}={}", segment(value)));
    };
    match &ask.types[..] {
        [one] if one != "*" => add("type", one),
        [] => {}
        // Stripe takes a pattern only by itself.
        several if several.len() <= TYPES_MAX && !several.iter().any(|one| one.contains('*')) => {
            for one in several {
                add("types%5B%5D", one);
            }
        }
        _ => {}
    }
    if let Some(after) = &ask.after {
        add("starting_after", after);
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(types: &[&str], after: Option<&str>) -> Ask {
        Ask {
            scope: Scope {
                account: None,
                livemode: true,
            },
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
}
