//! Dead letters of a domain, or of the rules: lists them by cause, moves them back, or gives them up.
//!
//! A dead letter's cause is what its domain recorded near its last receive (`failing` in the table of outcomes). If the
//! domain recorded nothing, the cause is `unknown`. To look at messages is to receive them, which hides them from
//! others meanwhile (`letters`). What isn't moved or given up is made visible again at the end.
//!
//! A change is a [`Plan`] first: all letters that a filter matches. The plan holds them until it is carried out or
//! [released](Plan::release). Held letters become visible again after five minutes.
//!
//! # Layout
//! - `letters`: a queue of dead letters, as SQS lets it be read.
//! - `redrive`: moving back. `discard`: giving up. `work`: a plan that is carried out, and its record.

mod discard;
pub(crate) mod letters;
mod redrive;
mod work;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice_adapters::dead_letters::{Done, DynamoDeadLetters, Note};

use crate::actor::Reason;
use crate::problem::Problem;
use crate::selection::Selection;
use crate::stack::Stack;
use letters::{explain, receive, release};

pub use discard::{Discarded, Refused};
pub use letters::{LOOK_MAX, Letter, Received, check};
pub use redrive::{REDRIVE_WHY, Redriven};
pub use work::{What, Work};

/// How long the note of what was done with a letter is kept, in days: as long as the ledger's entries by default.
const KEEP_DAYS: u32 = 35;

/// Which dead letters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Of this domain; `rule` or `bus` for those of no domain.
    pub domain: String,
    /// Of this code only; `unknown` if nothing was recorded.
    pub code: Option<String>,
    /// Of this digest of code and cause only.
    pub digest: Option<String>,
    /// Of this event only.
    pub event: Option<String>,
    /// Of this type only.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

impl Filter {
    /// Whether a letter of the domain is wanted.
    fn takes(&self, letter: &Letter) -> bool {
        let is =
            |wanted: &Option<String>, there: &str| wanted.as_deref().is_none_or(|one| one == there);
        is(&self.code, &letter.code)
            && is(&self.digest, &letter.digest)
            && is(&self.event, &letter.subject)
            && is(&self.kind, &letter.kind)
    }
}

/// The wanted dead letters with their causes, made visible again. `progress` gets the number of letters received up to
/// then.
///
/// # Errors
/// `Usage` when there are no such dead letters; `Failed` when AWS can't be asked.
pub async fn list(
    stack: &Stack,
    filter: &Filter,
    progress: &mut dyn FnMut(usize),
) -> Result<Received, Problem> {
    check(stack, &filter.domain)?;
    let mut received = receive(stack, &filter.domain, LOOK_MAX, progress).await?;
    release(stack, &filter.domain, &received.letters).await?;
    explain(stack, &filter.domain, &mut received.letters).await?;
    received.letters.retain(|letter| filter.takes(letter));
    Ok(received)
}

/// Dead letters of one domain, code and digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The domain, or `rule`, or `bus`.
    pub domain: String,
    /// The fault's code; `unknown` if nothing was recorded.
    pub code: String,
    /// Of code and cause.
    pub digest: String,
    /// How many there are.
    pub count: usize,
    /// The cause, for people.
    pub cause: String,
    /// The event of one of them.
    pub example: String,
}

/// Dead letters of a domain by code and digest, in that order.
pub fn causes(domain: &str, letters: &[Letter]) -> Vec<Cause> {
    let mut groups: BTreeMap<(&str, &str), (usize, &Letter)> = BTreeMap::new();
    for letter in letters {
        let key = (letter.code.as_str(), letter.digest.as_str());
        groups.entry(key).or_insert((0, letter)).0 += 1;
    }
    let groups = groups.into_iter();
    let groups = groups.map(|((code, digest), (count, letter))| Cause {
        domain: domain.to_owned(),
        code: code.to_owned(),
        digest: digest.to_owned(),
        count,
        cause: letter.cause.clone(),
        example: letter.subject.clone(),
    });
    groups.collect()
}

/// All dead letters that a filter matches, held until something is done with them. It also has the number of the
/// letters that weren't seen.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// Which letters.
    #[serde(flatten)]
    pub selection: Selection<Filter>,
    /// About how many letters weren't looked at, beyond [`LOOK_MAX`].
    pub left: u64,
    /// About how many letters another command hides now, or hid until a moment ago.
    pub hidden: u64,
    #[serde(skip)]
    letters: Vec<Letter>,
}

