//! The ledger's item layout.
//!
//! Table: `pk`, `sk`. All items of an event share `pk = evt#<id>`:
//!
//! | `sk` | item |
//! |---|---|
//! | `entry` | the claim and durable record |
//! | `part#<SHA-256 of the stored body>#<nnn>` | a piece of a stored body that is too large for the entry |
//! | `other#<SHA-256 of the body>` | a body of another event that came under this id |
//! | `discarded#<SQS message id>` | a dead letter that an operator discarded, if the ledger had no body of it: `message` S, the queue's message; `account` S, [`PLATFORM`] for the platform's own, absent where it says none |
//!
//! An entry's attributes; names are short, because each write pays for every byte:
//!
//! | attribute | | written by |
//! |---|---|---|
//! | `attempt` B or S ([`compact`]), `lapse` N ms | the holder of the claim | claim, take over |
//! | `received_at` N ms, `expires_at` N s (the table's TTL), `trace` B or S | the first delivery | claim |
//! | `type` S, `endpoint` S, `account` S, `livemode` BOOL, `created` N s, `api` S, `object_id` S, `object_type` S ([`kind`]), `shape` S | Stripe's event, `api` its `api_version`; absent if the event has none; `shape` only if it isn't a snapshot | claim |
//! | `via` S | how it came in, if not by a delivery: `reconcile` | claim |
//! | `seen` S | `<day of received_at>#<shard>`; with `received_at` the index `by_time`, see below | claim |
//! | `hash` B, `size` N | SHA-256 and length of the body | claim, complete |
//! | `body` B, `codec` S | the stored body, if it fits; `codec` only if it differs from what the frame says | claim |
//! | `parts` N, `parts_hash` B, `codec` S | the stored body's parts; named only once they are all there | complete |
//! | `pointer` BOOL | goes to the bus as a pointer | claim, postpone |
//! | `published_at` N ms | on the bus | mark, mark swept |
//! | `ledger_only` S | stored, not published: why | mark; removed by take over and by admit, which may set `account` too |
//! | `due_at` N ms, `due_shard` S, `refusals` N | due for sweep; `due_shard` and `due_at` are the sparse index `due` | defer, postpone, admit |
//!
//! The index `by_time` (`seen`, `received_at`; it carries `type`, `account`, `livemode`, `created` and `object_id`) is
//! paid for once, by the claim: none of its attributes changes in any later write of the entry, so DynamoDB leaves it
//! alone. The one exception is an entry that waited for a configuration, when that now says that the event belongs to
//! another account.

pub(crate) mod compact;
mod kind;

use std::borrow::Cow;
use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use sha2::{Digest, Sha256};
use sluice_kernel::delivery::ledger::{Arrival, Entry, EntryState};
use sluice_kernel::event::{Origin, Shape};
use sluice_kernel::fault::Fault;

use crate::code;
use crate::codec::{self, Encoded};

/// An item as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The value of `account` for a discarded dead letter that belongs to the platform itself.
pub(crate) const PLATFORM: &str = "platform";

/// The sort key of entries.
pub(crate) const ENTRY: &str = "entry";

/// The most bytes of a stored body that an entry carries itself. Each later write of the entry bills the whole item
/// again, so a larger body costs less in parts.
pub(crate) const INLINE_BYTES_MAX: usize = 32 * 1024;

/// The most bytes of a part: an item holds at most 400 KB, including keys.
pub(crate) const PART_BYTES_MAX: usize = 380 * 1024;

/// How many shards the index `due` has. One partition accepts 1,000 writes per second, and during an outage all events
/// are deferred at the rate they come in.
pub(crate) const DUE_SHARDS: u8 = 8;

/// How many shards a day has in the index `by_time`, for the same reason.
pub(crate) const SEEN_SHARDS: u8 = 8;

const DAY_MS: i64 = 86_400_000;

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn bytes(value: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

/// The partition key of all items of an event.
pub(crate) fn pk(id: &str) -> AttributeValue {
    text(format!("evt#{id}"))
}

/// The event id in a partition key.
pub(crate) fn id_of(item: &Item) -> Option<&str> {
    item.get("pk")?.as_s().ok()?.strip_prefix("evt#")
}

/// Where the parts of a stored body are.
pub(crate) fn part_prefix(hash: &[u8]) -> String {
    format!("part#{}#", hex(hash))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The shard of a name, among this number of shards.
pub(crate) fn shard(id: &str, shards: u8) -> u32 {
    let hash = id.bytes().fold(0_u32, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(byte.into())
    });
    hash % u32::from(shards)
}

/// The shard of the index `due` that an event belongs to.
pub(crate) fn due_shard(id: &str) -> String {
    format!("due#{}", shard(id, DUE_SHARDS))
}

/// The day, since 1970, that a time is in.
pub(crate) fn day_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(DAY_MS)
}

/// A shard of a day in the index `by_time`.
pub(crate) fn seen_key(day: i64, shard: u32) -> String {
    format!("{day}#{shard}")
}

