//! The record of which version `live` was pointed at, by whom and why: see [`sluice_adapters::runs::moves`].

use sluice_adapters::runs::moves::AliasMoves;
pub use sluice_adapters::runs::moves::{Move, MoveState as State};

use crate::problem::Problem;
use crate::stack::Stack;

/// Where the moves of aliases are recorded.
///
/// # Errors
/// `NotFound` for a stack without a table of outcomes.
pub fn moves(stack: &Stack) -> Result<AliasMoves, Problem> {
    let table = stack.table("outcomes")?.to_owned();
    Ok(AliasMoves::new(stack.aws.sdk(), table))
}

/// The move that brought `live` to where it is; none if a deployment or another program did.
///
/// If a deployment made the version after the last move, no move is the cause. A move that began and didn't complete is
/// no cause either.
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
}
