//! Objects by id and as lists.

use serde_json::{Value, json};

use super::{Call, Error, page};
use crate::paths::COLLECTIONS;
use crate::world::{BALANCE, Key, OWN_ACCOUNT, Scope, entitlements_of};

/// Fields by which lists can be filtered: top-level fields, compared for equality.
const FILTERS: [&str; 6] = [
    "charge",
    "customer",
    "invoice",
    "payment_intent",
    "status",
    "type",
];

/// Serves a path below `/v1`; `None` if it belongs to no collection.
pub(crate) fn serve(call: &Call<'_>, path: &[&str]) -> Option<Result<Value, Error>> {
    match path {
        ["account"] => {
            return Some(match &call.scope.account {
                None => Ok(json!({ "id": OWN_ACCOUNT, "object": "account" })),
                Some(id) => account(call, id, &[]),
            });
        }
        ["accounts"] => return Some(accounts(call)),
        ["webhook_endpoints"] => return Some(endpoints(call)),
        ["accounts", id, rest @ ..] => return Some(account(call, id, rest)),
        ["application_fees", _, "refunds", id] => {
            return Some(retrieve(call, call.scope, "fee_refund", id, "refund"));
        }
        ["charges", id, "refunds"] => return Some(refunds(call, id)),
        ["subscriptions", id, "discount"] => return Some(discount(call, id)),
        ["balance"] => return Some(retrieve(call, call.scope, "balance", BALANCE, "id")),
        ["entitlements", "active_entitlements"] => return Some(entitlements(call)),
        ["subscription_items"] => return Some(subscription_items(call)),
        _ => {}
    }
    let of = |names: &&(&[&str], &str, &str)| path.starts_with(names.0);
    let (names, kind, param) = COLLECTIONS.iter().find(of)?;
    match &path[names.len()..] {
        [] => Some(list(call, kind, &format!("/v1/{}", names.join("/")))),
        [id] => Some(retrieve(call, call.scope, kind, id, param)),
        _ => None,
    }
}

fn retrieve(
    call: &Call<'_>,
    scope: &Scope,
    kind: &str,
    id: &str,
    param: &str,
) -> Result<Value, Error> {
    call.query.only(&["expand"])?;
    let key = Key {
        scope: scope.clone(),
        id: id.to_owned(),
    };
    let missing = |key: &Key| {
        let other = Key {
            scope: Scope {
                livemode: !key.scope.livemode,
                ..key.scope.clone()
            },
            ..key.clone()
        };
        let elsewhere = shown(call, &other, kind).is_some();
        Error::missing(kind, id, param, key.scope.livemode, elsewhere)
    };
    let mut object = shown(call, &key, kind).ok_or_else(|| missing(&key))?;
    if call.world.is_deleted(&key, call.moment()) {
        return if kind == "customer" {
            Ok(json!({ "id": id, "object": kind, "deleted": true }))
        } else {
            Err(Error::missing(kind, id, param, key.scope.livemode, false))
        };
    }
    for path in call.query.list("expand") {
        expand(call, scope, &mut object, path, path)?;
    }
    Ok(object)
}

/// The object of this kind as it is now, deleted or not.
fn shown(call: &Call<'_>, key: &Key, kind: &str) -> Option<Value> {
    let of_kind = call.world.kind(key) == Some(kind);
    of_kind.then(|| call.world.object_at(key, call.version, call.moment()))?
}

fn list(call: &Call<'_>, kind: &str, url: &str) -> Result<Value, Error> {
    let mut known = vec![
        "created",
        "ending_before",
        "expand",
        "limit",
        "starting_after",
    ];
    known.extend(FILTERS);
    call.query.only(&known)?;
    let created = call.query.created()?;
    let keys = call.world.keys_of(call.scope, kind);
    let mut objects: Vec<(&Key, Value)> = keys
        .into_iter()
        .filter(|key| !call.world.is_deleted(key, call.moment()))
        .filter_map(|key| Some((key, shown(call, key, kind)?)))
        .filter(|(_, object)| created.allows(second(object)))
        .filter(|(_, object)| {
            FILTERS
                .iter()
                .all(|field| passes(call, kind, object, field))
        })
        .collect();
    // Newest first; ids break ties.
    objects.sort_by(|(one, left), (other, right)| {
        (second(right), &other.id).cmp(&(second(left), &one.id))
    });
    let (on_page, has_more) = page::page(call, &objects, kind, |(key, _)| &key.id)?;
    let mut data: Vec<_> = on_page.iter().map(|(_, object)| object.clone()).collect();
    for path in call.query.list("expand") {
        let inner = path
            .strip_prefix("data.")
            .ok_or_else(|| Error::not_expandable(path))?;
        for object in &mut data {
            expand(call, call.scope, object, inner, path)?;
        }
    }
    Ok(page::list(data, has_more, url))
}