/// The place in the index `by_time` of an event that was first received at this time.
fn seen(id: &str, received_at_ms: i64) -> String {
    seen_key(day_of(received_at_ms), shard(id, SEEN_SHARDS))
}

/// The size of an item, as DynamoDB counts and bills it: its names and values.
pub(crate) fn bytes_of(item: &Item) -> usize {
    let value = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        // Two digits per byte, and one byte for the exponent.
        AttributeValue::N(number) => number.len().div_ceil(2) + 1,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        _ => 1,
    };
    item.iter().map(|(name, of)| name.len() + value(of)).sum()
}

/// The item that claims an event for the first time; with the stored body if it fits, which is returned otherwise.
pub(crate) fn first(arrival: &Arrival<'_>) -> (Item, Option<Encoded>) {
    let mut item = without_body(arrival);
    let mut body = codec::encode(arrival.body);
    if body.bytes.len() > INLINE_BYTES_MAX {
        return (item, Some(body));
    }
    let room = room(beside(&item), body.bytes.len());
    if let Some(harder) = room.and_then(|room| codec::encode_harder(arrival.body, room)) {
        body = harder;
    }
    if codec::of_frame(&body.bytes).as_deref() != Some(body.codec) {
        item.insert("codec".to_owned(), text(body.codec));
    }
    item.insert("body".to_owned(), bytes(body.bytes));
    (item, None)
}

/// The size of a marked entry without its stored body, computed from the entry [`without_body`].
pub(crate) fn beside(item: &Item) -> usize {
    let published_at = number("1767603600000");
    let later = Item::from([
        ("body".to_owned(), bytes([])),
        ("published_at".to_owned(), published_at),
    ]);
    bytes_of(item) + bytes_of(&later)
}

/// The unit in which DynamoDB bills a write.
const WRITE_UNIT_BYTES: usize = 1024;

/// The most bytes of a stored body with which its entry is billed one write unit less, if that is within reach. An
/// entry is written twice, so a unit costs more than any time that compression takes.
pub(crate) fn room(beside: usize, stored: usize) -> Option<usize> {
    let over = (beside + stored).saturating_sub(1) % WRITE_UNIT_BYTES + 1;
    let is_in_reach = beside + stored > WRITE_UNIT_BYTES && over <= stored / HARDER_GAIN;
    is_in_reach.then(|| stored - over)
}

/// Which part (one in this number) of a stored body is the most that [`codec::encode_harder`] is expected to save.
const HARDER_GAIN: usize = 4;

/// The same item without its body.
pub(crate) fn without_body(arrival: &Arrival<'_>) -> Item {
    let origin = arrival.origin();
    let mut item = Item::with_capacity(24);
    let mut put = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
    put("pk", pk(&origin.id));
    put("sk", text(ENTRY));
    put("attempt", compact::id(arrival.attempt));
    put("lapse", number(arrival.lapses_at_ms));
    put("received_at", number(arrival.received_at_ms));
    put("expires_at", number(arrival.expires_at_s));
    put("seen", text(seen(&origin.id, arrival.received_at_ms)));
    put("trace", compact::id(arrival.traceparent));
    put("type", text(&*origin.kind));
    put("endpoint", text(arrival.endpoint));
    put("hash", bytes(sha256(arrival.body)));
    put("size", number(arrival.body.len()));
    let texts = [
        ("account", &origin.account),
        ("api", &origin.api_version),
        ("object_id", &origin.object_id),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            put(name, text(&**value));
        }
    }
    let has_object = origin.object_id.is_some();
    if let Some(object) = kind::stored(&origin.kind, has_object, origin.object_kind.as_deref()) {
        put("object_type", text(object));
    }
    if let Some(via) = arrival.via {
        put("via", text(via));
    }
    if let Some(livemode) = origin.livemode {
        put("livemode", AttributeValue::Bool(livemode));
    }
    if let Some(created) = origin.created {
        put("created", number(created));
    }
    match origin.shape {
        Shape::Snapshot => {}
        Shape::Thin => drop(put("shape", text("thin"))),
        Shape::Unknown => drop(put("shape", text("unknown"))),
    }
    if origin.as_pointer {
        put("pointer", AttributeValue::Bool(true));
    }
    item
}

/// Where an entry's stored body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyPlace {
    Inline {
        codec: String,
        bytes: Vec<u8>,
    },
    Parts {
        codec: String,
        count: usize,
        hash: Vec<u8>,
    },
    /// Incomplete: the attempt that claimed it ended before its parts were named.
    Missing,
}