/// Plans for all letters that the filter matches, but for at most `max` of them. The others are made visible again at
/// once.
///
/// # Errors
/// As [`list`].
pub async fn plan(
    stack: &Stack,
    filter: Filter,
    max: usize,
    progress: &mut dyn FnMut(usize),
) -> Result<Plan, Problem> {
    check(stack, &filter.domain)?;
    let received = receive(stack, &filter.domain, LOOK_MAX, progress).await?;
    let Received {
        mut letters,
        left,
        hidden,
    } = received;
    if let Err(problem) = explain(stack, &filter.domain, &mut letters).await {
        // They would stay hidden for a while, and nothing is done with them.
        release(stack, &filter.domain, &letters).await?;
        return Err(problem);
    }
    let (letters, others) = parted(letters, &filter, max);
    release(stack, &filter.domain, &others).await?;
    let ids = letters.iter().map(|letter| letter.message_id.as_str());
    Ok(Plan {
        selection: Selection::of(filter, ids),
        left,
        hidden,
        letters,
    })
}

/// The wanted letters, `max` at most, and the others.
fn parted(letters: Vec<Letter>, filter: &Filter, max: usize) -> (Vec<Letter>, Vec<Letter>) {
    let (mut wanted, mut others): (Vec<_>, Vec<_>) =
        letters.into_iter().partition(|letter| filter.takes(letter));
    others.extend(wanted.split_off(wanted.len().min(max)));
    (wanted, others)
}

impl Plan {
    /// Makes the letters visible again: nothing is done with them.
    ///
    /// # Errors
    /// `Failed` when SQS can't be asked.
    pub async fn release(&self, stack: &Stack) -> Result<(), Problem> {
        release(stack, self.domain(), &self.letters).await
    }

    fn domain(&self) -> &str {
        &self.selection.filter.domain
    }
}

impl Work {
    /// Does it. What became of the letters is in the record.
    ///
    /// # Errors
    /// If AWS can't be asked, or if a person has stopped it. What was done before that stays done.
    pub async fn run(self, stack: &Stack) -> Result<(), Problem> {
        match self.what {
            What::Redrive => self.redrive(stack).await.map(drop),
            What::Discard { unchecked } => self.discard(stack, unchecked).await.map(drop),
        }
    }
}

/// The store of the notes that say what was done with letters.
fn notes(stack: &Stack) -> Result<DynamoDeadLetters, Problem> {
    let (ledger, outcomes) = (stack.table("ledger")?, stack.table("outcomes")?);
    let (ledger, outcomes) = (ledger.to_owned(), outcomes.to_owned());
    Ok(DynamoDeadLetters::new(
        stack.aws.sdk(),
        ledger,
        outcomes,
        KEEP_DAYS,
    ))
}

/// The note of what is done with a letter, by whom, and why.
fn note<'a>(
    done: Done,
    domain: &'a str,
    letter: &'a Letter,
    reason: &'a Reason,
    at_ms: i64,
) -> Note<'a> {
    Note {
        done,
        subject: &letter.subject,
        domain,
        code: &letter.code,
        cause: &letter.cause,
        who: &reason.who,
        why: &reason.why,
        at_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(subject: &str, code: &str) -> Letter {
        let mut letter = Letter::for_tests(subject, String::new());
        code.clone_into(&mut letter.code);
        letter.cause = format!("of {subject}");
        letter
    }

    fn subjects(letters: &[Letter]) -> Vec<&str> {
        letters.iter().map(|one| one.subject.as_str()).collect()
    }

    #[test]
    fn letters_are_chosen_by_all_that_is_asked_for_and_no_more_than_the_most() {
        let letters = || {
            vec![
                letter("evt_1", "unknown"),
                letter("evt_2", "stripe.unavailable"),
                letter("evt_3", "unknown"),
            ]
        };
        let unknown = Filter {
            code: Some("unknown".to_owned()),
            ..Filter::default()
        };
        let (wanted, others) = parted(letters(), &unknown, 9);
        assert_eq!(subjects(&wanted), ["evt_1", "evt_3"]);
        assert_eq!(subjects(&others), ["evt_2"]);
        let (wanted, others) = parted(letters(), &unknown, 1);
        assert_eq!(subjects(&wanted), ["evt_1"]);
        assert_eq!(subjects(&others), ["evt_2", "evt_3"]);
        let one = Filter {
            event: Some("evt_2".to_owned()),
            ..unknown
        };
        assert_eq!(parted(letters(), &one, 9).0.len(), 0);
        assert_eq!(parted(letters(), &Filter::default(), 9).0.len(), 3);
    }

    #[test]
    fn letters_are_counted_by_code_and_digest_with_the_first_as_example() {
        let letters = [
            letter("evt_1", "unknown"),
            letter("evt_2", "stripe.unavailable"),
            letter("evt_3", "unknown"),
        ];
        let causes = causes("billing", &letters);
        let said: Vec<_> = causes
            .iter()
            .map(|one| (one.code.as_str(), one.count, one.example.as_str()))
            .collect();
        let expected = [("stripe.unavailable", 1, "evt_2"), ("unknown", 2, "evt_1")];
        assert_eq!(said, expected);
        assert_eq!(causes[1].cause, "of evt_1");
        assert!(causes.iter().all(|one| one.domain == "billing"));
    }
}
