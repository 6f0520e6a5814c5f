//! Pages of a list: `limit`, `starting_after`, `ending_before`, `has_more`.

use serde_json::{Value, json};

use super::{Call, Error};

/// The most that a page may have.
const LIMIT_MAX: usize = 100;
/// The size of a page if the request doesn't give one.
const LIMIT_DEFAULT: usize = 10;

/// The page of `all` (newest first) that the query asks for. `id` gives an element's id, `kind` names what the list
/// contains.
pub(crate) fn page<'t, T>(
    call: &Call<'_>,
    all: &'t [T],
    kind: &str,
    id: impl Fn(&T) -> &str,
) -> Result<(&'t [T], bool), Error> {
    let limit = match call.query.get("limit") {
        None => LIMIT_DEFAULT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=LIMIT_MAX).contains(limit))
            .ok_or_else(|| {
                Error::bad_parameter("limit", "This value must be between 1 and 100.")
            })?,
    };
    let place = |param: &str| -> Result<Option<usize>, Error> {
        let Some(cursor) = call.query.get(param) else {
            return Ok(None);
        };
        let place = all.iter().position(|one| id(one) == cursor);
        let missing = || Error {
            status: 400,
            ..Error::missing(kind, cursor, param, call.scope.livemode, false)
        };
        place.map(Some).ok_or_else(missing)
    };
    match (place("starting_after")?, place("ending_before")?) {
        (Some(_), Some(_)) => Err(Error::bad_parameter(
            "ending_before",
            "You can only specify one of these parameters: starting_after, ending_before.",
        )),
        // The page that ends right before the cursor; `has_more` is about still newer elements.
        (None, Some(cursor)) => {
            let first = cursor.saturating_sub(limit);
            Ok((&all[first..cursor], first > 0))
        }
        (after, None) => {
            let first = after.map_or(0, |cursor| cursor + 1);
            let end = all.len().min(first + limit);
            Ok((&all[first..end], end < all.len()))
        }
    }
}

/// Stripe's list around a page.
pub(crate) fn list(data: Vec<Value>, has_more: bool, url: &str) -> Value {
    json!({ "object": "list", "data": data, "has_more": has_more, "url": url })
}
