//! The record of which version `live` was pointed at, by whom and why: in the table of outcomes.
//!
//! | `pk` | `sk` | attributes |
//! |---|---|---|
//! | `rollback#<function>` | the time, in ms and fifteen digits | `outcome` S ([`State`]), `domain`, `from`, `to`, `who`, `why` S; `at` N ms, `expires_at` N s |
//!
//! It is written before the alias moves, and completed after: nothing is moved without a record, and a record that was begun
//! and never completed says that the program was cut off in between.

use serde_json::{Value, json};

use crate::problem::Problem;
use crate::stack::Stack;

/// How long a record is kept, in seconds: a version that was left is known for as long as it may be chosen again.
const KEEP_S: i64 = 400 * 86_400;

/// How many of a function's records are read, the newest first.
const READ_MAX: usize = 100;

/// How far a move came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Recorded, and not known to be done.
    Begun,
    /// The alias was moved.
    Done,
    /// Another had changed the alias meanwhile, and it was left alone.
    Refused,
}

impl State {
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
    /// The version that is to be.
    pub to: String,
    /// Who moved it.
    pub who: String,
    /// Why, in their words.
    pub why: String,
    /// When it was begun, in Unix milliseconds.
    pub at_ms: i64,
    /// How far it came.
    pub state: State,
}

impl Move {
    /// Whether it went to an older version.
    pub fn is_back(&self) -> bool {
        // `$LATEST` is newer than any version.
        let number = |version: &str| version.parse().unwrap_or(u64::MAX);
        number(&self.to) < number(&self.from)
    }

    fn read(item: &Value) -> Option<Self> {
        let text = |name: &str| item[name]["S"].as_str().map(str::to_owned);
        let state = text("outcome")?;
        let states = [State::Begun, State::Done, State::Refused];
        Some(Self {
            role: text("domain")?,
            from: text("from")?,
            to: text("to")?,
            who: text("who")?,
            why: text("why")?,
            at_ms: item["at"]["N"].as_str()?.parse().ok()?,
            state: states.into_iter().find(|one| one.as_str() == state)?,
        })
    }
}

fn key(role: &str) -> String {
    format!("rollback#{role}")
}

/// Begins a move. `Ok(false)` if another was begun in the same millisecond.
pub async fn begin(stack: &Stack, moved: &Move) -> Result<bool, Problem> {
    let mut input = put(stack, moved)?;
    input["ConditionExpression"] = json!("attribute_not_exists(pk)");
    let written = stack.aws.json("DynamoDB_20120810.PutItem", &input).await;
    match written {
        Ok(_) => Ok(true),
        Err(problem) if problem.to_string().contains("ConditionalCheckFailed") => {
            // A try whose answer was lost is repeated and meets its own record.
            let moves = of(stack, &moved.role).await?;
            Ok(moves.contains(moved))
        }
        Err(problem) => Err(problem),
    }
}

/// Writes what became of a move.
pub async fn complete(stack: &Stack, moved: &Move) -> Result<(), Problem> {
    let input = put(stack, moved)?;
    stack.aws.json("DynamoDB_20120810.PutItem", &input).await?;
    Ok(())
}

fn put(stack: &Stack, moved: &Move) -> Result<Value, Problem> {
    let text = |value: &str| json!({ "S": value });
    Ok(json!({ "TableName": stack.table("outcomes")?, "Item": {
        "pk": text(&key(&moved.role)), "sk": text(&format!("{:015}", moved.at_ms)),
        "outcome": text(moved.state.as_str()), "domain": text(&moved.role),
        "from": text(&moved.from), "to": text(&moved.to), "who": text(&moved.who), "why": text(&moved.why),
        "at": { "N": moved.at_ms.to_string() },
        "expires_at": { "N": (moved.at_ms / 1_000 + KEEP_S).to_string() },
    } }))
}

/// The moves of a function, the oldest first, of the newest [`READ_MAX`].
pub async fn of(stack: &Stack, role: &str) -> Result<Vec<Move>, Problem> {
    let input = json!({
        "TableName": stack.table("outcomes")?, "KeyConditionExpression": "pk = :role",
        "ExpressionAttributeValues": { ":role": { "S": key(role) } },
        "ScanIndexForward": false, "Limit": READ_MAX, "ConsistentRead": true,
    });
    let answer = stack.aws.json("DynamoDB_20120810.Query", &input).await?;
    let items = answer["Items"].as_array().into_iter().flatten();
    let mut moves: Vec<_> = items.filter_map(Move::read).collect();
    moves.reverse();
    Ok(moves)
}

/// The move that brought `live` to where it is; none where a deployment did, or another program.
///
/// Of a version that a deployment made later than the last move, no move is the cause. One that was begun and didn't get there
/// is no cause either.
pub fn behind<'a>(moves: &'a [Move], live: &str) -> Option<&'a Move> {
    let mut newest_first = moves.iter().rev();
    let last = newest_first.find(|one| match one.state {
        State::Done => true,
        State::Begun => one.to == live,
        State::Refused => false,
    })?;
    (last.to == live).then_some(last)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn moved(from: &str, to: &str) -> Move {
        Move {
            role: "payments".to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            who: "me".to_owned(),
            why: "it rejects refunds".to_owned(),
            at_ms: 1_796_040_000_000,
            state: State::Done,
        }
    }

    #[test]
    fn only_the_last_move_explains_where_live_is() {
        let back = moved("13", "12");
        let moves = [back.clone(), moved("12", "13")];
        assert_eq!(behind(&moves[..1], "12"), Some(&back));
        assert_eq!(behind(&moves, "12"), None);
        // A deployment came after it.
        assert_eq!(behind(&moves[..1], "14"), None);
        let refused = Move {
            state: State::Refused,
            ..moved("12", "11")
        };
        assert_eq!(behind(&[back.clone(), refused], "12"), Some(&back));
    }

    #[test]
    fn a_move_that_was_cut_off_before_the_alias_moved_hides_no_other() {
        let begun = Move {
            state: State::Begun,
            ..moved("12", "11")
        };
        let moves = [moved("13", "12"), begun.clone()];
        assert_eq!(behind(&moves, "12"), Some(&moves[0]));
        assert_eq!(behind(&moves, "11"), Some(&begun));
    }

    #[test]
    fn a_move_is_back_by_number_and_not_by_text() {
        assert!(moved("10", "9").is_back());
        assert!(moved("$LATEST", "9").is_back());
        assert!(!moved("9", "10").is_back());
    }

    #[test]
    fn an_item_that_is_no_move_is_left_out() {
        let item = json!({
            "outcome": { "S": "alias_moved" }, "domain": { "S": "payments" }, "from": { "S": "13" }, "to": { "S": "12" },
            "who": { "S": "me" }, "why": { "S": "it rejects refunds" }, "at": { "N": "1796040000000" },
        });
        assert_eq!(Move::read(&item), Some(moved("13", "12")));
        let mut other = item;
        other["outcome"] = json!({ "S": "rejected" });
        assert_eq!(Move::read(&other), None);
    }
}