fn second(object: &Value) -> i64 {
    object["created"].as_i64().unwrap_or_default()
}

fn passes(call: &Call<'_>, kind: &str, object: &Value, field: &str) -> bool {
    match call.query.get(field) {
        Some("all") if field == "status" => true,
        Some(wanted) => object[field] == wanted,
        // Stripe lists canceled subscriptions only if the request asks for them.
        None => !(field == "status" && kind == "subscription" && object["status"] == "canceled"),
    }
}

/// Replaces an id by its object.
fn expand(
    call: &Call<'_>,
    scope: &Scope,
    object: &mut Value,
    path: &str,
    whole: &str,
) -> Result<(), Error> {
    let (field, rest) = path.split_once('.').unwrap_or((path, ""));
    // Newer shapes of a charge have the list only if the request asks for it.
    if field == "refunds" && object["object"] == "charge" {
        let key = Key {
            scope: scope.clone(),
            id: object["id"].as_str().unwrap_or_default().to_owned(),
        };
        let whole = call.world.whole_at(&key, call.version, call.moment());
        if let Some(mut whole) = whole {
            object["refunds"] = whole["refunds"].take();
        }
    }
    let place = object
        .get_mut(field)
        .ok_or_else(|| Error::not_expandable(whole))?;
    if let Some(id) = place.as_str() {
        let key = Key {
            scope: scope.clone(),
            id: id.to_owned(),
        };
        *place = call
            .world
            .object_at(&key, call.version, call.moment())
            .ok_or_else(|| Error::not_expandable(whole))?;
    }
    if rest.is_empty() || place.is_null() {
        return Ok(());
    }
    expand(call, scope, place, rest, whole)
}

/// A charge's refunds, newest first.
fn refunds(call: &Call<'_>, charge: &str) -> Result<Value, Error> {
    call.query
        .only(&["ending_before", "limit", "starting_after"])?;
    let key = Key {
        scope: call.scope.clone(),
        id: charge.to_owned(),
    };
    if shown(call, &key, "charge").is_none() {
        let livemode = call.scope.livemode;
        return Err(Error::missing("charge", charge, "id", livemode, false));
    }
    let url = format!("/v1/charges/{charge}/refunds");
    list_within(call, &key, "refunds", "refund", &url)
}

/// The discount that a subscription has.
fn discount(call: &Call<'_>, subscription: &str) -> Result<Value, Error> {
    call.query.only(&["expand"])?;
    let keys = call.world.keys_of(call.scope, "discount").into_iter();
    let there = keys.filter(|key| !call.world.is_deleted(key, call.moment()));
    let mut shown = there.filter_map(|key| shown(call, key, "discount"));
    shown
        .find(|discount| discount["subscription"] == subscription)
        .ok_or_else(|| {
            let livemode = call.scope.livemode;
            Error::missing("discount", subscription, "id", livemode, false)
        })
}

/// What a customer is entitled to.
fn entitlements(call: &Call<'_>) -> Result<Value, Error> {
    call.query
        .only(&["customer", "ending_before", "limit", "starting_after"])?;
    let customer = call
        .query
        .get("customer")
        .ok_or_else(|| Error::bad_parameter("customer", "Missing required param: customer."))?;
    let key = Key {
        scope: call.scope.clone(),
        id: entitlements_of(customer),
    };
    let url = "/v1/entitlements/active_entitlements";
    // A customer without a summary is entitled to nothing; a customer that doesn't exist is the client's mistake.
    let whose = Key {
        scope: call.scope.clone(),
        id: customer.to_owned(),
    };
    if call.world.kind(&whose) != Some("customer") {
        let livemode = call.scope.livemode;
        return Err(Error::missing(
            "customer", customer, "customer", livemode, false,
        ));
    }
    list_within(call, &key, "entitlements", "active_entitlement", url)
}