/// Reads an entry back.
pub(crate) fn read(item: &Item) -> Result<(Entry, BodyPlace), Fault> {
    let reader = Reader { item };
    let id = id_of(item).ok_or_else(|| malformed("pk"))?;
    let kind = reader.text("type")?;
    let object_id = reader.optional_text("object_id");
    let object_kind = reader.optional_text("object_type");
    let object_kind = kind::read(&kind, object_id.is_some(), object_kind);
    let hash = reader
        .bytes("hash")
        .and_then(|hash| <[u8; 32]>::try_from(hash).ok());
    let entry = Entry {
        origin: Origin {
            id: Cow::Owned(id.to_owned()),
            kind: Cow::Owned(kind),
            shape: match reader.optional_text("shape").as_deref() {
                None => Shape::Snapshot,
                Some("thin") => Shape::Thin,
                Some(_) => Shape::Unknown,
            },
            endpoint: Cow::Owned(reader.text("endpoint")?),
            via: reader.optional_text("via").map(Cow::Owned),
            account: reader.optional_text("account").map(Cow::Owned),
            livemode: item
                .get("livemode")
                .and_then(|value| value.as_bool().ok().copied()),
            created: reader.optional_number("created"),
            api_version: reader.optional_text("api").map(Cow::Owned),
            object_id: object_id.map(Cow::Owned),
            object_kind: object_kind.map(Cow::Owned),
            received_at_ms: reader.number("received_at")?,
            traceparent: Cow::Owned(reader.optional_id("trace").unwrap_or_default()),
            as_pointer: item.contains_key("pointer"),
        },
        standing: standing(item)?,
        hash: hash.ok_or_else(|| malformed("hash"))?,
        size: reader.number("size")?,
    };
    Ok((entry, place(item)))
}

/// The attributes that [`standing`] reads, besides the key.
pub(crate) const STANDING: [&str; 7] = [
    "attempt",
    "lapse",
    "expires_at",
    "published_at",
    "due_at",
    "refusals",
    "ledger_only",
];

/// Reads an entry's state.
pub(crate) fn standing(item: &Item) -> Result<EntryState, Fault> {
    let reader = Reader { item };
    Ok(EntryState {
        attempt: reader
            .optional_id("attempt")
            .ok_or_else(|| malformed("attempt"))?,
        lapses_at_ms: reader.number("lapse")?,
        expires_at_s: reader.number("expires_at")?,
        published_at_ms: reader.optional_number("published_at"),
        due_at_ms: reader.optional_number("due_at"),
        refusals: reader.optional_number("refusals").unwrap_or_default(),
        ledger_only: reader.optional_text("ledger_only"),
    })
}

/// Where an item's stored body is: an entry's, or another event's under its id.
pub(crate) fn place(item: &Item) -> BodyPlace {
    let reader = Reader { item };
    let codec = reader.optional_text("codec");
    if let Some(bytes) = reader.bytes("body") {
        let codec = codec.or_else(|| codec::of_frame(bytes)).unwrap_or_default();
        return BodyPlace::Inline {
            codec,
            bytes: bytes.to_vec(),
        };
    }
    match (reader.optional_number("parts"), reader.bytes("parts_hash")) {
        (Some(count), Some(hash)) => BodyPlace::Parts {
            codec: codec.unwrap_or_default(),
            count,
            hash: hash.to_vec(),
        },
        _ => BodyPlace::Missing,
    }
}

fn malformed(attribute: &str) -> Fault {
    Fault::retry(
        code::LEDGER_ENTRY_UNREADABLE,
        format!("attribute {attribute} is missing or of another type"),
    )
}

struct Reader<'a> {
    item: &'a Item,
}

impl Reader<'_> {
    fn optional_text(&self, name: &str) -> Option<String> {
        self.item.get(name)?.as_s().ok().cloned()
    }

    fn text(&self, name: &str) -> Result<String, Fault> {
        self.optional_text(name).ok_or_else(|| malformed(name))
    }

    fn optional_id(&self, name: &str) -> Option<String> {
        compact::read(self.item.get(name)?)
    }

    fn optional_number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.item.get(name)?.as_n().ok()?.parse().ok()
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, Fault> {
        self.optional_number(name).ok_or_else(|| malformed(name))
    }

    fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.item.get(name)?.as_b().ok().map(Blob::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_weighs_its_names_and_values_and_a_number_a_byte_for_two_digits_begun() {
        let item = Item::from([
            ("at".to_owned(), number(1_767_603_600_000_i64)),
            ("size".to_owned(), number(3_568)),
            ("body".to_owned(), bytes(vec![0; 10])),
        ]);
        assert_eq!(bytes_of(&item), (2 + 8) + (4 + 3) + (4 + 10));
    }

    #[test]
    fn room_is_asked_for_where_a_write_unit_is_in_reach() {
        for (beside, stored, expected) in [
            // Already within one unit.
            (324, 700, None),
            // A byte over it, and as far over it as compression may save.
            (325, 700, Some(699)),
            (499, 700, Some(525)),
            (500, 700, None),
            // The same at the next.
            (349, 1_700, Some(1_699)),
            (349, 1_699, None),
        ] {
            assert_eq!(room(beside, stored), expected, "{beside} {stored}");
        }
    }
}
