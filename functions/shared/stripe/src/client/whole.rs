//! The parts of an object that an event doesn't show.
//!
//! An event shows the first ten elements of a list, and other objects by their ids. Domains need more of some:
//!
//! | kind | what is requested besides it | for |
//! |---|---|---|
//! | subscription | `items` to their end, `latest_invoice` | what a customer may use |
//! | summary of entitlements | `entitlements` to their end | the same |
//! | charge | `refunds` to their end | which refunds a `charge.refunded` is about |
//!
//! The object as an event would show it is kept next to the whole one, because only objects in that form can be
//! compared. Sources: <https://docs.stripe.com/expand>, <https://docs.stripe.com/api/pagination>, and for refunds
//! <https://docs.stripe.com/changelog/2022-11-15/deprecates-charges-auto-expand>.

use http::header::HeaderValue;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sluice_kernel::consumer::fetch::Fetch;
use sluice_kernel::fault::Fault;

use super::paths::{self, ENTITLEMENTS, Path};
use super::{Client, headers, refusal};

/// The most further pages of a list, with a hundred elements each. Stripe allows twenty items in a subscription.
pub const FURTHER_PAGES_MAX: usize = 10;

/// How many elements of a list an event shows.
const SHOWN_MAX: usize = 10;

/// The first API version in which charges don't list their refunds unless a request expands them.
const REFUNDS_NOT_SHOWN_SINCE: &str = "2022-11-15";

/// A kind's path, what is expanded in it, and which of its lists is read to its end.
const KINDS: [(&str, &str, &str); 2] = [
    ("/v1/subscriptions/", "latest_invoice", "items"),
    ("/v1/charges/", "refunds", "refunds"),
];

fn of_path(target: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    let object = |prefix: &str| {
        let rest = target.strip_prefix(prefix);
        rest.is_some_and(|rest| !rest.split('?').next().unwrap_or_default().contains('/'))
    };
    KINDS.iter().find(|(prefix, ..)| object(prefix))
}

/// The path with what is to be expanded.
pub(super) fn expanded(target: &str) -> String {
    match of_path(target) {
        None => target.to_owned(),
        Some((_, field, _)) => with(target, &format!("expand%5B%5D={field}")),
    }
}

fn with(target: &str, parameter: &str) -> String {
    let mark = if target.contains('?') { '&' } else { '?' };
    format!("{target}{mark}{parameter}")
}

/// The object as an event shows it; `None` if that is the whole of it.
pub(super) fn shown(target: &str, api_version: Option<&str>, whole: &Value) -> Option<Value> {
    let mut object = whole.clone();
    let list = match of_path(target) {
        Some((.., "refunds")) => {
            let hidden = api_version.is_none_or(|version| version >= REFUNDS_NOT_SHOWN_SINCE);
            if hidden && let Some(fields) = object.as_object_mut() {
                fields.remove("refunds");
            }
            "refunds"
        }
        Some((_, field, list)) => {
            if let Some(place) = object.get_mut(*field)
                && let Some(id) = place.get("id").cloned()
            {
                *place = id;
            }
            list
        }
        None => "entitlements",
    };
    if let Some(list) = object.get_mut(list)
        && let Some(elements) = list.get_mut("data").and_then(Value::as_array_mut)
        && elements.len() > SHOWN_MAX
    {
        elements.truncate(SHOWN_MAX);
        list["has_more"] = json!(true);
    }
    (object != *whole).then_some(object)
}

impl Client {
    /// Reads the object's list to its end, as far as [`FURTHER_PAGES_MAX`] reach. Returns the second (Unix) in which
    /// the last page was read; `None` if there was no further one.
    pub(super) async fn complete(
        &self,
        request: &Fetch,
        path: &Path,
        key: &HeaderValue,
        whole: &mut Value,
    ) -> Result<Option<i64>, Fault> {
        let field = match of_path(&path.target) {
            Some((.., list)) => *list,
            None if whole["object"] == ENTITLEMENTS => "entitlements",
            None => return Ok(None),
        };
        let mut date_s = None;
        for _ in 0..FURTHER_PAGES_MAX {
            let list = &whole[field];
            let last = list["data"].as_array().and_then(|data| data.last());
            let (true, Some(last)) = (
                list["has_more"] == true,
                last.and_then(|last| last["id"].as_str()),
            ) else {
                break;
            };
            let from = match list["url"].as_str() {
                // The kind is served as a list, so the same path is requested.
                _ if field == "entitlements" => path.target.clone(),
                Some(url) if paths::is_path(url) => with(url, "limit=100"),
                _ => break,
            };
            let target = with(&from, &format!("starting_after={}", paths::segment(last)));
            let page = self.further_page(request, &target, path, key).await?;
            date_s = Some(page.date_s()?);
            let mut page = page.json()?;
            let (Some(more), Some(data)) = (
                page["data"].as_array_mut().map(std::mem::take),
                whole[field]["data"].as_array_mut(),
            ) else {
                break;
            };
            data.extend(more);
            whole[field]["has_more"] = page["has_more"].take();
        }
        Ok(date_s)
    }

    async fn further_page(
        &self,
        request: &Fetch,
        target: &str,
        path: &Path,
        key: &HeaderValue,
    ) -> Result<super::Answer, Fault> {
        // This request is made even without budget: half an object would have to be requested again.
        self.budget().spend((self.ticks_ms)());
        let version = request.api_version.as_deref();
        let headers: HeaderMap = headers(request, target, path.on_behalf, version, key)?;
        let answer = self.get(target, headers).await?;
        match answer.status {
            StatusCode::OK => Ok(answer),
            _ => Err(refusal::fault(&answer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_itself_is_expanded_and_its_path_may_have_a_query() {
        for (target, expected) in [
            ("/v1/charges/ch_1", "/v1/charges/ch_1?expand%5B%5D=refunds"),
            (
                "/v1/subscriptions/sub_1?a=b",
                "/v1/subscriptions/sub_1?a=b&expand%5B%5D=latest_invoice",
            ),
            ("/v1/charges/ch_1/refunds", "/v1/charges/ch_1/refunds"),
            ("/v1/invoices/in_1", "/v1/invoices/in_1"),
        ] {
            assert_eq!(expanded(target), expected);
        }
    }

    #[test]
    fn a_charge_is_shown_with_its_refunds_up_to_the_version_that_dropped_them() {
        let whole = json!({ "id": "ch_1", "refunds": { "data": [{ "id": "re_1" }] } });
        let target = "/v1/charges/ch_1";
        assert_eq!(shown(target, Some("2022-08-01"), &whole), None);
        for version in [Some("2022-11-15"), Some("2025-09-30.clover"), None] {
            assert_eq!(
                shown(target, version, &whole),
                Some(json!({ "id": "ch_1" }))
            );
        }
    }

    #[test]
    fn a_subscription_is_shown_with_its_invoices_id_and_ten_items() {
        let items: Vec<_> = (0..12).map(|id| json!({ "id": id })).collect();
        let whole = json!({
            "latest_invoice": { "id": "in_1", "billing_reason": "subscription_update" },
            "items": { "data": items, "has_more": false },
        });
        let shown = shown("/v1/subscriptions/sub_1", None, &whole).expect("less");
        assert_eq!(shown["latest_invoice"], "in_1");
        assert_eq!(shown["items"]["data"], json!(&items[..10]));
        assert_eq!(shown["items"]["has_more"], true);
    }
}
