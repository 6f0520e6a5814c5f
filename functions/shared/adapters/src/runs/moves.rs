//! Records which version a function's alias was pointed at.
//!
//! | `pk` | `sk` | attributes |
//! |---|---|---|
//! | `rollback#<function>` | the time, in ms and fifteen digits | `outcome` S ([`MoveState`]), `domain`, `from`, `to`, `who`, `why` S; `at` N ms, `expires_at` N s |
//!
//! A record is written before the alias moves, and completed after: nothing is moved without a record. A record that
//! was begun and never completed means that the program was cut off in between.

use std::collections::BTreeMap;

use aws_types::SdkConfig;
use sluice_kernel::fault::Fault;

use super::{DAY_S, Only, Place, RunKind, RunStore, State, Summary};
use crate::aws;
use crate::code;
use crate::entry::{Item, number, text};

/// How long a record is kept, in days: a version that was left stays known as long as it may be chosen again.
const KEEP_DAYS: i64 = 400;

/// How many of a function's records are read, the newest first.
const READ_MAX: i32 = 100;

/// The progress of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveState {
    /// Recorded, and not known to be done.
    Begun,
    /// The alias was moved.
    Done,
    /// Another program had changed the alias meanwhile, so it stayed unchanged.
    Refused,
}

impl MoveState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "alias_moving",
            Self::Done => "alias_moved",
            Self::Refused => "alias_not_moved",
        }
    }
}

/// A move of `live` from one version to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// `payments`, `ingest`
    pub role: String,
    /// The version that was live.
    pub from: String,
    /// The version to make live.
    pub to: String,
    /// Who moved it.
    pub who: String,
    /// Why, in the operator's words.
    pub why: String,
    /// When it was begun, in Unix milliseconds.
    pub at_ms: i64,
    /// Its progress.
    pub state: MoveState,
}

impl Move {
    /// Whether it went to an older version.
    pub fn is_back(&self) -> bool {
        // `$LATEST` is newer than any numbered version.
        let number = |version: &str| version.parse().unwrap_or(u64::MAX);
        number(&self.to) < number(&self.from)
    }

    fn read(item: &Item) -> Option<Self> {
        let of = |name: &str| item.get(name)?.as_s().ok().cloned();
        let state = of("outcome")?;
        let states = [MoveState::Begun, MoveState::Done, MoveState::Refused];
        Some(Self {
            role: of("domain")?,
            from: of("from")?,
            to: of("to")?,
            who: of("who")?,
            why: of("why")?,
            at_ms: item.get("at")?.as_n().ok()?.parse().ok()?,
            state: states.into_iter().find(|one| one.as_str() == state)?,
        })
    }

    fn item(&self) -> Item {
        let [pk, sk] = RunKind::Rollback.record(&self.role, self.at_ms);
        let texts = [
            ("pk", &*pk),
            ("sk", &*sk),
            ("outcome", self.state.as_str()),
            ("domain", &*self.role),
            ("from", &*self.from),
            ("to", &*self.to),
            ("who", &*self.who),
            ("why", &*self.why),
        ];
        let texts = texts.map(|(name, value)| (name.to_owned(), text(value)));
        let mut item = Item::from(texts);
        item.insert("at".to_owned(), number(self.at_ms));
        item.insert("expires_at".to_owned(), number(self.expires_at_s()));
        item
    }

    fn expires_at_s(&self) -> i64 {
        self.at_ms / 1_000 + KEEP_DAYS * DAY_S
    }
}

/// The moves of aliases.
#[derive(Debug, Clone)]
pub struct AliasMoves(RunStore);

impl AliasMoves {
    /// Uses the outcomes table of this name.
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self(RunStore::new(config, table))
    }

    /// Begins a move, and lists it with the digest of the plan that was shown. `Ok(false)` if another was begun in the
    /// same millisecond.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
    pub async fn begin(&self, moved: &Move, plan: Option<String>) -> Result<bool, Fault> {
        let place = Place {
            kind: RunKind::Rollback,
            name: moved.role.clone(),
            plan,
            began_ms: moved.at_ms,
        };
        self.0.enlist(&place, moved.expires_at_s()).await?;
        self.0.put(moved.item(), Only::IfNew).await
    }

    /// Writes what became of a move.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
    pub async fn complete(&self, moved: &Move) -> Result<(), Fault> {
        self.0.put(moved.item(), Only::Always).await.map(drop)
    }

    /// The moves of a function, the oldest first, of the newest `READ_MAX`. Records that can't be read are left out.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
    pub async fn of(&self, role: &str) -> Result<Vec<Move>, Fault> {
        let [pk, _] = RunKind::Rollback.record(role, 0);
        let query = self
            .0
            .client
            .query()
            .table_name(&self.0.table)
            .key_condition_expression("pk = :role")
            .expression_attribute_values(":role", text(pk))
            .scan_index_forward(false)
            .limit(READ_MAX)
            .consistent_read(true);
        let output = query.send().await;
        let output =
            output.map_err(|error| aws::unavailable(code::RUN_UNAVAILABLE, "Query", &error))?;
        let mut moves: Vec<_> = output.items().iter().filter_map(Move::read).collect();
        moves.reverse();
        Ok(moves)
    }
}

pub(super) fn summary(place: Place, record: &Item) -> Option<Summary> {
    let moved = Move::read(record)?;
    Some(Summary {
        kind: place.kind,
        name: place.name,
        who: moved.who,
        why: moved.why,
        plan: place.plan,
        began_ms: place.began_ms,
        at_ms: moved.at_ms,
        state: match moved.state {
            MoveState::Begun => State::Running,
            MoveState::Done => State::Done,
            MoveState::Refused => State::Stopped("the alias was not moved".to_owned()),
        },
        done: usize::from(moved.state == MoveState::Done),
        total: Some(1),
        failed: usize::from(moved.state == MoveState::Refused),
        counts: BTreeMap::new(),
        versions: Some([moved.from, moved.to]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(from: &str, to: &str) -> Move {
        Move {
            role: "payments".to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            who: "me".to_owned(),
            why: "it rejects refunds".to_owned(),
            at_ms: 1_796_040_000_000,
            state: MoveState::Done,
        }
    }

    #[test]
    fn a_move_is_back_by_number_and_not_by_text() {
        assert!(moved("10", "9").is_back());
        assert!(moved("$LATEST", "9").is_back());
        assert!(!moved("9", "10").is_back());
    }

    #[test]
    fn an_item_that_is_no_move_is_left_out() {
        let mut item = moved("13", "12").item();
        assert_eq!(Move::read(&item), Some(moved("13", "12")));
        item.insert("outcome".to_owned(), text("rejected"));
        assert_eq!(Move::read(&item), None);
    }
}
