//! Which of the states that an object was in is the last.
//!
//! Stripe promises no order of delivery, and `created` has whole seconds. Comparing events two by two doesn't do: by
//! `previous_attributes` it is cyclic, and a third of small histories end wrong in some order of delivery. So the
//! newest candidates are kept as a set, and the rule is one over the set, in this order:
//!
//! 1. a terminal state is later than any that isn't;
//! 2. the greater `created` is later;
//! 3. within one second, the last link of the chain that `previous_attributes` make is the latest;
//! 4. where there is none, or more than one, the head is [`evidence::Head::Undecided`]: the caller fetches the object,
//!    or takes the choice and says that it is one.
//!
//! # Layout
//! - [`candidate`]: what is known of one state, from an event or from a fetch.
//! - [`evidence`]: the newest candidates, merged in any order, and their head.
//! - `chain`: which of them can be the last.
//! - [`digest`]: what is kept of objects, to be compared.
//!
//! [`Evidence`] and [`place`] below are the rule without 3: the one event that the state rests on, and a guess within
//! one second.

pub mod candidate;
mod chain;
pub mod digest;
pub mod evidence;

use serde::{Deserialize, Serialize};

/// What the state of a projection rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The event's state is terminal.
    pub terminal: bool,
    /// The event's `created`, in Unix seconds.
    pub created: i64,
    /// The event's id.
    pub event: String,
    /// Another event of the same second was seen, and the choice between them is a guess.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tie_unresolved: bool,
}

/// How an event stands to what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Later: its state is the state. `tie` where that is a guess.
    Newer {
        /// It shares terminality and second with what is there.
        tie: bool,
    },
    /// Earlier. `tie` where that is a guess.
    Older {
        /// It shares terminality and second with what is there.
        tie: bool,
    },
}

/// Places an event against the evidence there is.
pub fn place(current: Option<&Evidence>, terminal: bool, created: i64, event: &str) -> Place {
    let Some(current) = current else {
        return Place::Newer { tie: false };
    };
    let there = (current.terminal, current.created);
    let here = (terminal, created);
    let tie = there == here && current.event != event;
    if (here, event) > (there, current.event.as_str()) {
        Place::Newer { tie }
    } else {
        Place::Older { tie }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(terminal: bool, created: i64, event: &str) -> Evidence {
        Evidence {
            terminal,
            created,
            event: event.to_owned(),
            tie_unresolved: false,
        }
    }

    #[test]
    fn a_terminal_state_stands_against_a_later_second() {
        let deleted = evidence(true, 10, "evt_1");
        assert_eq!(
            place(Some(&deleted), false, 99, "evt_2"),
            Place::Older { tie: false }
        );
        let active = evidence(false, 99, "evt_2");
        assert_eq!(
            place(Some(&active), true, 10, "evt_1"),
            Place::Newer { tie: false }
        );
    }

    #[test]
    fn the_later_second_wins() {
        let first = evidence(false, 10, "evt_9");
        assert_eq!(
            place(Some(&first), false, 11, "evt_1"),
            Place::Newer { tie: false }
        );
        assert_eq!(
            place(Some(&first), false, 9, "evt_1"),
            Place::Older { tie: false }
        );
        assert_eq!(place(None, false, 9, "evt_1"), Place::Newer { tie: false });
    }

    #[test]
    fn within_a_second_the_choice_is_the_same_in_both_orders_and_said_to_be_a_guess() {
        assert_eq!(
            place(Some(&evidence(false, 10, "evt_1")), false, 10, "evt_2"),
            Place::Newer { tie: true }
        );
        assert_eq!(
            place(Some(&evidence(false, 10, "evt_2")), false, 10, "evt_1"),
            Place::Older { tie: true }
        );
    }
}
