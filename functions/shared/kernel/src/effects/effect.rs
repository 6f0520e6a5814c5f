//! Effects: what a change emits on the bus, for receivers to act on.
//!
//! Deliveries arrive late, twice and out of order, so there are two kinds of effects, with different rules:
//!
//! - a **fact** happened once and stays true (a payment succeeded). Its id is made of what it says, never of the event
//!   that reported it, so two events for one change and a replay are one fact. It is emitted once by id, even by an
//!   event that is stale for the state.
//! - a **level** is the current value of something (access to a product). It has a key and a `seq`. Receivers keep the
//!   value with the highest `seq`, because two levels may arrive reversed on any bus.
//!
//! Emission is at least once: receivers drop a fact whose id they have seen, and a level whose `seq` isn't higher.
//!
//! A forced replay emits facts again, under its generation: `<id>#<generation>`, with the generation beside it. To
//! receivers it is another fact. Levels that it emits again have a new `seq`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bus::{self, Outgoing};
use crate::event::{Event, Scope};

/// Something that happened once and stays true.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// `PaymentSucceeded`: the detail type on the bus.
    pub kind: &'static str,
    /// The object that owns the fact.
    pub object: String,
    /// Distinguishes facts of one kind and object: a refund's id, an attempt's charge.
    pub discriminator: Option<String>,
    /// What a receiver needs, in minor units and ids; no personal data.
    pub data: Value,
}

/// The current value of something.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// `Access`: the detail type on the bus.
    pub kind: &'static str,
    /// The subject of the level: an object's id.
    pub key: String,
    /// The value.
    pub data: Value,
    /// Until when the value holds without a further event, in Unix seconds.
    pub until: Option<i64>,
}

/// An effect that is stored with the projection and not yet known to be on the bus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// A fact's id, or a level's kind, key and seq.
    pub id: String,
    /// The detail type on the bus.
    pub kind: String,
    /// The id of the event that caused it: kept in the history while this is pending.
    pub event: String,
    /// The detail on the bus.
    pub detail: Value,
}

/// The id of a fact: kind, account, mode, object and discriminator.
pub fn fact_id(fact: &Fact, scope: &Scope) -> String {
    let mut id = format!("{}#{}#{}", fact.kind, scope.key(), fact.object);
    if let Some(discriminator) = &fact.discriminator {
        id.push('#');
        id.push_str(discriminator);
    }
    id
}

/// A fact as it is stored and published; with a generation, it is emitted again. `overtaken` is the object's current
/// status, if it has changed since the fact ([`crate::domain::Domain::overtaken`]).
pub fn pending_fact(
    fact: Fact,
    event: &Event,
    generation: Option<&str>,
    overtaken: Option<&str>,
) -> Pending {
    let mut id = fact_id(&fact, &event.scope);
    if let Some(generation) = generation {
        id = format!("{id}#{generation}");
    }
    let mut detail = json!({
        "id": id,
        "class": "fact",
        "account": event.scope.account,
        "livemode": event.scope.livemode,
        "object": fact.object,
        "event": event.id,
        "created": event.created,
        "data": fact.data,
    });
    if let Some(status) = overtaken {
        detail["overtaken"] = json!({ "status": status });
    }
    if let Some(generation) = generation {
        detail["generation"] = json!(generation);
    }
    Pending {
        id,
        kind: fact.kind.to_owned(),
        event: event.id.clone(),
        detail,
    }
}

/// The key of a level on the bus: kind, account, mode and the level's own key.
pub fn level_key(level: &Level, scope: &Scope) -> String {
    format!("{}#{}#{}", level.kind, scope.key(), level.key)
}

/// A level as it is stored and published. `seq` grows with each level of a key, even after a restore from backup, in
/// another Region and in a new stack: see [`crate::consumer::projection`].
///
/// It has a generation if a forced replay emits it again.
pub fn pending_level(level: Level, event: &Event, seq: u64, generation: Option<&str>) -> Pending {
    let key = level_key(&level, &event.scope);
    let id = format!("{key}#{seq}");
    let mut detail = json!({
        "id": id,
        "class": "level",
        "key": key,
        "seq": seq,
        "account": event.scope.account,
        "livemode": event.scope.livemode,
        "object": level.key,
        "event": event.id,
        "created": event.created,
        "data": level.data,
    });
    if let Some(until) = level.until {
        detail["until"] = json!(until);
    }
    if let Some(generation) = generation {
        detail["generation"] = json!(generation);
    }
    Pending {
        id,
        kind: level.kind.to_owned(),
        event: event.id.clone(),
        detail,
    }
}

/// The bus entry of a pending effect.
pub fn outgoing(pending: &Pending, traceparent: &str) -> Outgoing {
    Outgoing {
        source: bus::SOURCE_EFFECTS,
        detail_type: pending.kind.clone(),
        detail: pending.detail.to_string(),
        traceparent: traceparent.to_owned(),
    }
}
