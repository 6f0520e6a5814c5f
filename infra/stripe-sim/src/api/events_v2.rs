//! `/v2/core/events`: thin events, newest first, of one account and mode, for 30 days.
//!
//! Before version 2025-11-17 the list covers one object, which the request has to name, and has no filters.
//!
//! A client walks the pages by the URL of the next one (`next_page_url`), which repeats the filters. A page's token
//! names the last event before it, so pages stay the same when new events come.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Call, Error};
use crate::iso;
use crate::version::ApiVersion;
use crate::world::{Notice, Occurrence};

/// The most types that one request may name.
const TYPES_MAX: usize = 20;
/// The most that a page may have.
const LIMIT_MAX: usize = 100;
/// The size of a page if the request doesn't give one. Stripe doesn't publish its own.
const LIMIT_DEFAULT: usize = 20;

/// An event of API v2.
#[derive(Debug, Clone, Copy)]
enum ThinEvent<'w> {
    /// Of a v1 object.
    OfSnapshot(&'w Occurrence),
    /// Without a snapshot.
    Notice(&'w Notice),
}

impl ThinEvent<'_> {
    fn id(self) -> String {
        match self {
            Self::OfSnapshot(event) => event.thin_id(),
            Self::Notice(notice) => notice.id.clone(),
        }
    }

    fn kind(self) -> String {
        match self {
            Self::OfSnapshot(event) => event.thin_kind(),
            Self::Notice(notice) => notice.kind().to_owned(),
        }
    }

    fn created_ms(self) -> i64 {
        match self {
            Self::OfSnapshot(event) => event.thin_created_ms(),
            Self::Notice(notice) => notice.created * 1_000,
        }
    }

    /// Whether it is about this object.
    fn is_of(self, call: &Call<'_>, object: &str) -> bool {
        match self {
            Self::OfSnapshot(event) => {
                event.object.id == object && !call.world.thin(event)["related_object"].is_null()
            }
            Self::Notice(notice) => call.world.notice(notice)["related_object"]["id"] == object,
        }
    }

    fn show(self, call: &Call<'_>) -> Value {
        match self {
            Self::OfSnapshot(event) => call.world.thin_fetched(event),
            Self::Notice(notice) => call.world.notice_fetched(notice),
        }
    }
}

pub(crate) fn retrieve(call: &Call<'_>, id: &str) -> Result<Value, Error> {
    call.query.only(&["include"])?;
    let found = visible(call).into_iter().find(|one| one.id() == id);
    let missing = || Error::missing("event", id, "id", call.scope.livemode, false);
    found.map(|one| one.show(call)).ok_or_else(missing)
}

pub(crate) fn list(call: &Call<'_>) -> Result<Value, Error> {
    if call.version >= ApiVersion::V2025_11_17 {
        call.query
            .only(&["created", "limit", "object_id", "page", "types"])?;
    } else {
        call.query.only(&["limit", "object_id", "page"])?;
        if call.query.get("object_id").is_none() {
            return Err(Error::missing_parameter("object_id"));
        }
    }
    let types = call.query.list("types");
    if types.len() > TYPES_MAX {
        let message = format!("You can only specify up to {TYPES_MAX} types.");
        return Err(Error::bad_parameter("types", &message));
    }
    let (first, last) = created(call)?;
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
    let object = call.query.get("object_id");
    let matching: Vec<_> = visible(call)
        .into_iter()
        .filter(|one| (first..=last).contains(&one.created_ms()))
        .filter(|one| types.is_empty() || types.contains(&one.kind().as_str()))
        .filter(|one| object.is_none_or(|object| one.is_of(call, object)))
        .collect();
    let start = match call.query.get("page") {
        None => 0,
        Some(page) => {
            let bad = || Error::bad_parameter("page", "This is no page of this list.");
            let after = BASE64_URL_SAFE_NO_PAD.decode(page).map_err(|_| bad())?;
            let place = matching.iter().position(|one| one.id().as_bytes() == after);
            place.ok_or_else(bad)? + 1
        }
    };
    let end = matching.len().min(start + limit);
    let page_after = |place: usize| url(call, Some(&matching[place].id()));
    let next = (end < matching.len()).then(|| page_after(end - 1));
    let previous = match start.checked_sub(limit) {
        _ if start == 0 => None,
        None | Some(0) => Some(url(call, None)),
        Some(before) => Some(page_after(before - 1)),
    };
    let data: Vec<_> = matching[start..end]
        .iter()
        .map(|one| one.show(call))
        .collect();
    Ok(json!({ "data": data, "next_page_url": next, "previous_page_url": previous }))
}

/// The list's own URL with these filters, starting after this event.
fn url(call: &Call<'_>, after: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in call.query.all_but("page") {
        query.append_pair(name, value);
    }
    if let Some(after) = after {
        query.append_pair("page", &BASE64_URL_SAFE_NO_PAD.encode(after));
    }
    format!("/v2/core/events?{}", query.finish())
}

/// The first and last millisecond that `created[gt|gte|lt|lte]` allows.
fn created(call: &Call<'_>) -> Result<(i64, i64), Error> {
    let (mut first, mut last) = (i64::MIN, i64::MAX);
    for (name, value) in call.query.named("created") {
        let at = iso::read(value).ok_or_else(|| {
            let message = format!("Invalid timestamp: {value}");
            Error::bad_parameter("created", &message)
        })?;
        match name {
            "created[gt]" => first = first.max(at + 1),
            "created[gte]" => first = first.max(at),
            "created[lt]" => last = last.min(at - 1),
            "created[lte]" => last = last.min(at),
            _ => return Err(Error::unknown_parameter(name)),
        }
    }
    Ok((first, last))
}

/// What the account can see at this second, newest first.
fn visible<'a>(call: &Call<'a>) -> Vec<ThinEvent<'a>> {
    let oldest = call.terms.events_kept_s.map(|kept| call.now - kept);
    let of_scope = |event: &&Occurrence| event.object.scope == *call.scope;
    let of_snapshots = call
        .world
        .events()
        .iter()
        .filter(of_scope)
        .map(ThinEvent::OfSnapshot);
    let ours = |notice: &&Notice| notice.scope() == *call.scope;
    let notices = call
        .world
        .notices()
        .iter()
        .filter(ours)
        .map(ThinEvent::Notice);
    let mut found: Vec<_> = of_snapshots
        .chain(notices)
        .filter(|one| {
            let second = one.created_ms().div_euclid(1_000);
            second <= call.now && oldest.is_none_or(|oldest| second >= oldest)
        })
        .collect();
    found.sort_by_cached_key(|one| (std::cmp::Reverse(one.created_ms()), one.id()));
    found
}