/// The items of a subscription.
fn subscription_items(call: &Call<'_>) -> Result<Value, Error> {
    call.query
        .only(&["ending_before", "limit", "starting_after", "subscription"])?;
    let subscription = call.query.get("subscription").ok_or_else(|| {
        Error::bad_parameter("subscription", "Missing required param: subscription.")
    })?;
    let key = Key {
        scope: call.scope.clone(),
        id: subscription.to_owned(),
    };
    if call.world.kind(&key) != Some("subscription") {
        let livemode = call.scope.livemode;
        return Err(Error::missing(
            "subscription",
            subscription,
            "subscription",
            livemode,
            false,
        ));
    }
    let url = format!("/v1/subscription_items?subscription={subscription}");
    list_within(call, &key, "items", "subscription_item", &url)
}

/// A page of a list that is part of an object.
fn list_within(
    call: &Call<'_>,
    key: &Key,
    field: &str,
    kind: &str,
    url: &str,
) -> Result<Value, Error> {
    let whole = call.world.whole_at(key, call.version, call.moment());
    let all = whole.map(|whole| whole[field]["data"].clone());
    let all = all.as_ref().and_then(Value::as_array);
    let all = all.map_or(&[][..], Vec::as_slice);
    let (on_page, has_more) = page::page(call, all, kind, |one| {
        one["id"].as_str().unwrap_or_default()
    })?;
    Ok(page::list(on_page.to_vec(), has_more, url))
}

/// The connected accounts of this mode, newest first.
fn accounts(call: &Call<'_>) -> Result<Value, Error> {
    call.query
        .only(&["created", "ending_before", "limit", "starting_after"])?;
    let created = call.query.created()?;
    let accounts = call.world.accounts().iter().rev();
    let objects: Vec<_> = accounts
        .filter(|scope| call.scope.account.is_none() && scope.livemode == call.scope.livemode)
        .filter_map(|scope| {
            let id = scope.account.clone()?;
            let key = Key {
                scope: scope.clone(),
                id: id.clone(),
            };
            Some((id, shown(call, &key, "account")?))
        })
        .filter(|(_, account)| created.allows(second(account)))
        .collect();
    let (on_page, has_more) = page::page(call, &objects, "account", |(id, _)| id)?;
    let data = on_page.iter().map(|(_, account)| account.clone()).collect();
    Ok(page::list(data, has_more, "/v1/accounts"))
}

/// The platform's endpoints of this mode, newest first.
fn endpoints(call: &Call<'_>) -> Result<Value, Error> {
    call.query
        .only(&["ending_before", "limit", "starting_after"])?;
    let endpoints = call.world.endpoints().iter().rev();
    let ours: Vec<_> = endpoints
        .filter(|one| call.scope.account.is_none() && one.livemode == call.scope.livemode)
        .collect();
    let (on_page, has_more) = page::page(call, &ours, "webhook_endpoint", |one| &one.id)?;
    let data = on_page.iter().map(|one| one.shown()).collect();
    Ok(page::list(data, has_more, "/v1/webhook_endpoints"))
}

/// A connected account, its capabilities or its external accounts. It lives in its own scope, whatever account the
/// request acts for.
fn account(call: &Call<'_>, id: &str, rest: &[&str]) -> Result<Value, Error> {
    let scope = Scope {
        account: Some(id.to_owned()),
        livemode: call.scope.livemode,
    };
    let list_of = |kind| {
        let own = Call {
            scope: &scope,
            ..*call
        };
        list(&own, kind, &format!("/v1/accounts/{id}/{}", rest.join("/")))
    };
    match rest {
        [] => retrieve(call, &scope, "account", id, "account"),
        ["capabilities"] => list_of("capability"),
        ["external_accounts"] => list_of("bank_account"),
        ["persons"] => list_of("person"),
        ["persons", person] => retrieve(call, &scope, "person", person, "person"),
        ["capabilities", name] => retrieve(call, &scope, "capability", name, "capability"),
        ["external_accounts", bank] => retrieve(call, &scope, "bank_account", bank, "id"),
        _ => Err(Error::unknown_url(
            "GET",
            &format!("/v1/accounts/{id}/{}", rest.join("/")),
        )),
    }
}
